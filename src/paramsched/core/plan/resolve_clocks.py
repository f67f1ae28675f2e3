"""Resolving plans whose clock does not count updates, or which schedule batch sizes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import TypeAlias, final

from paramsched.core.plan.binding import (
    UPDATES,
    Binding,
    PlanClock,
    Target,
    amount_clock,
    clock_of_field,
    replace_schedule,
)
from paramsched.core.plan.run_amounts import (
    PLANNED_SIZES,
    RunAmounts,
    RunSizes,
    SizeTarget,
    UnknownAmounts,
    example_of_size,
    usual_size,
)
from paramsched.core.schedules.schedule import is_kind, parts_inside
from paramsched.core.schedules.span import Span
from paramsched.core.schedules.units import with_unit, without_unit
from paramsched.core.time import Duration, DurationLike, RunFacts
from paramsched.core.time.amounts import COUNTS_OF_A_PERCENT, PROGRESS, WHOLE, counts_in_unit, unit_of_lengths
from paramsched.core.time.duration import count_text
from paramsched.core.time.run_facts import SIZES
from paramsched.errors import CallSite, InvalidArgument, MissingFact, PlanError


@final
@dataclass(frozen=True, slots=True)
class ClockLengths:
    """Converts lengths into the unit of one clock.

    If the plan schedules a size, such as the batch size, the amount that a number of updates consumes depends on the
    update at which they start.

    Args:
        sizes: the facts and targets that determine the consumption of an update.
        clock: the clock. Seconds and progress are counted in billionths.
        total: the total in counts of the clock; None if the length of the run is unknown.
    """

    sizes: RunSizes
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
        named = site or f'length "{duration}{" steps" if duration.is_resolved else ""}"'
        return sum((self._count_in(unit, count, begin, named) for unit, count in duration.terms), Fraction(0))

    def count_text(self, count: Fraction) -> str:
        """Return a count with the clock's unit, for a message."""
        return (
            f"{float(count) / COUNTS_OF_A_PERCENT:g}%"
            if self.clock == PROGRESS
            else count_text(count / self.counts, self.clock)
        )

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
        by_updates, site, taken = replace(self, clock=UPDATES, total=None), f'length "{time}"', Fraction(0)
        for unit, count in time.terms:
            if unit == "percent" and self.total is not None and self.clock != PROGRESS:
                taken += by_updates._updates_of_amount(
                    self.clock, count * self.total / self.counts / 100, Fraction(0), site
                )
            else:
                taken += by_updates.exact(Duration(((unit, count),)), site=site)
        return taken

    def for_run(self, length: Duration) -> "tuple[ClockLengths, Fraction]":
        """Return the converter for a run of this length, and the length in the clock's unit."""
        exact = self.exact(length)
        total = exact if self.clock == "seconds" else Fraction(ceil(exact))
        return replace(self, total=total), total

    def _count_in(self, unit: str, count: Fraction, begin: Fraction, site: str | CallSite) -> Fraction:
        """Return `count` of a unit, starting at `begin`, in counts of the clock."""
        if unit == self.clock:
            return count * self.counts
        if self.clock == PROGRESS and unit != "percent":
            found = "the plan's clock is the progress of the run, so a length must be in percent"
            raise PlanError(site, found, 'For example: "5%"')
        if unit == "percent" and self.total is not None:
            return count * self.total / 100
        if unit == "epochs" and (batches := self.sizes.batches_of_epoch) is not None:
            return self._count_in("batches", count * batches, begin, site)
        if unit not in SIZES:
            updates = self.sizes.facts.exact(Duration(((unit, count),)), site=site)
            if self.clock == UPDATES:
                return updates
            amounts = self._known_amounts(site)
            first = amounts.updates_until(begin / self.counts)  # the first update that starts at or after `begin`
            return (amounts.exact_at(first + updates) - amounts.exact_at(Fraction(first))) * self.counts
        if self.clock == UPDATES:
            return self._updates_of_amount(unit, count, begin, site)
        ratio = self.sizes.ratio(self.clock, unit)
        if ratio is not None:
            return count * ratio * self.counts
        mine = self._known_amounts(site)
        start = Fraction(mine.updates_until(begin / self.counts))
        updates = self._updates_of_amount(unit, count, start, site)
        return (mine.exact_at(start + updates) - mine.exact_at(start)) * self.counts

    def _updates_of_amount(self, unit: str, count: Fraction, begin: Fraction, site: str | CallSite) -> Fraction:
        """Return the number of updates that consume `count` of a unit, starting at update `begin`."""
        amounts = self.sizes.amounts_of(unit)
        if isinstance(amounts, UnknownAmounts):
            if amounts.missing_factor is not None:
                raise amounts.missing(site)
            return self.sizes.facts.exact(
                Duration(((unit, count),)), site=site
            )  # raises the error with the missing fact
        return amounts.update_of(amounts.exact_at(begin) + count) - begin

    def _known_amounts(self, site: str | CallSite) -> RunAmounts:
        amounts = self.sizes.amounts_of(self.clock)
        if isinstance(amounts, UnknownAmounts):
            if amounts.missing_factor is not None:
                raise amounts.missing(site)
            planned = f" or plan {usual_size(self.clock)}," if self.clock != "seconds" else ""
            fact, example = SIZES[self.clock][-1][0], example_of_size(self.clock)
            raise MissingFact(
                site,
                f"the plan's clock counts {self.clock}, but the number of {self.clock} of an update is unknown",
                f"Give the length in {self.clock},{planned} or write {fact}={example}",
                fact=fact,
                example=example,
            )
        return amounts


Total: TypeAlias = Fraction | InvalidArgument | None
"""The length of a run on one clock; None if it is not specified, an error if it is needed but cannot be converted."""


def sizes_of_run(bindings: Iterable[Binding], clock: PlanClock, facts: RunFacts) -> RunSizes:
    """Return the run facts and targets that determine the consumption of each update.

    Bindings of targets that plan a size, such as `batch_size`, must be resolved.
    """
    targets = {
        one.name: SizeTarget(
            one.name,
            without_unit(one.schedule, clock_of_field(clock, one.name)),
            one.field.initial,
            clock_of_field(clock, one.name),
            one.schedule,
        )
        for one in bindings
        if isinstance(one.field, Target) and one.name in PLANNED_SIZES
    }
    return RunSizes(replace(facts, total=None), amount_clock(clock), targets)


def resolve_on_clocks(
    bindings: Sequence[Binding],
    clock: PlanClock,
    total: Duration | None,
    facts: RunFacts,
) -> tuple[list[Binding], Duration | None]:
    """Resolve the bindings of a plan, and its total, with every length in the unit of its clock.

    Targets that plan a size, such as `batch_size`, are resolved first, because they determine the consumption of
    updates, and thereby the other lengths.
    """
    unit = amount_clock(clock)
    planned = [one for one in bindings if isinstance(one.field, Target) and one.name in PLANNED_SIZES]
    names = [one.name for one in planned]
    sizes: list[Binding] = []
    for one in planned:  # its own lengths cannot depend on the consumption of updates
        unknown = RunSizes(replace(facts, total=None), unit, dict.fromkeys([one.name, *names]))
        its_clock, length = clock_of_field(clock, one.name), _total_of(total, facts)
        size_total: Total = Fraction(WHOLE) if its_clock == PROGRESS else None
        if length is not None and its_clock != PROGRESS:
            try:
                size_total = _rounded_total(
                    ClockLengths(unknown, its_clock).exact(length, site=_total_site(total)), its_clock
                )
            except (MissingFact, PlanError) as error:
                size_total = error
        sizes.append(_resolved_on_clock(one, its_clock, unknown, {its_clock: size_total}))
    known = sizes_of_run(sizes, clock, facts)
    totals = _totals(total, facts, known, clock)
    done = {one.name: one for one in sizes}
    resolved = [
        done[one.name]
        if isinstance(one.field, Target) and one.name in done
        else _resolved_on_clock(one, clock_of_field(clock, one.name), known, totals)
        for one in bindings
    ]
    if unit == PROGRESS:
        end = totals.get(UPDATES)
        return resolved, Duration(((UPDATES, end),)) if isinstance(end, Fraction) else None
    length = _total_of(total, facts)
    if length is None:
        return resolved, None
    by_updates = unit is None or (UPDATES in totals and _is_by_updates(length, known))
    own = UPDATES if by_updates else unit  # if there are several clocks, the one of the written total
    assert own is not None
    count = totals[own]
    assert isinstance(count, Fraction)  # because the total is written on this clock
    return resolved, Duration(((own, count / counts_in_unit(own)),))


def _resolved_on_clock(binding: Binding, clock: str, sizes: RunSizes, totals: Mapping[str, Total]) -> Binding:
    """Return a binding with its lengths in the unit of its clock."""
    total = totals[clock]
    if isinstance(total, InvalidArgument):
        try:
            return _resolved_on_clock(binding, clock, sizes, {clock: None})
        except InvalidArgument:
            raise total from None
    if clock == "seconds":
        _refuse_ratio_of_updates(binding)
    lengths = ClockLengths(sizes, clock, total)
    schedule = binding.schedule.resolved_in(Span.of_run(lengths, total))
    return replace_schedule(binding, schedule if clock == UPDATES else with_unit(schedule, clock))


def _refuse_ratio_of_updates(binding: Binding) -> None:
    """Raise for a ratio for each update: this clock counts billionths of a second, so it would be applied to each."""
    for part in parts_inside(binding.schedule):
        if is_kind(part, "cyclic") and part.args["mode"] == "exp_range" and part.args["gamma"] != 1:
            found = f"gamma={part.args['gamma']:g} is a ratio for each update, but the clock counts seconds"
            advice = f'Multiply the line by a decay: exponential({part.args["gamma"]:g}, per="1 s")'
            raise PlanError(f"{binding.name}: {part}", found, advice)


def _totals(total: Duration | None, facts: RunFacts, sizes: RunSizes, clock: PlanClock) -> dict[str, Total]:
    """Return the length of the run on each clock of the plan."""
    unit = amount_clock(clock)
    if unit == PROGRESS:  # the total is that of the fields that count updates
        of_updates = {} if isinstance(clock, str) else _totals(total, facts, sizes, UPDATES)
        return {PROGRESS: Fraction(WHOLE), **of_updates}
    clocks = [UPDATES] if unit is None else [unit] if isinstance(clock, str) else [unit, UPDATES]
    length = _total_of(total, facts)
    if length is None:
        return dict.fromkeys(clocks)
    try:
        found = _rounded_total(ClockLengths(sizes, clocks[0]).exact(length, site=_total_site(total)), clocks[0])
    except MissingFact as error:
        if len(clocks) == 1 or not _is_by_updates(length, sizes):
            raise
        return {clocks[0]: error, UPDATES: Fraction(ceil(sizes.facts.exact(length)))}
    if total is not None and facts.total is not None:
        _require_one_total(total, Duration.of(facts.total), found, ClockLengths(sizes, clocks[0]))
    totals: dict[str, Total] = {clocks[0]: found}
    if len(clocks) > 1:
        try:
            totals[UPDATES] = _updates_in(length, found, sizes, clocks[0])
        except MissingFact as error:  # the loop reports the amounts; a field by updates may have its own lengths
            totals[UPDATES] = error
    return totals


def _require_one_total(total: Duration, run_total: Duration, found: Fraction, lengths: ClockLengths) -> None:
    """Raise if the total and the total of the run facts differ."""
    try:
        other = _rounded_total(lengths.exact(run_total, site=CallSite("RunFacts", "total")), lengths.clock)
    except MissingFact:  # an engine knows the updates of its run; its loop reports the amounts
        return
    try:
        ends = [_updates_in(*pair, lengths.sizes, lengths.clock) for pair in ((total, found), (run_total, other))]
    except MissingFact:
        ends = [found, other]
    if ends[0] != ends[1]:
        counts = lengths.counts
        texts = (f"{amount / counts} {lengths.clock}" for amount in (found, other))
        raise two_lengths(total, next(texts), run_total, next(texts))


def two_lengths(total: Duration, planned: str, run_total: DurationLike | None, passed: str) -> PlanError:
    """Return the error for a plan with a length that is not the total of the run facts.

    >>> print(two_lengths(Duration.of("2 epochs"), "90 updates", 80, "80 updates"))
    total "2 epochs": the plan has 90 updates, but total=80. Omit one of them
    >>> print(two_lengths(Duration.of(90), "90 updates", "2 epochs", "80 updates"))
    total "90": the plan has 90 updates, but total="2 epochs" is 80 updates. Omit one of them
    """
    length = Duration.of(run_total or 0)
    is_passed = "" if length.is_resolved and passed.endswith(UPDATES) else f" is {passed}"
    found = f"the plan has {planned}, but total={length.written()}{is_passed}"
    return PlanError(f'total "{total}"', found, "Omit one of them")


def _updates_in(length: Duration, amount: Fraction, sizes: RunSizes, clock: str) -> Fraction:
    """Return the number of updates of a run: its `length` if that is by updates, else its `amount`, converted."""
    if clock == UPDATES:
        return amount
    if _is_by_updates(length, sizes):
        return Fraction(ceil(sizes.facts.exact(length)))
    return Fraction(sizes.amounts_of(clock).updates_until(amount / counts_in_unit(clock)))


def _total_of(total: Duration | None, facts: RunFacts) -> Duration | None:
    if total is not None:
        return total
    return None if facts.total is None else Duration.of(facts.total)


def _total_site(total: Duration | None) -> str | CallSite:
    return CallSite("RunFacts", "total") if total is None else f'total "{total}"'


def _rounded_total(amount: Fraction, clock: str) -> Fraction:
    """Return a total rounded up, unless it is in seconds."""
    return amount if clock == "seconds" else Fraction(ceil(amount))


def _is_by_updates(duration: Duration, sizes: RunSizes) -> bool:
    """Return whether a length is written in updates or in epochs of constant size."""
    by_updates = ("updates", "epochs") if sizes.batches_of_epoch is None else ("updates",)
    return all(unit in by_updates for unit, _ in duration.terms)
