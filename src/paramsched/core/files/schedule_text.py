"""Schedule text in configs, and the shapes that it may call."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, final

from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.schedules import SHAPES, Schedule
from paramsched.core.schedules.table import table_file_in
from paramsched.core.schedules.text import read_line
from paramsched.errors import InvalidArgument, shown

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
