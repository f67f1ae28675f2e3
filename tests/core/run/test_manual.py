"""A run by hand: values, scalars, seek and detach."""

import json
import random
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.groups.fields import flat_groups
from paramsched.core.run import history as histories
from paramsched.core.run.history import History, HistoryPlan, read_history
from paramsched.errors import InvalidArgument
from support.tables import table
from support.updates import group, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), weight_decay=ps.linear(1.0, 0.5), total=20)


def test_an_external_write_is_warned_of_once_at_the_line_of_the_user():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")

    def write_and_step():
        for _ in range(3):
            optimizer.param_groups[0]["lr"] = 0.7
            scheduler.step()

    with pytest.warns(UserWarning, match="lr of group 0 was 0.7") as reported:
        write_and_step()

    assert [report.filename for report in reported] == [__file__]


class TwoProcesses:
    """The state of Accelerate in a run of two processes."""

    num_processes = 2


def test_a_manual_scheduler_that_accelerate_would_step_once_per_process_is_rejected(monkeypatch):
    accelerate_scheduler = pytest.importorskip("accelerate.scheduler")
    scheduler = ps.Scheduler(probe(), PLAN, drive="manual")
    monkeypatch.setattr(accelerate_scheduler, "AcceleratorState", TwoProcesses)
    prepared = accelerate_scheduler.AcceleratedScheduler(scheduler, [], split_batches=False)

    with pytest.raises(InvalidArgument, match=r"2 times per update.*Do not pass it to prepare"):
        prepared.step()

    assert scheduler.t == 0


def test_a_metric_that_accelerate_would_pass_once_per_process_is_rejected(monkeypatch):
    accelerate_scheduler = pytest.importorskip("accelerate.scheduler")
    scheduler = ps.Scheduler(probe(), ps.Plan(lr="constant() * plateau('loss')"))
    monkeypatch.setattr(accelerate_scheduler, "AcceleratorState", TwoProcesses)
    prepared = accelerate_scheduler.AcceleratedScheduler(scheduler, [], split_batches=False)

    with pytest.raises(InvalidArgument, match=r"2 times per update.*Do not pass it to prepare"):
        prepared.step(1.0)

    assert [state.best for state in scheduler.states.values()] == [None]


# Characters that TensorBoard does not change and MLflow accepts.
FOR_EVERY_LOGGER = re.compile(r"[\w.-]+(/[\w.-]+)?")


@pytest.mark.parametrize(
    "schedule", ["cosine()", "multistep([7], 0.1)", "linear(1, absolute(0.3))", "restarts(cosine(), 4)"]
)
@table("updates", [1, 6, 7, 8, 30])
@pytest.mark.filterwarnings("ignore:the plan is over after 20 updates")
@pytest.mark.filterwarnings("ignore:the learning rate of group .body. rises")
def test_last_scalars_belong_to_the_last_update_and_next_scalars_to_the_next(schedule, updates):
    optimizer = probe({"name": "body"}, {"name": "head", "lr": 1.0})
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=schedule, total=20), steps_per_epoch=5)
    run(optimizer, updates)

    last = scheduler.scalars()
    coming = scheduler.scalars("coming")

    assert list(last.values()) == [used(optimizer, index=index)[-1] for index in (0, 1)]
    assert list(coming.values()) == [group["lr"] for group in optimizer.param_groups]


@given(st.lists(st.text(max_size=3), min_size=1, max_size=5))
def test_every_logger_accepts_the_names_and_they_are_unique(names):
    actual = [f"lr{ending}" for ending in flat_groups([{"name": name} for name in names])]

    assert len(set(actual)) == len(names)
    assert all(FOR_EVERY_LOGGER.fullmatch(name) for name in actual)


# ---------------------------------------------------------------------- a plan as it is written


PLAN_OF_SEEK_DETACH = ps.Plan(
    ps.Binding("betas[1]", ps.linear(1.0, 0.9)), lr=ps.warmup(5) >> ps.cosine(to=0.1), total=40
)


def test_detaching_gives_each_group_a_tensor_with_its_own_storage():
    optimizer = probe({}, {}, lr=torch.tensor(0.5))
    scheduler = ps.Scheduler(optimizer, PLAN_OF_SEEK_DETACH)
    run(optimizer, 7)
    values = [group["lr"].item() for group in optimizer.param_groups]

    scheduler.detach()

    tensors = [group["lr"] for group in optimizer.param_groups]
    assert [tensor.item() for tensor in tensors] == values
    assert [tensor.untyped_storage().nbytes() for tensor in tensors] == [4, 4]
    tensors[0].fill_(0.7)
    assert tensors[1].item() == values[1]


def test_detaching_after_groups_were_removed_or_reordered():
    optimizer = probe({"lr": torch.tensor(0.1)}, {"lr": torch.tensor(0.2)}, {"lr": torch.tensor(0.3)})
    scheduler = ps.Scheduler(optimizer, PLAN_OF_SEEK_DETACH)
    del optimizer.param_groups[0]
    optimizer.param_groups.reverse()

    scheduler.detach()

    assert [group["lr"].untyped_storage().nbytes() for group in optimizer.param_groups] == [4, 4]


A = HistoryPlan(0, None, "a")
B = HistoryPlan(5, None, "b")
C = HistoryPlan(9, None, "c")


AT = ("lr", "0")


MOST = 100


def changes_of(seed: int, count: int):
    """Return plans after some more updates, each with a new base or none."""
    chance = random.Random(seed)
    return [(chance.randint(1, 9), chance.choice("abc"), chance.choice([None, 0.1, 0.5])) for _ in range(count)]


CHANGES = st.builds(changes_of, st.integers(0, 2**32), st.integers(0, 300))


def resumed(changes, *, rewind=0):
    """The history of a run that is resumed with each of these plans and bases."""
    history = History((A,))
    update = 0
    for more, text, base in changes:
        update += more
        history = history.with_plan(HistoryPlan(update, None, text))
        if base is not None:
            history = history.with_bases(HistoryPlan(update, None, text), {AT: base}, {AT: 0.3})
    return history.with_plan(HistoryPlan(update - rewind, None, "d")) if 0 < rewind < update else history


@given(CHANGES)
def test_a_long_history_keeps_its_first_and_last_plans_and_the_bases_in_force(changes):
    bounded = resumed(changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histories, "_LAST", 10**6)
        whole = resumed(changes)

    entries = bounded.entries
    assert len(entries) == min(MOST, len(whole.entries))
    assert entries[:10] == whole.entries[:10]
    assert entries[-89:] == whole.entries[-89:]
    assert histories._last_of(entries) == histories._last_of(whole.entries)
    assert read_history(json.loads(json.dumps(bounded.as_data()))) == bounded


@pytest.mark.parametrize("fields", [{"lr": "linear(1, 0)"}, {"lr": "linear(1, 0)", "betas[0]": "linear(1, 0.5)"}])
@pytest.mark.parametrize("place", [0, 1])
def test_an_update_by_hand_writes_into_equal_copies_of_the_groups(fields, place):
    """The next update uses the values, and no hook before it could write them."""
    optimizer = torch.optim.AdamW([group(), group()], lr=0.1)
    scheduler = ps.Scheduler(optimizer, ps.Plan(**fields, total=8), drive="manual")
    for t in range(1, 6):
        if t % 2:
            optimizer.param_groups[place] = dict(optimizer.param_groups[place])
        scheduler.step()

        assert [group["lr"] for group in optimizer.param_groups] == [0.1 * (1 - t / 8)] * 2
        assert optimizer.param_groups[0]["betas"] == optimizer.param_groups[1]["betas"]
