"""The errors of bindings and targets: their fields, schedules and selectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from paramsched.base.words import closest
from paramsched.core.schedules.schedule import Schedule
from paramsched.errors import CallSite, InvalidArgument, PlanError, UnknownGroup, shown

# ---------------------------------------------------------------- targets


def name_is_not_an_identifier(name: object) -> InvalidArgument:
    """Return the error for a target whose name is not an identifier."""
    return InvalidArgument(f"Target({name!r})", "not an identifier", 'For example: Target("temperature", 1.0)')


def write_is_not_callable(write: object) -> InvalidArgument:
    """Return the error for a value in place of the function that is called with each new value."""
    return InvalidArgument(CallSite("Target", "write", repr(write)), "not callable", "For example: write=print")


def target_has_two_bindings(name: str) -> PlanError:
    """Return the error for two bindings of one target."""
    return PlanError(f"target {name!r}", "it has two bindings", "Use one binding for each target")


# ---------------------------------------------------------------- the field of a binding

ENTRIES_IN_CODE: Final[Mapping[str, str]] = {
    "groups": 'ps.Plan(ps.Binding("lr", "linear()", groups="head"), lr="cosine()")',
    "later": 'ps.Plan(ps.Binding("lr", "linear()", groups="head", optional=True), lr="cosine()")',
    "targets": 'ps.Plan(ps.Binding(ps.Target("dropout", 0.3), "linear()"), lr="cosine()")',
}
"""What to write in code for an entry of a plan file that is no field, by its name."""


def not_a_binding(value: object) -> InvalidArgument:
    """Return the error for a positional argument of a plan that is not a binding."""
    return InvalidArgument(f"Plan({shown(value)})", "not a Binding", example='ps.Plan(lr="cosine()")')


def field_comes_first(schedule: str, field: str) -> InvalidArgument:
    """Return the error for a binding with its field after its schedule."""
    message = "the field comes first, then its schedule"
    return InvalidArgument(f"Binding({schedule}, {field!r})", message, example=f"Binding({field!r}, {schedule})")


def entry_of_a_file(name: str, value: object) -> InvalidArgument:
    """Return the error for an entry of a plan file in place of a field."""
    message = f'expected a field, got "{name}", an entry of a plan file'
    return InvalidArgument(assignment(name, value), message, example=ENTRIES_IN_CODE[name])


def argument_of_a_schedule(name: str, value: float) -> InvalidArgument:
    """Return the error for a schedule, or an argument of one, in place of a field."""
    message = f'"{name}" is not a field, and belongs to a schedule'
    return InvalidArgument(assignment(name, value), message, example='lr="warmup(100) >> cosine()"')


def two_lines_of_one_selector(line: str) -> PlanError:
    """Return the error for a line that is both optional and not."""
    message = "it has a binding with optional=True (later: in a file) and one without (groups:)"
    return PlanError(line, message, "Use one of them")


# ---------------------------------------------------------------- the schedule of a binding


def assignment(name: str, schedule: object) -> str:
    """Return the argument that an error of the schedule of a field names."""
    return f"{name}={schedule!r}"


def elements_are_fields(name: str, elements: Sequence[object]) -> InvalidArgument:
    """Return the error for a list of schedules for a pair of numbers, such as `betas`."""
    has_numbers = any(isinstance(element, (int, float)) for element in elements)
    lines = (f'Binding("{name}[{index}]", {_as_text(element)!r})' for index, element in enumerate(elements))
    advice = f"{'For example:' if has_numbers else 'Write'} {', '.join(lines)}"
    return InvalidArgument(assignment(name, elements), "each element is a field of its own", advice)


def _as_text(element: object) -> object:
    if isinstance(element, (int, float)):
        return f"absolute({element!r})"
    return str(element) if isinstance(element, Schedule) else element


def expected_a_schedule(name: str, value: object, stages: Sequence[str]) -> InvalidArgument:
    """Return the error for a list or a mapping in place of a schedule, with the sequence of its stages if it has some.

    Args:
        name: the name of the field.
        value: the list or the mapping.
        stages: the texts of the stages; empty if they are no sequence.
    """
    message = f"expected a schedule, got {type(value).__name__}; stages are joined by >>, and values are a table"
    advice = f"Write {name}={' >> '.join(stages)!r}" if stages else ""
    return InvalidArgument(assignment(name, value), message, advice, example=f'{name}="cosine()"')


# ---------------------------------------------------------------- the selector of a binding


def target_has_no_groups(name: str, groups: object) -> InvalidArgument:
    """Return the error for a selector of a target."""
    site = f"Binding({name!r}, groups={groups!r})"
    return InvalidArgument(site, "a target does not belong to a group", "Omit groups")


def selector_has_wrong_type(name: str, groups: object, suggestion: str | int) -> InvalidArgument:
    """Return the error for a selector that is neither text, an index nor a function, with a valid one."""
    message = f"expected str, int or a function, got {type(groups).__name__}; write several names as one text"
    return _invalid_selector(name, groups, message, suggestion)


def neither_name_nor_index(name: str, groups: object, suggestion: str | int) -> InvalidArgument:
    """Return the error for an empty text, and for an integer that is no index, with a valid selector."""
    return _invalid_selector(name, groups, "neither a name nor an index", suggestion)


def _invalid_selector(name: str, groups: object, message: str, suggestion: str | int) -> InvalidArgument:
    return InvalidArgument(f"Binding({name!r}, groups={shown(groups)})", message, example=f"groups={suggestion!r}")


def target_is_not_optional(name: str, optional: object) -> InvalidArgument:
    """Return the error for `optional` of a target, which has no groups."""
    return InvalidArgument(_optional(name, optional), "a target does not belong to a group", "Omit optional")


def optional_is_not_a_bool(name: str, optional: object) -> InvalidArgument:
    """Return the error for `optional` that is not a bool."""
    return InvalidArgument(_optional(name, optional), "expected True or False", example=_OPTIONAL_HEAD)


def optional_without_groups(name: str) -> InvalidArgument:
    """Return the error for an optional binding of all groups."""
    return InvalidArgument(_optional(name, True), "groups is missing", example=_OPTIONAL_HEAD)


_OPTIONAL_HEAD: Final = 'groups="head", optional=True'


def _optional(name: str, optional: object) -> str:
    return f"Binding({name!r}, optional={shown(optional)})"


# ---------------------------------------------------------------- groups that a selector does not select


@final
@dataclass(frozen=True, slots=True)
class SelectedGroups:
    """A selector of a binding, and the groups among which it selects.

    Args:
        field: the name of the field.
        selector: a text or an index.
        count: the number of groups.
        names: the names of those that have one.
    """

    field: str
    selector: str | int
    count: int
    names: Sequence[str]


def no_group_with_index(selection: SelectedGroups) -> UnknownGroup:
    """Return the error for an index of no group."""
    return _unmatched(selection, _NO_NAME_OR_INDEX, "")


def no_group_with_name(selection: SelectedGroups, name: str) -> UnknownGroup:
    """Return the error for a selector that is the name of no group."""
    return _unmatched(selection, _NO_NAME_OR_INDEX, _group_meant(selection, name))


def no_group_matches(selection: SelectedGroups, pattern: str) -> UnknownGroup:
    """Return the error for a pattern, or a part of a list, that matches no group."""
    return _unmatched(selection, f"no group called {pattern!r}", _group_meant(selection, pattern))


def no_group_with_entry(selection: SelectedGroups, pattern: str, entries: Sequence[str]) -> UnknownGroup:
    """Return the error for an entry and its value that no group has; `entries` are those of the groups."""
    return _unmatched(selection, f"no group has {pattern}", _did_you_mean(pattern, entries))


_NO_NAME_OR_INDEX: Final = "no group of that name or index"

_HOW_TO_NAME: Final = (
    "For a group that is added later, use optional=True (later: in a file). "
    'Name the groups of the optimizer. For example: {"params": params, "name": "head"}'
)


def _group_meant(selection: SelectedGroups, pattern: str) -> str:
    if pattern.isdecimal() and int(pattern) < selection.count:
        return f'; did you mean groups={pattern}, in a file "[{pattern}]"?'
    return _did_you_mean(pattern, selection.names)


def _did_you_mean(pattern: str, choices: Sequence[str]) -> str:
    near = closest(pattern, choices)
    return "" if near is None else f'; did you mean "{near}"?'


def _unmatched(selection: SelectedGroups, message: str, meant: str) -> UnknownGroup:
    selector = selection.selector
    groups = "there is 1 group" if selection.count == 1 else f"there are {selection.count} groups"
    if selection.names:
        groups += f": {', '.join(selection.names)}"
    path = f"$.groups.{selector}" if isinstance(selector, str) and selector.isidentifier() else ""
    site = f"Binding({selection.field!r}, groups={selector!r})"
    return UnknownGroup(site, f"{message}; {groups}{meant}", _HOW_TO_NAME, path=path)


# ---------------------------------------------------------------- lines that cannot be written as text


def groups_chosen_by_a_function(site: str, field: str) -> PlanError:
    """Return the error for a line whose groups no text can select."""
    return PlanError(site, f"the groups of {field} are chosen by a function", "Select them by name")


def curve_without_a_name(site: str, field: str) -> PlanError:
    """Return the error for a line with a curve that no text can name."""
    advice = 'For example: ps.curves.register("mine", f)'
    return PlanError(site, f"{field} contains a curve without a name", advice)


def shape_defined_again(site: str, field: str, shape: str) -> PlanError:
    """Return the error for a line with a schedule whose shape was defined again."""
    message = f"{field} contains {shape} as it was before it was defined again"
    return PlanError(site, message, f"Construct {shape}() again")
