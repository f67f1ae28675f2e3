"""The causes that are tried if a log differs from its plan: other clocks, other lengths, changed stages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import inf
from typing import Any, final, get_args

import numpy as np

from paramsched.core.plan import Plan
from paramsched.core.plan.binding import UPDATES, replace_schedule
from paramsched.core.plan.resolve import counted_plan
from paramsched.core.schedules.affine import NeighborLevel, split_level
from paramsched.core.schedules.anneal import Anneal, Index
from paramsched.core.schedules.base import Schedule, with_changed_fields
from paramsched.core.schedules.leaves import Constant
from paramsched.core.schedules.pointwise import Clamp, Maximum, Product, Sum
from paramsched.core.schedules.sequence import Sequence as Stages
from paramsched.core.schedules.sequence import in_order
from paramsched.core.time import Calendar, Duration
from paramsched.core.time.progress import PROGRESS
from paramsched.errors import InvalidArgument
from paramsched.tools.audit.match import AmountTimes, unchanged
from paramsched.tools.records.log_values import Times

_FACTORS = tuple(range(2, 65))
_LENGTH_FACTORS = (2, 3, 4, 8, 16, 32, 64)
_MAX_TIME = 2**62  # larger times may not fit into a 64-bit integer


@final
@dataclass(frozen=True)
class RunFacts:
    """A plan with its run facts, and methods that resolve the plan with these or other run facts."""

    plan: Plan
    calendar: Calendar

    @cached_property
    def resolved(self) -> Plan:
        return self.plan.resolve(self.calendar)

    @cached_property
    def counted(self) -> Plan:
        """The resolved plan with all lengths as plain numbers in the unit of its clock."""
        return counted_plan(self.resolved)

    def resolve_other(self, plan: Plan) -> Plan | None:
        """Resolve `plan`, instead of `self.plan`, with these run facts; return None if that fails."""
        try:
            return plan.resolve(self.calendar)
        except InvalidArgument:
            return None

    def resolve(self, epoch: int | None, total: int | None) -> Plan | None:
        """Resolve the plan for a run with another epoch or another length; return None if that fails.

        Args:
            epoch: updates per epoch; None if unknown.
            total: the length of the run in updates; None for the planned length. Ignored if the planned length is in
                epochs, or if the plan does not count updates.
        """
        try:
            facts = replace(self.calendar, batches_per_epoch=None, steps_per_epoch=epoch)
            if total is None or self._length_in_epochs or self.plan.clock != UPDATES:
                return self.plan.resolve(facts)
            return Plan(*self.plan.as_written(), horizon=total).resolve(replace(facts, total=total))
        except InvalidArgument:
            return None

    def total_for(self, epoch: int) -> int | None:
        """Return the length that the run has in updates if an epoch has `epoch` updates instead of the known number.

        Returns None if the planned length is in epochs or unknown.

        Args:
            epoch: updates per epoch.
        """
        known, horizon = self.calendar.updates_per_epoch, self.resolved.horizon
        if known is None or horizon is None or not horizon.is_resolved or self._length_in_epochs:
            return None
        return round(horizon.updates * epoch / known)

    @cached_property
    def _length_in_epochs(self) -> bool:
        length = self.calendar.total if self.plan.horizon is None else self.plan.horizon
        return length is not None and any(unit == "epochs" for unit, _ in Duration.of(length).terms)


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """A possible explanation of why a log differs from its plan.

    Args:
        name: the short name of the cause.
        text: the description of the cause.
        clock: converts the update numbers of the log to times of the plan.
        plan: a resolved plan that may explain the log; None for the plan of the run.
        counted: converts the amounts that the run consumed to those that the schedule counted.
    """

    name: str
    text: str
    clock: Callable[[Times], Times] = unchanged
    plan: Plan | None = None
    counted: Callable[[AmountTimes], AmountTimes] = unchanged


def _meaning(n: int, processes: int | None, accumulation: int | None, epoch: int | None = None) -> str:
    """Return the name of the run fact that equals n: `processes`, `accumulation` or `epoch`.

    Returns `either` if no run fact equals n, or if both `processes` and `accumulation` do.
    """
    names = [name for name, value in (("processes", processes), ("accumulation", accumulation)) if value == n]
    return names[0] if len(names) == 1 else "epoch" if n == epoch and not names else "either"


# The keys are the results of `_meaning` for a factor n; the values are the name and the text of a cause.
_TOO_FAST = {
    "epoch": ("epochs taken for steps", "each update moved the schedule by an entire epoch of {n} updates"),
    "processes": ("processes", "the schedule moved {n} times per update, once for each of {n} processes"),
    "accumulation": ("accumulation", "the schedule moved {n} times per update, once for each accumulated batch"),
    "either": (
        "processes or accumulation",
        "the schedule moved {n} times per update, once for each process or each accumulated batch",
    ),
}
_TOO_SLOW = {
    "epoch": ("once per epoch", "the schedule moved once every {n} updates: once per epoch instead of once per update"),
    "processes": ("processes", "the schedule moved once every {n} rows: the log adds up the updates of {n} processes"),
    "accumulation": (
        "log counts batches",
        "the schedule moved once every {n} rows: the log counts batches, {n} per update",
    ),
    "either": ("once per epoch", "the schedule moved once every {n} rows: once per epoch, or the log counts batches"),
}
# The keys are results of `_meaning`; the values are the name of the cause, and the unit in which lengths were counted.
_COUNTED_IN = {
    "processes": ("processes", "the batches of all {n} processes"),
    "accumulation": ("accumulation", "batches, {n} per update"),
    "either": ("processes or accumulation", "batches, or those of {n} processes"),
}
# The keys are results of `_meaning`; the values are the name of the cause, and whose samples or tokens were counted.
_AMOUNTS_OF = {
    "processes": ("processes", "one of {n} processes"),
    "accumulation": ("accumulation", "one batch of {n}"),
    "either": ("processes or accumulation", "one of {n} processes, or one batch of {n}"),
}

_NEXT_VALUE = (
    "each update used the value planned for the next one (t + 1): the schedule was stepped before the update, the log "
    "is one update ahead (as in Hugging Face with DeepSpeed), or each stage uses index (t+1)/n"
)


def causes_to_try(facts: RunFacts, rows: int, processes: int | None, runs: tuple[int, ...]) -> Iterator[Cause]:
    """Yield possible explanations of why a log differs from its plan, the simplest first.

    Args:
        facts: the plan and the facts of the run.
        rows: the largest update number in the log plus 1.
        processes: the number of processes; None if unknown.
        runs: the typical numbers of updates for which values in the log stay constant.
    """
    yield Cause("off by one", _NEXT_VALUE, lambda t: t + 1)
    yield Cause(
        "off by one", "each update used the value planned for the previous one (t - 1)", lambda t: np.maximum(t - 1, 0)
    )
    yield Cause(
        "never moved", "every update used the value of update 0: the schedule was never stepped", lambda t: t * 0
    )
    for text, plan in with_other_indices(facts.resolved):
        yield Cause("another index", text, plan=plan)
    # Without a warmup, the later stages may be as long as the run, keep their lengths, or start as planned.
    dropped, held = without_warmup(facts.plan), with_warmup_held(facts.resolved)
    missing = "warmup left out"
    if dropped is not None and (resolved := facts.resolve_other(dropped)) is not None:
        yield Cause(missing, "the stages after the warmup began at update 0 and lasted the entire run", plan=resolved)
    if (short := without_warmup(facts.resolved)) is not None:
        yield Cause(missing, "the stages after the warmup began at update 0", plan=short)
    if held is not None:
        yield Cause(missing, "from update 0 on, the value was the one planned for the end of the warmup", plan=held)
    if (floorless := without_floor(facts.resolved)) is not None:
        yield Cause("floor left out", "the values decay to 0, not to the planned floor", plan=floorless)
    calendar = facts.calendar
    accumulation, epoch = calendar.accumulation or 1, calendar.updates_per_epoch
    # Facts of the run are first, because a known factor is the more likely explanation.
    known = [n for n in (processes, accumulation, epoch) if n is not None and 1 < n < _MAX_TIME // rows]
    batches = calendar.batches_per_epoch
    if batches is not None and batches < _MAX_TIME // rows:
        updates = -(-batches // accumulation)  # per epoch; the last update may have fewer batches
        yield Cause(
            "accumulation",
            f"the schedule moved once per batch, {accumulation} times per update",
            lambda t: t // updates * batches + np.minimum((t % updates + 1) * accumulation, batches) - 1,
        )
    for n in dict.fromkeys([*known, *_FACTORS]):
        name, text = _TOO_FAST[_meaning(n, processes, accumulation, epoch)]
        text = text.format(n=n)
        yield Cause(name, text, lambda t, n=n: t * n)  # type: ignore[misc]  # n is bound now
        # The cause of the line above, if values are logged after the n steps of an update instead of before them.
        yield Cause(name, text, lambda t, n=n: t * n + n - 1)  # type: ignore[misc]  # as above
    for n in dict.fromkeys([*known, *runs, *_FACTORS]):
        name, text = _TOO_SLOW[_meaning(n, processes, accumulation, epoch)]
        yield Cause(name, text.format(n=n), lambda t, n=n: t // n)  # type: ignore[misc]  # as above
        text = f"the schedule was stepped once per epoch: {n} updates in a row used the value planned for the first"
        yield Cause("once per epoch", text, lambda t, n=n: t // n * n)  # type: ignore[misc]  # as above
    yield from _other_lengths(facts, rows, processes)


def _other_lengths(facts: RunFacts, rows: int, processes: int | None) -> Iterator[Cause]:
    """Yield causes in which epochs, the horizon or all lengths are longer or shorter than planned."""
    epoch, horizon = facts.calendar.updates_per_epoch, facts.resolved.horizon
    updates = horizon.updates if horizon is not None and horizon.is_resolved else None
    tries: list[tuple[str, str, int | None, int | None]] = [
        ("epochs taken for steps", "lengths in epochs were taken for updates", 1, None)
    ]
    accumulation = facts.calendar.accumulation
    known = [n for n in (processes, accumulation) if n is not None and n > 1]
    for n in dict.fromkeys([*known, *_LENGTH_FACTORS]):
        name, batches = _COUNTED_IN[_meaning(n, processes, accumulation)]
        text = f"the plan is {n} times too long: its lengths were counted in {batches.format(n=n)}"
        tries.append((name, text, _scaled(epoch, n, 1), _scaled(updates, n, 1)))
        # The same cause, for a plan whose lengths are all in updates.
        yield Cause(name, text, lambda t, n=n: t / n)  # type: ignore[misc]  # n is bound now
        text = f"the plan is {n} times too short: its lengths were divided by {n} once too often"
        tries.append((name, text, _scaled(epoch, 1, n), _scaled(updates, 1, n)))
    if updates is not None and rows != updates:
        tries.append(("another horizon", f"the horizon was {rows} updates, not {updates}", epoch, rows))
    for name, text, other_epoch, total in tries:
        resolved = facts.resolve(other_epoch, total)
        if resolved is not None:
            yield Cause(name, text, plan=resolved)


def _scaled(length: int | None, times: int, by: int) -> int | None:
    return None if length is None else -(-length * times // by)


_NEARBY_EPOCHS = 64  # every length of an epoch up to this distance from the known one is tried
_SEARCH_DEPTH = 24
_MAX_EPOCH_CAUSES = 4


def epoch_causes(facts: RunFacts, rows: int, misfit: Callable[[Plan], float]) -> Iterator[Cause]:
    """Yield causes in which an epoch has another length than planned, the best fit to the log first.

    Args:
        facts: the plan and the facts of the run.
        rows: the largest update number in the log plus 1.
        misfit: a function that returns the distance of a resolved plan from the log.
    """
    epoch = facts.calendar.updates_per_epoch
    if epoch is None:
        return
    found: dict[tuple[int, bool], tuple[float, Plan]] = {}

    def measure(length: int, scaled: bool) -> float:
        if length >= 1 and (length, scaled) not in found:
            plan = facts.resolve(length, facts.total_for(length) if scaled else None)
            if plan is not None:
                found[length, scaled] = misfit(plan), plan
        return found[length, scaled][0] if (length, scaled) in found else inf

    tries = sorted(range(epoch - _NEARBY_EPOCHS, epoch + _NEARBY_EPOCHS + 1), key=lambda one: abs(one - epoch))
    horizon = facts.resolved.horizon
    if horizon is not None and horizon.is_resolved:  # the log may end with the run
        tries.append(-(-rows * epoch // horizon.updates))
    tries += [round(epoch * 2 ** (n / 12)) for n in range(-72, 73)]
    for scaled in (False, True) if facts.total_for(epoch) is not None else (False,):
        best = min(dict.fromkeys([epoch, *tries]), key=lambda one: measure(one, scaled))
        # Lengths that are not in `tries` are found by descent from the best length in `tries`.
        step = max(best // 16, 1)
        for _ in range(_SEARCH_DEPTH):
            nearest = min((best, best - step, best + step), key=lambda one: measure(one, scaled))
            if nearest == best and step == 1:
                break
            best, step = nearest, -(-step // 2)
    order = sorted(found, key=lambda key: (found[key][0], abs(key[0] - epoch)))
    for key in [key for key in order if key[0] != epoch][:_MAX_EPOCH_CAUSES]:
        text = f"lengths were counted with an epoch of {key[0]} updates, not {epoch}"
        yield Cause("another epoch", text, plan=found[key][1])


def amount_causes_to_try(clock: str, processes: int | None, accumulation: int | None) -> Iterator[Cause]:
    """Yield possible explanations for a plan that counts samples, tokens or seconds, the simplest first."""
    if clock == PROGRESS:  # updates cannot be mistaken for a fraction of the run
        return
    text = f"the schedule counted updates, but the plan counts {clock}"
    yield Cause("another clock", text, counted=AmountTimes.counting_updates)
    known = [n for n in (processes, accumulation) if n is not None and n > 1]
    for n in dict.fromkeys([*known, *_LENGTH_FACTORS]):
        name, whose = _AMOUNTS_OF[_meaning(n, processes, accumulation)]
        whose = whose.format(n=n)
        text = f"the schedule counted one {clock[:-1]} in {n}: the {clock} of {whose}"
        yield Cause(name, text, counted=lambda times, n=n: times.scaled(1, n))  # type: ignore[misc]  # n is bound now
        text = f"the schedule counted each of the {clock} {n} times, or the log has those of {whose}"
        yield Cause(name, text, counted=lambda times, n=n: times.scaled(n, 1))  # type: ignore[misc]  # as above


_INDICES: tuple[Index, ...] = get_args(Index)
_MAX_MIXED_STAGES = 3  # up to this number of stages all combinations of indices are tried


def with_other_indices(plan: Plan) -> Iterator[tuple[str, Plan]]:
    """Yield pairs (description, plan), in which one, some or all stages of `plan` have another value of `index`."""
    stages = list(dict.fromkeys(part for one in plan.bindings for part in _anneals_in(one.schedule)))
    together = [(index,) * len(stages) for index in _INDICES]
    single = [
        tuple(index if place == at else stage.index for place, stage in enumerate(stages))
        for at in range(len(stages) if len(stages) <= 16 else 0)
        for index in _INDICES
    ]
    mixed = product(_INDICES, repeat=len(stages)) if len(stages) <= _MAX_MIXED_STAGES else ()
    tried = {tuple(stage.index for stage in stages)}
    for indices in (*together, *single, *mixed):
        if indices in tried:
            continue
        tried.add(indices)
        others: dict[Schedule, Schedule] = {
            stage: replace(stage, index=index) for stage, index in zip(stages, indices, strict=True)
        }
        changed = [f"{index} in {stage}" for stage, index in zip(stages, indices, strict=True) if index != stage.index]
        yield f"the run used index {', '.join(changed)}", _with_schedules(plan, others.get)


def without_warmup(plan: Plan) -> Plan | None:
    """Return the plan without rising first stages of sequences and rising factors of products.

    Returns None if the plan has no such stage or factor.
    """

    def drop(schedule: Schedule) -> Schedule | None:
        if isinstance(schedule, Stages) and _rises(schedule.stages[0]):
            return in_order(schedule.stages[1:])
        if isinstance(schedule, Product):
            kept = tuple(one for one in schedule.operands if not _rises(one))
            if 0 < len(kept) < len(schedule.operands):
                return Product(kept)
        return None

    return _changed_plan(plan, drop)


def with_warmup_held(plan: Plan) -> Plan | None:
    """Return the plan with each rising first stage replaced by a constant, the value at the end of the stage.

    Returns None if no first stage rises.
    """

    def keep_constant(schedule: Schedule) -> Schedule | None:
        if isinstance(schedule, Stages):
            first = schedule.stages[0]
            if isinstance(first, Anneal) and _rises(first):
                return Stages((Constant(first.to, first.over), *schedule.stages[1:]))
        return None

    return _changed_plan(plan, keep_constant)


def without_floor(plan: Plan) -> Plan | None:
    """Return the plan with all decays to 0 and without lower bounds; None if the plan already has this form."""

    def remove_floor(schedule: Schedule) -> Schedule | None:
        match schedule:
            case Anneal(to=to) if not isinstance(to, NeighborLevel) and _size(schedule.start) > _size(to):
                return replace(schedule, to=0.0)
            case Clamp(low=low) if low is not None:
                inner = _changed(schedule.schedule, remove_floor) or schedule.schedule
                return inner if schedule.high is None else Clamp(inner, None, schedule.high)
            case Maximum() | Sum():
                kept = tuple(one for one in schedule.operands if not isinstance(one, Constant))
                if 0 < len(kept) < len(schedule.operands):
                    return kept[0] if len(kept) == 1 else replace(schedule, operands=kept)
        return None

    return _changed_plan(plan, remove_floor)


def _rises(schedule: Schedule) -> bool:
    return isinstance(schedule, Anneal) and _size(schedule.start) < _size(schedule.to)


def _size(level: Any) -> float:
    """Return the value of a level at base 1, for comparisons; 1 if the level is that of a neighboring stage."""
    if isinstance(level, NeighborLevel):
        return 1.0
    factor, fixed = split_level(level)
    return (factor or 0.0) + (fixed or 0.0)


def _anneals_in(schedule: Schedule) -> Iterator[Anneal]:
    if isinstance(schedule, Anneal):
        yield schedule
    for part in schedule.parts():
        yield from _anneals_in(part)


def _changed(value: Any, change: Callable[[Schedule], Schedule | None]) -> Any:
    """Return a schedule, or a tuple of schedules, in which each schedule is replaced by the result of `change`.

    If `change` returns None for a schedule, the schedules inside it are changed.
    """
    if isinstance(value, Schedule):
        found = change(value)
        return with_changed_fields(value, lambda part: _changed(part, change)) if found is None else found
    return with_changed_fields(value, lambda part: _changed(part, change)) if isinstance(value, tuple) else value


def _with_schedules(plan: Plan, change: Callable[[Schedule], Schedule | None]) -> Plan:
    bindings = [replace_schedule(one, _changed(one.schedule, change)) for one in plan.as_written()]
    return Plan(*bindings, horizon=plan.horizon, clock=plan.clock)


def _changed_plan(plan: Plan, change: Callable[[Schedule], Schedule | None]) -> Plan | None:
    """Return the plan with its schedules replaced by `change`; None if no schedule changes or the result is invalid."""
    try:
        changed = _with_schedules(plan, change)
    except InvalidArgument:
        return None
    return None if changed == plan else changed
