"""How far a run is, in every unit of time that its facts can tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched._arrays import Array, Floats
from paramsched.plan.plan import Plan
from paramsched.plan.resolve_clocks import sizes_of_run
from paramsched.plan.run_amounts import ConstantAmounts, RunAmounts, UntoldAmounts
from paramsched.time import Calendar
from paramsched.time.calendar import SIZES

_MOST_POINTS = 2_000  # of a batch that grows in more steps, so many are enough to draw an axis


@final
@dataclass(frozen=True, slots=True, eq=False)
class TimeUnit:
    """How much of a unit has passed before an update: straight lines between a few of them.

    Args:
        name: `"epochs"`.
        updates: where the lines meet, from 0 to the end of the run.
        amounts: what has passed there.

    >>> epochs = TimeUnit("epochs", np.array([0, 900]), np.array([0.0, 20.0]))
    >>> float(epochs.at(450)), float(epochs.update_of(10)), epochs.is_even
    (10.0, 450.0, True)
    """

    name: str
    updates: Array
    amounts: Floats

    @property
    def is_even(self) -> bool:
        """Whether every update takes as much."""
        return len(self.updates) == 2

    def at(self, updates: Any) -> Floats:
        """What has passed before some updates."""
        if self.is_even:
            return np.asarray(np.asarray(updates, dtype=np.float64) * self.amounts[-1] / self.updates[-1])
        return np.asarray(np.interp(updates, self.updates, self.amounts))

    def update_of(self, amounts: Any) -> Floats:
        """Where in the run an amount has passed, in updates; between two of them too."""
        if self.is_even:
            return np.asarray(np.asarray(amounts, dtype=np.float64) * self.updates[-1] / self.amounts[-1])
        return np.asarray(np.interp(amounts, self.amounts, self.updates))

    def until(self, total: int) -> "TimeUnit":
        """The same for a run of another length, at least as long; what is behind goes on as the last update.

        >>> TimeUnit("epochs", np.array([0, 900]), np.array([0.0, 20.0])).until(1800).amounts.tolist()
        [0.0, 40.0]
        """
        if total <= int(self.updates[-1]):
            return self
        updates, amounts = self.updates, self.amounts
        slope = (amounts[-1] - amounts[-2]) / (updates[-1] - updates[-2])
        end = amounts[-1] + slope * (total - updates[-1])
        return TimeUnit(self.name, np.append(updates[:-1], total), np.append(amounts[:-1], end))


def even_unit(name: str, total: int, per_update: float) -> TimeUnit:
    """A unit of which every update takes as much."""
    return TimeUnit(name, np.array([0, total]), np.array([0.0, total * per_update]))


def units_of_run(resolved: Plan, calendar: Calendar, total: int, end: tuple[str, int] | None) -> Iterator[TimeUnit]:
    """The units in which the facts of a run tell its time, beside updates.

    Args:
        resolved: the plan, with its lengths resolved.
        calendar: the facts.
        total: updates of the run.
        end: the plan's clock and its horizon on it; None for a plan by updates.

    >>> calendar = Calendar(steps_per_epoch=45, batch_size=32)
    >>> [(one.name, one.amounts[-1].item()) for one in units_of_run(Plan(lr=0.1), calendar, 900, None)]
    [('epochs', 20.0), ('samples', 28800.0)]
    """
    sizes = sizes_of_run(resolved.bindings, resolved.clock, calendar)
    batches = sizes.batches_of_epoch
    if batches is not None:
        yield from _unit_of_amounts("epochs", sizes.amounts_of("batches"), total, 1 / batches)
    elif calendar.updates_per_epoch is not None:
        yield even_unit("epochs", total, 1 / calendar.updates_per_epoch)
    for name in SIZES:
        if name == "batches" and calendar.accumulation is None and "accumulation" not in sizes.targets:
            continue  # each update takes one, and nobody counts in them
        for unit in _unit_of_amounts(name, sizes.amounts_of(name), total):
            yield unit if end is None or end[0] != name else _unit_to(unit, end[1])


def _unit_to(unit: TimeUnit, end: int) -> TimeUnit:
    """The same up to the plan's horizon, of which the last update may take more than there is left."""
    total = int(unit.updates[-1])
    if unit.amounts[-1] == end or total == 1:
        return TimeUnit(unit.name, unit.updates, np.append(unit.amounts[:-1], end))
    updates = np.unique(np.append(unit.updates, total - 1))
    return TimeUnit(unit.name, updates, np.append(unit.at(updates[:-1]), end))


def _unit_of_amounts(name: str, amounts: RunAmounts, total: int, scale: float = 1.0) -> Iterator[TimeUnit]:
    """The unit that some amounts are; none where nothing says them before the run."""
    if isinstance(amounts, ConstantAmounts):
        yield even_unit(name, total, float(amounts.rate) * scale)
    elif not isinstance(amounts, UntoldAmounts):
        passed = np.asarray(amounts.amounts_from(0, 0, total + 1), dtype=np.float64) * scale
        sizes = np.diff(passed)
        corners = np.concatenate([[0], np.flatnonzero(sizes[1:] != sizes[:-1]) + 1, [total]])
        if corners.size > _MOST_POINTS:
            corners = np.unique(np.linspace(0, total, _MOST_POINTS).astype(np.int64))
        yield TimeUnit(name, corners, passed[corners])
