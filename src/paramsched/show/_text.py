"""A plan as text for a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from paramsched.errors import InvalidArgument
from paramsched.show._compare import RunsOrLog
from paramsched.show._curves import Curves, Floats, Times, distinct_times, envelope
from paramsched.show._panels import picture
from paramsched.show._picture import DrawnCurve, Panel, Picture
from paramsched.show._scale import AS_VALUES_ASK, View
from paramsched.show._terminal import (
    Cell,
    Dots,
    Style,
    TerminalLines,
    ascii_characters,
    braille_characters,
    dots_of_curve,
    row_of_labels,
)
from paramsched.show._words import TimeAxis, cell_width

_NARROWEST = 24
_MOST_ENTRIES = 8  # curves of a legend before the rest is only counted
_ASCII_CURVES = "*+ox#@%&"


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

    Each field has a panel with its own scale; `┴` on the axis marks a breakpoint, `≠` below it updates at which
    what is compared differs. A value that only one update uses is drawn at every width.

    Args:
        trace: the plan's curves.
        width: cells a line may take, at least 24; None: 80. The terminal is not asked.
        height: rows a panel's plot may take, at least 2.
        ascii: use only ASCII characters.
        color: use ANSI colors.
        log: values really used, drawn dotted over the plan; or runs (`LoggedRun`), whose metrics have panels below.
        other: a second plan, drawn dotted over the first.
        view: which axes there are: `View(log=True)`.

    Raises:
        InvalidArgument: the size is too small, or the log does not fit the trace.

    >>> from paramsched.show import curves_from_values
    >>> curve = curves_from_values({("lr", ""): [0, 1, 2, 3, 4, 4, 4, 4, 2, 0]}, lines={("lr", ""): "ramp"})
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
    if chosen < _NARROWEST or height < 2:
        raise InvalidArgument(
            f"text(width={width!r}, height={height!r})",
            f"a picture needs a width of {_NARROWEST} or more and a height of 2 or more",
            "Write text(trace, width=80, height=9).",
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
    _add_times(terminal, whole, layout)
    if whole.verdicts:
        terminal.add_line()
    for verdict in whole.verdicts:
        terminal.add_wrapped(verdict.text, style="bad" if verdict.differs else "good")
    return terminal.text()


@final
@dataclass(frozen=True, slots=True)
class _Layout:
    """What all panels share.

    A tick is its column, and its words in both rows.
    """

    gutter: int
    columns: int
    axis: TimeAxis
    ticks: tuple[tuple[int, str, str], ...]

    def columns_of(self, times: Times) -> set[int]:
        """The columns of many times."""
        return set(distinct_times(self.axis.columns_of(times, self.columns)).tolist())


def _add_text_panel(terminal: TerminalLines, panel: Panel, layout: _Layout, height: int) -> None:
    """Add one field: heading, plot with its axes, legend and notes."""
    terminal.add_title(panel.field, panel.heading)
    rungs = panel.scale.ticks
    while len(rungs) > max(height, 2):
        rungs = rungs[::-2][::-1]  # the highest stays
    if len(rungs) > 1:  # so that ticks are equally many rows apart
        height = max((height - 1) // (len(rungs) - 1) * (len(rungs) - 1) + 1, 2)
    plot = _plot_rows(terminal, panel, layout, height)
    labels: dict[int, str] = {}
    for value, label in rungs:
        row = round((1 - float(panel.scale.fraction(np.array([value]))[0])) * (height * 4 - 1)) // 4
        labels.setdefault(row, label)
    terminal.add_plot(plot, labels, layout.gutter)
    terminal.add_line(*_axis_line(terminal, panel, layout))
    if panel.differing.size:
        marked = layout.columns_of(panel.differing)
        sign = terminal.glyph("≠")
        signs: list[Cell] = [(sign if c in marked else " ", "bad") for c in range(layout.columns)]
        terminal.add_line(*terminal.cells(" " * (layout.gutter + 1)), *signs)
    _add_legend(terminal, panel, layout.gutter)
    for note in panel.notes:
        terminal.add_wrapped(note.text, indent=layout.gutter + 1, style="bad" if note.differs else "dim")


def _add_legend(terminal: TerminalLines, panel: Panel, indent: int) -> None:
    """Add a line for each planned curve, what was used where it differs, and the breakpoints."""
    entries = panel.plan_legend
    for entry in entries[:_MOST_ENTRIES]:
        mark = _curve_mark(terminal, panel, entry.curve) if entry.curve.kind in ("plan", "metric") else "┄"
        name = " ".join(filter(None, [mark, entry.label]))
        terminal.add_entry(indent, name, entry.levels, entry.schedule, entry.curve.color)
    more = len(entries) - _MOST_ENTRIES
    if more > 0:
        terminal.add_entry(indent, f"… and {more} more curve{'s' if more > 1 else ''}", "", "", "dim")
    for entry in panel.log_legend if panel.differing.size else ():
        mark = _log_glyph(entry.curve) if terminal.ascii else "┄"
        terminal.add_entry(indent, f"{mark} {entry.owner}", "", "", _log_style(entry.curve))
    if panel.breakpoints.size:
        terminal.add_entry(indent, f"┴ {panel.breakpoint_summary(4)}", "", "", "dim")


def _curve_mark(terminal: TerminalLines, panel: Panel, curve: DrawnCurve) -> str:
    """What marks a curve in a legend: its letter, in ASCII the character it is drawn with."""
    letter = _curve_letter(panel, curve)
    return _ASCII_CURVES[curve.color % len(_ASCII_CURVES)] if letter and terminal.ascii else letter


def _curve_letter(panel: Panel, curve: DrawnCurve) -> str:
    """The letter that marks a curve; "" where there is one, or more than eight."""
    return "abcdefgh"[curve.color % 8] if 1 < len(panel.curves) <= _MOST_ENTRIES else ""


def _plot_rows(terminal: TerminalLines, panel: Panel, layout: _Layout, height: int) -> list[list[Cell]]:
    """The rows of a plot, from the top."""
    columns = layout.columns
    plot: list[list[Cell]] = [[(" ", None)] * columns for _ in range(height)]
    # Dots in a cell: one in ASCII; four rows of two in braille.
    down, across = (1, 1) if terminal.ascii else (4, 2)
    every: list[tuple[DrawnCurve, Dots]] = []
    for curve in panel.every_curve:
        low, high = envelope(curve.times, curve.values, layout.axis.edges(columns * across))
        if curve.kind == "metric":
            low, high = _joined_columns(low), _joined_columns(high)
        above = panel.scale.fraction(high)
        below = panel.scale.fraction(low)
        # A column that goes from below 0 to above it has a part that a logarithmic axis shows.
        filled = dots_of_curve(np.where(np.isnan(below) & ~np.isnan(above), 0.0, below), above, height * down)
        every.append((curve, filled))
    planned = np.logical_or.reduce(
        [np.zeros((height * down, columns * across), bool), *(f for c, f in every if c.kind in ("plan", "metric"))]
    )
    under: Dots = np.zeros_like(planned)
    for curve, filled in every:
        if curve.kind in ("log", "other"):
            # Drawn over the plan it would hide the plan. So it is dotted, and only beside the plan.
            filled = filled & ~planned
            upright = filled & (filled.sum(axis=0) > 2)  # a spike must not be dotted away
            filled[:, np.arange(filled.shape[1]) % 3 == 2] &= upright[:, 2::3]
        style: Style = _log_style(curve) if curve.kind == "log" else curve.color
        if terminal.ascii:
            planned_by = _ASCII_CURVES[curve.color % len(_ASCII_CURVES)]
            glyph = {"log": _log_glyph(curve), "other": ":"}.get(curve.kind, planned_by)
            rows = ascii_characters(filled, glyph)
        else:
            under = under | filled
            rows = braille_characters(under)
        own = filled.reshape(height, down, columns, across).any(axis=(1, 3))
        for r, c in zip(*np.nonzero(own), strict=True):
            plot[r][c] = (rows[r][c], style)
    if not terminal.ascii:
        _place_letters(panel, plot, [f for c, f in every if c.kind in ("plan", "metric")])
    return plot


def _joined_columns(values: Floats) -> Floats:
    known = np.flatnonzero(~np.isnan(values))
    if known.size < 2:
        return values
    return np.interp(np.arange(values.size), known, values[known], left=np.nan, right=np.nan)


def _log_style(curve: DrawnCurve) -> Style:
    return curve.color if curve.owner else "used"


def _log_glyph(curve: DrawnCurve) -> str:
    return ".,'`"[curve.color % 4] if curve.owner else "."


def _place_letters(panel: Panel, plot: list[list[Cell]], filled: list[Dots]) -> None:
    """Write each curve's letter on it, where it is flat if possible, and far from the others."""
    if not 1 < len(panel.curves) <= _MOST_ENTRIES:
        return
    columns = len(plot[0])
    rows = np.arange(filled[0].shape[0])[:, None]
    middle = [np.where(f.any(axis=0), (f * rows).sum(axis=0) / np.maximum(f.sum(axis=0), 1), np.nan) for f in filled]
    for index, curve in enumerate(panel.curves):
        some = [(step + index) * columns // 25 % columns for step in range(1, 24)]
        flat = [c for c in some if filled[index][:, 2 * c : 2 * c + 2].sum(axis=0).max() <= 2]
        at = _place_apart(index, middle, flat) or _place_apart(index, middle, range(columns))
        if at is not None:
            plot[at[0]][at[1]] = (_curve_letter(panel, curve), curve.color)


def _place_apart(index: int, middle: Sequence[Floats], columns: Iterable[int]) -> tuple[int, int] | None:
    """The cell of a curve that is farthest from other curves, of some columns.

    Args:
        middle: the height of each curve at each dot, in dots from the top; nan where it has none.
    """
    best, at = -1.0, None
    for column in columns:
        here = middle[index][2 * column : 2 * column + 2]
        if np.isnan(here).any():
            continue
        apart = [
            float(np.nanmin(np.abs(m[2 * column : 2 * column + 2] - here)))
            for i, m in enumerate(middle)
            if i != index and not np.isnan(m[2 * column : 2 * column + 2]).all()
        ]
        if min(apart, default=99.0) > best + 0.5:
            best, at = min(apart, default=99.0), (int(here[0]) // 4, column)
    return at


def _axis_line(terminal: TerminalLines, panel: Panel, layout: _Layout) -> list[Cell]:
    """The line below a plot."""
    down = {column for column, _, _ in layout.ticks}
    up = layout.columns_of(panel.breakpoints)
    row = [*terminal.cells(" " * layout.gutter), (terminal.glyph("└"), "dim")]
    for c in range(layout.columns):
        sign = "┼" if c in down and c in up else "┬" if c in down else "┴" if c in up else "─"
        row.append((terminal.glyph(sign), "mark" if c in up else "dim"))
    return row


def _add_times(terminal: TerminalLines, whole: Picture, layout: _Layout) -> None:
    """Add the rows of times below the last panel."""
    rows = [(whole.axis.unit, [(column, label) for column, label, _ in layout.ticks])]
    if whole.axis.second:
        rows.append((whole.axis.second, [(column, second) for column, _, second in layout.ticks]))
    for unit, labels in rows:
        # The end comes first: where two labels collide, the later one stays.
        line = row_of_labels(reversed(labels), layout.columns)
        terminal.add_line(*terminal.cells(f"{f'{unit} '.rjust(layout.gutter)} {line}", "dim"))
