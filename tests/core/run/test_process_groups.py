"""Two trainings in one world of four processes, each with a process group of its own."""

import json
import logging
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

import paramsched as ps
from core.run import jobs
from support.ports import free_port
from support.updates import probe, used

# ---------------------------------------------------------------------- in each process

PAIRS = ([0, 2], [1, 3])
PLANS = ("linear(1, 0)", "warmup(6) >> cosine(to=0.1)")


def trained(group: Any, plan: Any, updates: int, **options: Any) -> dict[str, Any]:
    """Train with a Scheduler of a group; the processes of the group update together."""
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, plan, process_group=group, **options)
    for _ in range(updates):
        if scheduler.should_stop:
            break
        dist.barrier(group)
        if scheduler.plan.clock == "tokens":
            scheduler.consumed(tokens=10 * (1 + PAIRS.index(dist.get_process_group_ranks(group))))
        if scheduler.plan.clock == "progress":
            scheduler.report(progress=scheduler.t / updates)
        time.sleep(0.004)
        optimizer.step()
    return {"t": scheduler.t, "amount": scheduler.amount, "used": used(optimizer)}


def of_group(group: Any, other_group: Any, place: int, rank: int, folder: Path) -> dict[str, Any]:
    """Train on each clock that the processes agree about; the two groups have different plans, or only one has it."""
    seen: dict[str, Any] = {}
    seen["updates"] = trained(group, ps.Plan(lr=PLANS[place], horizon=60), 60)
    for clock in ("tokens", "progress"):
        horizon = "1000 tokens" if clock == "tokens" else None
        seen[clock] = trained(group, ps.Plan(lr="linear(1, 0)", clock=clock, horizon=horizon), 40)
    if place == 1:  # the other group has no Scheduler on this clock
        seen["alone"] = trained(group, ps.Plan(lr="linear(1, 0)", horizon=40), 20, stop_before="in 1 h")
    errors = []
    for wrong in (other_group, "group", dist.group.WORLD):
        try:
            ps.Scheduler(probe(), ps.Plan(lr="constant(0.1)"), process_group=wrong)
        except ps.errors.InvalidArgument as error:
            errors.append(str(error))
    seen["errors"] = errors
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear(1, 0)", horizon=10), process_group=group)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 7.0
    optimizer.step()
    scheduler.detach()
    return seen


def main() -> None:
    address, rank, result = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=4, timeout=timedelta(seconds=60))
    groups = [dist.new_group(pair) for pair in PAIRS]
    place = rank % 2
    messages: list[tuple[str, str]] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append((record.levelname, record.getMessage()))  # type: ignore[method-assign]
    logging.getLogger("paramsched").addHandler(handler)
    logging.getLogger("paramsched").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").addHandler(handler)
    seen = of_group(groups[place], groups[1 - place], place, rank, result.parent)
    result.write_text(json.dumps(seen | {"messages": messages}))
    dist.barrier()
    dist.destroy_process_group()


# ---------------------------------------------------------------------- the test

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Return the results of the four processes."""
    folder, address = tmp_path_factory.mktemp("groups"), f"tcp://127.0.0.1:{free_port()}"
    jobs.run("test_process_groups", [(address, rank, folder / f"{rank}.json") for rank in range(4)])
    return jobs.results(folder, 4)


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


if __name__ == "__main__":
    main()
