"""The errors and problems of the entries of a plan."""

from collections.abc import Iterable
from typing import Final

from paramsched.base.codes import (
    NOTHING_PLANNED,
    REFUSED_VALUE,
    SAID_TWICE,
    TOTAL_NOT_POSITIVE,
    UNKNOWN_FIELD,
    WRONG_ARGUMENT,
    WRONG_TYPE,
)
from paramsched.base.problem import Problem
from paramsched.base.problem_collector import short_json, type_name_of
from paramsched.base.words import ROOT, TARGETS, child_path
from paramsched.core.schedules.text import EXAMPLE_LINE
from paramsched.errors import InvalidArgument, shown

_LR: Final = "For example: lr: cosine(to=0.1)"
_TOTAL: Final = "For example: 90 epochs"


# ---------------------------------------------------------------- the entries of a plan


def file_is_empty() -> Problem:
    """Return the problem of a file without an entry."""
    return refused_entry(ROOT, "the file is empty", _LR)


def not_a_mapping(value: object) -> Problem:
    """Return the problem of a value in place of a plan."""
    return refused_entry(ROOT, f"expected a plan, got {short_json(value)}", _LR)


def no_field() -> Problem:
    """Return the problem of a plan that has no field."""
    return Problem(ROOT, "a plan without a field", _LR, code=NOTHING_PLANNED)


def applies_to_entire_plan(path: str, key: object) -> Problem:
    """Return the problem of an entry of the entire plan inside of a group."""
    message = f"{key} applies to the entire plan; it belongs to the top level"
    return Problem(path, message, at_key=True, code=WRONG_ARGUMENT)


def not_entries(path: str, value: object, expected: str, example: str) -> Problem:
    """Return the problem of a value in place of a mapping."""
    message = f"{short_json(value)} is {type_name_of(value)}, not {expected}"
    return Problem(path, message, f"For example: {example}", code=WRONG_TYPE)


def invalid_entries(path: str, problem: Problem, example: str) -> Problem:
    """Return the problem of an invalid value in place of a mapping."""
    return refused_entry(path, problem.found, f"For example: {example}")


def empty_entries(path: str, example: str) -> Problem:
    """Return the problem of an empty mapping."""
    return Problem(path, "it is empty", f"For example: {example}", code=NOTHING_PLANNED)


def not_a_group(path: str, name: str | int) -> Problem:
    """Return the problem of an empty name or a negative index of a group."""
    message = f"expected the name of a group or its index, got {shown(name)}"
    return Problem(path, message, at_key=True, code=WRONG_ARGUMENT)


def group_at_top_level(path: str, fields: Iterable[str]) -> Problem:
    """Return the problem of a group outside of `groups`."""
    message = f"it has fields, as a group has: {', '.join(fields)}"
    return Problem(path, message, "Write it under groups", at_key=True, code=WRONG_TYPE)


def scheduled_twice(path: str, name: str, before: str) -> Problem:
    """Return the problem of a field that has a schedule for the same groups at another path."""
    message = f"{name} of the same groups is scheduled at {before} too"
    return Problem(path, message, at_key=True, code=SAID_TWICE)


# ---------------------------------------------------------------- the names of fields and targets


def list_for_a_pair(path: str, key: str) -> Problem:
    """Return the problem of a list for a field such as betas, whose elements are fields of their own."""
    message = f'each element of "{key}" is a field of its own: "{key}[0]"'
    return Problem(path, message, at_key=True, code=WRONG_TYPE)


def foreign_entry(path: str, key: str, advice: str) -> Problem:
    """Return the problem of an entry of another library, with what to write here."""
    return _unknown_field(path, f'"{key}" is not a field', advice)


def run_fact(path: str, key: str, value: object) -> Problem:
    """Return the problem of a run fact in a plan."""
    option = f"--{key.replace('_', '-')} {shown(value)}"
    advice = f"Pass {key}={shown(value)} to the Scheduler, or {option} to a command"
    return _unknown_field(path, f'"{key}" is a run fact, not a field', advice)


def argument_of_schedule(path: str, key: str) -> Problem:
    """Return the problem of an argument of a schedule beside the schedule."""
    return _unknown_field(
        path, f'"{key}" is not a field; it belongs to a schedule, such as lr: warmup(100) >> cosine()'
    )


def unit_of_total(path: str, unit: str) -> Problem:
    """Return the problem of a unit as an entry, by which the length of the run was meant."""
    return _unknown_field(path, f'"{unit}" is not a field; the length of the run is total, such as total: 90 {unit}')


def misspelled_entry(path: str, key: str, name: str) -> Problem:
    """Return the problem of a misspelled entry of the entire plan."""
    return _unknown_field(path, f'unknown field "{key}"; did you mean "{name}"?')


def misspelled_field(path: str, key: str, name: str) -> Problem:
    """Return the problem of a misspelled field of an optimizer."""
    return _unknown_field(path, f'"{key}" is not an optimizer field; did you mean "{name}"?')


def refused_entry(path: str, message: str, advice: str) -> Problem:
    """Return the problem of an entry with a wrong value."""
    return Problem(path, message, advice, code=REFUSED_VALUE)


def _unknown_field(path: str, message: str, advice: str = "") -> Problem:
    return Problem(path, message, advice, at_key=True, code=UNKNOWN_FIELD)


UNKNOWN_ENTRY: Final = "unknown entry of a target"
TARGET_EXAMPLE: Final = "{initial: 1.0, schedule: cosine()}"
TARGETS_EXAMPLE: Final = f"targets: {{temperature: {TARGET_EXAMPLE}}}"


def not_an_identifier(name: object) -> Problem:
    """Return the problem of the name of a target that is not an identifier."""
    message = f"expected an identifier, got {short_json(name)}"
    path = child_path(TARGETS, name)
    return Problem(path, message, at_key=True, code=WRONG_ARGUMENT)


def missing_entry(path: str, key: str) -> Problem:
    """Return the problem of an entry that a target lacks."""
    return Problem(path, f'"{key}" is missing', code=WRONG_ARGUMENT)


# ---------------------------------------------------------------- values of entries; the reader adds their place


def invalid_value(problem: Problem) -> InvalidArgument:
    """Return the error for a value that no file contains."""
    return _refusal(problem.summary, problem.advice, code=problem.code)


def too_large_for_float(value: int) -> InvalidArgument:
    """Return the error for an integer that no float can be."""
    site = f"a number of {len(str(abs(value)))} digits"
    return InvalidArgument(site, "it is too large for a float", "For example: 0.1")


def not_a_schedule(value: object) -> InvalidArgument:
    """Return the error for a value in place of a schedule."""
    return _wrong_type("a line of text or a number", value, EXAMPLE_LINE)


def initial_is_not_a_number(value: object) -> InvalidArgument:
    """Return the error for an initial value of a target that is not a number."""
    return _wrong_type("a number", value, "1.0")


def clock_is_not_text(value: object) -> InvalidArgument:
    """Return the error for a value in place of the name of a clock."""
    return _wrong_type("the name of one clock for all fields", value, "tokens")


def total_is_invalid(problem: Problem) -> InvalidArgument:
    """Return the error for a total that no file contains."""
    return _refusal(problem.found, _TOTAL)


def total_is_not_a_length(value: object) -> InvalidArgument:
    """Return the error for a value in place of a length of the run."""
    return _wrong_type("a length", value, _TOTAL.removeprefix("For example: "))


def total_without_percent(refusal: InvalidArgument) -> InvalidArgument:
    """Return the error of a length with another example, if it has per cent as one: a total is not in per cent."""
    return refusal.changed(advice=_TOTAL) if "%" in refusal.problem.advice else refusal


def total_is_not_positive(value: object) -> InvalidArgument:
    """Return the error for a total of 0 or less."""
    message = f"the total must be greater than 0, got {short_json(value)}"
    return _refusal(message, "For example: 1000", code=TOTAL_NOT_POSITIVE)


def total_in_percent(value: object) -> InvalidArgument:
    """Return the error for a total in per cent."""
    return _refusal(f"{short_json(value)} would refer to the total itself")


def total_is_a_position(value: object) -> InvalidArgument:
    """Return the error for a total with `until`."""
    return _refusal(f"{short_json(value)} is a position, but the total is a length")


def _wrong_type(expected: str, value: object, example: str) -> InvalidArgument:
    return _refusal(f"expected {expected}, got {short_json(value)}", f"For example: {example}", code=WRONG_TYPE)


def _refusal(message: str, advice: str = "", *, code: str = REFUSED_VALUE) -> InvalidArgument:
    return InvalidArgument("", message, advice, code=code)
