"""The errors of calls whose arguments do not fit: one function for each mistake, which returns the error."""

from collections.abc import Iterable, Sequence

from paramsched.base.words import did_you_mean, shortened_text
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, shown


def unknown_argument(call: str, key: str, names: Iterable[str], example: str) -> InvalidCall:
    """Return the error for an argument that a function does not have."""
    message = f'unknown argument "{shortened_text(key)}"; {did_you_mean(key, names)}'
    return InvalidCall(CallSite(call, key), message, example=example)


def argument_of_another_library(call: str, key: str, advice: str) -> InvalidCall:
    """Return the error for an argument that another library has, with what to write here."""
    return InvalidCall(CallSite(call, key), f'unknown argument "{shortened_text(key)}"', advice)


def shape_to_write(example: str) -> str:
    """Return the advice for the name of a shape as an entry of a plan."""
    return f"Write lr: {example}"


def field_not_named(call: str, value: object) -> InvalidCall:
    """Return the error for a number that was passed without the name of its field."""
    return InvalidCall(f"{call}(…)", "the number of a field must be named", f"Write lr={shown(value)}")


def value_not_named(call: str, name: str, value: object) -> InvalidCall:
    """Return the error for a number or a text that was passed by position to an argument that only has a name."""
    return InvalidCall(f"{call}(…)", f"{name} must be named: {name}={value!r}")


def argument_not_named(call: str, name: str) -> InvalidCall:
    """Return the error for an object that was passed by position to an argument that only has a name."""
    return InvalidCall(f"{call}(…)", f"{name} must be named")


def does_not_fit(call: str, reason: str, required: Sequence[str]) -> InvalidCall:
    """Return the error for arguments that do not fit a signature, with the arguments that the call needs."""
    advice = f"Write {call}({', '.join(required)})" if required else ""
    return InvalidCall(f"{call}(…)", reason, advice)


def not_a_function(value: object) -> InvalidArgument:
    """Return the error for a value that is registered in place of a function."""
    message = f"expected a function, got {type(value).__name__}"
    return InvalidArgument(f"shape {shown(value)}", message, "Write @ps.extend.shape above a def")


def without_return_annotation(name: str) -> InvalidArgument:
    """Return the error for a function that is registered without the class that it returns."""
    example = f"def {name}(…) -> Schedule:"
    return InvalidArgument(f"shape {name!r}", "its return annotation is missing", example=example)
