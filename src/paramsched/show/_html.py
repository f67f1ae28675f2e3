"""A plan as one self-contained HTML page: pictures, values under the pointer, zoom."""

import json
from collections.abc import Iterator
from importlib.resources import files

import numpy as np

from paramsched.show._clock import Tick, time_ticks
from paramsched.show._drawable import Drawable, Floats, Log
from paramsched.show._paint import stroke, style
from paramsched.show._panels import Curve, Panel, Picture, picture
from paramsched.show._plot import escaped, outlined, plot

_LEFT, _RIGHT, _WIDTH, _HEIGHT = 76, 40, 1040, 180  # the script has others for a narrow window
_POINTS = 120_000  # values in a page: some 2 MB


def html(
    trace: Drawable,
    *,
    title: str = "Plan",
    log: Log | None = None,
    other: Drawable | None = None,
) -> str:
    """Draw a trace as a page that needs nothing but itself, readable without its script and on paper.

    Pointing at a plot reads all curves at that update, arrow keys move by one, dragging zooms; `#t=120` and
    `#zoom=100-200` after the address open it there. Up to some hundred thousand values in all are
    in the page exactly; of more, those that draw the curve at a width of thousands of columns, extremes and
    breakpoints always, and a value between them is shown with ≈.

    Args:
        trace: the plan's curves.
        title: heading of the page.
        log: values really used, drawn as a thin line over the plan.
        other: a second plan, drawn dashed over the first.

    Raises:
        InvalidArgument: there is nothing to draw, or the log does not fit the trace.

    >>> from paramsched.show import recorded
    >>> page = html(recorded({("lr", "<head>"): [0.1, 0.05]}), title="Two updates")
    >>> "<title>Two updates</title>" in page, "<head>:" in page, "://" in page
    (True, False, False)
    """
    whole = picture(trace, log=log, other=other)
    width = _WIDTH - _LEFT - _RIGHT
    ticks = time_ticks(whole.total, whole.steps_per_epoch, most=width // 100)
    body: list[str] = []
    for index, panel in enumerate(whole.panels):
        body += _panel(index, panel, whole, ticks, width)
    # "</" would end the script element; in JSON the slash may be escaped.
    data = json.dumps(_data(whole, width), separators=(",", ":")).replace("</", "<\\/")
    verdict = f'<p class="verdict {"good" if whole.agrees else "bad"}">{escaped(whole.verdict)}</p>'
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escaped(title)}</title>",
            f"<style>\n{_resource('report.css')}{style()}@media print{{.ps .ps-paper{{fill:#fff}}}}</style>",
            "</head>",
            "<body>",
            f"<header><h1>{escaped(title)}</h1>",
            f'<p class="dim">{escaped(whole.summary)}</p>',
            verdict if whole.verdict else "",
            "</header>",
            '<div id="bar" hidden><span id="now"></span>'
            '<button id="reset" type="button" hidden>show all</button>'
            '<span class="dim">point to read values, drag to zoom, double-click to see all</span></div>',
            *body,
            f'<script type="application/json" id="data">{data}</script>',
            f"<script>\n{_resource('report.js')}</script>",
            "</body></html>\n",
        ]
    )


def _resource(name: str) -> str:
    return (files("paramsched.show") / name).read_text(encoding="utf-8")


def _panel(index: int, panel: Panel, whole: Picture, ticks: tuple[Tick, ...], width: int) -> Iterator[str]:
    below = 44 if whole.steps_per_epoch else 28
    yield f'<section data-panel="{index}"><h2>{escaped(panel.title)}</h2>'
    if len(panel.lines) == 1:
        yield f"<code>{escaped(panel.lines[0])}</code>"
    said = escaped(f"{panel.title} over {whole.summary}")
    yield (
        f'<svg class="ps plot" viewBox="0 0 {_WIDTH} {_HEIGHT + 10 + below}" role="img" '
        f'aria-label="{said}"><g transform="translate({_LEFT} 10)">'
        f'<text class="ps-dim ps-y" x="-16" y="{_HEIGHT + 20}">updates</text>'
    )
    if whole.steps_per_epoch:
        yield f'<text class="ps-dim ps-y" x="-16" y="{_HEIGHT + 35}">epochs</text>'
    yield from plot(panel, whole, ticks, width, _HEIGHT)
    yield '</g></svg><div class="legend"><table>'
    yield from _legend(panel)
    yield "</table></div>"
    if panel.breakpoints.size:
        yield f'<p class="dim legend">┊ {escaped(panel.marks(8))}</p>'
    for note in panel.notes:
        bad = panel.differing.size and ("differ" in note or "only in" in note)
        yield f'<p class="legend {"bad" if bad else "dim"}">{escaped(note)}</p>'
    yield "</section>"


def _legend(panel: Panel) -> Iterator[str]:
    compared = any(c.kind == "log" for c in panel.overlays)
    for index, curve in enumerate((*panel.curves, *panel.overlays)):
        color, paint = stroke(curve.color, max(len(panel.curves), curve.color + 1))
        kinds = {
            "plan": f"{color} ps-wide" if compared else color,
            "log": "ps-used",
            "other": f"{color} ps-other",
        }
        whose = {"plan": "", "log": "used", "other": "other plan"}[curve.kind]
        name = " ".join(filter(None, [whose, curve.name]))
        line = "; ".join(curve.lines)
        different = len(panel.lines) > 1 or (curve.kind == "other" and curve.lines != panel.lines)
        yield (
            f'<tr><td><svg class="ps" width="24" height="10"><path class="{kinds[curve.kind]}"'
            f'{"" if curve.kind == "log" else paint} d="M2 5H22"/></svg></td><td>{escaped(name)}</td>'
            f'<td class="value" data-curve="{index}"></td><td class="dim">{escaped(curve.course)}</td>'
            f"<td>{f'<code>{escaped(line)}</code>' if different else ''}</td></tr>"
        )


def _data(whole: Picture, width: int) -> dict[str, object]:
    """What the script needs: numbers only, no text of a user."""
    many = sum(len(p.curves) + len(p.overlays) for p in whole.panels)
    return {
        "total": whole.total,
        "epoch": whole.steps_per_epoch,
        "left": _LEFT,
        "right": _RIGHT,
        "width": width,
        "height": _HEIGHT,
        "panels": [
            {
                "low": panel.scale.low,
                "high": panel.scale.high,
                "log": panel.scale.log,
                "curves": [
                    _curve(panel, curve, whole.total, max(_POINTS // many // 4, 250))
                    for curve in (*panel.curves, *panel.overlays)
                ],
            }
            for panel in whole.panels
        ],
    }


def _curve(panel: Panel, curve: Curve, total: int, columns: int) -> dict[str, object]:
    times, values = outlined(panel, curve, total, columns)
    every = np.array_equal(times, np.arange(times.size))
    found: dict[str, object] = {"held": curve.held, "v": _numbers(values)}
    return found if every else {**found, "t": times.tolist()}


def _numbers(values: Floats) -> list[float | int | str]:
    """Values as JSON holds them: it has no infinity and no nan, so these are text."""
    return [
        (int(v) if v == int(v) and abs(v) < 2**53 else v)
        if np.isfinite(v)
        else {"inf": "Infinity", "-inf": "-Infinity"}.get(str(v), "NaN")
        for v in values.tolist()
    ]
