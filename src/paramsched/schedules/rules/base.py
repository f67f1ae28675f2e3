"""What a rule of a recurrence is; and the rule that is a table of coefficients."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, TypeAlias, final

import numpy as np

from paramsched.base.arrays import Floats
from paramsched.base.frozen_values import frozen_value
from paramsched.base.number_checks import finite_number, keep_checked, positive_number, whole_number
from paramsched.base.user_warnings import renamed_property
from paramsched.curves import Curve
from paramsched.errors import CallSite, InvalidArgument, site_with_value
from paramsched.schedules.affine import Level, NeighborLevel, has_fixed_part, split_level
from paramsched.schedules.base import Schedule
from paramsched.schedules.evaluation import quiet
from paramsched.schedules.registry import builder_name, has_shape, rule
from paramsched.schedules.text.writing import CALL, call_text
from paramsched.time import Duration
from paramsched.time.calendar import SIZES

Clock: TypeAlias = Literal["update", "epoch"] | int
"""What a rule ticks by: each update, each epoch, or every n updates; resolved on another clock `"4096 tokens"`, say."""


@final
@dataclass(frozen=True, slots=True)
class Coefficients:
    """Columns a, b, c, e of a rule over a range of its ticks: v <- a v + b base + c + e entry."""

    a: Floats
    b: Floats
    c: Floats
    e: Floats

    @staticmethod
    def identity(size: int) -> "Coefficients":
        return Coefficients(np.ones(size), np.zeros(size), np.zeros(size), np.zeros(size))

    @staticmethod
    def setting(base: Floats | float, fixed: Floats | float, size: int) -> "Coefficients":
        """The value becomes `base` times base plus `fixed`, whatever it was."""
        columns = (np.array(np.broadcast_to(column, size), dtype=np.float64) for column in (0.0, base, fixed, 0.0))
        return Coefficients(*columns)


@frozen_value
class Rule(ABC):
    """One rule of a recurrence: its window, its clock, and what each of its ticks does to the value."""

    __slots__ = ()
    begin: int
    end: int | None
    by: Clock
    _precedence = CALL

    @abstractmethod
    def step_columns(self, k: Floats) -> Coefficients:
        """The relative step into each tick `k` of the rule's own clock: whole numbers, 0 or more, in floats."""

    @quiet
    def closed_form(self, k: Floats) -> tuple[Floats, Floats]:
        """What the ticks 0 to `k` make of base where nobody else writes: a multiple of base, and a value to add."""
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
        """Whether it adds what does not scale with base."""
        return any(has_fixed_part(value) for value in self._values())

    @property
    def serializable(self) -> bool:
        """Whether its line of text says everything."""
        return has_shape(self) and all(
            value.serializable for value in self._values() if isinstance(value, Curve | Schedule)
        )

    serialisable = renamed_property("serialisable", "serializable")

    def _values(self) -> list[object]:
        return [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]  # all are dataclasses

    def _check(self, **checks: Callable[[CallSite, Any], object]) -> None:
        """Refuse what cannot be: own fields by `checks`, window and clock alike in all."""
        call = builder_name(self)
        if any(
            isinstance(value, NeighborLevel) or (isinstance(value, Schedule) and value.has_neighbor_levels)
            for value in self._values()
        ):
            raise InvalidArgument(
                f"{self}",
                "a rule goes on from the value it finds; previous and following are levels of the stages of a sequence",
                "Use a number, a multiple of base",
            )
        for name, check in checks.items():
            keep_checked(self, call, check, name)
        keep_checked(self, call, whole_number, "begin", least=0)
        if self.end is not None:
            keep_checked(self, call, whole_number, "end", least=0)
            if self.end <= self.begin:
                raise InvalidArgument(
                    f"{self}",
                    f"end {self.end} is not after begin {self.begin}",
                    f"Write {replace(self, end=self.begin + 1)}",  # type: ignore[type-var]  # every rule is a dataclass
                )
        if self.by not in ("update", "epoch"):
            keep_checked(self, call, _amount_of_tick if isinstance(self.by, str) else whole_number, "by")

    @property
    def last(self) -> int | None:
        """The last tick of the window on the rule's own clock; None without an end."""
        return None if self.end is None else self.end - self.begin - 1

    # As in `Schedule`: text, equality and hash are those of a value. A common base would serve nothing else.

    def __str__(self) -> str:
        return call_text(self)


class ShareRule(Rule):
    """A rule that leads from base to a floor: `share(k)` of this way is left after tick k.

    closed form (nobody else writes):  value(k) = floor + (base - floor) * share(k)
    relative step (somebody may):      v <- floor + (v - floor) * ratio(k),  ratio(k) = share(k) / share(k - 1)

    Before tick 0 the whole way is left. After a share of 0 there is nothing to scale; what a later share is a share of,
    `_comes_back` says: the way to the value that the rule found at its first tick, or, for a wave, the way to base.
    """

    __slots__ = ()
    _comes_back: ClassVar[Literal["entry", "base"]] = "entry"

    @abstractmethod
    def share(self, k: Floats) -> Floats:
        """How much of the way is left after tick `k`; between two ticks too."""

    def share_gone(self, k: Floats) -> Floats:
        """1 - share(k); a rule along a curve computes it with more digits."""
        return 1.0 - self.share(k)

    def ratio(self, k: Floats) -> Floats:
        """By what tick `k` scales the way that is left. A rule says it where its peer multiplies by a number."""
        now, before = self.share(k), self._share_before(k)
        return np.divide(now, before, out=np.ones_like(now), where=before != 0)

    def given_back(self, k: Floats) -> Floats:
        """The share that comes back at tick `k` although nothing was left; 0 at the others."""
        return np.where(self._share_before(k) == 0, self.share(k), 0.0)

    @property
    def floor(self) -> Level:
        """Where the way leads."""
        return 0.0

    @property
    def top(self) -> Level:
        """What stands in the place of base."""
        return 1.0

    @quiet
    def step_columns(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        multiple, fixed = (part or 0.0 for part in split_level(self.floor))
        back = self.given_back(k)
        if self._comes_back == "entry":
            out.a[:], out.e[:] = np.where(back != 0, 0.0, self.ratio(k)), back
        else:  # the value stands at the floor: a share of the way to base is added
            out.a[:] = np.where(back != 0, 1.0, self.ratio(k))
        for column, level in ((out.b, multiple), (out.c, fixed)):
            if level:  # 0 times what has overflowed would not be 0
                column[:] = level * (1.0 - out.a - out.e)
        if self._comes_back == "base":
            out.b[:] += back * (1.0 - multiple)
            out.c[:] -= back * fixed
        return with_top(out, self.top)

    @quiet
    def closed_form(self, k: Floats) -> tuple[Floats, Floats]:
        if self.top != 1.0:
            return super().closed_form(k)
        multiple, fixed = split_level(self.floor)
        share = self.share(k)
        factor = share + multiple * self.share_gone(k) if multiple else share
        return factor, fixed * self.share_gone(k) if fixed else np.zeros_like(share)

    def _share_before(self, k: Floats) -> Floats:
        return np.where(k > 0, self.share(np.maximum(k - 1, 0)), 1.0)


def check_over(rule: Rule, over: int | None, least: int = 0) -> None:
    """Refuse a length that is no whole number of ticks."""
    if over is not None:
        keep_checked(rule, builder_name(rule), whole_number, "over", least=least)


def require_list(site: CallSite, values: object, sample: list[float]) -> tuple[Any, ...]:
    """The entries of a list; what is none is refused."""
    if isinstance(values, Iterable) and not isinstance(values, (str, bytes)):
        return tuple(values)
    raise InvalidArgument(site_with_value(site, values), "no list", f"Write {sample}", sample=sample)


def length_in_ticks(site: CallSite, number: float) -> float:
    """A length in ticks above 0; whole ones as integers.

    Peers accept fractional lengths; their curve then never lands exactly on its end.
    """
    value = positive_number(site, number)
    return int(value) if value == int(value) else value


def with_top(out: Coefficients, base: Level) -> Coefficients:
    """The columns with another value in place of base."""
    if base != 1.0:
        share, fixed = split_level(base)
        out.c[:] += out.b * (fixed or 0.0)
        out.b[:] *= share or 0.0
    return out


def _amount_of_tick(site: CallSite, by: str) -> str | int:
    try:
        amount = Duration.of(by)
    except InvalidArgument:
        return whole_number(site, by)  # which refuses it
    return str(amount) if len(amount.terms) == 1 and amount.terms[0][0] in SIZES else whole_number(site, by)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TableRule(Rule):
    """At tick k: v <- scale[k] * v + base[k] * base + add[k]; behind the last entry it does nothing.

    A column that is shorter than the longest goes on with its last entry; an empty one is nothing.
    """

    scale: tuple[float, ...]
    base: tuple[float, ...]
    add: tuple[float, ...]
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check()
        for name in ("scale", "base", "add"):
            values = tuple(
                finite_number(CallSite("rules.table", name, entry=True), value) for value in getattr(self, name)
            )
            object.__setattr__(self, name, values)
        if not self.scale:
            raise InvalidArgument("rules.table([])", "no tick", "Write rules.table([1.0])")

    @property
    def has_absolute(self) -> bool:
        return any(self.add)

    def step_columns(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        columns = ((out.a, self.scale), (out.b, self.base), (out.c, self.add))
        known = k < max(len(values) for _, values in columns)
        ticks = k[known].astype(np.int64)
        for column, values in columns:
            if values:
                column[known] = np.asarray(values)[np.minimum(ticks, len(values) - 1)]
        return out


@rule
def table(
    scale: Sequence[float],
    base: Sequence[float] = (),
    add: Sequence[float] = (),
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
) -> TableRule:
    """Say tick by tick what becomes of the value: `scale` times it, plus `base` times base, plus `add`.

    >>> rules.table([1.0, 0.5])
    rules.table([1.0, 0.5])
    """
    scales, bases, adds = (
        require_list(CallSite("rules.table", name), values, [1.0])
        for name, values in (("scale", scale), ("base", base), ("add", add))
    )
    return TableRule(scales, bases, adds, begin, end, by)
