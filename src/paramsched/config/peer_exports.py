"""Conversion of parts of a plan to arguments of a peer, with errors for parts that the peer does not support."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import NoReturn, final

from paramsched.errors import PlanError
from paramsched.plan import Plan
from paramsched.schedules import Schedule
from paramsched.time import Duration


@final
@dataclass(frozen=True, slots=True)
class PeerExporter:
    """A converter of parts of a plan to arguments of a peer."""

    library: str

    def refuse(self, what: object, why: str, instead: str = "", *, format: str | None = None) -> NoReturn:
        advised = format or (None if instead else "yaml")
        raise PlanError(f"{self.library} cannot express {what}", why, instead, format=advised)

    def count(self, length: Duration, unit: str = "updates") -> int:
        """Return a length as a number of `unit`. Raise PlanError if it is not an integer number of this unit.

        >>> PeerExporter("optax").count(Duration.of("2k steps"))
        2000
        """
        amounts = dict(length.terms) or {unit: Fraction(0)}
        amount = amounts.get(unit)
        if amount is None or len(amounts) > 1 or amount.denominator != 1:
            found = f"it is not an integer number of {unit}"
            self.refuse(length, found, "Write ps.resolve(plan, calendar)", format="yaml")
        return int(amount)

    def stage_sizes(self, stages: Sequence[Schedule], total: int | None, unit: str = "updates") -> list[int | None]:
        """Return the length of each stage as a number of `unit`, with None for an open-ended last stage.

        Args:
            stages: the stages of a sequence.
            total: the length of the sequence; None if it is unknown.
            unit: the unit of the lengths.
        """
        sizes = [None if stage.length is None else self.count(stage.length, unit) for stage in stages]
        rest = None if total is None else total - sum(size or 0 for size in sizes)
        if None in sizes[:-1] or (sizes[-1] is None and stages[-1].fills):
            if rest is None or rest < 0 or sizes.count(None) > 1:
                why = "it has no length of its own, and the length of the run is unknown"
                self.refuse(stages[sizes.index(None)], why)
            return [rest if size is None else size for size in sizes]
        return sizes


def begins_of_stages(sizes: Sequence[int | None]) -> list[int]:
    """Return the boundaries between stages, from the lengths of the stages.

    >>> begins_of_stages([5, 20, None])
    [5, 25]
    """
    return list(accumulate(size or 0 for size in sizes[:-1]))


def schedules_lr_alone(plan: Plan) -> bool:
    """Return whether a plan has a single line, for lr of all groups."""
    binding = plan.bindings[0]
    return len(plan.bindings) == 1 and binding.name == "lr" and binding.groups is None
