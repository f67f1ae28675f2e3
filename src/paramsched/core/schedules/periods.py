"""Schedules that repeat or go in steps: cyclic, cosine restarts, step, multistep, stairs."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil
from typing import Literal, TypeAlias, final

from paramsched.core import curves
from paramsched.core.curves import CurveLike
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.number_checks import checked, one_of, positive_number, whole_number
from paramsched.core.schedules.affine import (
    FROM_ZERO_TO_ONE,
    LEVEL,
    Affine,
    Bounds,
    Level,
    bounds_of_levels,
    level_of,
    mixed_levels,
    split_level,
    zero_safe_product,
)
from paramsched.core.schedules.anneal import Index, Interpolations, anneal
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.lengths import (
    FILLS,
    POSITIVE_PERIOD,
    ROUNDING_OF_CYCLES,
    Lengths,
    Span,
    boundaries,
    checked_growth,
    complete_periods,
    require_lengths,
    split_periods,
)
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.restarts import Cycles
from paramsched.core.schedules.sequence import with_lengths
from paramsched.core.time import Duration, DurationLike, count_of
from paramsched.core.time.duration import durations_of
from paramsched.errors import CallSite, InvalidArgument, shown

Mode: TypeAlias = Literal["triangular", "triangular2", "exp_range"]
"""How the height of the triangles changes: constant, halved each cycle, gamma ** t."""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cyclic(Schedule):
    """Rises from `start` to `to` over `up` and falls back over `down`, repeatedly."""

    up: Duration = field(metadata=POSITIVE_PERIOD)
    down: Duration = field(metadata=POSITIVE_PERIOD)
    start: Level = field(metadata=LEVEL)
    to: Level = field(metadata=LEVEL)
    mode: Mode = field(metadata=one_of(Mode))
    gamma: float = field(metadata=checked(positive_number))

    def check_together(self) -> None:
        if self.gamma != 1 and self.mode != "exp_range":
            raise InvalidArgument(
                CallSite("cyclic", "mode", f"{self.mode!r}, gamma={self.gamma!r}"),
                'gamma requires mode="exp_range"',
                'Use mode="exp_range", or omit gamma',
            )

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Compute straight lines up and down; `mode` scales them by the index of the cycle or by the time."""
        up, down, period = self.up.count, self.down.count, self._period
        cycle, at = split_periods(t, period, ops)
        rises, falls = ops.floating(at) / up, ops.floating(count_of(period) - at) / down
        height = ops.where(ops.floating(at) <= up, rises, falls)
        if self.mode == "triangular2":
            height = height * ops.power_of_number(0.5, cycle)
        elif self.mode == "exp_range":
            height = zero_safe_product(height, ops.power_of_number(self.gamma, t))
        if self.mode == "exp_range" and self.gamma > 1:  # values may exceed `to`, because growth is not clipped
            return mixed_levels(
                self.start, self.to, base, lambda first, last: first + zero_safe_product(last - first, height)
            )
        return Interpolations.of(self.start, self.to, curves.linear).at(height, 1, base, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_of_levels((self.start, self.to), bases) if self.gamma <= 1 else None

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        up = self.up.number
        return (b for begin in boundaries(self._period, until, since - ceil(self._period)) for b in (begin, begin + up))

    @property
    def _period(self) -> int | Fraction:
        return self.up.number + self.down.number


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineRestarts(Cycles):
    """Cosine decays that restart, each `mult` times as long and `gamma` times as high as the previous one.

    Each lowest level is `to_gamma` times the previous one. After `times` cycles the last lowest level is held.
    """

    first: Duration = field(metadata=POSITIVE_PERIOD)
    mult: float = field(metadata=checked(checked_growth))
    to: Level = field(metadata=LEVEL)
    gamma: float = field(metadata=checked(positive_number))
    to_gamma: float = field(metadata=checked(positive_number))
    times: int | None = field(metadata=checked(whole_number))
    lengths: Lengths = field(metadata=ROUNDING_OF_CYCLES)

    def check_together(self) -> None:
        require_lengths("cosine_restarts", self.lengths, self.mult, self.first.exact, self.times)

    @property
    def first_cycle(self) -> Duration:
        return self.first

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Compute half a cosine wave in each cycle; if cycles grow, a table contains their starts."""
        if self.mult == 1:
            cycle, at = split_periods(t, self.first.number, ops, self.times)
            u = ops.floating(at) / self.first.count
        else:
            cycle, at, size = self._table.split(t, ops)
            u = ops.floating(at) / size
            over = self._held_from()
            u = u if over is None else ops.where(t >= count_of(over), 1.0, u)
        height = ops.power_of_number(self.gamma, cycle)
        fall = curves.cosine._fall(u, 1.0 - u, ops)
        lower = 1.0 if self.to_gamma == 1 else ops.power_of_number(self.to_gamma, cycle)
        to, fixed = split_level(self.to)
        factor = height * fall if to is None else (height - to * lower) * fall + to * lower
        value = base.scaled(ops.where(u == 0, height, factor))
        return value if fixed is None else value + Affine(None, fixed * lower * (1.0 - fall))

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_of_levels((0.0, 1.0, self.to), bases) if self.gamma <= 1 and self.to_gamma <= 1 else None

    def _lengths_known(self, *, whole: bool) -> bool:
        first = self.first.exact
        return first is not None and first >= 1 and (not self._rounds or first.denominator == 1)

    @property
    def _rounds(self) -> bool:
        """True if the lengths of cycles are rounded to integers: the cycles grow, and `lengths` is not "exact"."""
        return self.mult != 1 and self.lengths != "exact"

    def _resolve(self, span: Span) -> Schedule:
        """Convert the first cycle to updates, as an integer if cycles are rounded."""
        first = span.period(self.first)
        return replace(self, first=Duration.of(ceil(first)) if self._rounds else first)

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        if self.mult == 1:
            return boundaries(self.first.number, until, since)
        return [begin for begin in self._table.begins if since <= begin <= until]


@shape
def cyclic(
    up: DurationLike,
    down: DurationLike | None = None,
    start: Level = 0.1,
    to: Level = 1.0,
    mode: Mode = "triangular",
    gamma: float = 1.0,
) -> Cyclic:
    """Rise from `start` to `to` and fall back along straight lines, repeatedly.

    value(t) = start + (to - start) * h * g, h from 0 to 1 in each cycle, g = 1, 2 ** -cycle or gamma ** t by `mode`

    Args:
        up: the length of the rise, in any unit of time; at least one update.
        down: the length of the fall, likewise; `up` by default.
        start: the lowest level, a multiple of base, or `absolute(x)` for an absolute value.
        to: the highest level, likewise.
        mode: how the height changes: `"triangular"` keeps it, `"triangular2"` halves it after each cycle, `"exp_range"`
            multiplies it by `gamma` at each update.
        gamma: the ratio for `"exp_range"`, above 0.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Smith 2017 (1506.01186); torch `CyclicLR`.

    >>> [round(cyclic(2, start=0.2)(t), 9) for t in range(5)]
    [0.2, 0.6, 1.0, 0.6, 0.2]
    """
    return Cyclic(Duration.of(up), Duration.of(up if down is None else down), start, to, mode, gamma)


@shape
def cosine_restarts(
    first: DurationLike,
    mult: float = 1.0,
    to: Level = 0.0,
    gamma: float = 1.0,
    to_gamma: float = 1.0,
    times: int | None = None,
    lengths: Lengths = "nearest",
) -> CosineRestarts:
    """Repeat a cosine decay; cycle i has the length first * mult ** i and starts at gamma ** i.

    Prefer `restarts(cosine(), every)` if all cycles are equal.

    value(t) = to * to_gamma ** i + (gamma ** i - to * to_gamma ** i) * (1 + cos(pi * c / L)) / 2, c updates into cycle
    i of length L

    Args:
        first: the length of the first cycle, in any unit of time; at least one update.
        mult: the ratio of each cycle's length to the previous one: 1, or at least 1.001.
        to: the lowest level of the first cycle, a multiple of base, or `absolute(x)` for an absolute value. It is not
            reached exactly, because the next cycle starts at that time.
        gamma: the ratio of each cycle's peak to the previous one, above 0.
        to_gamma: the ratio of each cycle's lowest level to the previous one, above 0.
        times: the number of cycles, after which the last lowest level is held. None repeats without end.
        lengths: how growing cycles are rounded: `"nearest"` (each to the nearest update), `"exact"` (not rounded), or
            `"floor"` (rounded down before the next length is computed from it).

    Raises:
        InvalidArgument: an argument is out of range, or rounding down prevents the cycles from growing.

    Source: SGDR, Loshchilov & Hutter 2017 (1608.03983); torch `CosineAnnealingWarmRestarts`. timm's `cycle_mul`,
    `cycle_decay` and `cycle_limit` are `mult`, `gamma` and `times` with `lengths="exact"`. ignite's `cycle_mult`,
    `start_value_mult` and `end_value_mult` are `mult`, `gamma` and `to_gamma` with `lengths="floor"`. In keras'
    `CosineDecayRestarts` the floor a does not shrink with the peak: `(1 - a) * cosine_restarts(…, gamma=m_mul) + a`.

    >>> sgdr = cosine_restarts(10, mult=2, to=0.1)
    >>> sgdr(0), round(sgdr(5), 9), sgdr(10), round(sgdr(20), 9), sgdr(30)
    (1.0, 0.55, 1.0, 0.55, 1.0)
    """
    return CosineRestarts(Duration.of(first), mult, to, gamma, to_gamma, times, lengths)


@shape
def one_cycle(
    up: DurationLike = "30%",
    start: Level = 0.04,
    to: Level = 4e-06,
    curve: CurveLike = curves.cosine,
    index: Index = "t/n",
    back: DurationLike | None = None,
    peak: Level = 1.0,
) -> Schedule:
    """Rise from `start` to `peak` over `up`, then decay to `to` over the rest of the run.

    value(t) = start + (peak - start) * curve(t / up), then peak + (to - peak) * curve(v), v the elapsed fraction of the
    decay

    Base is the peak (torch's `max_lr`). Momentum runs in the opposite direction:
    `one_cycle("30%", absolute(0.95), absolute(0.95), peak=absolute(0.85))`.

    Args:
        up: the length of the rise, in any unit of time.
        start: the first level, a multiple of base, or `absolute(x)` for an absolute value.
        to: the last level, likewise.
        curve: the curve of the rise and of the decay: `curves.cosine`, `curves.linear`, …
        index: the formula of the elapsed fraction of a ramp. With `"t/(n-1)"`, as in torch, the cycle ends at its last
            update, and each earlier ramp ends one update earlier than its length: at up * n - 1, which may be between
            two updates.
        back: the length of a ramp back to `start` before the final decay, torch's `three_phase`. None omits this ramp.
        peak: the highest level; 1 is base.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Smith & Topin 2018 (1708.07120); torch `OneCycleLR` with `index="t/(n-1)"`; fastai `fit_one_cycle`, whose
    ramps have exact lengths: `with_lengths(one_cycle("25%", to=1e-05))`; optax `cosine_onecycle_schedule`, and
    `linear_onecycle_schedule` with `back="55%"`, both rounded down: `with_lengths(one_cycle(), "floor")`.

    >>> print(one_cycle())
    cosine(0.04, 1.0, "30%") >> cosine(1.0, 4e-06)
    >>> print(one_cycle(index="t/(n-1)", curve=curves.linear))
    with_lengths(linear(0.04, 1.0, "30% - 1 step") >> linear(1.0, 4e-06, index="t/(n-1)"))
    >>> print(one_cycle("30%", back="55%", curve=curves.linear))
    linear(0.04, 1.0, "30%") >> linear(1.0, 0.04, "55%") >> linear(0.04, 4e-06)
    """
    closed = isinstance(index, str) and index == "t/(n-1)"
    inner: Index = "t/n" if closed else index

    def length_of_ramp(name: str, length: DurationLike) -> Duration:
        if isinstance(length, float) and 0 < length < 1:  # torch's first argument is the rate
            found, site = "expected a length; the peak is base, the optimizer's own lr", shown(length)
            raise InvalidArgument(CallSite("one_cycle", name, site), found, 'For example: "30%"', refused=length)
        over = Duration.of(length)
        if not closed:
            return over
        if not over.terms:
            found = 'with index="t/(n-1)" this ramp ends one update early, so it must not be empty'
            raise InvalidArgument(CallSite("one_cycle", name, shown(length)), found, 'Use "30%", or omit index')
        return over - Duration.of(1)

    start, peak = level_of(CallSite("one_cycle", "start"), start), level_of(CallSite("one_cycle", "peak"), peak)
    ramp = anneal(start, peak, length_of_ramp("up", up), curve, inner)
    if back is None:
        cycle = ramp >> anneal(peak, to, None, curve, index)
    else:
        cycle = (
            ramp
            >> anneal(peak, start, length_of_ramp("back", back), curve, inner)
            >> anneal(start, to, None, curve, index)
        )
    return with_lengths(cycle) if closed else cycle


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Step(Schedule):
    """value(t) = base * gamma ** floor(t / every)."""

    every: Duration = field(metadata=POSITIVE_PERIOD)
    gamma: float = field(metadata=checked(positive_number))

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return base.scaled(ops.power_of_number(self.gamma, complete_periods(t, self.every.number, ops)))

    def bounds(self, bases: Bounds) -> Bounds | None:
        return FROM_ZERO_TO_ONE.times(bases) if self.gamma <= 1 else None

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        return boundaries(self.every.number, until, since)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MultiStep(Schedule):
    """value(t) = base * gamma ** (number of milestones at or before t)."""

    milestones: tuple[Duration, ...]
    gamma: float = field(metadata=checked(positive_number))

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        reached = ops.reached(sorted(milestone.count for milestone in self.milestones), t)
        return base.scaled(ops.power_of_number(self.gamma, reached))

    def bounds(self, bases: Bounds) -> Bounds | None:
        return FROM_ZERO_TO_ONE.times(bases) if self.gamma <= 1 else None

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        return (milestone.number for milestone in self.milestones)

    def _resolve(self, span: Span) -> Schedule:
        """Convert the milestones to updates; raise if one is after the end of its stage."""
        milestones = tuple(span.after(milestone) for milestone in self.milestones)
        if span.staged and span.room is not None:
            for written, milestone in zip(self.milestones, milestones, strict=True):
                if milestone.number >= span.room.number:
                    raise InvalidArgument(
                        str(self),
                        f'milestone "{written}" is update {milestone} of a stage of length {span.room}: '
                        "milestones count from the start of the stage",
                        "To count from the start of the run, multiply: warmup(…) * multistep(…)",
                    )
        return replace(self, milestones=milestones)


@shape
def step(every: DurationLike, gamma: float = 0.1) -> Step:
    """Multiply by `gamma` each `every`.

    value(t) = base * gamma ** floor(t / every)

    Args:
        every: the period, in any unit of time, at least one update. It may be fractional: the k-th step is at
            ceil(k * every).
        gamma: the ratio of two consecutive steps, above 0.

    Raises:
        InvalidArgument: `gamma` is not a finite number above 0, or `every` is not a length above 0.

    Source: He et al. 2016 (1512.03385); torch `StepLR`.

    >>> step(30, 0.5)(29), step(30, 0.5)(30), step(30, 0.5)(60)
    (1.0, 0.5, 0.25)
    >>> step("2.5 steps").breakpoints(until=10)
    (0, 3, 5, 8, 10)
    """
    period = Duration.of(every)
    if not isinstance(gamma, bool) and gamma == 0:
        raise _gamma_of_zero("step", period)
    return Step(period, gamma)


@shape
def multistep(milestones: tuple[DurationLike, ...], gamma: float = 0.1) -> MultiStep:
    """Multiply by `gamma` at each milestone.

    value(t) = base * gamma ** (number of milestones at or before t)

    Args:
        milestones: a list of times from the start of the stage, in any unit and order. A repeated milestone multiplies
            twice.
        gamma: the ratio at each milestone, above 0.

    Raises:
        InvalidArgument: `gamma` is not a finite number above 0, or a milestone is not a time. At `resolve`: a milestone
            is at or after the end of its stage.

    Source: torch `MultiStepLR`.

    >>> steps = multistep([30, 80], 0.5)
    >>> steps(29), steps(30), steps(80)
    (1.0, 0.5, 0.25)
    """
    if isinstance(milestones, (str, bytes, Duration, Mapping)) or not isinstance(milestones, Iterable):
        found = f"expected a list of times, got {type(milestones).__name__}"
        raise InvalidArgument(f"multistep({milestones!r})", found, example="multistep([30, 80])")
    times = durations_of(milestones)
    if times and not isinstance(gamma, bool) and gamma == 0:
        raise _gamma_of_zero("multistep", times[0])
    return MultiStep(times, gamma)


def _gamma_of_zero(name: str, since: Duration) -> InvalidArgument:
    """Return the error for a ratio 0, after which every value is 0."""
    instead = f"Write piecewise([(0, 1), ({since.written()}, 0)])"
    return InvalidArgument(CallSite(name, "gamma", "0"), "must be greater than 0", instead)


_FINEST_TREAD = Fraction(1, 4)  # updates; breakpoints of shorter steps are merged


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stairs(Schedule):
    """value(t) = start + (to - start) * k / rises, with k = floor(t * rises / n); from t = n on exactly `to`."""

    start: Level = field(metadata=LEVEL)
    to: Level = field(metadata=LEVEL)
    rises: int = field(metadata=checked(whole_number))
    over: Duration | None = field(metadata=FILLS)

    @property
    def _tread(self) -> Fraction:
        assert self.over is not None
        return Fraction(self.over.number) / self.rises

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Return the level after the steps so far; multiply before dividing, so that integer levels are exact."""
        assert self.over is not None
        end = self.over.count
        rises = ops.floating(complete_periods(ops.at_most(t, end), self._tread, ops)) if end else 0.0

        def level(first: float, last: float) -> Array:
            return ops.where(t >= end, last, first + (last - first) * rises / self.rises)

        return mixed_levels(self.start, self.to, base, level)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_of_levels((self.start, self.to), bases)

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        assert self.over is not None
        if not self.over.terms:
            return ()
        # With many more steps than updates this would take too long, and each update has a step anyway.
        tread = max(self._tread, _FINEST_TREAD)
        return (rise for rise in boundaries(tread, min(until, math.ceil(self.over)), since) if rise <= self.over.number)


@shape
def stairs(start: Level, to: Level, rises: int, over: DurationLike | None = None) -> Stairs:
    """Change from one level to another in equal steps.

    value(t) = start + (to - start) * floor(t * rises / n) / rises; exactly `to` from t = n on

    Args:
        start: the first level, a multiple of base, or `absolute(x)` for an absolute value.
        to: the last level, likewise.
        rises: the number of steps, an integer of at least 1; in Megatron it is (to - start) / increment.
        over: n, the length in any unit of time. None takes the rest of the run.

    Raises:
        InvalidArgument: an argument is out of range.

    The k-th step is at k * n / rises, rounded up. The last step, which reaches `to`, is at the end.

    Source: Megatron-LM `--rampup-batch-size start increment over`.

    >>> [stairs(16, 64, 3, over=10)(t) for t in (0, 3, 4, 6, 7, 9, 10)]
    [16.0, 16.0, 32.0, 32.0, 48.0, 48.0, 64.0]
    """
    return Stairs(start, to, rises, None if over is None else Duration.of(over))
