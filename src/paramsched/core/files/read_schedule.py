"""Read one schedule of a plan file: a line of text, a mapping, a list or a number."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, final

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_TYPE
from paramsched.core.base.diagnostic import child_path
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.params import Param, params_of
from paramsched.core.curves import FAMILIES
from paramsched.core.files.diagnostic_collector import BadValue, DiagnosticCollector, bad_values_in, short_json
from paramsched.core.schedules import SHAPES, Schedule, absolute
from paramsched.core.schedules.leaves import line_of
from paramsched.core.schedules.registry import RULES, combine_operands
from paramsched.core.schedules.table import table_file_in
from paramsched.core.schedules.text import (
    as_schedule,
    call,
    is_number,
    join_all,
    joined,
    read_line,
    refuse_type,
    value_in,
)
from paramsched.errors import InvalidArgument, InvalidCall, shown

MISSING: Any = object()
"""The placeholder for a value that could not be read. Its diagnostic was added."""


def within_float(value: Any) -> float:
    """Return the value. Raise InvalidArgument for an integer that is too large for a float."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**308:
        raise InvalidArgument(
            f"a number of {len(str(abs(value)))} digits", "it is too large for a float", "For example: 0.1"
        )
    return value  # type: ignore[no-any-return]  # other types are checked by the caller


RESERVED: Final = ("clock", "horizon", "groups", "targets")
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


_CALLED = re.compile(r"(?<!\w)([A-Za-z_]\w*+)\s*+\(")

ShapeLike = Callable[..., Any]
"""A function that builds a schedule. Files use its name and its annotated parameters."""


@final
class ShapeNames:
    """The names of shapes that one config may use.

    Args:
        shapes: the user's builders, for this config only.
        folder: the folder to which relative paths in the config refer; None for the working directory.
    """

    def __init__(self, shapes: Iterable[ShapeLike] = (), folder: Path | None = None) -> None:
        self.own: dict[str, ShapeLike] = {}
        self.folder = folder
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

    def find(self, name: str) -> ShapeLike | None:
        """Return the builder with this name."""
        if name == "table_file" and self.folder is not None:
            return table_file_in(self.folder)
        return SHAPES.get(name) or self.own.get(name)

    def everything(self) -> Mapping[str, ShapeLike]:
        return {**self.own, **SHAPES}

    def called_in(self, text: str) -> Mapping[str, ShapeLike]:
        """Return a dict from name to builder, for builders that a text may call and that are not in `SHAPES`."""
        if self.folder is not None and "table_file" in _CALLED.findall(text):
            return {**self.own, "table_file": table_file_in(self.folder)}
        return self.own


def read_schedule_text(text: str, path: str, names: ShapeNames, diagnostics: DiagnosticCollector) -> Schedule | None:
    """Return the schedule of a text. If it is invalid, add diagnostics and return None."""
    if diagnostics.full:
        return None
    try:
        return read_line(text, names.called_in(text))
    except InvalidArgument as error:
        diagnostics.refuse(path, error)
        return None


OPERATORS: Final = ("product", "sequence", "sum")
WITH_A_NUMBER: Final[Mapping[str, Callable[[Any, Any], Any]]] = {"power": operator.pow, "quotient": operator.truediv}
_EXPRESSIONS: Final = frozenset({"schedule", "level", "curve", "rule"})
_SPACES: Final[Mapping[str, Mapping[str, Callable[..., Any]]]] = {"curves": FAMILIES, "rules": RULES}
_SPACE_OF_KIND: Final = {"curve": "curves", "rule": "rules"}
_ANY: Final = Param("", "any")


@final
class ScheduleReader:
    """A reader of the values in one config. An invalid value adds a diagnostic and becomes `MISSING`."""

    def __init__(self, names: ShapeNames, diagnostics: DiagnosticCollector) -> None:
        self.names, self.diagnostics = names, diagnostics

    def read_line(self, value: Any, path: str) -> Any:
        """Read the schedule of a field or a target."""
        if isinstance(value, list) and len(value) == 1 and is_number(value[0]):
            value = value[0]
        match value:
            case str():
                found = read_schedule_text(value, path, self.names, self.diagnostics)
                return MISSING if found is None else found
            case BadValue():
                return self.note_bad_value(value, path)
            case bool() | None:
                return self.note_wrong_type(value, path, "a schedule", "For example: cosine(to=0.1)")
            case int() | float():
                return self.try_or_note(path, lambda: line_of(within_float(value), lambda: short_json(value)))
        return self.try_or_note(path, lambda: as_schedule(self._data(value, path), short_json(value)))

    # ---- lists and mappings

    def _data(self, value: Any, path: str) -> Any:
        """Return the value of an entry: of a text, a list of stages, a number, or a mapping of one name."""
        self._refuse_bad(value, path)
        match value:
            case str():
                return _placed(path, lambda: value_in(value, self.names.called_in(value)))
            case list():
                return self._joined("sequence", value, path)
            case dict() if len(value) == 1:
                ((name, given),) = value.items()
                return self._call(str(name), given, path)
            case dict():
                found = f"a schedule is a mapping of one name; found {', '.join(map(str, value)) or 'nothing'}"
                raise _Refused(path, InvalidArgument(found, example="{cosine: {to: 0.1}}"))
            case bool() | None:
                raise _Refused(path, InvalidArgument(f"expected a schedule, got {short_json(value)}", code=WRONG_TYPE))
            case int() | float():
                return _placed(path, lambda: within_float(value))
        return value

    def _joined(self, name: str, values: Any, path: str) -> Any:
        """Return the schedules of a list, joined by an operator."""
        self._refuse_bad(values, path)
        if not isinstance(values, list) or not values:
            found = f"expected a list of schedules, got {short_json(values)}"
            raise _Refused(path, InvalidArgument(found, example="[warmup(100), cosine()]"))
        made = _all(partial(self._data, one, child_path(path, place)) for place, one in enumerate(values))
        if name != "sequence":
            if all(map(is_number, values)):
                made = [as_schedule(one, short_json(one), is_line=False) for one in made]
            found = _placed(path, lambda: joined(join_all, name, *made))
            if is_number(found):
                raise _Refused(path, InvalidArgument(short_json(values), "numbers alone are no schedule"))
            return found
        if len(made) == 1 and isinstance(values[0], str) and is_number(made[0]):
            raise _Refused(child_path(path, 0), InvalidArgument(short_json(values[0]), "a number alone is no stage"))
        stages = [
            _placed(child_path(path, place), partial(as_schedule, one, short_json(values[place]), is_line=False))
            for place, one in enumerate(made)
        ]
        return stages[0] if len(stages) == 1 else _placed(path, lambda: combine_operands("sequence", *stages))

    def _call(self, name: str, given: Any, path: str, kind: str = "schedule") -> Any:
        """Return the value of a mapping of one name: of an operator, a shape, a curve or a rule."""
        if name in OPERATORS:
            return self._joined(name, given, path)
        if name in WITH_A_NUMBER and kind == "schedule":
            if not isinstance(given, list) or len(given) != 2 or not is_number(given[1]):
                found = f"expected a list of a schedule and a number, got {short_json(given)}"
                raise _Refused(path, InvalidArgument(found, code=WRONG_TYPE))
            one = self._data(given[0], child_path(path, 0))
            found = _placed(path, lambda: joined(WITH_A_NUMBER[name], one, given[1]))
            if not isinstance(found, Schedule):
                raise _Refused(path, InvalidArgument(short_json(given), "numbers alone are no schedule"))
            return found
        if name == "absolute":
            (inside,) = given if isinstance(given, list) and len(given) == 1 else (given,)
            inner = self._data(inside, path)
            if isinstance(inside, str) and is_number(inner):
                raise _Refused(path, InvalidArgument(f"expected a number, got {short_json(inside)}", code=WRONG_TYPE))
            return _placed(path, lambda: absolute(inner))
        space, _, last = name.rpartition(".")
        space = space or _SPACE_OF_KIND.get(kind, "")
        function = _SPACES.get(space, {}).get(last) if space else self.names.find(name)
        if function is None:
            known = _SPACES.get(space) or self.names.everything()
            found = f'unknown {space.removesuffix("s") or "schedule"} "{name[:60]}"; {did_you_mean(last, known)}'
            raise _Refused(path, InvalidArgument(found, code=UNKNOWN_NAME), at_key=True)
        called = f"{space}.{last}" if space else name
        params = params_of(function)
        several = next((one for one in params.values() if one.several), None)
        named = {str(key): one for key, one in given.items()} if isinstance(given, dict) else {}
        values = [] if given is None or isinstance(given, dict) else given if isinstance(given, list) else [given]
        if several is not None and several.name in named:
            values, at = named.pop(several.name), child_path(path, several.name)
            self._refuse_bad(values, at)
            if not isinstance(values, list):
                raise _Refused(at, InvalidArgument(f"expected a list, got {short_json(values)}", code=WRONG_TYPE))
        order = [one for one in params.values() if not one.free]
        place_of_several = order.index(several) if several is not None else len(order)
        taken = [
            order[min(index, place_of_several)] if index < len(order) or several else _ANY
            for index in range(len(values))
        ]
        read = _all(
            [partial(self._checked, (function, called), one, _path_of(path, param, index), param)
             for index, (one, param) in enumerate(zip(values, taken, strict=True))]
            + [partial(self._checked, (function, called), one, child_path(path, key), params.get(key, _ANY))
               for key, one in named.items()]
        )  # fmt: skip
        args, kwargs = read[: len(values)], dict(zip(named, read[len(values) :], strict=True))
        try:
            return _placed(path, lambda: call(function, called, args, kwargs))
        except _Refused as refusal:
            begin = path if isinstance(given, dict) else child_path(path, name)
            paths = [*_paths_to(refusal.error.refused, given, begin)]
            refusal.path = paths[0] if len(paths) == 1 else refusal.path
            raise

    def _checked(self, of: tuple[Callable[..., Any], str], value: Any, path: str, param: Param) -> Any:
        """Return the value of an argument of a call; all wrong ones of a call are reported."""
        read = self._argument(value, path, param)
        try:
            refuse_type(*of, param, read)
        except InvalidArgument as error:
            raise _Refused(path, error) from None
        return read

    def _argument(self, value: Any, path: str, param: Param) -> Any:
        """Return the value of an argument. The kind of its parameter decides what a text or a list means."""
        kinds = {param.kind, *(one.kind for one in param.members)}
        self._refuse_bad(value, path)
        if isinstance(value, str):
            if param.kind == "curve" and "curves." not in value:
                return self._curve(value, path)
            if not kinds & _EXPRESSIONS or (kinds & {"length", "text", "choice"} and "(" not in value):
                return value
            found = self._data(value, path)
            return value if param.kind == "level" and _is_plain_number(value) else found
        if isinstance(value, dict) and len(value) == 1 and kinds & _EXPRESSIONS:
            ((name, inner),) = value.items()
            return self._call(str(name), inner, path, param.kind)
        if isinstance(value, list):
            if param.kind == "schedule":
                return self._data(value, path)
            items = param.items if len(param.items) > 1 else param.items[:1] * len(value)
            return tuple(
                _all(
                    partial(self._argument, one, child_path(path, place), (*items, *[_ANY] * len(value))[place])
                    for place, one in enumerate(value)
                )
            )
        for bad in bad_values_in(value):  # of a mapping that only the function knows
            self._refuse_bad(bad, path)
        return value

    def _curve(self, text: str, path: str) -> Any:
        """Return the curve of a text without the word `curves`."""
        try:
            return value_in(f"curves.{text}")
        except InvalidArgument as error:
            begin, end = (max(place - len("curves."), 0) for place in error.span or (0, len("curves.")))
            raise _Refused(path, error.changed(text=text, span=(begin, end))) from None

    def _refuse_bad(self, value: Any, path: str) -> None:
        if isinstance(value, BadValue):
            raise _Refused(path, InvalidArgument(value.problem.found))

    # ---- diagnostics

    def note_fault(self, path: str, found: str, instead: str = "", *, code: str = REFUSED_VALUE) -> Any:
        """Add a diagnostic and return MISSING."""
        self.diagnostics.add(path, found, instead, code=code)
        return MISSING

    def note_wrong_type(self, value: Any, path: str, wanted: str, instead: str = "") -> Any:
        """Report a value of the wrong type."""
        return self.note_fault(path, f"expected {wanted}, got {short_json(value)}", instead, code=WRONG_TYPE)

    def note_bad_value(self, value: BadValue, path: str) -> Any:
        """Report a value that a config cannot contain."""
        self.diagnostics.report(path, value.problem)
        return MISSING

    def try_or_note(self, path: str, make: Callable[[], Any]) -> Any:
        """Return the result of `make`. If it fails, report the errors and return MISSING."""
        try:
            return _placed(path, make)
        except _Refused as refusal:
            for one in refusal.several:
                self.diagnostics.refuse(one.path, one.error, at_key=one.at_key)
        return MISSING


@final
class _Refused(Exception):
    """An error with the config path of its entry, or several of one call."""

    def __init__(self, path: str, error: InvalidArgument, *, at_key: bool = False) -> None:
        self.path, self.error, self.at_key = path, error, at_key
        self.several = [self]


def _placed(path: str, make: Callable[[], Any]) -> Any:
    """Return the result of `make`; an error in it is about the entry at `path`, or an argument in it."""
    try:
        return make()
    except InvalidArgument as error:
        is_in_mapping = error.argument and error.span is None
        at_key = bool(is_in_mapping) and isinstance(error, InvalidCall)
        raise _Refused(child_path(path, error.argument) if is_in_mapping else path, error, at_key=at_key) from None


def _paths_to(refused: object, given: Any, path: str) -> Iterator[str]:
    """Yield the paths of a value that a function refused, in what the file gives it."""
    for key, one in given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list) else ():
        inner = child_path(path, key)
        if one is refused and refused is not None:
            yield inner
        yield from _paths_to(refused, one, inner)


def _all(makes: Iterable[Callable[[], Any]]) -> list[Any]:
    """Return the results of several functions, or raise the errors of all of them."""
    made, refused = [], list[_Refused]()
    for make in makes:
        try:
            made.append(make())
        except _Refused as error:
            refused += error.several
    if refused:
        refused[0].several = refused
        raise refused[0]
    return made


def _path_of(path: str, param: Param, index: int) -> str:
    """Return the path of an argument by its place: it has the name of its parameter."""
    return child_path(path, param.name, index) if param.several else child_path(path, param.name or index)


def _is_plain_number(text: str) -> bool:
    """Return whether a text is a number that a file should have without quotes."""
    try:
        float(text)
    except ValueError:
        return False
    return True
