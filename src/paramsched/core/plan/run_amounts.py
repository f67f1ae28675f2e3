"""The consumption of each update of a run, and the amount before each update."""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import ceil, floor, prod
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.plan.messages import amounts as messages
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.span import evaluate
from paramsched.core.time.duration import PROGRESS, WHOLE, rounded_array, rounded_progress, times_on
from paramsched.core.time.run_facts import ASSUMED_SIZES, SIZES, UPDATES, RunFacts, product_of_facts
from paramsched.errors import CallSite, MissingFact

Amount: TypeAlias = int | float
"""An integer, except for progress, which is a float."""

MAX_CONSUMED = 2**62
"""All amounts must be less than this number, because checkpoints and NumPy store integers in 64 bits."""


class RunAmounts(ABC):
    """The amounts that a run is planned to consume before its updates, exact for every range of updates.

    `clock` is the unit of the amounts.
    """

    __slots__ = ()
    clock: str

    @abstractmethod
    def amount_at(self, t: int) -> Amount:
        """Return the amount that the run consumes before update `t` if it follows the plan.

        Raises:
            MissingFact: the consumption of an update is unknown.
        """

    @abstractmethod
    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        """Return the amounts before `count` updates, starting at update `t`.

        Args:
            t: the first update.
            amount: the amount before update `t`, which may differ from the planned one.
            count: the number of updates.

        Returns:
            A NumPy array of `count` integers.
        """

    def amounts_at(self, updates: Array, first: int, amount: Amount) -> Any:
        """Return the amounts before some updates, in ascending order, if `amount` is the one before update `first`.

        The values are those of `amounts_from`, without an array of all updates.
        """
        return np.asarray(self.amounts_from(first, amount, int(updates[-1]) - first + 1))[updates - first]

    @abstractmethod
    def updates_until(self, amount: Amount | Fraction) -> int:
        """Return the first update that starts at or after an amount."""

    def exact_at(self, place: Fraction) -> Fraction:
        """Return the amount at a fractional update, by linear interpolation."""
        before = Fraction(self.amount_at(floor(place)))
        fraction = place - floor(place)
        return before + fraction * (Fraction(self.amount_at(floor(place) + 1)) - before) if fraction else before

    def update_of(self, amount: Fraction) -> Fraction:
        """Return the fractional update at which an amount is consumed: the inverse of `exact_at`."""
        following = self.updates_until(amount)
        after = Fraction(self.amount_at(following))
        if after <= amount or following == 0:
            return Fraction(following)
        return following - (after - amount) / (after - Fraction(self.amount_at(following - 1)))


@final
@dataclass(frozen=True, slots=True)
class ConstantAmounts(RunAmounts):
    """Amounts of a run with constant consumption: rate * t before update t, rounded up."""

    clock: str
    rate: Fraction

    def amount_at(self, t: int) -> Amount:
        return ceil(t * self.rate)

    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        return self.amounts_at(np.arange(t, t + count), t, amount)

    def amounts_at(self, updates: Array, first: int, amount: Amount) -> Any:
        more = amount - self.amount_at(first)
        above = self.rate.numerator
        below = self.rate.denominator
        if updates.size and (int(updates[-1]) + 1) * above >= MAX_CONSUMED:
            return np.array([self.amount_at(value) + more for value in updates.tolist()])
        return -(-updates * above // below) + more

    def updates_until(self, amount: Amount | Fraction) -> int:
        return max(0, floor((ceil(amount) - 1) / self.rate) + 1)

    def exact_at(self, place: Fraction) -> Fraction:
        return place * self.rate

    def update_of(self, amount: Fraction) -> Fraction:
        return amount / self.rate


@final
@dataclass(frozen=True, slots=True)
class UnknownAmounts(RunAmounts):
    """Amounts of a run whose consumption per update is unknown in advance.

    Args:
        clock: the unit of the amounts.
        missing_factor: a planned size, and the run fact by which it must be multiplied; None if no size is planned.
    """

    clock: str
    missing_factor: tuple[str, str] | None = None

    def amount_at(self, t: int) -> Amount:
        if t == 0:
            return 0
        raise self.missing(messages.OF_RUN)

    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        if count <= 1:
            return np.array([amount][:count])
        raise self.missing(messages.OF_RUN)

    def updates_until(self, amount: Amount | Fraction) -> int:
        if amount <= 0:
            return 0
        raise self.missing(messages.OF_RUN)

    def missing(self, site: str | CallSite) -> MissingFact:
        """Return the error that reports the missing fact."""
        if self.missing_factor is None:
            return messages.missing_amounts(self.clock, site)
        size, fact = self.missing_factor
        return messages.missing_factor(self.clock, size, fact, site)


@final
@dataclass(frozen=True, slots=True)
class ReportedAmounts(RunAmounts):
    """The progress that the loop of a run reports: 0 before the run, then the last reported progress."""

    clock: str = PROGRESS

    def amount_at(self, t: int) -> Amount:
        if t == 0:
            return 0.0
        raise self._missing()

    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        return np.full(count, float(amount))

    def amounts_at(self, updates: Array, first: int, amount: Amount) -> Any:
        return np.full(updates.size, float(amount))

    def updates_until(self, amount: Amount | Fraction) -> int:
        if amount <= 0:
            return 0
        raise self._missing()

    def _missing(self) -> MissingFact:
        return messages.missing_progress("the progress of the run")


@final
@dataclass(frozen=True, slots=True)
class EvenAmounts(RunAmounts):
    """The progress of a run of known length whose updates are spread evenly: t / total before update t."""

    total: int
    clock: str = PROGRESS

    def amount_at(self, t: int) -> Amount:
        return rounded_progress(min(t / self.total, 1))

    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        return self.amounts_at(np.arange(t, t + count), t, amount)

    def amounts_at(self, updates: Array, first: int, amount: Amount) -> Any:
        return rounded_array(np.minimum(updates / self.total, 1))

    def updates_until(self, amount: Amount | Fraction) -> int:
        half = Fraction(1, 2 * WHOLE)  # amounts are rounded to 1 / WHOLE
        return max(0, ceil((Fraction(amount) - half) * self.total))


PLANNED_SIZES = frozenset(name for products in SIZES.values() for names in products for name in names)

SIZES_OF_BATCHES = ("batch_size", "accumulation")
"""The sizes that determine the batches of an update."""

MAX_PER_UPDATE = 10**15
"""The largest consumption of an update, which keeps sums over many updates below 64 bits."""


@final
@dataclass(frozen=True, slots=True)
class SizeTarget:
    """A target that schedules a run fact, such as the batch size.

    Args:
        name: the name of the fact, for example `batch_size`.
        schedule: the schedule, without the units of its clock.
        initial: the base of the target.
        clock: its clock.
        written: the schedule with its units, for messages.
    """

    name: str
    schedule: Schedule
    initial: float
    clock: str
    written: Schedule

    @property
    def by_amount(self) -> bool:
        """True if its clock counts an amount, not updates."""
        return self.clock != UPDATES

    def sizes(self, updates: Array, amounts: Array) -> Any:
        """Return the value of the run fact at each update as a float, rounded to the nearest integer (half to even)."""
        times = times_on(self.clock, amounts) if self.by_amount else updates
        return np.rint(evaluate(self.schedule, times, self.initial))

    def require_possible(self, update: int, amount: int) -> None:
        """Raise if the value of the run fact at an update is below 1."""
        size = self.sizes(np.array([update]), np.array([amount])).item()
        if not size >= 1:
            raise messages.size_is_below_one(self.name, update, size, self.initial, self.written)

    def is_held_at(self, update: int, amount: int) -> bool:
        """Return whether the value of the run fact is constant from a position on."""
        held = self.schedule.planned.held
        return held is not None and (times_on(self.clock, amount) if self.by_amount else update) >= held


def factors_of_update(clock: str, facts: RunFacts, planned: Collection[str]) -> tuple[tuple[str, ...], Fraction] | None:
    """Return the factors of the consumption of an update: the planned sizes, and the product of the constant ones.

    If the amount of an update is planned directly (`tokens_per_step`), this size is used. Otherwise the first known
    product is used. Returns None if no product is known.

    >>> factors_of_update("tokens", RunFacts(sequence_length=2048), ["batch_size"])
    (('batch_size',), Fraction(2048, 1))
    """
    for names in sorted(SIZES[clock], key=lambda names: not (len(names) == 1 and names[0] in planned)):
        constant = product_of_facts(facts, [name for name in names if name not in planned])
        if constant is not None:
            return tuple(name for name in names if name in planned), constant
    return None


@final
@dataclass(frozen=True, slots=True, eq=False)
class UpdateFacts:
    """The factors of the consumption of an update: constant run facts, and targets that plan sizes.

    Args:
        facts: the run facts.
        clock: the clock of targets that are scheduled by an amount; None if all are by updates.
        targets: the planned sizes by name; all None while the first of them is resolved.
    """

    facts: RunFacts
    clock: str | None
    targets: Mapping[str, SizeTarget | None]
    _found: dict[str, RunAmounts] = field(default_factory=dict)

    @property
    def batches_of_epoch(self) -> int | None:
        """The number of batches in an epoch, if the accumulation is planned; else None."""
        return self.facts.batches_per_epoch if "accumulation" in self.targets else None

    def amounts_of(self, clock: str) -> RunAmounts:
        """Return the amounts of the run in the unit of `clock`."""
        if clock not in self._found:
            self._found[clock] = self._amounts_of(clock)
        return self._found[clock]

    def _amounts_of(self, clock: str) -> RunAmounts:
        if clock == PROGRESS:
            return ReportedAmounts()
        factors = factors_of_update(clock, self.facts, self.targets.keys())
        if factors is None:
            return UnknownAmounts(clock, self._missing_factor_of(clock, self.targets))
        names, rate = factors
        if not names:
            return self._constant_amounts(clock, rate)
        targets: list[SizeTarget] = []
        for name in names:
            target = self.targets[name]
            if target is None:
                raise messages.size_determines_itself(next(iter(self.targets)), clock, self.clock or UPDATES)
            targets.append(target)
        if any(target.schedule.metric_rules for target in targets):
            return UnknownAmounts(clock)  # because the metric is unknown before the run
        times = None
        if self.clock not in (None, clock) and any(target.by_amount for target in targets):
            assert self.clock is not None
            times = self.amounts_of(self.clock)
            if isinstance(times, (UnknownAmounts, ReportedAmounts)):
                return UnknownAmounts(clock)
        return PlannedAmounts(clock, tuple(targets), int(rate), times)

    def _constant_amounts(self, clock: str, rate: Fraction) -> RunAmounts:
        """Return constant amounts; unknown ones if a planned size without its other factor changes them."""
        changing = [
            name
            for name, size_target in self.targets.items()
            if size_target is not None and not size_target.is_held_at(0, 0)
        ]
        missing_factor = self._missing_factor_of(clock, changing)
        return ConstantAmounts(clock, rate) if missing_factor is None else UnknownAmounts(clock, missing_factor)

    def _missing_factor_of(self, clock: str, targets: Collection[str]) -> tuple[str, str] | None:
        """Return a planned size that is a factor of an amount, and the run fact that is missing for the product."""
        for names in SIZES[clock]:
            planned_or_assumed = [*self.targets, *ASSUMED_SIZES]
            lacking = [name for name in names if name not in planned_or_assumed and getattr(self.facts, name) is None]
            planned = [name for name in names if name in targets]
            if planned and lacking:
                return planned[0], lacking[0]
        return None

    def ratio(self, many: str, few: str) -> Fraction | None:
        """Return the number of `many` in one of `few`, such as tokens per sample; None if it is unknown or changes.

        >>> UpdateFacts(RunFacts(sequence_length=2048), None, {}).ratio("tokens", "samples")
        Fraction(2048, 1)
        """
        for first, second in product(SIZES[many], SIZES[few]):
            fewer, more = sorted((set(first), set(second)), key=len)
            facts: list[Any] = [
                None if name in self.targets else getattr(self.facts, name) for name in sorted(more - fewer)
            ]
            if fewer < more and None not in facts:
                ratio = Fraction(prod(facts))
                return ratio if more == set(first) else 1 / ratio
        return None


_BLOCK = 262_144  # updates whose amounts are computed at once, which bounds the memory
_STRIDE = 4096  # updates between two cached amounts
_ESTIMATE_SIZES = 16, 4096  # updates that are estimated at once: few if the last estimate was wrong early
_MAX_ROUNDS = 8  # refinements of an estimate before its correct part is kept
_MAX_AMOUNT = 10**18
_MAX_UPDATES = 50_000_000
_MAX_UNEVEN = 500_000  # used instead of `_MAX_UPDATES` if the consumption often differs from the previous update's
_MIN_CORRECT = 256  # if fewer updates of an estimate are correct, sizes are tabulated instead
_TABULATED = 65_536  # amounts whose sizes are tabulated at once
_MAX_TABULATED_SIZE = 1_024  # with larger sizes, a table contains too few updates to be worth computing
_PROBES = 1_000  # amounts at which sizes are evaluated to estimate the length of a run


@final
@dataclass(frozen=True, slots=True, eq=False)
class PlannedAmounts(RunAmounts):
    """Amounts of a run whose consumption is planned: amount(t + 1) = amount(t) + size(t, amount(t)).

    Args:
        clock: the unit of the amounts.
        targets: the planned sizes. The consumption of an update is their product with `rate`.
        rate: the product of the constant run facts.
        times: the amounts on the clock of the planned sizes; None if that clock is `clock` or counts updates.
    """

    clock: str
    targets: tuple[SizeTarget, ...]
    rate: int
    times: RunAmounts | None = None
    _kept: list[int] = field(default_factory=lambda: [0])  # the amounts before every 4,096th update
    _held: list[tuple[int, int, int]] = field(default_factory=list)  # at most one: update, amount, size from there on

    @property
    def _is_sequential(self) -> bool:
        """True if only the amount before an update determines its consumption, so that each depends on the last one."""
        return self.times is None and all(target.by_amount for target in self.targets)

    def _sizes(self, updates: Array, times: Array) -> Any:
        """Return the consumption of each update. Invalid values do not raise, because the times may be estimates."""
        sizes = np.full(updates.shape, float(self.rate))
        for target in self.targets:
            sizes *= target.sizes(updates, times)
        return np.clip(np.nan_to_num(sizes, nan=0.0), 0, MAX_PER_UPDATE).astype(np.int64)

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

    def amounts_at(self, updates: Array, first: int, amount: Amount) -> Any:
        blocks = list[Array]()
        before = int(amount)
        while updates.size and (size := self._held_size(first, before)) is None:
            block = self._amounts(first, before, _BLOCK + 1)
            inside = updates[: int(np.searchsorted(updates, first + _BLOCK))]
            blocks.append(block[inside - first])
            updates = updates[inside.size :]
            first += _BLOCK
            before = int(block[-1])
        if updates.size:
            assert size is not None
            _refuse_amounts(self.clock, first, before + (int(updates[-1]) - first) * size)
            blocks.append(before + (updates - first) * size)
        return np.concatenate(blocks) if blocks else updates

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
        """Raise if an estimate shows that the run has far more updates than can be computed."""
        if not self._is_sequential:
            return
        before = self._kept[-1]
        probes = np.linspace(before, wanted, _PROBES).astype(np.int64)
        held = next((int(amount) for amount in probes if self._held_size(0, int(amount)) is not None), wanted)
        probes = np.linspace(before, held, _PROBES).astype(np.int64)
        sizes = np.maximum(self._sizes_by_amount(probes), 1)
        uneven = np.mean(self._sizes_by_amount(probes + sizes) != sizes) > 0.2
        most = _MAX_UNEVEN if uneven else _MAX_UPDATES
        if (held - before) * float(np.mean(1 / sizes)) > 2 * most:  # a factor of two, because it is an estimate
            raise messages.too_many_updates(most)

    def _kept_amounts(self, until: int) -> Array:
        """Compute the amounts after the last cached amount, up to the next one to cache or to the amount `until`.

        Cache the next one. If the consumption per update is constant from here on, cache that constant instead,
        because it determines all later amounts.
        """
        update = (len(self._kept) - 1) * _STRIDE
        before = self._kept[-1]
        if update > _MAX_UPDATES:
            raise messages.too_many_updates(_MAX_UPDATES)
        size = self._held_size(update, before)
        if size is not None:
            self.require_some(update, before)
            self._held.append((update, before, size))
            return np.array([before])
        amounts = self._amounts(update, before, _STRIDE + 1, until)
        if amounts.size == _STRIDE + 1:
            self._kept.append(int(amounts[-1]))
        return amounts

    def _amounts(self, t: int, amount: int, count: int, until: int | None = None) -> Array:
        """Return `count` amounts from update `t` on, the first of which is `amount`; fewer if they reach `until`.

        With `until`, every update before it must consume something. Without it, updates that consume nothing do not
        raise, because a block of updates may extend beyond the end of the run.
        """
        _refuse_amounts(self.clock, t, amount + MAX_PER_UPDATE)
        blocks = [np.array([amount])]
        least, most = _ESTIMATE_SIZES
        left = count - 1
        size_of_estimate = most
        while left > 0 and (until is None or amount < until):
            if until is None and (size := self._held_size(t, amount)) is not None:
                blocks.append(amount + size * np.arange(1, left + 1))
                break
            block = self._next_amounts(t, amount, min(left, size_of_estimate))
            size_of_estimate = min(max(4 * block.size, least), most)
            if until is not None:
                block = block[: int(np.searchsorted(block, until)) + 1]
                self._require_sizes(t, np.concatenate([[amount], block]))
            blocks.append(block)
            t += block.size
            amount = int(block[-1])
            left -= block.size
        return np.concatenate(blocks)

    def _next_amounts(self, t: int, amount: int, most: int) -> Array:
        """Return the amounts after update `t`, between 1 and `most` of them, as many as a few estimates determine.

        The first estimate assumes that the size stays constant. Each round evaluates the sizes at the estimated
        amounts. All amounts before the first one in which two rounds differ are correct. The later round's value
        of this first one is also correct, because it follows from a correct amount.
        """
        updates = np.arange(t, t + most)
        if self.times is not None or not any(target.by_amount for target in self.targets):
            at = updates if self.times is None else self.times.amounts_from(t, self.times.amount_at(t), most)
            return amount + np.cumsum(self._sizes(updates, at))
        estimate = amount + self._sizes(updates[:1], np.array([amount]))[0] * np.arange(most + 1)
        correct = 0
        for _ in range(_MAX_ROUNDS):
            better = amount + np.concatenate([[0], np.cumsum(self._sizes(updates, estimate[:-1]))])
            differing = np.flatnonzero(better != estimate)
            correct = int(differing[0]) if differing.size else most
            estimate = better
            if correct == most:
                break
        size = int(estimate[1]) - amount
        if correct >= min(most, _MIN_CORRECT) or not self._is_sequential or not 0 < size <= _MAX_TABULATED_SIZE:
            return estimate[1 : correct + 1]
        # Sizes change too often for estimates, so tabulate the sizes at the next amounts.
        width = min(2 * size * most, _TABULATED)
        sizes = self._sizes_by_amount(np.arange(amount, amount + width)).tolist()
        amounts: list[int] = []
        at = 0
        while at < width and len(amounts) < most:
            at += sizes[at]
            amounts.append(amount + at)
        return np.array(amounts)

    def _sizes_by_amount(self, amounts: Array) -> Array:
        """Return the consumption of updates that start at some amounts, if only the amounts determine it."""
        return self._sizes(np.zeros_like(amounts), amounts)

    def _held_size(self, t: int, amount: int) -> int | None:
        """Return the consumption of all updates from `t` on, if it is constant; else None."""
        time = amount if self.times is None else ceil(self.times.amount_at(t))
        if not all(target.is_held_at(t, time) for target in self.targets):
            return None
        return int(self._sizes(np.array([t]), np.array([time]))[0])

    def require_some(self, t: int, amount: Amount) -> None:
        """Raise if update `t` is planned to consume nothing."""
        self._require_sizes(t, self._amounts(t, int(amount), 2))

    def _require_sizes(self, t: int, amounts: Array) -> None:
        empty = np.flatnonzero(np.diff(amounts) < 1)
        if empty.size:
            update = t + int(empty[0])
            amount = int(amounts[empty[0]])
            time = amount if self.times is None else ceil(self.times.amount_at(update))
            for target in self.targets:
                target.require_possible(update, time)


def _refuse_amounts(clock: str, t: int, amount: Amount) -> None:
    """Raise if an amount that may be reached soon after update `t` is too large to be counted."""
    if amount > _MAX_AMOUNT:
        raise messages.amounts_are_too_large(clock, t, _MAX_AMOUNT)
