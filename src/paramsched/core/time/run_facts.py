"""RunFacts: the facts of a run that convert units into updates; and the names of clocks."""

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import ceil, prod
from numbers import Integral, Real
from typing import Annotated, Any, Final, Literal, TypeAlias, TypedDict, cast, final

from paramsched.base.params import Doc, Example, Ge, Gt, Le, Param, params_of_record, readable
from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.base.words import closest, did_you_mean, only_set_fields
from paramsched.core.answering import answering_class, unknown_argument
from paramsched.core.entries import notebook_display
from paramsched.core.number_checks import number_to_write
from paramsched.core.time.duration import PROGRESS, UNIT_NAMES, Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument, MissingFact, shown

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

MOST: Final = 10**18
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
        facts = {name: value for name in Facts.__annotations__ if (value := getattr(self, name)) is not None}
        return pickled("RunFacts", facts)

    def __setstate__(self, state: list[Any]) -> None:
        """Take the state of 1.0.0rc6, which has the seconds of a step before the length of a sequence."""
        for name, value in zip(Facts.__annotations__, (*state[:6], *state[7:]), strict=True):
            object.__setattr__(self, name, value)

    def __post_init__(self) -> None:
        if any(getattr(self, name) is not None for name in Facts.__annotations__ if name != "total"):
            self._check_numbers()
        if self.steps_per_epoch is not None and self.batches_per_epoch is not None:
            derived = -(-self.batches_per_epoch // (self.accumulation or 1))
            if derived != self.steps_per_epoch:
                raise InvalidArgument(
                    CallSite(
                        "RunFacts",
                        "steps_per_epoch",
                        f"{self.steps_per_epoch}, batches_per_epoch={self.batches_per_epoch}, "
                        f"accumulation={self.accumulation or 1}",
                    ),
                    f"{self.batches_per_epoch} batches are {derived} updates, not {self.steps_per_epoch}",
                    "Pass only one of steps_per_epoch and batches_per_epoch",
                )
        if self.total is not None:
            total = _checked_total(self.total)
            object.__setattr__(self, "total", total.updates if total.is_resolved else total)
            # A total in a unit that these facts cannot convert is accepted here, because the plan's clock may count
            # that unit. `resolve` reports the missing fact otherwise.
            known = all(unit not in SIZES or self.amount_of_update(unit) for unit, _ in total.terms)
            if known and self.total_updates == 0:
                raise InvalidArgument(
                    CallSite("RunFacts", "total", f'"{total}"'),
                    "a run must have at least 1 update",
                    "For example: total=1",
                )

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

    @property
    def updates_per_epoch(self) -> int | None:
        """The number of updates per epoch; None if unknown."""
        if self.steps_per_epoch is not None:
            return self.steps_per_epoch
        if self.batches_per_epoch is not None:
            return -(-self.batches_per_epoch // (self.accumulation or 1))
        return None

    @property
    def total_updates(self) -> int | None:
        """The total in updates, rounded up; None if `total` is None."""
        if self.total is None or (type(self.total) is int and 0 < self.total <= MOST):
            return self.total
        updates = ceil(self.exact(Duration.of(self.total), site=CallSite("RunFacts", "total")))
        if updates > MOST:
            raise InvalidArgument(
                CallSite("RunFacts", "total", f'"{self.total}"'),
                f"a run must have at most 1e18 updates, got {updates:.3g}",
                "Use a smaller total",
            )
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
        if size == 1:  # the total probably counts epochs, too
            message = f"total={self.total_updates} counts updates, so omit it; {_NEEDED['epochs'][1]} is unknown"
            return MissingFact(error.problem.site, message, fact=error.fact, example="len(loader)")
        message = f"{_NEEDED['epochs'][1]} is unknown; with {size} of them it is the total, {self.total_updates}"
        return MissingFact(error.problem.site, message, fact=error.fact, example=str(size))

    def amount_of_update(self, unit: str) -> Fraction | None:
        """Return the consumption of one update in samples, tokens, frames or batches; None if unknown.

        >>> facts = RunFacts(batch_size=32, accumulation=2, sequence_length=2048)
        >>> facts.amount_of_update("tokens")
        Fraction(131072, 1)
        """
        products = (product_of_facts(self, names) for names in SIZES[unit])
        return next((product for product in products if product is not None), None)

    def _updates_in(self, unit: str, site: str | CallSite | None, duration: Duration) -> Fraction:
        """Return the number of updates in one `unit` of a duration, which an error names if it has no other `site`."""
        match unit:
            case "epochs" if (epoch := self.updates_per_epoch) is not None:
                return Fraction(epoch)
            case "percent" if (updates := self.total_updates) is not None:
                return Fraction(updates, 100)
            case _ if unit in SIZES and (amount := self.amount_of_update(unit)) is not None:
                return 1 / amount
        fact, missing = _NEEDED[unit]
        if unit == "epochs" and (self.accumulation or 1) > 1:  # whoever passes it counts batches
            fact, missing = "batches_per_epoch", "the number of batches per epoch"
        example = example_of_fact(fact)
        known = [name for name in self.__dataclass_fields__ if getattr(self, name) is not None]
        message = f"{missing} is unknown" + f"; these are known: {', '.join(known)}" * bool(known)
        raise MissingFact(site or f'length "{duration}"', message, fact=fact, example=example)


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
    given: dict[str, Any] = {fact: value for fact, value in keywords.items() if value is not None}
    if facts is not None and given:
        site, message = f"{name}(facts=…, {', '.join(given)}=…)", "run facts are passed twice"
        raise InvalidArgument(site, message, "Pass all of them in RunFacts")
    if facts is not None and not isinstance(facts, RunFacts):
        raise _not_run_facts(name, facts)
    try:
        return RunFacts(**given) if given else facts
    except MissingFact as error:  # the caller passed facts to this call and has no RunFacts
        raise _missing_fact_of_call(call, given, error) from None
    except InvalidArgument as error:  # it names the class, which the caller did not write
        raise error.changed(site=error.problem.site.replace("RunFacts(", f"{name}(", 1)) from None


def _not_run_facts(name: str, facts: object) -> InvalidArgument:
    """Return the error for an argument `facts` that is not RunFacts; an integer is probably a total."""
    is_length = isinstance(facts, int) and not isinstance(facts, bool) and facts > 0
    instead = f"Write total={facts}" if is_length else "For example: facts=ps.RunFacts(steps_per_epoch=100)"
    message = "not RunFacts; the run facts must be known at this call"
    return InvalidArgument(CallSite(name, "facts", shown(facts)), message, instead)


def _missing_fact_of_call(call: str, passed: Mapping[str, Any], error: MissingFact) -> MissingFact:
    """Return the error about a missing fact with the call to write: the facts that were passed, and the missing one."""
    name, _, arguments = call.partition("(")
    parts = [arguments[:-1], *(f"{fact}={value!r}" for fact, value in passed.items())]
    module = "" if name.startswith(("ps.", "plan.")) else "ps."
    example = ", ".join([*filter(None, parts), f"{error.fact}={error.example}"])
    instead = f"For example: {module}{name}({example})"
    return MissingFact(f"{name}(total=…)", error.problem.found, instead, fact=error.fact, example=error.example)


def product_of_facts(facts: RunFacts, names: Iterable[str]) -> Fraction | None:
    """Return the product of some run facts; None if one of them is unknown."""
    factors: list[Any] = [ASSUMED_SIZES.get(name) if (fact := getattr(facts, name)) is None else fact for name in names]
    if None in factors:
        return None
    # repr, because 0.1 means exactly one tenth, not the float nearest to it.
    exact = (Fraction(fact if isinstance(fact, int) else repr(float(fact))) for fact in factors)
    return prod(exact, start=Fraction(1))


def _checked_total(total: Any) -> Duration:
    """Return a total as a length: one with an end, and not in percent of itself."""
    if isinstance(total, Real) and total in (-1, 0):  # "no limit" in other programs
        message = "a run must have at least 1 update"
        instead = "Omit total if the length is unknown, or write the number of updates: total=10_000"
        raise InvalidArgument(CallSite("RunFacts", "total", shown(total)), message, instead)
    try:
        length = Duration.of(total)
    except InvalidArgument as error:
        example = {"example": "total=10_000"} if "%" in error.problem.advice else {}  # "5%" is no total
        raise error.changed(site=CallSite("RunFacts", "total", shown(total)), **example) from None
    if length.until:
        raise InvalidArgument(
            CallSite("RunFacts", "total", f'"{length}"'),
            "the length of a run does not take `until`",
            example='total="90 epochs"',
        )
    if any(unit == "percent" for unit, _ in length.terms):
        raise InvalidArgument(
            CallSite("RunFacts", "total", f'"{length}"'),
            "a percentage is a share of the total, so it cannot specify the total",
            "For example: total=10000",
        )
    return length


def _checked_count(name: str, value: Any, least: int) -> int:
    """Return a run fact that is a count as an int."""
    if isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= MOST:
        return int(value)
    is_loader = isinstance(value, Sized) and not isinstance(value, (Sequence, Mapping))
    if name.endswith("_per_epoch") and is_loader:
        message = f"expected an integer, got {type(value).__name__}"
        raise InvalidArgument(CallSite("RunFacts", name), message, f"For example: {name}=len(loader)")
    raise InvalidArgument(
        CallSite("RunFacts", name, shown(value)),
        f"expected an integer from {least} to 1e18",
        number_to_write(value, name, "count"),
        example=f"{name}={facts_by_name()[name].marker('example')}",
    )


def _check_amount(name: str, value: Any, above: float) -> None:
    """Check a run fact that is an amount per update."""
    if isinstance(value, bool) or not isinstance(value, Real) or not above < cast(Any, value) <= MOST:
        message, sample = (
            f"expected a number greater than {above} and at most 1e18",
            facts_by_name()[name].marker("example"),
        )
        site = CallSite("RunFacts", name, shown(value))
        raise InvalidArgument(site, message, number_to_write(value, name) or f"For example: {name}={sample}")


# For each unit: the fact that converts it, and the quantity that an error reports as unknown.
_NEEDED = {
    "epochs": ("steps_per_epoch", "the number of updates per epoch"),
    "percent": ("total", "the length of the run"),
    "samples": ("batch_size", "the number of samples per batch"),
    "tokens": ("tokens_per_step", "the number of tokens per update"),
    "frames": ("frames_per_step", "the number of frames per update"),
}


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
    same = "" if closest(str(value), CLOCKS) else f" ({' and '.join(CLOCK_SYNONYMS)} are samples)"
    message = (
        f'unknown clock "{value[:60]}"; {did_you_mean(value, CLOCKS)}{same}'
        if isinstance(value, str)
        else f"expected the name of one clock for all fields, got {type(value).__name__}"
    )
    line = f'{site.argument}="tokens"' if isinstance(site, CallSite) else "tokens"
    raise InvalidArgument(site, message, example=line)


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
