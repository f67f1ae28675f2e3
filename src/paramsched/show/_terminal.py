"""What a terminal can draw; and the loss over the learning rate."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from paramsched.base.diagnostic import printable
from paramsched.show._curves import Envelope, Floats
from paramsched.show._scale import choose_scale
from paramsched.show._words import cell_width, clip_text, short_number, wrap_text

Dots: TypeAlias = NDArray[np.bool_]
"""Rows from the top, columns from the left."""

# The bit of each dot in the code of a braille character: four rows of two.
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])

Style: TypeAlias = int | Literal["dim", "bold", "good", "bad", "used", "mark"] | None
"""A curve's number, or the part something plays."""

Cell: TypeAlias = tuple[str, Style]

# Of the 256 colors, eight that are easily told apart and are readable on a white and on a black ground.
_CURVES = (33, 166, 29, 134, 100, 30, 197, 245)
# A log has the color of ordinary text, which is readable in every terminal.
_STYLES = {"dim": "2", "bold": "1", "good": "1;38;5;28", "bad": "1;38;5;160", "used": "1", "mark": "1"}
_ASCII = {
    "┤": "|",
    "│": "|",
    "└": "+",
    "┬": "+",
    "─": "-",
    "┴": "^",
    "┼": "^",
    "┄": ".",
    "≠": "!",
    "→": "->",
    "–": "-",
    "·": "-",
    "…": "...",
    "×": "x",
}


@final
@dataclass(frozen=True, slots=True)
class TerminalLines:
    """Collects lines none of which is wider than `width`."""

    width: int
    ascii: bool
    color: bool
    lines: list[str] = field(default_factory=list)

    def glyph(self, sign: str) -> str:
        """One of our own signs, or its ASCII twin."""
        return _ASCII[sign] if self.ascii else sign

    def safe(self, text: str) -> str:
        """Make a text printable here; our own signs get their ASCII twin, a user's an escape."""
        if self.ascii:
            text = "".join(_ASCII.get(c, c) for c in text)
        return printable(text, ascii=self.ascii)

    def cells(self, text: str, style: Style = None) -> list[Cell]:
        return [(character, style) for character in self.safe(text)]

    def add_line(self, *parts: Cell) -> None:
        """Add a line, cut at the width, without blanks at its end."""
        kept, used = [], 0
        for character, style in parts:
            used += cell_width(character)
            if used > self.width:
                break
            kept.append((character, style))
        while kept and kept[-1][0] == " ":
            kept.pop()
        self.lines.append(self._as_text(kept))

    def add_plot(self, rows: Iterable[Iterable[Cell]], labels: Mapping[int, str], gutter: int) -> None:
        """Add the rows of a plot, from the top, with labels left of its axis."""
        for index, row in enumerate(rows):
            label = labels.get(index, "")
            edge = self.glyph("┤" if label else "│")
            self.add_line(*self.cells(f"{label} ".rjust(gutter), "dim"), (edge, "dim"), *row)

    def add_wrapped(self, text: str, *, indent: int = 0, style: Style = None) -> None:
        """Add a text in as many lines as it needs, but three at most."""
        rest = self.glyph("…")
        for row in wrap_text(self.safe(text), self.width - indent, ellipsis=rest):
            self.add_line(*self.cells(" " * indent), *((c, style) for c in row))

    def add_title(self, title: str, schedule: str) -> None:
        """Add a panel's heading, with the schedule beside or below."""
        if self.lines:
            self.add_line()
        rest = self.glyph("…")
        field_name = clip_text(self.safe(title), self.width, rest)
        head: list[Cell] = [(c, "bold") for c in field_name]
        text = self.safe(schedule)
        if cell_width(field_name) + 3 + cell_width(text) <= self.width:
            self.add_line(*head, *self.cells("   " if text else ""), *((c, None) for c in text))
            return
        self.add_line(*head)
        for row in wrap_text(text, self.width - 2, ellipsis=rest):
            self.add_line(*self.cells("  "), *((c, None) for c in row))

    def add_entry(self, indent: int, name: str, levels: str, schedule: str | None, style: Style) -> None:
        """Add an entry of a legend, in one row if it fits."""
        rest = self.glyph("…")
        room = self.width - indent - 1
        label = clip_text(self.safe(name), room, rest)
        tail = self.safe("   ".join(filter(None, [levels, schedule])))
        head: list[Cell] = [*self.cells(" " * (indent + 1)), *((c, style) for c in label)]
        if not tail or cell_width(label) + 3 + cell_width(tail) <= room:
            self.add_line(*head, *((c, None) for c in "   " * bool(label) + tail))
            return
        self.add_line(*head)
        for row in wrap_text(tail, room - 2, ellipsis=rest):
            self.add_line(*self.cells(" " * (indent + 3)), *((c, None) for c in row))

    def text(self) -> str:
        return "\n".join(self.lines)

    def _as_text(self, parts: list[Cell]) -> str:
        """Cells as text; a color is written only where it changes."""
        if not self.color:
            return "".join(character for character, _ in parts)
        painted, now = "", ""
        for character, style in parts:
            wanted = self._color_code(style)
            if wanted != now:
                painted += ("\x1b[0m" if now else "") + (f"\x1b[{wanted}m" if wanted else "")
                now = wanted
            painted += character
        return painted + ("\x1b[0m" if now else "")

    def _color_code(self, style: Style) -> str:
        """The numbers of a style in an escape sequence."""
        if style is None:
            return ""
        return f"38;5;{_CURVES[style % 8]}" if isinstance(style, int) else _STYLES[style]


def dots_of_curve(low: Floats, high: Floats, rows: int) -> Dots:
    """Fill each column from its lowest to its highest fraction, and join it to the column before it.

    >>> line = np.array([0.0, 0.5, 1.0])
    >>> dots_of_curve(line, line, 3).astype(int)
    array([[0, 0, 1],
           [0, 1, 0],
           [1, 0, 0]])
    """
    empty = np.isnan(low)
    top = np.rint((1 - np.where(empty, 0, high)) * (rows - 1)).astype(int)
    bottom = np.rint((1 - np.where(empty, 0, low)) * (rows - 1)).astype(int)
    joined_top, joined_bottom = top.copy(), bottom.copy()
    joined_top[1:] = np.where(empty[:-1], top[1:], np.minimum(top[1:], bottom[:-1] + 1))
    joined_bottom[1:] = np.where(empty[:-1], bottom[1:], np.maximum(bottom[1:], top[:-1] - 1))
    row = np.arange(rows)[:, None]
    filled: Dots = (row >= joined_top) & (row <= joined_bottom) & ~empty
    return filled


def braille_characters(filled: Dots) -> list[list[str]]:
    """Write four rows by two columns of dots as one character; "" where there are none.

    >>> braille_characters(np.array([[1, 0], [0, 1], [0, 0], [0, 0]], dtype=bool))
    [['⠑']]
    """
    rows, columns = filled.shape[0] // 4, filled.shape[1] // 2
    codes = (filled.reshape(rows, 4, columns, 2) * _BITS[None, :, None, :]).sum(axis=(1, 3))
    return [[chr(0x2800 + code) if code else "" for code in row] for row in codes.tolist()]


def ascii_characters(filled: Dots, glyph: str) -> list[list[str]]:
    """Write each dot as the same character."""
    return [[glyph if dot else "" for dot in row] for row in filled.tolist()]


def row_of_labels(labels: Iterable[tuple[int, str]], columns: int) -> str:
    """Labels at their columns, in a row; one that touches an earlier one is left out."""
    line = [" "] * columns
    for column, label in labels:
        begin = min(max(column - len(label) // 2, 0), columns - len(label))
        around = line[max(begin - 1, 0) : begin + len(label) + 1]
        if begin >= 0 and not "".join(around).strip():
            line[begin : begin + len(label)] = label
    return "".join(line)


def loss_by_rate(
    rates: Floats, losses: Floats, marks: Mapping[str, float], *, width: int = 80, ascii: bool = False
) -> str:
    """Draw a loss over rates that grow by the same ratio, with a mark below each named rate.

    Args:
        rates, losses: equally many.
        marks: rates by name.
        width: of the picture, 40 or more.
        ascii: draw without characters of Unicode.

    >>> losses = np.array([2, 2, 1.8, 1.5, 1.0, 0.5, 0.4, 0.8, 2.0])
    >>> print(loss_by_rate(np.geomspace(1e-3, 1.0, 9), losses, {"valley": 0.03}, width=40, ascii=True))
    loss
      2.0 |*******                         *
          |       ****                    *
      1.5 |           ***                *
          |              *               *
      1.0 |               ***           *
          |                  *        **
      0.5 |                   ********
          |
        0 |
          ++----------+----^----+----------+
    lr     0.001    0.01       0.1         1
                           ^ valley 0.03
    """
    height = 9
    terminal = TerminalLines(max(width, 40), ascii, False)
    scale = choose_scale([Envelope(losses, losses)])
    labels = [terminal.safe(label) for _, label in scale.ticks]
    gutter = max(6, *(cell_width(label) + 2 for label in labels))
    columns = terminal.width - gutter - 1
    down, across = (1, 1) if ascii else (4, 2)
    logs = np.log10(rates)
    places = np.linspace(logs[0], logs[-1], columns * across)
    drawn = scale.fraction(np.interp(places, logs, losses))
    filled = dots_of_curve(drawn, drawn, height * down)
    rows = ascii_characters(filled, "*") if ascii else braille_characters(filled)
    ticks = {
        round((1 - float(scale.fraction(np.array([value]))[0])) * (height - 1)): label for value, label in scale.ticks
    }

    def column(rate: float) -> int:
        share = (math.log10(rate) - logs[0]) / (logs[-1] - logs[0]) if len(rates) > 1 else 0.0
        return round(min(max(share, 0.0), 1.0) * (columns - 1))

    terminal.add_title("loss", "")
    terminal.add_plot((((c or " ", None) for c in row) for row in rows), ticks, gutter)
    first, last = math.ceil(logs[0] - 1e-9), math.floor(logs[-1] + 1e-9)
    decades = {column(10.0**power): short_number(10.0**power, 3) for power in range(first, last + 1)}
    under = {column(rate) for rate in marks.values()}
    axis: list[Cell] = [
        (terminal.glyph("┴" if c in under else "┬" if c in decades else "─"), "dim") for c in range(columns)
    ]
    terminal.add_line(*terminal.cells(" " * gutter), (terminal.glyph("└"), "dim"), *axis)
    terminal.add_line(*terminal.cells(f"{'lr'.ljust(gutter)} {row_of_labels(sorted(decades.items()), columns)}", "dim"))
    for name, rate in sorted(marks.items(), key=lambda mark: mark[1]):
        told = f"{terminal.glyph('┴')} {name} {short_number(rate, 2)}"
        begin = min(column(rate), columns - len(told))
        terminal.add_line(*terminal.cells(" " * (gutter + 1 + max(begin, 0)) + told))
    return terminal.text()
