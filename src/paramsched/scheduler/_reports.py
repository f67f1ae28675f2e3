"""What a Scheduler is given and gives."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from numbers import Real
from typing import Any

import torch
from torch.optim import Optimizer

from paramsched.errors import InvalidArgument, MissingFact, nearest, shown
from paramsched.feedback.base import MetricRule
from paramsched.fields import Field, flat_groups, numeric
from paramsched.plan import Plan
from paramsched.plan.trace import Key, unique_labels
from paramsched.scheduler._clock import RuleStates
from paramsched.scheduler._group_keys import Group
from paramsched.scheduler._planned_groups import PlannedGroups
from paramsched.time import Calendar


def values_by_key(planned: PlannedGroups, groups: Sequence[Group]) -> dict[Key, float]:
    """Those of the coming update, by field and group as in a `Trace`; targets have group ""."""
    labels = unique_labels(groups)
    found: dict[Key, float] = {
        (slot.name, labels[slot.group]): value
        for slot, value in planned.values()
        if slot.group in labels  # of a detached scheduler's optimizer groups may have gone
    }
    for name, value in planned.target_values(planned.clock.times, planned.clock.states):
        found[name, ""] = value
    return found


def flat_scalars(planned: PlannedGroups, groups: Sequence[Group], *, last: bool) -> dict[str, float]:
    """Those of the last update, or the coming one, and what had been consumed before it.

    Before the first update the last are the coming ones.
    """
    clock = planned.clock
    is_last = last and clock.t > 0
    times, states = (clock.last_times, clock.used) if is_last else (clock.times, clock.states)
    names = flat_groups(groups)
    found = {
        Field.of(slot.name).slot + names[slot.group]: value
        for slot, value in (planned.last_values() if is_last else planned.values())
        if slot.group < len(names)  # of a detached scheduler's optimizer groups may have gone
    }
    for name, value in planned.target_values(times, states):
        found[name if name not in found else f"targets/{name}"] = value
    amount = clock.last_amount if is_last else clock.amount
    if amount is not None:
        found[f"consumed_{planned.in_force.unit}"] = float(amount)
    return found


# TensorBoard rewrites other characters, MLflow refuses most of them, and a slash makes a folder in each.


def states_after(states: RuleStates, metrics: Mapping[str, Any]) -> dict[MetricRule[Any], Any]:
    """The states of metric rules when these metrics have been observed."""
    watched = {rule.metric for rule in states}
    numbers = {}
    for name, value in metrics.items():
        if name not in watched:
            instead = nearest(name, watched) if watched else "the plan has no metric rule"
            raise InvalidArgument(f"observe({name}={value!r})", f"no rule watches {name!r}; {instead}")
        numbers[name] = _metric_as_float(name, value)
    return {
        rule: rule.observe(state, numbers[rule.metric]) if rule.metric in numbers else state
        for rule, state in states.items()
    }


def name_of_only_metric(rules: Iterable[MetricRule[Any]], metric: Any) -> str:
    """Which metric `step(metric)` means: that of the plan's only rule."""
    names = sorted(rule.metric for rule in rules)
    if len(names) > 1:
        raise InvalidArgument(
            f"scheduler.step({metric!r})",
            f"the plan has {len(names)} metric rules",
            f"Write scheduler.observe({', '.join(f'{name}=…' for name in sorted(set(names)))})",
        )
    return names[0]


def _metric_as_float(name: str, value: Any) -> float:
    """A metric as a float: a real number, or a tensor of one."""
    if isinstance(value, torch.Tensor) and value.ndim == 0 and value.dtype != torch.bool and not value.is_complex():
        return float(value.detach())
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise InvalidArgument(
                f"observe({name}=…)", "an integer beyond the numbers", f'Write observe({name}=float("inf"))'
            ) from None
    shape = f" of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else ""
    raise InvalidArgument(
        f"observe({name}=…)", f"a {type(value).__name__}{shape} is no number", f"Write observe({name}=float(value))"
    )


def given_facts(**facts: Any) -> dict[str, Any]:
    """The keywords that were given."""
    return {name: fact for name, fact in facts.items() if fact is not None}


def calendar_of_call(call: str, calendar: Any, given: dict[str, Any]) -> Calendar:
    """The Calendar of a call that takes one, or its facts as keywords."""
    if calendar is not None and given:
        raise InvalidArgument(
            f"{call}(calendar=…, {', '.join(given)}=…)", "facts are given twice", "Put them all into the Calendar"
        )
    if calendar is not None and not isinstance(calendar, Calendar):
        instead = "Write calendar=ps.Calendar(steps_per_epoch=100)"
        if isinstance(calendar, int) and not isinstance(calendar, bool) and calendar > 0:
            instead = f"Write calendar=ps.Calendar(total={calendar})"
        raise InvalidArgument(f"{call}(calendar={shown(calendar)})", "no Calendar", instead)
    names = [field.name for field in fields(Calendar)]
    if unknown := sorted(given.keys() - set(names)):
        raise InvalidArgument(f"{call}({unknown[0]}=…)", nearest(unknown[0], names))
    return calendar if calendar is not None else Calendar(**given)


def resolve_for(call: str, plan: Plan, calendar: Calendar) -> Plan:
    """The plan with its lengths in updates; what is missing is told in the words of the call."""
    try:
        return plan.resolve(calendar)
    except MissingFact as error:
        fact = f"{error.fact}={error.example}"
        found = error.found
        if not call.startswith("scheduler."):
            later = f'{call}calendar="later"), and scheduler.resolve({fact}) before the first update'
            found += f"; it may be given later: {later}"
        raise MissingFact(error.asked, found, f"Write {call}{fact})", fact=error.fact, example=error.example) from None


_INNER_NAMES = ("optimizer", "_optimizer", "_base_optimizer", "base_optimizer")
"""Where wrappers keep what they wrap: Accelerate and MMEngine, Lightning, Lookahead, SAM."""


def unwrapped_optimizer(optimizer: Any) -> Any:
    """The innermost optimizer: wrappers are looked through."""
    seen: list[int] = []
    while id(optimizer) not in seen:
        seen.append(id(optimizer))
        own = getattr(optimizer, "__dict__", {})
        inner = next((own[name] for name in _INNER_NAMES if isinstance(_param_groups_of(own.get(name)), list)), None)
        if inner is None:
            break
        optimizer = inner
    if (members := _members_of(optimizer)) is not None:
        raise InvalidArgument(
            f"Scheduler({type(optimizer).__name__}, …)",
            "it is a container of optimizers; make one Scheduler for each of its optimizers",
            f"Write schedulers = [ps.Scheduler(one, plan) for one in {members}]",
        )
    if not isinstance(_param_groups_of(optimizer), list) or not optimizer.param_groups:
        raise InvalidArgument(
            f"Scheduler({type(optimizer).__name__}, …)", "it has no param_groups", "Write ps.Scheduler(optimizer, plan)"
        )
    return optimizer


def _members_of(optimizer: Any) -> str | None:
    """Return the expression for the optimizers in a container, such as a list; None for an optimizer."""
    groups = _param_groups_of(optimizer)
    if isinstance(groups, list) and any(map(numeric, groups)):
        return None  # its groups have values of their own, which a plan can write
    if _are_optimizers(optimizer):
        return "optimizers"
    own = getattr(optimizer, "__dict__", {})
    return next((f"optimizer.{name}" for name, value in own.items() if _are_optimizers(value)), None)


def _are_optimizers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(one, Optimizer) for one in value)


def require_hooks(optimizer: Any) -> None:
    """Refuse an optimizer whose step fires no hooks."""
    if _fires_hooks(optimizer):
        return
    own = getattr(optimizer, "__dict__", {})
    inner = next((name for name, value in own.items() if _fires_hooks(value)), None)
    raise InvalidArgument(
        f"Scheduler({type(optimizer).__name__}, …)",
        "its step fires no hooks, so nothing can follow it",
        'Write Scheduler(…, drive="manual") and call scheduler.step() after each update'
        if inner is None
        else f"Write ps.Scheduler(optimizer.{inner}, plan)",
    )


def _fires_hooks(optimizer: Any) -> bool:
    return isinstance(optimizer, Optimizer) and bool(getattr(type(optimizer).step, "hooked", False))


def _param_groups_of(candidate: Any) -> Any:
    return getattr(candidate, "param_groups", None)
