"""Text for terminals: its width in cells, styles, and lines that fit."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, TypeAlias

from paramsched.base.words import printable

Style: TypeAlias = Literal["dim", "bold", "good", "bad", "warning", "used", "mark"]

# Of the 256 colors of a terminal, those that are readable on white and black backgrounds.
_STYLES: Final[dict[Style, str]] = {
    "dim": "2", "bold": "1", "good": "1;38;5;28", "bad": "1;38;5;160", "warning": "1;38;5;166",
    "used": "1", "mark": "1",
}  # fmt: skip
"""The SGR parameters of each style. A log has the default text color, which is readable in every terminal."""

SEVERITY_STYLES: Final[dict[str, Style]] = {"error": "bad", "warning": "warning", "info": "dim"}
"""The style of each severity of a problem."""

Part: TypeAlias = tuple[str, Style | None]
"""A text and its style."""

Line: TypeAlias = Sequence[Part]
"""The parts of a line. If the line does not fit, the part after a `BREAK` starts a line of its own."""

BREAK: Final[Part] = ("", None)


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
    text, now = "", ""
    for character, style in cells:
        wanted = "" if style is None else f"38;5;{style}" if isinstance(style, int) else _STYLES[style]
        if wanted != now:
            text += ("\x1b[0m" if now else "") + (f"\x1b[{wanted}m" if wanted else "")
            now = wanted
        text += character
    return text + ("\x1b[0m" if now else "")


def plain_text(lines: Iterable[Line]) -> str:
    """Return lines without styles and without breaks.

    >>> plain_text([[("lr", "bold"), BREAK, (": cosine()", None)]])
    'lr: cosine()'
    """
    return "\n".join("".join(text for text, _ in line) for line in lines)


def terminal_text(lines: Iterable[Line], width: int, *, color: bool) -> str:
    r"""Return lines for a terminal: at most `width` cells wide, broken at spaces, with control characters escaped.

    A word that is wider than the terminal is kept whole, because it may be a path to copy.

    >>> print(terminal_text([[("plan.yaml: the period is longer than the run.", None), BREAK, ("Shorten it", None)]],
    ...                     30, color=False))
    plan.yaml: the period is
        longer than the run.
        Shorten it
    """
    rows = [row for line in lines for newline in _at_newlines(line) for row in _fitted(newline, width)]
    return "\n".join(painted((c, style if color else None) for c, style in row) for row in rows)


def _at_newlines(line: Line) -> Iterator[Line]:
    """Yield the lines of a line whose texts contain newlines."""
    parts: list[Part] = []
    for text, style in line:
        first, *more = text.split("\n")
        parts.append((first, style))
        for one in more:
            yield parts
            parts = [(one, style)]
    yield parts


_Cells: TypeAlias = list[tuple[str, Style | None]]


def _fitted(line: Line, width: int) -> Iterator[_Cells]:
    """Yield the rows of a line."""
    whole = _cells(line)
    if cell_width("".join(c for c, _ in whole)) <= width:
        yield whole
        return
    indent = len(whole) - len("".join(c for c, _ in whole).lstrip(" ")) + 4
    first, rest = True, list(line)
    while rest:
        end = rest.index(BREAK) if BREAK in rest else len(rest)
        cells, rest = _cells(rest[:end]), rest[end + 1 :]
        margin = 0 if first else indent
        cells = [(" ", None)] * margin + (cells if first else _stripped(cells))
        yield from _broken(cells, width, indent)
        first = False


def _cells(parts: Iterable[Part]) -> _Cells:
    return [(character, style) for text, style in parts for character in printable(text)]


def _stripped(cells: _Cells) -> _Cells:
    begin = next((place for place, (character, _) in enumerate(cells) if character != " "), len(cells))
    return cells[begin:]


def _broken(cells: _Cells, width: int, indent: int) -> Iterator[_Cells]:
    """Yield rows of at most `width` cells, broken at spaces. All but the first are indented."""
    while cells:
        text = "".join(character for character, _ in cells)
        at = _place_of_break(text, width)
        head, cells = cells[:at], _stripped(cells[at:])
        while head and head[-1][0] == " ":
            head.pop()
        yield head
        if cells:
            cells = [(" ", None)] * min(indent, width // 2) + cells


def _place_of_break(text: str, width: int) -> int:
    """Return the index of the space at which a text is broken, or its length. A break in front of `>>` is preferred."""
    if cell_width(text) <= width:
        return len(text)
    begin, used = len(text) - len(text.lstrip(" ")), 0
    spaces: list[int] = []
    for place, character in enumerate(text):
        used += cell_width(character)
        if character == " " and place > begin:
            if used > width + 1 and spaces:
                break
            spaces.append(place)
    stages = [place for place in spaces if text.startswith(" >> ", place) and place > width // 2]
    return (stages or spaces or [len(text)])[-1]


def table_rows(rows: Sequence[Sequence[str]], *, right: int = 0, width: int | None = None) -> list[str]:
    """Return the rows of a table with padded columns. The first `right` columns are aligned to the right.

    Control characters are escaped. If the table is wider than `width` cells, the widest of the other columns are
    narrowed, and their cells continue in the rows below. If that is not enough, the last columns are printed below.

    >>> table_rows([("lr", "0.1"), ("momentum", "0.95")], right=1)
    ['      lr  0.1', 'momentum  0.95']
    >>> table_rows([("gpt3-175b", "Brown et al. 2020 (2005.14165), appendix B")], width=40)
    ['gpt3-175b  Brown et al. 2020', '           (2005.14165), appendix B']
    """
    rows = [list(map(printable, row)) for row in rows]
    columns = list(zip(*rows, strict=True))
    widths = [max(map(cell_width, column)) for column in columns]
    shown = len(widths)
    if width is not None:
        spare = [
            max(size - max(_NARROW, *(cell_width(word) for cell in column for word in cell.split(" "))), 0)
            for size, column in zip(widths, columns, strict=True)
        ]
        spare[:right] = [0] * min(right, shown)
        while _width_of(widths) > width and any(spare):
            place = max((place for place, one in enumerate(spare) if one), key=lambda one: widths[one])
            widths[place] -= 1
            spare[place] -= 1
        while _width_of(widths[:shown]) > width and shown > 1:
            shown -= 1
    lines = []
    for row in rows:
        cells = [_cell_rows(cell, size) for cell, size in zip(row[:shown], widths[:shown], strict=True)]
        for index in range(max(map(len, cells))):
            texts = [cell[index] if index < len(cell) else "" for cell in cells]
            padded = [
                blank + text if place < right else text + blank
                for place, (text, size) in enumerate(zip(texts, widths[:shown], strict=True))
                for blank in [" " * (size - cell_width(text))]
            ]
            lines.append("  ".join(padded).rstrip())
        if width is not None and any(row[shown:]):
            below = "  ".join(filter(None, row[shown:]))
            lines += _texts(_fitted([(f"    {below}", None)], width))
    return lines


_NARROW = 24  # cells to which a column of text is narrowed at most


def _width_of(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _cell_rows(cell: str, width: int) -> list[str]:
    """Break the text of a cell at spaces into rows of at most `width` cells."""
    return _texts(_broken([(character, None) for character in cell], width, 0)) or [""]


def _texts(rows: Iterable[_Cells]) -> list[str]:
    return ["".join(character for character, _ in row) for row in rows]
