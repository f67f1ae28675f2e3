"""Refuse a plan whose batches have other sizes than those that the engine trains."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import numpy as np

from paramsched.core.plan import Plan, Target
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.plan.run_amounts import SIZES_OF_BATCHES, SizeTarget, UnknownAmounts
from paramsched.core.time import RunFacts
from paramsched.errors import InvalidArgument, PlanError

_COMPARED: Final = 65_536
"""Updates whose sizes are compared one by one. A size that still changes after them differs from that of the engine."""

_PAGE: Final = "docs/how-to/growing-batch.md"


def refuse_untrained_sizes(call: str, plan: Plan, facts: RunFacts, fixed: Collection[str]) -> None:
    """Raise if a plan has a target `batch_size` or `accumulation` with another value than the engine trains.

    Args:
        call: the user's call, for the message.
        plan: the plan.
        facts: the run facts, with the sizes that the engine trains.
        fixed: the names of the sizes that are the same in the whole run.

    Raises:
        InvalidArgument: a planned size differs at an update of the run, or follows a metric.
    """
    targets = (one.name for one in plan.bindings if isinstance(one.field, Target) and one.name in SIZES_OF_BATCHES)
    names = [name for name in targets if name in fixed]
    if not names:
        return
    if (resolved := _resolved(plan, facts)) is not None:
        for name in names:
            _compare(call, resolved, name, getattr(facts, name))


def _resolved(plan: Plan, facts: RunFacts) -> ResolvedPlan | None:
    """Resolve a plan, with the length of the engine only if it has none; None if the Scheduler will refuse the plan."""
    for known in (facts, replace(facts, total=None)):
        with suppress(PlanError):
            return ResolvedPlan(plan, plan.resolve(facts=known), known)
    return None


def _compare(call: str, resolved: ResolvedPlan, name: str, size: int | None) -> None:
    """Raise if a planned size differs from the engine's at an update of the run; None if that is unknown."""
    target = resolved.batch_sizes[name]
    assert target is not None  # because the plan is resolved
    planned, rules = _sizes(resolved, target), target.schedule.metric_rules
    low, high = float(planned.min()), float(planned.max())
    if low == high == size and not rules:
        return
    sizes = f"{low:g} to {high:g}" if low < high else f"{low:g}"
    found = f"the plan schedules {name}={sizes}{' until a metric changes it' if rules else ''}"
    advice = f"Omit the target {name}, or train the planned sizes in a loop of your own, as in {_PAGE}"
    if size is not None:
        raise InvalidArgument(call, f"{found}, but the engine trains {name}={size} at every update", advice)
    if low == high and not rules:
        advice = f"Omit the target {name}, or pass the run fact {name}={low:g} if the loader has this size"
    raise InvalidArgument(call, f"{found}, but the engine trains one {name}, which is unknown here", advice)


def _sizes(resolved: ResolvedPlan, target: SizeTarget) -> Any:
    """Return the planned sizes of the first updates, and of the last one if they still change."""
    total = resolved.total
    count = _COMPARED if total is None else min(max(total, 1), _COMPARED)
    updates: Any = np.arange(count)
    amounts = updates
    if resolved.amounts is not None and target.by_amount:
        if isinstance(resolved.amounts, UnknownAmounts):
            end = resolved.resolved.total
            # Only the loop knows the amount of each update, so sizes are compared at amounts.
            last = float(end.terms[0][1]) if end is not None else float(_COMPARED)
            updates = amounts = np.linspace(0, max(last - 1, 0), count)
        else:
            amounts = resolved.amounts.amounts_from(0, 0, count)
    sizes = target.sizes(updates, amounts)
    if total is not None and total > count:
        amount = resolved.amount_at(total - 1) if target.by_amount else 0
        last_size = target.sizes(np.array([total - 1]), np.array([amount]))
        sizes = np.concatenate([sizes, last_size])
    return sizes
