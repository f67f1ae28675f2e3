"""The errors of traces: their times, the optimizer or the bases they are for, and their curves."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from paramsched.base.words import names_listed
from paramsched.core.time.duration import PROGRESS
from paramsched.errors import InvalidArgument, InvalidCall, UnknownField, Unresolved, shown

# ---------------------------------------------------------------- the times of a trace


def length_is_unknown() -> Unresolved:
    """Return the error for a trace of a run without a total."""
    advice = 'For example: ps.trace(plan, bases={"lr": 0.1}, total=1000)'
    return Unresolved("trace(…)", "the length of the run is unknown", advice)


def too_many_values(total: int) -> InvalidArgument:
    """Return the error for a run with more updates than a trace can store values for."""
    message = f"{total} updates are too many to store a value for each"
    advice = "Call the schedules instead: plan.resolve().bindings[0].schedule(t)"
    return InvalidArgument("trace(…)", message, advice)


def clock_counts_updates() -> InvalidArgument:
    """Return the error for recorded amounts of a plan that counts updates."""
    return InvalidArgument("trace(…, amounts=…)", "the plan's clock counts updates", "Omit amounts")


def amounts_are_not_numbers(clock: str, amounts: object) -> InvalidArgument:
    """Return the error for recorded amounts that are not a list of numbers."""
    return _invalid_amounts(clock, f"expected a list of numbers, got {shown(amounts)}")


def amount_is_out_of_range(clock: str, index: int, amount: float, limit: int) -> InvalidArgument:
    """Return the error for a recorded amount that no run can have consumed; `limit` is a power of 2."""
    expected = f"an integer number of {clock}, at least 0 and below 2**{limit.bit_length() - 1}"
    if clock == PROGRESS:
        expected = "a fraction of the run from 0 to 1"
    return _invalid_amounts(clock, f"amount {index} is {amount!r}; expected {expected}")


def amounts_decrease(clock: str, index: int, amount: float) -> InvalidArgument:
    """Return the error for a recorded amount that is less than the previous one."""
    message = f"amount {index} is {amount!r}, less than the previous one; amounts must not decrease"
    return _invalid_amounts(clock, message)


def _invalid_amounts(clock: str, message: str) -> InvalidArgument:
    sample = "[0.0, 0.25, 0.5]" if clock == PROGRESS else "[0, 4096, 8192]"
    return InvalidArgument("trace(…, amounts=…)", message, f"For example: amounts={sample}")


# ---------------------------------------------------------------- the optimizer and the curves of a trace


def neither_optimizer_nor_bases() -> InvalidCall:
    """Return the error for a trace without an optimizer and without bases."""
    message = "expected an optimizer or bases, got neither"
    return InvalidCall("trace(plan, …)", message, example='bases={"lr": 0.1}')


def both_optimizer_and_bases() -> InvalidCall:
    """Return the error for a trace with an optimizer and with bases."""
    message = "expected an optimizer or bases, got both"
    return InvalidCall("trace(plan, …)", message, example='ps.trace(plan, bases={"lr": 0.1})')


def groups_are_not_dicts(groups: Sequence[Any]) -> InvalidArgument:
    """Return the error for a list in place of an optimizer, with items that are not groups."""
    advice = 'For example: [{"lr": 0.1}, {"lr": 0.01}]'
    return InvalidArgument(f"bases {groups!r}", "not dicts like param_groups", advice)


def optimizer_has_no_groups(optimizer: object) -> InvalidArgument:
    """Return the error for an object without `param_groups` in place of an optimizer."""
    site = f"trace(…, {type(optimizer).__name__})"
    return InvalidArgument(site, "expected an optimizer or bases", example='{"lr": 0.1}')


def bases_lack_a_field(refusal: UnknownField, fields: Iterable[str], bases: Mapping[str, float]) -> UnknownField:
    """Return the error for a field of the plan that the bases lack, with bases for all of its fields as advice."""
    entries = ", ".join(f'"{field}": {bases.get(field, 0.1)!r}' for field in dict.fromkeys(fields))
    return refusal.changed(advice=f"For example: bases={{{entries}}}")


def unknown_curve(key: object, keys: Iterable[tuple[str, str | int]]) -> UnknownField:
    """Return the error for a key that no curve of a trace has; `keys` are those of its curves."""
    curves = [f"trace[{field!r}, {group!r}]" for field, group in keys]
    message = f"unknown curve; expected one of {names_listed(curves)}"
    return UnknownField(f"trace[{shown(key)}]", message, f"For example: {curves[0]}")
