"""Conversion of a plan to an MMEngine config, with a dict for each window, rule or stage."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from paramsched.curves import Cosine
from paramsched.feedback.base import Guided
from paramsched.peers.mmengine.row import (
    EPOCH,
    MMENGINE,
    UPDATE,
    RuleOfPlan,
    StretchedWindow,
    WrittenPart,
    describe_level,
    whole_epochs,
    whole_ticks,
    window_arguments,
)
from paramsched.peers.mmengine.table import SCHEDULER_ROWS
from paramsched.plan import Binding, Plan, Target
from paramsched.plan.contents import values_inside
from paramsched.schedules import Absolute, AffineLevel, Anneal, Constant, Exponential, Schedule
from paramsched.schedules.affine import NeighborLevel
from paramsched.schedules.recurrence import Recurrence
from paramsched.schedules.retimed import Chain, Every, Window
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import MultiStep, Step
from paramsched.time import Duration

WrittenRow: TypeAlias = tuple[str, dict[str, Any]]
"""A row's name, and the arguments of its scheduler."""


def from_plan(plan: Plan) -> dict[str, Any]:
    """Return a plan as a config of MMEngine: `param_scheduler`, and `train_cfg` if the plan has a horizon.

    Raises:
        PlanError: MMEngine has no scheduler for a part of the plan, which the message names.

    >>> from_plan(Plan(lr="multistep(['8 epochs', '11 epochs'])", horizon="12 epochs"))["param_scheduler"]
    [{'type': 'MultiStepLR', 'milestones': [8, 11], 'gamma': 0.1}]
    """
    config: dict[str, Any] = {}
    if plan.horizon is not None:
        length, by_epoch = whole_ticks(plan.horizon, "horizon", f'"{plan.horizon}"')
        config["train_cfg"] = {"by_epoch": by_epoch, "max_epochs" if by_epoch else "max_iters": length}
    selectors = {binding.groups for binding in plan.bindings}
    if None in selectors or len(selectors) == 0:
        if len(selectors) > 1:
            MMENGINE.refuse(plan.bindings[-1], "a scheduler of MMEngine sets all groups of an optimizer")
        config["param_scheduler"] = _schedulers_of(plan, plan.bindings)
    else:
        by_name: dict[str, list[dict[str, Any]]] = {}
        for selector in selectors:
            mine = [binding for binding in plan.bindings if binding.groups == selector]
            if not isinstance(selector, str):
                MMENGINE.refuse(mine[0], "a scheduler of MMEngine sets all groups of an optimizer")
            by_name[selector] = _schedulers_of(plan, mine)
        config["param_scheduler"] = dict(sorted(by_name.items()))
    return config


def _schedulers_of(plan: Plan, bindings: Iterable[Binding]) -> list[dict[str, Any]]:
    for binding in bindings:
        # MMEngine's arguments cannot express the level of a neighbor, or the sum of a multiple and a value.
        for value in values_inside(binding.schedule):
            if isinstance(value, NeighborLevel):
                found = f"the value of {value} is unknown until the plan is resolved"
                MMENGINE.refuse(binding, found, "Write ps.resolve(plan, calendar)", format="yaml")
            if isinstance(value, AffineLevel):
                MMENGINE.refuse(binding, "a level of MMEngine is a multiple of base or a value, not the sum of both")
    return [
        _with_class(binding, name, arguments)
        for binding in bindings
        for name, arguments in _written_schedule(binding.schedule, WrittenPart(binding, plan.horizon))
    ]


def _with_class(binding: Binding, row: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a scheduler's dict: its class, the field if the class does not imply it, and the arguments."""
    if isinstance(binding.field, Target):
        MMENGINE.refuse(binding, "it schedules fields of the optimizer only")
    family = {"lr": "LR", "momentum": "Momentum", "betas[0]": "Momentum"}.get(binding.name)
    if SCHEDULER_ROWS[row].only_field is not None and family != "LR":
        MMENGINE.refuse(binding, f"its {row} schedules lr only")
    if family is None and "[" in binding.name:
        MMENGINE.refuse(binding, "of a tuple it schedules betas[0] only")
    if family is None:
        return {"type": f"{row}ParamScheduler", "param_name": binding.name, **arguments}
    return {"type": row + family, **arguments}


def _written_schedule(schedule: Schedule, part: WrittenPart) -> list[WrittenRow]:
    """Return the schedulers of a schedule: one for each rule, and those of each operand of a chain."""
    if isinstance(schedule, Guided):
        neutral = isinstance(schedule.schedule, Constant) and schedule.schedule.value == 1.0
        found = [] if neutral else _written_schedule(schedule.schedule, part)
        return found + [_written_rule(rule, part, "it has no such rule") for rule in schedule.guides]
    if isinstance(schedule, Recurrence):
        for rule in schedule.rules:
            if rule.by not in ("update", "epoch"):
                part.refuse(rule, "schedulers of MMEngine step by iterations or epochs")
        rows = [(rule, *_written_rule(rule, part, "it has no such scheduler")) for rule in schedule.rules]
        return [
            (name, {**arguments, **window_arguments(one.begin, one.end, one.by == "epoch")})
            for one, name, arguments in rows
        ]
    if isinstance(schedule, Chain):
        return [one for operand in schedule.operands for one in _written_schedule(operand, part)]
    return _written_part(schedule, part)


def _written_rule(rule: RuleOfPlan, part: WrittenPart, unknown: str) -> WrittenRow:
    for name, row in SCHEDULER_ROWS.items():
        if (arguments := row.from_rule(rule, part)) is not None:
            return name, arguments
    return part.refuse(rule, unknown)


def _written_part(schedule: Schedule, part: WrittenPart) -> list[WrittenRow]:
    """Return the schedulers of a schedule without rules, which may be limited to a window."""
    match schedule:
        case Window() if part.everywhere:
            stop, horizon = schedule.end, part.horizon
            if stop is not None and horizon is not None and dict(stop.terms).keys() == dict(horizon.terms).keys():
                left = [count - dict(stop.terms)[unit] for unit, count in horizon.terms]
                if len(left) == 1 and left[0] <= 1:  # the window ends with the run
                    stop = None
            return _written_part(schedule.schedule, replace(part, begin=schedule.begin, stop=stop))
        case Every() if schedule.period == EPOCH and schedule.phase == 0:
            return _written_part(schedule.schedule, replace(part, stepwise=True))
        case Sequence() if part.stop is None or _ends_before_stop(schedule, part):
            return _written_stages(schedule, part)
        case Constant() | Anneal() | Exponential() | Step() | MultiStep():
            return _written_shape(schedule, part)
    return part.refuse(schedule, "it has no such scheduler")


def _written_shape(schedule: Schedule, part: WrittenPart) -> list[WrittenRow]:
    """Return the scheduler of one shape in a list, which is empty for a constant at the level of `part`."""
    if isinstance(schedule, Constant) and schedule.value == part.level:
        return []
    found = _written_anneal(schedule, part) if isinstance(schedule, Anneal) else _row_for(schedule, part)
    if found is None:
        part.refuse(schedule, "it has no such scheduler")
    return [found]


def _row_for(schedule: Schedule, part: WrittenPart) -> WrittenRow | None:
    """Return the first row that expresses a schedule, with its arguments, or None if no row does."""
    for name, row in SCHEDULER_ROWS.items():
        if (arguments := row.from_schedule(schedule, part)) is not None:
            return name, arguments
    return None


def _written_anneal(schedule: Anneal, part: WrittenPart) -> WrittenRow:
    """Return the scheduler of a shape that moves from one level to another."""
    length = schedule.over or _rest_of_horizon(schedule, part)
    by_iteration = None if part.stepwise else _window_over_epochs(schedule, length, part)
    if by_iteration is not None:
        found = _row_for(schedule, replace(part, stretched=by_iteration))
        if found is not None:
            return found
    count, by_epoch = part.ticks(length)
    if by_epoch and not part.stepwise:
        part.refuse(schedule, 'a length in epochs changes the value between epochs only; write every(…, "epoch")')
    if part.stepwise and not by_epoch:
        part.refuse(schedule, "a scheduler that steps by epochs needs a length in epochs")
    if schedule.index != "t/n":
        part.refuse(schedule, 'schedulers of MMEngine use index="t/n"')
    begin = part.first_tick(by_epoch)
    end = begin + count + 1 if part.stop is None else part.ticks(part.stop)[0] + 1
    window = window_arguments(begin, end, by_epoch)
    to_the_end = part.stop is None and begin == 0 and schedule.over is not None and schedule.over == part.horizon
    open_window = window_arguments(begin, None, by_epoch) if to_the_end else window
    stretched = StretchedWindow(count, window, end - begin - 1 == count, open_window)
    found = _row_for(schedule, replace(part, stretched=stretched))
    if found is None and schedule.start != part.level:
        part.refuse(schedule, f"a scheduler of MMEngine starts at the current value, {describe_level(part.level)}")
    if found is None:
        part.refuse(schedule, "it has no such curve")
    return found


def _window_over_epochs(schedule: Anneal, length: Duration, part: WrittenPart) -> StretchedWindow | None:
    """Return the window of a shape that changes at each iteration, or None if it is not an integer number of epochs."""
    begin, cosine = whole_epochs(part.begin), isinstance(schedule.curve, Cosine)
    size = whole_epochs(length if cosine else length + UPDATE)
    if begin is None or not size or schedule.index != "t/n" or not isinstance(part.level, float):
        return None
    end = begin + size
    if part.stop is not None:
        closed = whole_epochs(part.stop + UPDATE)
        if closed is None or (closed > end if cosine else closed != end):
            return None
        end = closed
    elif cosine and part.horizon != Duration.of(f"{end} epochs"):
        return None
    window = window_arguments(begin, end, True, converted=True)
    return StretchedWindow(size, window, True, window)


def _written_stages(schedule: Sequence, part: WrittenPart) -> list[WrittenRow]:
    """Return a scheduler for each stage; each stage must start at the level at which the previous one ended."""
    found_row = _row_for(schedule, part)
    if found_row is not None:
        return [found_row]
    found: list[WrittenRow] = []
    here = replace(part, stop=None, stepwise=False)
    for index, stage in enumerate(schedule.stages):
        stepwise = isinstance(stage, Every) and stage.period == EPOCH
        shape = stage.schedule if isinstance(stage, Every) and stepwise else stage
        last = index == len(schedule.stages) - 1
        if not isinstance(shape, (Constant, Anneal)):
            part.refuse(stage, "a stage must be a line, cosine, polynomial or constant")
        start, to = (shape.value,) * 2 if isinstance(shape, Constant) else (shape.start, shape.to)
        if isinstance(start, Absolute) or (start != here.level and index):
            part.refuse(stage, f"a scheduler of MMEngine starts at the current value, {describe_level(here.level)}")
        found += _written_shape(shape, replace(here, stepwise=stepwise))
        if last and shape.over is None:
            break
        length = _rest_of_horizon(schedule, part, stage) if shape.over is None else shape.over
        # After a stage that ends at an absolute value, the level is kept: no later stage uses it.
        here = replace(here, begin=here.begin + length, level=to if isinstance(to, float) else here.level)
        if not last and isinstance(to, Absolute):
            part.refuse(stage, "the next stage would start at an absolute value, not at a multiple of base")
    return found


def _ends_before_stop(schedule: Sequence, part: WrittenPart) -> bool:
    """Return whether all stages end before the window of `part` does."""
    stages = schedule.stages
    if _row_for(schedule, part) is not None:
        stages = stages[:1]  # one scheduler expresses all stages, and keeps the later level
    taken = part.begin
    for stage in stages:
        if stage.length is None:
            return False
        taken = taken + stage.length
    if part.stop is None:
        return True
    over, stop = dict(taken.terms), dict(part.stop.terms)
    return over.keys() == stop.keys() and all(over[unit] <= stop[unit] for unit in over)


def _rest_of_horizon(schedule: Schedule, part: WrittenPart, stage: Schedule | None = None) -> Duration:
    """Return the horizon minus the begin of `part` and the lengths of all stages except `stage`."""
    if part.horizon is None:
        part.refuse(schedule, "it has no length of its own, and the plan has no horizon")
    others = Duration.of(0)
    if isinstance(schedule, Sequence):
        for one in schedule.stages:
            if one is not stage and one.length is not None:
                others = others + one.length
    return part.horizon - part.begin - others
