"""The times of a trace: those of a run that follows its plan, or the recorded amounts of a run."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import final

import numpy as np

from paramsched.base.arrays import Array
from paramsched.errors import InvalidArgument, MissingFact, Unresolved, shown
from paramsched.plan.plan import Plan
from paramsched.plan.resolve import TimeUnit, amounts_of_run, uneven_unit, updates_of_horizon
from paramsched.plan.run_amounts import MAX_CONSUMED, RunAmounts
from paramsched.time import Calendar

_MAX_UPDATES = 500_000_000  # 4 GB for each field and group


@final
@dataclass(frozen=True, slots=True, eq=False)
class TracedTimes:
    """The updates of a trace, and the amounts consumed before them.

    Args:
        total: the number of updates.
        clock: the unit of `amounts`; None if the plan is by updates.
        amounts: the amount consumed before each update; None if the plan is by updates.
        end: the horizon on the clock of `amounts`; if it is unknown, the last recorded amount.
        recorded: True if the amounts are not those that the plan and the run facts determine.
    """

    total: int
    clock: str | None = None
    amounts: Array | None = None
    end: int = 0
    recorded: bool = False

    @staticmethod
    def planned(resolved: Plan, facts: Calendar) -> "TracedTimes":
        """Return the times of a run that follows its plan.

        Raises:
            Unresolved: the horizon is unknown.
        """
        if resolved.horizon is None:
            instead = "Write Plan(…, horizon=…), or pass Calendar(total=…)"
            raise Unresolved("trace(…)", "the length of the run is unknown", instead)
        run = amounts_of_run(resolved, facts)
        total = updates_of_horizon(resolved, run)
        assert total is not None
        if total > _MAX_UPDATES:
            found = f"{total} updates are too many to store a value for each"
            instead = "Call the schedules instead: plan.resolve(calendar).bindings[0].schedule(t)"
            raise InvalidArgument("trace(…)", found, instead)
        if run is None:
            return TracedTimes(total)
        return TracedTimes(total, run.clock, run.amounts_from(0, 0, total), _end_of(resolved, run))

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
        try:
            end = None if resolved.horizon is None else _end_of(resolved, run)
        except MissingFact:  # a horizon in updates
            end = None
        last = ceil(found[-1]) if found.size else 0
        return TracedTimes(found.size, run.clock, found, last if end is None else end, recorded=True)

    def unit(self) -> TimeUnit | None:
        """Return the unit of time of recorded amounts; None if there are fewer than two."""
        if self.amounts is None or self.total < 2:
            return None
        assert self.clock is not None
        after = 2 * self.amounts[-1] - self.amounts[-2]  # the consumption of the last update is unknown
        return uneven_unit(self.clock, np.append(self.amounts, after).astype(np.float64))


def _end_of(resolved: Plan, run: RunAmounts) -> int:
    assert resolved.horizon is not None
    ((unit, count),) = resolved.horizon.terms
    return ceil(count if unit == run.clock else run.amount_at(int(count)))


def recorded_amounts(clock: str, given: Iterable[float]) -> Array:
    """Validate recorded amounts: finite, not negative, in ascending order, and integers unless in seconds.

    >>> recorded_amounts("tokens", [0.0, 4096.0]).tolist()
    [0, 4096]
    """
    sample = "[0.0, 0.25, 0.5]" if clock == "seconds" else "[0, 4096, 8192]"

    def refused(found: str) -> InvalidArgument:
        return InvalidArgument("trace(…, amounts=…)", found, f"Write amounts={sample}")

    try:
        amounts = np.asarray(given if isinstance(given, np.ndarray) else list(given))
    except (TypeError, ValueError):
        raise refused(f"expected a list of numbers, got {shown(given)}") from None
    whole = clock != "seconds"
    if not amounts.size:
        return np.empty(0, dtype=np.int64 if whole else np.float64)
    if amounts.ndim != 1 or amounts.dtype.kind not in "iuf":
        raise refused(f"expected a list of numbers, got {shown(given)}")
    wrong = ~((amounts >= 0) & (amounts < MAX_CONSUMED))  # also true for NaN
    if whole:
        wrong |= amounts != np.rint(amounts)
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        kind = f"an integer number of {clock}" if whole else "a number of seconds"
        raise refused(f"amount {index} is {amounts[index].item()!r}; expected {kind}, at least 0 and below 2**62")
    amounts = amounts.astype(np.int64 if whole else np.float64)
    back = np.flatnonzero(np.diff(amounts) < 0)
    if back.size:
        index = int(back[0]) + 1
        found = f"amount {index} is {amounts[index].item()!r}, less than the one before it: an amount never goes back"
        raise refused(found)
    return amounts
