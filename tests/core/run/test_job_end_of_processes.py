"""All processes of a job end after the same update, at the moment of rank 0 or at a signal that one of them gets."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from support.ports import free_port
from support.programs import Program
from support.spread import spread

pytestmark = pytest.mark.heavy

TESTS = Path(__file__).parents[2]


def trained(folder, size, pace, waits="together", moment="", disturb=lambda pids: None):
    """Return the results of all ranks; `disturb` gets their process ids when they train."""
    port, files = free_port(), [folder / str(rank) for rank in range(size)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    started = [
        Program(
            ["-m", "core.run.job_end_job", *map(str, (rank, size, port, pace, waits, moment, files[rank]))],
            env=environment,
        )
        for rank in range(size)
    ]
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

    found = trained(tmp_path, size, pace, waits, disturb=disturb)

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

    found = trained(tmp_path, 3, 0.02, "apart", disturb=disturb)

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

    found = trained(tmp_path, 3, 0.02, "apart", disturb=disturb)

    assert delays[0] < 60
    assert {one["reason"] for one in found} == {"SIGTERM"}
    assert len({one["t"] for one in found}) == 1


@pytest.mark.parametrize(("moment", "updates"), spread([("in 0.5 s", None), ("in 0 s", 1)], ("in 0.5 s", None)))
def test_the_moment_of_rank_0_ends_all_ranks(tmp_path, moment, updates):
    found = trained(tmp_path, 2, 0.01, moment=moment)

    assert {one["reason"] for one in found} == {"stop_before"}
    assert len({one["t"] for one in found}) == 1
    assert updates is None or found[0]["t"] == updates


def test_a_signal_before_the_moment_ends_all_ranks(tmp_path):
    found = trained(tmp_path, 2, 0.01, moment="in 3 s", disturb=lambda pids: os.kill(pids[1], signal.SIGTERM))

    assert {one["reason"] for one in found} == {"SIGTERM"}
    assert len({one["t"] for one in found}) == 1
