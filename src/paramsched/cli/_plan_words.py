"""A plan in words: what each of its schedules does, when, and from which value to which."""

from collections.abc import Iterator
from math import ceil

from paramsched._fault import printable
from paramsched.cli import _combination_words as _combination_words  # it registers its writers
from paramsched.cli._active_time import ActiveTime
from paramsched.cli._schedule_words import cut_text, schedule_words, value_at_update
from paramsched.config import NO_BASES, Bases
from paramsched.config.plan_files import units_of_plan
from paramsched.fields import Field
from paramsched.plan import Binding, Plan, Target, selector_text
from paramsched.plan.binding import amount_clock, clock_text, is_by_amount
from paramsched.plan.resolve import counted_plan
from paramsched.schedules import Schedule
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
        plan: as written.
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
    for known in counted.bindings:
        by_amount = resolved is not None and is_by_amount(plan.clock, known.name)
        whole = _horizon_on_clock(resolved, clock) if by_amount else total
        end = plan.horizon if whole is None else Duration.of(whole)
        when = ActiveTime(
            end=end,
            total=end,
            steps_per_epoch=steps_per_epoch if "epochs" in units_of_plan(plan) and not by_amount else None,
            unit=one_of_clock(clock) if by_amount and clock is not None else "update",
        )
        # A field that follows another may get lines that nobody wrote.
        binding = written.get((_is_target(known), known.name, known.groups), known)
        lines += ["", _binding_head(binding), *_base_line(binding, bases)]
        lines += [f"{_STEP}{printable(line)}" for line in schedule_words(known.schedule, when)]
        if whole is not None and known.schedule.is_resolved:
            lines.append(_STEP + _first_and_last(known.schedule, whole, when))
    return "\n".join(lines)


def _horizon_on_clock(resolved: Plan | None, clock: str | None) -> int | None:
    """The horizon of a resolved plan in what its clock counts, where it is said in that."""
    if resolved is None or resolved.horizon is None:
        return None
    ((unit, count),) = resolved.horizon.terms
    return ceil(count) if unit == clock else None


def _is_target(binding: Binding) -> bool:
    return isinstance(binding.field, Target)


def _first_and_last(schedule: Schedule, total: int, when: ActiveTime) -> str:
    """The first and the last value of the whole schedule."""
    first, last = (value_at_update(schedule, time, when) for time in (0, max(total - 1, 0)))
    if total <= 1:
        return f"{first} at {when.unit} 0, the only one"
    return f"{first} at {when.unit} 0, {last} at {when.unit} {total - 1:,}, the last"


def _run_in_words(plan: Plan, total: int | None, steps_per_epoch: int | None) -> str:
    """How long the run is, as far as that is known."""
    if total is None:
        if plan.horizon is None:
            return "Nothing says how long the run is."
        return (
            f"The run is {plan.horizon} long."
            if not plan.horizon.is_resolved
            else f"The run is {plan.horizon} updates long."
        )
    epochs = f", {total / steps_per_epoch:.6g} epochs of {steps_per_epoch:,}" if steps_per_epoch else ""
    return f"The run is {total:,} updates long{epochs}."


def _binding_head(binding: Binding) -> str:
    """What is scheduled, and its schedule as text."""
    if isinstance(binding.field, Target):
        place = f", outside the optimizer, base {binding.field.initial!r}"
    else:
        place = "" if binding.groups is None else f" of group {selector_text(binding.groups)}"
    return printable(f"{binding.name}{place}: {cut_text(str(binding.schedule), most=_MOST_TEXT)}")


def _base_line(binding: Binding, bases: Bases) -> Iterator[str]:
    """The base of a field, where it is known; the words below it give levels as "× base"."""
    if isinstance(binding.field, Target):
        return
    field = Field.of(binding.name)
    name = binding.groups if isinstance(binding.groups, str) else None
    values = {group.get("name"): bases.value(group, field) for group in ([bases.of(name)] if name else bases.groups)}
    known = {label: value for label, value in values.items() if value is not None}
    said = ", ".join(f"{value:.6g}" + (f" ({label})" if label and not name else "") for label, value in known.items())
    if known:
        yield printable(f"{_STEP}base: {said}, from {bases.origin}")
