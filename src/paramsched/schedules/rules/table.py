"""The rule that is written down tick by tick: what a scheduler of a user's own was seen to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from paramsched._arrays import Floats
from paramsched._number_checks import finite_number
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.registry import rule
from paramsched.schedules.rules.base import Clock, Coefficients, Rule, require_list


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
                finite_number(Asked("rules.table", name, entry=True), value) for value in getattr(self, name)
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
        require_list(Asked("rules.table", name), values, [1.0])
        for name, values in (("scale", scale), ("base", base), ("add", add))
    )
    return TableRule(scales, bases, adds, begin, end, by)
