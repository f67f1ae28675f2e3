"""A trial run of a plan: the run in which rules try its lines."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import ceil
from typing import Any, Final, final

from paramsched.core.plan import Plan
from paramsched.core.schedules.span import Span
from paramsched.core.time import Duration, RunFacts
from paramsched.core.time.duration import count_text
from paramsched.core.time.run_facts import ASSUMED_SIZES, SIZES
from paramsched.errors import MissingFact

_USUAL_EPOCH: Final = 1_000  # updates


@final
@dataclass(frozen=True, slots=True)
class TrialRun:
    """A run in which a plan is tried before the real run.

    Args:
        span: the time from the start to the end of the run.
        units: the units that can be converted to updates. Lengths in other units are not compared.
        epoch: the number of updates in an epoch; None if it is unknown.
        known: True if the run facts are those of the real run, so that updates are real updates.
        to_scale: True if lengths in different units have the proportions of the real run.
    """

    span: Span
    units: frozenset[str]
    epoch: int | None = None
    known: bool = False
    to_scale: bool = True

    @property
    def end(self) -> Fraction:
        """The number of updates in the run."""
        assert self.span.end is not None
        return self.span.end

    def converts(self, lengths: Iterable[Duration]) -> bool:
        """Return whether all of some lengths can be converted to updates."""
        return all(unit in self.units for length in lengths for unit, _ in length.terms)


def trial_run(plan: Plan, facts: RunFacts | None) -> TrialRun | None:
    """Return a trial run for a plan; None if its lengths cannot be compared."""
    if facts is not None and (known := _known_run(plan, facts)) is not None:
        return known
    return _run_of_one_unit(plan)


_PARTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "epochs": {"steps_per_epoch": _USUAL_EPOCH},
    "samples": {"batch_size": 1},
    "tokens": {"tokens_per_step": 0.01},
    "frames": {"frames_per_step": 0.01},
    "batches": {},
    "seconds": {"seconds_per_step": 0.01},
}
"""The run facts with which an update is a small part of a unit, so that decimals such as "2.5 epochs" are exact."""


def _run_of_one_unit(plan: Plan) -> TrialRun | None:
    """Return a run in which only the total's unit and per cent can be converted; None if it has several units."""
    total = plan.total
    if total is None:
        return TrialRun(_span_of_run(RunFacts(total=10**6), "%", 10**4), frozenset(["percent"]))
    names = {unit for unit, _ in total.terms}
    if names == {"updates"}:
        return TrialRun(_span_of_run(RunFacts(total=total)), frozenset(["updates", "percent"]))
    if len(names) > 1:
        return None
    unit = names.pop()
    facts = RunFacts(total=total, **_PARTS[unit])
    span = _span_of_run(facts, unit, int(facts.exact(Duration(((unit, Fraction(1)),)))))
    return TrialRun(span, frozenset([unit, "percent"]), facts.steps_per_epoch)


def _known_run(plan: Plan, facts: RunFacts) -> TrialRun | None:
    """Return the run that the run facts describe; None if its length is unknown."""
    total = facts.total if plan.total is None else plan.total
    if total is None:
        return None
    if plan.total is not None or not isinstance(total, int):
        try:
            facts = replace(facts, total=ceil(facts.exact(Duration.of(total))))
        except MissingFact:
            return None
    epoch = facts.updates_per_epoch
    units = _sized_units(tuple([fact for fact in _SIZES if getattr(facts, fact) is not None]))
    units |= {"epochs"} if epoch is not None else set()
    return TrialRun(_span_of_run(facts), units, epoch, known=True)


_SIZES: Final = tuple({fact for sizes in SIZES.values() for one in sizes for fact in one} - {*ASSUMED_SIZES})
"""The run facts that units need."""


@cache
def _sized_units(facts: tuple[str, ...]) -> frozenset[str]:
    """Return the units that can be converted with some run facts, besides epochs."""
    known = {*facts, *ASSUMED_SIZES}
    return frozenset(
        ["updates", "percent", *(unit for unit, sizes in SIZES.items() if any(map(known.issuperset, sizes)))]
    )


def run_of_assumed_epochs(plan: Plan) -> TrialRun | None:
    """Return a run for a plan in epochs and updates whose epoch length is unknown; None for another total.

    A negative value or growth without end is found in it, and no time.
    """
    total = plan.total
    if total is None or {unit for unit, _ in total.terms} != {"epochs"}:
        return None
    facts = RunFacts(total=total, steps_per_epoch=_USUAL_EPOCH)
    return TrialRun(_span_of_run(facts), frozenset(["epochs", "updates", "percent"]), _USUAL_EPOCH, to_scale=False)


@cache
def usual_run() -> TrialRun:
    """Return a run of ten thousand updates, for lines whose run is unknown."""
    facts = RunFacts(total=10_000, steps_per_epoch=100, batch_size=1, sequence_length=1, seconds_per_step=1)
    return TrialRun(_span_of_run(facts), frozenset({*SIZES, "updates", "percent", "epochs"}), 100)


def _span_of_run(facts: RunFacts, unit: str = "", updates: int = 0) -> Span:
    return Span.of_run(_WrittenUnits(facts, unit, updates) if unit else facts, facts.total_updates or 0)


@final
@dataclass(frozen=True, slots=True)
class _WrittenUnits:
    """Run facts with an assumed number of updates in a unit of the plan, in which messages count."""

    facts: RunFacts
    unit: str
    updates: int
    varies: bool = False

    def exact(self, duration: Duration, *, begin: Fraction = Fraction(0)) -> Fraction:
        return self.facts.exact(duration, begin=begin)

    def count_text(self, count: Fraction) -> str:
        amount = count / self.updates
        return f"{float(amount):.12g}%" if self.unit == "%" else count_text(amount, self.unit)

    def time_of_run(self, time: Duration) -> Duration:
        return self.facts.time_of_run(time)

    def for_run(self, length: Duration) -> "tuple[_WrittenUnits, Fraction]":
        facts, total = self.facts.for_run(length)
        return replace(self, facts=facts), total
