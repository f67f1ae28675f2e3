"""Compute the curves of a plan without an optimizer, or of a built scheduler."""

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Final, TypeAlias

from paramsched.core.fields import Field, Group, numeric
from paramsched.core.plan import Binding, Plan, Target, resolve
from paramsched.core.plan.binding import lengths_of_line
from paramsched.core.plan.optimizers import unique_labels
from paramsched.core.plan.plan import units_of_plan
from paramsched.core.plan.trace import Trace, groups_of, trace
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.time import Duration, RunFacts
from paramsched.core.time.run_facts import SIZES
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.show._curves import Key, RecordedCurves, curves_from_values


def curves_of_plan(plan: Plan, bases: Any = None, facts: RunFacts | None = None) -> tuple[Trace, str]:
    """Return the values of a plan at every update, and a text with the facts that were assumed.

    Args:
        plan: the plan.
        bases: an optimizer, or dicts like its groups; None uses groups that match the plan's selectors, with values
            as multiples of base.
        facts: the known run facts. If all lengths are in one unit, a missing conversion to updates is assumed,
            which only stretches the picture. A missing length of the run is assumed too.

    >>> curves, assumed = curves_of_plan(Plan(lr="warmup('5%') >> cosine()", total="20 epochs"))
    >>> curves.total, assumed
    (2000, 'steps_per_epoch assumed to be 100')
    """
    known = facts or RunFacts()
    notes = []
    units = units_of_plan(plan) - {"percent"}
    if len(units) == 1 and "updates" not in units:
        (unit,) = units
        amounts = plan.total.terms if plan.total is not None else _terms_of(plan)
        share = 1 if plan.total is not None else 4  # the longest length fills a quarter of the picture
        fact, value = assumed_value(unit, share * max(float(amount) for one, amount in amounts if one == unit))
        if getattr(known, fact) is None and not (unit == "epochs" and known.updates_per_epoch):
            more: dict[str, Any] = {fact: value}
            known = replace(known, **more)
            notes.append(f"{fact} assumed to be {value:g}")
    if plan.total is None and known.total is None:
        total = length_of_plan(plan, known)
        if total is None:
            total = max([ASSUMED_TOTAL, *(4 * ceil(known.exact(Duration((term,)))) for term in _terms_of(plan))])
            notes.append(f"total assumed to be {total} updates")
        known = replace(known, total=total)
    assumed = ", ".join(notes)
    if bases is not None:
        return trace(plan, bases, facts=known), assumed
    bindings = [one for one in plan.bindings if not isinstance(one.field, Target)]
    groups = groups_of_selectors(bindings)
    for group in groups:
        for one in bindings:
            Field.of(one.name).fill(group, 1.0)
    found = trace(plan, groups, facts=known)
    return found.with_assumed_bases(key for key in found.keys() if key[1] != ""), assumed


def plan_of_schedule(schedule: Schedule) -> Plan:
    """Return a plan with this schedule alone, for a target `value` with base 1."""
    return Plan(Binding(Target("value", 1.0), schedule))


def _terms_of(plan: Plan) -> list[tuple[str, Any]]:
    lengths = [length for binding in plan.bindings for length in lengths_of_line(binding)]
    return [term for length in lengths for term in length.terms if term[0] != "percent"]


ASSUMED_TOTAL: Final = 1_000
"""The assumed updates of a run of unknown length."""

_SHORT_EPOCH = 100  # assumed updates per epoch if no length is in updates


def assumed_value(unit: str, amount: float) -> tuple[str, float]:
    """Return the run fact that converts a unit to updates, with a value that yields about 1,000 updates.

    >>> assumed_value("epochs", 20), assumed_value("tokens", 5e6)
    (('steps_per_epoch', 100), ('tokens_per_step', 5000.0))
    """
    if unit == "epochs":
        return "steps_per_epoch", _SHORT_EPOCH
    fact, share = SIZES[unit][-1][0], amount / ASSUMED_TOTAL
    return fact, max(1, round(share)) if unit in ("samples", "batches") else share


def length_of_plan(plan: Plan, facts: RunFacts) -> int | None:
    """Return the length of the longest schedule of a plan in updates; None if a schedule has no length.

    >>> length_of_plan(Plan(lr="warmup(10) >> cosine(over=90)"), RunFacts())
    100
    """
    try:
        lengths = [resolve(one.schedule, facts=facts).length for one in plan.bindings if one.schedule.has_length]
    except (MissingFact, InvalidArgument):
        return None
    complete = len(lengths) == len(plan.bindings)
    return max((ceil(one) for one in lengths if one is not None), default=0) or None if complete else None


def groups_of_selectors(bindings: Sequence[Binding]) -> list[dict[str, Any]]:
    """Return one group without fields for each selector of the bindings.

    >>> groups_of_selectors([Binding("lr", "cosine()"), Binding("lr", "constant()", groups="head")])
    [{'name': 'default'}, {'name': 'head'}]
    """
    indices = {one.groups for one in bindings if isinstance(one.groups, int)}
    names = list(dict.fromkeys(one.groups for one in bindings if isinstance(one.groups, str)))
    groups: list[dict[str, Any]] = [{} for _ in range(max(indices, default=-1) + 1)]
    # Bindings without a selector need a group that no selector matches, called "default" next to named groups.
    if len(groups) == len(indices) and any(one.groups is None for one in bindings):
        alone = not groups and not names
        groups.append({} if alone or "default" in names else {"name": "default"})
    return groups + [{"name": name} for name in names]


Metrics: TypeAlias = Sequence[float] | Callable[[int, Sequence[Group]], float]
"""The metrics passed to a metric-driven scheduler: one number per update, or a function of the update and groups."""


def simulate(
    scheduler: Any,
    updates: int,
    *,
    metrics: Metrics | None = None,
    steps_per_epoch: int | None = None,
) -> RecordedCurves:
    """Record the values of a built scheduler by stepping a copy of it.

    The scheduler and its optimizer stay unchanged; parameters and the optimizer's state are not copied. The result
    contains lr and every other numeric field that changes.

    Args:
        scheduler: any object with an optimizer and a `step`, of torch, MMEngine, timm, pytorch-accelerated or
            paramsched.
        updates: number of values to record, at least 1: one more than the number of calls of `step`.
        metrics: for a metric-driven scheduler, a sequence or a function of the update and the groups
            (`lambda t, groups: groups[0]["lr"]` passes the lr itself).
        steps_per_epoch: steps per epoch, for the time axis; None for no epochs.

    Raises:
        InvalidArgument: if `updates` is not a positive number, the scheduler has no optimizer, or there are too few
            metrics.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> halving = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> simulate(halving, 5)["lr", 0].tolist()
    [1.0, 1.0, 0.5, 0.5, 0.25]
    >>> optimizer.param_groups[0]["lr"]
    1.0
    """
    if isinstance(updates, bool) or not isinstance(updates, int) or updates < 1:
        found = "expected a positive number of updates"
        raise InvalidArgument(f"simulate(…, {updates!r})", found, "For example: simulate(s, 100)")
    if metrics is not None and not callable(metrics) and len(metrics) < updates - 1:
        found = f"expected one metric per step, {updates - 1} in total, got {len(metrics)}"
        raise InvalidArgument(f"simulate(…, {updates}, metrics=…)", found, "Pass one metric per step")
    if metrics is None and any(kind.__name__ == "ReduceLROnPlateau" for kind in type(scheduler).__mro__):
        found = "the scheduler follows a metric, so each step needs one"
        raise InvalidArgument(
            f"simulate({type(scheduler).__name__}, …)", found, f"For example: metrics=[1.0] * {updates}"
        )
    copied = _copy_of_scheduler(scheduler)
    groups = groups_of(copied.optimizer)
    labels = unique_labels(groups)
    places = {(name, labels[i]): (Field.of(name), i) for i, group in enumerate(groups) for name in numeric(group)}
    values: dict[Key, list[float]] = {key: [] for key in sorted(places, key=lambda key: (key[0] != "lr", key[0]))}
    step = _step_function(copied)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other libraries warn about a missing optimizer.step()
        for t in range(updates):
            for key, column in values.items():
                field, index = places[key]
                column.append(float(field.read(groups[index])))
            if t + 1 < updates:
                observed = [] if metrics is None else [metrics(t, groups) if callable(metrics) else metrics[t]]
                step(t + 1, *map(float, observed))
    moving = {key: column for key, column in values.items() if key[0] == "lr" or len(set(column)) > 1}
    lines = dict.fromkeys(moving, type(scheduler).__name__)
    return curves_from_values(moving, steps_per_epoch=steps_per_epoch, lines=lines)


def _copy_of_scheduler(scheduler: Any) -> Any:
    """Return a copy of a scheduler and its optimizer. Both optimizers share their parameters and state."""
    optimizer = getattr(scheduler, "__dict__", {}).get("optimizer")
    if optimizer is None:
        call = f"simulate({type(scheduler).__name__}, …)"
        raise InvalidArgument(call, "it has no optimizer", "Pass a built scheduler")
    shared: dict[int, Any] = {}
    for group in groups_of(optimizer):
        shared |= {id(parameter): parameter for parameter in group.get("params", ())}
    state = getattr(optimizer, "state", None)
    shared[id(state)] = state
    return copy.deepcopy(scheduler, shared)


def _step_function(scheduler: Any) -> Callable[..., object]:
    """Return the function that steps a scheduler; it takes the update and, if there is one, the metric."""
    family = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(scheduler).__mro__}
    names = {name.partition(".")[2] for name in family}
    if "timm.Scheduler" in family:
        per_epoch = getattr(scheduler, "t_in_epochs", True)
        return scheduler.step if per_epoch else scheduler.step_update  # type: ignore[no-any-return]  # of another library
    if "_ParamScheduler" in names:
        return lambda _, *metric: scheduler.step(*({scheduler.monitor: one} for one in metric))
    if "SchedulerBase" in names and "StatefulSchedulerBase" not in names:
        return scheduler.step_update  # type: ignore[no-any-return]  # as above
    if "paramsched.Scheduler" in family:
        return lambda t, *metric: (scheduler.seek(t), metric and scheduler.step(*metric))
    return lambda _, *metric: scheduler.step(*metric)
