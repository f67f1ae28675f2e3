"""Situations of a resume in which users of other schedulers reported a wrong learning rate, one in each row.

The oracle is a formula that uses neither this library nor torch. A run of a plan is also compared with one that was not
interrupted, bit for bit.
"""

import copy
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch.optim import lr_scheduler

import paramsched as ps
from paramsched.compat import torch as dropins
from support.updates import planned, probe, used

AT = 12
REST = 10
BASE = 0.1
END = AT + REST
States = tuple[dict[str, Any], Any]
"""The state of the optimizer, and that of a scheduler or None."""


# ------------------------------------------------------------------ formulas: the multiple of base at update t


def cosine(t: int, total: int = 40, to: float = 0.0) -> float:
    return to + (1 - to) * (1 + math.cos(math.pi * min(t, total) / total)) / 2


def warm_cosine(t: int, warm: int = 15, total: int = 40) -> float:
    return t / warm if t < warm else cosine(t - warm, total - warm)


def milestones(t: int) -> float:
    return math.prod(0.1 for milestone in (AT, AT + 5) if t >= milestone)


def exponential(t: int) -> float:
    return math.prod(0.9 for _ in range(t))


def cycles(t: int, period: int = 10) -> float:
    return cosine(t % period, period)


def linear_warmup(t: int) -> float:
    return min(1.0, 0.1 + 0.9 * t / 20)


def halved(t: int) -> float:
    """The plateau below: the loss improves at the first update only, so every third one later halves the rate."""
    return 0.5 ** ((t - 1) // 3) if t else 1.0


def one_cycle(t: int, total: int = 40) -> float:
    """The rate of torch's OneCycleLR with its defaults and max_lr = BASE, as a multiple of BASE."""
    up = 0.3 * total - 1
    down = 0.7 * total
    high, low = (1.0, 0.04) if t <= up else (4e-6, 1.0)
    share = t / up if t <= up else (t - up) / down
    return high + (low - high) * (1 + math.cos(math.pi * share)) / 2


# ------------------------------------------------------------------ runs before the resume


def own_loop(formula: Callable[[int], float], updates: int = AT, **entries: Any) -> States:
    """A loop that writes the rate itself, with further entries of the groups."""
    optimizer = probe(lr=BASE)
    for t in range(updates + 1):
        optimizer.param_groups[0].update(entries, lr=BASE * formula(t))
        if t < updates:
            optimizer.step()
    return copy.deepcopy(optimizer.state_dict()), None


def of_torch(build: Callable[..., Any], updates: int = AT, module: Any = lr_scheduler) -> States:
    optimizer = probe(lr=BASE)
    scheduler = build(module, optimizer)
    for _ in range(updates):
        optimizer.step()
        scheduler.step()
    return copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))


def of_plan(plan: ps.Plan, updates: int = AT, lr: Any = BASE, **facts: Any) -> States:
    optimizer = probe(lr=lr)
    scheduler = ps.Scheduler(optimizer, plan, **facts)
    for _ in range(updates):
        optimizer.step()
        if scheduler.states:
            scheduler.observe(loss=1.0)
    return copy.deepcopy((optimizer.state_dict(), None))


def train(optimizer: Any, scheduler: Any, updates: int = REST) -> list[float]:
    for _ in range(updates):
        optimizer.step()
        if isinstance(scheduler, ps.Scheduler):
            if scheduler.states:
                scheduler.observe(loss=1.0)
        else:
            scheduler.step()
    return used(optimizer)


# ------------------------------------------------------------------ plans


class Row(NamedTuple):
    """A situation: the run before, the code that resumes, and what it must use.

    `options` are those of the Scheduler. `order` has S for the Scheduler, O for the optimizer's state, T for the state
    of torch's scheduler, I for writing `initial_lr`, and G for `seek`.
    """

    before: Callable[[], States]
    plan: ps.Plan
    formula: Callable[[int], float]
    order: str = "SO"
    options: Mapping[str, Any] = MappingProxyType({})
    base: float = BASE
    updates: int = AT


COSINE = ps.Plan(lr="cosine()", total=40)
WARM = ps.Plan(lr="warmup(15) >> cosine()", total=40)
MILESTONES = ps.Plan(lr=f"multistep([{AT}, {AT + 5}])")
EXPONENTIAL = ps.Plan(lr="exponential(0.9)")
PLATEAU = ps.Plan(lr="constant() * plateau('loss', factor=0.5, patience=2)")
RELATIVE = ps.Plan(lr="warmup('25%') >> cosine()")
CYCLES = ps.Plan(lr="cosine_restarts(10)", total=20)
LONGER_CYCLES = ps.Plan(lr="cosine_restarts(10)", total=40)

PLANS = {
    "a loop without initial_lr, the plan before the load": Row(
        lambda: own_loop(cosine), COSINE, cosine, options={"t": AT}
    ),
    "a loop without initial_lr, the plan after the load": Row(
        lambda: own_loop(cosine), COSINE, cosine, "OIS", {"t": AT}
    ),
    "a loop without initial_lr, then a jump": Row(lambda: own_loop(cosine), COSINE, cosine, "SOG", {"t": 0}),
    "a loop that counts its calls of step at a resume": Row(
        lambda: own_loop(warm_cosine, initial_lr=BASE), WARM, warm_cosine, "OSG", {"t": 0}
    ),
    "a lambda after the load, with a position of its own": Row(
        lambda: of_torch(lambda module, value: module.LambdaLR(value, cosine)), COSINE, cosine, "OS", {"t": AT}
    ),
    "a cosine that continues at epoch 30": Row(
        lambda: of_torch(lambda module, value: module.CosineAnnealingLR(value, 40), 30),
        COSINE,
        cosine,
        "OS",
        {"t": 30},
        updates=30,
    ),
    "a warmup, interrupted": Row(
        lambda: of_torch(lambda module, value: module.LinearLR(value, 0.1, 1.0, 20)),
        ps.Plan(lr="warmup(20, start=0.1) >> constant()"),
        linear_warmup,
        "SOT",
    ),
    "a cosine of torch, and its state": Row(
        lambda: of_torch(lambda module, value: module.CosineAnnealingLR(value, 40)), COSINE, cosine, "SOT"
    ),
    "milestones, interrupted at one": Row(lambda: of_plan(MILESTONES), MILESTONES, milestones),
    "milestones, after the load": Row(lambda: of_plan(MILESTONES), MILESTONES, milestones, "OS"),
    "an exponential decay": Row(lambda: of_plan(EXPONENTIAL), EXPONENTIAL, exponential),
    "more epochs": Row(lambda: of_plan(COSINE), ps.Plan(lr="cosine()", total=60), lambda t: cosine(t, 60)),
    "more epochs in the run facts": Row(
        lambda: of_plan(RELATIVE, total=40), RELATIVE, lambda t: warm_cosine(t, 15, 60), options={"total": 60}
    ),
    "more epochs, but the old curve": Row(
        lambda: of_plan(COSINE), ps.Plan(lr="cosine()", total=60), cosine, options={"on_change": "checkpoint"}
    ),
    "restarts, with more cycles": Row(lambda: of_plan(CYCLES), LONGER_CYCLES, cycles),
    "restarts, after their end, with more cycles": Row(lambda: of_plan(CYCLES, 20), LONGER_CYCLES, cycles, updates=20),
    "another rate and another schedule": Row(
        lambda: of_plan(COSINE), EXPONENTIAL, exponential, options={"on_base": "code"}, base=0.05
    ),
    "the reductions of a plateau": Row(lambda: of_plan(PLATEAU), PLATEAU, halved),
    "the reductions of a plateau, after the load": Row(lambda: of_plan(PLATEAU), PLATEAU, halved, "OS"),
    "a warmup and a cosine, interrupted at their boundary": Row(
        lambda: of_plan(WARM, 15), WARM, warm_cosine, updates=15
    ),
}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.filterwarnings("ignore:no update count found in the checkpoint")
@pytest.mark.filterwarnings("ignore:the plan starts at update 12 with the present values")
def test_a_plan_uses_the_values_of_the_formula_and_of_an_uninterrupted_run(name):
    row = PLANS[name]
    state, of_scheduler = row.before()
    optimizer = probe(lr=row.base)
    scheduler = None
    for action in row.order:
        if action == "S":
            scheduler = ps.Scheduler(optimizer, row.plan, **row.options)
        elif action == "O":
            optimizer.load_state_dict(copy.deepcopy(state))
        elif action == "T":
            scheduler.load_state_dict(of_scheduler)
        elif action == "I":
            optimizer.param_groups[0]["initial_lr"] = BASE
        else:
            scheduler.seek(row.updates)
    values = train(optimizer, scheduler)

    assert values == pytest.approx(
        [row.base * row.formula(t) for t in range(row.updates, row.updates + REST)], rel=1e-12
    )
    assert scheduler.t == row.updates + REST
    if not scheduler.states:
        total = row.options.get("total") or (None if scheduler.plan.total else END)
        assert values == planned(scheduler.plan, {"lr": row.base}, total=total)[row.updates : row.updates + REST]


# ------------------------------------------------------------------ drop-ins

BUILDS: dict[str, tuple[Callable[..., Any], Callable[[int], float]]] = {
    "LinearLR": (lambda module, value: module.LinearLR(value, 0.1, 1.0, 20), linear_warmup),
    "MultiStepLR": (lambda module, value: module.MultiStepLR(value, [AT, AT + 5]), milestones),
    "ExponentialLR": (lambda module, value: module.ExponentialLR(value, 0.9), exponential),
    "CosineAnnealingLR": (lambda module, value: module.CosineAnnealingLR(value, 40), cosine),
    "CosineAnnealingWarmRestarts": (lambda module, value: module.CosineAnnealingWarmRestarts(value, 10), cycles),
    "LambdaLR": (lambda module, value: module.LambdaLR(value, cosine), cosine),
    "OneCycleLR": (lambda module, value: module.OneCycleLR(value, BASE, 40), one_cycle),
    "SequentialLR": (
        lambda module, value: module.SequentialLR(
            value,
            [module.LambdaLR(value, lambda t: t / 15), module.CosineAnnealingLR(value, 25)],
            milestones=[15],
        ),
        warm_cosine,
    ),
}


@pytest.mark.parametrize("updates", [AT, 15])
@pytest.mark.parametrize("saved_by", [lr_scheduler, dropins], ids=["by torch", "by the drop-in"])
@pytest.mark.parametrize("order", ["build, optimizer, scheduler", "optimizer, build, scheduler"])
@pytest.mark.parametrize("name", BUILDS)
def test_a_dropin_with_its_state_uses_the_values_of_the_formula(name, order, saved_by, updates):
    build, formula = BUILDS[name]
    state, of_scheduler = of_torch(build, updates, saved_by)
    optimizer = probe(lr=BASE)
    if order.startswith("optimizer"):
        optimizer.load_state_dict(copy.deepcopy(state))
    scheduler = build(dropins, optimizer)
    if order.startswith("build"):
        optimizer.load_state_dict(copy.deepcopy(state))
    scheduler.load_state_dict(of_scheduler)

    values = train(optimizer, scheduler)

    assert values == pytest.approx([BASE * formula(t) for t in range(updates, updates + REST)], rel=1e-9, abs=1e-12)


# ------------------------------------------------------------------ several groups, tensors


def test_layers_unfrozen_before_the_resume_continue_with_their_own_base():
    plan = COSINE
    optimizer = probe(lr=BASE)
    ps.Scheduler(optimizer, plan)
    for t in range(AT):
        if t == 5:
            optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.02})
        optimizer.step()
    resumed = probe({"lr": BASE}, {"lr": 0.5})  # the code of the resume has another base
    ps.Scheduler(resumed, plan)

    with pytest.warns(ps.PlanWarning, match="base of lr in group 1: 0.02 in the checkpoint, 0.5 in the code"):
        resumed.load_state_dict(optimizer.state_dict())
    for _ in range(REST):
        resumed.step()

    for index, base in enumerate((BASE, 0.02)):
        assert used(resumed, index=index) == pytest.approx([base * cosine(t) for t in range(AT, END)], rel=1e-12)
        assert used(resumed, index=index) == planned(plan, {"lr": base})[AT:END]


def test_the_rate_of_a_compiled_step_stays_the_same_tensor():
    state, _ = of_plan(COSINE, lr=torch.tensor(BASE, dtype=torch.float64))
    lr = torch.tensor(BASE, dtype=torch.float64)
    optimizer = probe(lr=lr)
    ps.Scheduler(optimizer, COSINE)
    present = optimizer.param_groups[0]["lr"]

    optimizer.load_state_dict(copy.deepcopy(state))
    for _ in range(REST):
        optimizer.step()

    assert optimizer.param_groups[0]["lr"] is present
    assert used(optimizer) == planned(COSINE, {"lr": BASE})[AT:END]
