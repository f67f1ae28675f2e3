"""A plan as text for a terminal: braille or plain ASCII, a panel for each field."""

from collections.abc import Iterator

import numpy as np

from paramsched.errors import InvalidArgument
from paramsched.show._clock import Tick, time_ticks
from paramsched.show._drawable import Drawable, Log, Times
from paramsched.show._numbers import distinct
from paramsched.show._panels import Curve, Panel, Picture, picture
from paramsched.show._raster import Dots, braille, dots, plain
from paramsched.show._reduce import envelope
from paramsched.show._terminal import Cell, Style, Terminal
from paramsched.show._words import cells

_NARROWEST = 24
_LEGEND = 8  # lines of a legend before the rest is only counted


def text(
    trace: Drawable,
    *,
    width: int | None = None,
    height: int = 9,
    ascii: bool = False,
    color: bool = False,
    log: Log | None = None,
    other: Drawable | None = None,
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
        log: values really used, drawn dotted over the plan.
        other: a second plan, drawn dotted over the first.

    Raises:
        InvalidArgument: the size is too small, or the log does not fit the trace.

    >>> from paramsched.show import recorded
    >>> curve = recorded({("lr", ""): [0, 1, 2, 3, 4, 4, 4, 4, 2, 0]}, lines={("lr", ""): "ramp"})
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
    whole = picture(trace, log=log, other=other)
    terminal = Terminal(chosen, ascii, color)
    labels = [terminal.safe(label) for p in whole.panels for _, label in p.scale.ticks]
    gutter = min(max(9, *(cells(label) + 2 for label in labels)), chosen // 3)
    columns = chosen - gutter - 1
    ticks = time_ticks(whole.total, whole.steps_per_epoch, most=max(columns // 12, 2))
    for panel in whole.panels:
        _panel(terminal, panel, whole, ticks, gutter, columns, height)
    _times(terminal, ticks, whole, gutter, columns)
    if whole.verdict:
        terminal.line()
        terminal.wrapped(whole.verdict, style="good" if whole.agrees else "bad")
    return terminal.text()


def _panel(
    terminal: Terminal,
    panel: Panel,
    whole: Picture,
    ticks: tuple[Tick, ...],
    gutter: int,
    columns: int,
    height: int,
) -> None:
    several = len(panel.lines) > 1
    terminal.titled(panel.field, "" if several else "".join(panel.lines))
    rungs = panel.scale.ticks
    while len(rungs) > max(height, 2):
        rungs = rungs[::-2][::-1]  # the highest stays
    if len(rungs) > 1:  # so that ticks are equally many rows apart
        height = max((height - 1) // (len(rungs) - 1) * (len(rungs) - 1) + 1, 2)
    plot = _plot(terminal, panel, whole.total, columns, height)
    labels: dict[int, str] = {}
    for value, label in rungs:
        row = round((1 - float(panel.scale.fraction(np.array([value]))[0])) * (height * 4 - 1)) // 4
        labels.setdefault(row, label)
    for row, line in enumerate(plot):
        label = labels.get(row, "")
        edge = terminal.glyph("┤" if label else "│")
        terminal.line(*terminal.cells(f"{label} ".rjust(gutter), "dim"), (edge, "dim"), *line)
    terminal.line(*_axis(terminal, panel, whole.total, ticks, gutter, columns))
    if panel.differing.size:
        marked = _columns(panel.differing, whole.total, columns)
        sign = terminal.glyph("≠")
        row_of: list[Cell] = [(sign if c in marked else " ", "bad") for c in range(columns)]
        terminal.line(*terminal.cells(" " * (gutter + 1)), *row_of)
    for name, course, said, style in _legend(panel, several):
        terminal.entry(gutter, name, course, said, style)
    for note in panel.notes:
        bad = panel.differing.size and ("differ" in note or "only in" in note)
        terminal.wrapped(note, indent=gutter + 1, style="bad" if bad else "dim")


def _legend(panel: Panel, several: bool) -> Iterator[tuple[str, str, str, Style]]:
    """A line for each curve that needs one: its letter, name, course and schedule."""
    theirs = [c for c in panel.overlays if c.kind == "other"]
    for curve in (*panel.curves, *theirs)[:_LEGEND]:
        other = curve.kind == "other"
        mark = "┄ other plan" if other else _letter(panel, curve)
        line = "; ".join(curve.lines) if several or (other and curve.lines != panel.lines) else ""
        yield " ".join(filter(None, [mark, curve.name])), curve.course, line, curve.color
    more = len(panel.curves) + len(theirs) - _LEGEND
    if more > 0:
        yield f"… and {more} more curve{'s' if more > 1 else ''}", "", "", "dim"
    if panel.differing.size and any(c.kind == "log" for c in panel.overlays):
        yield "┄ used", "", "", "used"
    if panel.breakpoints.size:
        yield f"┴ {panel.marks(4)}", "", "", "dim"


def _letter(panel: Panel, curve: Curve) -> str:
    return "abcdefgh"[curve.color] if 1 < len(panel.curves) <= _LEGEND else ""


def _plot(terminal: Terminal, panel: Panel, total: int, columns: int, height: int) -> list[list[Cell]]:
    plot: list[list[Cell]] = [[(" ", None)] * columns for _ in range(height)]
    fine = (1, 1) if terminal.ascii else (4, 2)
    every: list[tuple[Curve, Dots]] = []
    for curve in (*panel.curves, *panel.overlays):
        low, high = envelope(curve.times, curve.values, total, columns * fine[1])
        filled = dots(panel.scale.fraction(low), panel.scale.fraction(high), height * fine[0])
        every.append((curve, filled))
    planned = np.logical_or.reduce(
        [np.zeros((height * fine[0], columns * fine[1]), bool), *(f for c, f in every if c.kind == "plan")]
    )
    under: Dots = np.zeros_like(planned)
    for curve, filled in every:
        if curve.kind != "plan":
            # Over the plan it would hide it; beside it, dotted, it is seen to be another curve.
            filled = filled & ~planned
            filled[:, np.arange(filled.shape[1]) % 3 == 2] &= _upright(filled)[:, 2::3]
        style: Style = "used" if curve.kind == "log" else curve.color
        if terminal.ascii:
            glyph = {"plan": "*+ox#@%&"[curve.color % 8], "log": ".", "other": ":"}[curve.kind]
            rows = plain(filled, glyph)
        else:
            under = under | filled
            rows = braille(under)
        own = filled.reshape(height, fine[0], columns, fine[1]).any(axis=(1, 3))
        for r, c in zip(*np.nonzero(own), strict=True):
            plot[r][c] = (rows[r][c], style)
    if not terminal.ascii:
        _place_letters(panel, plot, [f for c, f in every if c.kind == "plan"])
    return plot


def _upright(filled: Dots) -> Dots:
    """Dots of columns with more than two of them: a spike is not thinned away."""
    upright: Dots = filled & (filled.sum(axis=0) > 2)
    return upright


def _place_letters(panel: Panel, plot: list[list[Cell]], filled: list[Dots]) -> None:
    """Write each curve's letter on it where it is flat and farthest from the others."""
    if not 1 < len(panel.curves) <= _LEGEND:
        return
    columns = len(plot[0])
    rows = np.arange(filled[0].shape[0])[:, None]
    middle = [np.where(f.any(axis=0), (f * rows).sum(axis=0) / np.maximum(f.sum(axis=0), 1), np.nan) for f in filled]
    for index, curve in enumerate(panel.curves):
        best, at = -1.0, None
        for step in range(1, 24):
            column = (step + index) * columns // 25 % columns
            here = middle[index][2 * column : 2 * column + 2]
            flat = filled[index][:, 2 * column : 2 * column + 2].sum(axis=0).max() <= 2
            if not flat or np.isnan(here).any():
                continue
            apart = [
                float(np.nanmin(np.abs(m[2 * column : 2 * column + 2] - here)))
                for i, m in enumerate(middle)
                if i != index and not np.isnan(m[2 * column : 2 * column + 2]).all()
            ]
            if min(apart, default=99.0) > best + 0.5:
                best, at = min(apart, default=99.0), (int(here[0]) // 4, column)
        if at is not None:
            plot[at[0]][at[1]] = (_letter(panel, curve), curve.color)


def _columns(times: Times, total: int, columns: int) -> set[int]:
    return set(distinct(np.minimum(times * columns // total, columns - 1)).tolist())


def _axis(
    terminal: Terminal,
    panel: Panel,
    total: int,
    ticks: tuple[Tick, ...],
    gutter: int,
    columns: int,
) -> list[Cell]:
    """The line below a plot, with time ticks downwards and breakpoints upwards."""
    down = {min(tick.at * columns // total, columns - 1) for tick in ticks}
    up = _columns(panel.breakpoints, total, columns)
    row = [*terminal.cells(" " * gutter), (terminal.glyph("└"), "dim")]
    for c in range(columns):
        sign = "┼" if c in down and c in up else "┬" if c in down else "┴" if c in up else "─"
        row.append((terminal.glyph(sign), "mark" if c in up else "dim"))
    return row


def _times(terminal: Terminal, ticks: tuple[Tick, ...], whole: Picture, gutter: int, columns: int) -> None:
    """The rows of times below the last panel: updates, and epochs where they are known."""
    rows = [("updates", [tick.updates for tick in ticks])]
    if whole.steps_per_epoch:
        rows.append(("epochs", [tick.epochs for tick in ticks]))
    for unit, labels in rows:
        line = [" "] * columns
        # The end first: where two labels collide, it is the one that stays.
        for tick, label in sorted(zip(ticks, labels, strict=True), key=lambda p: -p[0].at):
            at = min(tick.at * columns // whole.total, columns - 1)
            begin = min(max(at - len(label) // 2, 0), columns - len(label))
            around = line[max(begin - 1, 0) : begin + len(label) + 1]
            if begin >= 0 and not "".join(around).strip():
                line[begin : begin + len(label)] = label
        terminal.line(*terminal.cells(f"{unit} ".rjust(gutter) + " " + "".join(line), "dim"))
