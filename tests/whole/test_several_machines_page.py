"""The scripts of the page on several machines, run, killed and continued."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from support.example_runs import ROOT, environment
from support.pages import sections
from support.ports import free_port
from support.torchrun import finished, kill_one_worker, torchrun, wait_for

PAGE = "how-to/several-machines.md"
DDP = "DistributedDataParallel"
FSDP = "FSDP2 and torch.distributed.checkpoint"
ELASTIC = "Elastic restart"
SLURM = "SLURM: a budget and a requeue"

pytestmark = pytest.mark.heavy


def console(heading: str) -> tuple[str, str]:
    """Return the arguments of the first torchrun command of a section, and the output below it."""
    match = re.search(r"^(?:\$ |    )torchrun ((?:.*\\\n)*.*)\n((?:.*\n)*?)```", sections(PAGE)[heading], re.MULTILINE)
    return match[1].replace("\\\n", ""), match[2]


def exported(heading: str) -> dict[str, str]:
    """Return the environment variables that a section sets."""
    return dict(re.findall(r"^\$ env (\w+)=(\w+) ", sections(PAGE)[heading], re.MULTILINE))


def script(heading: str, folder: Path) -> None:
    """Copy the scripts that a section links into a folder."""
    (folder / "examples").symlink_to(ROOT / "examples")  # for the commands, which are written for the repository
    for name in re.findall(r"\]\(\.\./\.\./(examples/\w+/\w+\.(?:py|sh))\)", sections(PAGE)[heading]):
        shutil.copy(ROOT / name, folder)


@pytest.mark.long
@pytest.mark.parametrize("heading", [DDP, FSDP])
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
    kill_one_worker(killed)
    killed.wait(timeout=300)

    said = finished(torchrun(command.replace("node 2", "node 1"), tmp_path))

    assert killed.returncode != 0
    assert said == output.replace("2 processes", "1 processes")


@pytest.mark.long
def test_torchrun_restarts_the_processes_after_a_kill(tmp_path):
    script(FSDP, tmp_path)
    command, _ = console(ELASTIC)
    agent = torchrun(command, tmp_path, **exported(ELASTIC))
    wait_for(agent, tmp_path, "checkpoints/*/.metadata")
    kill_one_worker(agent)

    first, second, last = finished(agent).splitlines()

    assert first == "2 processes, from sample 0 on"
    resumed = int(re.fullmatch(r"2 processes, from sample (\d+) on", second)[1])
    assert resumed > 0
    assert resumed % (50 * 16) == 0
    assert last == "lr 0.010 at sample 8000"


@pytest.mark.long
def test_a_run_on_two_machines_continues_on_one_after_the_other_fails(tmp_path):
    """Two agents of torchrun on this machine; the first one holds the store."""
    script(FSDP, tmp_path)
    command = re.search(r"^    torchrun (--nnodes(?:.*\\\n)*.*)$", sections(PAGE)[ELASTIC], re.MULTILINE)[1]
    port = free_port()
    for printed, used in {"node 4": "node 1", "host-1:29500": f"localhost:{port}", "\\\n": ""}.items():
        assert printed in command
        command = command.replace(printed, used)
    first = torchrun(command, tmp_path, **exported(ELASTIC))
    while socket.socket().connect_ex(("localhost", port)):
        assert first.poll() is None
        time.sleep(0.1)
    second = torchrun(command, tmp_path, **exported(ELASTIC))
    wait_for(first, tmp_path, "checkpoints/*/.metadata")
    failed = psutil.Process(second.pid)
    for process in [failed, *failed.children(recursive=True)]:
        process.kill()

    begin, *again, last = finished(first).splitlines()

    assert begin == "2 processes, from sample 0 on"
    assert re.fullmatch(r"1 processes, from sample [1-9]\d*00 on", again[-1])
    assert last == "lr 0.010 at sample 8000"


@pytest.mark.long
def test_a_job_of_slurm_is_requeued_until_its_budget_is_used(tmp_path):
    """Commands of SLURM are replaced by scripts; the job and the training are those of the page."""
    script(SLURM, tmp_path)
    job = (tmp_path / "slurm.sh").read_text()
    assert job.count("43200") == 1
    (tmp_path / "slurm.sh").write_text(job.replace("43200", "20"))
    commands = {
        "srun": 'exec "$@"',
        "scontrol": 'echo "$@" >> scontrol.txt; if [ "$1" = show ]; then echo localhost; fi',
        "torchrun": f'exec {sys.executable} -m torch.distributed.run "$@"',
    }
    for name, body in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    facts = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "localhost", "SLURM_NNODES": "1"}
    facts |= {"SLURM_GPUS_ON_NODE": "2", "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}

    def start(seconds: float) -> subprocess.Popen:
        end = {"SLURM_JOB_END_TIME": str(int(time.time() + seconds))}
        return subprocess.Popen(
            ["bash", "slurm.sh"], cwd=tmp_path, env=environment() | facts | end, stdout=subprocess.PIPE, text=True
        )

    preempted = start(4 * 3600)
    while not (tmp_path / "checkpoint.pt").exists():
        assert preempted.poll() is None
        time.sleep(0.01)
    training = psutil.Process(preempted.pid).children(recursive=True)
    preempted.send_signal(signal.SIGUSR1)
    assert preempted.wait(timeout=60) == 0
    for process in training:  # as SLURM does when it requeues a job
        process.kill()
    ended = start(300 + 15)
    first_part, _ = ended.communicate(timeout=300)
    last = start(4 * 3600)
    said, _ = last.communicate(timeout=300)

    calls = (tmp_path / "scontrol.txt").read_text().splitlines()
    assert [call for call in calls if call.startswith("requeue")] == [f"requeue {os.getpid()}"] * 2
    assert ended.returncode == last.returncode == 0
    assert float(re.fullmatch(r"lr 0\.\d+ after (.+) s\n", first_part)[1]) < 20
    assert said == "lr 0.000 after 20.0 s\n"


@pytest.mark.long
def test_ray_continues_after_the_kill_of_a_worker(tmp_path):
    pytest.importorskip("ray")
    shutil.copy(ROOT / "examples" / "with_ray" / "ray_train.py", tmp_path)
    driver = subprocess.Popen(
        [sys.executable, "ray_train.py"], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    )
    while len(list(tmp_path.glob("ray/*/checkpoint_*"))) < 3:  # the last one may be incomplete
        assert driver.poll() is None
        time.sleep(0.01)
    started = psutil.Process(driver.pid).children(recursive=True)
    workers = [process for process in started if any("RayTrainWorker" in argument for argument in process.cmdline())]
    workers[-1].kill()
    said, _ = driver.communicate(timeout=600)

    begun = re.findall(r"worker \d of 2, from sample (\d+) on", said)
    assert driver.returncode == 0
    assert [sample for sample in begun if int(sample) > 0 and int(sample) % (50 * 16) == 0]
    assert "'consumed_samples': 7984.0" in said
