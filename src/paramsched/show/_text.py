"""Draw a plan as text for a terminal, and a loss over the learning rate."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from paramsched.base.terminal import Style as NamedStyle
from paramsched.base.terminal import cell_width, painted
from paramsched.base.words import printable
from paramsched.errors import InvalidArgument
from paramsched.show._axes import AS_VALUES_ASK, TimeAxis, View, choose_scale, clip_text, short_number, wrap_text
from paramsched.show._panels import picture
from paramsched.show._picture import DrawnCurve, Panel
from paramsched.show.plan_curves import Curves, Envelope, Floats, RunsOrLog, Times, distinct_times, envelope

_MIN_WIDTH = 24
_MAX_ENTRIES = 8  # curves listed in a legend; of all others only the number is shown
_ASCII_CURVES = "*+ox#@%&"
_AXIS_SIGNS = {(False, False): "─", (True, False): "┬", (False, True): "┴", (True, True): "┼"}
"""The signs of the time axis, by whether they have a tick and whether they have a breakpoint."""

Dots: TypeAlias = NDArray[np.bool_]
"""A matrix of dots: rows from the top, columns from the left."""

# The bit of each dot in the code point of a braille character, four rows by two columns.
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])

Style: TypeAlias = int | NamedStyle | None
"""The color number of a curve, or the name of a style."""

Cell: TypeAlias = tuple[str, Style]

# Eight of the 256 colors of a terminal, easy to distinguish and readable on white and black backgrounds.
_CURVES = (33, 166, 29, 134, 100, 30, 197, 245)
_ASCII = str.maketrans({"→": "->", "…": "..."} | dict(zip("┤│└┬─┴┼┄≠–·×", "||++-^^.!--x", strict=True)))


@final
@dataclass(frozen=True, slots=True)
class TerminalLines:
    """Lines of text that are at most `width` cells wide."""

    width: int
    ascii: bool
    color: bool
    lines: list[str] = field(default_factory=list)

    def glyph(self, sign: str) -> str:
        """Return a symbol of a picture, or its ASCII replacement if only ASCII is allowed."""
        return sign.translate(_ASCII) if self.ascii else sign

    def safe(self, text: str) -> str:
        """Make text printable. If only ASCII is allowed, replace symbols of a picture and escape other characters."""
        return printable(self.glyph(text), ascii=self.ascii)

    def cells(self, text: str, style: Style = None) -> list[Cell]:
        return [(character, style) for character in self.safe(text)]

    def add_line(self, *parts: Cell) -> None:
        """Add a line, cut at the width, without trailing blanks."""
        kept = []
        used = 0
        for character, style in parts:
            used += cell_width(character)
            if used > self.width:
                break
            kept.append((character, style))
        while kept and kept[-1][0] == " ":
            kept.pop()
        self.lines.append(painted((character, self._shown(style)) for character, style in kept))

    def _shown(self, style: Style) -> Style:
        if not self.color:
            return None
        return _CURVES[style % 8] if isinstance(style, int) else style

    def add_plot(self, rows: Iterable[Iterable[Cell]], labels: Mapping[int, str], gutter: int) -> None:
        """Add the rows of a plot from the top, with labels to the left of its axis."""
        for index, row in enumerate(rows):
            label = labels.get(index, "")
            edge = self.glyph("┤" if label else "│")
            self.add_line(*self.cells(f"{label} ".rjust(gutter), "dim"), (edge, "dim"), *row)

    def add_wrapped(self, text: str, *, indent: int = 0, style: Style = None) -> None:
        """Add a text in up to three lines."""
        rest = self.glyph("…")
        for row in wrap_text(self.safe(text), self.width - indent, ellipsis=rest):
            self.add_line(*self.cells(" " * indent), *((c, style) for c in row))

    def add_headed(self, name: str, text: str, style: Style, *, indent: int = 0) -> None:
        """Add a name with a text to its right, or below it if they do not fit in one row."""
        rest = self.glyph("…")
        space = self.width - indent
        label = clip_text(self.safe(name), space, rest)
        tail = self.safe(text)
        head: list[Cell] = [*self.cells(" " * indent), *((c, style) for c in label)]
        if not tail or cell_width(label) + 3 + cell_width(tail) <= space:
            self.add_line(*head, *((c, None) for c in "   " * bool(label) + tail))
            return
        self.add_line(*head)
        for row in wrap_text(tail, space - 2, ellipsis=rest):
            self.add_line(*self.cells(" " * (indent + 2)), *((c, None) for c in row))

    def text(self) -> str:
        return "\n".join(self.lines)


def dots_of_curve(low: Floats, high: Floats, rows: int) -> Dots:
    """Return the dots of a curve: each column is filled from `low` to `high` and joined to the previous column.

    >>> line = np.array([0.0, 0.5, 1.0])
    >>> dots_of_curve(line, line, 3).astype(int)
    array([[0, 0, 1],
           [0, 1, 0],
           [1, 0, 0]])
    """
    empty = np.isnan(low)
    top = np.rint((1 - np.nan_to_num(high)) * (rows - 1)).astype(int)
    bottom = np.rint((1 - np.nan_to_num(low)) * (rows - 1)).astype(int)
    joined_top = top.copy()
    joined_bottom = bottom.copy()
    joined_top[1:] = np.where(empty[:-1], top[1:], np.minimum(top[1:], bottom[:-1] + 1))
    joined_bottom[1:] = np.where(empty[:-1], bottom[1:], np.maximum(bottom[1:], top[:-1] - 1))
    row = np.arange(rows)[:, None]
    filled: Dots = (row >= joined_top) & (row <= joined_bottom) & ~empty
    return filled


def braille_characters(filled: Dots) -> list[list[str]]:
    """Convert each block of four rows by two columns of dots to one character; "" for a block without dots.

    >>> braille_characters(np.array([[1, 0], [0, 1], [0, 0], [0, 0]], dtype=bool))
    [['⠑']]
    """
    rows = filled.shape[0] // 4
    columns = filled.shape[1] // 2
    codes = (filled.reshape(rows, 4, columns, 2) * _BITS[None, :, None, :]).sum(axis=(1, 3))
    return [[chr(0x2800 + code) if code else "" for code in row] for row in codes.tolist()]


def ascii_characters(filled: Dots, glyph: str) -> list[list[str]]:
    """Convert each dot to the character `glyph`; "" for a cell without a dot."""
    return [[glyph if dot else "" for dot in row] for row in filled.tolist()]


def row_of_labels(labels: Iterable[tuple[int, str]], columns: int) -> str:
    """Write labels at their columns in a row; omit a label that touches an earlier one."""
    line = [" "] * columns
    for column, label in labels:
        begin = min(max(column - len(label) // 2, 0), columns - len(label))
        around = line[max(begin - 1, 0) : begin + len(label) + 1]
        if begin >= 0 and not "".join(around).strip():
            line[begin : begin + len(label)] = label
    return "".join(line)


def text(
    trace: Curves,
    *,
    width: int | None = None,
    height: int = 9,
    ascii: bool = False,
    color: bool = False,
    log: RunsOrLog = None,
    other: Curves | None = None,
    view: View = AS_VALUES_ASK,
) -> str:
    """Draw a trace as text.

    Each field has a panel with its own scale. `┴` on the axis marks a breakpoint, and `≠` below it marks updates at
    which compared curves differ. A value that only one update uses is visible at every width.

    Args:
        trace: the curves of a plan.
        width: maximum width of a line in cells, at least 24; None means 80, whatever the width of the terminal.
        height: rows of each plot, at least 2.
        ascii: use only ASCII characters.
        color: use ANSI colors.
        log: the values that a run used, drawn dotted over the plan, or runs (`LoggedRun`) with their metrics.
        other: a second plan, drawn dotted over the first.
        view: options for the axes, such as `View(log=True)`.

    Raises:
        InvalidArgument: if the size is too small, or the log does not fit the trace.

    >>> from paramsched.show import curves_from_values
    >>> values = {("lr", ""): [0, 1, 2, 3, 4, 4, 4, 4, 2, 0]}
    >>> curve = curves_from_values(values, lines={("lr", ""): "ramp"})
    >>> print(text(curve, width=30, height=3, ascii=True))
    lr   ramp
           4 |      **********
           2 |    **          **
           0 |****              **
             ++---------+--------+
              0
     updates  0         5       10
    """
    chosen = 80 if width is None else width
    if chosen < _MIN_WIDTH or height < 2:
        raise InvalidArgument(
            f"text(width={width!r}, height={height!r})",
            f"the width must be at least {_MIN_WIDTH} and the height at least 2",
            "For example: text(trace, width=80, height=9).",
        )
    whole = picture(trace, log=log, other=other, view=view)
    terminal = TerminalLines(chosen, ascii, color)
    labels = [terminal.safe(label) for panel in whole.panels for _, label in panel.scale.ticks]
    gutter = min(max(9, *(cell_width(label) + 2 for label in labels)), chosen // 3)
    columns = chosen - gutter - 1
    ticks = tuple(
        (min(int(tick.place * columns + 1e-9), columns - 1), tick.label, tick.second)
        for tick in whole.axis.ticks(max(columns // 12, 2))
    )
    layout = _Layout(gutter, columns, whole.axis, ticks)
    for panel in whole.panels:
        _add_text_panel(terminal, panel, layout, height)
    rows = [(whole.axis.unit, [(column, label) for column, label, _ in ticks])]
    if whole.axis.second:
        rows.append((whole.axis.second, [(column, second) for column, _, second in ticks]))
    for unit, times in rows:
        # In reverse order, because the later of two colliding labels is kept.
        line = row_of_labels(reversed(times), columns)
        terminal.add_line(*terminal.cells(f"{f'{unit} '.rjust(gutter)} {line}", "dim"))
    if whole.verdicts:
        terminal.add_line()
    for verdict in whole.verdicts:
        terminal.add_wrapped(verdict.text, style="bad" if verdict.differs else "good")
    return terminal.text()


@final
@dataclass(frozen=True, slots=True)
class _Layout:
    """The layout that all panels share.

    `ticks` are (column, label in the first row, label in the second row).
    """

    gutter: int
    columns: int
    axis: TimeAxis
    ticks: tuple[tuple[int, str, str], ...]

    def columns_of(self, times: Times) -> set[int]:
        """Return the columns of the plot that contain the times."""
        return set(distinct_times(self.axis.columns_of(times, self.columns)).tolist())


def _add_text_panel(terminal: TerminalLines, panel: Panel, layout: _Layout, height: int) -> None:
    """Add one field: heading, plot with its axes, legend and notes."""
    if terminal.lines:
        terminal.add_line()
    terminal.add_headed(panel.field, panel.heading, "bold")
    tick_rows = panel.scale.ticks
    while len(tick_rows) > max(height, 2):
        tick_rows = tick_rows[::-2][::-1]  # keep the highest tick
    spaces = len(tick_rows) - 1
    height = max((height - 1) // spaces * spaces + 1, 2)  # so that the ticks are equally far apart
    plot = _plot_rows(terminal, panel, layout, height)
    labels: dict[int, str] = {}
    for value, label in tick_rows:
        row = round((1 - float(panel.scale.fraction(np.array([value]))[0])) * (height * 4 - 1)) // 4
        labels.setdefault(row, label)
    terminal.add_plot(plot, labels, layout.gutter)
    down = {column for column, _, _ in layout.ticks}
    up = layout.columns_of(panel.breakpoints)
    axis = [*terminal.cells(" " * layout.gutter), (terminal.glyph("└"), "dim")]
    for c in range(layout.columns):
        sign = _AXIS_SIGNS[c in down, c in up]
        axis.append((terminal.glyph(sign), "mark" if c in up else "dim"))
    terminal.add_line(*axis)
    if panel.differing.size:
        marked = layout.columns_of(panel.differing)
        unequal = terminal.glyph("≠")
        signs: list[Cell] = [(unequal if c in marked else " ", "bad") for c in range(layout.columns)]
        terminal.add_line(*terminal.cells(" " * (layout.gutter + 1)), *signs)
    _add_legend(terminal, panel, layout.gutter + 1)
    for note in panel.notes:
        terminal.add_wrapped(note.text, indent=layout.gutter + 1, style="bad" if note.differs else "dim")


def _add_legend(terminal: TerminalLines, panel: Panel, indent: int) -> None:
    """Add a line for each curve, for each run if values differ from the plan, and for the breakpoints."""
    entries = panel.plan_legend
    for entry in entries[:_MAX_ENTRIES]:
        mark = "┄"
        if entry.curve.kind in ("plan", "metric"):
            mark = _curve_letter(panel, entry.curve)
            mark = _ascii_curve(entry.curve) if mark and terminal.ascii else mark
        name = " ".join(filter(None, [mark, entry.label]))
        text = "   ".join(filter(None, [entry.levels, entry.schedule]))
        terminal.add_headed(name, text, entry.curve.color, indent=indent)
    more = len(entries) - _MAX_ENTRIES
    if more > 0:
        terminal.add_headed(f"… and {more} more curve{'s' if more > 1 else ''}", "", "dim", indent=indent)
    for entry in panel.log_legend if panel.differing.size else ():
        mark = _log_glyph(entry.curve) if terminal.ascii else "┄"
        terminal.add_headed(f"{mark} {entry.owner}", "", _log_style(entry.curve), indent=indent)
    if panel.breakpoints.size:
        terminal.add_headed(f"┴ {panel.breakpoint_summary(4)}", "", "dim", indent=indent)


def _ascii_curve(curve: DrawnCurve) -> str:
    return _ASCII_CURVES[curve.color % len(_ASCII_CURVES)]


def _curve_letter(panel: Panel, curve: DrawnCurve) -> str:
    """Return the letter that marks a curve; "" if there is only one curve, or more than eight."""
    return "abcdefgh"[curve.color % 8] if 1 < len(panel.curves) <= _MAX_ENTRIES else ""


def _plot_rows(terminal: TerminalLines, panel: Panel, layout: _Layout, height: int) -> list[list[Cell]]:
    """Return the rows of a plot, from the top."""
    columns = layout.columns
    plot: list[list[Cell]] = [[(" ", None)] * columns for _ in range(height)]
    # Dots per cell: one in ASCII, four rows by two columns in braille.
    down, across = (1, 1) if terminal.ascii else (4, 2)
    every: list[tuple[DrawnCurve, Dots]] = []
    for curve in panel.every_curve:
        low, high = envelope(curve.times, curve.values, layout.axis.edges(columns * across))
        if curve.kind == "metric":
            low = _joined_columns(low)
            high = _joined_columns(high)
        above = panel.scale.fraction(high)
        below = panel.scale.fraction(low)
        # If the values in a column cross 0, a logarithmic axis shows the positive ones.
        filled = dots_of_curve(np.where(np.isnan(below) & ~np.isnan(above), 0.0, below), above, height * down)
        every.append((curve, filled))
    planned = np.logical_or.reduce(
        [np.zeros((height * down, columns * across), bool), *(f for c, f in every if c.kind in ("plan", "metric"))]
    )
    under: Dots = np.zeros_like(planned)
    for curve, filled in every:
        if curve.kind in ("log", "other"):
            # A solid line would hide the plan, so the log is dotted and omitted where both coincide.
            filled = filled & ~planned
            upright = filled & (filled.sum(axis=0) > 2)  # dotting must not remove a spike
            filled[:, np.arange(filled.shape[1]) % 3 == 2] &= upright[:, 2::3]
        style: Style = _log_style(curve) if curve.kind == "log" else curve.color
        if terminal.ascii:
            glyph = {"log": _log_glyph(curve), "other": ":"}.get(curve.kind, _ascii_curve(curve))
            rows = ascii_characters(filled, glyph)
        else:
            under = under | filled
            rows = braille_characters(under)
        cells = filled.reshape(height, down, columns, across).any(axis=(1, 3))
        for r, c in zip(*np.nonzero(cells), strict=True):
            plot[r][c] = (rows[r][c], style)
    if not terminal.ascii:
        _place_letters(panel, plot, [f for c, f in every if c.kind in ("plan", "metric")])
    return plot


def _joined_columns(values: Floats) -> Floats:
    present = np.flatnonzero(~np.isnan(values))
    if present.size == 0:
        return values
    return np.interp(np.arange(values.size), present, values[present], left=np.nan, right=np.nan)


def _log_style(curve: DrawnCurve) -> Style:
    return curve.color if curve.owner else "used"


def _log_glyph(curve: DrawnCurve) -> str:
    return ".,'`"[curve.color % 4] if curve.owner else "."


def _place_letters(panel: Panel, plot: list[list[Cell]], filled: list[Dots]) -> None:
    """Write the letter of each curve on it, on a flat part if possible, and far from other curves."""
    if not 1 < len(panel.curves) <= _MAX_ENTRIES:
        return
    columns = len(plot[0])
    rows = np.arange(len(plot) * 4)[:, None]
    middle = [np.where(f.any(axis=0), (f * rows).sum(axis=0) / np.maximum(f.sum(axis=0), 1), np.nan) for f in filled]
    for index, curve in enumerate(panel.curves):
        some = [(step + index) * columns // 25 % columns for step in range(1, 24)]
        flat = [c for c in some if filled[index][:, 2 * c : 2 * c + 2].sum(axis=0).max() <= 2]
        cell = _place_apart(index, middle, flat) or _place_apart(index, middle, range(columns))
        if cell is not None:
            plot[cell[0]][cell[1]] = (_curve_letter(panel, curve), curve.color)


def _place_apart(index: int, middle: Sequence[Floats], columns: Iterable[int]) -> tuple[int, int] | None:
    """Return the row and column of the cell in which a curve is farthest from other curves; None if it has only gaps.

    Args:
        index: the index of the curve.
        middle: the height of each curve at each dot, in dots from the top; NaN in gaps.
        columns: the columns to search.
    """
    best = -math.inf
    cell = None
    for column in columns:
        here = middle[index][2 * column : 2 * column + 2]
        if np.isnan(here).any():
            continue
        apart = [
            float(np.nanmin(np.abs(m[2 * column : 2 * column + 2] - here)))
            for i, m in enumerate(middle)
            if i != index and not np.isnan(m[2 * column : 2 * column + 2]).all()
        ]
        nearest = min(apart, default=math.inf)
        if nearest > best + 0.5:
            best = nearest
            cell = (int(here[0]) // 4, column)
    return cell


def loss_by_rate(
    rates: Floats, losses: Floats, marks: Mapping[str, float], *, width: int = 80, ascii: bool = False
) -> str:
    """Draw a loss over learning rates that grow by a constant factor, with a mark below each named rate.

    Args:
        rates, losses: the learning rates and the losses, of the same length.
        marks: the marked rates by name.
        width: width of the picture in cells, at least 40.
        ascii: use only ASCII characters.

    >>> losses = np.array([2, 2, 1.8, 1.5, 1.0, 0.5, 0.4, 0.8, 2.0])
    >>> rates, marks = np.geomspace(1e-3, 1.0, 9), {"valley": 0.03}
    >>> print(loss_by_rate(rates, losses, marks, width=40, ascii=True))
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
    logs_of_dots = np.linspace(logs[0], logs[-1], columns * across)
    heights = scale.fraction(np.interp(logs_of_dots, logs, losses))
    filled = dots_of_curve(heights, heights, height * down)
    rows = ascii_characters(filled, "*") if ascii else braille_characters(filled)
    ticks = {
        round((1 - float(scale.fraction(np.array([value]))[0])) * (height - 1)): label for value, label in scale.ticks
    }

    def column(rate: float) -> int:
        share = (math.log10(rate) - logs[0]) / (logs[-1] - logs[0]) if len(rates) > 1 else 0.0
        return round(min(max(share, 0.0), 1.0) * (columns - 1))

    terminal.add_headed("loss", "", "bold")
    terminal.add_plot((((c or " ", None) for c in row) for row in rows), ticks, gutter)
    first = math.ceil(logs[0] - 1e-9)
    last = math.floor(logs[-1] + 1e-9)
    decades = {column(10.0**power): short_number(10.0**power) for power in range(first, last + 1)}
    under = {column(rate) for rate in marks.values()}
    axis: list[Cell] = []
    for c in range(columns):
        sign = "┬" if c in decades else "─"
        axis.append((terminal.glyph("┴" if c in under else sign), "dim"))
    terminal.add_line(*terminal.cells(" " * gutter), (terminal.glyph("└"), "dim"), *axis)
    terminal.add_line(*terminal.cells(f"{'lr'.ljust(gutter)} {row_of_labels(sorted(decades.items()), columns)}", "dim"))
    for name, rate in sorted(marks.items(), key=lambda mark: mark[1]):
        label = f"{terminal.glyph('┴')} {name} {short_number(rate, 2)}"
        begin = min(column(rate), columns - len(label))
        terminal.add_line(*terminal.cells(" " * (gutter + 1 + max(begin, 0)) + label))
    return terminal.text()
