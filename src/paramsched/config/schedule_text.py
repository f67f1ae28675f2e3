"""A line of text inside a config; the shapes it may name, and users' classes."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from paramsched.config.diagnostic_collector import DiagnosticCollector
from paramsched.errors import ConfigError, InvalidArgument, shown
from paramsched.schedules import SHAPES, Schedule, faults_in, parse
from paramsched.schedules import value_in as value_of_text
from paramsched.schedules.rules import Rule
from paramsched.schedules.table import table_file_in

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


ENTRY_POINTS = "paramsched.shapes"
_CALLED = re.compile(r"(?<!\w)([A-Za-z_]\w*+)\s*+\(")

ShapeLike = Callable[..., Any]
"""A function that builds a schedule; its name is the one in files, its annotated parameters are the arguments."""


@final
class ShapeNames:
    """The names one config may use.

    Args:
        shapes: a user's own builders, known in this config only.
        folder: from which the paths in it count; None: from where the process stands.
    """

    def __init__(self, shapes: Iterable[ShapeLike] = (), folder: Path | None = None) -> None:
        self.own: dict[str, ShapeLike] = {}
        self.in_folder: dict[str, ShapeLike] = {} if folder is None else {"table_file": table_file_in(folder)}
        if not isinstance(shapes, Iterable):
            found = f"expected a list of functions, got {type(shapes).__name__}"
            raise InvalidArgument(f"shapes={shown(shapes)}", found, "Write shapes=[my_shape]")
        for builder in shapes:
            name = getattr(builder, "__name__", "")  # a partial or an instance has none
            if not callable(builder) or not name.isidentifier():
                raise InvalidArgument(f"shapes=[{builder!r}]", "no function with a name", "Write def my_shape(…): …")
            if SHAPES.get(name, builder) is not builder or self.own.get(name, builder) is not builder:
                raise InvalidArgument(f"shapes=[{name}]", "the name is taken", "Choose another name")
            self.own[name] = builder

    def find(self, name: str) -> ShapeLike | None:
        """The builder of that name; plugins are only loaded for a name nothing else has."""
        return self.in_folder.get(name) or SHAPES.get(name) or self.own.get(name) or plugin_shapes().get(name)

    def everything(self) -> Mapping[str, ShapeLike]:
        return {**plugin_shapes(), **self.own, **SHAPES}

    def called_in(self, text: str) -> Mapping[str, ShapeLike]:
        """The builders beyond the registered ones, or in place of them, that a line of text may call."""
        own = {**self.own, **self.in_folder} if "table_file" in text else self.own
        unknown = [name for name in _CALLED.findall(text) if name not in SHAPES and name not in self.own]
        return {**plugin_shapes(), **own} if unknown else own


@cache
def plugin_shapes() -> Mapping[str, ShapeLike]:
    """The shapes of installed packages, by the entry-point group `paramsched.shapes`; loaded once.

    An entry point names a builder, or a list of them.
    """
    found: dict[str, ShapeLike] = {}
    problems: list[str] = []
    for point in entry_points_of(ENTRY_POINTS):
        where = entry_point_in_words(point)
        try:
            loaded = point.load()
        except Exception as error:  # noqa: BLE001  # whatever a stranger's module does when it is imported
            problems.append(f"{where}: {type(error).__name__}: {error}. Update or uninstall the package")
            continue
        several: list[Any] = list(loaded) if isinstance(loaded, (list, tuple)) else [loaded]
        for given in several:
            name = getattr(given, "__name__", "")  # it may be anything
            if not callable(given) or not name.isidentifier():
                problems.append(f"{where}: {given!r} builds no schedule. Name a function, or a list of functions")
            elif SHAPES.get(name, given) is not given or found.get(name, given) is not given:
                problems.append(f"{where}: the name {name} is taken. Rename the function")
            else:
                found[name] = given
    if problems:
        raise ConfigError(f"entry points {ENTRY_POINTS}", problems)
    return found


# Scheduler classes of users: who knows them by name, and what a plan takes from them.
#
# A class says its values only when it runs, and running it needs torch. So the drop-ins of MMEngine, which know the
# classes, put a finder here; without them no class of a user's is known.


@final
@dataclass(frozen=True, slots=True)
class UserScheduler:
    """What a scheduler of a user's class does.

    Args:
        field: the entry of the param groups that it schedules.
        begin, end: its window, in its own ticks.
        by_epoch: whether it ticks once an epoch.
        rule: what it does at each tick of the window, up to the end of the run.
    """

    field: str
    begin: int
    end: int
    by_epoch: bool
    rule: Rule


UserClass: TypeAlias = Callable[[Mapping[str, Any], int | None, Callable[[bool], int | None]], UserScheduler]
"""From the arguments of a config, the iterations of an epoch where `convert_to_iter_based` asks for them (else None),
and the length of the run by epochs or iterations, to what the scheduler does.

It raises InvalidArgument where the class refuses the arguments, or its values are no rule.
"""

Finder: TypeAlias = Callable[[object], UserClass | None]
"""From what a config has at `type`, a name or a class, to the user's class; None where it is none."""

FINDERS: Final[list[Finder]] = []
"""CallSite in turn."""


def user_class(kind: object) -> UserClass | None:
    """The user's class that a config names, or is."""
    return next((found for finder in FINDERS if (found := finder(kind)) is not None), None)


def entry_points_of(group: str) -> list["EntryPoint"]:
    """Every entry point of a group, by its name; looking for them reads every installed package."""
    from importlib.metadata import entry_points

    return sorted(entry_points(group=group), key=lambda point: (point.name, point.value))


def entry_point_in_words(point: "EntryPoint") -> str:
    """An entry point as its package writes it, and the package."""
    return f'"{point.name} = {point.value}"' + (f" of {point.dist.name}" if point.dist else "")


def read_schedule_line(text: str, path: str, names: ShapeNames, diagnostics: DiagnosticCollector) -> Schedule | None:
    """The schedule that a line says; None where it says none. Its faults are noted, unless enough are listed."""
    if diagnostics.full:
        return None
    shapes = names.called_in(text)
    try:
        return parse(text, shapes=shapes.values())
    except InvalidArgument as refusal:
        for fault in faults_in(text, shapes.values()) or [refusal]:
            diagnostics.refuse(path, fault)
    return None


def read_expression(text: str, names: ShapeNames, prefix: str = "") -> Any:
    """What an expression says: a level, a curve, a rule.

    Args:
        prefix: what it may be written without, `curves.`
    """
    known = names.called_in(text).values()
    full = text if text.strip().startswith(prefix) else prefix + text.strip()
    try:
        return value_of_text(full, known)
    except InvalidArgument as refusal:
        if refusal.span is None:
            raise
        more = len(full) - len(text)
        raise refusal.changed(span=(max(refusal.span[0] - more, 0), max(refusal.span[1] - more, 0))) from None
