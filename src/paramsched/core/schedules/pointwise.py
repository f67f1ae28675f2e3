"""Combinations of the values of schedules at each update: sum, product, minimum, maximum, clamp."""

from abc import ABC
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, reduce
from math import inf
from typing import Any, final

import numpy as np

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.schedules.affine import (
    LEVEL,
    ONE,
    ONE_BASE,
    Absolute,
    Affine,
    AffineLevel,
    Bounds,
    Level,
    always_above,
    bounds_around,
    bounds_of_levels,
    split_level,
)
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.leaves import Constant, schedule_of
from paramsched.core.schedules.lengths import Span
from paramsched.core.schedules.one_operand import OneOperand
from paramsched.core.schedules.registry import operator_builder, shape
from paramsched.core.schedules.writing import NEGATIVE, PRODUCT, SUM, chain_text, in_brackets
from paramsched.core.time import Duration
from paramsched.errors import CallSite, InvalidArgument, Unresolved


class Pointwise(Schedule, ABC):
    """Base class of schedules that combine the values of several operands at each update.

    The combination takes the remaining time if an operand does. Otherwise it has the longest length of an operand, or
    no end if no operand has an end.
    """

    __slots__ = ()
    operands: tuple[Schedule, ...]

    # Cached, because each level of a deep tree needs the values of all levels below it.
    @cached_property
    def length(self) -> Duration | None:
        """The longest length of the operands; None if one takes the remaining time, or none has an end."""
        if not self.has_length:
            return None
        lengths = {operand.length for operand in self.operands if operand.has_length}
        if len(lengths) == 1:
            return lengths.pop()
        if all(length is not None and length.exact is not None for length in lengths):
            return Duration.of_updates(max(length.number for length in lengths if length is not None))
        raise Unresolved(
            str(self),
            "its operands' lengths are in different units",
            "For example: ps.resolve(schedule, total=10_000).length",
        )

    @cached_property
    def fills(self) -> bool:
        return any(operand.fills for operand in self.operands)

    @cached_property
    def has_length(self) -> bool:
        return not self.fills and any(operand.has_length for operand in self.operands)

    def _held_from(self) -> int | Fraction | None:
        ends = [operand._held_from() for operand in self.operands]
        return None if None in ends else max(end for end in ends if end is not None)

    @property
    def _holds_when_empty(self) -> bool:
        return any(operand._holds_when_empty for operand in self.operands)

    def _exact_length(self, span: Span) -> Fraction | None:
        measures = [operand._exact_length(span) for operand in self.operands]
        return None if self.fills else max((m for m in measures if m is not None), default=None)

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        for operand in self.operands:
            yield from operand._breakpoints_and_end(since, until)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Product(Pointwise):
    """value(t) = a(t) * b(t) * …

    The operand with an absolute level is evaluated for base, and every other operand for a base of 1.
    """

    operands: tuple[Schedule, ...]
    _precedence = PRODUCT

    def check_together(self) -> None:
        fixed = [operand for operand in self.operands if operand.has_absolute]
        if len(fixed) > 1:
            others = [operand for operand in self.operands if not operand.has_absolute]
            lower = Product((*others, Minimum(tuple(fixed)))) if others else Minimum(tuple(fixed))
            raise InvalidArgument(
                str(self),
                f"{len(fixed)} factors have absolute levels; only one factor may have one",
                example=f"{lower}",
            )

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        main = next((operand for operand in self.operands if operand.has_absolute), self.operands[0])
        value = main._at(t, base, ops)
        for operand in self.operands:
            if operand is not main:
                value = value.scaled(operand._at(t, ONE, ops).constant())
        return value

    def bounds(self, bases: Bounds) -> Bounds | None:
        main = next((part for part in self.operands if part.has_absolute), self.operands[0])
        factors = [part.bounds(bases if part is main else ONE_BASE) for part in self.operands]
        known = [one for one in factors if one is not None]
        return reduce(Bounds.times, known) if len(known) == len(factors) else None

    def __str__(self) -> str:
        first, *rest = self.operands
        negative = first == Constant(-1.0, None)
        shown = rest if negative else self.operands
        factors = [part for part in shown if _is_factor(part)]
        # Two numbers beside each other would be read as one.
        texts = [
            f"{part.value!r}" if len(factors) == 1 and isinstance(part, Constant) and part in factors and len(shown) > 1
            else in_brackets(part, NEGATIVE)
            for part in shown
        ]  # fmt: skip
        text = chain_text(texts, " * ".join)
        if not negative:
            return text
        return f"-({text})" if shown and _is_factor(shown[0]) else f"-{text}"  # -0.1 alone is a number


def _is_factor(part: Schedule) -> bool:
    """Return whether an operand of a product is written as a number: `0.1 * constant()`."""
    if not isinstance(part, Constant) or part.over is not None or not isinstance(part.value, float):
        return False
    return part.value >= 0 and part.value != 1


def _sum_text(operands: Sequence[str]) -> str:
    first, *rest = operands
    return first + "".join(f" - {one[1:]}" if one.startswith("-") else f" + {one}" for one in rest)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sum(Pointwise):
    """value(t) = a(t) + b(t) + …, each from the same base."""

    operands: tuple[Schedule, ...]
    _precedence = SUM

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        value = self.operands[0]._at(t, base, ops)
        for operand in self.operands[1:]:
            value = value + operand._at(t, base, ops)
        return value

    def bounds(self, bases: Bounds) -> Bounds | None:
        found = [part.bounds(bases) for part in self.operands]
        known = [one for one in found if one is not None]
        return Bounds(*map(sum, zip(*known, strict=True))) if len(known) == len(found) else None

    def __str__(self) -> str:
        return chain_text([in_brackets(operand, PRODUCT) for operand in self.operands], _sum_text)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Minimum(Pointwise):
    """value(t) = the smallest of its operands' values."""

    operands: tuple[Schedule, ...]

    affine = False

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return _fold_operands(ops.smaller, self.operands, t, base, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_around(part.bounds(bases) for part in self.operands)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Maximum(Pointwise):
    """value(t) = the largest of its operands' values."""

    operands: tuple[Schedule, ...]

    affine = False

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return _fold_operands(ops.larger, self.operands, t, base, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_around(part.bounds(bases) for part in self.operands)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Clamp(OneOperand):
    """value(t) = the schedule's value, at least `low` and at most `high`."""

    schedule: Schedule
    low: Level | None = field(metadata=LEVEL)
    high: Level | None = field(metadata=LEVEL)

    def check_together(self) -> None:
        if self.low is not None and self.high is not None and always_above(self.low, self.high):
            raise InvalidArgument(
                CallSite("clamp", "low", f"{self.low}, high={self.high}"),
                "low is above high",
                example=f"{Clamp(self.schedule, self.high, self.low)}",
            )

    affine = False

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        value = self.schedule._at(t, base, ops).constant()
        if self.low is not None:
            value = ops.larger(value, _bound_value(self.low, base))
        if self.high is not None:
            value = ops.smaller(value, _bound_value(self.high, base))
        return Affine(None, value)

    def bounds(self, bases: Bounds) -> Bounds | None:
        lowest = Bounds(-inf, -inf) if self.low is None else bounds_of_levels((self.low,), bases)
        highest = Bounds(inf, inf) if self.high is None else bounds_of_levels((self.high,), bases)
        if lowest is None or highest is None:
            return None
        values = self.schedule.bounds(bases) or Bounds(-inf, inf)
        raised = (max(value, least) for value, least in zip(values, lowest, strict=True))
        return Bounds(*(min(value, most) for value, most in zip(raised, highest, strict=True)))


def _bound_value(level: Level, base: Affine) -> Array:
    factor, fixed = split_level(level)
    scaled = None if factor is None else base.constant() * factor
    return fixed if scaled is None else scaled if fixed is None else scaled + fixed


def _fold_operands(
    choose: Callable[[Array, Array], Array], operands: tuple[Schedule, ...], t: Array, base: Affine, ops: Arrays
) -> Affine:
    value = operands[0]._at(t, base, ops).constant()
    for operand in operands[1:]:
        value = choose(value, operand._at(t, base, ops).constant())
    return Affine(None, value)


@operator_builder("product")
def make_product(*operands: Any) -> Any:
    """Implement `a * b * …`. All operands are joined at once, because joining them in pairs takes quadratic time."""
    if isinstance(operands[-1], Schedule) and operands[-1].metric_rules:
        return NotImplemented  # the right operand implements the product, to keep its metric rules
    return _joined_operands(Product, *operands)


@operator_builder("sum")
def make_sum(*operands: Any) -> Any:
    """Implement `a + b + …`."""
    return _joined_operands(Sum, *operands)


@operator_builder("difference")
def make_difference(left: Any, right: Any) -> Any:
    """Implement `a - b`."""
    return make_sum(left, make_negative(schedule_of(right, lambda: f"{left} - {right}")))


@operator_builder("negative")
def make_negative(schedule: Schedule) -> Any:
    """Implement `-a`."""
    # Not simplified, not even `--a`, because the text of a product lists its factors and must read back as equal.
    return _joined_operands(Product, -1.0, schedule)


def _joined_operands(kind: type[Product] | type[Sum], *parts: Any) -> Any:
    """Combine all operands and flatten nested ones of the same kind."""
    operands: list[Schedule] = []
    for one in parts:
        if not isinstance(one, (Schedule, Absolute, AffineLevel, int, float, np.number)):
            return NotImplemented
        schedule = schedule_of(one, one.__str__)
        operands += schedule.operands if isinstance(schedule, kind) else (schedule,)
    return kind(tuple(operands))


@shape
def minimum(*operands: Schedule) -> Minimum:
    """Take the smallest value of several schedules at each update.

    value(t) = min(a(t), b(t), …)

    Args:
        operands: schedules or numbers (multiples of base), at least one.

    Raises:
        InvalidArgument: there is no operand, or an operand is not a schedule.

    Source: NumPy `minimum`.

    >>> minimum(constant(0.5), linear(1, 0, over=10))(8)
    0.2
    """
    return Minimum(_two_or_more("minimum", operands))


@shape
def maximum(*operands: Schedule) -> Maximum:
    """Take the largest value of several schedules at each update.

    value(t) = max(a(t), b(t), …)

    Args:
        operands: schedules or numbers (multiples of base), at least one.

    Raises:
        InvalidArgument: there is no operand, or an operand is not a schedule.

    Source: NumPy `maximum`.

    >>> maximum(0.25, linear(1, 0, over=10))(8)
    0.25
    """
    return Maximum(_two_or_more("maximum", operands))


@shape
def clamp(schedule: Schedule, low: Level | None = None, high: Level | None = None) -> Clamp:
    """Limit a schedule to a range.

    value(t) = min(max(schedule(t), low), high)

    Args:
        schedule: the schedule to limit.
        low: the lower limit, a multiple of base, `absolute(x)` or a sum of both. None sets no lower limit.
        high: the upper limit, likewise.

    Raises:
        InvalidArgument: `low` is above `high`.

    Source: torch `clamp`.

    >>> clamp(exponential(0.5), low=0.1)(10)
    0.1
    """
    return Clamp(schedule_of(schedule, "clamp(…)"), low, high)


def _two_or_more(name: str, operands: tuple[Any, ...]) -> tuple[Schedule, ...]:
    if not operands:
        example = f"{name}(constant(0.1), cosine())"
        raise InvalidArgument(f"{name}()", "expected at least one operand", example=example)
    return tuple(schedule_of(operand, f"{name}(…)") for operand in operands)
