"""One line of a plan, with what is known of it and of the run: the argument of each rule."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Any, Literal, final

import numpy as np

from paramsched.core.base.printing import GROUPS, TARGETS, child_path, entry_path
from paramsched.core.curves.arrays import Floats, Integers
from paramsched.core.plan import Binding, Target
from paramsched.core.rules.trial_run import TimesIn, TrialRun, resolved_in_run, times_to_look_at
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.guided import without_rules
from paramsched.core.schedules.schedule import lengths_among, parts_inside
from paramsched.core.time import RunFacts
from paramsched.errors import InvalidArgument, ParamschedError


@final
@dataclass(frozen=True, slots=True, eq=False)
class FieldCurve:
    """The values of one line of a plan in a trial run, at which all rules look.

    Args:
        times: the evaluated updates in ascending order, including the first and the last one.
        values: the values at `times`.
        base: the base for which the values were computed; None if it is unknown. The values are then those for base 1.
        share: "all" if all values are proportional to base, "none" if no value depends on base, otherwise "some".
    """

    binding: Binding
    path: str
    run: TrialRun
    schedule: Schedule
    times: Integers
    values: Floats
    base: float | None
    share: Literal["all", "some", "none"]

    @property
    def end(self) -> int:
        """The number of updates in the run."""
        return ceil(self.run.end)

    @property
    def real(self) -> bool:
        """True if the values are those of the real run, not only proportional to them."""
        return self.base is not None or self.share == "none"

    @property
    def comparable(self) -> bool:
        """True if the values are proportional to those of the real run: multiples and absolute values are not mixed."""
        return self.real or self.share == "all"

    def counted_in(self, counts: TimesIn) -> "FieldCurve":
        """Return the same values, whose times are stated in updates, in epochs or not at all."""
        return replace(self, run=replace(self.run, counts=counts))

    @property
    def peak(self) -> float:
        """The highest value."""
        peak: float = np.max(self.values)
        return peak


@final
@dataclass(frozen=True, eq=False)
class Line:
    """One line of a plan.

    Args:
        binding: the line as written.
        schedule: its schedule, with the schedules of followed fields substituted.
        trial: the run in which lengths are compared; None if they cannot be compared.
        epochs: the number of epochs in the run; None if it is unknown.
        bases: the known bases of its groups.
        resolved: its schedule in the run; None if that is unknown.
        facts: the run facts; None if none are known.
        is_tried: True if `resolved` is the schedule in the trial run too.

    `inside` are the schedules and lengths inside of the schedule. `has_lengths` is True if there are lengths. `known`
    is True if the run can convert all of its lengths.
    """

    binding: Binding
    schedule: Schedule
    trial: TrialRun | None = None
    epochs: Fraction | None = None
    bases: Sequence[float] = ()
    resolved: Schedule | None = None
    facts: RunFacts | None = None
    is_tried: bool = True
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
            return stage.measure(self.trial.span.later(begin) if begin else self.trial.span)
        except InvalidArgument:
            return None

    def tried_in(self, trial: TrialRun) -> "Line":
        """Return the line in another trial run."""
        return replace(self, trial=trial, resolved=resolved_in_run(self.schedule, trial), is_tried=True)

    @cached_property
    def curve(self) -> FieldCurve | None:
        """Its values in the trial run; None if a unit is unknown or the computation takes too long."""
        trial = self.trial
        if trial is None:
            return None
        end = ceil(trial.end)
        schedule = self.resolved if self.is_tried else resolved_in_run(self.schedule, trial)
        if schedule is None or end < 1:
            return None
        schedule = without_rules(schedule)
        times = times_to_look_at(schedule, end)
        share: Literal["all", "some", "none"] = "all"
        try:
            values = np.asarray(evaluate(schedule, times, 1.0 if self.base is None else self.base), dtype=np.float64)
            if schedule.has_absolute:
                one, two = evaluate(schedule, times, 1.0), evaluate(schedule, times, 2.0)
                if np.array_equal(one, two):
                    share = "none"
                elif not np.allclose(two, 2 * one, rtol=1e-9, atol=0):
                    share = "some"
        except (ParamschedError, ArithmeticError, MemoryError):
            return None
        return FieldCurve(self.binding, self.path, trial, schedule, times, values, self.base, share)

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
