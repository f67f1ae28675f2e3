"""Draw a plan as an SVG picture or an HTML page."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from itertools import pairwise
from math import isfinite
from string import Template
from typing import NamedTuple

import numpy as np

from paramsched.base.words import printable
from paramsched.core.calls.number_checks import positive_number
from paramsched.errors import CallSite
from paramsched.show._axes import AS_VALUES_ASK, TimeAxis, TimeTick, View, clip_text, wrap_text
from paramsched.show._facts import facts_of_page
from paramsched.show._panels import picture
from paramsched.show._picture import DrawnCurve, LegendEntry, Panel, Picture
from paramsched.show.plan_curves import Curves, Floats, RunsOrLog, Times

_LEFT = 76
_RIGHT = 40
_WIDTH = 1040
_HEIGHT = 180  # the script uses other numbers in a narrow window
_POINTS = 120_000  # maximum number of values in a page, about 2 MB
_ROW = 18
_CHARACTER = 7.3  # pixels of a monospaced character at 12 px
_MAX_ENTRIES = 10  # curves listed in a legend; of all others only the number is shown
_DOTS = 60  # a panel with more breakpoints has no dots, because these would hide the curve
_MARGIN = 4  # pixels above and below, so that a line at the edge is not cut in half
_STEP = 5.0  # width of an update in pixels from which on each update is drawn as a step


def html(
    trace: Curves,
    *,
    title: str = "Plan",
    log: RunsOrLog = None,
    other: Curves | None = None,
    view: View = AS_VALUES_ASK,
    facts: Mapping[str, str] | None = None,
) -> str:
    """Draw a trace as a self-contained HTML page, readable without its script and in print.

    Hovering shows the values of all curves at an update, the arrow keys move by one update, and dragging zooms.
    Controls select the value axes and the unit of time, among the units that the run facts determine. `#t=120`,
    `#zoom=100-200`, `#unit=tokens` or `#axis=log` at the end of the URL open the page in that state.

    Up to about a hundred thousand values are stored exactly. Of longer curves the page stores the extremes in
    thousands of short intervals, and the breakpoints; a value between stored ones is interpolated and shown with ≈.

    Args:
        trace: the curves of a plan.
        title: heading of the page.
        log: the values that a run used, drawn as thin lines over the plan, or runs (`LoggedRun`) with their metrics.
        other: a second plan, drawn dashed over the first.
        view: options for the axes, such as `View(log=True)`.
        facts: more lines above the first picture, by their names, such as `{"command": "python train.py"}`. The page
            has the version, the bases, and the updates to which the rows of the log go back, if these are known.

    Raises:
        InvalidArgument: if there are no curves, or the log does not fit the trace.

    >>> from paramsched.show import curves_from_values
    >>> curves = curves_from_values({("lr", "<head>"): [0.1, 0.05]})
    >>> page = html(curves, title="Two updates")
    >>> "<title>Two updates</title>" in page, "<head>:" in page, "://" in page
    (True, False, False)
    """
    chart = picture(trace, log=log, other=other, view=view)
    width = _WIDTH - _LEFT - _RIGHT
    ticks = chart.axis.ticks(width // 100)
    units = (f'<option value="{unit.name}">{unit.name}</option>' for unit in chart.axis.units)
    body: list[str] = []
    for index, panel in enumerate(chart.panels):
        body += _panel_section(index, panel, chart, ticks, width)
    verdicts = (
        f'\n<p class="verdict {"bad" if verdict.differs else "good"}">{escaped(verdict.text)}</p>'
        for verdict in chart.verdicts
    )
    lines = facts_of_page(trace, log, other, facts or {})
    return Template(_page_file("report.html")).substitute(
        title=escaped(title),
        style=_page_file("report.css") + _page_file("picture.css"),
        length=escaped(chart.length),
        verdicts="".join(verdicts),
        facts="".join(f"<dt>{escaped(name)}</dt><dd>{escaped(text)}</dd>" for name, text in lines.items()),
        units="".join(units),
        body="\n".join(body),
        # "</" could end the script element, so the slash is escaped, which JSON allows.
        data=json.dumps(_script_data(chart, width), separators=(",", ":")).replace("</", "<\\/"),
        script=_page_file("report.js"),
    )


@cache
def _page_file(name: str) -> str:
    """Return the text of a file of this package.

    `picture.css` has no CSS variables, because SVG renderers other than browsers may not support them.
    """
    return (files("paramsched.show") / name).read_text(encoding="utf-8")


def _panel_section(index: int, panel: Panel, chart: Picture, ticks: tuple[TimeTick, ...], width: int) -> Iterator[str]:
    """Yield the HTML of one panel: heading, plot, legend and notes."""
    below = 44 if len(chart.axis.units) > 1 else 28
    yield f'<section data-panel="{index}"><h2>{escaped(panel.title)}</h2>'
    if panel.heading:
        yield f"<code>{escaped(panel.heading)}</code>"
    aria_label = escaped(f"{panel.title} over {chart.length}")
    yield (
        f'<svg class="ps plot" viewBox="0 0 {_WIDTH} {_HEIGHT + 10 + below}" role="img" '
        f'aria-label="{aria_label}"><g transform="translate({_LEFT} 10)">'
        f'<text class="ps-dim ps-y" data-row="unit" x="-16" y="{_HEIGHT + 20}">{chart.axis.unit}</text>'
        f'<text class="ps-dim ps-y" data-row="second" x="-16" y="{_HEIGHT + 35}">{chart.axis.second}</text>'
    )
    yield from plot_area(panel, chart, ticks, width, _HEIGHT)
    yield '</g></svg><div class="legend"><table>'
    for curve, entry in enumerate(panel.legend):  # one row per curve, with room for the value under the pointer
        stroke = stroke_of(panel, entry.curve)
        schedule = f"<code>{escaped(entry.schedule)}</code>" if entry.schedule is not None else ""
        yield (
            f'<tr><td><svg class="ps" width="24" height="10"><path class="{stroke.classes}"'
            f'{stroke.style} d="M2 5H22"/></svg></td><td>{escaped(entry.label)}</td>'
            f'<td class="value" data-curve="{curve}"></td><td class="dim">{escaped(entry.levels)}</td>'
            f"<td>{schedule}</td></tr>"
        )
    yield "</table></div>"
    if panel.breakpoints.size:
        yield f'<p class="dim legend">┊ {escaped(panel.breakpoint_summary(8))}</p>'
    for note in panel.other_notes:
        yield f'<p class="legend {"bad" if note.differs else "dim"}">{escaped(note.text)}</p>'
    for note in panel.log_notes:
        hidden = "" if note in panel.notes else " hidden"
        yield f'<p class="legend dim" data-axis="log"{hidden}>{escaped(note.text)}</p>'
    yield "</section>"


def _script_data(chart: Picture, width: int) -> dict[str, object]:
    """Return the data for the page's script, without any text of the user."""
    many = sum(len(panel.every_curve) for panel in chart.panels)
    return {
        "total": chart.axis.total,
        "axis": {None: "auto", True: "log", False: "linear"}[chart.panels[0].log],
        "units": {
            unit.name: {"t": unit.updates.tolist(), "v": _json_numbers(unit.amounts)} for unit in chart.axis.units
        },
        "unit": chart.axis.unit,
        "second": chart.axis.second_unit,
        "epoch": chart.axis.steps_per_epoch,
        "last": max(int(curve.times[-1]) for panel in chart.panels for curve in panel.every_curve),
        "left": _LEFT,
        "right": _RIGHT,
        "width": width,
        "height": _HEIGHT,
        "panels": [
            {
                "scales": [
                    {"low": scale.low, "high": scale.high, "log": scale.log, "ticks": scale.ticks}
                    for scale in (panel.scales.linear, panel.scales.log)
                    if scale is not None
                ],
                "asks": int(panel.scales.choose(None).log),
                "curves": [
                    _curve_data(panel, curve, chart.axis, max(_POINTS // many // 4, 250)) for curve in panel.every_curve
                ],
            }
            for panel in chart.panels
        ],
    }


def _curve_data(panel: Panel, curve: DrawnCurve, axis: TimeAxis, columns: int) -> dict[str, object]:
    """Return the points of a curve; their times only if some updates are omitted."""
    times, values = panel.points_of(curve, axis.of_updates, columns)
    every = np.array_equal(times, np.arange(times.size))
    data: dict[str, object] = {"held": curve.held, "v": _json_numbers(values)}
    return data if every else {**data, "t": times.tolist()}


def _json_numbers(values: Floats) -> list[float | int | str]:
    """Convert values for JSON, with infinities and NaN as text because JSON lacks them."""
    return [_json_number(value) for value in values.tolist()]


def _json_number(value: float) -> float | int | str:
    if not isfinite(value):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    return int(value) if value == int(value) and abs(value) < 2**53 else value


def svg(
    trace: Curves,
    *,
    width: int = 860,
    height: int = 150,
    log: RunsOrLog = None,
    other: Curves | None = None,
    view: View = AS_VALUES_ASK,
) -> str:
    """Draw a trace as SVG.

    The picture follows the viewer's light or dark preference. It has no script and no external references.

    Args:
        trace: the curves of a plan.
        width: width of the picture in pixels.
        height: height of one plot in pixels.
        log: the values that a run used, drawn as thin lines over the plan, or runs (`LoggedRun`) with their metrics.
        other: a second plan, drawn dashed over the first.
        view: options for the axes, such as `View(log=True)`.

    Raises:
        InvalidArgument: if there are no curves, or the log does not fit the trace.

    >>> from paramsched.show import curves_from_values
    >>> drawn = svg(curves_from_values({("lr", 0): [0.1, 0.05]}))
    >>> drawn.startswith("<svg"), "group 0" in drawn
    (True, True)
    """
    chart = picture(trace, log=log, other=other, view=view)
    for name, pixels in (("width", width), ("height", height)):
        positive_number(CallSite("show.svg", name), pixels)
    inner = max(width - _LEFT - _RIGHT, 100)
    ticks = chart.axis.ticks(max(inner // 100, 2))
    body: list[str] = []
    y = 14
    for verdict in chart.verdicts:
        sign = "ps-differs" if verdict.differs else "ps-good"
        body.append(f'<text class="{sign}" x="16" y="{y + 14}">{escaped(verdict.text)}</text>')
        y += _ROW
    y += 8 if chart.verdicts else 0
    space = int((width - 32) / _CHARACTER)
    for panel in chart.panels:
        y += 16
        body.append(f'<text class="ps-head" x="16" y="{y}">{escaped(clip_text(panel.title, space * 2 // 3))}</text>')
        for row in wrap_text(panel.heading, space) if panel.heading else ():
            y += _ROW
            body.append(f'<text class="ps-code ps-dim" x="16" y="{y}">{escaped(row)}</text>')
        y += 16
        body.append(f'<g transform="translate({_LEFT} {y})">')
        body += plot_area(panel, chart, ticks, inner, height)
        body.append("</g>")
        y += height + 20
        body.append(f'<text class="ps-dim ps-y" x="{_LEFT - 16}" y="{y}">{chart.axis.unit}</text>')
        if chart.axis.second:
            y += 15
            body.append(f'<text class="ps-dim ps-y" x="{_LEFT - 16}" y="{y}">{chart.axis.second}</text>')
        y += 8
        for row in _legend_rows(panel, space - 10):
            y += _ROW
            body.append(f'<g transform="translate({_LEFT} {y})">{row}</g>')
        y += 22
    fields = (f"{panel.title}: {'; '.join(panel.schedules) or 'values'}" for panel in chart.panels)
    aria_label = escaped(f"{chart.length}. {'. '.join(fields)}")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="ps" viewBox="0 0 {width} {y}" '
            f'width="{width}" height="{y}" role="img" aria-label="{aria_label}">',
            f"<style>{_page_file('picture.css')}</style>",
            f'<rect class="ps-paper" width="{width}" height="{y}"/>',
            *body,
            "</svg>",
        ]
    )


def _legend_rows(panel: Panel, space: int) -> Iterator[str]:
    """Yield the SVG of each row below a plot: curves, breakpoints and notes."""
    entries = panel.plan_legend
    for entry in entries[:_MAX_ENTRIES]:
        texts = list(filter(None, [entry.owner, entry.name, entry.levels, entry.schedule]))
        sample = _line_sample(panel, entry)
        if len("   ".join(texts)) > space and len(texts) > 1:  # in a narrow picture, the group has its own row
            yield _legend_row(sample, clip_text(texts.pop(0), space))
            sample = '<path d="M0 0"/>'
        yield _legend_row(sample, clip_text("   ".join(texts), space))
    if len(entries) > _MAX_ENTRIES:
        yield _legend_row("", f"… and {len(entries) - _MAX_ENTRIES} more curves")
    for entry in panel.log_legend:
        yield _legend_row(_line_sample(panel, entry), entry.owner)
    if panel.breakpoints.size:
        mark = '<path class="ps-break" style="stroke-width:1" d="M11 -11V2"/>'
        yield _legend_row(mark, panel.breakpoint_summary(6))
    for note in panel.notes:
        yield _legend_row("", note.text, "ps-differs" if note.differs else "ps-dim")


def _line_sample(panel: Panel, entry: LegendEntry) -> str:
    stroke = stroke_of(panel, entry.curve)
    return f'<path class="{stroke.color} {stroke.role}"{stroke.style} d="M0 -4H22"/>'


def _legend_row(sample: str, text: str, paint: str = "") -> str:
    x = 30 if sample else 0
    mode = f' class="{paint}"' if paint else ""
    return f'{sample}<text{mode} x="{x}" xml:space="preserve">{escaped(text)}</text>'


def escaped(text: str) -> str:
    """Escape text for the content or an attribute of XML and HTML."""
    return escape(printable(text), quote=True)


def plot_area(panel: Panel, chart: Picture, ticks: tuple[TimeTick, ...], width: int, height: int) -> Iterator[str]:
    """Draw the data of a panel on [0, width] x [0, height]."""
    yield '<g class="ps-values">'
    values = np.array([value for value, _ in panel.scale.ticks])
    for (_, label), fraction in zip(panel.scale.ticks, panel.scale.fraction(values), strict=True):
        y = round((1 - float(fraction)) * height, 1)
        yield f'<path class="ps-grid" style="stroke-width:1" d="M0 {y:g}H{width}"/>'
        yield f'<text class="ps-dim ps-y" x="-8" y="{y + 4:g}">{escaped(label)}</text>'
    yield '</g><g class="ps-time">'
    for tick in ticks:
        x = round(tick.place * width, 1)
        yield f'<path class="ps-grid" style="stroke-width:1" d="M{x:g} {height}v5"/>'
        yield f'<text class="ps-dim ps-x" x="{x:g}" y="{height + 20}">{tick.label}</text>'
        if tick.second:
            yield f'<text class="ps-dim ps-x" x="{x:g}" y="{height + 35}">{tick.second}</text>'
    yield "</g>"
    yield (
        f'<svg class="ps-data" y="{-_MARGIN}" width="{width}" height="{height + 2 * _MARGIN}" '
        f'viewBox="0 {-_MARGIN} {width} {height + 2 * _MARGIN}">'
    )
    # Many spans in one pixel are joined, which is invisible and keeps the file small.
    for begin, end in panel.differing_spans(chart.axis, width, most=400):
        left, right = (chart.axis.place([begin, end]) * width).tolist()
        size = max(right - left, 1.5)
        yield (
            f'<rect class="ps-differs" data-t="{begin}" data-to="{end}" x="{left:.1f}" y="0" '
            f'width="{size:.1f}" height="{height}"/>'
        )
    yield from _draw_breakpoints(panel, chart, width, height)
    columns = max(min(width, 40_000 // len(panel.curves or panel.overlays)), 100)
    for index, curve in enumerate(panel.every_curve):
        stroke = stroke_of(panel, curve)
        times, values = panel.points_of(curve, chart.axis, columns)
        fractions = panel.scale.fraction(values)
        line = svg_path(times, fractions, chart.axis, width=width, height=height, held=curve.held)
        yield f'<path class="{stroke.classes}" data-curve="{index}"{stroke.style} d="{line}"/>'
    if panel.breakpoints.size <= _DOTS and len(panel.curves) <= 8 and not panel.has_log:
        yield from _draw_breakpoint_dots(panel, chart, width, height)
    yield "</svg>"


def _draw_breakpoints(panel: Panel, chart: Picture, width: int, height: int) -> Iterator[str]:
    """Yield a dashed line for each pixel column with a breakpoint."""
    marks = panel.breakpoints
    columns = chart.axis.columns_of(marks, width)
    starts = np.flatnonzero(np.append(True, columns[1:] != columns[:-1])) if marks.size else marks
    many = np.diff(np.append(starts, marks.size))
    for first, size in zip(starts.tolist(), many.tolist(), strict=True):
        begin = int(marks[first])
        end = int(marks[first + size - 1])
        x = round(float(chart.axis.place(begin)) * width, 1)
        title = f"breakpoint {begin:,}"
        if size > 1:
            title = f"{size:,} breakpoints, {begin:,} to {end:,}"
        yield (
            f'<g data-t="{begin}" transform="translate({x:g} 0)"><title>{title}</title>'
            f'<path class="ps-break" style="stroke-width:1" d="M0 {-_MARGIN}V{height}"/></g>'
        )


def _draw_breakpoint_dots(panel: Panel, chart: Picture, width: int, height: int) -> Iterator[str]:
    """Yield a dot at the exact value of each curve's own breakpoints."""
    for curve in panel.curves:
        first = int(curve.times[0])
        inside = [update for update in curve.breakpoints.tolist() if 0 < update - first < curve.values.size]
        values = curve.values[np.array(inside, dtype=np.int64) - first]
        for update, value, fraction in zip(inside, values.tolist(), panel.scale.fraction(values).tolist(), strict=True):
            if isfinite(value) and isfinite(fraction):
                x = round(float(chart.axis.place(update)) * width, 1)
                y = round((1 - fraction) * height, 1)
                yield (
                    f'<g data-t="{update}" data-v="{value!r}" transform="translate({x:g} {y:g})">'
                    f'<circle class="{stroke_of(panel, curve).color}" r="2.6"/></g>'
                )


def svg_path(times: Times, fractions: Floats, axis: TimeAxis, *, width: float, height: float, held: bool) -> str:
    """Return the SVG path of points (time, fraction of the height), rounded to a tenth of a pixel.

    A value applies until the next update. Neighboring points are joined by a step if an update is wide enough to show
    it, else by a line. NaN is a gap.

    Args:
        times: the updates of the points.
        fractions: their heights, from 0 to 1.
        axis: the time axis.
        width: width of the plot in pixels.
        height: height of the plot in pixels.
        held: True if the last value extends to the end of its update, unlike in a log of every tenth update.

    >>> from paramsched.show._axes import updates_axis
    >>> svg_path(np.arange(2), np.array([0.0, 1.0]), updates_axis(2), width=20, height=10, held=True)
    'M0 10H10V0H20'
    """
    steps = axis.widest_update * width >= _STEP
    end = float(times[-1] + 1) if held and times.size else None
    xs = np.rint(axis.place(times) * width * 10).astype(np.int64)
    finite = np.isfinite(fractions)
    ys = np.rint((1 - np.nan_to_num(fractions)) * height * 10).astype(np.int64)
    parts = []
    borders = np.flatnonzero(np.diff(finite.astype(np.int8))) + 1
    for segment in np.split(np.arange(times.size), borders):
        if segment.size == 0 or not finite[segment[0]]:
            continue
        if not steps:
            segment = segment[_corner_points(xs[segment], ys[segment])]
        parts.append(f"M{_tenths(xs[segment[0]])} {_tenths(ys[segment[0]])}")
        for last, index in pairwise(segment.tolist()):
            if ys[index] == ys[last]:
                parts.append(f"H{_tenths(xs[index])}")
            elif steps and times[index] - times[last] == 1 and xs[index] - xs[last] >= 10 * _STEP - 1:
                parts.append(f"H{_tenths(xs[index])}V{_tenths(ys[index])}")
            else:
                parts.append(f"L{_tenths(xs[index])} {_tenths(ys[index])}")
        if (end is not None and times[segment[-1]] + 1 == end) or steps:
            parts.append(f"H{_tenths(round(float(axis.place(times[segment[-1]] + 1)) * width * 10))}")
        elif segment.size == 1:
            parts.append("h0")  # drawn as a dot, because lines have round ends
    return "".join(parts)


def _corner_points(xs: Times, ys: Times) -> Times:
    """Return the points of a line that are not on the segment between their neighbors."""
    if xs.size < 3:
        return np.arange(xs.size)
    dx = np.diff(xs)
    dy = np.diff(ys)
    straight = (dx[:-1] * dy[1:] == dy[:-1] * dx[1:]) & (dx[:-1] * dx[1:] + dy[:-1] * dy[1:] >= 0)
    # A point equal to its neighbor has no direction; dropping it must not straighten its corner.
    still = (dx == 0) & (dy == 0)
    straight &= ~still[:-1] & ~still[1:]
    return np.flatnonzero(np.r_[True, ~straight, True] & np.r_[True, ~still])


def _tenths(value: int) -> str:
    integer, rest = divmod(abs(int(value)), 10)
    sign = "-" if value < 0 else ""
    return f"{sign}{integer}.{rest}" if rest else f"{sign}{integer}"


class Stroke(NamedTuple):
    """The stroke of a curve: the classes of its color and role, and a style attribute for additional colors."""

    color: str
    role: str
    style: str

    @property
    def classes(self) -> str:
        return " ".join(filter(None, [self.color, self.role]))


def stroke_of(panel: Panel, curve: DrawnCurve) -> Stroke:
    """Return the stroke of a curve; the log of one run has the text color, and a plan under a log is wide and pale."""
    if curve.kind == "log" and not curve.owner:
        return Stroke("", "ps-used", "")
    usual = "ps-wide" if panel.has_log else ""
    role = {"log": "ps-used", "other": "ps-other", "metric": "ps-used", "plan": usual}[curve.kind]
    many = max(len(panel.curves), curve.color + 1)
    if many <= 8:
        return Stroke(f"ps-c{curve.color % 8}", role, "")
    # Beyond the eight named colors, curves use evenly spaced hues.
    hue = round(220 - 200 * (curve.color % many) / (many - 1))
    return Stroke("ps-many", role, f' style="stroke:hsl({hue},70%,48%)"')
