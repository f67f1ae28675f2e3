"""Two trainings in one world of four processes, each with a process group of its own."""

import json
import os
from pathlib import Path

import pytest

import paramsched as ps
from support.ports import free_port
from support.programs import Program
from support.updates import probe

pytestmark = pytest.mark.heavy

TESTS = Path(__file__).parents[2]
PAIRS = ((0, 2), (1, 3))


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Return the results of the four processes."""
    folder, address = tmp_path_factory.mktemp("groups"), f"tcp://127.0.0.1:{free_port()}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    started = [
        Program(["-m", "core.run.group_jobs", address, str(rank), str(folder / f"{rank}.json")], env=environment)
        for rank in range(4)
    ]
    said = [one.communicate(timeout=300)[1] for one in started]
    assert [one.returncode for one in started] == [0] * 4, said
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(4)]


@pytest.mark.parametrize("job", ["updates", "tokens", "progress"])
def test_the_ranks_of_a_group_use_the_same_values_and_the_groups_their_own(seen, job):
    for first, second in PAIRS:
        assert seen[first][job] == seen[second][job]
    assert seen[0][job]["used"] != seen[1][job]["used"] or job == "progress"
    assert all(one[job]["t"] > 5 for one in seen)


def test_a_group_may_have_a_scheduler_that_the_other_lacks(seen):
    assert seen[1]["alone"] == seen[3]["alone"]
    assert seen[1]["alone"]["t"] == 20


def test_what_every_rank_of_a_group_detects_is_a_warning_on_its_first_rank(seen):
    warnings = [[text for level, text in one["messages"] if level == "WARNING"] for one in seen]
    infos = [[text for level, text in one["messages"] if level == "INFO"] for one in seen]

    assert [["was 7.0 at update 1" in "".join(one)] for one in warnings] == [[True], [True], [False], [False]]
    assert warnings[2:] == [[], []]
    assert all("was 7.0 at update 1" in "".join(one) for one in infos[2:])


def test_a_group_without_this_process_and_other_types_are_refused(seen):
    for rank, one in enumerate(seen):
        assert len(one["errors"]) == 2  # the world is a group, too
        assert f"rank {rank} is not in the process group" in one["errors"][0]
        assert "expected a process group of torch, got str" in one["errors"][1]


@pytest.mark.parametrize("wrong", ["group", 1, [0, 1]])
def test_without_a_world_another_type_is_refused_and_the_optimizer_is_unchanged(wrong):
    optimizer = probe()
    before = optimizer.state_dict()
    with pytest.raises(ps.errors.InvalidArgument, match="expected a process group of torch"):
        ps.Scheduler(optimizer, ps.Plan(lr="linear()", horizon=5), process_group=wrong)

    assert optimizer.state_dict() == before
