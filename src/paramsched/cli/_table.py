"""The table of `paramsched show --table`: the updates and values of each stage."""

from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from textwrap import wrap

import numpy as np

from paramsched.cli._output import aligned_rows, terminal_width
from paramsched.core.base.printing import printable
from paramsched.core.base.terminal import table_rows
from paramsched.core.fields import Field
from paramsched.core.files import Bases
from paramsched.core.plan import Binding, Plan, Target, selector_text
from paramsched.core.plan.binding import amount_clock, clock_of_field, clock_text, is_by_amount
from paramsched.core.plan.resolve import counted_plan
from paramsched.core.plan.run_amounts import RunAmounts
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.sequence import stages_of
from paramsched.core.schedules.units import with_unit
from paramsched.core.time import Duration
from paramsched.core.time.amounts import COUNTS_OF_A_PERCENT, PROGRESS, WHOLE, counts_in_unit
from paramsched.errors import MissingFact

_HEAD = ("stage", "from", "to", "start value", "end value", "formula", "units")
_INDENT = 9 * " "  # of a formula that has lines of its own
_NUMBERS = 5  # leading columns that are aligned to the right
_LONGEST = 200  # characters of a formula, because a table may contain thousands of numbers
_UNKNOWN = "?"
_TRIED = 1000  # updates at which the values for two bases are compared


def stage_table(
    plan: Plan,
    resolved: Plan | None,
    bases: Bases,
    total: int | None,
    steps_per_epoch: int | None,
    amounts: RunAmounts | None = None,
) -> str:
    """Return the table of a plan: a row for each stage, with its first and last update and the values there.

    Args:
        plan: the plan as written.
        resolved: the plan with its lengths in updates; None if its units cannot be converted.
        bases: the optimizer's values that the plan's file contains.
        total: the length of the run in updates, or None if unknown.
        steps_per_epoch: the length of an epoch in updates, or None if unknown.
        amounts: the amounts of the run on the plan's clock; None if it counts updates, or if no facts are known.

    >>> from paramsched.core.files import NO_BASES
    >>> from paramsched.core.time import RunFacts
    >>> plan = Plan(lr="warmup('5%') >> cosine(to=0.1)")
    >>> print(stage_table(plan, plan.resolve(total=1000), NO_BASES, 1000, None))
    The run is 1,000 updates long.
    <BLANKLINE>
    lr: warmup("5%") >> cosine(to=0.1)
      stage  from   to  start value  end value  formula                   units
          1     0   49            0       0.98  warmup(50)                updates, × base
          2    50  999            1   0.100002  cosine(to=0.1, over=950)  updates, × base
    """
    clock = amount_clock(plan.clock)
    if clock is None and resolved is not None and resolved.total is not None:
        total = resolved.total.updates
    if total is not None:
        epochs = f", {total / steps_per_epoch:.6g} epochs of {steps_per_epoch:,}" if steps_per_epoch else ""
        lines = [f"The run is {total:,} updates long{epochs}."]
    elif plan.total is not None:
        lines = [f"The run is {plan.total}{' updates' * plan.total.is_resolved} long."]
    else:
        lines = ["The length of the run is unknown."]
    if clock is not None:
        reported = "is the progress that its loop reports"
        lines.append(f"Its clock {reported if plan.clock == PROGRESS else f'counts {clock_text(plan.clock)}'}.")
    as_written = {(isinstance(one.field, Target), one.name, one.groups): one for one in plan.bindings}
    for one in (plan if resolved is None else counted_plan(resolved)).bindings:
        # Resolving a field that follows another field may add bindings for its groups.
        written = as_written.get((isinstance(one.field, Target), one.name, one.groups), one)
        lines += ["", *_heading(written, bases)]
        end, unit = plan.total if total is None else Duration.of(total), "updates"
        if resolved is not None and is_by_amount(plan.clock, one.name):
            unit = clock_of_field(plan.clock, one.name)
            end = Duration.of_updates(WHOLE) if unit == PROGRESS else _end_by_amount(resolved.total, amounts, unit)
        rows = [_HEAD, *_rows(one.schedule, end, unit)]
        width = terminal_width()
        if width is None or max(map(len, table_rows(rows))) + 2 <= width:
            lines += [f"  {row}" for row in aligned_rows(rows, right=_NUMBERS, indent=2)]
            continue
        lines.append(f"  units: {rows[1][-1]}")
        numbers = aligned_rows([row[:_NUMBERS] for row in rows], right=_NUMBERS, indent=2)
        if len(numbers) > len(rows):  # not even the numbers fit
            lines += [f"  {row}" for row in aligned_rows([row[:-1] for row in rows], right=_NUMBERS, indent=2)]
            continue
        lines.append(f"  {numbers[0]}")
        for line, row in zip(numbers[1:], rows[1:], strict=True):
            lines += [f"  {line}", *wrap(row[_NUMBERS], width, initial_indent=_INDENT, subsequent_indent=_INDENT)]
    return "\n".join(lines)


def _end_by_amount(total: Duration | None, amounts: RunAmounts | None, clock: str) -> Duration | None:
    """Return the end of a run in counts of its clock; None if it is unknown."""
    counts = counts_in_unit(clock)
    if total is None or not total.is_resolved:
        return None if total is None else Duration.of(ceil(total.terms[0][1] * counts))
    with suppress(MissingFact):  # the size of an update is unknown
        return None if amounts is None else Duration.of(ceil(amounts.amount_at(total.updates) * counts))
    return None


def _heading(binding: Binding, bases: Bases) -> Iterator[str]:
    """Yield the line of the plan, and the base of its field if a recipe has it."""
    place = "" if binding.groups is None else f" of group {selector_text(binding.groups)}"
    if isinstance(binding.field, Target):
        place = f", a target with the initial value {binding.field.initial!r}"
    yield printable(f"{binding.name}{place}: {binding.schedule}"[: 10 * _LONGEST])
    if isinstance(binding.field, Target):
        return
    field, name = Field.of(binding.name), binding.groups if isinstance(binding.groups, str) else None
    values = {group.get("name"): bases.value(group, field) for group in ([bases.of(name)] if name else bases.groups)}
    known = [
        f"{value:.6g}" + (f" ({label})" if label and not name else "")
        for label, value in values.items()
        if value is not None
    ]
    if known:
        yield printable(f"  base: {', '.join(known)}, from the recipe")


def _rows(schedule: Schedule, end: Duration | None, unit: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each stage, with the values of the entire schedule at its first and last update."""
    start: Duration | None = Duration.of(0)
    inner = schedule
    while inner.kind in ("every", "with_lengths", "guided"):  # wrappers that do not move the stages
        inner = inner.args["schedule"]
    stages = stages_of(inner) if inner.kind == "sequence" else (schedule,)
    value_unit = "× base"
    if schedule.has_absolute and schedule.affine:
        value_unit = "× base + absolute" if _follows_base(schedule, end) else "absolute"
    elif schedule.has_absolute:
        value_unit = "absolute, of base 1"
    for number, stage in enumerate(stages, 1):
        length = stage.known_length
        stop = None if start is None or length is None else start + length
        if number == len(stages) and end is not None:
            stop = end
        times, values = [_UNKNOWN, _UNKNOWN], [_UNKNOWN, _UNKNOWN]
        for place, time in enumerate((start, stop)):
            if time is None:
                last = place == 1 and number == len(stages)
                times[place] = ("end" if schedule.fills else "open") if last else _UNKNOWN
            elif not time.is_resolved:
                times[place] = str(time)
            else:
                update = ceil(time.number) - place
                times[place] = _time_text(time, update, unit)
                if schedule.is_resolved and update >= 0:
                    values[place] = _value(schedule, update)
        formula = str(with_unit(stage, unit) if counts_in_unit(unit) > 1 else stage)
        formula = formula if len(formula) <= _LONGEST else formula[: _LONGEST - 1] + "…"
        yield (str(number), *times, *values, printable(formula), f"{unit}, {value_unit}")
        start = stop


def _time_text(time: Duration, update: int, unit: str) -> str:
    if unit == PROGRESS:
        return f"{time.number / COUNTS_OF_A_PERCENT:g}%"
    counts = counts_in_unit(unit)
    return f"{update:,}" if counts == 1 else f"{float(time.number) / counts:g}"


def _follows_base(schedule: Schedule, end: Duration | None) -> bool:
    """Return whether a value of an affine schedule depends on base, as far as its values are known."""
    if not schedule.is_resolved or end is None or not end.is_resolved:
        return True
    times = np.unique(np.linspace(0, ceil(end.number) - 1, _TRIED).astype(np.int64))
    return not np.allclose(schedule(times, 0.0), schedule(times, 1.0), rtol=1e-12, atol=0)


def _value(schedule: Schedule, update: int) -> str:
    """Return the value at an update as text: its multiple of base plus its absolute part."""
    if not schedule.has_absolute or not schedule.affine:
        return f"{schedule(update, 1.0):.6g}"
    # An affine value is share * base + fixed: two evaluations give both numbers.
    fixed = schedule(update, 0.0)
    share = schedule(update, 1.0) - fixed
    scaled = f"{share:.6g} × base" if abs(share) > 1e-12 * abs(fixed) else ""
    return " + ".join(part for part in (scaled, f"{fixed:.6g}" if fixed else "") if part) or "0"
