"""The errors of shapes of one's own, and of their functions: one function for each mistake, which returns the error."""

from collections.abc import Sequence
from pickle import PicklingError
from typing import Final

from paramsched.errors import CallSite, InvalidArgument, shown

# ---------------------------------------------------------------- what a function returns

_FORMULAS: Final = {"u": "1 - u", "t": "0.99 ** t"}


def not_a_finite_number(name: str, counts: str, number: float, value: object) -> InvalidArgument:
    """Return the error for a function that returns something other than a finite number."""
    return _refused_value(name, counts, number, f"expected a finite number, got {shown(value)}")


def function_raised(name: str, counts: str, number: float, error: Exception) -> InvalidArgument:
    """Return the error for a function that raises one."""
    return _refused_value(name, counts, number, f"the function raised {type(error).__name__}: {error}")


def no_value_at_index(name: str, counts: str, number: float, error: LookupError) -> InvalidArgument:
    """Return the error for a function that reads a list where it has no value."""
    message = f"the function raised {type(error).__name__}: {error}"
    return _refused_value(name, counts, number, message, "values[min(t, len(values) - 1)]")


def _refused_value(name: str, counts: str, number: float, message: str, example: str = "") -> InvalidArgument:
    function = f"def {name}({counts}): return {_FORMULAS[counts]}"
    return InvalidArgument(f"{name}({counts}={number!r})", message, example=example or function)


def same_at_both_ends(name: str, argument: str, value: float) -> InvalidArgument:
    """Return the error for levels of a function whose values at both ends are equal."""
    message = f"the function is {value!r} at both ends, so it cannot be moved to other levels"
    return _refused_levels(name, argument, message)


def ends_too_far_apart(name: str, argument: str) -> InvalidArgument:
    """Return the error for levels of a function whose values at both ends have no finite difference."""
    message = "the difference of its values at both ends is too large for a float"
    return _refused_levels(name, argument, message)


def _refused_levels(name: str, argument: str, message: str) -> InvalidArgument:
    return InvalidArgument(CallSite(name, argument), message, example=f"{name}() * 0.5")


# ---------------------------------------------------------------- the arguments of a function


def kind_is_not_taken(name: str, argument: str, param_kind: str) -> InvalidArgument:
    """Return the error for an argument of a kind that no function gets."""
    advice = "Use a number, text, True or False, a list, or ps.Length for a length"
    return InvalidArgument(CallSite(name, argument), f"a function cannot take a {param_kind}", advice)


def length_without_its_type(name: str, argument: str) -> InvalidArgument:
    """Return the error for an argument with the annotation of a length."""
    message = "the function gets a number of updates, not a ps.Duration"
    return InvalidArgument(CallSite(name, argument), message, f"Write {argument}: ps.Length")


def default_of_another_type(name: str, argument: str, default: object) -> InvalidArgument:
    """Return the error for a default that a call could not pass."""
    message = f"the default {shown(default)} is not of its type"
    return InvalidArgument(CallSite(name, argument), message, example=f"{argument}: float = 1.0")


def not_written_in_text(site: CallSite, value: object) -> InvalidArgument:
    """Return the error for an argument that no text of a plan contains."""
    message = f"expected a number, text, True, False or a list, got {type(value).__name__}"
    advice = "A plan is a text, so the function itself reads everything else"
    return InvalidArgument(site, message, advice, refused=value)


# ---------------------------------------------------------------- the function


def lambda_has_no_name(name: str) -> InvalidArgument:
    """Return the error for a lambda."""
    return _refused_name(name, "a lambda has no name")


def name_is_not_ascii(name: str) -> InvalidArgument:
    """Return the error for a name that a text cannot contain."""
    return _refused_name(name, "a text of a plan calls names in ASCII only")


def _refused_name(name: str, message: str) -> InvalidArgument:
    return InvalidArgument(f"shape {name!r}", message, example="@ps.shape above def easing(u): return 1 - u")


def no_argument(name: str) -> InvalidArgument:
    """Return the error for a function without arguments."""
    return _first_is_not_time(name, "it has no argument", [])


def first_argument_is_not_time(name: str, first: str, parameters: Sequence[object]) -> InvalidArgument:
    """Return the error for a function whose first argument is neither `u` nor `t`; `others` are kept."""
    return _first_is_not_time(name, f"its first argument is {first}", parameters)


def _first_is_not_time(name: str, message: str, parameters: Sequence[object]) -> InvalidArgument:
    rest = "".join(f", {parameter}" for parameter in parameters)
    advice = (
        f"Write def {name}(u{rest}) for the progress of the stage, from 0 to 1, or def {name}(t{rest}) for the number "
        "of updates; a function that returns a schedule has the annotation -> ps.extend.Schedule"
    )
    return InvalidArgument(f"shape {name!r}", message, advice)


def argument_without_one_name(name: str, first: str, parameter: object) -> InvalidArgument:
    """Return the error for `*args`, `**kwargs` and arguments that are only passed by position."""
    message = f"its argument {parameter} cannot be passed by one name"
    return InvalidArgument(f"shape {name!r}", message, example=f"def {name}({first}, power=2.0)")


def name_of_every_shape(name: str, first: str, argument: str, meaning: str) -> InvalidArgument:
    """Return the error for an argument with the name of one that the shape has anyway."""
    message = f"its argument {argument} has the name of {meaning}, which every such shape has"
    return InvalidArgument(f"shape {name!r}", message, f"Choose another name: def {name}({first}, {argument}_=…)")


def defined_again(name: str) -> PicklingError:
    """Return the error for a pickle of a schedule whose function is another one by now."""
    return PicklingError(f"{name} has been defined again since this schedule was constructed")
