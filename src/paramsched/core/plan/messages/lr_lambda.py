"""The errors of `to_lambda`: the schedule of a function, and the line of a plan that it is of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from paramsched.base.words import did_you_mean
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.schedules.schedule import Schedule, short_line
from paramsched.errors import CallSite, InvalidArgument, PlanError, UnknownField, UnknownGroup, shown

# ---------------------------------------------------------------- the schedule of a function


def selection_without_plan(source: object, field: str | None, group: str | int | None) -> InvalidArgument:
    """Return the error for a field or a group that is selected in a schedule."""
    site = f"to_lambda({shown(source)}, field={field!r}, group={shown(group)})"
    return InvalidArgument(site, "field and group select a schedule of a plan; leave them out for a schedule")


def length_is_not_in_updates(schedule: Schedule) -> InvalidArgument:
    """Return the error for a schedule with a length that is missing or not in updates."""
    message = "the schedule has a length that is missing or not in updates"
    example = "ps.to_lambda(schedule, total=10_000, steps_per_epoch=100)"
    return InvalidArgument(call_of_schedule(schedule), message, example=example)


def reacts_to_a_metric(schedule: Schedule | MetricRule[object]) -> InvalidArgument:
    """Return the error for a schedule that needs a metric, of which the function receives none."""
    message = f"{short_line(schedule)} reacts to a metric, but the function only receives the update"
    return InvalidArgument("to_lambda(…)", message, "Use ps.Scheduler(optimizer, plan)")


def base_is_zero() -> InvalidArgument:
    """Return the error for a base that no factor can scale."""
    return InvalidArgument(CallSite("to_lambda", "base", "0"), "base must not be 0", "For example: 0.1")


def base_is_missing(schedule: Schedule) -> InvalidArgument:
    """Return the error for a schedule whose factors depend on a base that was not passed."""
    message = "the schedule has absolute levels, so the factors depend on base, the lr of the optimizer"
    return InvalidArgument(call_of_schedule(schedule), message, "For example: base=0.1")


def call_of_schedule(schedule: Schedule) -> str:
    """Return the call that an error of a schedule names."""
    return f"to_lambda({short_line(schedule)})"


def call_of_value(value: object) -> str:
    """Return the call that an error of a value in place of a schedule names."""
    return f"to_lambda({shown(value)})"


# ---------------------------------------------------------------- the line of a plan that a function is of


@final
@dataclass(frozen=True, slots=True)
class SelectedLine:
    """The line of a plan that a call of `to_lambda` selects: `to_lambda(plan, field="lr", group="head")`.

    Args:
        field: the name of the field; None if it is not specified.
        group: the group; None if it is not specified.
    """

    field: str | None
    group: str | int | None

    def __str__(self) -> str:
        field = "" if self.field is None else f", field={self.field!r}"
        group = "" if self.group is None else f", group={self.group!r}"
        return f"to_lambda(plan{field}{group})"


@final
@dataclass(frozen=True, slots=True)
class FieldLines:
    """The lines of a field.

    Args:
        field: the name of the field.
        selectors: the names and indices that select groups.
        texts: the texts of all selectors of groups, in the order of the plan; also those of functions.
        has_default: True if there is a line for all other groups.
    """

    field: str
    selectors: Sequence[str | int]
    texts: Sequence[str]
    has_default: bool

    def __str__(self) -> str:
        default = " and a default line for all other groups" if self.has_default else ""
        return f"{self.field} has a line for {', '.join(self.texts)}{default}"


def field_is_not_selected(selection: SelectedLine, fields: Sequence[str]) -> PlanError:
    """Return the error for a plan with several fields, of which none is selected."""
    message = f"the plan schedules {', '.join(fields)}; the function needs one of them"
    return PlanError(str(selection), message, _example_of_field(fields))


def field_is_unknown(selection: SelectedLine, field: str, fields: Sequence[str]) -> UnknownField:
    """Return the error for a selected field that the plan does not schedule."""
    message = f"unknown field {shown(field)}; {did_you_mean(str(field), fields)}"
    return UnknownField(str(selection), message, _example_of_field(fields))


def _example_of_field(fields: Sequence[str]) -> str:
    return f'For example: field="{fields[0]}"'


def clock_counts_an_amount(selection: SelectedLine, field: str, clock: str) -> PlanError:
    """Return the error for a field whose clock does not count updates."""
    message = f"the clock of {field} counts {clock}, but the function only receives updates"
    advice = "Leave the plan's clock out: the run facts convert lengths into updates"
    return PlanError(str(selection), message, advice)


def group_is_not_selected(selection: SelectedLine, lines: FieldLines) -> PlanError:
    """Return the error for a field with several lines, of which none is selected."""
    choices = list[str]()
    if lines.selectors:
        choices.append(f"group={lines.selectors[0]!r}")
    if lines.has_default and len(lines.selectors) == len(lines.texts):  # a name without a line of its own
        name = "all others" if "others" in lines.selectors else "others"
        choices.append(f"group={name!r} for the default line")
    advice = f"Use {', or '.join(choices)}" if choices else _BY_NAME
    return PlanError(str(selection), str(lines), advice)


def line_cannot_be_determined(selection: SelectedLine, lines: FieldLines) -> UnknownGroup:
    """Return the error for a group of which the plan alone does not say which line it has."""
    message = f"{lines}; the line of {shown(selection.group)} cannot be determined"
    return UnknownGroup(str(selection), message, _BY_NAME)


_BY_NAME: Final = 'Select groups by name in the plan, and write group="head"'
