"""A recipe: a plan, the facts of the run it was written for, and where all of it is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from paramsched._trace import Trace, trace
from paramsched.plan import Plan
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class Recipe:
    """A published training run.

    Args:
        name: as in `ps.recipes["gpt3-175b"]`.
        title: what was trained, in a few words.
        area: the field of work: language, vision, speech, generation, reinforcement and so on.
        plan: the schedules.
        calendar: the facts of the run that turn units into updates.
        bases: param groups with the values that the schedules are multiples of.
        source: the paper or the code, with the section, table or file.
        certain: what the source says in so many words.
        inferred: what was concluded or chosen because the source does not say it.
    """

    name: str
    title: str
    area: str
    plan: Plan
    calendar: Calendar
    bases: tuple[Mapping[str, Any], ...]
    source: str
    certain: tuple[str, ...]
    inferred: tuple[str, ...]

    def trace(self) -> Trace:
        """The values of the published run at every update.

        >>> from paramsched.recipe_book import recipes
        >>> float(recipes["resnet50-goyal"].trace()["lr"].max())
        3.2
        """
        return trace(self.plan, self.bases, self.calendar)
