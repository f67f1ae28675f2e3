"""External writes between two updates: used once, reported once, then overwritten."""

import itertools
import math
import warnings
from functools import partial

import pytest
import torch

import paramsched as ps
from support.spread import every
from support.tables import table
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), momentum=ps.linear(1.0, 0.5), total=3000)
ONE = {"lr": 0.1, "betas": (0.9, 0.999)}
LR, BETA = (planned(PLAN, ONE, name) for name in ("lr", "momentum"))


def written(optimizer, index, entry, value):
    optimizer.param_groups[index][entry] = value
    return optimizer


def without_momentum(*groups, **defaults):
    optimizer = probe(*groups, **defaults)
    for entries in optimizer.param_groups:
        del entries["momentum"]
    return optimizer


LEFT_IN_PLACE = {
    "CosineAnnealingLR": lambda lr, optimizer: lr.CosineAnnealingLR(optimizer, 100).step,
    "ReduceLROnPlateau": lambda lr, optimizer: partial(
        lr.ReduceLROnPlateau(optimizer, patience=0, threshold=9.0).step, 1.0
    ),
    "LambdaLR": lambda lr, optimizer: lr.LambdaLR(optimizer, lambda t: 0.5).step,
    "SequentialLR": lambda lr, optimizer: (
        lr.SequentialLR(optimizer, [lr.LinearLR(optimizer), lr.CosineAnnealingLR(optimizer, 90)], [10]).step
    ),
    "other code": lambda lr, optimizer: lambda: written(optimizer, 0, "lr", 0.7),
}


@pytest.mark.filterwarnings("ignore:Detected call of")  # of torch, about another order than in its documentation
@pytest.mark.parametrize("name", LEFT_IN_PLACE)
@pytest.mark.parametrize("every", [1, 7])
def test_a_scheduler_that_was_left_in_place_is_reported_once_and_its_values_are_used_once(name, every, caplog):
    optimizer = probe(lr=0.1)
    plan = ps.Plan(lr="warmup(10) >> cosine(to=0.1)", total=100)
    expected = planned(plan, {"lr": 0.1})
    scheduler = ps.Scheduler(optimizer, plan)
    step = LEFT_IN_PLACE[name](torch.optim.lr_scheduler, optimizer)
    optimizer.param_groups[0]["lr"] = expected[0]  # which torch's scheduler has replaced

    written = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for t in range(100):
            run(optimizer, 1)
            if t % every == 0:
                step()
                written[t + 1] = optimizer.param_groups[0]["lr"]

    assert sum("instead of the planned" in str(warning.message) for warning in caught) == 1
    assert used(optimizer) == [written.get(t, value) for t, value in enumerate(expected)]
    assert scheduler.should_stop
    assert caplog.messages == []


def test_each_field_that_other_code_writes_is_reported_once():
    optimizer = without_momentum(lr=0.1)
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 1)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            run(written(optimizer, 0, "lr", 0.7), 1)
            run(written(written(optimizer, 0, "lr", 0.6), 0, "betas", (0.5, 0.9)), 1)

    texts = [str(warning.message) for warning in caught if "instead of the planned" in str(warning.message)]
    assert [text.partition(" of ")[0] for text in texts] == ["lr", "betas[0]"]


CHANGES = {
    "nothing": lambda value: None,
    "add": lambda value: value.add_param_group(group(lr=0.5)),
    "remove": lambda value: value.param_groups.pop(2),
    "reorder": lambda value: value.param_groups.__setitem__(slice(1, None), value.param_groups[:0:-1]),
    "begin with another": lambda value: value.param_groups.reverse(),
    "overwrite the count": lambda value: value.param_groups[0].update(paramsched_t=99),
}


@table(
    ("change", "lr_type", "drive", "clock", "several"),
    [
        case
        for case in itertools.product(
            CHANGES, ["float", "tensor"], ["optimizer", "manual"], ["updates", "tokens"], [False, True]
        )
        # Before a step of an optimizer, another count means a checkpoint, whose values are replaced.
        if case[0] != "overwrite the count" or case[1:4] == ("float", "manual", "updates")
    ],
)
def test_an_external_write_is_warned_of_although_groups_change(change, lr_type, drive, clock, several):
    optimizers = [
        torch.optim.SGD([group() for _ in range(3)], lr=0.1 if lr_type == "float" else torch.tensor(0.1)) for _ in "ab"
    ]
    optimizer = optimizers[0]
    plan = ps.Plan(lr="linear()", clock=clock, total=f"3000 {clock}")
    scheduler = ps.Scheduler(dict(zip("ab", optimizers, strict=True)) if several else optimizer, plan, drive=drive)

    def step():
        if clock == "tokens":
            scheduler.consumed(tokens=1)
        for each in [scheduler] if drive == "manual" else optimizers[: 1 + several]:
            each.step()

    step()
    if lr_type == "float":
        optimizer.param_groups[0]["lr"] = 0.77
    else:
        optimizer.param_groups[0]["lr"].fill_(0.77)
    CHANGES[change](optimizer)

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


BOTH = ps.Plan(PLAN.bindings[0], ps.Binding("momentum", ps.linear(1.0, 0.5)), weight_decay=ps.cosine(), total=3000)
WAYS = {
    "equal bases": ([{}] * 5, PLAN),
    "distinct bases": ([{"lr": 0.1 * (i + 1), "betas": (0.9 - 0.1 * i, 0.999)} for i in range(5)], PLAN),
    "rows": ([{"lr": 0.1 * (i + 1)} for i in range(5)], ps.Plan(
        ps.Binding("lr", ps.cosine(), groups=0), momentum=ps.linear(1.0, ps.absolute(0.5)), lr=ps.linear(1.0, 0.0),
        total=3000,
    )),
    "some groups": ([{"name": name} for name in "abcde"], ps.Plan(
        *[ps.Binding(field, ps.linear(1.0, 0.5), groups=name) for field in ("lr", "momentum") for name in "bde"],
        total=3000,
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
    field = "lr" if entry == "lr" else "betas[0]"
    name = groups[index].get("name", index)
    before = optimizer.param_groups[index][entry]
    value, actual = (0.7, before) if entry == "lr" else ((0.7, *before[1:]), before[0])

    with pytest.warns(UserWarning, match="other code wrote it") as reported:
        run(written(optimizer, index, entry, value), 1)

    text = f"{field} of group {name!r} was 0.7 at update {after} instead of the planned {actual!r}"
    assert [str(report.message)[: len(text)] for report in reported] == [text]
    assert used(optimizer, field, index)[-1] == 0.7
    run(optimizer, 1)
    scheduler.seek(after + 1)
    assert optimizer.used[-1][index][entry] == optimizer.param_groups[index][entry]


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

    expected = [planned(plan, group)[updates + 1] for group in reversed(groups)]
    assert [group["lr"] for group in optimizer.used[-1]] == expected


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("value", [0.7, torch.tensor(0.7)])
def test_a_replaced_tensor_is_warned_of_at_that_update_and_restored(index, value):
    optimizer = without_momentum(*[{"lr": torch.tensor(0.1 * (i + 1))} for i in range(3)])
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 40)
    tensor = optimizer.param_groups[index]["lr"]

    with pytest.warns(UserWarning, match=rf"lr of group {index} was (tensor\()?0.7"):
        run(written(optimizer, index, "lr", value), 1)

    assert optimizer.param_groups[index]["lr"] is tensor
    run(optimizer, 1)
    assert used(optimizer, "lr", index)[-1] == pytest.approx(LR[41] * (index + 1), rel=1e-6)  # float32


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
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=f"exponential(1e100, '1 {clock}')", clock=clock))
    scheduler.seek(start)
    recwarn.clear()
    for tokens in (1, 2, 1):  # irregular, so that each update is computed when the previous one is counted
        if clock == "tokens":
            scheduler.consumed(tokens=tokens)
        run(optimizer, 1)

    times = (1, 2, 3) if clock == "updates" else (0, 1, 3)
    assert used(optimizer) == pytest.approx([0.1 * 1e100**t for t in times], rel=1e-12)
    assert used(optimizer, index=1) == [0.0] * 3
    assert scheduler.optimizer.param_groups[0]["lr"] == math.inf  # for an update that does not follow
    assert not recwarn.list


@pytest.mark.parametrize("clock", ["updates", "tokens"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("drive", ["optimizer", "manual"])
def test_an_error_of_the_function_of_a_target_is_raised_and_the_plan_continues(clock, error, drive):
    written = []
    fails = [False]

    def write(value):
        if fails[0]:
            raise error("full")
        written.append(value)

    target = ps.Binding(ps.Target("x", 1.0, write), "linear(1, 0, over=8)")
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(
        optimizer, ps.Plan(target, lr="linear(1, 0, over=8)", clock=clock, momentum="constant()"),
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
