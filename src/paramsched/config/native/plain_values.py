"""Numbers, texts, choices, and what only a user's own shape asks for."""

from typing import Any

from paramsched.config.data_paths import child_path
from paramsched.config.faults import Faults
from paramsched.config.native.annotations import asks_for_function, item_annotations
from paramsched.config.value_words import short_json
from paramsched.errors import InvalidArgument, MissingDependency

MISSING: Any = object()
"""What could not be read; the fault is noted."""

_IN_WORDS = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}


def is_of_type(member: Any, value: Any) -> bool:
    """Whether a value of a file is what `float`, `int`, `str` or `bool` asks for: a whole number is a number too."""
    if isinstance(value, bool):
        return member is bool
    if member is float:
        return isinstance(value, (int, float))
    if member is int:
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return member is str and isinstance(value, str)


def type_asked_for(member: Any) -> str:
    """What an annotation asks for, in the words of files; empty where there are none for it."""
    if member in _IN_WORDS:
        return _IN_WORDS[member]
    if item_annotations(member) is not None:
        return "a list"
    return "the name of a registered function" if asks_for_function(member) else ""


def within_float(value: Any) -> float:
    """The value, unless it is an integer that no float can hold; what is no number is left for others to refuse."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**308:
        raise InvalidArgument(f"a number of {len(str(abs(value)))} digits", "larger than any float", "Write 0.1, say")
    return value  # type: ignore[no-any-return]  # whatever it is, the caller judges


def value_of_users_type(annotation: Any, value: Any, path: str, faults: Faults) -> Any:
    """A value of a type that only its user knows: pydantic reads it, strictly, as it would from JSON.

    Raises:
        MissingDependency: pydantic is not installed. No shape of this library asks for it.
    """
    import json

    try:
        from pydantic import PydanticUserError, TypeAdapter, ValidationError
    except ModuleNotFoundError:
        raise MissingDependency(f"{path}: an argument of a type of your own", "pydantic", "types") from None

    try:
        return TypeAdapter(annotation).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            faults.add(child_path(path, *one["loc"]), f"{short_json(value)}: {one['msg']}")
    except PydanticUserError:  # no type pydantic knows either: the builder has to judge
        return value
    return MISSING
