"""Processes that train together until a deadline: rank 0's clock is the clock of all."""

import itertools
import json
import os
import statistics
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

import paramsched as ps
from support.deadline_job import PLAN
from support.ports import free_port
from support.programs import Program
from support.spread import spread

pytestmark = pytest.mark.heavy

TESTS = Path(__file__).parents[2]
TRAININGS = ["one_slow", "one_stalled", "restarted", "without_deadline", "several_optimizers"]


@pytest.fixture(scope="module", params=spread([2, 4, "torchrun"], 2))
def seen(request, tmp_path_factory):
    """Return the results of each rank for each job: of 2 and 4 processes, and of 4 processes under torchrun."""
    folder = tmp_path_factory.mktemp("deadline")
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    if request.param == "torchrun":
        run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4"]
        job = TESTS / "support" / "deadline_job.py"
        command = [*run, str(job), str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        ranks = 4
    else:
        ranks, port = request.param, str(free_port())
        started = [
            Program(["-m", "support.deadline_job", str(folder), str(rank), str(ranks), port], env=environment)
            for rank in range(ranks)
        ]
        said = [one.communicate(timeout=300)[1] for one in started]
        assert [one.returncode for one in started] == [0] * ranks, said
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(ranks)]


@pytest.mark.parametrize("job", TRAININGS)
@pytest.mark.parametrize("what", ["amounts", "lr", "weight_decay", "t", "history", "deadline"])
def test_all_ranks_use_equal_values_bit_for_bit(seen, job, what):
    first, *other = [one[job][what] for one in seen]

    assert first
    assert all(one == first for one in other)


@pytest.mark.parametrize("job", TRAININGS)
def test_amounts_never_go_back_and_no_falling_schedule_rises(seen, job):
    found = seen[0][job]

    # A start from the optimizer's checkpoint alone does not know the horizon of the past. It adds the time left to the
    # saved amount, which may be ahead of the clock by the updates announced, so this horizon may be a little longer.
    planned_again = {after[0] for before, after in itertools.pairwise(found["history"]) if before[2] is None}
    assert all(before <= after for before, after in itertools.pairwise(found["amounts"]))
    for field, first in (("weight_decay", 0), ("lr", found["lr"].index(max(found["lr"])))):
        steps = list(itertools.pairwise(found[field][first:]))
        risen = {t for t, (before, after) in enumerate(steps, first + 1) if before < after}
        assert risen <= planned_again, field
        assert all(found[field][t] <= 1.05 * found[field][t - 1] for t in risen), field  # of a horizon of 4 s


@pytest.mark.parametrize("job", ["one_slow", "one_stalled", "several_optimizers"])
def test_the_last_update_ends_before_the_deadline_if_the_last_ones_were_not_slow(seen, job):
    for found in [one[job] for one in seen]:
        deadline = datetime.fromisoformat(found["deadline"]).timestamp()
        usual, last = statistics.median(found["durations"][-13:-4]), found["durations"][-4:]
        # No update can be known to be slower than usual before it ends; each of the last ones may be, by any amount.
        excess = sum(max(0.0, duration - usual) for duration in last)

        assert (
            found["ended"] <= deadline + excess + 0.01  # rank 0 reads its clock a little later
        )  # seconds between the last update and the reading of the time
        assert deadline - found["ended"] < 1 + 6 * max(found["durations"][-12:])  # the horizon is in whole seconds


@pytest.mark.parametrize("job", ["one_slow", "one_stalled", "restarted"])
def test_the_past_is_replayed_bit_for_bit(seen, job):
    found = seen[0][job]
    bounds = [entry[0] for entry in found["history"]] + [found["t"]]
    for (begin, end), (_, _, text, *_) in zip(itertools.pairwise(bounds), found["history"], strict=True):
        if text is not None:  # an optimizer's checkpoint does not contain the plans of its past
            amounts = found["amounts"][begin:end]
            trace = ps.trace(ps.Plan.of_text(text), {"lr": 0.1, "weight_decay": 0.01}, amounts=amounts)
            assert {field: trace[field].tolist() for field in ("lr", "weight_decay")} == {
                field: found[field][begin:end] for field in ("lr", "weight_decay")
            }


def test_the_horizon_is_fixed_after_the_untimed_updates(seen):
    for job, begin in (("one_slow", 4), ("one_stalled", 6)):
        entries = seen[0][job]["history"]
        (unit, horizon), *_ = ps.Plan.of_text(entries[0][2]).horizon.terms

        assert [entry[0] for entry in entries] == [0, begin]
        assert unit == "seconds"
        assert 1 < horizon <= 1.6
        assert horizon * 1000 % 1 == 0
        assert ps.Plan(*ps.Plan.of_text(entries[-1][2]).bindings, clock="seconds") == PLAN


def test_the_amount_follows_the_real_time(seen):
    for job in ("one_slow", "one_stalled", "without_deadline"):
        found = seen[0][job]
        untimed = {"one_slow": 1, "one_stalled": 3}.get(job, 0)
        ends = list(itertools.accumulate(found["durations"][untimed:], initial=0.0))
        for k, amount in enumerate(found["amounts"][untimed:]):
            # Messages of up to 10 updates are announced 2 updates ahead, and are paced by the last 9 messages.
            # The clock starts within the last untimed update, whose end may be late too.
            recent = ends[k] - ends[max(0, k - 30)] + (sum(found["durations"][:untimed][-1:]) if k < 30 else 0.0)
            # The clock of the run starts during the construction, which the first of the two updates ahead counts too.
            # Two updates ahead are expected to last as long as the slowest of them, such as one that waited for a rank.
            slowest = max(found["durations"][untimed:][max(0, k - 30) : k], default=0.0)
            unknown = recent + 2 * slowest + 3 * found["constructing"] + 0.05
            assert amount == pytest.approx(ends[k], rel=0, abs=unknown), (job, k)


def test_ranks_that_agree_log_no_warning(seen):
    assert [one["warnings"] for one in seen] == [[]] * len(seen)


def test_what_rank_0_refuses_every_rank_refuses(seen):
    first, *other = [one["refused"]["errors"] for one in seen]

    assert ["the deadline is over" in error for error in first] == [True, True]
    assert all(one == first for one in other)


def test_a_rank_that_resumes_elsewhere_than_rank_0_raises(seen):
    assert [one["other_position"]["error"] is None for one in seen] == [rank % 2 == 0 for rank in range(len(seen))]
    assert "a Scheduler with the same plan at the same update" in seen[1]["other_position"]["error"]


def test_a_process_group_that_appears_later_is_refused_before_the_next_update(seen):
    for one in seen:
        assert "Use dist.init_process_group(…) before ps.Scheduler(…)" in one["group_appears_later"]["error"]
        assert one["group_appears_later"]["t"] == 0


def test_if_rank_0_ends_the_other_ranks_raise_an_error_that_names_it(seen):
    assert "rank_0_ended" not in seen[0]
    for rank, one in enumerate(seen[1:], 1):
        assert f"rank {rank} waits for message" in one["rank_0_ended"]["error"]
        assert "Rank 0 has ended" in one["rank_0_ended"]["error"]
