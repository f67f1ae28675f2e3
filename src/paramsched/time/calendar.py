"""Calendar: the facts about a run that turn units into updates; and clocks."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, prod
from numbers import Integral, Real
from typing import Any, final

from paramsched.base.calls import explain_wrong_keywords_of
from paramsched.base.near_names import closest, did_you_mean
from paramsched.errors import CallSite, InvalidArgument, MissingFact, shown
from paramsched.time.duration import UNIT_NAMES, Duration, DurationLike

SIZES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "samples": (("batch_size", "accumulation"),),
    "tokens": (("batch_size", "accumulation", "sequence_length"), ("tokens_per_step",)),
    "seconds": (("seconds_per_step",),),
    "frames": (("frames_per_step",),),
    "batches": (("accumulation",),),
}
"""The facts whose product an update takes of each amount; the first product that is known counts."""

ASSUMED_SIZES = {"accumulation": 1}
"""What a fact is where nobody says it."""


@final
@explain_wrong_keywords_of(values=True)
@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What is known about a run: enough of it converts every unit of a plan into updates.

    Args:
        total: the horizon, in updates or any unit the other facts convert.
        steps_per_epoch: optimizer updates in one epoch (not batches).
        batches_per_epoch: batches in one epoch; with `accumulation` it gives the updates, rounded up.
        accumulation: micro-batches to an update, 1 if not given.
        batch_size: samples in one batch; an update sees `batch_size * accumulation` of them.
        tokens_per_step: tokens that one update sees, where `batch_size` and `sequence_length` do not say it.
        seconds_per_step: wall-clock seconds that one update takes.
        sequence_length: tokens in one sample; an update sees `batch_size * accumulation * sequence_length` of them.
        frames_per_step: frames of an environment that one update sees.

    Raises:
        InvalidArgument: a fact that is no positive number, or two facts that contradict each other.

    >>> calendar = Calendar(batches_per_epoch=10, accumulation=4, total="2 epochs")
    >>> calendar.updates_per_epoch, calendar.horizon
    (3, 6)
    """

    total: DurationLike | None = None
    steps_per_epoch: int | None = None
    batches_per_epoch: int | None = None
    accumulation: int | None = None
    batch_size: int | None = None
    tokens_per_step: float | None = None
    seconds_per_step: float | None = None
    sequence_length: int | None = None
    frames_per_step: float | None = None

    def __post_init__(self) -> None:
        for name in ("steps_per_epoch", "batches_per_epoch", "accumulation", "batch_size", "sequence_length"):
            value = getattr(self, name)
            if value is not None:
                if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= int(value) <= _MOST:
                    sample = 100
                    with suppress(TypeError, ValueError, OverflowError):
                        count = ceil(abs(float(value)))
                        sample = count if 1 <= count <= _MOST and not isinstance(value, bool) else 100
                    raise InvalidArgument(
                        CallSite("Calendar", name, shown(value)),
                        "expected an integer from 1 to 1e18",
                        f"Write {name}=100",
                        sample=sample,
                    )
                object.__setattr__(self, name, int(value))
        for name in ("tokens_per_step", "seconds_per_step", "frames_per_step"):
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, Real) or not 0 < getattr(self, name) <= _MOST
            ):
                found = "expected a number greater than 0 and at most 1e18"
                raise InvalidArgument(
                    CallSite("Calendar", name, shown(value)), found, f"Write {name}=4096", sample=4096
                )
        if self.steps_per_epoch is not None and self.batches_per_epoch is not None:
            derived = -(-self.batches_per_epoch // (self.accumulation or 1))
            if derived != self.steps_per_epoch:
                raise InvalidArgument(
                    CallSite(
                        "Calendar",
                        "steps_per_epoch",
                        f"{self.steps_per_epoch}, batches_per_epoch={self.batches_per_epoch}, "
                        f"accumulation={self.accumulation or 1}",
                    ),
                    f"{self.batches_per_epoch} batches make {derived} updates, not {self.steps_per_epoch}",
                    "Give one of steps_per_epoch and batches_per_epoch",
                )
        if self.total is not None:
            total = Duration.of(self.total)
            if total.until:
                raise InvalidArgument(
                    CallSite("Calendar", "total", f'"{total}"'), "a run is as long as it is", "Leave until out"
                )
            if any(unit == "percent" for unit, _ in total.terms):
                raise InvalidArgument(
                    CallSite("Calendar", "total", f'"{total}"'),
                    "per cent is of the total itself",
                    "Write total=10_000",
                    sample=10_000,
                )
            object.__setattr__(self, "total", total.updates if total.is_resolved else total)
            # A total that only a plan's own clock can take is no fault yet: `resolve` says so where it takes none.
            known = all(unit not in SIZES or self.amount_of_update(unit) for unit, _ in total.terms)
            if self.horizon == 0 if known else not total.terms:
                raise InvalidArgument(
                    CallSite("Calendar", "total", f'"{total}"'), "a run of no update", "Write total=1 or more", sample=1
                )

    @property
    def updates_per_epoch(self) -> int | None:
        """Updates in one epoch, None if unknown."""
        if self.steps_per_epoch is not None:
            return self.steps_per_epoch
        if self.batches_per_epoch is not None:
            return -(-self.batches_per_epoch // (self.accumulation or 1))
        return None

    @property
    def horizon(self) -> int | None:
        """The total in updates, rounded up; None if not given."""
        if self.total is None:
            return None
        updates = ceil(self.exact(Duration.of(self.total), site=CallSite("Calendar", "total")))
        if updates > _MOST:
            raise InvalidArgument(
                CallSite("Calendar", "total", f'"{self.total}"'), "more updates than a clock counts", "Write less"
            )
        return updates

    @property
    def varies(self) -> bool:
        """Whether a length may be another number of updates where it begins elsewhere: facts stay as they are."""
        return False

    @property
    def updates_vary(self) -> bool:
        """Whether so many updates may be: never, since they are what is counted."""
        return False

    def exact(
        self, duration: Duration, *, begin: Fraction | None = None, site: str | CallSite | None = None
    ) -> Fraction:
        """A duration in updates, as an exact fraction; the same wherever it begins.

        Raises:
            MissingFact: the fact a unit needs is not here.
        """
        amount = Fraction(0)
        for unit, count in duration.terms:
            if unit != "updates":  # most are, and the words for a message take longer than the sum
                count *= self._updates_in(unit, site or f'length "{duration}"')
            amount += count
        return amount

    def for_run(self, length: Duration) -> "tuple[Calendar, Fraction]":
        """The same facts for a run of another length; and its updates.

        >>> Calendar(total=1000, steps_per_epoch=7).for_run(Duration.of("1.5 epochs"))[1]
        Fraction(11, 1)
        """
        total = ceil(self.exact(length))
        return (replace(self, total=total) if total > 0 else self), Fraction(total)

    def amount_of_update(self, unit: str) -> Fraction | None:
        """How much of an amount an update takes: of samples, tokens, seconds, frames or batches; None if unknown.

        >>> Calendar(batch_size=32, accumulation=2, sequence_length=2048).amount_of_update("tokens")
        Fraction(131072, 1)
        """
        for names in SIZES[unit]:
            sizes = [ASSUMED_SIZES.get(name) if (size := getattr(self, name)) is None else size for name in names]
            if None not in sizes:
                # 0.1 is one tenth, as it was written, not the float nearest to it.
                exact = (
                    Fraction(one if isinstance(one, int) else repr(float(one))) for one in sizes if one is not None
                )
                return prod(exact, start=Fraction(1))
        return None

    def known(self) -> str:
        """The names of the facts that were given, for messages."""
        given = [name for name in self.__dataclass_fields__ if getattr(self, name) is not None]
        return ", ".join(given) if given else "nothing"

    def _updates_in(self, unit: str, site: str | CallSite) -> Fraction:
        """How many updates one of a unit is."""
        match unit:
            case "updates":
                return Fraction(1)
            case "epochs" if (epoch := self.updates_per_epoch) is not None:
                return Fraction(epoch)
            case "percent" if (horizon := self.horizon) is not None:
                return Fraction(horizon, 100)
            case _ if unit in SIZES and (amount := self.amount_of_update(unit)) is not None:
                return 1 / amount
        fact, example, unsaid = _NEEDED[unit]
        found = f"nothing says {unsaid}"
        if self != Calendar():
            found += f"; known: {self.known()}"
        given = {name: value for name in self.__dataclass_fields__ if (value := getattr(self, name)) is not None}
        facts = [
            f'{name}="{value}"' if isinstance(value, Duration) else f"{name}={value}" for name, value in given.items()
        ]
        instead = f"Write Calendar({', '.join([*facts, f'{fact}={example}'])})"
        raise MissingFact(site, found, instead, fact=fact, example=example)


_MOST = 10**18  # updates, and what one of them is made of


# The fact that converts a unit, a value of it, and what nobody said where it is missing.
_NEEDED = {
    "epochs": ("steps_per_epoch", "100", "how many updates an epoch has"),
    "percent": ("total", "10_000", "how long the run is, and per cent are of it"),
    "samples": ("batch_size", "256", "how many samples a batch has"),
    "tokens": ("tokens_per_step", "4096", "how many tokens an update sees"),
    "seconds": ("seconds_per_step", "0.25", "how many seconds an update takes"),
    "frames": ("frames_per_step", "1024", "how many frames an update sees"),
}


UPDATES = "updates"
"""The clock of a plan that says nothing else."""

CLOCKS = (UPDATES, "samples", "tokens", "seconds", "frames", "batches")
"""What a clock may count. The list is closed: with free names every slip in a unit would be a unit."""

OTHER_WORDS = {"images": "samples", "examples": "samples"}


def known_clock(value: Any, site: str | CallSite) -> str:
    """The clock that a word means.

    Raises:
        InvalidArgument: it counts nothing we know.

    >>> known_clock("images", "clock")
    'samples'
    """
    name = OTHER_WORDS.get(value, value) if isinstance(value, str) else None
    if name in CLOCKS:
        return name
    found = (
        f'unknown clock "{value[:60]}"; {did_you_mean(value, CLOCKS)}'
        if isinstance(value, str)
        else f"expected the name of a clock, got {type(value).__name__}"
    )
    meant = meant_clock(value)
    clock = meant or UPDATES
    line = f'{site.argument}="{clock}"' if isinstance(site, CallSite) else clock
    raise InvalidArgument(site, found, f"Write {line}", sample=clock)


def meant_clock(value: object) -> str | None:
    """The clock that a word was meant to be: a unit of it, or a misspelling; None where none is near.

    >>> meant_clock("steps"), meant_clock("token"), meant_clock("epochs")
    ('updates', 'tokens', None)
    """
    if not isinstance(value, str):
        return None
    name = UNIT_NAMES.get(value.lower(), (closest(value.lower(), CLOCKS), 1))[0]
    return name if name in CLOCKS else None
