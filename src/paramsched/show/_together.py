"""Several plans in one picture, such as a run and the branches that leave it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from paramsched.errors import InvalidArgument
from paramsched.show._curves import Curves, Floats, Group, Key


@final
@dataclass(frozen=True, slots=True, eq=False)
class PlansTogether:
    """The curves of several plans over one time axis, each by its plan's name; made by `together`.

    Drawn by `picture`, each plan has its own color. To a format that reads its curves by itself they are curves like
    any: the group is the plan's name (and group), and behind the end of a plan its values are nan.

    Args:
        plans: names, and what is drawn of each; the first is the one that the others leave.
    """

    plans: tuple[tuple[str, Curves], ...]

    @property
    def total(self) -> int:
        return max(trace.total for _, trace in self.plans)

    @property
    def steps_per_epoch(self) -> int | None:
        return next((trace.steps_per_epoch for _, trace in self.plans if trace.steps_per_epoch), None)

    def keys(self) -> tuple[Key, ...]:
        return tuple(self._owners())

    def __getitem__(self, key: Key) -> Floats:
        trace, own = self._owners()[key]
        values = np.asarray(trace[own], dtype=np.float64)
        return np.concatenate([values, np.full(self.total - values.size, np.nan)])

    def breakpoints(self, field: str, group: Group) -> tuple[int, ...]:
        trace, own = self._owners()[field, group]
        return trace.breakpoints(*own)

    def line(self, field: str, group: Group) -> str:
        trace, own = self._owners()[field, group]
        return trace.line(*own)

    def _owners(self) -> dict[Key, tuple[Curves, Key]]:
        """For each curve the plan it is of, and its field and group there."""
        return {
            (field, f"{name} {group}" if sum(key[0] == field for key in trace.keys()) > 1 else name): (
                trace,
                (field, group),
            )
            for name, trace in self.plans
            for field, group in trace.keys()
        }


def together(plans: Mapping[str, Curves]) -> PlansTogether:
    """Draw several plans in one picture: `show.svg(show.together({"trunk": trunk, "cooldown": cooldown}))`.

    The time axis is as long as the longest. A plan that begins as one before it is drawn from where it leaves that
    one, so a run and its branches look like a tree; one that is wholly the same is only named.

    Args:
        plans: what to draw, by the names of the legend, in the order in which they are drawn.

    Raises:
        InvalidArgument: there is no plan.

    >>> from paramsched.show import curves_from_values, text
    >>> trunk = curves_from_values({("lr", ""): [1, 1, 1, 1, 1, 1, 1, 1]})
    >>> branch = curves_from_values({("lr", ""): [1, 1, 1, 1, 0.5, 0]})
    >>> print(text(together({"trunk": trunk, "branch": branch}), width=34, height=3, ascii=True))
    lr
        1.00 |*********+++************
        0.50 |            +++
           0 |               +++
             ++--------------+--^----+
              * trunk   1
              + branch   1 -> 0
              ^ breakpoint 6
              branch leaves trunk at
              update 4
     updates  0              5       8
    """
    if not plans:
        raise InvalidArgument("together({})", "there is no plan", 'Write together({"trunk": ps.trace(plan, …)})')
    return PlansTogether(tuple(plans.items()))


def first_own_update(values: Floats, others: tuple[Floats, ...]) -> tuple[int, int]:
    """Where a curve leaves those before it: the first update with a value of its own, and which it left.

    >>> first_own_update(np.array([1.0, 1.0, 0.0]), (np.array([2.0]), np.array([1.0, 1.0, 1.0, 1.0])))
    (2, 1)
    """
    begin, left = 0, 0
    for index, other in enumerate(others):
        shared = min(values.size, other.size)
        unequal = values[:shared] != other[:shared]
        unequal &= ~(np.isnan(values[:shared]) & np.isnan(other[:shared]))
        same = int(np.argmax(unequal)) if unequal.any() else shared
        if same > begin:
            begin, left = same, index
    return begin, left
