"""Read one schedule of a plan file: a line of text or a number."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, final

from paramsched.core.base.codes import REFUSED_VALUE, WRONG_TYPE
from paramsched.core.files.problem_collector import BadValue, ProblemCollector, short_json
from paramsched.core.schedules import SHAPES, Schedule
from paramsched.core.schedules.schedule import line_of
from paramsched.core.schedules.text import EXAMPLE_LINE, read_line
from paramsched.errors import InvalidArgument, shown

MISSING: Any = object()
"""The placeholder for a value that could not be read. Its problem was added."""


def within_float(value: Any) -> float:
    """Return the value. Raise InvalidArgument for an integer that is too large for a float."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**308:
        raise InvalidArgument(
            f"a number of {len(str(abs(value)))} digits", "it is too large for a float", "For example: 0.1"
        )
    return value  # type: ignore[no-any-return]  # other types are checked by the caller


RESERVED: Final = ("clock", "total", "groups", "later", "targets")
"""The entries of a plan besides its fields."""

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


ShapeLike = Callable[..., Any]
"""A function that builds a schedule. Files use its name and its annotated parameters."""


@final
class ShapeNames:
    """The names of shapes that one config may use.

    Args:
        shapes: the user's builders, for this config only.
    """

    def __init__(self, shapes: Iterable[ShapeLike] = ()) -> None:
        self.own: dict[str, ShapeLike] = {}
        if not isinstance(shapes, Iterable):
            found = f"expected a list of functions, got {type(shapes).__name__}"
            raise InvalidArgument(f"shapes={shown(shapes)}", found, "For example: shapes=[my_shape]")
        for builder in shapes:
            name = getattr(builder, "__name__", "")  # a partial or an instance has none
            if not callable(builder) or not name.isidentifier():
                found = "expected a function with a name"
                raise InvalidArgument(f"shapes=[{builder!r}]", found, "For example: def my_shape(…): …")
            if SHAPES.get(name, builder) is not builder or self.own.get(name, builder) is not builder:
                raise InvalidArgument(f"shapes=[{name}]", "the name is taken", "Choose another name")
            self.own[name] = builder


def read_schedule_text(text: str, path: str, names: ShapeNames, problems: ProblemCollector) -> Schedule | None:
    """Return the schedule of a text. If it is invalid, add problems and return None."""
    if problems.full:
        return None
    try:
        return read_line(text, names.own)
    except InvalidArgument as error:
        problems.refuse(path, error)
        return None


def _is_plain(value: Any) -> bool:
    """Return whether data has only text, numbers, lists and mappings, and no value that a config cannot contain."""
    if isinstance(value, (list, dict)):
        return all(map(_is_plain, value.values() if isinstance(value, dict) else value))
    return value is None or isinstance(value, (str, bool, int, float))


def _call(shape: str, arguments: Mapping[Any, Any]) -> str:
    """Return a call of a shape with plain arguments as text."""
    written = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items())
    return f"{shape}({', '.join(written)})"


@final
class ScheduleReader:
    """A reader of the values in one config. An invalid value adds a problem and becomes `MISSING`."""

    def __init__(self, names: ShapeNames, problems: ProblemCollector) -> None:
        self.names, self.problems = names, problems

    def read_line(self, value: Any, path: str, key: object) -> Any:
        """Read the schedule of a field or a target, which is the value of `key`: a line of text, or a number."""
        match value:
            case str():
                found = read_schedule_text(value, path, self.names, self.problems)
                return MISSING if found is None else found
            case BadValue():
                return self.note_bad_value(value, path)
            case int() | float() if not isinstance(value, bool):
                return self.try_or_note(path, lambda: line_of(within_float(value), lambda: short_json(value)))
        line = self._line_of_data(value)
        advice = f"For example: {EXAMPLE_LINE}" if line is None else f"Write {key}: {line}"
        return self.note_wrong_type(value, path, "a line of text or a number", advice)

    def _line_of_data(self, value: Any) -> str | None:
        """Return the line that a list of stages or a mapping with a shape was meant as; None if that is unknown."""
        line = ""
        if not _is_plain(value):
            return None
        if isinstance(value, list) and value:
            texts = [one if isinstance(one, str) else self._line_of_data(one) for one in value]
            line = " >> ".join(one for one in texts if one is not None) if None not in texts else ""
        elif isinstance(value, dict) and len(value) == 1:
            ((name, inside),) = value.items()
            if isinstance(inside, (dict, type(None))):  # cosine: {to: 0.1}
                line = _call(str(name).removesuffix("()"), inside or {})
            elif name == "schedule":
                line = str(inside)
        if isinstance(value, dict) and isinstance(shape := value.get("type", value.get("name")), str):
            line = _call(shape, {name: one for name, one in value.items() if name not in ("type", "name")})
        with suppress(InvalidArgument):
            read_line(line, self.names.own)
            return line
        return None  # also for data that is no call of a shape

    def note_fault(self, path: str, found: str, instead: str = "", *, code: str = REFUSED_VALUE) -> Any:
        """Add a problem and return MISSING."""
        self.problems.add(path, found, instead, code=code)
        return MISSING

    def note_wrong_type(self, value: Any, path: str, wanted: str, instead: str = "") -> Any:
        """Report a value of the wrong type."""
        return self.note_fault(path, f"expected {wanted}, got {short_json(value)}", instead, code=WRONG_TYPE)

    def note_bad_value(self, value: BadValue, path: str) -> Any:
        """Report a value that a config cannot contain."""
        self.problems.report(path, value.problem)
        return MISSING

    def try_or_note(self, path: str, make: Callable[[], Any]) -> Any:
        """Return the result of `make`. If it fails, report the error and return MISSING."""
        try:
            return make()
        except InvalidArgument as error:
            self.problems.refuse(path, error)
        return MISSING
