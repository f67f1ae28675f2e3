"""The scripts on the page on several machines, run as printed, killed and continued."""

import re
from pathlib import Path

import pytest

from support.pages import sections
from support.spread import spread
from support.torchrun import finished, kill_one_worker, torchrun, wait_for

PAGE = "how-to/several-machines.md"
DDP, FSDP, ELASTIC = "DistributedDataParallel", "FSDP2 and torch.distributed.checkpoint", "Elastic restart"
SLURM = "SLURM: a deadline and a requeue"

pytestmark = pytest.mark.heavy


def console(heading: str) -> tuple[str, str]:
    """Return the arguments of the first torchrun command of a section, and the output below it."""
    found = re.search(r"^\$ torchrun (.*)\n((?:.*\n)*?)```", sections(PAGE)[heading], re.MULTILINE)
    return found[1], found[2]


def script(heading: str, folder: Path) -> None:
    """Write the script of a section into a folder."""
    text = re.search(r"^```python\n# (\w+\.py)\n(.*?)^```", sections(PAGE)[heading], re.MULTILINE | re.DOTALL)
    (folder / text[1]).write_text(text[2], encoding="utf-8")


@pytest.mark.parametrize("heading", spread([DDP, FSDP], DDP))
def test_a_script_prints_the_output_on_the_page(heading, tmp_path):
    script(heading, tmp_path)
    command, output = console(heading)

    assert finished(torchrun(command, tmp_path)) == output


@pytest.mark.long
def test_a_killed_run_of_ddp_continues_on_one_process(tmp_path):
    script(DDP, tmp_path)
    command, output = console(DDP)
    killed = torchrun(command, tmp_path)
    wait_for(killed, tmp_path, "checkpoint.pt")
    kill_one_worker(killed, "ddp.py")
    killed.wait(timeout=300)

    said = finished(torchrun(command.replace("node 2", "node 1"), tmp_path))

    assert killed.returncode != 0
    assert said == output.replace("2 processes", "1 processes")


@pytest.mark.long
def test_torchrun_restarts_the_processes_after_a_kill(tmp_path):
    script(FSDP, tmp_path)
    command, _ = console(ELASTIC)
    agent = torchrun(command, tmp_path)
    wait_for(agent, tmp_path, "checkpoints/*/.metadata")
    kill_one_worker(agent, "fsdp.py")

    first, second, last = finished(agent).splitlines()

    assert first == "2 processes, from sample 0 on"
    resumed = int(re.fullmatch(r"2 processes, from sample (\d+) on", second)[1])
    assert resumed > 0
    assert resumed % (50 * 16) == 0
    assert last == "lr 0.010 at sample 8000"
