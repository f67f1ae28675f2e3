"""The base classes of rules, by which drop-ins step."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, TypeAlias, final

import numpy as np

from paramsched.core.base.frozen_values import frozen_value
from paramsched.core.base.params import argument_kind
from paramsched.core.curves import Curve
from paramsched.core.curves.arrays import Floats, quiet
from paramsched.core.number_checks import (
    check_fields,
    checked,
    keep_checked,
    positive_number,
    whole_number,
)
from paramsched.core.schedules.level import Absolute, Level, split_level
from paramsched.core.schedules.registry import BUILDER_OF_CLASS, builder_name
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.writing import call_of_rule
from paramsched.core.time import Duration
from paramsched.core.time.run_facts import SIZES
from paramsched.errors import CallSite, InvalidArgument, site_with_value

Clock: TypeAlias = Literal["update", "epoch"] | int
"""The unit in which a rule counts, its tick: an update, an epoch, or n updates. On a clock of tokens, `resolve`
converts it to a length such as `"4096 tokens"`."""


@final
@dataclass(frozen=True, slots=True)
class Coefficients:
    """The coefficients of a rule's steps v <- a v + b base + c + e entry: four arrays with one item for each tick."""

    a: Floats
    b: Floats
    c: Floats
    e: Floats

    @staticmethod
    def identity(size: int) -> "Coefficients":
        return Coefficients(np.ones(size), np.zeros(size), np.zeros(size), np.zeros(size))

    @staticmethod
    def setting(base: Floats | float, fixed: Floats | float, size: int) -> "Coefficients":
        """Return coefficients that replace the value by a multiple of base, `base`, plus an absolute value, `fixed`."""
        columns = (np.array(np.broadcast_to(column, size), dtype=np.float64) for column in (0.0, base, fixed, 0.0))
        return Coefficients(*columns)


@argument_kind("rule")
@frozen_value
class Rule(ABC):
    """A rule of a scheduler: its window, its clock, and the change of the value at each tick.

    Args:
        begin: the tick at which the rule starts, 0 or more.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: "update", "epoch", or an integer n for n updates.
    """

    __slots__ = ()
    begin: int
    end: int | None
    by: Clock

    @abstractmethod
    def step_columns(self, k: Floats) -> Coefficients:
        """Return the coefficients of the ticks `k`, an array of integers of at least 0 with dtype float64."""

    @quiet
    def closed_form(self, k: Floats) -> tuple[Floats, Floats]:
        """Return a pair (factor, offset) of arrays: the value after the ticks 0 to `k` is factor * base + offset.

        This holds for a scheduler of only this rule, without external writes.
        """
        size = int(k.max(initial=0)) + 1
        steps = self.step_columns(np.arange(size, dtype=np.float64))
        made = [(1.0, 0.0)]
        for a, b, c, e in zip(steps.a, steps.b, steps.c, steps.e, strict=True):
            factor, offset = made[-1]
            made.append((a * factor + b + e, a * offset + c))
        factors, offsets = np.array(made[1:]).T
        at = np.floor(k).astype(np.int64)
        return factors[at], offsets[at]

    @property
    def has_absolute(self) -> bool:
        """True if the rule adds an absolute value, which does not scale with base."""
        return any(isinstance(value, Absolute) for value in self._values())

    @property
    def serializable(self) -> bool:
        """True if the rule can be written as text and read back."""
        return type(self) in BUILDER_OF_CLASS and all(
            value.serializable for value in self._values() if isinstance(value, Curve | Schedule)
        )

    def _values(self) -> list[object]:
        return [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]  # all are dataclasses

    def __post_init__(self) -> None:
        call = builder_name(self)
        check_fields(self, call)
        keep_checked(self, call, whole_number, "begin", least=0)
        if self.end is not None:
            keep_checked(self, call, whole_number, "end", least=0)
            if self.end <= self.begin:
                raise InvalidArgument(
                    f"{self}",
                    f"end must be greater than begin, got begin={self.begin} and end={self.end}",
                    example=f"{replace(self, end=self.begin + 1)}",  # type: ignore[type-var]  # every rule is a dataclass
                )
        if self.by not in ("update", "epoch"):
            keep_checked(self, call, _amount_of_tick if isinstance(self.by, str) else whole_number, "by")
        self.check_together()

    def check_together(self) -> None:  # noqa: B027  # optional
        """Raise an error if fields that are valid alone contradict each other."""

    @property
    def last(self) -> int | None:
        """The index of the last tick in the window, on the rule's own clock; None if the window has no end."""
        return None if self.end is None else self.end - self.begin - 1

    # Repeated from `Schedule`, because this method is all that the two classes have in common.

    def __str__(self) -> str:
        return call_of_rule(self)


class ShareRule(Rule):
    """A rule that goes from base to a floor. After tick k the fraction `share(k)` of the distance remains.

    closed form (no external writes):  value(k) = floor + (base - floor) * share(k)
    relative step (external writes):   v <- floor + (v - floor) * ratio(k),  ratio(k) = share(k) / share(k - 1)

    The share before tick 0 is 1. A share of 0 cannot be scaled, so a later share above 0 needs a reference value.
    `_returns_to` selects it: the value before the rule's first tick ("entry"), or base, as for a wave.
    """

    __slots__ = ()
    _returns_to: ClassVar[Literal["entry", "base"]] = "entry"

    @abstractmethod
    def share(self, k: Floats) -> Floats:
        """Return the fraction of the distance to the floor that remains after tick `k`; `k` may be fractional."""

    def completed_share(self, k: Floats) -> Floats:
        """Return 1 - share(k). A rule along a curve overrides this with a more accurate formula."""
        return 1.0 - self.share(k)

    def ratio(self, k: Floats) -> Floats:
        """Return the factor by which tick `k` scales the remaining distance.

        A rule overrides this if the scheduler that it imitates multiplies by a constant, so that both round alike.
        """
        share, previous = self.share(k), self._previous_share(k)
        return np.divide(share, previous, out=np.ones_like(share), where=previous != 0)

    def restored_share(self, k: Floats) -> Floats:
        """Return the share after tick `k` if the previous share was 0; otherwise 0."""
        return np.where(self._previous_share(k) == 0, self.share(k), 0.0)

    @property
    def floor(self) -> Level:
        """The level that the rule approaches."""
        return 0.0

    @property
    def top(self) -> Level:
        """The level that the rule uses instead of base."""
        return 1.0

    @quiet
    def step_columns(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        multiple, fixed = (part or 0.0 for part in split_level(self.floor))
        restored = self.restored_share(k)
        if self._returns_to == "entry":
            out.a[:], out.e[:] = np.where(restored != 0, 0.0, self.ratio(k)), restored
        else:  # the value is at the floor: a share of the distance to base is added
            out.a[:] = np.where(restored != 0, 1.0, self.ratio(k))
        for column, level in ((out.b, multiple), (out.c, fixed)):
            if level:  # skipped for 0, because 0 times an overflowed value is not 0
                column[:] = level * (1.0 - out.a - out.e)
        if self._returns_to == "base":
            out.b[:] += restored * (1.0 - multiple)
            out.c[:] -= restored * fixed
        return with_top(out, self.top)

    @quiet
    def closed_form(self, k: Floats) -> tuple[Floats, Floats]:
        if self.top != 1.0:
            return super().closed_form(k)
        multiple, fixed = split_level(self.floor)
        share = self.share(k)
        factor = share + multiple * self.completed_share(k) if multiple else share
        return factor, fixed * self.completed_share(k) if fixed else np.zeros_like(share)

    def _previous_share(self, k: Floats) -> Floats:
        return np.where(k > 0, self.share(np.maximum(k - 1, 0)), 1.0)


def list_of(check: Callable[[CallSite, Any], object], sample: list[float]) -> dict[str, Any]:
    """Return metadata of a field that is a list, whose items `check` checks. An error suggests `sample`."""

    def items(site: CallSite, values: object) -> tuple[object, ...]:
        if isinstance(values, Iterable) and not isinstance(values, (str, bytes)):
            return tuple(check(CallSite(site.call, site.argument, entry=True), value) for value in values)
        found = f"expected a list, got {type(values).__name__}"
        raise InvalidArgument(site_with_value(site, values), found, example=f"{sample}")

    return checked(items)


def length_in_ticks(site: CallSite, number: float) -> float:
    """Check that a number of ticks is greater than 0; return it as an int if it is an integer.

    Fractional numbers are allowed because other libraries allow them, although a curve then misses its exact end.
    """
    value = positive_number(site, number)
    return int(value) if value == int(value) else value


def with_top(out: Coefficients, base: Level) -> Coefficients:
    """Change the coefficients so that they use the level `base` instead of base."""
    if base != 1.0:
        share, fixed = split_level(base)
        out.c[:] += out.b * (fixed or 0.0)
        out.b[:] *= share or 0.0
    return out


def _amount_of_tick(site: CallSite, by: str) -> str | int:
    try:
        amount = Duration.of(by)
    except InvalidArgument:
        return whole_number(site, by)  # raises the error
    return str(amount) if len(amount.terms) == 1 and amount.terms[0][0] in SIZES else whole_number(site, by)
