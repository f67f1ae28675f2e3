"""The plotting area of a panel in SVG: grid, axes, breakpoints, curves."""

from collections.abc import Iterator
from html import escape

import numpy as np

from paramsched._printable import printable
from paramsched.show._clock import Tick
from paramsched.show._drawable import Floats, Times
from paramsched.show._numbers import count, distinct, spans
from paramsched.show._paint import stroke
from paramsched.show._panels import Curve, Panel, Picture
from paramsched.show._path import path
from paramsched.show._reduce import outline

_DOTS = 60  # breakpoints beyond which a dot on each would hide the curve
_MARGIN = 4  # above and below, so that a line at the edge is not cut in half


def escaped(text: str) -> str:
    """Text of a user as content or attribute of XML and HTML."""
    return escape(printable(text), quote=True)


def outlined(panel: Panel, curve: Curve, total: int, columns: int) -> tuple[Times, Floats]:
    """The points of a curve that are drawn; breakpoints of all its panel's curves among them."""
    points = outline(curve.times, curve.values, total, columns, tuple(panel.breakpoints[:2000].tolist()))
    return curve.times[points], curve.values[points]


def plot(panel: Panel, whole: Picture, ticks: tuple[Tick, ...], width: int, height: int) -> Iterator[str]:
    """Draw a panel's data on [0, width] x [0, height]; labels stand outside of it."""
    yield from _grid(panel, width, height)
    yield '<g class="ps-time">'
    yield from _time(whole, ticks, width, height)
    yield "</g>"
    yield (
        f'<svg class="ps-data" y="{-_MARGIN}" width="{width}" height="{height + 2 * _MARGIN}" '
        f'viewBox="0 {-_MARGIN} {width} {height + 2 * _MARGIN}">'
    )
    yield from _marks(panel, whole, width, height)
    columns = max(min(width, 40_000 // len(panel.curves or panel.overlays)), 100)
    compared = any(c.kind == "log" for c in panel.overlays)
    for index, curve in enumerate((*panel.curves, *panel.overlays)):
        color, paint = stroke(curve.color, max(len(panel.curves), curve.color + 1))
        kind = {"plan": f"{color} ps-wide" if compared else color, "log": "ps-used", "other": f"{color} ps-other"}[
            curve.kind
        ]
        times, values = outlined(panel, curve, whole.total, columns)
        line = path(
            times,
            panel.scale.fraction(values),
            total=whole.total,
            width=width,
            height=height,
            held=curve.held,
        )
        yield (f'<path class="{kind}" data-curve="{index}"{"" if curve.kind == "log" else paint} d="{line}"/>')
    if panel.breakpoints.size <= _DOTS and not compared:
        yield from _dots(panel, whole, width, height)
    yield "</svg>"


def _grid(panel: Panel, width: int, height: int) -> Iterator[str]:
    values = np.array([value for value, _ in panel.scale.ticks])
    for (_, label), fraction in zip(panel.scale.ticks, panel.scale.fraction(values), strict=True):
        y = round((1 - float(fraction)) * height, 1)
        yield f'<path class="ps-grid" style="stroke-width:1" d="M0 {y:g}H{width}"/>'
        yield f'<text class="ps-dim ps-y" x="-8" y="{y + 4:g}">{escaped(label)}</text>'


def _time(whole: Picture, ticks: tuple[Tick, ...], width: int, height: int) -> Iterator[str]:
    for tick in ticks:
        x = round(tick.at / whole.total * width, 1)
        yield f'<path class="ps-grid" style="stroke-width:1" d="M{x:g} {height}v5"/>'
        yield f'<text class="ps-dim ps-x" x="{x:g}" y="{height + 20}">{tick.updates}</text>'
        if tick.epochs:
            yield f'<text class="ps-dim ps-x" x="{x:g}" y="{height + 35}">{tick.epochs}</text>'


def _marks(panel: Panel, whole: Picture, width: int, height: int) -> Iterator[str]:
    """Breakpoints as dashed lines, and what differs as shaded spans."""
    differing = spans(panel.differing)
    if len(differing) > 400:
        # Whole pixels then: nothing is lost to the eye, and the file stays small.
        pixels = distinct(panel.differing * width // whole.total)
        differing = [(a * whole.total // width, -(-(b + 1) * whole.total // width) - 1) for a, b in spans(pixels)]
    for begin, last in differing:
        x, end = begin / whole.total * width, (last + 1) / whole.total * width
        size = max(end - x, 1.5)
        yield (
            f'<rect class="ps-differs" data-t="{begin}" data-to="{last + 1}" x="{x:.1f}" y="0" '
            f'width="{size:.1f}" height="{height}"/>'
        )
    marks = panel.breakpoints
    columns = marks * width // whole.total
    starts = np.flatnonzero(np.append(True, columns[1:] != columns[:-1])) if marks.size else marks
    many = np.diff(np.append(starts, marks.size))
    for first, size in zip(starts.tolist(), many.tolist(), strict=True):
        at, end = int(marks[first]), int(marks[first + size - 1])
        x = round(at / whole.total * width, 1)
        said = f"breakpoint {count(at)}"
        if size > 1:
            said = f"{count(size)} breakpoints, {count(at)} to {count(end)}"
        yield (
            f'<g data-t="{at}" transform="translate({x:g} 0)"><title>{said}</title>'
            f'<path class="ps-break" style="stroke-width:1" d="M0 {-_MARGIN}V{height}"/></g>'
        )


def _dots(panel: Panel, whole: Picture, width: int, height: int) -> Iterator[str]:
    """The exact value at each curve's own breakpoints."""
    if len(panel.curves) > 8:
        return
    for curve in panel.curves:
        for at in curve.breakpoints.tolist():
            if not 0 < at < curve.values.size or not np.isfinite(curve.values[at]):
                continue
            fraction = float(panel.scale.fraction(curve.values[at : at + 1])[0])
            color, _ = stroke(curve.color, len(panel.curves))
            x, y = round(at / whole.total * width, 1), round((1 - fraction) * height, 1)
            yield (
                f'<g data-t="{at}" data-y="{y:g}" transform="translate({x:g} {y:g})">'
                f'<circle class="{color}" r="2.6"/></g>'
            )
