"""Text for terminals: its width in cells, styles of pictures, and tables."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from paramsched.base.words import printable

Style: TypeAlias = Literal["dim", "bold", "good", "bad", "warning", "used", "mark"]

# Of the 256 colors of a terminal, those that are readable on white and black backgrounds.
_STYLES: Final[dict[Style, str]] = {
    "dim": "2", "bold": "1", "good": "1;38;5;28", "bad": "1;38;5;160", "warning": "1;38;5;166",
    "used": "1", "mark": "1",
}  # fmt: skip
"""The SGR parameters of each style. A log has the default text color, which is readable in every terminal."""


def cell_width(text: str) -> int:
    r"""Return the width of a text in terminal cells: two per wide character, none per combining mark.

    >>> cell_width("lr"), cell_width("学習率"), cell_width("e\u0301")
    (2, 6, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def painted(cells: Iterable[tuple[str, Style | int | None]]) -> str:
    r"""Return characters with their styles as text; a style is written only when it changes.

    Args:
        cells: each character with the name of its style, the number of one of 256 colors, or None.

    >>> painted([("l", "bold"), ("r", "bold"), (":", None)])
    '\x1b[1mlr\x1b[0m:'
    """
    text = ""
    now = ""
    for character, style in cells:
        wanted = "" if style is None else f"38;5;{style}" if isinstance(style, int) else _STYLES[style]
        if wanted != now:
            text += ("\x1b[0m" if now else "") + (f"\x1b[{wanted}m" if wanted else "")
            now = wanted
        text += character
    return text + ("\x1b[0m" if now else "")


def table_rows(rows: Sequence[Sequence[str]], *, right: int = 0) -> list[str]:
    """Return the rows of a table with padded columns. The first `right` columns are aligned to the right.

    Control characters are escaped.

    >>> table_rows([("lr", "0.1"), ("momentum", "0.95")], right=1)
    ['      lr  0.1', 'momentum  0.95']
    """
    rows = [list(map(printable, row)) for row in rows]
    widths = [max(map(cell_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = [
            blank + text if index < right else text + blank
            for index, (text, size) in enumerate(zip(row, widths, strict=True))
            for blank in [" " * (size - cell_width(text))]
        ]
        lines.append("  ".join(padded).rstrip())
    return lines
