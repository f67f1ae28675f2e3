"""RunFacts: the facts of a run that convert units into updates; and the names of clocks."""

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import ceil
from numbers import Integral, Real
from typing import Annotated, Any, Final, Literal, TypeAlias, TypedDict, cast, final

from paramsched.base.params import Doc, Example, Ge, Gt, Le, Param, params_of_record, readable
from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.base.words import closest, only_set_fields
from paramsched.core.calls.checked_calls import answering_class, unknown_argument
from paramsched.core.calls.lazy_imports import notebook_display
from paramsched.core.calls.number_checks import MOST_COUNT, is_real_number
from paramsched.core.time import messages
from paramsched.core.time.duration import PROGRESS, UNIT_NAMES, Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument, MissingFact

SIZES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "samples": (("batch_size", "accumulation"),),
    "tokens": (("batch_size", "accumulation", "sequence_length"), ("tokens_per_step",)),
    "frames": (("frames_per_step",),),
    "batches": (("accumulation",),),
    PROGRESS: (),
}
"""For each unit, the lists of run facts whose product is the consumption of one update.

The first list whose facts are all known is used.
"""

MOST: Final = MOST_COUNT
"""The largest number of updates, and the largest value of a fact."""


class Facts(TypedDict, total=False):
    """The run facts that convert units: fields of RunFacts, keywords of a Scheduler and options of commands.

    Each has its type, its range, an example and a short description here. A TypedDict, so that type checkers know them
    as keywords: `**run_facts: Unpack[Facts]`. `facts_of_call` reads them in every function that has them.
    """

    total: Annotated[DurationLike | None, Example(10_000), Doc("Length of the run")]
    steps_per_epoch: Annotated[int | None, Ge(1), Le(MOST), Example(100), Doc("Optimizer updates per epoch")]
    batches_per_epoch: Annotated[int | None, Ge(1), Le(MOST), Example(100), Doc("Batches per epoch")]
    accumulation: Annotated[int | None, Ge(1), Le(MOST), Example(4), Doc("Batches per update")]
    batch_size: Annotated[int | None, Ge(1), Le(MOST), Example(256), Doc("Samples per batch")]
    tokens_per_step: Annotated[float | None, Gt(0), Le(MOST), Example(4096), Doc("Tokens per update")]
    sequence_length: Annotated[int | None, Ge(1), Le(MOST), Example(2048), Doc("Tokens per sample")]
    frames_per_step: Annotated[float | None, Gt(0), Le(MOST), Example(1024), Doc("Environment frames per update")]


@cache
def facts_by_name() -> Mapping[str, Param]:
    """Return the declaration of each run fact.

    >>> facts_by_name()["batch_size"].marker("ge"), facts_by_name()["batch_size"].marker("doc")
    (1, 'Samples per batch')
    """
    return params_of_record(Facts)


def example_of_fact(name: str) -> str:
    """Return an example of a run fact, as Python code.

    >>> example_of_fact("total"), example_of_fact("tokens_per_step")
    ('10_000', '4096')
    """
    value = facts_by_name()[name].marker("example")
    return f"{value:_}" if value >= 10_000 else f"{value}"


@cache
def _numeric_facts() -> tuple[tuple[str, bool, float], ...]:
    """Return the name of each number, whether it is a count, and its lower bound: looked up once, for speed."""
    numbers = [param for param in facts_by_name().values() if param.kind in ("count", "number")]
    return tuple(
        (number.name, number.kind == "count", number.marker("ge" if number.kind == "count" else "gt"))
        for number in numbers
    )


ASSUMED_SIZES = {"accumulation": 1}
"""The values of run facts that were not passed, by name."""


@answering_class
@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """The facts of a run that convert the units of a plan into updates.

    Every fact is optional. Only the facts that the units of the plan need are required. Functions take them as
    keywords, or one object with all of them as `facts`.

    Args:
        total: the planned length of the run: an integer number of updates, or text with a unit that the
            other facts convert.
        steps_per_epoch: integer, optimizer updates per epoch (not batches).
        batches_per_epoch: integer, batches per epoch. An epoch then has `batches_per_epoch / accumulation` updates,
            rounded up.
        accumulation: integer, batches per update (gradient accumulation). None means 1.
        batch_size: integer, samples per batch. One update consumes `batch_size * accumulation` samples.
        tokens_per_step: tokens per update, a number greater than 0. Used if `batch_size` or `sequence_length` is
            unknown.
        sequence_length: integer, tokens per sample. One update consumes
            `batch_size * accumulation * sequence_length` tokens.
        frames_per_step: environment frames per update, greater than 0.

    Raises:
        InvalidArgument: a fact is not a positive number, or two facts contradict each other.

    >>> facts = RunFacts(batches_per_epoch=10, accumulation=4, total="2 epochs")
    >>> facts.updates_per_epoch, facts.total_updates
    (3, 6)
    """

    total: DurationLike | None = None
    steps_per_epoch: int | None = None
    batches_per_epoch: int | None = None
    accumulation: int | None = None
    batch_size: int | None = None
    tokens_per_step: float | None = None
    sequence_length: int | None = None
    frames_per_step: float | None = None

    __repr__ = only_set_fields
    _repr_mimebundle_ = notebook_display

    def __reduce__(self) -> Reduced:
        facts = {name: getattr(self, name) for name in Facts.__annotations__}
        return pickled("RunFacts", {name: value for name, value in facts.items() if value is not None})

    def __setstate__(self, state: list[Any]) -> None:
        """Take the state of 1.0.0rc6, which has the seconds of a step before the length of a sequence."""
        for name, value in zip(Facts.__annotations__, (*state[:6], *state[7:]), strict=True):
            object.__setattr__(self, name, value)

    def __post_init__(self) -> None:
        if any(getattr(self, name) is not None for name in Facts.__annotations__ if name != "total"):
            self._check_numbers()
        if self.steps_per_epoch is not None and self.batches_per_epoch is not None:
            updates = self._updates_of_batches(self.batches_per_epoch)
            if updates != self.steps_per_epoch:
                raise messages.sizes_of_epoch_differ(
                    self.steps_per_epoch, self.batches_per_epoch, self.accumulation or 1, updates
                )
        if self.total is not None:
            total = _checked_total(self.total)
            object.__setattr__(self, "total", total.updates if total.is_resolved else total)
            # A total in a unit that these facts cannot convert is accepted here, because the plan's clock may count
            # that unit. `resolve` reports the missing fact otherwise.
            is_convertible = all(unit not in SIZES or self.amount_of_update(unit) for unit, _ in total.terms)
            if is_convertible and self.total_updates == 0:
                raise messages.total_without_updates(str(total))

    def _check_numbers(self) -> None:
        """Check all facts but the total, and convert counts to an int."""
        for name, is_count, bound in _numeric_facts():
            value = getattr(self, name)
            if value is None:
                continue
            if is_count:
                object.__setattr__(self, name, _checked_count(name, value, int(bound)))
            else:
                _check_amount(name, value, bound)

    def _updates_of_batches(self, batches: int) -> int:
        """Return the number of updates that so many batches are, rounded up."""
        return -(-batches // (self.accumulation or 1))

    @property
    def updates_per_epoch(self) -> int | None:
        """The number of updates per epoch; None if unknown."""
        if self.steps_per_epoch is not None:
            return self.steps_per_epoch
        if self.batches_per_epoch is not None:
            return self._updates_of_batches(self.batches_per_epoch)
        return None

    @property
    def total_updates(self) -> int | None:
        """The total in updates, rounded up; None if `total` is None."""
        if self.total is None or (type(self.total) is int and 0 < self.total <= MOST):
            return self.total
        updates = ceil(self.exact(Duration.of(self.total), site=CallSite("RunFacts", "total")))
        if updates > MOST:
            raise messages.total_too_long(self.total, updates, MOST)
        return updates

    @property
    def varies(self) -> bool:
        """Always False: a length is the same number of updates wherever it starts."""
        return False

    def exact(
        self, duration: Duration, *, begin: Fraction | None = None, site: str | CallSite | None = None
    ) -> Fraction:
        """Convert a duration into updates, as an exact fraction.

        Args:
            duration: the length to convert.
            begin: ignored; the result does not depend on where the length starts.
            site: the call or argument that an error names; by default the length.

        Raises:
            MissingFact: a run fact that a unit needs is unknown.
        """
        amount = Fraction(0)
        for unit, count in duration.terms:
            if unit != "updates":
                count *= self._updates_in(unit, site, duration)
            amount += count
        return amount

    def time_of_run(self, time: Duration) -> Duration:
        """Return a time of the run as a number of updates, rounded up.

        >>> str(RunFacts(steps_per_epoch=7).time_of_run(Duration.of("1.5 epochs")))
        '11'
        """
        return Duration.of_updates(ceil(self.exact(time)))

    def count_text(self, count: Fraction) -> str:
        """Return a count of updates, for a message.

        >>> RunFacts().count_text(Fraction(12)), RunFacts().count_text(Fraction(1, 2))
        ('12 updates', '0.5 updates')
        """
        return f"{float(count):.12g} updates"

    def for_run(self, length: Duration) -> "tuple[RunFacts, Fraction]":
        """Return the run facts with `length` as their total, and that total in updates.

        >>> RunFacts(total=1000, steps_per_epoch=7).for_run(Duration.of("1.5 epochs"))[1]
        Fraction(11, 1)
        """
        total = ceil(self.exact(length))
        return (replace(self, total=total) if total > 0 else self), Fraction(total)

    def with_size_of_epoch(self, error: MissingFact, length: Duration) -> MissingFact:
        """Return the error for a plan's total, with the size of an epoch that makes it equal to the known one.

        >>> facts, total = RunFacts(total=900), Duration.of("20 epochs")
        >>> try:
        ...     facts.exact(total)
        ... except MissingFact as error:
        ...     facts.with_size_of_epoch(error, total).example
        '45'
        """
        (_, epochs), *more = length.terms
        if more or error.fact != "steps_per_epoch":
            return error
        size = Fraction(self.total_updates or 0) / epochs
        if size < 1 or size.denominator > 1:
            return error
        quantity = _QUANTITIES[error.fact]
        if size == 1:  # the total probably counts epochs, too
            return messages.total_counts_updates(error, quantity, self.total_updates)
        return messages.size_of_epoch_for_total(error, quantity, int(size), self.total_updates)

    def amount_of_update(self, unit: str) -> Fraction | None:
        """Return the consumption of one update in samples, tokens, frames or batches; None if unknown.

        >>> facts = RunFacts(batch_size=32, accumulation=2, sequence_length=2048)
        >>> facts.amount_of_update("tokens")
        Fraction(131072, 1)
        """
        products = (product_of_facts(self, names) for names in SIZES[unit])
        return next((product for product in products if product is not None), None)

    def _size_of(self, unit: str) -> Fraction | None:
        """Return the number of updates in one `unit`; None if no known fact converts it."""
        if unit == "epochs":
            return None if self.updates_per_epoch is None else Fraction(self.updates_per_epoch)
        if unit == "percent":
            return None if self.total_updates is None else Fraction(self.total_updates, 100)
        amount = self.amount_of_update(unit) if unit in SIZES else None
        return None if amount is None else 1 / amount

    def _updates_in(self, unit: str, site: str | CallSite | None, duration: Duration) -> Fraction:
        """Return the number of updates in one `unit` of a duration, which an error names if it has no other `site`."""
        size = self._size_of(unit)
        if size is not None:
            return size
        fact = _NEEDED[unit]
        if unit == "epochs" and (self.accumulation or 1) > 1:  # whoever passes it counts batches
            fact = "batches_per_epoch"
        known_facts = [name for name in self.__dataclass_fields__ if getattr(self, name) is not None]
        site = site or f'length "{duration}"'
        raise messages.missing_fact(site, _QUANTITIES[fact], fact, example_of_fact(fact), known_facts)


readable(RunFacts, RunFacts.__init__)


def facts_of_call(call: str, facts: object, keywords: Facts) -> RunFacts:
    """Return the run facts of a call, which has them either as keywords or as one RunFacts.

    Args:
        call: the call with its positional arguments, for messages, such as `Scheduler(optimizer, plan)`.
        facts: the argument `facts` of the call.
        keywords: the keywords of the call.

    Raises:
        InvalidCall: a keyword is not a run fact.
        InvalidArgument: `facts` is not RunFacts, both are passed, or a fact is invalid.
        MissingFact: the total has a unit that the other facts do not convert.
    """
    return facts_if_passed(call, facts, keywords) or RunFacts()


def facts_if_passed(call: str, facts: object, keywords: Facts) -> RunFacts | None:
    """Return the run facts of a call, as `facts_of_call` does; None if the call has none.

    >>> facts_if_passed("diff(a, b)", None, {"total": 100, "batch_size": None}), facts_if_passed("f()", None, {})
    (RunFacts(total=100), None)
    """
    if not keywords and (facts is None or isinstance(facts, RunFacts)):
        return facts
    name = call.partition("(")[0]
    for fact in keywords:  # the annotation of `**run_facts` is checked by type checkers only
        if fact not in Facts.__annotations__:
            raise unknown_argument(name, fact, list(Facts.__annotations__), keywords[fact])  # type: ignore[literal-required]  # it is not declared
    passed: dict[str, Any] = {fact: value for fact, value in keywords.items() if value is not None}
    if facts is None:
        return _facts_of_keywords(call, passed) if passed else None
    if passed:
        raise messages.facts_twice(name, passed)
    if isinstance(facts, RunFacts):
        return facts
    if isinstance(facts, int) and not isinstance(facts, bool) and facts > 0:
        raise messages.total_in_place_of_facts(name, facts)
    raise messages.not_run_facts(name, facts)


def _facts_of_keywords(call: str, keywords: Mapping[str, Any]) -> RunFacts:
    """Return the run facts of a call that has them as keywords. An error names the call, not the class."""
    name, _, arguments = call.partition("(")
    try:
        return RunFacts(**keywords)
    except MissingFact as error:  # the caller passed facts to this call and has no RunFacts
        written = [arguments[:-1], *(f"{fact}={value!r}" for fact, value in keywords.items())]
        raise messages.missing_fact_of_call(name, filter(None, written), error) from None
    except InvalidArgument as error:
        raise error.changed(site=error.problem.site.replace("RunFacts(", f"{name}(", 1)) from None


def product_of_facts(facts: RunFacts, names: Iterable[str]) -> Fraction | None:
    """Return the product of some run facts; None if one of them is unknown."""
    product = Fraction(1)
    for name in names:
        fact: float | None = getattr(facts, name)
        if fact is None:
            fact = ASSUMED_SIZES.get(name)
        if fact is None:
            return None
        # repr, because 0.1 means exactly one tenth, not the float nearest to it.
        product *= Fraction(fact if isinstance(fact, int) else repr(float(fact)))
    return product


def _checked_count(name: str, value: Any, least: int) -> int:
    """Return a run fact that is a count as an int."""
    if isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= MOST:
        return int(value)
    is_loader = isinstance(value, Sized) and not isinstance(value, (Sequence, Mapping))
    if name.endswith("_per_epoch") and is_loader:
        raise messages.expected_length_of_loader(name, value)
    raise messages.not_a_count(name, value, least, MOST, facts_by_name()[name].marker("example"))


def _check_amount(name: str, value: Any, above: float) -> None:
    """Check a run fact that is an amount per update."""
    if not is_real_number(value) or not above < cast(Any, value) <= MOST:
        raise messages.not_an_amount(name, value, above, MOST, facts_by_name()[name].marker("example"))


def _checked_total(total: Any) -> Duration:
    """Return the total of a run as a length, which has no `until` and no percentage."""
    if isinstance(total, Real) and total in (-1, 0):
        raise messages.total_without_limit(total)
    try:
        length = Duration.of(total)
    except InvalidArgument as error:
        raise messages.total_is_not_a_length(error, total) from None
    if length.until:
        raise messages.total_is_an_end(str(length))
    if any(unit == "percent" for unit, _ in length.terms):
        raise messages.total_in_percent(str(length))
    return length


_NEEDED: Final = {
    "epochs": "steps_per_epoch",
    "percent": "total",
    "samples": "batch_size",
    "tokens": "tokens_per_step",
    "frames": "frames_per_step",
}
"""The fact that converts each unit."""
_QUANTITIES: Final = {
    "steps_per_epoch": "the number of updates per epoch",
    "batches_per_epoch": "the number of batches per epoch",
    "total": "the length of the run",
    "batch_size": "the number of samples per batch",
    "tokens_per_step": "the number of tokens per update",
    "frames_per_step": "the number of frames per update",
}
"""What an error reports as unknown if a fact is missing."""


UPDATES: Final = "updates"
"""The default clock of a plan."""

CLOCKS = (UPDATES, "samples", "tokens", "frames", "batches", PROGRESS)
"""The units that a clock can count. The list is fixed, because free names would turn each typo into a new unit."""

ClockName: TypeAlias = Literal["updates", "samples", "tokens", "frames", "batches", "progress", "images", "examples"]
"""A clock or a synonym of one."""

CLOCK_SYNONYMS = {"images": "samples", "examples": "samples"}


def known_clock(value: Any, site: str | CallSite) -> ClockName:
    """Return the clock that `value` names, directly or by a synonym.

    Raises:
        InvalidArgument: `value` is not the name of a clock.

    >>> known_clock("images", "clock")
    'samples'
    """
    name = CLOCK_SYNONYMS.get(value, value) if isinstance(value, str) else None
    if name in CLOCKS:
        return cast(ClockName, name)
    if not isinstance(value, str):
        raise messages.not_the_name_of_a_clock(site, value)
    raise messages.unknown_clock(site, value, CLOCKS, () if closest(value, CLOCKS) else CLOCK_SYNONYMS)


def meant_clock(value: object) -> str | None:
    """Return the clock that `value`, a unit or a misspelled clock, probably means; None if no clock is close.

    >>> meant_clock("steps"), meant_clock("token"), meant_clock("epochs")
    ('updates', 'tokens', None)
    """
    if not isinstance(value, str):
        return None
    unit = UNIT_NAMES.get(value.lower())
    name = closest(value, CLOCKS) if unit is None else unit[0]
    return name if name in CLOCKS else None


@restores("RunFacts")
def _restored(facts: Facts) -> RunFacts:
    return RunFacts(**facts)
