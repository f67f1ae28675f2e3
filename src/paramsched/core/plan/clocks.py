"""Resolving the lines of a plan: each length as a count of the clock of its line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple, TypeAlias, final

from paramsched.core.plan.binding import (
    Binding,
    Target,
    amount_clock,
    binding_key,
    replace_schedule,
)
from paramsched.core.plan.messages import amounts as messages
from paramsched.core.plan.run_amounts import (
    PLANNED_SIZES,
    RunAmounts,
    SizeTarget,
    UnknownAmounts,
    UpdateFacts,
)
from paramsched.core.schedules.span import Span
from paramsched.core.schedules.windows import with_unit, without_unit
from paramsched.core.time.duration import (
    COUNTS_OF_A_PERCENT,
    PROGRESS,
    WHOLE,
    Duration,
    count_text,
    counts_in_unit,
    unit_of_lengths,
)
from paramsched.core.time.run_facts import SIZES, UPDATES, ClockName, RunFacts
from paramsched.errors import CallSite, InvalidArgument, MissingFact, PlanError

_Site: TypeAlias = str | CallSite | Duration
"""The subject of an error. The text of a length is written only for an error, because that is slow."""


def _named(site: _Site) -> str | CallSite:
    return messages.named_length(site) if isinstance(site, Duration) else site


@final
@dataclass(frozen=True, slots=True)
class RunClock:
    """Converts lengths into the unit of one clock.

    If the plan schedules a size, such as the batch size, the amount that a number of updates consumes depends on the
    update at which they start.

    Args:
        sizes: the facts and targets that determine the consumption of an update.
        clock: the clock. Progress is counted in billionths.
        total: the total in counts of the clock; None if the length of the run is unknown.
    """

    sizes: UpdateFacts
    clock: str
    total: Fraction | None = None

    @property
    def varies(self) -> bool:
        return bool(self.sizes.targets)

    @property
    def counts(self) -> int:
        """The counts in one unit of the clock."""
        return counts_in_unit(self.clock)

    def exact(
        self, duration: Duration, *, begin: Fraction = Fraction(0), site: str | CallSite | None = None
    ) -> Fraction:
        """Return a duration in counts of the clock, as an exact fraction.

        Args:
            duration: the duration.
            begin: the time at which it starts, in counts of the clock.
            site: the subject of error messages. Default: the length.
        """
        return sum((self._count_in(*term, begin, site or duration) for term in duration.terms), Fraction(0))

    def count_text(self, count: Fraction) -> str:
        """Return a count with the clock's unit, for a message."""
        if self.clock == PROGRESS:
            return f"{float(count) / COUNTS_OF_A_PERCENT:g}%"
        return count_text(count / self.counts, self.clock)

    def time_of_run(self, time: Duration) -> Duration:
        """Return a time of the run as a number of updates; as a count of the clock if only the loop reports amounts.

        Raises:
            MissingFact: the run facts convert it to neither of them.
        """
        try:
            return Duration.of_updates(ceil(self._updates_until(time)))
        except (MissingFact, PlanError) as refusal:
            unit, counts = unit_of_lengths(self.clock)
            if self.clock == UPDATES:
                raise
            try:
                count = self.exact(time)
            except InvalidArgument:
                raise refusal from None
            return Duration(((unit, count / counts),))

    def _updates_until(self, time: Duration) -> Fraction:
        """Return the number of updates from the start of the run to a time."""
        if self.clock == UPDATES:
            return self.exact(time)
        by_updates = replace(self, clock=UPDATES, total=None)
        updates = Fraction(0)
        for unit, count in time.terms:
            if unit == "percent" and self.total is not None and self.clock != PROGRESS:
                unit = self.clock
                count *= self.total / self.counts / 100
            updates += by_updates._count_in(unit, count, Fraction(0), f'length "{time}"')
        return updates

    def for_run(self, length: Duration) -> "tuple[RunClock, Fraction]":
        """Return the converter for a run of this length, and the length in the clock's unit."""
        exact = self.exact(length)
        total = Fraction(ceil(exact))
        return replace(self, total=total), total

    def counts_of_run(self, run: "_RunDuration | None") -> Fraction | None:
        """Return the length of a run in counts of the clock, rounded up; None if it is unknown.

        Raises:
            MissingFact, PlanError: the run facts and the planned sizes do not convert it.
        """
        if self.clock == PROGRESS:
            return Fraction(WHOLE)
        return None if run is None else Fraction(ceil(self.exact(run.length, site=run.site)))

    def updates_of_run(self, run: "_RunDuration") -> Fraction | None:
        """Return the length of a run in updates; one by amount is rounded on the clock of the amount."""
        units = {unit for unit, _ in run.length.terms}
        in_updates = {"updates", "epochs"} if self.sizes.batches_of_epoch is None else {"updates"}
        if self.clock == UPDATES or units <= in_updates:
            return replace(self, clock=UPDATES).counts_of_run(run)
        amount = self.counts_of_run(run)
        assert amount is not None
        return Fraction(self.sizes.amounts_of(self.clock).updates_until(amount / self.counts))

    def _count_in(self, unit: str, count: Fraction, begin: Fraction, site: _Site) -> Fraction:
        """Return `count` of a unit, starting at `begin`, in counts of the clock."""
        batches = self.sizes.batches_of_epoch
        if unit == "epochs" and batches is not None:
            unit = "batches"
            count *= batches
        if unit == self.clock:
            return count * self.counts
        if self.clock == PROGRESS and unit != "percent":
            raise messages.length_is_not_in_percent(_named(site))
        if unit == "percent" and self.total is not None:
            return count * self.total / 100
        if self.clock == UPDATES:
            return self._updates_in(unit, count, begin, site)
        ratio = self.sizes.ratio(self.clock, unit) if unit in SIZES else None
        if ratio is not None:
            return count * ratio * self.counts
        # In epochs and percent, the length is the same number of updates wherever it starts.
        steps = None if unit in SIZES else self._updates_in(unit, count, begin, site)
        amounts = self._known_amounts(site)
        first = Fraction(amounts.updates_until(begin / self.counts))  # the first update that starts at or after `begin`
        last = first + (self._updates_in(unit, count, first, site) if steps is None else steps)
        return (amounts.exact_at(last) - amounts.exact_at(first)) * self.counts

    def _updates_in(self, unit: str, count: Fraction, begin: Fraction, site: _Site) -> Fraction:
        """Return the number of updates in `count` of a unit, starting at update `begin`."""
        if unit in SIZES:
            amounts = self.sizes.amounts_of(unit)
            if not isinstance(amounts, UnknownAmounts):
                return amounts.update_of(amounts.exact_at(begin) + count) - begin
            if amounts.missing_factor is not None:
                raise amounts.missing(_named(site))
        facts = self.sizes.facts
        if self.clock == UPDATES and self.total is not None:  # an error lists the known facts
            facts = replace(facts, total=int(self.total))
        return facts.exact(Duration(((unit, count),)), site=_named(site))

    def _known_amounts(self, site: _Site) -> RunAmounts:
        amounts = self.sizes.amounts_of(self.clock)
        if not isinstance(amounts, UnknownAmounts):
            return amounts
        if amounts.missing_factor is not None:
            raise amounts.missing(_named(site))
        raise messages.missing_amounts_of_length(self.clock, _named(site))


@final
class _RunDuration(NamedTuple):
    """The length of a run as it is written, and the subject of errors about it."""

    length: Duration
    site: str | CallSite


def _length_of_run(total: Duration | None, facts: RunFacts) -> _RunDuration | None:
    """Return the length of a run, the total of its plan or that of its facts; None if neither is specified."""
    if total is not None:
        return _RunDuration(total, messages.named_total(total))
    return None if facts.total is None else _RunDuration(Duration.of(facts.total), CallSite("RunFacts", "total"))


def sizes_of_run(bindings: Iterable[Binding], clock: ClockName, facts: RunFacts) -> UpdateFacts:
    """Return the run facts and targets that determine the consumption of each update.

    Bindings of targets that plan a size, such as `batch_size`, must be resolved.
    """
    targets = dict[str, SizeTarget | None]()
    for binding in bindings:
        if isinstance(binding.field, Target) and binding.name in PLANNED_SIZES:
            counted = without_unit(binding.schedule, clock)
            targets[binding.name] = SizeTarget(binding.name, counted, binding.field.initial, clock, binding.schedule)
    return UpdateFacts(replace(facts, total=None), amount_clock(clock), targets)


def resolve_lines(
    bindings: Sequence[Binding], clock: ClockName, total: Duration | None, facts: RunFacts
) -> tuple[list[Binding], Duration | None]:
    """Resolve the bindings of a plan, and its total, with every length in the unit of its clock.

    Targets that plan a size, such as `batch_size`, are resolved first, because they determine the consumption of
    updates, and thereby the other lengths.
    """
    length = _length_of_run(total, facts)
    size_lines = [line for line in bindings if isinstance(line.field, Target) and line.name in PLANNED_SIZES]
    size_names = [line.name for line in size_lines]
    resolved = dict[tuple[Any, ...], Binding]()
    for line in size_lines:
        # Its own lengths cannot depend on the consumption of updates.
        unknown = UpdateFacts(replace(facts, total=None), amount_clock(clock), dict.fromkeys([line.name, *size_names]))
        resolved[binding_key(line)] = _resolved_size(line, RunClock(unknown, clock), length)
    lengths = RunClock(sizes_of_run(resolved.values(), clock, facts), clock)
    try:
        end = lengths.counts_of_run(length)
    except MissingFact as error:
        raise error if total is None else facts.with_size_of_epoch(error, total) from None
    if total is not None and facts.total is not None and clock != PROGRESS:
        _require_equal(lengths, length, _length_of_run(None, facts))
    lines = [
        resolved.get(binding_key(line)) or _resolved_line(line, replace(lengths, total=end), None) for line in bindings
    ]
    if length is None or end is None or clock == PROGRESS:
        return lines, None
    return lines, Duration(((clock, end / lengths.counts),))


def _resolved_size(binding: Binding, lengths: RunClock, length: _RunDuration | None) -> Binding:
    """Return the binding of a size with its lengths in the unit of its clock, which may need no total."""
    try:
        total = lengths.counts_of_run(length)
    except (MissingFact, PlanError) as error:
        return _resolved_line(binding, lengths, error)
    return _resolved_line(binding, replace(lengths, total=total), None)


def _resolved_line(binding: Binding, lengths: RunClock, missing: InvalidArgument | None) -> Binding:
    """Return a binding with its lengths in the unit of its clock; `missing` is the error of an unknown total."""
    try:
        schedule = binding.schedule.resolved_in(Span.of_run(lengths, lengths.total))
    except InvalidArgument as error:
        raise missing or error from None
    clock = lengths.clock
    return replace_schedule(binding, schedule if clock == UPDATES else with_unit(schedule, clock))


def _require_equal(lengths: RunClock, planned: _RunDuration | None, passed: _RunDuration | None) -> None:
    """Raise if the length of a run in its plan and the one in its run facts differ."""
    if planned is None or passed is None:
        return
    try:
        amounts = [lengths.counts_of_run(length) for length in (planned, passed)]
    except MissingFact:  # an engine knows the updates of its run; its loop reports the amounts
        if lengths.clock == UPDATES and not lengths.varies:
            raise
        return
    try:
        ends = [lengths.updates_of_run(length) for length in (planned, passed)]
    except MissingFact:
        ends = amounts
    if ends[0] != ends[1]:
        texts = [f"{amount / lengths.counts} {lengths.clock}" for amount in amounts if amount is not None]
        raise messages.two_lengths(planned.length, texts[0], passed.length, texts[1])
