"""Schedule text in configs, the shapes that it may call, and scheduler classes of users."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, final

from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.schedules import SHAPES, Schedule
from paramsched.core.schedules.rules import Rule
from paramsched.core.schedules.table import table_file_in
from paramsched.core.schedules.text.parsing import read_line
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


# Scheduler classes of users.
#
# The values of such a class are known only when it runs, which requires torch. Therefore the drop-ins of MMEngine,
# which know the classes, register a finder here. Without them no user class is found.


@final
@dataclass(frozen=True, slots=True)
class UserScheduler:
    """A scheduler of a user's class.

    Args:
        field: the field of the param groups that it schedules.
        begin, end: the epochs or iterations `[begin, end)` in which the scheduler changes values.
        by_epoch: True if the scheduler counts epochs, False if it counts iterations.
        rule: the rule that computes the values, from `begin` to the end of the run.
    """

    field: str
    begin: int
    end: int
    by_epoch: bool
    rule: Rule


UserClass: TypeAlias = Callable[[Mapping[str, Any], int | None, Callable[[bool], int | None]], UserScheduler]
"""A function that returns the scheduler of a user's class.

Its parameters are the arguments in the config, the iterations per epoch if `convert_to_iter_based` requires them (else
None), and a function that returns the length of the run in epochs (True) or iterations (False). It raises
InvalidArgument if the class rejects the arguments, or if its values cannot be expressed as a rule.
"""

Finder: TypeAlias = Callable[[object], UserClass | None]
"""A function that returns the user's class for the `type` in a config, a name or a class; None if it is unknown."""

FINDERS: Final[list[Finder]] = []
"""The finders, in the order in which they are called."""


def user_class(kind: object) -> UserClass | None:
    """Return the `UserClass` function for the `type` in a config, a name or a class; None if it is unknown."""
    return next((found for finder in FINDERS if (found := finder(kind)) is not None), None)


def read_schedule_text(text: str, path: str, names: ShapeNames, diagnostics: DiagnosticCollector) -> Schedule | None:
    """Return the schedule of a text. If it is invalid, add diagnostics and return None."""
    if diagnostics.full:
        return None
    try:
        return read_line(text, names.called_in(text))
    except InvalidArgument as error:
        diagnostics.refuse(path, error)
        return None
