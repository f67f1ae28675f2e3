"""The consumption of each update on a clock of amounts, and reported progress."""

from collections.abc import Mapping
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any, Final, Protocol, final

import numpy as np
import torch

from paramsched.core.plan.lines import UpdateTimes
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import (
    EXAMPLE_OF_SIZE,
    MAX_CONSUMED,
    Amount,
    PlannedAmounts,
    ReportedProgress,
    UnknownAmounts,
    missing_amounts,
    missing_progress,
)
from paramsched.core.time.duration import PROGRESS, largest_on, rounded_progress
from paramsched.core.time.run_facts import CLOCK_SYNONYMS, CLOCKS, meant_clock
from paramsched.errors import InvalidArgument, MissingFact, shown

_COUNTER_ARGUMENTS = {
    "tokens": "tokens_per_sample=1024",
    "frames": "amount_of=lambda batch: batch.num_frames",
}
"""The arguments with which engines count a unit; they count samples and batches without one."""


class CountingRun(Protocol):
    """The part of a run that its consumption reads and changes, as in `Run`."""

    t: int
    amount: Amount | None
    last_amount: Amount | None
    reported: Amount | None
    is_measured: bool
    needs_check: bool
    not_finite_at: int
    counted_by: str

    @property
    def restored_from(self) -> str | None:
        """The name of the checkpoint from which the count was read."""


_AHEAD: Final = 32  # amounts that are computed together if no rows of values need more


@final
class Consumption:
    """The consumption of each update of a run, or its reported progress; constructed again when a run resumes.

    Consumption that the loop reports is for the next update. It takes precedence over every other source, including an
    engine's count of its batches. If the step is skipped, the next update counts it. A reported progress is a position,
    which no update changes. A new run has none until its first report, a resumed one has that of its checkpoint.

    Args:
        in_force: the plan in force, whose clock counts an amount.
        run: the run.
    """

    def __init__(self, in_force: ResolvedPlan, run: CountingRun) -> None:
        assert in_force.amounts is not None
        self._amounts, self._run, self.unit = in_force.amounts, run, in_force.amounts.clock
        self._is_unknown = isinstance(self._amounts, UnknownAmounts)  # here, because it takes long for an abstract type
        self._is_planned = isinstance(self._amounts, PlannedAmounts)
        self._is_position = isinstance(self._amounts, ReportedProgress)
        self.last_report: Amount | None = None  # of the loop, for the last update
        self.no_end_below = min(in_force.no_end_below, largest_on(self.unit))
        # The amounts before the updates from `_first` on, if each consumes what is expected: a cache.
        self._first, self._ahead = run.t, list[Amount | None]([run.amount])
        self._each: Amount | None = None  # what each of these updates consumes, if that is not planned
        self._is_reported = run.t > 0 or bool(run.amount) or run.restored_from is not None  # the progress
        if self._is_position:
            run.reported = None
        self._set_needs_check()

    def _set_needs_check(self) -> None:
        """Note whether the consumption of the next update must be checked before that update."""
        run = self._run
        if self._is_position:
            run.needs_check = not self._is_reported or run.not_finite_at == run.t
        else:
            is_open = self._is_unknown or (self._is_planned and self._expected(run.t + 1) is None)
            run.needs_check = (is_open and run.reported is None) or run.not_finite_at == run.t

    def checked(self, call: str, amount: Mapping[str, Any]) -> Amount:
        """Validate the keyword of a call, such as `scheduler.consumed(`, and return the amount."""
        return checked_amount(call, self.unit, amount)

    def checked_progress(self, progress: Mapping[str, Any]) -> float:
        """Validate the keyword of `scheduler.report`, and return the progress, which may be more than 1."""
        return checked_progress("scheduler.report(", self.unit, progress, most=inf)

    def report(self, amount: Amount) -> None:
        """Add consumption that the loop reports for the next update."""
        run = self._run
        before = None if run.is_measured else run.reported
        run.reported, run.is_measured = (before or 0) + amount, False
        self._set_needs_check()

    def add_measured(self, amount: Amount) -> None:
        """Add consumption that an engine measured for the next update; ignored if the loop reported its own."""
        run = self._run
        if run.reported is None or run.is_measured:
            run.reported, run.is_measured = (run.reported or 0) + amount, True
            self._set_needs_check()

    def note_progress(self) -> None:
        """Note that the progress of the next update was reported."""
        self._is_reported = True
        self._set_needs_check()

    def check(self) -> None:
        """Check the consumption of the next update before that update.

        Raises:
            MissingFact: the consumption is unknown. Nothing has changed: report it and repeat the step.
            PlanError: the update is planned to consume nothing.
        """
        run, amounts = self._run, self._amounts
        assert run.amount is not None
        if self._is_position:
            if not self._is_reported:
                raise missing_progress(f"update {run.t}")
        elif run.reported is None:
            if isinstance(amounts, PlannedAmounts):
                amounts.require_some(run.t, run.amount)
            else:
                raise self._missing()
        run.needs_check = False

    def _missing(self) -> MissingFact:
        error = missing_amounts(self.unit, "")
        call = f"scheduler.consumed({self.unit}=n)"
        instead = f"Call {call} before optimizer.step(), or write ps.Scheduler(…, {error.fact}={error.example})"
        if counted_by := self._run.counted_by:
            counted = counted_by.format(_COUNTER_ARGUMENTS.get(self.unit, ""))
            instead = f"For example: {counted.replace(', )', ')')}"
        return MissingFact(
            f"update {self._run.t}",
            f"the plan's clock counts {self.unit}, and the number of {self.unit} of this update is unknown",
            instead,
            fact=error.fact,
            example=error.example,
        )

    def count(self) -> None:
        """Count the consumption of an update of the run, after its number was counted."""
        run, t = self._run, self._run.t
        amount, reported = run.amount, run.reported
        assert amount is not None
        self.last_report = None if run.is_measured else reported
        run.reported, run.is_measured = None, False
        following = amount if self._is_position else self._expected(t)
        if reported is not None:
            # If the previous update consumed as much as this one, the next updates are assumed to do so, too.
            is_repeated = following is None and run.last_amount is not None and reported == amount - run.last_amount
            if amount + reported != following:
                following = amount + reported
                self._compute(t, following, reported if is_repeated and self._is_unknown else None, _AHEAD)
        elif following is None:
            self._compute(t - 1, amount, None, _AHEAD)
            following = self._ahead[1] if len(self._ahead) > 1 else amount
        run.last_amount, run.amount = amount, following
        if self._is_unknown or self._is_planned:
            self._set_needs_check()

    def times_from(self, t: int, amount: Amount | None, count: int) -> UpdateTimes:
        """Return the times of up to `count` updates from update `t` on, before which the run has this amount."""
        if self._is_position:
            return UpdateTimes(t, amount, count)
        if amount is None or self._expected(t) != amount:  # of an optimizer that has not stepped in the last update
            return UpdateTimes(t, amount)
        if len(self._ahead) - (t - self._first) < count:
            self._compute(t, amount, self._each, count)
        amounts = self._ahead[t - self._first :][:count]
        return UpdateTimes(t, amount) if len(amounts) == 1 else UpdateTimes(t, np.array(amounts), len(amounts))

    def _expected(self, t: int) -> Amount | None:
        at = t - self._first
        return self._ahead[at] if 0 <= at < len(self._ahead) else None

    def _compute(self, t: int, amount: Amount, each: Amount | None, count: int) -> None:
        """Compute the amounts before `count` updates from update `t` on, fewer if they are unknown or not possible."""
        self._first, self._each = t, each
        if self._is_unknown:
            if each is None or amount + each * count >= MAX_CONSUMED:
                self._ahead = [amount]
                return
            guesses: Any = amount + each * np.arange(count)
            self._ahead = guesses.tolist()
            return
        amounts = self._amounts.amounts_from(t, amount, count + 1)
        if self._is_planned and (empty := np.flatnonzero(np.diff(amounts) < 1)).size:
            amounts = amounts[: int(empty[0]) + 1]  # an update that is planned to consume nothing is checked
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
    site = call_text(call, keywords)
    refuse_metrics(call, keywords)
    if unit is None:
        name = next((name for name in keywords if CLOCK_SYNONYMS.get(name, name) in CLOCKS), "tokens")
        raise InvalidArgument(site, "the plan's clock counts updates", f'Use ps.Plan(…, clock="{name}")')
    if unit == PROGRESS:
        message = "the plan's clock is the progress of the run, which no update consumes"
        raise InvalidArgument(site, message, "For example: scheduler.report(progress=0.37)")
    instead = f"For example: {call}{unit}={EXAMPLE_OF_SIZE})"
    if len(keywords) != 1:
        raise InvalidArgument(
            site, f"the plan's clock counts {unit}: expected one keyword, got {len(keywords)}", instead
        )
    ((name, value),) = keywords.items()
    if CLOCK_SYNONYMS.get(name, name) != unit:
        raise InvalidArgument(site, f"the plan's clock counts {unit}", instead)
    amount = as_number(value)
    if amount is None or not 0 <= amount < MAX_CONSUMED:
        if amount is not None and amount < 0:
            raise InvalidArgument(site, "an amount must not be negative", instead)
        raise InvalidArgument(site, f"expected an integer number of {unit}, at least 0 and below 2**62", instead)
    if amount != int(amount):
        raise InvalidArgument(site, f"the number of {unit} must be an integer", instead)
    return int(amount)


def refuse_metrics(call: str, keywords: Mapping[str, Any]) -> None:
    """Raise an error if the keywords of a call such as `report(val_loss=0.3)` are metrics, which `observe` takes.

    >>> refuse_metrics("scheduler.consumed(", {"tokens": 4096})
    """
    metrics = [name for name in keywords if meant_clock(name) is None]
    if metrics and len(metrics) == len(keywords):
        message = f"expected an amount, got the metric{'s' * (len(metrics) > 1)} {' and '.join(metrics)}"
        raise InvalidArgument(
            call_text(call, keywords), message, f"For example: {call_text('scheduler.observe(', keywords)}"
        )


def call_text(call: str, keywords: Mapping[str, Any]) -> str:
    """Return the text of a call with its keywords, for messages."""
    values = {
        name: str(value.item()) if isinstance(value, torch.Tensor) and value.ndim == 0 else shown(value)
        for name, value in keywords.items()
    }
    return f"{call}{', '.join(f'{name}={value}' for name, value in values.items())})"


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
    site = call_text(call, keywords)
    refuse_metrics(call, keywords)
    if unit is None and keywords and PROGRESS not in keywords:
        checked_amount(call, unit, keywords)  # raises
    if unit is None:
        raise InvalidArgument(site, "the plan's clock counts updates", 'Use ps.Plan(…, clock="progress")')
    if unit != PROGRESS:
        instead = f"For example: scheduler.consumed({unit}={EXAMPLE_OF_SIZE})"
        raise InvalidArgument(site, f"the plan's clock counts {unit}", instead)
    number = as_number(value)
    if list(keywords) != [PROGRESS] or number is None or not 0 <= number <= most:
        got = f"progress={shown(value)}" if list(keywords) == [PROGRESS] else " and ".join(keywords) or "no keyword"
        message = f"expected the fraction of the run that is done, from 0 to 1, got {got}"
        raise InvalidArgument(site, message, f"For example: {call}progress=0.37)")
    return rounded_progress(float(min(number, 2)))  # an integer may be too large for a float
