"""One Scheduler for several optimizers: what it reads, writes, counts and refuses."""

import copy
import gc
import math
import pickle
import re
import weakref
from contextlib import suppress

import pytest
import torch

import paramsched as ps
from paramsched.errors import InvalidArgument, MissingFact, ParamschedError
from support.records import record_in
from support.several import PLAN, lines, probes
from support.updates import group, run, used


def model_optimizers():
    muon = torch.optim.SGD([torch.nn.Parameter(torch.ones(2, 2))], lr=0.02, momentum=0.95)
    adamw = torch.optim.AdamW([{**group(), "name": "embed"}, {**group(), "name": "rest"}], lr=3e-4)
    for parameter in muon.param_groups[0]["params"]:
        parameter.grad = torch.ones_like(parameter)
    return {"muon": muon, "adamw": adamw}


def test_engines_read_the_lr_of_all_groups_in_the_order_of_the_mapping():
    optimizers = model_optimizers()
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr="linear()", total=10))

    assert scheduler.optimizers == optimizers
    assert scheduler.optimizer is optimizers["muon"]
    assert scheduler.base_lrs == [0.02, 3e-4, 3e-4]
    run(optimizers["adamw"], 1)
    assert scheduler.get_last_lr() == [0.02, 3e-4, 3e-4]
    run(optimizers["muon"], 1)
    scheduler.step()
    assert scheduler.get_last_lr() == scheduler.get_lr() == [0.02 * 0.9, 3e-4 * 0.9, 3e-4 * 0.9]


@pytest.mark.parametrize("drive", ["optimizer", "b", "manual"])
def test_reported_consumption_is_counted_once_per_update(drive):
    plan = ps.Plan(lr="linear(1, 0, over='100 tokens')", weight_decay=1.0, clock="tokens")
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, plan, drive=drive)
    expected = []
    amount = 0
    for tokens in (10, 10, 20, 5, 5, 5):
        scheduler.consumed(tokens=tokens)
        expected.append(1 - amount / 100)
        for name in "ab":
            optimizers[name].step()
        if drive == "manual":
            scheduler.step()
        amount += tokens
        assert scheduler.amount == amount
        assert scheduler.scalars()["consumed_tokens"] == amount - tokens
        records = [record_in(optimizer.state_dict()) for optimizer in optimizers.values()]
        assert [(record["amount"], record["last_amount"]) for record in records] == [(amount, amount - tokens)] * 2
    for base, optimizer in zip((0.1, 0.2), optimizers.values(), strict=True):
        assert used(optimizer) == pytest.approx([base * factor for factor in expected], rel=1e-12)


def test_missing_consumption_is_an_error_only_from_the_step_that_starts_an_update():
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr="linear(1, 0, over='100 tokens')", clock="tokens"))

    with pytest.raises(MissingFact, match="tokens"):
        optimizers["b"].step()
    scheduler.consumed(tokens=10)
    run(optimizers["b"], 1)
    run(optimizers["a"], 1)
    with pytest.raises(MissingFact):
        optimizers["a"].step()
    assert (scheduler.t, scheduler.amount) == (1, 10)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
@pytest.mark.parametrize("drive", ["optimizer", "b"])
def test_a_copy_continues_at_the_same_numbers(copied, drive):
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN, drive=drive)
    for _ in range(3):
        for optimizer in optimizers.values():
            optimizer.step()
    optimizers["a"].step()
    twin = copied(scheduler)
    for stepped in (scheduler, twin):
        stepped.optimizers["b"].step()
        stepped.optimizers["a"].step()

    assert (twin.t, twin._values()) == (scheduler.t, scheduler._values())
    actual = [
        [
            (optimizer.param_groups[0]["paramsched_t"], optimizer.param_groups[0]["lr"])
            for optimizer in stepped.optimizers.values()
        ]
        for stepped in (twin, scheduler)
    ]
    assert actual[0] == actual[1]


def test_deleting_the_optimizers_frees_their_memory_at_once():
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    run(optimizers["a"], 2)
    freed = [weakref.ref(optimizer.param_groups[0]["params"][0]) for optimizer in optimizers.values()]
    gc.disable()
    try:
        del optimizers, scheduler
        assert [reference() for reference in freed] == [None, None]
    finally:
        gc.enable()


def test_deleting_one_optimizer_frees_its_memory_and_the_other_one_continues():
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN)
    for optimizer in optimizers.values():
        run(optimizer, 1)
    freed = weakref.ref(optimizers["a"].param_groups[0]["params"][0])
    kept = optimizers["b"]
    planned = lines(PLAN, optimizers)["b"]
    gc.disable()
    try:
        del optimizer, optimizers, scheduler
        assert freed() is None
    finally:
        gc.enable()
    run(kept, 3)

    assert used(kept) == planned[:4]
    assert record_in(kept.state_dict())["t"] == 4


@pytest.mark.parametrize(
    "plans", [[PLAN, PLAN], {"muon": PLAN, "adamw": PLAN}, {"muon": "linear()", "adamw": "linear()"}]
)
@pytest.mark.filterwarnings("ignore:group muon. weight_decay of the optimizer is 0")
def test_several_plans_are_an_error_with_the_one_plan_to_write(plans):
    with pytest.raises(InvalidArgument, match="one plan drives all optimizers") as refusal:
        ps.Scheduler(model_optimizers(), plans)

    plan = eval(re.sub("^(Write|For example:) ", "", refusal.value.problem.advice), {"ps": ps})
    scheduler = ps.Scheduler(model_optimizers(), plan)
    assert {binding.groups for binding in plan.bindings} == {"muon", "adamw"}
    assert scheduler.value("lr", "muon") == 0.02


class NoHooks:
    """An optimizer of another kind."""

    def __init__(self):
        self.param_groups = [{"params": [], "lr": 0.1}]


@pytest.mark.parametrize(
    "second",
    [
        "x",
        NoHooks(),
        torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=math.nan),
        torch.optim.SGD([{**group(), "paramsched_t": "x"}], lr=0.1),
        [torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)],
    ],
)
def test_an_error_about_one_of_several_optimizers_names_it(second):
    first = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    before = dict(first.param_groups[0])
    plan = ps.Plan(lr="linear()", total=9)

    with pytest.raises(ParamschedError, match="adamw"):
        ps.Scheduler({"muon": first, "adamw": second}, plan)
    assert first.param_groups[0] == before


@pytest.mark.parametrize("drive", ["optimizer", "a", "manual"])
@pytest.mark.parametrize("spoiled", ["b", "a target"])
@pytest.mark.filterwarnings("ignore:lr of group .b/0. was 0.5 at update")
def test_an_update_that_could_not_be_written_for_one_optimizer_is_counted_for_all(drive, spoiled):
    written = []

    def write(value):
        if spoiled == "broken":
            raise OSError("full")
        written.append(value)

    optimizers = probes("abc")
    target = ps.Binding(ps.Target("x", 1.0, write=write), ps.linear(1.0, 0.0))
    plan = ps.Plan(target, lr=ps.linear(1.0, 0.0), total=20)
    scheduler = ps.Scheduler(optimizers, plan, drive=drive)

    def iterate(names="abc"):
        run_all = [optimizers[name].step for name in names] + [scheduler.step] * (drive == "manual")
        for step in run_all:
            with suppress(ParamschedError, OSError):
                step()

    for _ in range(3):
        iterate()
    if spoiled == "b":
        del optimizers["b"].param_groups[0]["lr"]
    else:
        spoiled = "broken"
    iterate("a")
    iterate("a")
    optimizers["b"].param_groups[0]["lr"] = 0.5
    spoiled = ""
    iterate()
    iterate()

    now = lines(plan, optimizers)
    assert scheduler.t == 7
    assert {name: optimizer.param_groups[0]["lr"] for name, optimizer in optimizers.items()} == {
        name: now[name][7] for name in optimizers
    }
    assert written[-1] == scheduler.value("x")
