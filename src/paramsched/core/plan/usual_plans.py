"""The plans of most runs, about which no question has anything to ask: a start with one imports and asks nothing."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from paramsched.core import curves
from paramsched.core.plan.binding import Binding, Target, binding_key
from paramsched.core.plan.plan import Plan
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.sequence import stages_of
from paramsched.core.time.duration import Duration
from paramsched.core.time.run_facts import UPDATES, RunFacts

_CURVES: Final = (curves.linear, curves.cosine)
"""Curves that are not nearly 0 long before their end."""
_LONG_ENOUGH: Final = 100
"""Updates of a run, in which no stage is a single update."""
_LONG_WARMUP: Final = 20
"""Updates; a shorter warmup may be one in epochs or in percent."""
_SMALLEST_END: Final = 0.001
"""The multiple of base above which a number is no value of a learning rate."""


def has_nothing_to_ask(
    plan: Plan, counted: Plan, facts: RunFacts, groups_of: Callable[[Binding], Sequence[tuple[Any, float]]]
) -> bool:
    """Return whether no question finds anything in a plan: each line is a decay from base, perhaps after a warmup.

    Args:
        plan: the plan as written.
        counted: the plan with resolved lengths.
        facts: the run facts.
        groups_of: returns the groups of a line with their bases.
    """
    if plan.clock != UPDATES or counted.total is None or facts.accumulation not in (None, 1):
        return False
    end = counted.total.number
    epoch = facts.updates_per_epoch
    if end < max(_LONG_ENOUGH, epoch or 0):
        return False
    resolved = {binding_key(line): line.schedule for line in counted.bindings}
    for line in plan.bindings:
        schedule = resolved.get(binding_key(line))
        bases = [base for _, base in groups_of(line) if base]
        if isinstance(line.field, Target) or schedule is None or not bases:
            return False
        if not _is_usual(line, schedule, min(bases), end):
            return False
    return True


def _is_usual(line: Binding, resolved: Schedule, base: float, end: Any) -> bool:
    *warmup, decay = stages_of(line.schedule)
    if decay.kind != "anneal" or decay.args["curve"] not in _CURVES or decay.args["start"] not in (None, 1.0):
        return False
    to = decay.args["to"]
    over = decay.args["over"]
    if warmup and warmup[-1].kind == "constant":
        held = warmup.pop().args
        if held["over"] is not None or held["value"] not in (None, 1.0) or over is None or not _is_share(over):
            return False
    elif over is not None:
        return False
    if not isinstance(to, float) or not _is_end(line.name, to, base) or len(warmup) > 1:
        return False
    return not warmup or _is_usual_warmup(warmup[0], stages_of(resolved)[0], end)


def _is_usual_warmup(warmup: Schedule, resolved: Schedule, end: Any) -> bool:
    """Return whether a stage is a warmup from 0 to base that takes up to a half of the run."""
    args = warmup.args
    length = resolved.length
    if warmup.kind != "warmup" or args["start"] not in (None, 0.0) or args["to"] not in (None, 1.0) or length is None:
        return False
    return (_is_share(args["over"]) or length.number > _LONG_WARMUP) and 2 * length.number <= end


def _is_end(field: str, to: float, base: float) -> bool:
    """Return whether a decay of a field may end at a multiple of the lowest base, and not at a value."""
    if field == "weight_decay":
        return to == 0 or (0 < to < 1 and (to <= base or is_round_share(to)))
    return field == "lr" and (to == 0 or _SMALLEST_END <= to < 1)


def _is_share(over: Duration) -> bool:
    """Return whether a length is a percentage of at least 1."""
    return len(over.terms) == 1 and over.terms[0][0] == "percent" and over.terms[0][1] >= 1


def is_round_share(level: float) -> bool:
    """Return whether a level is 1/n, as a multiple of base usually is.

    >>> is_round_share(0.1), is_round_share(0.4)
    (True, False)
    """
    return abs(1 / level - round(1 / level)) < 1e-9
