"""One line of a plan, with what is known of it and of the run: the argument of each rule."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, final

from paramsched.core.base.printing import GROUPS, TARGETS, child_path, entry_path
from paramsched.core.plan import Binding, Target
from paramsched.core.rules.trial_run import TrialRun
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.contents import lengths_among, parts_inside
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument


@final
@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line of a plan.

    Args:
        binding: the line as written.
        schedule: its schedule, with the schedules of followed fields substituted.
        trial: the run in which lengths are compared; None if they cannot be compared.
        epochs: the number of epochs in the run; None if it is unknown.
        native: True if the line was written for this library, False if it was read from a peer's config.
        bases: the known bases of its groups.
        resolved: its schedule in the run; None if that is unknown.
        calendar: the run facts; None if none are known.

    `inside` are the schedules, rules and lengths inside of the schedule. `has_lengths` is True if there are lengths or
    rules, which have steps. `known` is True if the run can convert all of its lengths.
    """

    binding: Binding
    schedule: Schedule
    trial: TrialRun | None = None
    epochs: Fraction | None = None
    native: bool = True
    bases: Sequence[float] = ()
    resolved: Schedule | None = None
    calendar: Calendar | None = None
    inside: tuple[Any, ...] = field(init=False)
    has_lengths: bool = field(init=False)
    known: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inside", parts_inside(self.schedule))
        lengths = [*lengths_among(self.inside)]
        object.__setattr__(self, "has_lengths", bool(lengths))
        object.__setattr__(self, "known", self.trial is not None and self.trial.converts(lengths))

    def length_of(self, stage: Schedule, begin: Fraction) -> Fraction | None:
        """Return the length in updates of a stage of the line that starts at `begin`; None if it is unknown."""
        if self.trial is None or not (self.known or self.trial.knows(stage)):
            return None
        try:
            return stage._exact_length(self.trial.span.later(begin) if begin else self.trial.span)
        except InvalidArgument:
            return None

    @property
    def path(self) -> str:
        """The config path of the line."""
        return binding_path(self.binding)

    @property
    def base(self) -> float | None:
        """The first base that is not 0, because a frozen group does not describe the others; None if unknown."""
        return next(filter(None, self.bases), *self.bases[:1] or (None,))


def binding_path(binding: Binding) -> str:
    """Return the config path of a binding.

    >>> binding_path(Binding("lr", "cosine()", groups="head"))
    '$.groups.head.lr'
    """
    if isinstance(binding.field, Target):
        return child_path(TARGETS, binding.name, "schedule")
    if isinstance(binding.groups, (str, int)):
        return child_path(GROUPS, binding.groups, binding.name)
    return entry_path(binding.name)
