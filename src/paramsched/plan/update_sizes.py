"""How much each update takes, where targets of the plan are facts of the run: batch sizes and their like."""

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, final

import numpy as np

from paramsched._arrays import Array
from paramsched.errors import PlanError
from paramsched.schedules import Schedule
from paramsched.schedules.evaluation import evaluate
from paramsched.time import Calendar
from paramsched.time.calendar import ASSUMED_SIZES, SIZES

PLANNED_SIZES = frozenset(name for products in SIZES.values() for names in products for name in names) - {
    "seconds_per_step"
}
"""The targets that say how much an update takes."""

MOST_OF_UPDATE = 10**15
"""No update takes more: sums over many of them stay whole numbers of 64 bits."""


@final
@dataclass(frozen=True, slots=True)
class SizeTarget:
    """A target that is a fact of the run.

    Args:
        name: of the fact: `batch_size`.
        schedule: with its lengths as counts.
        initial: its base.
        by_amount: whether its time is an amount, not updates.
    """

    name: str
    schedule: Schedule
    initial: float
    by_amount: bool

    def sizes(self, updates: Array, amounts: Array) -> Any:
        """Its values, rounded to the nearest whole number (halves to even), as floats."""
        return np.rint(evaluate(self.schedule, amounts if self.by_amount else updates, self.initial))

    def is_held_at(self, update: int, amount: int) -> bool:
        """Whether it keeps its value from there on."""
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
        """Whether one of the targets says its sizes by what was consumed."""
        return any(target.by_amount for target in self.targets)

    def at(self, updates: Array, amounts: Array) -> Any:
        """What each update takes. What is too small or too large is not refused yet: the time may be a guess."""
        product = np.full(updates.shape, float(self.fixed))
        for target in self.targets:
            product *= target.sizes(updates, amounts)
        return np.clip(np.nan_to_num(product, nan=0.0), 0, MOST_OF_UPDATE).astype(np.int64)

    def require_possible(self, update: int, amount: int) -> None:
        """Refuse an update that takes nothing.

        Raises:
            PlanError: one of the sizes is below 1.
        """
        for target in self.targets:
            size = target.sizes(np.array([update]), np.array([amount])).item()
            if not size >= 1:
                raise PlanError(
                    f"target {target.name}",
                    f"at update {update} it is {size:g}, and a size is a whole number from 1 on",
                    f"Write clamp(…, min={1 / target.initial if target.initial else 1:g}), or schedule it otherwise",
                )

    def are_held_at(self, update: int, amount: int) -> bool:
        """Whether every update behind takes the same."""
        return all(target.is_held_at(update, amount) for target in self.targets)


def factors_of_update(
    clock: str, calendar: Calendar, planned: Collection[str]
) -> tuple[tuple[str, ...], Fraction] | None:
    """What an update takes of an amount: the planned sizes and the product of the constant ones; None if unknown.

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
