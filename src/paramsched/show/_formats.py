"""The formats of a picture's file, by suffix."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from paramsched.errors import InvalidArgument
from paramsched.show._curves import Curves
from paramsched.show._html import html
from paramsched.show._logged_run import RunsOrLog
from paramsched.show._matplotlib import pdf_file, png_file
from paramsched.show._svg import svg
from paramsched.show._view import View


class PictureFormat(Protocol):
    """A function that draws curves as the content of a file: text or bytes."""

    def __call__(
        self, trace: Curves, /, *, title: str, log: RunsOrLog, other: Curves | None, view: View
    ) -> str | bytes:
        """Draw a trace; `log` and `other` lie over it, as in `svg`, and `view` says on which axes."""


_Format = TypeVar("_Format", bound=PictureFormat)


def _svg_file(trace: Curves, /, *, title: str, log: RunsOrLog, other: Curves | None, view: View) -> str:
    """The picture of `svg`, which has no title."""
    del title
    return svg(trace, log=log, other=other, view=view)


FORMATS: dict[str, PictureFormat] = {".svg": _svg_file, ".html": html, ".png": png_file, ".pdf": pdf_file}
"""What draws the content of a file, by the end of the file's name.

The table belongs to the process, like that of shapes: a suffix has to mean the same everywhere in it.
"""


def picture_format(suffix: str) -> Callable[[_Format], _Format]:
    """Register a function that draws a picture as the content of a file.

    `paramsched plot -o NAME` calls it for every name that ends with `suffix`.

    Args:
        suffix: the end of the file's name, with its dot: `".vl.json"`.

    Raises:
        InvalidArgument: it is no suffix, or another function draws it.

    >>> @picture_format(".csv")
    ... def table(trace, /, *, title, log, other, view):
    ...     return " ".join(map(str, trace["lr", 0]))
    >>> format_of_file("plan.csv") is table
    True
    >>> del FORMATS[".csv"]
    """
    if not suffix.startswith(".") or suffix != suffix.lower():
        raise InvalidArgument(
            f"picture_format({suffix!r})",
            "a suffix begins with a dot and has no capitals",
            'Write picture_format(".vl.json")',
        )
    if suffix in FORMATS:
        raise InvalidArgument(
            f"picture_format({suffix!r})", "another function draws these files", f"Known are {', '.join(FORMATS)}"
        )

    def register(draw: _Format) -> _Format:
        FORMATS[suffix] = draw
        return draw

    return register


def format_of_file(file: str | Path) -> PictureFormat | None:
    """The function that draws a file, chosen by the end of its name; None if there is none. The longest suffix wins."""
    name = Path(file).name.lower()
    found = [suffix for suffix in FORMATS if name.endswith(suffix) and name != suffix]
    return FORMATS[max(found, key=len)] if found else None
