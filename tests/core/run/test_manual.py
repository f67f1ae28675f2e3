"""A run by hand: values, scalars, seek and detach."""

import json
import random
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.fields import flat_groups
from paramsched.core.run import state
from paramsched.core.run.state import Entry, History, read_history
from paramsched.errors import InvalidArgument
from support.tables import table
from support.updates import planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), weight_decay=ps.linear(1.0, 0.5), horizon=20)


LR = planned(PLAN, {"lr": 0.1, "weight_decay": 0.01})


@pytest.mark.parametrize("copied", [0, 1])
def test_a_group_that_was_copied_with_its_tensor_has_the_value_of_the_next_update(copied):
    optimizer = probe(*[{"lr": torch.tensor(0.5)}] * 2)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()", horizon=16), drive="manual")
    scheduler.step()

    groups = optimizer.param_groups
    groups[copied] = groups[copied] | {"lr": groups[copied]["lr"].clone()}
    scheduler.step()

    assert [one["lr"].item() for one in groups] == [0.5 * 14 / 16] * 2


def test_an_external_write_is_warned_of_once_at_the_line_of_the_user():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")

    def write_and_step():
        for _ in range(3):
            optimizer.param_groups[0]["lr"] = 0.7
            scheduler.step()

    with pytest.warns(UserWarning, match="lr of group 0 was 0.7") as told:
        write_and_step()

    assert [one.filename for one in told] == [__file__]


def test_the_drive_can_be_changed_by_a_second_scheduler():
    optimizer = probe()
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 3)

    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")
    run(optimizer, 3)

    assert scheduler.last_epoch == 3


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


# Characters that TensorBoard does not change and MLflow accepts.
FOR_EVERY_LOGGER = re.compile(r"[\w.-]+(/[\w.-]+)?")


@pytest.mark.parametrize(
    "schedule", ["cosine()", "multistep([7], 0.1)", "linear(1, absolute(0.3))", "restarts(cosine(), 4)"]
)
@table("updates", [1, 6, 7, 8, 30])
def test_last_scalars_belong_to_the_last_update_and_next_scalars_to_the_next(schedule, updates):
    optimizer = probe({"name": "body"}, {"name": "head", "lr": 1.0})
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=schedule, horizon=20), steps_per_epoch=5)
    run(optimizer, updates)

    last, coming = scheduler.scalars(), scheduler.scalars("coming")

    assert list(last.values()) == [used(optimizer, index=index)[-1] for index in (0, 1)]
    assert list(coming.values()) == [group["lr"] for group in optimizer.param_groups]


@given(st.lists(st.text(max_size=3), min_size=1, max_size=5))
def test_every_logger_accepts_the_names_and_they_are_unique(names):
    found = [f"lr{ending}" for ending in flat_groups([{"name": name} for name in names])]

    assert len(set(found)) == len(names)
    assert all(FOR_EVERY_LOGGER.fullmatch(name) for name in found)


# ---------------------------------------------------------------------- a plan as it is written


def test_errors_in_a_plan_file_have_locations_and_the_optimizer_is_unchanged(tmp_path):
    (tmp_path / "plan.yaml").write_text("lr: cosin()\nhorizont: 3\n")
    optimizer = probe()
    before = dict(optimizer.param_groups[0])

    with pytest.raises(ps.errors.ConfigError) as refusal:
        ps.Scheduler(optimizer, tmp_path / "plan.yaml")

    assert "plan.yaml:1:5: $.lr" in str(refusal.value)
    assert "plan.yaml:2:1: $.horizont" in str(refusal.value)
    assert optimizer.param_groups[0] == before


PLAN_OF_SEEK_DETACH = ps.Plan(
    ps.Binding("betas[1]", ps.linear(1.0, 0.9)), lr=ps.warmup(5) >> ps.cosine(to=0.1), horizon=40
)


LR_OF_SEEK_DETACH = planned(PLAN_OF_SEEK_DETACH, {"lr": 0.1, "betas": (0.9, 0.999)})


@table("target", [0, 1, 17, 39, 40, 10**9, 2**53])
def test_seek_writes_the_values_before_it_returns(target):
    optimizer = probe({}, {"lr": 0.5})
    scheduler = ps.Scheduler(optimizer, PLAN_OF_SEEK_DETACH)
    run(optimizer, 3)

    scheduler.seek(target)

    expected = (
        LR_OF_SEEK_DETACH[target]
        if target < 40
        else PLAN_OF_SEEK_DETACH.resolve(ps.Calendar()).bindings[0].schedule(target, 0.1)
    )
    assert (scheduler.last_epoch, optimizer.param_groups[0]["lr"]) == (target, expected)
    assert [one["paramsched_t"] for one in optimizer.param_groups] == [target, target]


def test_detaching_removes_all_entries_and_keeps_the_values_and_initial_lr():
    optimizer = probe({}, {"lr": 0.5})
    keys = [set(one) for one in optimizer.param_groups]
    scheduler = ps.Scheduler(optimizer, PLAN_OF_SEEK_DETACH)
    run(optimizer, 7)

    scheduler.detach()
    scheduler.detach()

    assert [set(one) for one in optimizer.param_groups] == [one | {"initial_lr"} for one in keys]
    assert optimizer.param_groups[0]["lr"] == LR_OF_SEEK_DETACH[7]
    hooks = [name for name in vars(optimizer) if name.endswith("_hooks") and getattr(optimizer, name)]
    assert hooks == []
    run(optimizer, 2)
    assert used(optimizer)[7:] == [LR_OF_SEEK_DETACH[7]] * 2


def test_detaching_gives_each_group_a_tensor_with_its_own_storage():
    optimizer = probe({}, {}, lr=torch.tensor(0.5))
    scheduler = ps.Scheduler(optimizer, PLAN_OF_SEEK_DETACH)
    run(optimizer, 7)
    values = [one["lr"].item() for one in optimizer.param_groups]

    scheduler.detach()

    tensors = [one["lr"] for one in optimizer.param_groups]
    assert [one.item() for one in tensors] == values
    assert [one.untyped_storage().nbytes() for one in tensors] == [4, 4]
    tensors[0].fill_(0.7)
    assert tensors[1].item() == values[1]


def test_detaching_after_groups_were_removed_or_reordered():
    optimizer = probe({"lr": torch.tensor(0.1)}, {"lr": torch.tensor(0.2)}, {"lr": torch.tensor(0.3)})
    scheduler = ps.Scheduler(optimizer, PLAN_OF_SEEK_DETACH)
    del optimizer.param_groups[0]
    optimizer.param_groups.reverse()

    scheduler.detach()

    assert [one["lr"].untyped_storage().nbytes() for one in optimizer.param_groups] == [4, 4]


def test_a_detached_scheduler_is_still_readable():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN_OF_SEEK_DETACH)
    run(optimizer, 7)
    state = scheduler.state_dict()

    scheduler.detach()

    assert scheduler.last_epoch == 7
    assert scheduler.state_dict() == state
    assert scheduler.value("lr") == LR_OF_SEEK_DETACH[7]
    assert scheduler.get_last_lr() == [LR_OF_SEEK_DETACH[6]]


A, B, C = Entry(0, None, "a"), Entry(5, None, "b"), Entry(9, None, "c")


ABC = History((A, B, C))


AT = ("lr", "0")


FACTS = Entry(12, None, "c", facts=(("total", 200), ("steps_per_epoch", 10)))


MOST = 100


def changes_of(seed: int, count: int):
    """Return plans after some more updates, each with a new base or none."""
    chance = random.Random(seed)
    return [(chance.randint(1, 9), chance.choice("abc"), chance.choice([None, 0.1, 0.5])) for _ in range(count)]


CHANGES = st.builds(changes_of, st.integers(0, 2**32), st.integers(0, 300))


def resumed(changes, *, rewind=0):
    """The history of a run that is resumed with each of these plans and bases."""
    history, update = History((A,)), 0
    for more, text, base in changes:
        update += more
        history = history.with_plan(Entry(update, None, text))
        if base is not None:
            history = history.with_bases(Entry(update, None, text), {AT: base}, {AT: 0.3})
    return history.with_plan(Entry(update - rewind, None, "d")) if 0 < rewind < update else history


@given(CHANGES)
def test_a_long_history_keeps_its_first_and_last_plans_the_bases_in_force_and_the_number_of_plans(changes):
    bounded = resumed(changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "_LAST", 10**6)
        whole = resumed(changes)

    entries = bounded.entries
    assert len(entries) == min(MOST, len(whole.entries))
    assert sum(1 + one.left_out for one in entries) == len(whole.entries)
    assert entries[:10] == whole.entries[:10]
    assert entries[-89:] == whole.entries[-89:]
    assert state._last_of(entries) == state._last_of(whole.entries)
    assert read_history(json.loads(json.dumps(bounded.as_data()))) == bounded


@given(CHANGES, st.integers(1, 2000))
def test_a_run_that_is_rewound_to_before_the_gap_still_reports_it(changes, rewind):
    history = resumed(changes)
    gap = next((place for place, one in enumerate(history.entries) if one.left_out), None)
    rewound = resumed(changes, rewind=rewind)

    if gap is not None and history.entries[9].update < rewound.entries[-1].update <= history.entries[gap].update:
        assert rewound.entries[-1].left_out == history.entries[gap].left_out
