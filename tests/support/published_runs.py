"""Compare the values of published runs with formulas from their sources."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from math import cos, pi, sin

import numpy as np

import paramsched as ps
from paramsched.core import plan as plans
from paramsched.core.plan import Target
from paramsched.core.plan.binding import is_by_amount
from paramsched.core.plan.resolve import amounts_of_run, counted_plan, updates_of_horizon

RELATIVE = 1e-12  # tolerance relative to a value
ROUNDED = 1e-15  # tolerance relative to the largest value, because 1 - t / n and 1 + cos lose digits near 0

Formula = Callable[[int], float]


class Run:
    """The values of a recipe at some of its updates."""

    def __init__(self, name: str) -> None:
        recipe = ps.recipes[name]
        resolved = recipe.plan.resolve(recipe.calendar)
        self.plan, self.groups = counted_plan(resolved), list(recipe.bases)
        self.run = amounts_of_run(resolved, recipe.calendar)
        self.total = updates_of_horizon(resolved, self.run)

    def amount_at(self, t: int) -> int:
        """Return the amount before an update, or the update itself if the plan counts updates."""
        return t if self.run is None else int(self.run.amount_at(t))

    def update_at(self, amount: float) -> int:
        """Return the first update that starts at or after an amount."""
        return bisect_left(range(self.total), amount, key=self.amount_at)

    def agrees(self, field: str, formula: Formula, *marks: int, group: str = "", of: str = "t") -> None:
        """Check that each value of a field equals the formula, as a function of the update or of the amount before it.

        Args:
            field: The field or target.
            group: The name of the group; "" for a target or for the first group.
            formula: The value at update t, or at an amount with `of="amount"`.
            marks: Updates whose neighbors are all compared.
            of: "t" or "amount".
        """
        times = known_bounds(self.total, marks)
        at = [self.amount_at(t) for t in times] if of == "amount" else times
        found = np.array(self._values(field, group, times))
        expected = np.array([formula(t) for t in at], dtype=float)
        wrong = ~(np.abs(found - expected) <= RELATIVE * np.abs(expected) + ROUNDED * np.abs(expected).max())
        first = int(wrong.argmax())
        assert not wrong.any(), f"{field} at {at[first]}: {found[first]!r} is not {expected[first]!r}"

    def _values(self, field: str, group: str, times: list[int]) -> list[float]:
        clocks = [self.amount_at(t) for t in times] if is_by_amount(self.plan.clock, field) else times
        for one in self.plan.bindings:
            if isinstance(one.field, Target) and one.name == field:
                return [one.schedule(t, base=one.field.initial) for t in clocks]
        names = [each.get("name", "") for each in self.groups]
        index = names.index(group) if group else 0
        bound = next(one for one in plans.bind(self.plan, self.groups)[index] if one.name == field)
        return [bound.schedule(t, base=bound.field.base(self.groups[index])) for t in clocks]


def known_bounds(total: int, marks: Iterable[int]) -> list[int]:
    """Return the updates to compare: two hundred of the run, and those around the marks."""
    near = {mark + away for mark in (0, *marks, total) for away in range(-2, 3)}
    return sorted(t for t in near.union(range(0, total, max(total // 200, 1))) if 0 <= t < total)


def line(t: float, begin: float, end: float, low: float, high: float) -> float:
    """Interpolate linearly from `low` at `begin` to `high` at `end`; constant outside."""
    share = min(max((t - begin) / (end - begin), 0.0), 1.0)
    return low * (1 - share) + high * share


def half_wave(t: float, begin: float, end: float, high: float, low: float) -> float:
    """Interpolate with a cosine from `high` at `begin` to `low` at `end`; constant outside."""
    left = min(max((end - t) / (end - begin), 0.0), 1.0)
    # The square of the sine is accurate near the end; 1 + cos would lose digits there.
    return low + (high - low) * (sin(pi * left / 2) ** 2 if left < 0.5 else (1 + cos(pi * (1 - left))) / 2)
