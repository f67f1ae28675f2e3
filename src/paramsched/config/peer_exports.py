"""Parts of a plan in the arguments of another library, or the refusal of a part that it does not have."""

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
    """Writes parts of a plan as arguments of one library, or refuses."""

    library: str

    def refuse(self, what: object, why: str, instead: str = "", *, format: str | None = None) -> NoReturn:
        raise PlanError(
            f"{self.library} cannot say {what}", why, instead, format=format or (None if instead else "yaml")
        )

    def count(self, length: Duration, unit: str = "updates") -> int:
        """A length as a whole number of a unit.

        >>> PeerExporter("optax").count(Duration.of("2k steps"))
        2000
        """
        amounts = dict(length.terms) or {unit: Fraction(0)}
        amount = amounts.get(unit)
        if amount is None or len(amounts) > 1 or amount.denominator != 1:
            found = f"expected a whole number of {unit}"
            self.refuse(length, found, "Write ps.resolve(plan, calendar)", format="yaml")
        return int(amount)

    def stage_sizes(self, stages: Sequence[Schedule], total: int | None, unit: str = "updates") -> list[int | None]:
        """How long each stage is, in whole numbers of a unit; None for a last one that goes on.

        Args:
            total: how long they are together, if that is known.
        """
        sizes = [None if stage.length is None else self.count(stage.length, unit) for stage in stages]
        rest = None if total is None else total - sum(size or 0 for size in sizes)
        if None in sizes[:-1] or (sizes[-1] is None and stages[-1].fills):
            if rest is None or rest < 0 or sizes.count(None) > 1:
                self.refuse(stages[sizes.index(None)], "it takes the time it is given, and nothing says how much")
            return [rest if size is None else size for size in sizes]
        return sizes


def begins_of_stages(sizes: Sequence[int | None]) -> list[int]:
    """When each stage but the first begins, from the sizes of the stages.

    >>> begins_of_stages([5, 20, None])
    [5, 25]
    """
    return list(accumulate(size or 0 for size in sizes[:-1]))


def schedules_lr_alone(plan: Plan) -> bool:
    """Whether a plan has one line, for lr of all groups."""
    binding = plan.bindings[0]
    return len(plan.bindings) == 1 and binding.name == "lr" and binding.groups is None
