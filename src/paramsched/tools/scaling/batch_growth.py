"""Seesaw: in place of a decaying learning rate, a growing batch."""

from bisect import bisect_left
from dataclasses import replace
from math import sqrt

import numpy as np

from paramsched.core.advice.number_checks import whole_number
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.plan.forms import PlanLike, plan_of
from paramsched.core.plan.run_amounts import usual_size
from paramsched.core.schedules import Schedule, absolute, constant, skip, take
from paramsched.core.schedules.cuts import without_unit
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.sequence import sequence
from paramsched.core.time import Calendar
from paramsched.errors import CallSite, InvalidArgument, PlanError

_POINTS = 10_001  # at which the rate is checked, besides its breakpoints


def seesaw(plan: PlanLike, *, batch: int, largest: int, calendar: Calendar | None = None, factor: int = 2) -> Plan:
    """Return a plan whose batch grows where the rate of `plan` falls, with fewer updates for the same data.

    Where the rate of `plan` has fallen to 1/2ᵏ of its peak, the batch is 2ᵏ · `batch` and the rate is peak/√2ᵏ. After
    the last growth the batch stays, and the rate is √2ᵏ times that of `plan`. Up to the peak nothing changes.

    The method was shown for models of 150M to 600M parameters with AdamW, up to the critical batch size; above it the
    loss rises. Weight decay is not changed.

    Args:
        plan: a plan for lr alone, whose clock counts tokens or samples. Its rate must not rise after its peak.
        batch: the batch size up to the first growth, in samples.
        largest: the largest batch size, at least `factor` times `batch`.
        calendar: the run facts that convert the units of the plan.
        factor: the factor of each growth, in place of 2.

    Raises:
        PlanError: the plan has another clock, other lines or metric rules.
        InvalidArgument: the rate rises after its peak or never falls far enough, or a number is out of range.

    Source: 2510.14717.

    >>> plan = Plan(lr="linear()", clock="samples", horizon="1000 samples")
    >>> for line in seesaw(plan, batch=8, largest=16).bindings:
    ...     print(line)
    lr: constant(over="until 500 samples")
        >> constant(1.4142135623730951) * skip(linear(over="1000 samples"), "500 samples")
    batch_size = 1.0: constant(8.0, "until 500 samples") >> constant(16.0)
    """
    plan = plan_of(plan, "ps.scaling.seesaw")
    first = whole_number(CallSite("scaling.seesaw", "batch"), batch)
    growth = whole_number(CallSite("scaling.seesaw", "factor"), factor, least=2)
    most = whole_number(CallSite("scaling.seesaw", "largest"), largest)
    if most < growth * first:
        found = f"must be at least {growth} × batch, got {most}"
        raise InvalidArgument(CallSite("scaling.seesaw", "largest"), found, f"Write largest={growth * first}")
    if plan.clock not in ("tokens", "samples"):
        found = "the plan must count tokens or samples, because the number of updates changes"
        raise PlanError("scaling.seesaw(…)", found, 'Use ps.Plan(…, clock="tokens", horizon="1B tokens")')
    if any(target.name == "batch_size" for target in plan.targets):
        raise PlanError("scaling.seesaw(…)", "the plan has a batch_size already", "Remove batch_size from the plan")
    if len(plan.bindings) != 1 or plan.bindings[0].name != "lr" or plan.metric_rules:
        found = f"expected a plan for lr alone, without metric rules, got {'; '.join(map(str, plan.bindings))}"
        raise PlanError("scaling.seesaw(…)", found, "Remove the other lines and the metric rules")
    clock = str(plan.clock)
    resolved = plan.resolve(Calendar() if calendar is None else calendar)
    if resolved.horizon is None:
        raise PlanError("scaling.seesaw(…)", "the length of the run is unknown", 'For example: horizon="1B tokens"')
    schedule = resolved.bindings[0].schedule
    counted = without_unit(schedule, clock)
    ((_, end),) = resolved.horizon.terms
    places = np.union1d(np.linspace(0, int(end), _POINTS).astype(np.int64), counted.breakpoints(int(end)))
    rates = evaluate(counted, places, 1.0)
    scales = not np.array_equal(rates, evaluate(counted, places, 2.0))
    if scales and schedule.has_absolute:
        found = "some levels are absolute and some are multiples of base"
        raise PlanError("scaling.seesaw(…)", found, "Use multiples of base for all levels")
    top = int(np.argmax(rates))
    peak, begin = float(rates[top]), int(places[top])
    if peak <= 0:
        raise PlanError("scaling.seesaw(…)", "the rate is never above 0", 'For example: ps.Plan(lr="cosine()", …)')
    rises = np.flatnonzero(np.diff(rates[top:]) > 1e-9 * peak)
    if rises.size:
        found = f"the rate rises after its peak, at {int(places[top + rises[0]])} {clock}"
        raise PlanError("scaling.seesaw(…)", found, "Pass a plan that only decays after its warmup")
    cuts: list[int] = []
    while first * growth ** (len(cuts) + 1) <= most:
        cut = bisect_left(range(int(end)), -peak / growth ** (len(cuts) + 1), begin, key=lambda at: -counted(at))
        if cut == end:
            break
        cuts.append(cut)
    if not cuts:
        found = f"the rate never falls to 1/{growth} of its peak"
        raise PlanError("scaling.seesaw(…)", found, "Pass a plan with a longer decay")
    stages: list[Schedule] = [take(schedule, f"{begin} {clock}")] if begin else []
    sizes: list[Schedule] = []
    for index, cut in enumerate(cuts):
        if cut > (cuts[index - 1] if index else begin):  # a steep rate passes several cuts at once
            level = peak * sqrt(1 / growth**index)
            stages.append(constant(level if scales else absolute(level), over=f"until {cut} {clock}"))
            sizes.append(constant(float(first * growth**index), over=f"until {cut} {clock}"))
    stages.append(sqrt(growth ** len(cuts)) * skip(schedule, f"{cuts[-1]} {clock}"))
    sizes.append(constant(float(first * growth ** len(cuts))))
    lr = replace(plan.bindings[0], schedule=sequence(*stages))
    lines = [lr, Binding(Target(usual_size(clock), 1.0), sequence(*sizes))]
    return Plan(*lines, horizon=resolved.horizon, clock=plan.clock)
