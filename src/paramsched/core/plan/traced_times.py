"""The times of a trace: those of a run that follows its plan, or the recorded amounts of a run."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import final

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.resolve import (
    TimeUnit,
    amounts_of_run,
    even_unit,
    planned_amounts,
    uneven_unit,
    updates_of_horizon,
)
from paramsched.core.plan.run_amounts import MAX_CONSUMED, RunAmounts
from paramsched.core.time import Calendar
from paramsched.core.time.progress import PROGRESS, WHOLE, rounded_array
from paramsched.errors import InvalidArgument, MissingFact, Unresolved, shown

_MAX_UPDATES = 500_000_000  # 4 GB for each field and group


@final
@dataclass(frozen=True, slots=True, eq=False)
class TracedTimes:
    """The updates of a trace, and the amounts consumed before them.

    Args:
        total: the number of updates.
        clock: the unit of `amounts`; None if the plan is by updates.
        amounts: the amount before each update; None if the plan is by updates.
        end: the horizon as schedules on the clock of `amounts` count it; if it is unknown, the last recorded amount.
        recorded: True if the amounts are not those that the plan and the run facts determine.
    """

    total: int
    clock: str | None = None
    amounts: Array | None = None
    end: int = 0
    recorded: bool = False

    @staticmethod
    def planned(resolved: Plan, facts: Calendar) -> "TracedTimes":
        """Return the times of a run that follows its plan. On the clock of progress, updates are spread evenly.

        Raises:
            Unresolved: the horizon is unknown.
        """
        run = planned_amounts(resolved, facts)
        total = updates_of_horizon(resolved, run)
        instead = "Use Plan(…, horizon=…), or pass Calendar(total=…)"
        if resolved.clock == PROGRESS:
            total, instead = facts.horizon, "For example: ps.trace(plan, bases, ps.Calendar(total=1000))"
        if total is None:
            raise Unresolved("trace(…)", "the length of the run is unknown", instead)
        if total > _MAX_UPDATES:
            found = f"{total} updates are too many to store a value for each"
            instead = "Call the schedules instead: plan.resolve(calendar).bindings[0].schedule(t)"
            raise InvalidArgument("trace(…)", found, instead)
        if run is None:
            return TracedTimes(total)
        end = WHOLE if run.clock == PROGRESS else _end_of(resolved, run)
        return TracedTimes(total, run.clock, run.amounts_from(0, 0, total), end)

    @staticmethod
    def of_record(resolved: Plan, facts: Calendar, amounts: Iterable[float]) -> "TracedTimes":
        """Return the times of a run whose amounts were recorded.

        Raises:
            InvalidArgument: the plan's clock counts updates, or the amounts are not those of a run.
        """
        run = amounts_of_run(resolved, facts)
        if run is None:
            raise InvalidArgument("trace(…, amounts=…)", "the plan's clock counts updates", "Omit amounts")
        found = recorded_amounts(run.clock, amounts)
        if run.clock == PROGRESS:
            return TracedTimes(found.size, PROGRESS, found, WHOLE, recorded=True)
        try:
            end = None if resolved.horizon is None else _end_of(resolved, run)
        except MissingFact:  # a horizon in updates
            end = None
        last = ceil(found[-1]) if found.size else 0
        return TracedTimes(found.size, run.clock, found, last if end is None else end, recorded=True)

    def unit(self) -> TimeUnit | None:
        """Return the unit of time of the amounts; None if the run facts determine it, or if there are too few rows."""
        if self.clock == PROGRESS and not self.recorded:
            return even_unit(PROGRESS, self.total, 1 / self.total)
        if not self.recorded or self.total < 2 or self.clock is None or self.amounts is None:
            return None
        after = 2 * self.amounts[-1] - self.amounts[-2]  # the consumption of the last update is unknown
        return uneven_unit(self.clock, np.append(self.amounts, after).astype(np.float64))


def _end_of(resolved: Plan, run: RunAmounts) -> int:
    assert resolved.horizon is not None
    ((unit, count),) = resolved.horizon.terms
    return ceil(count if unit == run.clock else run.amount_at(int(count)))


def recorded_amounts(clock: str, given: Iterable[float]) -> Array:
    """Validate recorded amounts: finite, not negative, and in ascending order; integers, except seconds and progress.

    >>> recorded_amounts("tokens", [0.0, 4096.0]).tolist()
    [0, 4096]
    """
    whole = clock not in ("seconds", PROGRESS)
    sample = "[0, 4096, 8192]" if whole else "[0.0, 0.25, 0.5]"

    def refused(found: str) -> InvalidArgument:
        return InvalidArgument("trace(…, amounts=…)", found, f"For example: amounts={sample}")

    try:
        amounts = np.asarray(given if isinstance(given, np.ndarray) else list(given))
    except (TypeError, ValueError):
        raise refused(f"expected a list of numbers, got {shown(given)}") from None
    if not amounts.size:
        return np.empty(0, dtype=np.int64 if whole else np.float64)
    if amounts.ndim != 1 or amounts.dtype.kind not in "iuf":
        raise refused(f"expected a list of numbers, got {shown(given)}")
    limit = amounts <= 1 if clock == PROGRESS else amounts < MAX_CONSUMED
    wrong = ~((amounts >= 0) & limit)  # also true for NaN
    if whole:
        wrong |= amounts != np.rint(amounts)
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        kind = f"an integer number of {clock}" if whole else "a number of seconds"
        kind = "a fraction of the run from 0 to 1" if clock == PROGRESS else f"{kind}, at least 0 and below 2**62"
        raise refused(f"amount {index} is {amounts[index].item()!r}; expected {kind}")
    amounts = amounts.astype(np.int64 if whole else np.float64)
    back = np.flatnonzero(np.diff(amounts) < 0)
    if back.size:
        index = int(back[0]) + 1
        found = f"amount {index} is {amounts[index].item()!r}, less than the previous one; amounts must not decrease"
        raise refused(found)
    return rounded_array(amounts) if clock == PROGRESS else amounts
