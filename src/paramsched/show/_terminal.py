"""Lines for a terminal: of a given width, with or without color and Unicode."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final

from paramsched._printable import printable
from paramsched.show._words import cells, clip, wrap

Style: TypeAlias = int | Literal["dim", "bold", "good", "bad", "used", "mark"] | None
"""A curve's number, or the part something plays."""

Cell: TypeAlias = tuple[str, Style]
"""A character and its style."""

# Of the 256 colors those that are told apart and stand out from a white ground as well as from a black one.
_CURVES = (33, 166, 29, 134, 100, 30, 197, 245)
# What was used has the color of ordinary text, which is readable wherever the user reads.
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
    "≤": "<=",
    "→": "->",
    "–": "-",
    "·": "-",
    "…": "...",
    "×": "x",
}


@final
@dataclass(frozen=True, slots=True)
class Terminal:
    """Collects lines none of which is wider than `width`."""

    width: int
    ascii: bool
    color: bool
    lines: list[str] = field(default_factory=list)

    def glyph(self, sign: str) -> str:
        return _ASCII[sign] if self.ascii else sign

    def safe(self, text: str) -> str:
        """Make a text printable here; our own signs get their ASCII twin, a user's an escape."""
        if self.ascii:
            text = "".join(_ASCII.get(c, c) for c in text)
        return printable(text, ascii=self.ascii)

    def cells(self, text: str, style: Style = None) -> list[Cell]:
        return [(character, style) for character in self.safe(text)]

    def line(self, *parts: Cell) -> None:
        """Add a line, cut at the width, without blanks at its end."""
        kept, used = [], 0
        for character, style in parts:
            used += cells(character)
            if used > self.width:
                break
            kept.append((character, style))
        while kept and kept[-1][0] == " ":
            kept.pop()
        self.lines.append(self._painted(kept))

    def wrapped(self, text: str, *, indent: int = 0, style: Style = None) -> None:
        rest = self.glyph("…")
        for row in wrap(self.safe(text), self.width - indent, ellipsis=rest):
            self.line(*self.cells(" " * indent), *((c, style) for c in row))

    def titled(self, title: str, line: str) -> None:
        """Add a panel's heading: the field, and its schedule beside it or below."""
        if self.lines:
            self.line()
        rest = self.glyph("…")
        field_name = clip(self.safe(title), self.width, rest)
        head: list[Cell] = [(c, "bold") for c in field_name]
        said = self.safe(line)
        if cells(field_name) + 3 + cells(said) <= self.width:
            self.line(*head, *self.cells("   " if said else ""), *((c, None) for c in said))
            return
        self.line(*head)
        for row in wrap(said, self.width - 2, ellipsis=rest):
            self.line(*self.cells("  "), *((c, None) for c in row))

    def entry(self, indent: int, name: str, course: str, line: str, style: Style) -> None:
        """Add an entry of a legend: name, course and schedule, in one row if they fit."""
        rest = self.glyph("…")
        room = self.width - indent - 1
        label = clip(self.safe(name), room, rest)
        tail = self.safe("   ".join(filter(None, [course, line])))
        head: list[Cell] = [*self.cells(" " * (indent + 1)), *((c, style) for c in label)]
        if not tail or cells(label) + 3 + cells(tail) <= room:
            self.line(*head, *((c, None) for c in "   " * bool(label) + tail))
            return
        self.line(*head)
        for row in wrap(tail, room - 2, ellipsis=rest):
            self.line(*self.cells(" " * (indent + 3)), *((c, None) for c in row))

    def text(self) -> str:
        return "\n".join(self.lines)

    def _painted(self, parts: list[Cell]) -> str:
        if not self.color:
            return "".join(character for character, _ in parts)
        painted, now = "", ""
        for character, style in parts:
            wanted = self._code(style)
            if wanted != now:
                painted += ("\x1b[0m" if now else "") + (f"\x1b[{wanted}m" if wanted else "")
                now = wanted
            painted += character
        return painted + ("\x1b[0m" if now else "")

    def _code(self, style: Style) -> str:
        if style is None:
            return ""
        return f"38;5;{_CURVES[style % 8]}" if isinstance(style, int) else _STYLES[style]
