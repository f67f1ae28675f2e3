"""External writes between two updates: used once, reported once, then overwritten."""

import itertools
import math
import warnings

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.core.run.groups import _is_planned
from support.spread import every
from support.tables import table
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), momentum=ps.linear(1.0, 0.5), horizon=3000)
ONE = {"lr": 0.1, "betas": (0.9, 0.999)}
LR, BETA = (planned(PLAN, ONE, name) for name in ("lr", "momentum"))


def write_and_run(optimizer, write, *, times=1, updates=2):
    for _ in range(times):
        write()
        run(optimizer, updates)


def written(optimizer, index, entry, value):
    optimizer.param_groups[index][entry] = value
    return optimizer


def without_momentum(*groups, **defaults):
    optimizer = probe(*groups, **defaults)
    for one in optimizer.param_groups:
        del one["momentum"]
    return optimizer


@table(
    ("entry", "value", "name"),
    [("lr", 0.7, "lr"), ("lr", 1, "lr"), ("betas", (0.5, 0.999), "betas[0]"), ("lr", torch.tensor(0.5), "lr")],
)
def test_an_external_write_is_used_once_and_warned_of_once_with_both_values(entry, value, name):
    optimizer = without_momentum()
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 3)

    with pytest.warns(ps.PlanWarning, match="other code wrote it") as told:
        write_and_run(optimizer, lambda: written(optimizer, 0, entry, value), times=3)

    (one,) = told
    planned_value = (LR if name == "lr" else BETA)[3]
    assert all(part in str(one.message) for part in (name, repr(planned_value), "update 3", "group 0"))
    assert one.filename.endswith("updates.py")
    ours = list(LR[:9])
    if entry == "lr":
        ours[3] = ours[5] = ours[7] = float(value)
    assert used(optimizer) == ours


def left_in_place(name, optimizer):
    """Return the step of a scheduler of torch, as in a script to which a plan was added."""
    lr = torch.optim.lr_scheduler
    makers = {
        "CosineAnnealingLR": lambda: lr.CosineAnnealingLR(optimizer, 100),
        "LambdaLR": lambda: lr.LambdaLR(optimizer, lambda t: 0.5),
        "SequentialLR": lambda: lr.SequentialLR(
            optimizer, [lr.LinearLR(optimizer), lr.CosineAnnealingLR(optimizer, 90)], [10]
        ),
        "ReduceLROnPlateau": lambda: lr.ReduceLROnPlateau(optimizer, patience=0, threshold=9.0),
        "other code": lambda: None,
    }
    old = makers[name]()
    if name == "other code":
        return lambda: written(optimizer, 0, "lr", 0.7)
    return (lambda: old.step(1.0)) if name == "ReduceLROnPlateau" else old.step


@pytest.mark.parametrize("name", ["CosineAnnealingLR", "LambdaLR", "SequentialLR", "ReduceLROnPlateau", "other code"])
@pytest.mark.parametrize("every", [1, 7])
def test_a_scheduler_that_was_left_in_place_is_named_once(name, every, caplog):
    optimizer = probe(lr=0.1)
    plan = ps.Plan(lr="warmup(10) >> cosine(to=0.1)", horizon=100)
    bystander = torch.optim.lr_scheduler.StepLR(probe(lr=0.1), 1)
    scheduler, step = ps.Scheduler(optimizer, plan), left_in_place(name, optimizer)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for t in range(100):
            run(optimizer, 1)
            if t % every == 0:
                step()

    (text,) = [str(one.message) for one in told if "instead of the planned" in str(one.message)]
    assert scheduler.should_stop
    assert bystander
    cause = (
        "other code wrote it"
        if name == "other code"
        else f"{name} also writes this optimizer. Remove it and its step()"
    )
    assert cause in text
    assert caplog.messages == []


def test_a_second_field_and_a_second_cause_are_reported_too():
    optimizer = without_momentum(lr=0.1)
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 1)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run(written(optimizer, 0, "lr", 0.7), 1)
        run(written(written(optimizer, 0, "lr", 0.7), 0, "betas", (0.5, 0.9)), 1)
        old = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        for _ in range(4):
            run(optimizer, 1)
            old.step()

    ours = [str(one.message) for one in told if "instead of the planned" in str(one.message)]
    assert [text.partition(" of ")[0] for text in ours] == ["lr", "betas[0]", "lr"]
    assert ["StepLR" in text for text in ours] == [False, False, True]


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize(
    "level", ["linear(1, 0.5)", "linear(absolute(0.8), absolute(0.5))"], ids=["of base", "absolute"]
)
@pytest.mark.parametrize("betas", [(0.7, 0.95), (0.9, 0.99)], ids=["different bases", "equal bases"])
def test_an_external_write_into_an_element_of_a_pair_is_warned_of_with_both_values(index, level, betas):
    field = f"betas[{index}]"
    plan = ps.Plan(ps.Binding(field, level), horizon=3000)
    optimizer = probe({"betas": (0.9, 0.99)}, {"betas": betas})
    ps.Scheduler(optimizer, plan)
    expected = planned(plan, [{"betas": (0.9, 0.99)}, {"betas": betas}], field, 1)
    run(optimizer, 40)

    pair = list(optimizer.param_groups[1]["betas"])
    pair[index] = 0.125
    optimizer.param_groups[1]["betas"] = tuple(pair)
    with pytest.warns(UserWarning, match=rf"0\.125.*{expected[40]}|{expected[40]}.*0\.125"):
        run(optimizer, 2)

    assert used(optimizer, field, 1) == [*expected[:40], 0.125, expected[41]]
    other = f"betas[{1 - index}]"
    assert set(used(optimizer, other, 1)) == {betas[1 - index]}


@pytest.mark.parametrize("change", ["add", "remove", "reorder"])
def test_an_external_write_is_used_although_other_groups_change(change):
    optimizer = probe({"lr": 0.1}, {"lr": 0.2}, {"lr": 0.3})
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 2)
    groups = optimizer.param_groups
    groups[0]["lr"] = 0.77

    if change == "add":
        optimizer.add_param_group(group(lr=0.5))
    elif change == "remove":
        del groups[2]
    else:
        groups[1:] = groups[:0:-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(optimizer, 2)

    bases = {"add": [0.2, 0.3, 0.5], "remove": [0.2], "reorder": [0.3, 0.2]}[change]
    assert used(optimizer)[2:] == [0.77, LR[3]]
    for index, base in enumerate(bases, start=1):
        assert [one[index]["lr"] for one in optimizer.used[2:]] == planned(PLAN, ONE | {"lr": base})[2:4]


CHANGES = {
    "nothing": lambda one: None,
    "add": lambda one: one.add_param_group(group(lr=0.5)),
    "remove": lambda one: one.param_groups.pop(2),
    "reorder": lambda one: one.param_groups.__setitem__(slice(1, None), one.param_groups[:0:-1]),
    "begin with another": lambda one: one.param_groups.reverse(),
    "overwrite the count": lambda one: one.param_groups[0].update(paramsched_t=99),
}


@table(
    ("change", "kind", "drive", "clock", "several"),
    [
        case
        for case in itertools.product(
            CHANGES, ["float", "tensor"], ["optimizer", "manual"], ["updates", "tokens"], [False, True]
        )
        # Before a step of an optimizer, another count means a checkpoint, whose values are replaced.
        if case[0] != "overwrite the count" or case[1:4] == ("float", "manual", "updates")
    ],
)
def test_an_external_write_is_warned_of_although_groups_change(change, kind, drive, clock, several):
    optimizers = [
        torch.optim.SGD([group() for _ in range(3)], lr=0.1 if kind == "float" else torch.tensor(0.1)) for _ in "ab"
    ]
    one = optimizers[0]
    plan = ps.Plan(lr="linear()", clock=clock, horizon=f"3000 {clock}")
    scheduler = ps.Scheduler(dict(zip("ab", optimizers, strict=True)) if several else one, plan, drive=drive)

    def step():
        if clock == "tokens":
            scheduler.consumed(tokens=1)
        for each in [scheduler] if drive == "manual" else optimizers[: 1 + several]:
            each.step()

    step()
    if kind == "float":
        one.param_groups[0]["lr"] = 0.77
    else:
        one.param_groups[0]["lr"].fill_(0.77)
    CHANGES[change](one)

    with pytest.warns(UserWarning, match=r"lr of group '?[\w/]+'? was .*0\.77.* at update 1 instead of the planned"):
        step()


def test_an_unscheduled_element_of_a_tuple_may_be_written_externally():
    optimizer = without_momentum()
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 2)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written(optimizer, 0, "betas", (optimizer.param_groups[0]["betas"][0], 0.5))
        run(optimizer, 3)

    assert used(optimizer, "betas[0]") == BETA[:5]
    assert used(optimizer, "betas[1]")[2:] == [0.5, 0.5, 0.5]


def test_unscheduled_fields_may_be_written_externally():
    optimizer = without_momentum()
    ps.Scheduler(optimizer, PLAN)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (0.5, 0.6):
            written(optimizer, 0, "weight_decay", value)
            run(optimizer, 1)

    assert used(optimizer, "weight_decay") == [0.5, 0.6]


BOTH = ps.Plan(PLAN.bindings[0], ps.Binding("momentum", ps.linear(1.0, 0.5)), weight_decay=ps.cosine(), horizon=3000)
WAYS = {
    "equal bases": ([{}] * 5, PLAN),
    "distinct bases": ([{"lr": 0.1 * (i + 1), "betas": (0.9 - 0.1 * i, 0.999)} for i in range(5)], PLAN),
    "rows": ([{"lr": 0.1 * (i + 1)} for i in range(5)], ps.Plan(
        ps.Binding("lr", ps.cosine(), groups=0), momentum=ps.linear(1.0, ps.absolute(0.5)), lr=ps.linear(1.0, 0.0),
        horizon=3000,
    )),
    "some groups": ([{"name": name} for name in "abcde"], ps.Plan(
        *[ps.Binding(field, ps.linear(1.0, 0.5), groups=name) for field in ("lr", "momentum") for name in "bde"],
        horizon=3000,
    )),
    "three elements": ([{"betas": (0.9, 0.99, 0.999)} for _ in range(5)], PLAN),
    "three of distinct bases": ([{"betas": (0.9 - 0.1 * i, 0.99, 0.999)} for i in range(5)], PLAN),
    "three fields": ([{}] * 5, BOTH),
}  # fmt: skip


@table("way", WAYS)
@pytest.mark.parametrize(
    ("index", "entry", "after"), every(2, itertools.product([1, 3, 4], ["lr", "betas"], [1, 33, 40]))
)
def test_an_external_write_into_any_group_is_warned_of_at_the_update_that_uses_it(way, index, entry, after):
    groups, plan = WAYS[way]
    optimizer = without_momentum(*groups)
    scheduler = ps.Scheduler(optimizer, plan)
    run(optimizer, after)
    field, name = ("lr" if entry == "lr" else "betas[0]"), groups[index].get("name", index)
    before = optimizer.param_groups[index][entry]
    value, found = (0.7, before) if entry == "lr" else ((0.7, *before[1:]), before[0])

    with pytest.warns(UserWarning, match="other code wrote it") as told:
        run(written(optimizer, index, entry, value), 1)

    text = f"{field} of group {name!r} was 0.7 at update {after} instead of the planned {found!r}"
    assert [str(one.message)[: len(text)] for one in told] == [text]
    assert used(optimizer, field, index)[-1] == 0.7
    run(optimizer, 1)
    scheduler.seek(after + 1)
    assert optimizer.used[-1][index][entry] == optimizer.param_groups[index][entry]


@pytest.mark.parametrize("index", [0, 1, 2, 3, 4, 64, 65])
def test_an_external_write_into_any_of_many_groups_is_warned_of(index):
    optimizer = without_momentum(*({"lr": 0.1 * (place + 1)} for place in range(66)))
    ps.Scheduler(optimizer, ps.Plan(lr=ps.linear(1.0, 0.5), horizon=3000))
    run(optimizer, 3)

    with pytest.warns(UserWarning, match=f"lr of group {index} was 0.7 at update 3"):
        run(written(optimizer, index, "lr", 0.7), 1)


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
def test_code_that_writes_a_value_may_write_the_old_value_back(drive):
    optimizer = without_momentum({}, {}, {})
    scheduler = ps.Scheduler(optimizer, PLAN, drive=drive)
    step = optimizer.step if drive == "optimizer" else scheduler.step
    for _ in range(40):
        step()

    kept = optimizer.param_groups[2]["lr"]
    written(optimizer, 2, "lr", kept * 10)
    with pytest.warns(UserWarning, match="lr of group 2 was"):
        step()


def test_an_external_write_during_the_step_is_warned_of():
    optimizer = without_momentum({}, {})
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 40)

    with pytest.warns(UserWarning, match="lr of group 1 was 0.7 at update 40"):
        optimizer.step(lambda: written(optimizer, 1, "lr", 0.7))

    assert optimizer.param_groups[1]["lr"] == LR[41]


@pytest.mark.parametrize("updates", [1, 33, 40])
@pytest.mark.parametrize("way", ["equal bases", "distinct bases", "rows"])
def test_a_group_added_during_the_step_keeps_its_base(way, updates):
    groups, plan = WAYS[way]
    optimizer = without_momentum(*groups)
    ps.Scheduler(optimizer, plan)
    run(optimizer, updates)

    late = {**optimizer.defaults, **group(lr=0.5)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step(lambda: optimizer.param_groups.append(late))
        run(optimizer, 3)

    assert [groups[5]["lr"] for groups in optimizer.used[-3:]] == planned(PLAN, {"lr": 0.5, "betas": (0.9, 0.9)})[
        updates + 1 :
    ][:3]


@pytest.mark.parametrize("updates", [2, 33, 40])
def test_groups_reordered_during_the_step_keep_their_bases(updates):
    groups, plan = WAYS["distinct bases"]
    optimizer = without_momentum(*groups)
    ps.Scheduler(optimizer, plan)
    run(optimizer, updates)

    optimizer.step(optimizer.param_groups.reverse)
    run(optimizer, 1)

    expected = [planned(plan, one)[updates + 1] for one in reversed(groups)]
    assert [one["lr"] for one in optimizer.used[-1]] == expected


@pytest.mark.parametrize("index", [0, 1])
def test_an_externally_filled_tensor_is_used_once_and_warned_of_once(index):
    optimizer = without_momentum({"lr": torch.tensor(0.1)}, {"lr": torch.tensor(0.2)})
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 4)
    before = used(optimizer, "lr", index)[-1]

    with pytest.warns(UserWarning, match=f"lr of group {index} was") as told:
        write_and_run(optimizer, lambda: optimizer.param_groups[index]["lr"].fill_(0.7), times=2)

    assert len(told) == 1
    found = used(optimizer, "lr", index)[4:]
    assert found[0] == found[2] == torch.tensor(0.7).item()
    assert max(found[1], found[3]) < before


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("value", [0.7, torch.tensor(0.7)])
def test_a_replaced_tensor_is_warned_of_at_that_update_and_restored(index, value):
    optimizer = without_momentum(*[{"lr": torch.tensor(0.1 * (i + 1))} for i in range(3)])
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 40)
    ours = optimizer.param_groups[index]["lr"]

    with pytest.warns(UserWarning, match=rf"lr of group {index} was (tensor\()?0.7"):
        run(written(optimizer, index, "lr", value), 1)

    assert optimizer.param_groups[index]["lr"] is ours
    run(optimizer, 1)
    assert used(optimizer, "lr", index)[-1] == pytest.approx(LR[41] * (index + 1), rel=1e-6)  # float32


@pytest.mark.parametrize("value", [0.7, torch.tensor(0.7)])
def test_a_replaced_tensor_is_used_once_and_then_restored(value):
    optimizer = without_momentum({"lr": torch.tensor(0.1)}, {"lr": torch.tensor(0.2)})
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 4)
    ours = [one["lr"] for one in optimizer.param_groups]

    with pytest.warns(UserWarning, match="other code wrote it"):
        write_and_run(optimizer, lambda: [one.update(lr=value) for one in optimizer.param_groups], updates=3)

    assert [one["lr"] is mine for one, mine in zip(optimizer.param_groups, ours, strict=True)] == [True, True]
    assert used(optimizer)[4:] == pytest.approx([0.7, *LR[5:7]], rel=1e-6)  # float32


def test_an_external_write_of_the_planned_value_is_not_reported():
    optimizer = without_momentum()
    ps.Scheduler(optimizer, PLAN)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t in range(5):
            run(written(optimizer, 0, "lr", float(repr(LR[t]))), 1)

    assert used(optimizer) == LR[:5]


def test_an_external_write_undone_before_the_step_is_not_reported():
    optimizer = without_momentum()
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 2)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = optimizer.param_groups[0]["lr"]
        written(optimizer, 0, "lr", 0.5)
        optimizer.found_inf = torch.ones(1)  # how a GradScaler reports an overflow to a fused optimizer
        optimizer.step()
        del optimizer.found_inf
        written(optimizer, 0, "lr", kept)
        run(optimizer, 2)


@pytest.mark.parametrize(("clock", "start"), [("updates", 1), ("tokens", 0)])
def test_a_factor_that_overflows_beside_a_base_of_zero_is_no_external_write(clock, start, recwarn):
    optimizer = probe({"lr": 0.1}, {"lr": 0.0})
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=f"exponential(1e300, '1 {clock}')", clock=clock))
    scheduler.seek(start)
    recwarn.clear()
    for tokens in (1, 2, 1, 2):  # irregular, so that each update is computed when the previous one is counted
        if clock == "tokens":
            scheduler.consumed(tokens=tokens)
        run(optimizer, 1)

    assert used(optimizer) == [0.1, 0.1 * 1e300, math.inf, math.inf, math.inf][start:][:4]
    assert used(optimizer, index=1) == [0.0] * 4
    assert not recwarn.list


def test_a_replaced_element_of_betas_is_warned_of_and_restored():
    optimizer = probe(*[{"betas": (torch.tensor(beta), 0.99)} for beta in (0.5, 0.25)])
    ps.Scheduler(optimizer, ps.Plan(ps.Binding("betas[0]", "linear(1, 0)"), horizon=64))
    run(optimizer, 4)
    ours = optimizer.param_groups[1]["betas"][0]

    with pytest.warns(UserWarning, match=r"betas\[0\] of group 1 was .*0.75"):
        run(written(optimizer, 1, "betas", (torch.tensor(0.75), 0.99)), 1)

    assert optimizer.param_groups[1]["betas"][0] is ours
    run(optimizer, 1)
    assert used(optimizer, "betas[0]", 1)[4:] == [0.75, 0.25 * (1 - 5 / 64)]


@table(
    ("found", "value", "expected"),
    [
        (0.5, 0.5, True),
        (0.5, 0.25, False),
        (torch.tensor(0.1), 0.1, True),
        (torch.tensor(0.1), 0.2, False),
        (float("nan"), float("nan"), True),
        (float("nan"), 0.5, False),
        (0.5, float("nan"), False),
        (np.array([0.5, 0.5]), 0.5, False),
        (torch.tensor([0.5, 0.5]), 0.5, False),
        ("0.5", 0.5, False),
    ],
)
def test_an_entry_equals_a_planned_value_that_is_rounded_to_its_dtype(found, value, expected):
    assert _is_planned(found, value) is expected


@pytest.mark.parametrize("clock", ["updates", "tokens"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("drive", ["optimizer", "manual"])
def test_an_error_of_the_function_of_a_target_is_raised_and_the_plan_continues(clock, error, drive):
    written, fails = [], [False]

    def write(value):
        if fails[0]:
            raise error("full")
        written.append(value)

    target = ps.Binding(ps.Target("x", 1.0, write), "linear(1, 0, over=8)")
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(
        optimizer, ps.Plan(target, lr="linear(1, 0, over=8)", clock={"momentum": clock}, momentum="constant()"),
        drive=drive, tokens_per_step=4,
    )  # fmt: skip

    def update():
        optimizer.step()
        if drive == "manual":
            scheduler.step()

    update()
    fails[0] = True
    with pytest.raises(error, match="full"):
        update()
    fails[0] = False
    for _ in range(3):
        update()

    assert scheduler.t == 5
    assert written[-1] == scheduler.value("x") == 1 - 5 / 8
    assert used(optimizer) == [1 - t / 8 for t in range(5)]


@pytest.mark.parametrize("entry", ["lr", "betas", "weight_decay"])
@pytest.mark.parametrize("bases", ["equal", "different"])
@pytest.mark.parametrize(("count", "updates"), [(1, 1), (2, 1), (4, 1), (9, 1), (1, 600), (2, 600), (4, 600), (9, 600)])
def test_a_write_into_any_one_of_the_groups_is_warned_of(count, updates, bases, entry):
    lines = {"lr": "cosine()", "betas[0]": "linear(1.0, 0.5)", "weight_decay": "linear(1.0, absolute(0.5))"}
    plan = ps.Plan(**lines, horizon=1000)
    groups = [group(lr=0.1 * (1 + at * (bases == "different"))) for at in range(count)]
    for at in range(count):
        optimizer = torch.optim.AdamW(map(dict, groups))
        scheduler = ps.Scheduler(optimizer, plan, drive="manual")
        for _ in range(updates):  # later values are computed in larger blocks
            scheduler.step()
        optimizer.param_groups[at][entry] = (0.25, 0.999) if entry == "betas" else 0.25

        with pytest.warns(UserWarning, match=f"of group {at} was 0.25 at update {updates} instead of the planned"):
            scheduler.step()
