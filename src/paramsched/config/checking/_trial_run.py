"""A run to try a plan in, before anything of the real one is known."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import final

from paramsched.config.plan_units import durations_in
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.plan import Plan
from paramsched.schedules import Schedule
from paramsched.schedules.span import Span
from paramsched.time import Calendar, Duration
from paramsched.time.calendar import SIZES

_USUAL_EPOCH = 1_000


@final
@dataclass(frozen=True, slots=True)
class TrialRun:
    """A run to try a plan in.

    Args:
        span: of the whole run.
        units: what can be converted in it; a length in another unit is compared with nothing.
        epoch: updates in an epoch; None where it has none.
        known: whether the real run is known, so that an update of it is an update.
        to_scale: whether lengths of different units have the proportions of the real run.
    """

    span: Span
    units: frozenset[str]
    epoch: int | None = None
    known: bool = False
    to_scale: bool = True

    @property
    def end(self) -> Fraction:
        """How many updates it has."""
        assert self.span.end is not None
        return self.span.end

    def knows(self, schedule: Schedule) -> bool:
        """Whether every length of a schedule can be converted."""
        return {unit for length in durations_in(schedule) for unit, _ in length.terms} <= self.units

    def length_of(self, stage: Schedule, begin: Fraction) -> Fraction | None:
        """The length of a stage in updates of this run; None where it has none, or none that can be converted.

        Args:
            stage: of the run itself.
            begin: where it begins.
        """
        if not self.knows(stage):
            return None
        try:
            return stage._exact_length(self.span.later(begin))
        except InvalidArgument:
            return None


def trial_run(plan: Plan, calendar: Calendar | None) -> TrialRun | None:
    """The run that is known, else one in which the horizon's own unit, and per cent, mean something and no other."""
    if calendar is not None and (known := _known_run(plan, calendar)) is not None:
        return known
    horizon = plan.horizon
    if horizon is None:
        return TrialRun(_span_of_run(Calendar(total=10**6)), frozenset(["percent"]))
    names = {unit for unit, _ in horizon.terms}
    if names == {"updates"}:
        return TrialRun(_span_of_run(Calendar(total=horizon)), frozenset(["updates", "percent"]))
    if len(names) > 1:
        return None
    # One update to a hundredth of the unit, so that decimals such as "2.5 epochs" stay what they are.
    unit = names.pop()
    epoch = 100 if unit == "epochs" else None
    match unit:
        case "epochs":
            calendar = Calendar(total=horizon, steps_per_epoch=epoch)
        case "samples":
            calendar = Calendar(total=horizon, batch_size=1)
        case "tokens":
            calendar = Calendar(total=horizon, tokens_per_step=0.01)
        case "frames":
            calendar = Calendar(total=horizon, frames_per_step=0.01)
        case "batches":
            calendar = Calendar(total=horizon)
        case _:
            calendar = Calendar(total=horizon, seconds_per_step=0.01)
    return TrialRun(_span_of_run(calendar), frozenset([unit, "percent"]), epoch)


def _known_run(plan: Plan, calendar: Calendar) -> TrialRun | None:
    """The run a calendar describes; None where it does not say how long it is."""
    horizon = calendar.total if plan.horizon is None else plan.horizon
    if horizon is None:
        return None
    try:
        calendar = replace(calendar, total=ceil(calendar.exact(Duration.of(horizon))))
    except MissingFact:
        return None
    facts = {"epochs": calendar.updates_per_epoch} | {unit: calendar.amount_of_update(unit) for unit in SIZES}
    return TrialRun(
        _span_of_run(calendar),
        frozenset(["updates", "percent", *(unit for unit, fact in facts.items() if fact is not None)]),
        calendar.updates_per_epoch,
        known=True,
    )


def mixed_run(plan: Plan) -> TrialRun | None:
    """A run for a plan that counts both epochs and updates where nothing says how long an epoch is: a thousand updates.

    What is found in it must not hang on the proportions. None for a plan whose horizon is not in epochs.
    """
    horizon = plan.horizon
    if horizon is None or {unit for unit, _ in horizon.terms} != {"epochs"}:
        return None
    calendar = Calendar(total=horizon, steps_per_epoch=_USUAL_EPOCH)
    units = frozenset(["epochs", "updates", "percent"])
    return TrialRun(_span_of_run(calendar), units, _USUAL_EPOCH, to_scale=False)


def _span_of_run(calendar: Calendar) -> Span:
    return Span.of_run(calendar, calendar.horizon or 0)
