"""All processes of a job end after the same update; a job that is cut and submitted again is one run.

The processes of `cut` have FSDP2 and torch's distributed checkpoint.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import paramsched as ps
from core.run import jobs
from core.run.job_scheduler import GRACE, handles_sigterm
from support.ports import free_port
from support.spread import spread
from support.updates import probe

pytestmark = pytest.mark.heavy
MODULE = "test_job_end_of_processes"


UPDATES = 60
PLANS = {
    "updates": ps.Plan(lr="warmup(10) >> cosine()", weight_decay="linear(1, 0.5)", horizon=UPDATES),
    "tokens": ps.Plan(lr='warmup("900 tokens") >> linear()', clock="tokens", horizon=f"{UPDATES * 100} tokens"),
    "seconds": ps.Plan(lr='warmup("10 s") >> linear(1, 0.2)', clock="seconds", horizon=f"{UPDATES} s"),
}


def consumption(clock: str, t: int) -> float:
    """Return what update `t` consumes: tokens that vary, or seconds that all jobs report equally."""
    return 60 + 20 * (t % 5) if clock == "tokens" else 0.5 + t % 3 / 2


def trained(rank: int, folder: Path, clock: str, pace: float) -> ps.Scheduler:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4))
    fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    scheduler = ps.Scheduler(optimizer, PLANS[clock], stop_on="SIGTERM", stop_before=os.environ.get("CUT_BEFORE"))
    saved = sorted(folder.glob("checkpoint-*"))
    if saved:
        weights, states = get_state_dict(model, optimizer)
        state: dict[str, Any] = {"model": weights, "optimizer": states, "scheduler": scheduler.state_dict()}
        dcp.load(state, checkpoint_id=saved[-1])
        set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
    begin, used, inputs = scheduler.t, [], torch.Generator()
    while not scheduler.should_stop:
        inputs.manual_seed(2 * scheduler.t + rank)
        model(torch.randn(3, 4, generator=inputs)).square().mean().backward()
        if clock != "updates":
            scheduler.consumed(**{clock: consumption(clock, scheduler.t)})
        used.append(optimizer.param_groups[0]["lr"])
        time.sleep(pace)
        optimizer.step()
        optimizer.zero_grad()
    weights, states = get_state_dict(model, optimizer)
    target = folder / f"checkpoint-{scheduler.t:04}"
    dcp.save({"model": weights, "optimizer": states, "scheduler": scheduler.state_dict()}, checkpoint_id=target)
    found = {"begin": begin, "t": scheduler.t, "reason": scheduler.stop_reason, "used": used}
    (folder / f"job-{begin:04}-{rank}.json").write_text(json.dumps(found))
    if scheduler.stop_reason == "plan":
        torch.save([one.full_tensor() for one in model.parameters()], folder / f"weights-{rank}.pt")
    return scheduler


def cut(rank: int, port: str, folder: Path, clock: str, pace: float) -> int:
    """Run a job until the plan or the job ends; return 0 at the end of the plan, else 75."""
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    scheduler = trained(rank, folder, clock, pace)  # it handles the signal until the process ends
    dist.barrier()
    dist.destroy_process_group()
    return 0 if scheduler.stop_reason == "plan" else 75


def end(rank: int, size: int, port: str, pace: float, waits: str, moment: str, file: Path) -> int:
    """Run until the job ends; if not "together", the ranks have a pace of their own. Rank 0 has the moment."""
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)
    plan = ps.Plan(lr="cosine()", horizon=10_000_000)
    stop_before = (moment if rank == 0 else "in 1 h") if moment else None  # rank 0 decides
    scheduler = ps.Scheduler(probe(), plan, stop_on="SIGTERM", stop_before=stop_before)
    ends, number, began = [], torch.ones(1), time.time()
    dist.barrier()
    Path(f"{file}.pid").write_text(str(os.getpid()))
    while not scheduler.should_stop and time.time() < began + 120:
        if waits == "together":
            dist.all_reduce(number)
        time.sleep(pace * (1 + rank * (waits != "together")))
        scheduler.optimizer.step()
        ends.append(time.time())
    file.write_text(json.dumps({"t": scheduler.t, "reason": scheduler.stop_reason, "ends": ends}))
    dist.barrier()
    return 0


# ---------------------------------------------------------------------- one end


def ended(folder, size, pace, waits="together", moment="", disturb=lambda pids: None):
    """Return the results of all ranks; `disturb` gets their process ids when they train."""
    port, files = free_port(), [folder / str(rank) for rank in range(size)]
    started = [jobs.start(MODULE, "end", rank, size, port, pace, waits, moment, files[rank]) for rank in range(size)]
    while not all(Path(f"{file}.pid").exists() and Path(f"{file}.pid").read_text() for file in files):
        time.sleep(0.01)
        assert not any(one.poll() for one in started), [one.communicate() for one in started]
    disturb([int(Path(f"{file}.pid").read_text()) for file in files])
    said = [one.communicate(timeout=300)[1] for one in started]
    assert [one.returncode for one in started] == [0] * size, said
    return [json.loads(file.read_text()) for file in files]


@pytest.mark.parametrize(
    ("size", "pace", "waits"),
    spread(
        [(2, 0.15, "together"), (4, 0.002, "together"), (3, 0.03, "apart")], (2, 0.15, "together"), (3, 0.03, "apart")
    ),
)
def test_a_signal_on_one_rank_ends_all_ranks_after_the_same_update(tmp_path, size, pace, waits):
    sent = []

    def disturb(pids):
        time.sleep(0.3)
        sent.append(time.time())
        os.kill(pids[-1], signal.SIGTERM)

    found = ended(tmp_path, size, pace, waits, disturb=disturb)

    assert {one["reason"] for one in found} == {"SIGTERM"}
    assert len({one["t"] for one in found}) == 1
    if waits == "together":
        begun = [end for end in found[-1]["ends"] if end > sent[0]]  # the ends of the update in progress and later ones
        assert len(begun) <= 2 if pace > 0.1 else begun[-1] < sent[0] + 1


def test_a_rank_that_is_stopped_for_a_while_ends_with_the_others(tmp_path):
    def disturb(pids):
        time.sleep(0.2)
        os.kill(pids[0], signal.SIGSTOP)
        os.kill(pids[1], signal.SIGTERM)
        time.sleep(0.5)
        os.kill(pids[0], signal.SIGCONT)

    found = ended(tmp_path, 3, 0.02, "apart", disturb=disturb)

    assert {one["reason"] for one in found} == {"SIGTERM"}
    assert len({one["t"] for one in found}) == 1


@pytest.mark.long
def test_a_rank_that_stays_stopped_delays_the_others_by_less_than_a_minute(tmp_path):
    delays = []

    def disturb(pids):
        time.sleep(1)
        os.kill(pids[2], signal.SIGSTOP)
        os.kill(pids[1], signal.SIGTERM)
        sent = time.monotonic()
        while not all((tmp_path / rank).exists() for rank in "01") and time.monotonic() < sent + 90:
            time.sleep(0.05)
        delays.append(time.monotonic() - sent)
        os.kill(pids[2], signal.SIGCONT)

    found = ended(tmp_path, 3, 0.02, "apart", disturb=disturb)

    assert delays[0] < 60
    assert {one["reason"] for one in found} == {"SIGTERM"}
    assert len({one["t"] for one in found}) == 1


@pytest.mark.parametrize(("moment", "updates"), spread([("in 0.5 s", None), ("in 0 s", 1)], ("in 0.5 s", None)))
def test_the_moment_of_rank_0_ends_all_ranks(tmp_path, moment, updates):
    found = ended(tmp_path, 2, 0.01, moment=moment)

    assert {one["reason"] for one in found} == {"stop_before"}
    assert len({one["t"] for one in found}) == 1
    assert updates is None or found[0]["t"] == updates


def test_a_signal_before_the_moment_ends_all_ranks(tmp_path):
    found = ended(tmp_path, 2, 0.01, moment="in 3 s", disturb=lambda pids: os.kill(pids[1], signal.SIGTERM))

    assert {one["reason"] for one in found} == {"SIGTERM"}
    assert len({one["t"] for one in found}) == 1


# ---------------------------------------------------------------------- jobs that are continued


def job(folder, clock, pace="0.01", *, length=None, moment=None):
    """Run one job of two processes: at most `length` seconds until a signal to one of them, and SIGKILL after GRACE."""
    port, variables = free_port(), {} if moment is None else {"CUT_BEFORE": moment}
    processes = [jobs.start(MODULE, "cut", rank, port, folder, clock, pace, **variables) for rank in range(2)]
    if length is not None:
        while not all(one.poll() is not None or handles_sigterm(one.pid) for one in processes):
            time.sleep(0.005)
        time.sleep(length)
        if processes[1].poll() is None:
            processes[1].send_signal(signal.SIGTERM)
    for one in processes:
        try:
            one.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            one.kill()
    # Python gives up its handlers when it exits, so a signal after the end of the run ends the exit.
    ended = processes[0].returncode == 0 and processes[1].returncode == -signal.SIGTERM
    codes = {0} if ended else {one.returncode for one in processes}
    assert codes in ({0}, {75}), [one.communicate() for one in processes]
    return codes.pop()


def results(folder):
    """Return what the jobs of each rank found, in the order of their updates."""
    return [[json.loads(one.read_text()) for one in sorted(folder.glob(f"job-*-{rank}.json"))] for rank in range(2)]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.long  # `make test` cuts the jobs of a script of one process (tests/whole/test_cut_jobs_page.py)
@pytest.mark.parametrize("clock", ["updates", "tokens", "seconds"])
@pytest.mark.parametrize("cut", ["signal", "moment"])
def test_jobs_that_are_cut_and_continued_end_with_the_weights_of_one_run(tmp_path, clock, cut):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    assert job(whole, clock, "0") == 0  # a run that is not cut need not last
    draw, codes = random.Random(f"{clock} {cut}"), []
    while not codes or codes[-1]:
        length = draw.uniform(0.05, 0.4)
        assert len(codes) < 30, codes
        options = {"length": length} if cut == "signal" else {"moment": f"in {0.2 + length:.3f} s"}
        codes.append(job(parts, clock, **({} if len(codes) > 2 else options)))

    assert codes.count(75) >= 1
    expected, (mine, other) = results(whole)[0][0], results(parts)
    assert mine == other
    assert [one["reason"] for one in mine] == [
        *["SIGTERM" if cut == "signal" else "stop_before"] * (len(mine) - 1),
        "plan",
    ]
    assert [value for one in mine for value in one["used"]] == expected["used"]
    for rank in range(2):
        weights = [torch.load(folder / f"weights-{rank}.pt") for folder in (whole, parts)]
        assert all(torch.equal(one, two) for one, two in zip(*weights, strict=True))


if __name__ == "__main__":
    kind, first, second, *others = sys.argv[1:]
    if kind == "cut":
        folder, clock, pace = others
        sys.exit(cut(int(first), second, Path(folder), clock, float(pace)))
    port, pace, waits, moment, file = others
    sys.exit(end(int(first), int(second), port, float(pace), waits, moment, Path(file)))
