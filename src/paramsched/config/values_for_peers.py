"""What a plan says in values and whole updates, for libraries that have nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, final

from paramsched.errors import PlanError
from paramsched.feedback.base import Guided
from paramsched.feedback.plateau import Plateau
from paramsched.plan import Plan
from paramsched.schedules import Absolute, Anneal, Level, Schedule, constant
from paramsched.time import Duration


@final
@dataclass(frozen=True, slots=True)
class PeerWords:
    """Says parts of a plan in the words of one library, or refuses.

    Args:
        library: its name.
    """

    library: str

    def refuse(self, what: object, why: str, instead: str = 'Write it in the native format: format="yaml"') -> NoReturn:
        """
        Raises:
            PlanError: always.
        """
        raise PlanError(f"{self.library} cannot say {what}", why, instead)

    def updates(self, length: Duration) -> int:
        """A length as whole updates.

        >>> PeerWords("optax").updates(Duration.of("2k steps"))
        2000
        """
        terms = length.terms
        if not terms:
            return 0
        if len(terms) != 1 or terms[0][0] != "updates" or terms[0][1].denominator != 1:
            self.refuse(length, "it is no whole number of updates; ps.resolve(plan, calendar) makes it one")
        return int(terms[0][1])

    def period(self, length: Duration) -> int | float:
        """A length in updates that need not be whole."""
        updates = length.exact
        if updates is None:
            return self.updates(length)
        return int(updates) if updates.denominator == 1 else float(updates)

    def steps_of(self, schedule: Anneal, size: int | None) -> int:
        """The updates of a descent, which may take the time it is given."""
        if schedule.index != "t/n":
            self.refuse(schedule, 'its schedules follow index="t/n"')
        steps = size if schedule.over is None else self.updates(schedule.over)
        if steps is None:
            self.refuse(schedule, "it takes the time it is given, and nothing says how much")
        return steps

    def value(self, level: Level) -> float:
        """A level as a value."""
        if isinstance(level, Absolute):
            return level.value
        if level != 0:
            self.refuse(level, "its values stand as they are, and this is a multiple of base", "Write absolute(0.1)")
        return 0.0

    def schedule_and_rule(self, plan: Plan) -> tuple[Schedule | None, Plateau | None]:
        """What lr of all groups follows, and the plateau that multiplies into it; None for base as it is."""
        binding = plan.bindings[0]
        if len(plan.bindings) != 1 or binding.name != "lr" or binding.groups is not None or plan.clock != "updates":
            self.refuse(plan, "its schedules are of lr in all groups, by updates")
        whole, rules = binding.schedule, binding.schedule.metric_rules
        if len(rules) > 1 or not all(isinstance(one, Plateau) for one in rules):
            self.refuse(whole, "of rules that react to a metric it has one plateau")
        rule = next((one for one in rules if isinstance(one, Plateau)), None)
        if not isinstance(whole, Guided):
            return whole, rule
        return (None if whole.schedule == constant() else whole.schedule), rule

    def stage_sizes(self, stages: Sequence[Schedule], total: int | None) -> list[int | None]:
        """How many updates each stage takes; None for a last one that goes on.

        Args:
            stages: one after the other.
            total: the updates they have together, where that is known.
        """
        sizes = [None if stage.length is None else self.updates(stage.length) for stage in stages]
        rest = None if total is None else total - sum(size or 0 for size in sizes)
        if None in sizes[:-1] or (sizes[-1] is None and stages[-1].fills):
            if rest is None or rest < 0 or sizes.count(None) > 1:
                self.refuse(stages[sizes.index(None)], "it takes the time it is given, and nothing says how much")
            return [rest if size is None else size for size in sizes]
        return sizes
