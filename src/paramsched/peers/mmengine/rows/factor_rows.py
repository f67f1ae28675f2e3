"""Rows of factors: Constant, Linear, Step and MultiStep."""

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from paramsched.curves import Linear
from paramsched.peers.mmengine.rows.arguments import (
    INF,
    WINDOW_ARGUMENTS,
    Argument,
    ArgumentFault,
    Arguments,
    ClosedForm,
    FormNeeds,
    factor_faults,
    is_real_number,
    number_faults,
    one_tick_caution,
    ticks_in_window,
    window_of_rule,
)
from paramsched.peers.mmengine.rows.row import (
    UPDATE,
    FoundArguments,
    SchedulerRow,
    WrittenPart,
    whole_epochs,
    window_arguments,
)
from paramsched.schedules import Anneal, Constant, Schedule, constant, linear, multistep, rules, step
from paramsched.schedules.rules import Rule
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import MultiStep, Step
from paramsched.time import Duration


def _constant_form(arguments: Arguments, needs: FormNeeds) -> ClosedForm | None:
    """The factor, and 1 from the last tick of the window on; with a single tick it is never taken back."""
    factor, ticks = arguments["factor"], needs.ticks
    if needs.endless:
        return None
    if needs.single:
        return ClosedForm(constant(factor), ends_itself=True)
    if factor == 0 and not needs.alone:
        return None  # nothing is left of what others do meanwhile
    held = constant(factor, over=ticks.last(needs.size)) >> constant(1.0, over=ticks.one)
    return ClosedForm(held, ends_itself=True, undone=True)


def _from_constant(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    """To the end of the run, or of one tick; or for a while."""
    match schedule:
        case Sequence(stages=(Constant(value=float() as factor, over=Duration() as over), Constant(value=1.0))) if (
            0 <= factor <= 1
        ):
            return {"factor": factor, **_window_taken_back(over, part)}
        case Constant():
            if not isinstance(schedule.value, float) or not 0 <= schedule.value <= 1:
                part.refuse(schedule, "its Constant multiplies by a factor in [0, 1]")
            return {"factor": schedule.value, **_window_kept(schedule, part)}
    return None


def _window_kept(schedule: Constant, part: WrittenPart) -> dict[str, Any]:
    """The window of a factor that is not taken back."""
    if part.stop is not None and part.stop == part.begin:
        begin, by_epoch = part.ticks(part.begin)
        return window_arguments(begin, begin + 1, by_epoch)
    if part.horizon is None:
        part.refuse(schedule, "it needs an end, and the plan has no horizon")
    end, by_epoch = part.ticks(part.horizon)
    begin, _ = part.ticks(part.begin)
    # The last tick takes the factor back: that has to come after the run.
    return window_arguments(begin, end + 1, by_epoch)


def _window_taken_back(over: Duration, part: WrittenPart) -> dict[str, Any]:
    """The window of a factor for so long, whose last tick takes it back."""
    first, size = whole_epochs(part.begin), whole_epochs(over + UPDATE)
    if size and first is not None:
        return window_arguments(first, first + size, True, converted=True)
    count, by_epoch = part.ticks(over)
    begin = part.first_tick(by_epoch)
    return window_arguments(begin, begin + count + 1, by_epoch)


CONSTANT = SchedulerRow(
    "Constant",
    "multiply {it} by `factor`, and undo it at the last tick of the window",
    (Argument("factor", 1 / 3, "in [0, 1]"), *WINDOW_ARGUMENTS),
    faults=lambda given: factor_faults(given, "factor"),
    derived=ticks_in_window,
    rule=lambda given: rules.constant(float(given["factor"]), **window_of_rule(given)),
    schedule=_constant_form,
    from_rule=lambda rule, _: (
        {"factor": rule.factor} if isinstance(rule, rules.ConstantRule) and rule.over is None else None
    ),
    from_schedule=_from_constant,
    cautions=lambda given, _: one_tick_caution(given, given["factor"]),
    length_from=(),
)


def _linear_form(arguments: Arguments, needs: FormNeeds) -> ClosedForm | None:
    """The line over the window; with a single tick its first factor only."""
    start, to = float(arguments["start_factor"]), float(arguments["end_factor"])
    if needs.endless:
        return None
    if start == 0 and not needs.single and not needs.alone:
        return None  # nothing is left of what others do meanwhile
    if needs.single:
        return ClosedForm(constant(start), ends_itself=True)
    line = needs.ticks.changing(linear(start, to, over=needs.ticks.last(needs.size)))
    return ClosedForm(line, ends_itself=True, undone=arguments["end_factor"] == 1)


def _from_straight_line(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    """Between multiples of the base."""
    level, found = part.level, part.stretched
    if found is None or not isinstance(schedule, Anneal) or not isinstance(schedule.curve, Linear):
        return None
    start, to = schedule.start, schedule.to
    if not isinstance(to, float) or not isinstance(level, float):
        return None
    if not found.whole:
        part.refuse(schedule, "its line ends with the window")
    if not isinstance(start, float) or level == 0:
        part.refuse(schedule, "its line scales the value it finds")
    factors = start / level, to / level
    if not all(0 <= factor <= 1 for factor in factors):
        part.refuse(schedule, "its factors are in [0, 1]")
    if factors[0] == 0:
        part.refuse(schedule, "its line divides by the first factor, so that it cannot begin at 0; begin at 1e-6")
    return {"start_factor": factors[0], "end_factor": factors[1], **found.window}


LINEAR = SchedulerRow(
    "Linear",
    "scale {it} along a straight line from `start_factor` to `end_factor`, reached at the last tick of the window",
    (
        Argument("start_factor", 1 / 3, "in [0, 1]"),
        Argument("end_factor", 1.0, "in [0, 1]"),
        *WINDOW_ARGUMENTS,
    ),
    faults=lambda given: factor_faults(given, "start_factor", "end_factor"),
    derived=ticks_in_window,
    rule=lambda given: rules.linear(float(given["start_factor"]), float(given["end_factor"]), **window_of_rule(given)),
    schedule=_linear_form,
    from_rule=lambda rule, _: (
        {"start_factor": rule.start, "end_factor": rule.to}
        if isinstance(rule, rules.LinearRule) and rule.over is None
        else None
    ),
    from_schedule=_from_straight_line,
    cautions=lambda given, _: one_tick_caution(given, given["start_factor"]),
    length_from=(),
)


def _step_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    yield from number_faults(arguments, "step_size", "gamma")
    if is_real_number(arguments["step_size"]) and arguments["step_size"] <= 0:
        yield ArgumentFault("step_size", f"step_size={arguments['step_size']!r} is not above 0")


def _step_rule(arguments: Arguments) -> Rule:
    # `k % size == 0` for whole k: a size of 5/2 divides every fifth tick only.
    every = Fraction(arguments["step_size"]).numerator
    return rules.step(min(every, INF), float(arguments["gamma"]), **window_of_rule(arguments))


def _from_step(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    if not isinstance(schedule, Step):
        return None
    size, by_epoch = part.ticks(schedule.every)
    return {"step_size": size, "gamma": schedule.gamma, **part.window(by_epoch, one_more=True)}


STEP = SchedulerRow(
    "Step",
    "multiply {it} by `gamma` every `step_size` ticks, counted from `begin`",
    (
        Argument("step_size", ..., "ticks between two of them", counted=True),
        Argument("gamma", 0.1, "factor"),
        *WINDOW_ARGUMENTS,
    ),
    faults=_step_faults,
    rule=_step_rule,
    schedule=lambda given, needs: ClosedForm(step(needs.ticks.count(given["step_size"]), given["gamma"])),
    from_rule=lambda rule, _: (
        {"step_size": rule.every, "gamma": rule.gamma} if isinstance(rule, rules.StepRule) else None
    ),
    from_schedule=_from_step,
)


_BEGIN, _END, _LAST_STEP, *_REST = WINDOW_ARGUMENTS


def _multi_step_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    milestones = arguments["milestones"]
    if isinstance(milestones, (str, bytes)) or not isinstance(milestones, Iterable):
        yield ArgumentFault("milestones", f"milestones={milestones!r} is no list of counts", TypeError)
    elif not all(map(is_real_number, milestones)):
        yield ArgumentFault("milestones", f"milestones={milestones!r} are not all numbers", TypeError)
    yield from number_faults(arguments, "gamma")


def _reached_milestones(arguments: Arguments) -> list[int]:
    """The milestones in order, repeated ones too; one that is no whole number, or below 0, is never reached."""
    milestones: Counter[float] = Counter(arguments["milestones"])
    return sorted(int(one) for one in milestones.elements() if one == int(one) and one >= 0)


def _multi_step_form(arguments: Arguments, needs: FormNeeds) -> ClosedForm | None:
    if needs.run is None and needs.endless:
        return None
    limit = min(arguments["end"], INF if needs.run is None else needs.run) - arguments["begin"]
    times = tuple(needs.ticks.count(one) for one in _reached_milestones(arguments) if one < limit)
    return ClosedForm(multistep(times, arguments["gamma"]), cut_at_end=True) if times else None


def _from_multi_step(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    """Milestones of one unit, in the unit of the window."""
    if not isinstance(schedule, MultiStep):
        return None
    counts = [part.ticks(milestone) for milestone in schedule.milestones]
    units = {by_epoch for count, by_epoch in counts if count}  # of 0 it may be any
    if len(units) > 1:
        part.refuse(schedule, "its milestones have one unit")
    by_epoch = units.pop() if units else part.bounds_by_epoch()
    milestones = [count for count, _ in counts]
    return {"milestones": milestones, "gamma": schedule.gamma, **part.window(by_epoch, one_more=False)}


MULTI_STEP = SchedulerRow(
    "MultiStep",
    "multiply {it} by `gamma` at each milestone, counted from `begin`",
    (
        Argument("milestones", ..., "ticks counted from `begin`; repeated ones count twice", counted=True),
        Argument("gamma", 0.1, "factor at a milestone"),
        # MMEngine's own order, which is not that of the others.
        _LAST_STEP,
        _BEGIN,
        _END,
        *_REST,
    ),
    faults=_multi_step_faults,
    derived=lambda given: {"milestones": Counter(given["milestones"])},
    rule=lambda given: rules.multistep(_reached_milestones(given), float(given["gamma"]), **window_of_rule(given)),
    schedule=_multi_step_form,
    from_rule=lambda rule, _: (
        {"milestones": list(rule.milestones), "gamma": rule.gamma} if isinstance(rule, rules.MultiStepRule) else None
    ),
    from_schedule=_from_multi_step,
)
