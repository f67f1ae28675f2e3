"""The consumption of each update on a clock of amounts, and reported progress."""

from collections.abc import Mapping
from math import isfinite
from numbers import Integral, Real
from typing import Any, Final, final

import numpy as np
import torch

from paramsched.core.plan.lines import UpdateRange
from paramsched.core.plan.messages.amounts import missing_progress
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import MAX_CONSUMED, Amount, PlannedAmounts, UnknownAmounts
from paramsched.core.run.messages import amounts as messages
from paramsched.core.run.position import RunPosition
from paramsched.core.time.duration import PROGRESS, largest_on, rounded_progress
from paramsched.core.time.run_facts import CLOCK_SYNONYMS, CLOCKS, meant_clock
from paramsched.errors import InvalidArgument

_AHEAD: Final = 32  # amounts that are computed together if no rows of values need more


@final
class CountedAmounts:
    """The amounts of a run: what its updates have consumed, or its reported progress.

    Consumption that the loop reports is for the next update. It takes precedence over every other source, including an
    engine's count of its batches. If the step is skipped, the next update counts it. A reported progress is a position,
    which no update changes. A new run has none until its first report, a resumed one has that of its checkpoint.

    Attributes:
        unit: the unit of the clock.
        amount: the amount before the next update.
        last_amount: the amount before the last update.
        reported: consumption that was reported and that no update has counted yet.
        is_measured: True if an engine measured it, and False after a report of the loop.
        last_report: what the last update has consumed, if the loop reported it.
        no_end_below: no amount below it is at the end of the plan.

    Args:
        in_force: the plan in force, whose clock counts an amount.
    """

    amount: Amount | None = None
    last_amount: Amount | None = None
    reported: Amount | None = None
    is_measured = False
    last_report: Amount | None = None

    def __init__(self, in_force: ResolvedPlan) -> None:
        assert in_force.amounts is not None
        self._amounts = in_force.amounts
        self.unit = in_force.amounts.clock
        # Here, because `isinstance` takes long for an abstract type.
        self._is_unknown = isinstance(self._amounts, UnknownAmounts)
        self._is_planned = isinstance(self._amounts, PlannedAmounts)
        self.no_end_below = min(in_force.no_end_below, largest_on(self.unit))
        self.begin(0, has_progress=False)

    def move(self, position: RunPosition) -> None:
        """Come to a position without an update."""
        self.amount = self.last_amount = position.amount
        self.reported = position.reported
        self.is_measured = position.is_measured

    def continue_from(self, before: "CountedAmounts") -> None:
        """Take the amounts of another plan on the same clock."""
        self.amount = before.amount
        self.last_amount = before.last_amount
        self.reported = before.reported
        self.is_measured = before.is_measured

    def begin(self, t: int, *, has_progress: bool) -> None:
        """Discard what was expected of the updates from `t` on, and what was reported of the last one.

        Args:
            t: the next update.
            has_progress: True if its progress was reported, if the clock is the progress.
        """
        # The amounts before the updates from `_first` on, if each consumes what is expected: a cache.
        self._first = t
        self._ahead = list[Amount | None]([self.amount])
        self._each: Amount | None = None  # what each of these updates consumes, if that is not planned
        self._has_progress = has_progress
        self.last_report = None
        if self.is_progress:
            self.reported = None

    @property
    def is_progress(self) -> bool:
        """True if the clock is the progress of the run."""
        return self.unit == PROGRESS

    @property
    def may_be_unknown(self) -> bool:
        """True if the loop may have to report what an update consumes."""
        return self._is_unknown or self._is_planned

    def is_unknown_at(self, t: int) -> bool:
        """Return whether the consumption of the next update must be checked before that update, which is `t`."""
        if self.is_progress:
            return not self._has_progress
        is_open = self._is_unknown or (self._is_planned and self._expected(t + 1) is None)
        return is_open and self.reported is None

    def report(self, amount: Amount) -> None:
        """Add consumption that the loop reports for the next update."""
        before = None if self.is_measured else self.reported
        self.reported = (before or 0) + amount
        self.is_measured = False

    def add_measured(self, amount: Amount) -> bool:
        """Add consumption that an engine measured for the next update; return False if the loop reported its own."""
        if self.reported is not None and not self.is_measured:
            return False
        self.reported = (self.reported or 0) + amount
        self.is_measured = True
        return True

    def note_progress(self) -> None:
        """Note that the progress of the next update was reported."""
        self._has_progress = True

    def check(self, t: int, counted_by: str) -> None:
        """Check the consumption of the next update before that update.

        Args:
            t: the update.
            counted_by: the call that counts the batches of an engine, for the message.

        Raises:
            MissingFact: the consumption is unknown. Nothing has changed: report it and repeat the step.
            PlanError: the update is planned to consume nothing.
        """
        amounts = self._amounts
        assert self.amount is not None
        if self.is_progress:
            if not self._has_progress:
                raise missing_progress(f"update {t}")
        elif self.reported is None:
            if isinstance(amounts, PlannedAmounts):
                amounts.require_some(t, self.amount)
            else:
                raise messages.amount_of_update_unknown(self.unit, t, counted_by)

    def count(self, t: int) -> None:
        """Count the consumption of an update, after which `t` is the next one."""
        amount = self.amount
        reported = self.reported
        assert amount is not None
        self.last_report = None if self.is_measured else reported
        self.reported = None
        self.is_measured = False
        following = amount if self.is_progress else self._expected(t)
        if reported is not None:
            # If the previous update consumed as much as this one, the next updates are assumed to do so, too.
            is_repeated = following is None and self.last_amount is not None and reported == amount - self.last_amount
            if amount + reported != following:
                following = amount + reported
                self._compute(t, following, reported if is_repeated and self._is_unknown else None, _AHEAD)
        elif following is None:
            self._compute(t - 1, amount, None, _AHEAD)
            following = self._ahead[1] if len(self._ahead) > 1 else amount
        self.last_amount = amount
        self.amount = following

    def times_from(self, t: int, amount: Amount | None, count: int) -> UpdateRange:
        """Return the times of up to `count` updates from update `t` on, before which the run has this amount."""
        if self.is_progress:
            return UpdateRange(t, amount, count)
        if amount is None or self._expected(t) != amount:  # of an optimizer that has not stepped in the last update
            return UpdateRange(t, amount)
        if len(self._ahead) - (t - self._first) < count:
            self._compute(t, amount, self._each, count)
        amounts = self._ahead[t - self._first :][:count]
        return UpdateRange(t, amount) if len(amounts) == 1 else UpdateRange(t, np.array(amounts), len(amounts))

    def _expected(self, t: int) -> Amount | None:
        index = t - self._first
        return self._ahead[index] if 0 <= index < len(self._ahead) else None

    def _compute(self, t: int, amount: Amount, each: Amount | None, count: int) -> None:
        """Compute the amounts before `count` updates from update `t` on, fewer if they are unknown or not possible."""
        self._first = t
        self._each = each
        if self._is_unknown:
            if each is None or amount + each * count >= MAX_CONSUMED:
                self._ahead = [amount]
                return
            guesses: Any = amount + each * np.arange(count)
            self._ahead = guesses.tolist()
            return
        amounts = self._amounts.amounts_from(t, amount, count + 1)
        if self._is_planned:
            empty = np.flatnonzero(np.diff(amounts) < 1)  # an update that is planned to consume nothing is checked
            amounts = amounts[: int(empty[0]) + 1] if empty.size else amounts
        self._ahead = amounts.tolist()


def checked_amount(call: str, unit: str | None, keywords: Mapping[str, Any]) -> Amount:
    """Validate the keyword of a call such as `consumed(tokens=4096)`, and return its amount.

    Args:
        call: the start of the call, for messages.
        unit: the unit of the plan's clock; None for updates.
        keywords: the keywords of the call.

    >>> checked_amount("scheduler.consumed(", "samples", {"images": 64})
    64
    """
    plain = None if unit is None else keywords.get(unit)
    if type(plain) is int and len(keywords) == 1 and 0 <= plain < MAX_CONSUMED and unit != PROGRESS:
        return plain  # the fast path, because it runs at every update
    amount = amount_or_error(call, unit, keywords)
    if isinstance(amount, InvalidArgument):
        raise amount
    return amount


def amount_or_error(call: str, unit: str | None, keywords: Mapping[str, Any]) -> int | InvalidArgument:
    """Return the amount of a call, or the error if it is invalid; the arguments are those of `checked_amount`."""
    error = metrics_error(call, keywords)
    if error is not None:
        return error
    if unit is None:
        return amount_on_updates(call, keywords)
    if unit == PROGRESS:
        return messages.progress_is_not_consumed(call, keywords)
    if len(keywords) != 1:
        return messages.not_one_amount(call, keywords, unit)
    ((name, value),) = keywords.items()
    if CLOCK_SYNONYMS.get(name, name) != unit:
        return messages.other_unit(call, keywords, unit)
    amount = as_number(value)
    if amount is not None and amount < 0:
        return messages.amount_is_negative(call, keywords, unit)
    if amount is None or amount >= MAX_CONSUMED:
        return messages.not_an_amount(call, keywords, unit)
    if amount != int(amount):
        return messages.amount_is_not_whole(call, keywords, unit)
    return int(amount)


def metrics_error(call: str, keywords: Mapping[str, Any]) -> InvalidArgument | None:
    """Return the error for keywords such as `report(val_loss=0.3)` that are metrics, which `observe` takes.

    >>> metrics_error("scheduler.consumed(", {"tokens": 4096})
    """
    if not keywords or any(meant_clock(name) is not None for name in keywords):
        return None
    return messages.metrics_for_amount(call, keywords)


def amount_on_updates(call: str, keywords: Mapping[str, Any]) -> InvalidArgument:
    """Return the error for an amount that is passed to a plan whose clock counts updates."""
    clock = next((name for name in keywords if CLOCK_SYNONYMS.get(name, name) in CLOCKS), "tokens")
    return metrics_error(call, keywords) or messages.clock_counts_updates(call, keywords, clock)


def progress_on_updates(call: str, keywords: Mapping[str, Any]) -> InvalidArgument:
    """Return the error for a progress that is passed to a plan whose clock counts updates."""
    if keywords and PROGRESS not in keywords:
        return amount_on_updates(call, keywords)
    return messages.clock_counts_updates(call, keywords, PROGRESS)


def as_number(value: Any) -> Amount | None:
    """Convert a number, or a tensor without dimensions, to a Python number; None for any other value."""
    if isinstance(value, torch.Tensor):
        if value.ndim != 0 or value.dtype == torch.bool or value.is_complex():
            return None
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    if isinstance(value, Integral):
        return int(value)
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def checked_progress(call: str, unit: str | None, keywords: Mapping[str, Any], most: float = 1.0) -> float:
    """Validate the keyword of a call such as `report(progress=0.37)`; return the progress in whole billionths.

    Args:
        call: the start of the call, for messages.
        unit: the unit of the plan's clock; None for updates.
        keywords: the keywords of the call.
        most: the largest valid number.

    >>> checked_progress("scheduler.report(", "progress", {"progress": 1 / 3})
    0.333333333
    """
    value = keywords.get(PROGRESS)
    if type(value) is float and len(keywords) == 1 and 0 <= value <= 1 and unit == PROGRESS:
        return rounded_progress(value)
    progress = progress_or_error(call, unit, keywords, most)
    if isinstance(progress, InvalidArgument):
        raise progress
    return progress


def progress_or_error(
    call: str, unit: str | None, keywords: Mapping[str, Any], most: float = 1.0
) -> float | InvalidArgument:
    """Return the progress of a call, or the error if it is invalid; the arguments are those of `checked_progress`."""
    error = metrics_error(call, keywords)
    if error is not None:
        return error
    if unit is None:
        return progress_on_updates(call, keywords)
    if unit != PROGRESS:
        return messages.clock_is_not_progress(call, keywords, unit)
    number = as_number(keywords.get(PROGRESS))
    if list(keywords) != [PROGRESS] or number is None or not 0 <= number <= most:
        return messages.not_a_progress(call, keywords)
    return rounded_progress(float(min(number, 2)))  # an integer may be too large for a float
