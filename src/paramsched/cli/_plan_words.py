"""A plan in words: what each of its schedules does, when, and from which value to which, parts below their whole."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

from paramsched._fault import printable
from paramsched.cli._active_time import NOTHING, ActiveTime, comes_before, earlier_time
from paramsched.cli._rule_words import rule_words
from paramsched.cli._schedule_words import cut_text, schedule_words, times_of_period, value_at_update
from paramsched.config import NO_BASES, Bases
from paramsched.config.plan_files import units_of_plan
from paramsched.feedback.base import Guided
from paramsched.feedback.plateau import Plateau
from paramsched.fields import Field
from paramsched.plan import Binding, Plan, Target, selector_text
from paramsched.plan.binding import amount_clock, clock_text, is_by_amount
from paramsched.plan.resolve import counted_plan
from paramsched.schedules import Schedule
from paramsched.schedules.cuts import Skip, Take
from paramsched.schedules.one_operand import Raised, Rounded
from paramsched.schedules.pointwise import Clamp, Maximum, Minimum, Product, Sum
from paramsched.schedules.recurrence import Recurrence
from paramsched.schedules.restarts import Restarts
from paramsched.schedules.retimed import Chain, Every, Shift, Window
from paramsched.schedules.sequence import Sequence, WithLengths
from paramsched.time import Duration
from paramsched.time.calendar import one_of_clock

_STEP = "  "
_MOST_TEXT = 2_000  # characters of a schedule


def plan_in_words(
    plan: Plan,
    resolved: Plan | None = None,
    steps_per_epoch: int | None = None,
    bases: Bases = NO_BASES,
    total: int | None = None,
) -> str:
    """Say in words what a plan does.

    Args:
        resolved: the same plan with its lengths resolved, if its units can be converted.
        total: the updates of the run, if they are known.
        steps_per_epoch: updates in an epoch, if known.
        bases: the optimizer's values, if the plan's file has them.

    >>> from paramsched.time import Calendar
    >>> plan = Plan(lr="warmup('5%') >> cosine(to=0.1)")
    >>> print(plan_in_words(plan, plan.resolve(Calendar(total=1000))))
    The run is 1,000 updates long.
    <BLANKLINE>
    lr: warmup("5%") >> cosine(to=0.1)
      rises in a straight line from 0 to 1 × base over updates 0 to 49
      falls along half a cosine wave from 1 to 0.1 × base over updates 50 to 999
      0 at update 0, 0.100002 × base at update 999, the last
    """
    clock = amount_clock(plan.clock)
    if clock is None and resolved is not None and resolved.horizon is not None:
        total = resolved.horizon.updates
    lines = [_run_in_words(plan, total, steps_per_epoch)]
    if clock is not None:
        lines.append(f"Its clock counts {clock_text(plan.clock)}.")
    written = {(_is_target(one), one.name, one.groups): one for one in plan.bindings}
    counted = plan if resolved is None else counted_plan(resolved)
    in_epochs = "epochs" in units_of_plan(plan)
    for known in counted.bindings:
        by_amount = resolved is not None and is_by_amount(plan.clock, known.name)
        whole = _horizon_on_clock(resolved, clock) if by_amount else total
        end = plan.horizon if whole is None else Duration.of(whole)
        when = ActiveTime(
            end=end,
            total=end,
            steps_per_epoch=steps_per_epoch if in_epochs and not by_amount else None,
            unit=one_of_clock(clock) if by_amount and clock is not None else "update",
        )
        # A field that follows another may get lines that nobody wrote.
        binding = written.get((_is_target(known), known.name, known.groups), known)
        lines += ["", _binding_head(binding), *_base_line(binding, bases)]
        lines += [f"{_STEP}{printable(line)}" for line in schedule_words(known.schedule, when)]
        if whole is not None and known.schedule.is_resolved:
            first, last = (value_at_update(known.schedule, time, when) for time in (0, max(whole - 1, 0)))
            behind = "the only one" if whole <= 1 else f"{last} at {when.unit} {whole - 1:,}, the last"
            lines.append(f"{_STEP}{first} at {when.unit} 0, {behind}")
    return "\n".join(lines)


def _horizon_on_clock(resolved: Plan | None, clock: str | None) -> int | None:
    if resolved is None or resolved.horizon is None:
        return None
    ((unit, count),) = resolved.horizon.terms
    return ceil(count) if unit == clock else None


def _is_target(binding: Binding) -> bool:
    return isinstance(binding.field, Target)


def _run_in_words(plan: Plan, total: int | None, steps_per_epoch: int | None) -> str:
    """How long the run is."""
    if total is None:
        if plan.horizon is None:
            return "Nothing says how long the run is."
        return f"The run is {plan.horizon}{' updates' * plan.horizon.is_resolved} long."
    epochs = f", {total / steps_per_epoch:.6g} epochs of {steps_per_epoch:,}" if steps_per_epoch else ""
    return f"The run is {total:,} updates long{epochs}."


def _binding_head(binding: Binding) -> str:
    if isinstance(binding.field, Target):
        place = f", outside the optimizer, base {binding.field.initial!r}"
    else:
        place = "" if binding.groups is None else f" of group {selector_text(binding.groups)}"
    return printable(f"{binding.name}{place}: {cut_text(str(binding.schedule), most=_MOST_TEXT)}")


def _base_line(binding: Binding, bases: Bases) -> Iterator[str]:
    """The base of a field; the words below it give levels as "× base"."""
    if isinstance(binding.field, Target):
        return
    field = Field.of(binding.name)
    name = binding.groups if isinstance(binding.groups, str) else None
    values = {group.get("name"): bases.value(group, field) for group in ([bases.of(name)] if name else bases.groups)}
    known = {label: value for label, value in values.items() if value is not None}
    said = ", ".join(f"{value:.6g}" + (f" ({label})" if label and not name else "") for label, value in known.items())
    if known:
        yield printable(f"{_STEP}base: {said}, from {bases.origin}")


_MOST_RULES = 200
_IN_TURN = (Sequence, Shift, Window)
_HEADS = {Sum: "the sum of", Minimum: "at each update the smallest of", Maximum: "at each update the largest of"}


@schedule_words.register
def _guided_words(schedule: Guided, when: ActiveTime) -> Iterator[str]:
    yield from schedule_words(schedule.schedule, when)
    for rule in schedule.guides:
        yield _plateau_words(rule, when) if isinstance(rule, Plateau) else f"times what {rule} makes of its metric"


@schedule_words.register
def _sequence_words(schedule: Sequence, when: ActiveTime) -> Iterator[str]:
    """The stages one after another; a stage for which no time is left is named too."""
    begin = when.begin
    for index, stage in enumerate(schedule.stages):
        last = index + 1 == len(schedule.stages)
        own = stage.length if stage.has_length else None
        # Only the last stage ends with the sequence. After a stage of unknown length no begin is known any more.
        end = when.end if last else None if begin is None or own is None else begin + own
        mine = when.part(begin, earlier_time(end, when.end))
        if own is not None and not own.terms and not last:
            yield f"{cut_text(str(stage))}: no update is left for it"
        elif mine.update_count == 0:
            yield f"{cut_text(str(stage))}: never reached"
        else:
            yield from schedule_words(stage, mine)
        begin = end


@schedule_words.register
def _product_words(schedule: Product, when: ActiveTime) -> Iterator[str]:
    # At most one factor has levels as they stand. It keeps its units; the others are plain numbers.
    main = next((one for one in schedule.operands if one.has_absolute), None)
    yield "the product of"
    for operand in schedule.operands:
        yield from _indented_words(operand, when if operand is main else replace(when, level_suffix=""))


@schedule_words.register
def _operand_words(schedule: Sum | Minimum | Maximum, when: ActiveTime) -> Iterator[str]:
    yield _HEADS[type(schedule)]
    for operand in schedule.operands:
        yield from _indented_words(operand, when)


@schedule_words.register
def _chain_words(schedule: Chain, when: ActiveTime) -> Iterator[str]:
    yield "one after another, each on the value the one before gives"
    for index, operand in enumerate(schedule.operands):
        # The first starts from base, each later one from what the one before it gives.
        yield from _indented_words(operand, replace(when, level_suffix=" × the value before") if index else when)


@schedule_words.register
def _clamp_words(schedule: Clamp, when: ActiveTime) -> Iterator[str]:
    """The limits, and below them what they limit."""
    limits = [
        f"never {side} {when.level_text(level)}"
        for side, level in (("below", schedule.low), ("above", schedule.high))
        if level is not None
    ]
    if limits:
        yield f"{' and '.join(limits)}, else what this says"
        yield from _indented_words(schedule.schedule, when)
    else:
        yield from schedule_words(schedule.schedule, when)


@schedule_words.register
def _every_words(schedule: Every, when: ActiveTime) -> Iterator[str]:
    yield f"changes only every {when.period_text(schedule.period)}, to what this says there"
    yield from _indented_words(schedule.schedule, when)


@schedule_words.register
def _power_words(schedule: Raised, when: ActiveTime) -> Iterator[str]:
    yield f"to the power of {schedule.exponent:.6g}, base outside, what this says"
    yield from _indented_words(schedule.schedule, replace(when, level_suffix=""))


@schedule_words.register
def _rounded_words(schedule: Rounded, when: ActiveTime) -> Iterator[str]:
    way = {"nearest": "to the nearest multiple", "down": "down to a multiple", "up": "up to a multiple"}[schedule.way]
    yield f"rounded {way} of {schedule.to:.6g}, what this says"
    yield from _indented_words(schedule.schedule, when)


@schedule_words.register
def _with_lengths_words(schedule: WithLengths, when: ActiveTime) -> Iterator[str]:
    how = {
        "exact": "with lengths that are not rounded to updates",
        "nearest": "with each time at the nearest update",
        "floor": "with each time at the update before it",
    }
    yield f"{how[schedule.lengths]}, what this says"
    yield from _indented_words(schedule.schedule, when)


@schedule_words.register
def _shift_words(schedule: Shift, when: ActiveTime) -> Iterator[str]:
    begin = when.end_after(schedule.by)
    if schedule.by.terms:
        yield f"waits at its first value over {_waiting_text(schedule.by, when)}"
    if when.part(begin, when.end).update_count != 0:
        yield from schedule_words(schedule.schedule, when.part(begin, when.end))


@schedule_words.register
def _take_words(schedule: Take, when: ActiveTime) -> Iterator[str]:
    """What is cut, which may be planned for a longer time."""
    end = earlier_time(when.end_after(schedule.over), when.end)
    cut = when.part(when.begin, end)
    if cut.update_count == 0:
        yield f"stays at the first value of {cut_text(str(schedule.schedule))}"
        return
    yield f"follows over {cut.range_text()} what this says, then stays at the value it has there"
    yield from _indented_words(schedule.schedule, cut if schedule.schedule.is_resolved else replace(cut, end=None))


@schedule_words.register
def _skip_words(schedule: Skip, when: ActiveTime) -> Iterator[str]:
    yield f"what this says without its first {when.length_text(schedule.by)}{when.during_text()}"
    yield from _indented_words(
        schedule.schedule, replace(when, begin=NOTHING, end=None, time_suffix=" of its own clock")
    )


@schedule_words.register
def _restarts_words(schedule: Restarts, when: ActiveTime) -> Iterator[str]:
    """How often it begins anew, and one cycle, whose times count from its begin."""
    if schedule.every is None:  # a line is told before it is resolved
        yield f"runs {schedule.times:,} times anew, in shares of its time{when.during_text()}"
        yield from _indented_words(
            schedule.schedule, replace(when, begin=NOTHING, end=None, time_suffix=" of each cycle")
        )
        return
    if schedule.times == 1:
        end = earlier_time(when.end_after(schedule.every), when.end)
        yield from schedule_words(schedule.schedule, when.part(when.begin, end))
        return
    times = "" if schedule.times is None else f" {schedule.times:,} times"
    held = "" if schedule.times is None else ", then stays at its last value"
    lower = "" if schedule.gamma == 1 else f", each from {schedule.gamma:.6g} × the base of the one before"
    if schedule.mult == 1:
        begins = times_of_period(schedule.every, when, schedule.times)
        yield f"runs{times} anew every {when.period_text(schedule.every)}{begins}{lower}{held}"
    else:
        longer = f", each {schedule.mult:.6g} times as long as the one before"
        yield f"runs{times} anew, at first over {when.length_text(schedule.every)}{longer}{lower}{held}"
    cycle = replace(when, begin=NOTHING, end=schedule.every, time_suffix=" of each cycle")
    yield from _indented_words(schedule.schedule, cycle)


@schedule_words.register
def _window_words(schedule: Window, when: ActiveTime) -> Iterator[str]:
    """What comes before the window, in it, and behind it."""
    begin = when.end_after(schedule.begin)
    end = when.end if schedule.end is None else when.end_after(schedule.end)
    if schedule.begin.terms:
        yield f"stays at {when.level_text(1.0)} over {_waiting_text(schedule.begin, when)}"
    if when.part(begin, when.end).update_count == 0:
        return
    if schedule.end is not None and end is not None and (when.end is None or comes_before(end, when.end)):
        yield from schedule_words(schedule.schedule, when.part(begin, end))
        yield f"keeps from {when.times_text([end])} on the value it has there"
    else:
        yield from schedule_words(schedule.schedule, when.part(begin, when.end))


@schedule_words.register
def _recurrence_words(schedule: Recurrence, when: ActiveTime) -> Iterator[str]:
    yield "rules that act on the present value"
    for rule in schedule.rules[:_MOST_RULES]:
        yield _STEP + rule_words(rule, when)
    if len(schedule.rules) > _MOST_RULES:
        yield f"{_STEP}and {len(schedule.rules) - _MOST_RULES:,} more"


def _waiting_text(length: Duration, when: ActiveTime) -> str:
    before = when.part(when.begin, earlier_time(when.end_after(length), when.end))
    return before.range_text(length if before.update_count is None else None)


def _indented_words(schedule: Schedule, when: ActiveTime) -> Iterator[str]:
    indent = _STEP
    if isinstance(schedule, _IN_TURN):  # it has several lines, so they get a heading
        yield f"{indent}in turn"
        indent += _STEP
    yield from (indent + line for line in schedule_words(schedule, when))


def _plateau_words(rule: Plateau, when: ActiveTime) -> str:
    """When a plateau rule multiplies, how long it then waits, and where it stops."""
    better = "fallen" if rule.mode == "min" else "risen"
    margin = f"by {rule.threshold:.6g}" if rule.threshold_mode == "abs" else f"by {100 * rule.threshold:.6g}%"
    floor = f", never below {when.level_text(rule.min)}" if rule.min else ""
    rest = f", then not again for {rule.cooldown:,} values" if rule.cooldown else ""
    return (
        f"× {rule.factor:.6g} each time {rule.metric} has not {better} {margin} "
        f"for more than {rule.patience:,} values{rest}{floor}"
    )
