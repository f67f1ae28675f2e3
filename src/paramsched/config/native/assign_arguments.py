"""Assignment of the values in a file to the arguments of a shape, and the types of arguments."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, final, get_args, get_origin

import numpy as np

from paramsched.advice.calls import is_rate
from paramsched.advice.peer_calls import line_of_own_call
from paramsched.advice.peer_words import DROPPED, has_same_value, instead_of, is_warmup_length, meant_argument, own_name
from paramsched.base.codes import WRONG_ARGUMENT
from paramsched.base.diagnostic import child_path
from paramsched.base.near_names import closest, did_you_mean
from paramsched.config.diagnostic_collector import DiagnosticCollector, bad_values_in, flow_text, plain_json
from paramsched.curves import Curve
from paramsched.errors import InvalidArgument
from paramsched.schedules import Absolute, Schedule
from paramsched.schedules.rules import Rule
from paramsched.time import Duration


@final
class ArgumentAssignment:
    """An assignment of the values in a file to the parameters of a shape.

    Unknown, superfluous and missing arguments add diagnostics.

    Args:
        name, parameters: the shape and its parameters.
        path: the config path.
        diagnostics: receives the errors.
        meant_line: returns the line of text that the mapping probably means; None if it is unclear.
    """

    def __init__(
        self,
        name: str,
        parameters: Mapping[str, inspect.Parameter],
        path: str,
        diagnostics: DiagnosticCollector,
        meant_line: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.name, self.parameters, self.path, self.diagnostics = name, parameters, path, diagnostics
        self.meant_line = meant_line
        self.meant: set[str | None] = set()  # arguments for which misspelled names were probably intended

    def of_given(self, given: Any) -> dict[str, Any]:
        """Return a dict from parameter to value, from `{argument: value}`, `[values]`, one value or null."""
        if isinstance(given, dict):
            values = self.by_name(given)
        else:
            values = {} if given is None else self.in_order(given if isinstance(given, list) else [given])
        self.note_missing(values)
        return values

    def by_name(self, given: dict[Any, Any]) -> dict[str, Any]:
        """Return a dict from parameter to value, from named values. A `**` parameter collects unknown names."""
        extra = next((key for key, one in self.parameters.items() if one.kind is one.VAR_KEYWORD), None)
        values: dict[str, Any] = {}
        meant = line_of_own_call(self.name, given, self.parameters) if extra is None else None
        renamed = self.renamed_call(given) if meant is None else meant
        if renamed is None and any(self.nearest(one)[0] is None for one in given if one not in self.parameters):
            renamed = self.meant_line()
        if renamed and extra is None:
            unknown = [str(one) for one in given if one not in self.parameters]
            reasons = [f'"{one}"; {self.nearest(one)[1]}' for one in unknown]
            found = f"{self.name}: {'; '.join(f'unknown argument {one}' for one in reasons)}".replace("?; u", "? U")
            self.meant |= {*self.parameters}  # the message shows the entire call
            self.note_call(found, renamed)
            return values
        for key, value in given.items():
            if key in self.parameters and key != extra:
                values[key] = value
            elif extra is not None:
                values.setdefault(extra, {})[key] = value
            else:
                near, advice = self.nearest(key)
                self.meant.add(near)
                found = f'unknown argument "{key}" of {self.name}; {advice}'
                is_certain = near is not None and near == meant_argument(str(key), self.parameters, self.name)
                is_certain = is_certain and has_same_value(str(key), str(near))
                replace = (str(key), near) if near and is_certain and meant is None else None
                place = child_path(self.path, key)
                self.diagnostics.add(place, found, at_key=True, code=WRONG_ARGUMENT, replace=replace)
        return values

    def note_call(self, found: str, call: str | dict[str, Any]) -> None:
        """Report a call with wrong arguments, and the call to write."""
        key = self.path.rpartition(".")[2]
        entry = (key, call) if key.isidentifier() else None
        instead = "" if entry else f"Write {call if isinstance(call, str) else flow_text(call)}"
        at_key = entry is not None
        self.diagnostics.add(self.path, found, instead, at_key=at_key, code=WRONG_ARGUMENT, entry=entry)

    def nearest(self, key: object) -> tuple[str | None, str]:
        """Return the argument that an unknown argument probably means (None if unclear), and the advice."""
        return nearest_argument(str(key), self.parameters, self.name)

    def renamed_call(self, given: dict[Any, Any]) -> dict[str, Any] | None:
        """Return the call with corrected names; None if it is not valid then, or if a single name is to replace."""
        unknown = [key for key in given if key not in self.parameters]
        ours = {key: meant_argument(str(key), self.parameters, self.name) for key in unknown if key not in DROPPED}
        renamed = {ours.get(key, key): value for key, value in given.items() if key not in DROPPED}
        dropped = len(unknown) - len(ours)
        if None in renamed or len(renamed) + dropped != len(given) or self.missing(renamed) or bad_values_in(given):
            return None
        rates = [one for key, one in ours.items() if one and is_rate(str(key), self.parameters[one], given[key])]
        if len(unknown) < 2 - bool(dropped or rates):
            return None
        renamed |= {one: {"absolute": renamed[one]} for one in rates}
        return {self.name: renamed}

    def in_order(self, given: list[Any]) -> dict[str, Any]:
        """Return a dict from parameter to value, from positional values. A `*` parameter collects the rest."""
        places = [one for one in self.parameters.values() if one.kind not in (one.KEYWORD_ONLY, one.VAR_KEYWORD)]
        values: dict[str, Any] = {}
        if places and item_annotations(places[0].annotation) and all(isinstance(one, (int, float)) for one in given):
            self.note_call(f"{self.name} takes a list of values", {self.name: [given]})
            return {places[0].name: [1]}
        for index, one in enumerate(places):
            if one.kind is one.VAR_POSITIONAL:
                return values | {one.name: given[index:]}
            if index < len(given):
                values[one.name] = given[index]
        if len(given) > len(places):
            names = ", ".join(one.name for one in places)
            unit = "value" if len(places) == 1 else "values"
            most = f"at most {len(places)} {unit}, {names}" if places else "no values"
            found = f"{self.name} takes {most}; found {len(given)}"
            kept = {one.name: plain_json(value) for one, value in zip(places, given, strict=False)}
            self.diagnostics.add(self.path, found, f"Write {flow_text({self.name: kept})}", code=WRONG_ARGUMENT)
        return values

    def note_missing(self, values: dict[str, Any]) -> None:
        """Report missing arguments, except for those explained by a misspelled name."""
        valid = {key: one for key, one in values.items() if not bad_values_in(one)}
        whole = valid | {key: _example(self.parameters[key].annotation) for key in self.missing(valid)}
        for key in self.missing(values):
            if key not in self.meant:
                found = f'{self.name} needs the argument "{key}"'
                example = f"For example: {flow_text({self.name: whole})}"
                self.diagnostics.add(self.path, found, example, code=WRONG_ARGUMENT)

    def missing(self, values: Mapping[Any, Any]) -> list[str]:
        """Return the required arguments without a value."""
        required = [one for one in self.parameters.values() if one.default is one.empty]
        optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return [one.name for one in required if one.kind not in optional and one.name not in values]


def _example(annotation: Any) -> Any:
    """Return a valid value of a required argument."""
    items = next(filter(None, map(item_annotations, union_members(annotation))), None)
    if items is not None and items[-1] is not ...:
        return [_example(one) for one in items]
    if items is not None:
        return ["30%", "60%"] if kind_of_argument(items[0]) == "length" else [_example(items[0])]
    by_kind: dict[str | None, Any] = {"schedule": "cosine()", "length": "10%", "curve": "cosine"}
    by_type: dict[Any, Any] = {str: "loss", int: 4}
    return by_kind.get(kind_of_argument(annotation), by_type.get(annotation, 0.5))


def nearest_argument(key: str, parameters: Iterable[str], function: str) -> tuple[str | None, str]:
    """Return the argument that an unknown argument probably means (None if unclear), and the advice."""
    ours = own_name(key, parameters, function)
    if ours == "start" and is_warmup_length(key):
        return None, "a warmup is a separate stage"
    if ours is not None:
        return ours, f'use "{ours}"'
    if (instead := instead_of(key)) is not None:
        return None, instead
    if key == "until" and "over" in parameters:
        return None, 'a time of the run is an over: "until 5 epochs"'
    if (meant := meant_argument(key, parameters, function)) is not None:
        return meant, f'did you mean "{meant}"?'
    return closest(key, parameters), did_you_mean(key, parameters)


_Answer = TypeVar("_Answer")


KINDS: Final[Mapping[type, str]] = {
    Schedule: "schedule",
    Rule: "rule",
    Absolute: "level",
    Duration: "length",
    Curve: "curve",
}
"""A dict from types with a special syntax in files to the names of their definitions in the JSON Schema."""


def _remember_answers(read: Callable[[Any], _Answer]) -> Callable[[Any], _Answer]:
    """Cache the results of a function of an annotation, because large configs call it very often."""
    remembered = lru_cache(maxsize=1024)(read)

    @wraps(read)
    def read_or_remember(annotation: Any) -> _Answer:
        try:
            return remembered(annotation)
        except TypeError:  # the metadata of the annotation is not hashable
            return read(annotation)

    return read_or_remember


@_remember_answers
def kind_of_argument(annotation: Any) -> str | None:
    """Return the name in `KINDS` of the first type in an annotation that has one, or None.

    >>> kind_of_argument(float | Absolute), kind_of_argument(Duration | str | None), kind_of_argument(int)
    ('level', 'length', None)
    """
    classes = [one for one in union_members(annotation) if isinstance(one, type)]
    return next((kind for base, kind in KINDS.items() for one in classes if issubclass(one, base)), None)


@_remember_answers
def union_members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union; an annotation that is not a union is its only member."""
    if type(annotation).__name__ == "TypeAliasType":  # a `type` statement, Python 3.12 or newer
        return union_members(annotation.__value__)
    if get_origin(annotation) is Annotated:
        return union_members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(one for member in get_args(annotation) for one in union_members(member))
    return (annotation,)


def takes_none(parameter: inspect.Parameter) -> bool:
    """Return whether a parameter accepts null."""
    return parameter.default is None or NoneType in union_members(parameter.annotation)


@_remember_answers
def item_annotations(annotation: Any) -> tuple[Any, ...] | None:
    """Return the item annotations of a list: one per item, or (item, ...) for any length; None if it is not a list."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, tuple):
        return arguments
    if isinstance(origin, type) and len(arguments) == 1 and origin.__module__ in ("builtins", "collections.abc"):
        return (*arguments, ...)
    return (Any, ...) if annotation in (list, tuple) else None


@_remember_answers
def literal_values(annotation: Any) -> tuple[Any, ...]:
    """Return the values of a Literal; an empty tuple for other annotations."""
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def asks_for_function(annotation: Any) -> bool:
    """Return whether an annotation is a function, which a file can specify only by name."""
    return Callable in (annotation, get_origin(annotation))


def asks_for_array(annotation: Any) -> bool:
    """Return whether an annotation is a NumPy array, which a file cannot contain."""
    return np.ndarray in (annotation, get_origin(annotation))


def annotated_signature(builder: Callable[..., Any]) -> inspect.Signature:
    """Return a signature with evaluated annotations."""
    try:
        return inspect.signature(builder, eval_str=True)
    except (NameError, SyntaxError, TypeError, AttributeError):  # the annotation can only be read by a type checker
        return inspect.signature(builder)


MISSING: Any = object()
"""The placeholder for a value that could not be read. Its diagnostic was added."""

PLAIN_TYPES: Final = {
    float: ("number", "a number"),
    int: ("integer", "an integer"),
    str: ("string", "text"),
    bool: ("boolean", "true or false"),
}
"""A dict from type to its name in the JSON Schema and its description in messages."""


def is_of_type(member: Any, value: Any) -> bool:
    """Return whether a value has a plain type; an integer is also a number."""
    if isinstance(value, bool):
        return member is bool
    if member is float:
        return isinstance(value, (int, float))
    if member is int:
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return member is str and isinstance(value, str)


def type_asked_for(member: Any) -> str:
    """Return the description of an annotation's type for messages; empty if there is none."""
    if member in PLAIN_TYPES:
        return PLAIN_TYPES[member][1]
    if item_annotations(member) is not None:
        return "a list"
    return "the name of a registered function" if asks_for_function(member) else ""


def within_float(value: Any) -> float:
    """Return the value. Raise InvalidArgument for an integer that is too large for a float."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**308:
        raise InvalidArgument(f"a number of {len(str(abs(value)))} digits", "it is too large for a float", "Write 0.1")
    return value  # type: ignore[no-any-return]  # other types are checked by the caller


RESERVED: Final = ("clock", "horizon", "note", "groups", "targets")
"""The entries of a plan besides its fields."""

SCHEMA: Final = "$schema"
"""The key that editors use to find the schema of a file. A plan does not keep it."""

TARGET_ENTRIES: Final = ("initial", "schedule")
"""The entries of a target."""

_INDEX: Final = re.compile(r"\[(\d{1,9})\]")


def index_in_name(name: str) -> int | None:
    """Return the index that a group's name such as `[0]` means in a file; None for other names.

    >>> index_in_name("[0]"), index_in_name("head")
    (0, None)
    """
    found = _INDEX.fullmatch(name)
    return int(found[1]) if found else None
