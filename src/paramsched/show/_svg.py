"""A plan as an SVG picture or an HTML page."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.resources import files

import numpy as np

from paramsched.show._compare import RunsOrLog
from paramsched.show._curves import Curves, Floats
from paramsched.show._panels import picture
from paramsched.show._picture import DrawnCurve, LegendEntry, Panel, Picture
from paramsched.show._scale import AS_VALUES_ASK, Scale, View
from paramsched.show._svg_plot import escaped, plot_area, stroke_of, style_sheet
from paramsched.show._words import TimeAxis, TimeTick, clip_text, wrap_text

_LEFT, _RIGHT, _WIDTH, _HEIGHT = 76, 40, 1040, 180  # the script uses other numbers in a narrow window
_AXES = {"auto": "automatic", "linear": "linear", "log": "logarithmic"}
_HINT = "point to read, drag to zoom, double-click for all"
_POINTS = 120_000  # values in a page: some 2 MB


def html(
    trace: Curves,
    *,
    title: str = "Plan",
    log: RunsOrLog = None,
    other: Curves | None = None,
    view: View = AS_VALUES_ASK,
) -> str:
    """Draw a trace as a page that needs nothing but itself, readable without its script and on paper.

    The pointer shows the values of all curves at an update, arrow keys move it by one update, dragging zooms.
    Switches choose the axes of values, and the unit of time among those that the facts of the run tell. `#t=120`,
    `#zoom=100-200`, `#unit=tokens`, `#axis=log` or `#time=log` after the address opens the page so.

    Up to about a hundred thousand values are in the page exactly. Of more, it has those that draw the curves at a width
    of thousands of columns, always with extremes and breakpoints; a value between these is shown with ≈.

    Args:
        trace: the plan's curves.
        title: heading of the page.
        log: values really used, drawn as thin lines over the plan; or runs (`LoggedRun`), with their metrics below.
        other: a second plan, drawn dashed over the first.
        view: which axes there are: `View(log=True)`.

    Raises:
        InvalidArgument: there is nothing to draw, or the log does not fit the trace.

    >>> from paramsched.show import curves_from_values
    >>> page = html(curves_from_values({("lr", "<head>"): [0.1, 0.05]}), title="Two updates")
    >>> "<title>Two updates</title>" in page, "<head>:" in page, "://" in page
    (True, False, False)
    """
    whole = picture(trace, log=log, other=other, view=view)
    width = _WIDTH - _LEFT - _RIGHT
    ticks = whole.axis.ticks(width // 100)
    units = {one.name: one.name for one in whole.axis.units}
    body: list[str] = []
    for index, panel in enumerate(whole.panels):
        body += _panel_section(index, panel, whole, ticks, width)
    # "</" could end the script element. JSON may escape a slash, so it does.
    data = json.dumps(_script_data(whole, width), separators=(",", ":")).replace("</", "<\\/")
    verdicts = (
        f'<p class="verdict {"bad" if one.differs else "good"}">{escaped(one.text)}</p>' for one in whole.verdicts
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escaped(title)}</title>",
            f"<style>\n{_page_file('report.css')}{style_sheet()}@media print{{.ps .ps-paper{{fill:#fff}}}}</style>",
            "</head>",
            "<body>",
            f"<header><h1>{escaped(title)}</h1>",
            f'<p class="dim">{escaped(whole.horizon)}</p>',
            *verdicts,
            "</header>",
            f'<div id="bar" hidden><span id="now" data-hint="{_HINT}"></span>'
            f'<label>values <select id="axis">{_options(_AXES)}</select></label>'
            f'<label>time <select id="unit">{_options(units)}</select></label>'
            '<label><input id="log-time" type="checkbox">logarithmic</label>'
            '<button id="reset" type="button" hidden>show all</button></div>',
            *body,
            f'<script type="application/json" id="data">{data}</script>',
            f"<script>\n{_page_file('report.js')}</script>",
            "</body></html>\n",
        ]
    )


def _options(choices: Mapping[str, str]) -> str:
    return "".join(f'<option value="{value}">{text}</option>' for value, text in choices.items())


def _page_file(name: str) -> str:
    return (files("paramsched.show") / name).read_text(encoding="utf-8")


def _panel_section(index: int, panel: Panel, whole: Picture, ticks: tuple[TimeTick, ...], width: int) -> Iterator[str]:
    """One field: heading, plot, legend and notes."""
    below = 44 if len(whole.axis.units) > 1 else 28
    yield f'<section data-panel="{index}"><h2>{escaped(panel.title)}</h2>'
    if panel.heading:
        yield f"<code>{escaped(panel.heading)}</code>"
    spoken = escaped(f"{panel.title} over {whole.horizon}")
    yield (
        f'<svg class="ps plot" viewBox="0 0 {_WIDTH} {_HEIGHT + 10 + below}" role="img" '
        f'aria-label="{spoken}"><g transform="translate({_LEFT} 10)">'
        f'<text class="ps-dim ps-y" data-row="unit" x="-16" y="{_HEIGHT + 20}">{whole.axis.unit}</text>'
        f'<text class="ps-dim ps-y" data-row="second" x="-16" y="{_HEIGHT + 35}">{whole.axis.second}</text>'
    )
    yield from plot_area(panel, whole, ticks, width, _HEIGHT)
    yield '</g></svg><div class="legend"><table>'
    yield from _legend_table(panel)
    yield "</table></div>"
    if panel.breakpoints.size:
        yield f'<p class="dim legend">┊ {escaped(panel.breakpoint_summary(8))}</p>'
    for note in panel.other_notes:
        yield f'<p class="legend {"bad" if note.differs else "dim"}">{escaped(note.text)}</p>'
    for note in panel.log_notes:
        hidden = "" if note in panel.notes else " hidden"
        yield f'<p class="legend dim" data-axis="log"{hidden}>{escaped(note.text)}</p>'
    yield "</section>"


def _legend_table(panel: Panel) -> Iterator[str]:
    """A row for each curve, with room for the value under the pointer."""
    for index, entry in enumerate(panel.legend):
        stroke = stroke_of(panel, entry.curve)
        schedule = f"<code>{escaped(entry.schedule)}</code>" if entry.schedule is not None else ""
        yield (
            f'<tr><td><svg class="ps" width="24" height="10"><path class="{stroke.classes}"'
            f'{stroke.style} d="M2 5H22"/></svg></td><td>{escaped(entry.label)}</td>'
            f'<td class="value" data-curve="{index}"></td><td class="dim">{escaped(entry.levels)}</td>'
            f"<td>{schedule}</td></tr>"
        )


def _script_data(whole: Picture, width: int) -> dict[str, object]:
    """What the script needs: numbers only, no text of a user."""
    many = sum(len(panel.every_curve) for panel in whole.panels)
    return {
        "total": whole.axis.total,
        "axis": {None: "auto", True: "log", False: "linear"}[whole.panels[0].log],
        "units": {one.name: {"t": one.updates.tolist(), "v": _json_numbers(one.amounts)} for one in whole.axis.units},
        "unit": whole.axis.unit,
        "second": whole.axis.beside_updates,
        "epoch": whole.axis.steps_per_epoch,
        "logTime": whole.axis.log,
        "last": max(whole.axis.total - 1, *(int(c.times[-1]) for panel in whole.panels for c in panel.every_curve)),
        "left": _LEFT,
        "right": _RIGHT,
        "width": width,
        "height": _HEIGHT,
        "panels": [
            {
                "scales": [
                    _scale_data(scale) for scale in (panel.scales.linear, panel.scales.log) if scale is not None
                ],
                "asks": int(panel.scales.choose(None).log),
                "curves": [
                    _curve_data(panel, curve, whole.axis, max(_POINTS // many // 4, 250)) for curve in panel.every_curve
                ],
            }
            for panel in whole.panels
        ],
    }


def _scale_data(scale: Scale) -> dict[str, object]:
    return {"low": scale.low, "high": scale.high, "log": scale.log, "ticks": scale.ticks}


def _curve_data(panel: Panel, curve: DrawnCurve, axis: TimeAxis, columns: int) -> dict[str, object]:
    """The points of a curve; their times only where some updates are left out."""
    times, values = panel.points_of(curve, axis.of_updates, columns)
    if axis.total > max(4 * columns, 2):
        times = np.union1d(times, panel.points_of(curve, replace(axis.of_updates, log=True), columns)[0])
        values = curve.values[np.searchsorted(curve.times, times)]
    every = np.array_equal(times, np.arange(times.size))
    found: dict[str, object] = {"held": curve.held, "v": _json_numbers(values)}
    return found if every else {**found, "t": times.tolist()}


def _json_numbers(values: Floats) -> list[float | int | str]:
    """Values as JSON holds them: it has no infinity and no nan, so these are text."""
    return [
        (int(v) if v == int(v) and abs(v) < 2**53 else v)
        if np.isfinite(v)
        else {"inf": "Infinity", "-inf": "-Infinity"}.get(str(v), "NaN")
        for v in values.tolist()
    ]


_ROW = 18
_CHARACTER = 7.3  # pixels of a monospaced character at 12 px
_MOST_ENTRIES = 10  # curves of a legend before the rest is only counted


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

    It follows the reader's light or dark preference, has no script, and names nothing outside itself.

    Args:
        trace: the plan's curves.
        width: of the picture, in pixels.
        height: of one plot, in pixels.
        log: values really used, drawn as thin lines over the plan; or runs (`LoggedRun`), with their metrics below.
        other: a second plan, drawn dashed over the first.
        view: which axes there are: `View(log=True)`.

    Raises:
        InvalidArgument: there is nothing to draw, or the log does not fit the trace.

    >>> from paramsched.show import curves_from_values
    >>> drawn = svg(curves_from_values({("lr", 0): [0.1, 0.05]}))
    >>> drawn.startswith("<svg"), "group 0" in drawn
    (True, True)
    """
    whole = picture(trace, log=log, other=other, view=view)
    inner = max(width - _LEFT - _RIGHT, 100)
    ticks = whole.axis.ticks(max(inner // 100, 2))
    body: list[str] = []
    y = 14
    for verdict in whole.verdicts:
        sign = "ps-differs" if verdict.differs else "ps-good"
        body.append(f'<text class="{sign}" x="16" y="{y + 14}">{escaped(verdict.text)}</text>')
        y += _ROW
    y += 8 if whole.verdicts else 0
    for panel in whole.panels:
        y = _add_svg_panel(body, panel, whole, ticks, y, inner, height, width)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="ps" viewBox="0 0 {width} {y}" '
            f'width="{width}" height="{y}" role="img" aria-label="{escaped(_spoken_text(whole))}">',
            f"<style>{style_sheet()}</style>",
            f'<rect class="ps-paper" width="{width}" height="{y}"/>',
            *body,
            "</svg>",
        ]
    )


def _spoken_text(whole: Picture) -> str:
    fields = (f"{panel.title}: {'; '.join(panel.schedules) or 'values'}" for panel in whole.panels)
    return f"{whole.horizon}. {'. '.join(fields)}"


def _add_svg_panel(
    body: list[str],
    panel: Panel,
    whole: Picture,
    ticks: tuple[TimeTick, ...],
    y: int,
    inner: int,
    height: int,
    width: int,
) -> int:
    """Add a panel at `y`; the result is where the next begins."""
    y += 16
    body.append(f'<text class="ps-head" x="16" y="{y}">{escaped(clip_text(panel.title, 40))}</text>')
    room = int((width - 32) / _CHARACTER)
    if panel.heading:
        for row in wrap_text(panel.heading, room):
            y += _ROW
            body.append(f'<text class="ps-code ps-dim" x="16" y="{y}">{escaped(row)}</text>')
    y += 16
    body.append(f'<g transform="translate({_LEFT} {y})">')
    body += plot_area(panel, whole, ticks, inner, height)
    body.append("</g>")
    y += height + 20
    body.append(f'<text class="ps-dim ps-y" x="{_LEFT - 16}" y="{y}">{whole.axis.unit}</text>')
    if whole.axis.second:
        y += 15
        body.append(f'<text class="ps-dim ps-y" x="{_LEFT - 16}" y="{y}">{whole.axis.second}</text>')
    y += 8
    for row in _legend_rows(panel, room - 10):
        y += _ROW
        body.append(f'<g transform="translate({_LEFT} {y})">{row}</g>')
    return y + 22


def _legend_rows(panel: Panel, room: int) -> Iterator[str]:
    """The rows below a plot."""
    entries = panel.plan_legend
    for entry in entries[:_MOST_ENTRIES]:
        yield _legend_row(_line_sample(panel, entry), clip_text(_entry_text(entry), room))
    if len(entries) > _MOST_ENTRIES:
        yield _legend_row("", f"… and {len(entries) - _MOST_ENTRIES} more curves")
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


def _entry_text(entry: LegendEntry) -> str:
    return "   ".join(filter(None, [entry.owner, entry.curve.name, entry.levels, entry.schedule]))


def _legend_row(sample: str, text: str, paint: str = "") -> str:
    x = 30 if sample else 0
    mode = f' class="{paint}"' if paint else ""
    return f'{sample}<text{mode} x="{x}" xml:space="preserve">{escaped(text)}</text>'
