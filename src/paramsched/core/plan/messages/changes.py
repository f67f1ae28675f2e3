"""The errors of changes of a plan: `plan.change`, `plan.scale` and `plan.cooldown`."""

from collections.abc import Iterable

from paramsched.base.words import did_you_mean
from paramsched.core.plan.messages.plans import ends_at_progress_1
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.time.duration import Duration, DurationLike
from paramsched.errors import InvalidArgument, PlanError, UnknownField

# ---------------------------------------------------------------- the time of a change


def nothing_changes(at: Duration) -> InvalidArgument:
    """Return the error for a change without a field and without a total."""
    advice = f"For example: plan.change({at.written()}, lr='linear()')"
    return InvalidArgument(f'change("{at}")', "expected a field to change or a new total", advice)


def nothing_is_scaled(at: Duration) -> InvalidArgument:
    """Return the error for factors of no field."""
    advice = f"For example: plan.scale({at.written()}, lr=0.5)"
    return InvalidArgument(f'scale("{at}")', "expected at least one field", advice)


def changed_after_the_end(at: Duration, end: Duration) -> InvalidArgument:
    """Return the error for a change at or after the end of the run."""
    return _after_the_end("change", at, end, "Use an earlier time, or a larger total")


def scaled_after_the_end(at: Duration, end: Duration) -> InvalidArgument:
    """Return the error for a factor from the end of the run on, or from a later time."""
    advice = "Use an earlier time, or make the run longer first: plan.change(at, total=…)"
    return _after_the_end("scale", at, end, advice)


def cooldown_after_the_end(
    at: Duration, end: Duration, decay: Schedule, over: Duration, fields: Iterable[str]
) -> InvalidArgument:
    """Return the error for a cooldown that begins after the end of the run.

    Args:
        at: the start of the cooldown.
        end: the end of the run.
        decay: the schedule of the cooldown.
        over: the length of the cooldown.
        fields: the fields that decay.
    """
    lines = [f"{field}={str(decay)!r}" for field in fields]
    total = f"total={(at + over).written()}"
    change = f"plan.change({at.written()}, {', '.join([*lines, total])})"
    return _after_the_end("cooldown", at, end, f"Use an earlier time. For a longer run: {change}")


def _after_the_end(method: str, at: Duration, end: Duration, advice: str) -> InvalidArgument:
    return InvalidArgument(f'{method}("{at}", …)', f'the run ends at "{end}"', advice)


def cooldown_without_length(call: str) -> InvalidArgument:
    """Return the error for a cooldown of no updates."""
    return InvalidArgument(call, "the length of the cooldown must be greater than 0", 'For example: over="10%"')


def cooldown_by_progress(call: str, at: DurationLike) -> PlanError:
    """Return the error for a cooldown in a plan whose clock is progress."""
    return ends_at_progress_1(call, f'For example: plan.change("{at}", lr=linear())')


def call_of_change(at: DurationLike, field: str = "") -> str:
    """Return the call that an error of a change names."""
    return f'change("{at}", {field}=…)' if field else f'change("{at}")'


def call_of_cooldown(at: DurationLike, over: DurationLike) -> str:
    """Return the call that an error of a cooldown names."""
    return f'cooldown("{at}", "{over}")'


# ---------------------------------------------------------------- the total of a changed plan


def changed_total_of_progress(at: DurationLike, total: Duration | None) -> PlanError:
    """Return the error for a new total of a plan whose clock is progress."""
    return ends_at_progress_1(f'change("{at}", total="{total}")', "Omit total")


def percent_without_total(call: str) -> PlanError:
    """Return the error for a length in percent of a plan without a total."""
    return PlanError(call, "percent refer to the plan's total, but the plan has none", 'For example: "8000 steps"')


def planned_without_total(total: Duration | None, field: str, schedule: Schedule) -> PlanError:
    """Return the error for a new total of a plan with a schedule whose past values depend on an unknown length."""
    message = f"{field}: {schedule} depends on the length of the run, but the plan has no total"
    advice = "Use Plan(…, total=…) with the length for which it was planned, and change that plan"
    return PlanError(f'change(…, total="{total}")', message, advice)


def size_changes_the_past(
    method: str, size: str, field: str, schedule: Schedule, total: Duration, clock: str
) -> PlanError:
    """Return the error for a changed size, with which another line would have other past values.

    Args:
        method: the method of the plan.
        size: the target that changes, such as `batch_size`.
        field: the field of the other line.
        schedule: its schedule.
        total: the total of the plan.
        clock: the clock of the plan.
    """
    message = (
        f"{field}: {schedule} depends on the length of the run, and with another {size} a run of "
        f'"{total}" has another number of {clock}'
    )
    return PlanError(f"{method}(…, {size}=…)", message, f"Give the total of the plan in {clock}")


# ---------------------------------------------------------------- the changed line


def unknown_field(name: str, names: Iterable[str]) -> UnknownField:
    """Return the error for a field that the plan does not schedule."""
    message = f'the plan has no "{name}"; {did_you_mean(name, dict.fromkeys(names))}'
    return UnknownField(f"change(…, {name}=…)", message)


def another_initial_value(name: str, planned: float, changed: float) -> PlanError:
    """Return the error for a target with another base than that of the plan."""
    message = f"the plan has initial={planned!r}, and another base would change the past values"
    site = f"change(…, Binding(Target({name!r}, {changed!r}), …))"
    return PlanError(site, message, f"Use change(…, {name}=…)")


def line_is_not_optional(field: str, groups: str) -> PlanError:
    """Return the error for an optional binding in place of a line of the plan that is not."""
    message = f"the line of the plan for {groups} is not optional"
    site = f"change(…, Binding({field!r}, …, optional=True))"
    return PlanError(site, message, "Omit optional: a change keeps that of the plan")


def field_is_not_a_target(name: str) -> PlanError:
    """Return the error for a target with the name of a field of the plan."""
    site = f"change(…, Binding(Target({name!r}, …), …))"
    return PlanError(site, f"{name} is a field of the optimizer", f"Use change(…, {name}=…)")


def target_is_not_a_field(name: str) -> PlanError:
    """Return the error for a field with the name of a target of the plan."""
    return PlanError(_binding_of(name), f"{name} is a target, without groups", f"Use change(…, {name}=…)")


def no_line_to_replace(name: str, groups: str | None, selectors: Iterable[str]) -> PlanError:
    """Return the error for groups that have had no line of a field, and a field that has no default line.

    Args:
        name: the name of the field.
        groups: the text of the selector; None for all other groups.
        selectors: the texts of the selectors of the field in the plan.
    """
    line = "default" if groups is None else f"line for {groups}"
    message = f"{name} has no {line}; it has lines for {', '.join(selectors)}"
    return PlanError(_binding_of(name), message, f"Use change(…, {name}=…) for all lines")


def _binding_of(name: str) -> str:
    return f"change(…, Binding({name!r}, …))"


def level_is_unknown(call: str, stage: Schedule) -> PlanError:
    """Return the error for a stage from a level that is another number for each base."""
    message = f"the level at which {stage} begins is known only for each base"
    name = "value" if stage.kind == "constant" else "start"
    return PlanError(call, message, f"Write it, for example {name}=0.1")
