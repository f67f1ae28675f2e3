"""The shapes a config may name: registered ones, a user's own, and those of installed plugins."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, final

from paramsched.config._entry_points import entry_point_in_words, entry_points_of
from paramsched.errors import ConfigError, InvalidArgument
from paramsched.schedules import SHAPES
from paramsched.schedules.table_file import table_file_in

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

    Raises:
        InvalidArgument: one of them is no function with a name, or the name is taken.
    """

    def __init__(self, shapes: Iterable[ShapeLike] = (), folder: Path | None = None) -> None:
        self.own: dict[str, ShapeLike] = {}
        self.in_folder: dict[str, ShapeLike] = {} if folder is None else {"table_file": table_file_in(folder)}
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

    Raises:
        ConfigError: a plugin fails to load, gives no builder, or takes a name that is taken.
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
