"""What a run consumes: how much each update takes, and how much has been consumed before each."""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import ceil, floor, prod
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.base.arrays import Array
from paramsched.errors import CallSite, InvalidArgument, MissingFact, PlanError
from paramsched.schedules import Schedule
from paramsched.schedules.evaluation import evaluate
from paramsched.time import Calendar
from paramsched.time.calendar import ASSUMED_SIZES, SIZES

Amount: TypeAlias = int | float
"""A whole number, but of seconds."""

_MAX_EXACT = 2**62  # beyond it NumPy's integers overflow


class RunAmounts(ABC):
    """The amounts of a run: exact, the same wherever they are asked for.

    `clock` is what they count.
    """

    __slots__ = ()
    clock: str

    @property
    def is_constant(self) -> bool:
        """Whether each update takes the same."""
        return True

    @abstractmethod
    def amount_at(self, t: int) -> Amount:
        """What a run that went as planned has consumed before update `t`.

        Raises:
            MissingFact: nothing says how much an update takes.
        """

    @abstractmethod
    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        """The amounts before `count` updates from `t` on, the first of which is `amount`.

        Args:
            amount: what has been consumed before it, whatever was planned.

        Returns:
            `count` whole numbers, or floats of seconds, in a NumPy array.
        """

    @abstractmethod
    def updates_until(self, amount: Amount | Fraction) -> int:
        """The first update that begins at or after an amount."""

    def exact_at(self, place: Fraction) -> Fraction:
        """The amount at a place between two updates: as much of the update's as of the update."""
        before = Fraction(self.amount_at(floor(place)))
        part = place - floor(place)
        return before + part * (Fraction(self.amount_at(floor(place) + 1)) - before) if part else before

    def update_of(self, amount: Fraction) -> Fraction:
        """The place between two updates at which an amount is consumed; `exact_at` is the way back."""
        behind = self.updates_until(amount)
        after = Fraction(self.amount_at(behind))
        if after <= amount or behind == 0:
            return Fraction(behind)
        return behind - (after - amount) / (after - Fraction(self.amount_at(behind - 1)))


@final
@dataclass(frozen=True, slots=True)
class ConstantAmounts(RunAmounts):
    """Each update takes the same: amount(t) = rate * t, in whole numbers rounded up."""

    clock: str
    rate: Fraction

    def amount_at(self, t: int) -> Amount:
        exact = t * self.rate
        return float(exact) if self.clock == "seconds" else ceil(exact)

    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        more = amount - self.amount_at(t)
        above, below = self.rate.numerator, self.rate.denominator
        if (t + count) * above >= _MAX_EXACT:
            return np.array([self.amount_at(one) + more for one in range(t, t + count)])
        products = np.arange(t, t + count) * above
        if self.clock == "seconds":
            return products / below + more
        return -(-products // below) + more

    def updates_until(self, amount: Amount | Fraction) -> int:
        exact = Fraction(amount)
        if self.clock == "seconds":
            return max(0, ceil(exact / self.rate))
        return max(0, floor((ceil(exact) - 1) / self.rate) + 1)

    def exact_at(self, place: Fraction) -> Fraction:
        return place * self.rate

    def update_of(self, amount: Fraction) -> Fraction:
        return amount / self.rate


@final
@dataclass(frozen=True, slots=True)
class UnknownAmounts(RunAmounts):
    """Nothing says before the run how much an update takes.

    Args:
        beside: a planned size, and the fact that is missing beside it.
    """

    clock: str
    missing_factor: tuple[str, str] | None = None

    def amount_at(self, t: int) -> Amount:
        if t == 0:
            return 0
        raise self.missing("the amounts of the run")

    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        if count <= 1:
            return np.array([amount][:count])
        raise self.missing("the amounts of the run")

    def updates_until(self, amount: Amount | Fraction) -> int:
        if amount <= 0:
            return 0
        raise self.missing("the amounts of the run")

    def missing(self, site: str | CallSite) -> MissingFact:
        """The error of what needs these amounts."""
        if self.missing_factor is None:
            return missing_amounts(self.clock, site)
        planned, fact = self.missing_factor
        found = f"{planned} is planned, and {fact} is missing: together they are the {self.clock} of an update"
        return MissingFact(site, found, f"Write Calendar(..., {fact}=2048)", fact=fact, example="2048")


def missing_amounts(clock: str, site: str | CallSite) -> MissingFact:
    """The error of a run whose amounts nothing says."""
    fact = SIZES[clock][-1][0]
    planned = f"Plan {usual_size(clock)}, or write" if clock != "seconds" else "Write"
    found = f"nothing says how many {clock} an update takes"
    return MissingFact(site, found, f"{planned} Calendar(..., {fact}=…)", fact=fact, example=example_of_size(clock))


def usual_size(clock: str) -> str:
    """The target that most plans of a clock have for that."""
    return "batch_size" if clock in ("tokens", "samples") else SIZES[clock][0][0]


def example_of_size(clock: str) -> str:
    """How much an update takes, as an example."""
    return "0.25" if clock == "seconds" else "4096"


PLANNED_SIZES = frozenset(name for products in SIZES.values() for names in products for name in names) - {
    "seconds_per_step"
}

MAX_PER_UPDATE = 10**15
"""No update takes more: sums over many of them stay whole numbers of 64 bits."""


@final
@dataclass(frozen=True, slots=True)
class SizeTarget:
    """A target that is a fact of the run.

    Args:
        name: of the fact: `batch_size`.
        by_amount: whether its time is an amount, not updates.
        written: the schedule with its units, for messages.
    """

    name: str
    schedule: Schedule
    initial: float
    by_amount: bool
    written: Schedule

    def sizes(self, updates: Array, amounts: Array) -> Any:
        """Its values, rounded to the nearest whole number (halves to even), as floats."""
        return np.rint(evaluate(self.schedule, amounts if self.by_amount else updates, self.initial))

    def is_held_at(self, update: int, amount: int) -> bool:
        held = self.schedule._held_from()
        return held is not None and (amount if self.by_amount else update) >= held


@final
@dataclass(frozen=True, slots=True)
class UpdateSizes:
    """A product of planned sizes and of facts that stay: what an update takes."""

    targets: tuple[SizeTarget, ...]
    fixed: int

    @property
    def by_amount(self) -> bool:
        return any(target.by_amount for target in self.targets)

    @property
    def only_by_amount(self) -> bool:
        """Whether the amount before an update alone decides what it takes."""
        return all(target.by_amount for target in self.targets)

    def at(self, updates: Array, amounts: Array) -> Any:
        """What each update takes. What is too small or too large is not refused yet: the time may be a guess."""
        product = np.full(updates.shape, float(self.fixed))
        for target in self.targets:
            product *= target.sizes(updates, amounts)
        return np.clip(np.nan_to_num(product, nan=0.0), 0, MAX_PER_UPDATE).astype(np.int64)

    def require_possible(self, update: int, amount: int) -> None:
        """Refuse an update that takes nothing."""
        for target in self.targets:
            size = target.sizes(np.array([update]), np.array([amount])).item()
            if not size >= 1:
                raise PlanError(
                    f"target {target.name}",
                    f"at update {update} it is {size:g}, and a size is a whole number from 1 on",
                    f"Write clamp({target.written}, low={1 / target.initial if target.initial else 1:g})",
                )

    def are_held_at(self, update: int, amount: int) -> bool:
        return all(target.is_held_at(update, amount) for target in self.targets)


def factors_of_update(
    clock: str, calendar: Calendar, planned: Collection[str]
) -> tuple[tuple[str, ...], Fraction] | None:
    """What an update takes of an amount: the planned sizes, and the product of the constant ones.

    Where tokens an update are planned they count; else the first product that is known does.

    >>> factors_of_update("tokens", Calendar(sequence_length=2048), ["batch_size"])
    (('batch_size',), Fraction(2048, 1))
    """
    for names in sorted(SIZES[clock], key=lambda names: not (len(names) == 1 and names[0] in planned)):
        constant = [name for name in names if name not in planned]
        facts: list[Any] = [
            ASSUMED_SIZES.get(name) if (fact := getattr(calendar, name)) is None else fact for name in constant
        ]
        if None not in facts:
            if len(constant) == len(names):
                rate = calendar.amount_of_update(clock)
                return None if rate is None else ((), rate)
            return tuple(name for name in names if name in planned), Fraction(prod(facts))
    return None


@final
@dataclass(frozen=True, slots=True, eq=False)
class RunSizes:
    """The sizes of a run: facts that stay, and targets.

    Args:
        clock: what the amounts count that targets are scheduled by; None where all are by updates.
        targets: the planned sizes by their names; None for one whose lengths are not known yet.
    """

    calendar: Calendar
    clock: str | None
    targets: Mapping[str, SizeTarget | None]
    _found: dict[str, RunAmounts] = field(default_factory=dict)

    @property
    def batches_of_epoch(self) -> int | None:
        """How many batches an epoch has, where those of an update are planned."""
        return self.calendar.batches_per_epoch if "accumulation" in self.targets else None

    def amounts_of(self, clock: str) -> RunAmounts:
        """How much of one amount has been consumed before each update."""
        if clock not in self._found:
            self._found[clock] = self._amounts_of(clock)
        return self._found[clock]

    def _amounts_of(self, clock: str) -> RunAmounts:
        factors = factors_of_update(clock, self.calendar, self.targets.keys())
        if factors is None:
            return UnknownAmounts(clock, self._missing_factor_of(clock, self.targets))
        names, rate = factors
        if not names:
            changing = [name for name, one in self.targets.items() if one is not None and not one.is_held_at(0, 0)]
            missing_factor = self._missing_factor_of(clock, changing)
            return ConstantAmounts(clock, rate) if missing_factor is None else UnknownAmounts(clock, missing_factor)
        targets: list[SizeTarget] = []
        for name in names:
            target = self.targets[name]
            if target is None:
                raise PlanError(
                    f"target {name}",
                    f"its own lengths hang on how many {clock} an update takes, which it says",
                    f"Use its lengths in {self.clock or 'updates'}, or put it on another clock",
                )
            targets.append(target)
        if any(target.schedule.metric_rules for target in targets):
            return UnknownAmounts(clock)  # what a metric makes of it nobody knows before the run
        sizes, times = UpdateSizes(tuple(targets), int(rate)), None
        if sizes.by_amount and clock != self.clock:
            assert self.clock is not None
            times = self.amounts_of(self.clock)
            if isinstance(times, UnknownAmounts):
                return UnknownAmounts(clock)
        return PlannedAmounts(clock, sizes, times)

    def _missing_factor_of(self, clock: str, targets: Collection[str]) -> tuple[str, str] | None:
        """A planned size that an amount is a product of, and the fact that the product lacks."""
        for names in SIZES[clock]:
            known = [*self.targets, *ASSUMED_SIZES]
            lacking = [name for name in names if name not in known and getattr(self.calendar, name) is None]
            planned = [name for name in names if name in targets]
            if planned and lacking:
                return planned[0], lacking[0]
        return None

    def ratio(self, many: str, few: str) -> Fraction | None:
        """How much of one amount there is in one of another, where that does not hang on the batch.

        >>> RunSizes(Calendar(sequence_length=2048), None, {}).ratio("tokens", "samples")
        Fraction(2048, 1)
        """
        for mine, theirs in product(SIZES[many], SIZES[few]):
            fewer, more = sorted((set(mine), set(theirs)), key=len)
            facts: list[Any] = [
                None if name in self.targets else getattr(self.calendar, name) for name in sorted(more - fewer)
            ]
            if fewer < more and None not in facts:
                ratio = Fraction(prod(facts))
                return ratio if more == set(mine) else 1 / ratio
        return None


_STRIDE = 4096  # updates between two amounts that are kept
_GUESS_SIZES = 16, 4096  # updates that are guessed at once: few where a guess before was soon wrong
_MAX_ROUNDS = 8  # how often a guess is made better before what is right of it is kept
_MAX_AMOUNT = 10**18
_MAX_UPDATES = 50_000_000
_MAX_UNEVEN = 500_000  # updates, where most of them take another amount than the one before
_MIN_CORRECT = 256  # updates of a guess; where fewer are right, sizes are looked up instead
_TABULATED = 65_536  # amounts whose sizes are looked up at once
_MAX_TABULATED_SIZE = 1_024  # of the sizes that are looked up: of wider ones too few fit into a table
_PROBES = 1_000  # amounts at which sizes are looked at to estimate the length of a run


@final
@dataclass(frozen=True, slots=True, eq=False)
class PlannedAmounts(RunAmounts):
    """Each update takes what is planned for it: amount(t + 1) = amount(t) + size(t, amount(t)).

    Args:
        times: the amounts that targets are scheduled by, where these count something else.
    """

    clock: str
    sizes: UpdateSizes
    times: RunAmounts | None = None
    _kept: list[int] = field(default_factory=lambda: [0])  # the amounts before every 4096th update
    _held: list[tuple[int, int, int]] = field(default_factory=list)  # update, amount and size that all behind have

    @property
    def is_constant(self) -> bool:
        return False

    def amount_at(self, t: int) -> int:
        block = t // _STRIDE
        while len(self._kept) <= block and not self._held:
            self._kept_amounts(_MAX_AMOUNT)
        if self._held and t >= self._held[0][0]:
            update, amount, size = self._held[0]
            return amount + (t - update) * size
        return int(self._amounts(block * _STRIDE, self._kept[block], t % _STRIDE + 1, _MAX_AMOUNT)[-1])

    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        return self._amounts(t, int(amount), count)

    def updates_until(self, amount: Amount | Fraction) -> int:
        wanted = ceil(amount)
        if wanted <= self._kept[-1]:
            block = max(bisect_left(self._kept, wanted) - 1, 0)
            amounts = self._amounts(block * _STRIDE, self._kept[block], _STRIDE + 1, wanted)
            return block * _STRIDE + int(np.searchsorted(amounts, wanted))
        self._refuse_many_updates(wanted)
        while not self._held:
            update = (len(self._kept) - 1) * _STRIDE
            amounts = self._kept_amounts(wanted)
            if amounts[-1] >= wanted:
                return update + int(np.searchsorted(amounts, wanted))
        update, before, size = self._held[0]
        return update - (before - wanted) // size

    def _refuse_many_updates(self, wanted: int) -> None:
        """Refuse a run whose sizes make it clear that it has far more updates than can be looked at."""
        if not self.sizes.only_by_amount or self.times is not None:
            return
        before = self._kept[-1]
        probes = np.linspace(before, wanted, _PROBES).astype(np.int64)
        held = next((int(amount) for amount in probes if self.sizes.are_held_at(0, int(amount))), wanted)
        probes = np.linspace(before, held, _PROBES).astype(np.int64)
        sizes = np.maximum(self._sizes_by_amount(probes), 1)
        uneven = np.mean(self._sizes_by_amount(probes + sizes) != sizes) > 0.2
        most = _MAX_UNEVEN if uneven else _MAX_UPDATES
        if (held - before) * float(np.mean(1 / sizes)) > 2 * most:  # twice: it is an estimate
            raise _too_many_updates(most)

    def _kept_amounts(self, until: int) -> Array:
        """The amounts behind the last one that is kept, up to the next one, or to where they reach `until`.

        The next one is kept. Where sizes are held from now on that is kept instead: what follows needs no amounts.
        """
        update, before = (len(self._kept) - 1) * _STRIDE, self._kept[-1]
        if update > _MAX_UPDATES:
            raise _too_many_updates(_MAX_UPDATES)
        size = self._held_size(update, before)
        if size is not None:
            self._require_sizes(update, np.array([before, before + size]))
            self._held.append((update, before, size))
            return np.array([before])
        amounts = self._amounts(update, before, _STRIDE + 1, until)
        if amounts.size == _STRIDE + 1:
            self._kept.append(int(amounts[-1]))
        return amounts

    def _amounts(self, t: int, amount: int, count: int, until: int | None = None) -> Array:
        """`count` amounts from update `t` on, which begins at `amount`; as many as are needed to reach `until`.

        Where `until` is given, each update before it has to take something. A block of coming updates may reach behind
        the end of the run, where nobody asks for that.
        """
        if amount + MAX_PER_UPDATE > _MAX_AMOUNT:
            found = f"more than {_MAX_AMOUNT} {self.clock} before update {t}"
            raise InvalidArgument("the amounts of the run", found, "Plan smaller sizes, or a shorter run")
        pieces = [np.array([amount])]
        left, (least, most) = count - 1, _GUESS_SIZES
        guessed = most
        while left > 0 and (until is None or amount < until):
            if until is None and (size := self._held_size(t, amount)) is not None:
                pieces.append(amount + size * np.arange(1, left + 1))
                break
            piece = self._next_amounts(t, amount, min(left, guessed))
            guessed = min(max(4 * piece.size, least), most)
            if until is not None:
                piece = piece[: int(np.searchsorted(piece, until)) + 1]
                self._require_sizes(t, np.concatenate([[amount], piece]))
            pieces.append(piece)
            t, amount, left = t + piece.size, int(piece[-1]), left - piece.size
        return np.concatenate(pieces)

    def _next_amounts(self, t: int, amount: int, most: int) -> Array:
        """The amounts behind update `t`, one to `most` of them, as many as are right after a few guesses.

        The next sizes are guessed to stay, and each round makes the sizes at the guessed amounts. The amounts up to the
        first that two rounds do not agree on are right, and so is that one of the later round, since its size is.
        """
        updates = np.arange(t, t + most)
        if self.times is not None or not self.sizes.by_amount:
            at = updates if self.times is None else self.times.amounts_from(t, self.times.amount_at(t), most)
            return amount + np.cumsum(self.sizes.at(updates, at))
        guess = amount + self.sizes.at(updates[:1], np.array([amount]))[0] * np.arange(most + 1)
        right = 0
        for _ in range(_MAX_ROUNDS):
            better = amount + np.concatenate([[0], np.cumsum(self.sizes.at(updates, guess[:-1]))])
            differing = np.flatnonzero(better != guess)
            right = int(differing[0]) if differing.size else most
            guess = better
            if right == most:
                break
        size = int(guess[1]) - amount
        if right >= min(most, _MIN_CORRECT) or not self.sizes.only_by_amount or not 0 < size <= _MAX_TABULATED_SIZE:
            return guess[1 : right + 1]
        # Sizes change too often to be guessed: those at the next amounts are looked up.
        width = min(2 * size * most, _TABULATED)
        sizes = self._sizes_by_amount(np.arange(amount, amount + width)).tolist()
        found: list[int] = []
        at = 0
        while at < width and len(found) < most:
            at += sizes[at]
            found.append(amount + at)
        return np.array(found)

    def _sizes_by_amount(self, amounts: Array) -> Array:
        """What updates take that begin at some amounts, where nothing else decides it."""
        return self.sizes.at(np.zeros_like(amounts), amounts)

    def _held_size(self, t: int, amount: int) -> int | None:
        """What each update takes from one on, where that stays."""
        time = amount if self.times is None else ceil(self.times.amount_at(t))
        if not self.sizes.are_held_at(t, time):
            return None
        return int(self.sizes.at(np.array([t]), np.array([time]))[0])

    def require_some(self, t: int, amount: Amount) -> None:
        """Refuse update `t` where it is planned to take nothing."""
        self._require_sizes(t, self._amounts(t, int(amount), 2))

    def _require_sizes(self, t: int, amounts: Array) -> None:
        nothing = np.flatnonzero(np.diff(amounts) < 1)
        if nothing.size:
            update, amount = t + int(nothing[0]), int(amounts[nothing[0]])
            self.sizes.require_possible(update, amount if self.times is None else ceil(self.times.amount_at(update)))


def _too_many_updates(most: int) -> InvalidArgument:
    found = f"more than {most} updates, of which each has to be looked at"
    return InvalidArgument("the amounts of the run", found, "Plan larger sizes, or a shorter run")
