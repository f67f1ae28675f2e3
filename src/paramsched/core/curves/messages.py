"""The errors of curves and arrays: one function for each mistake, which returns the error."""

from collections.abc import Iterable

from paramsched.errors import InvalidArgument

# ---------------------------------------------------------------- arrays


def not_arrays(values: Iterable[object]) -> InvalidArgument:
    """Return the error for values that NumPy does not convert to an array of numbers, such as tensors."""
    kinds = ", ".join(dict.fromkeys(type(value).__name__ for value in values))
    return InvalidArgument(f"a value of {kinds}", "expected a number or a NumPy array", "For example: 3")


# ---------------------------------------------------------------- a curve as an argument


def curve_needs_arguments(curve: str, example: str) -> InvalidArgument:
    """Return the error for the name of a family of curves in place of a curve."""
    return InvalidArgument(f"curve {curve}", "the curve needs arguments", example=example)


def curve_with_arguments_as_text(curve: str, name: str) -> InvalidArgument:
    """Return the error for the text of a call in place of a curve."""
    message = "a curve with arguments cannot be passed as text"
    return InvalidArgument(f'curve "{curve}"', message, example=f"curves.{name}")


def unknown_curve(curve: str, near: str | None, names: Iterable[str], example: str) -> InvalidArgument:
    """Return the error for an unknown name of a curve; `near` is the known one that is meant."""
    meant = f'did you mean "{near}"?' if near else f"expected one of {', '.join(sorted(names))}"
    return InvalidArgument(f'curve "{curve}"', f"unknown curve; {meant}", example=example)


def not_a_curve(value: object) -> InvalidArgument:
    """Return the error for a value of another type in place of a curve."""
    message = f"expected a curve, got {type(value).__name__}"
    return InvalidArgument(f"curve {value!r}", message, example="curves.cosine")


# ---------------------------------------------------------------- the function of a curve


def end_is_not_at(curve: object, end: float, value: float) -> InvalidArgument:
    """Return the error for a function that is not 0 at 0 or not 1 at 1."""
    message = f"curve({end:g}) must be {end:g}, got {value!r}"
    advice = "Scale the function so that it goes from 0 at u=0 to 1 at u=1"
    return InvalidArgument(f"curve {curve}", message, advice)


def registered_name_is_taken(name: str) -> InvalidArgument:
    """Return the error for a name that is registered twice."""
    return InvalidArgument(f"curves.register({name!r})", "the name is already in use", "Choose another name")


def not_an_identifier(name: str) -> InvalidArgument:
    """Return the error for a name that a text cannot contain."""
    return InvalidArgument(f"curves.register({name!r})", "the name must be an identifier", "Choose another name")


# ---------------------------------------------------------------- the arguments of a family


def arguments_contradict(call: str, arguments: Iterable[object], message: str, example: str) -> InvalidArgument:
    """Return the error for arguments that are valid alone; one of the functions below returns the message."""
    return InvalidArgument(f"{call}({', '.join(map(repr, arguments))})", message, example=example)


def ends_before_one() -> str:
    """Return the message for a number of waves after which the curve is not at 1."""
    return "cycles must be 0.5, 1.5, 2.5, …, else the curve does not end at 1"


def not_two_betas(most_ratio: float) -> str:
    """Return the message for two decay rates between which a curve has no digits."""
    return f"expected two different betas between 0 and 1, the second at most {most_ratio:g} times the first"


def hardly_changes() -> str:
    """Return the message for two ends between which tanh changes by less than its rounding errors."""
    return "tanh is almost constant between lower and upper"


def too_far_apart() -> str:
    """Return the message for two ends of tanh that are so far apart that it is a step."""
    return "lower and upper must differ by at most 1e6"
