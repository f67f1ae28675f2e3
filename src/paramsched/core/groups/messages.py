"""The errors of fields in parameter groups: one function for each mistake, which returns the error."""

from collections.abc import Iterable, Mapping, Sequence

from paramsched.base.words import did_you_mean
from paramsched.errors import InvalidArgument, PlanError, UnknownField, shown

# ---------------------------------------------------------------- the name of a field


def not_a_field_name(name: object) -> InvalidArgument:
    """Return the error for a value that is not the name of a field."""
    return _invalid_name(name, 'For example: "lr"')


def schedule_in_place_of_field(value: object) -> InvalidArgument:
    """Return the error for a call in place of the name of a field."""
    return _invalid_name(value, "")


def field_of_one_group(name: object, field: str, group: str) -> InvalidArgument:
    """Return the error for a name that contains a group, such as `lr[head]` or `head.lr`."""
    return _invalid_name(name, f'For one group: {{"groups": {{"{group}": {{"{field}": "cosine()"}}}}}}')


def _invalid_name(name: object, advice: str) -> InvalidArgument:
    return InvalidArgument(f"field {name!r}", "expected the name of a field", advice)


def not_a_hyperparameter(name: str) -> InvalidArgument:
    """Return the error for an entry of a group that no schedule may write."""
    return InvalidArgument(f"field {name!r}", "not a hyperparameter", 'For example: "lr"')


# ---------------------------------------------------------------- a field that a group lacks


def element_is_an_entry(field: str, location: str, key: str, corrected_group: Mapping[str, object]) -> PlanError:
    """Return the error for a group with an entry `betas[0]` in place of a tuple `betas`."""
    return PlanError(f'"{field}" in {location}', f'expected a tuple "{key}", got "{field}"', f"Write {corrected_group}")


def group_without_numbers(field: str, location: str, key: str, *, is_tuple: bool) -> UnknownField:
    """Return the error for a field of a group that has no numeric field."""
    advice = _entry_to_add(key, is_tuple=is_tuple)
    return UnknownField(f'"{field}" in {location}', "the group has no numeric field", advice)


def _entry_to_add(key: str, *, is_tuple: bool) -> str:
    return f'For example: group["{key}"] = {"(0.9, 0.999)" if is_tuple else "0.1"}'


def misspelled_field(field: str, location: str, meant: str, names: Iterable[str]) -> UnknownField:
    """Return the error for an unknown field of which the nearest one is known."""
    return UnknownField(f'"{field}" in {location}', f"unknown field; {did_you_mean(meant, names)}")


def unknown_element(field: str, location: str, names: Iterable[str]) -> UnknownField:
    """Return the error for an element of an entry that the group lacks."""
    return UnknownField(f'"{field}" in {location}', f"unknown field; {did_you_mean(field, names)}")


def unknown_field(field: str, location: str, names: Iterable[str]) -> UnknownField:
    """Return the error for a field that resembles none of the group, and may be a value outside of the optimizer."""
    message = f"unknown field; {did_you_mean(field, names)}"
    advice = f'A value outside the optimizer is a target: targets: in a file, ps.Target("{field}", 1.0) in code'
    return UnknownField(f'"{field}" in {location}', message, advice)


# ---------------------------------------------------------------- an entry of another form


def not_a_single_number(field: str, location: str, entry: object) -> PlanError:
    """Return the error for a tuple of which the plan schedules no element."""
    return PlanError(
        f'"{field}" in {location}', f"{field} is {entry!r}, not a single number", f'For example: "{field}[0]"'
    )


def not_a_tuple(field: str, location: str, key: str, entry: object, *, is_number: bool) -> PlanError:
    """Return the error for an element of an entry that is not a tuple."""
    advice = f'For example: "{key}"' if is_number else f"Set {key}=(0.9, 0.999) in the group"
    return PlanError(f'"{field}" in {location}', f"{key} is {entry!r}, not a tuple", advice)


def index_too_large(field: str, location: str, key: str, entry: Sequence[object]) -> PlanError:
    """Return the error for an element behind the end of a tuple."""
    elements = " or ".join(f'"{key}[{index}]"' for index in range(len(entry)))
    return PlanError(f'"{field}" in {location}', f"{key}={entry!r} has length {len(entry)}", f"Use {elements}")


def no_rate_yet(field: str, location: str, computed_by: Iterable[str]) -> PlanError:
    """Return the error for a rate that is None, because the optimizer computes it by some options."""
    arguments = ["lr=1e-3", *(f"{name}=False" for name in computed_by)]
    return _expected_number(field, location, None, f"Pass it to the optimizer: {', '.join(arguments)}")


def several_numbers(field: str, location: str, key: str, value: object) -> PlanError:
    """Return the error for a tensor with dimensions, which torch accepts if it has one element."""
    advice = f"Write a number, or a tensor without dimensions: {key}=torch.tensor(0.1)"
    return _expected_number(field, location, value, advice)


def entry_is_not_a_number(field: str, location: str, value: object, names: Iterable[str]) -> PlanError:
    """Return the error for an entry that is not a number; `names` are the fields of the group that are."""
    return _expected_number(field, location, value, f"Use one of {', '.join(names)}")


def only_entry_is_not_a_number(field: str, location: str, value: object, key: str, *, is_tuple: bool) -> PlanError:
    """Return the error for an entry that is not a number, in a group without a number."""
    return _expected_number(field, location, value, _entry_to_add(key, is_tuple=is_tuple))


def _expected_number(field: str, location: str, value: object, advice: str) -> PlanError:
    return PlanError(f'"{field}" in {location}', f"expected a number, got {value!r}", advice)


# ---------------------------------------------------------------- the base of a field


def complex_base(site: str, value: object) -> PlanError:
    """Return the error for a complex number as a base."""
    message = "expected a real number, got complex"
    return PlanError(f"{site}={value!r}", message, "Use a real number, such as 0.1")


def base_is_not_a_number(site: str, value: object) -> PlanError:
    """Return the error for a base that is not a number."""
    return PlanError(f"{site}={shown(value)}", "expected a number", "Use a number, such as 0.1")


def base_is_not_finite(site: str, base: float) -> PlanError:
    """Return the error for a base that is NaN or infinite."""
    return PlanError(f"{site}={base!r}", "must be finite", "Use a finite number, such as 0.1")
