"""The plotting area of a panel in SVG, with its style sheet."""

from collections.abc import Iterator
from html import escape
from typing import NamedTuple

import numpy as np

from paramsched.base.diagnostic import printable
from paramsched.show._curves import Floats, Times, distinct_times, runs_of_times
from paramsched.show._picture import DrawnCurve, Panel, Picture
from paramsched.show._words import TimeAxis, TimeTick, with_thousands

_DOTS = 60  # breakpoints beyond which a dot on each would hide the curve
_MARGIN = 4  # above and below, so that a line at the edge is not cut in half
_STEP = 5.0  # pixels for an update from which on each is drawn as a step


def escaped(text: str) -> str:
    """Text of a user as content or attribute of XML and HTML."""
    return escape(printable(text), quote=True)


def plot_area(panel: Panel, whole: Picture, ticks: tuple[TimeTick, ...], width: int, height: int) -> Iterator[str]:
    """Draw a panel's data on [0, width] x [0, height]."""
    yield '<g class="ps-values">'
    yield from _draw_grid(panel, width, height)
    yield '</g><g class="ps-time">'
    yield from _draw_time_axis(ticks, width, height)
    yield "</g>"
    yield (
        f'<svg class="ps-data" y="{-_MARGIN}" width="{width}" height="{height + 2 * _MARGIN}" '
        f'viewBox="0 {-_MARGIN} {width} {height + 2 * _MARGIN}">'
    )
    yield from _draw_differences(panel, whole, width, height)
    yield from _draw_breakpoints(panel, whole, width, height)
    columns = max(min(width, 40_000 // len(panel.curves or panel.overlays)), 100)
    for index, curve in enumerate(panel.every_curve):
        stroke = stroke_of(panel, curve)
        times, values = panel.points_of(curve, whole.axis, columns)
        fractions = panel.scale.fraction(values)
        line = svg_path(times, fractions, whole.axis, width=width, height=height, held=curve.held)
        yield f'<path class="{stroke.classes}" data-curve="{index}"{stroke.style} d="{line}"/>'
    if panel.breakpoints.size <= _DOTS and not panel.has_log:
        yield from _draw_breakpoint_dots(panel, whole, width, height)
    yield "</svg>"


def _draw_grid(panel: Panel, width: int, height: int) -> Iterator[str]:
    values = np.array([value for value, _ in panel.scale.ticks])
    for (_, label), fraction in zip(panel.scale.ticks, panel.scale.fraction(values), strict=True):
        y = round((1 - float(fraction)) * height, 1)
        yield f'<path class="ps-grid" style="stroke-width:1" d="M0 {y:g}H{width}"/>'
        yield f'<text class="ps-dim ps-y" x="-8" y="{y + 4:g}">{escaped(label)}</text>'


def _draw_time_axis(ticks: tuple[TimeTick, ...], width: int, height: int) -> Iterator[str]:
    """The ticks of time below the plot, in both rows."""
    for tick in ticks:
        x = round(tick.place * width, 1)
        yield f'<path class="ps-grid" style="stroke-width:1" d="M{x:g} {height}v5"/>'
        yield f'<text class="ps-dim ps-x" x="{x:g}" y="{height + 20}">{tick.label}</text>'
        if tick.second:
            yield f'<text class="ps-dim ps-x" x="{x:g}" y="{height + 35}">{tick.second}</text>'


def _draw_differences(panel: Panel, whole: Picture, width: int, height: int) -> Iterator[str]:
    """Shade the updates at which what is compared differs."""
    differing = runs_of_times(panel.differing)
    if len(differing) > 400:
        # So many are joined to whole pixels: the eye loses nothing, and the file stays small.
        columns, edges = whole.axis.columns_of(panel.differing, width), whole.axis.edges(width)
        differing = [(int(edges[a]), int(edges[b + 1]) - 1) for a, b in runs_of_times(distinct_times(columns))]
    for begin, last in differing:
        x, end = (whole.axis.place([begin, last + 1]) * width).tolist()
        size = max(end - x, 1.5)
        yield (
            f'<rect class="ps-differs" data-t="{begin}" data-to="{last + 1}" x="{x:.1f}" y="0" '
            f'width="{size:.1f}" height="{height}"/>'
        )


def _draw_breakpoints(panel: Panel, whole: Picture, width: int, height: int) -> Iterator[str]:
    """A dashed line for each pixel column that holds a breakpoint."""
    marks = panel.breakpoints
    columns = whole.axis.columns_of(marks, width)
    starts = np.flatnonzero(np.append(True, columns[1:] != columns[:-1])) if marks.size else marks
    many = np.diff(np.append(starts, marks.size))
    for first, size in zip(starts.tolist(), many.tolist(), strict=True):
        at, end = int(marks[first]), int(marks[first + size - 1])
        x = round(float(whole.axis.place(at)) * width, 1)
        said = f"breakpoint {with_thousands(at)}"
        if size > 1:
            said = f"{with_thousands(size)} breakpoints, {with_thousands(at)} to {with_thousands(end)}"
        yield (
            f'<g data-t="{at}" transform="translate({x:g} 0)"><title>{said}</title>'
            f'<path class="ps-break" style="stroke-width:1" d="M0 {-_MARGIN}V{height}"/></g>'
        )


def _draw_breakpoint_dots(panel: Panel, whole: Picture, width: int, height: int) -> Iterator[str]:
    """The exact value at each curve's own breakpoints."""
    if len(panel.curves) > 8:
        return
    for curve in panel.curves:
        first = int(curve.times[0])
        for at in curve.breakpoints.tolist():
            index = at - first
            if not 0 < index < curve.values.size or not np.isfinite(curve.values[index]):
                continue
            fraction = float(panel.scale.fraction(curve.values[index : index + 1])[0])
            if np.isnan(fraction):
                continue
            x, y = round(float(whole.axis.place(at)) * width, 1), round((1 - fraction) * height, 1)
            yield (
                f'<g data-t="{at}" data-v="{float(curve.values[index])!r}" transform="translate({x:g} {y:g})">'
                f'<circle class="{stroke_of(panel, curve).color}" r="2.6"/></g>'
            )


def svg_path(times: Times, fractions: Floats, axis: TimeAxis, *, width: float, height: float, held: bool) -> str:
    """Draw points (time, fraction of the height) on `width` x `height`, to a tenth of a pixel.

    An update's value counts until the next one. Where that can be seen, neighbors are joined by a step, else by a
    line; nan is a gap.

    Args:
        held: the last value counts to the end of its update; for a log of every tenth update it does not.

    >>> from paramsched.show._words import updates_axis
    >>> svg_path(np.arange(2), np.array([0.0, 1.0]), updates_axis(2), width=20, height=10, held=True)
    'M0 10H10V0H20'
    """
    steps = axis.widest_update * width >= _STEP
    end = float(times[-1] + 1) if held and times.size else None
    xs = np.rint(axis.place(times) * width * 10).astype(np.int64)
    known = np.isfinite(fractions)
    ys = np.rint((1 - np.where(known, fractions, 0)) * height * 10).astype(np.int64)
    parts = []
    borders = np.flatnonzero(np.diff(known.astype(np.int8))) + 1
    for piece in np.split(np.arange(times.size), borders):
        if piece.size == 0 or not known[piece[0]]:
            continue
        if not steps:
            piece = piece[_corner_points(xs[piece], ys[piece])]
        parts.append(_path_piece(times[piece], xs[piece], ys[piece], steps))
        last = round(float(axis.place(times[piece[-1]] + 1)) * width * 10)
        if (end is not None and times[piece[-1]] + 1 == end) or steps:
            parts.append(f"H{_tenths(last)}")
        elif piece.size == 1:
            parts.append("h0")  # with round ends: a dot
    return "".join(parts)


def _path_piece(times: Times, xs: Times, ys: Times, steps: bool) -> str:
    """One piece of a path without gaps: `steps` joins updates that follow each other by a step, where one sees it."""
    words = [f"M{_tenths(xs[0])} {_tenths(ys[0])}"]
    for i in range(1, xs.size):
        if ys[i] == ys[i - 1]:
            words.append(f"H{_tenths(xs[i])}")
        elif steps and times[i] - times[i - 1] == 1 and xs[i] - xs[i - 1] >= 10 * _STEP - 1:
            words.append(f"H{_tenths(xs[i])}V{_tenths(ys[i])}")
        else:
            words.append(f"L{_tenths(xs[i])} {_tenths(ys[i])}")
    return "".join(words)


def _corner_points(xs: Times, ys: Times) -> Times:
    """The points of a line that are not on the straight way between two others."""
    if xs.size < 3:
        return np.arange(xs.size)
    dx, dy = np.diff(xs), np.diff(ys)
    straight = (dx[:-1] * dy[1:] == dy[:-1] * dx[1:]) & (dx[:-1] * dx[1:] + dy[:-1] * dy[1:] >= 0)
    # A point equal to its neighbor has no direction; dropping it must not straighten the corner it stands in.
    still = (dx == 0) & (dy == 0)
    straight &= ~still[:-1] & ~still[1:]
    return np.flatnonzero(np.r_[True, ~straight, True] & np.r_[True, ~still])


def _tenths(value: int) -> str:
    whole, rest = divmod(abs(int(value)), 10)
    return f"{'-' if value < 0 else ''}{whole}.{rest}" if rest else f"{'-' if value < 0 else ''}{whole}"


# The colors of what is in `_PAINTED`, in its order, and of the curves.
_LIGHT = (
    "#ffffff #1f2328 #5d6670 #e4e7eb #8c96a1 #1f2328 #cf222e #1a7f37",
    "#0969da #d1570a #1a7f5a #9a3fb5 #9a6700 #087f8c #c2255c #57606a",
)
_DARK = (
    "#0f1318 #e6edf3 #97a1ac #252c35 #6b7683 #e6edf3 #ff7b72 #56d364",
    "#58a6ff #f0883e #3fb985 #cf8df0 #d9a514 #39c5cf #f783ac #9da7b1",
)
_SHAPES = """\
.ps text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
.ps .ps-code{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.ps .ps-head{font-size:15px;font-weight:650}
.ps .ps-y{text-anchor:end}
.ps .ps-x{text-anchor:middle}
.ps path{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.ps path.ps-wide{stroke-width:6;stroke-opacity:.4}
.ps path.ps-used{stroke-width:1.4}
.ps path.ps-other{stroke-dasharray:6 4}
.ps .ps-break{stroke-dasharray:2 3}
.ps rect.ps-differs{fill-opacity:.13}
"""


_PAINTED = (
    (".ps-paper", "fill"),
    ("text", "fill"),
    (".ps-dim", "fill"),
    (".ps-grid", "stroke"),
    (".ps-break", "stroke"),
    (".ps-used", "stroke"),
    (".ps-differs", "fill"),
    (".ps-good", "fill"),
)


def _color_rules(tones: str, curves: str) -> str:
    """The rules for one of the two surroundings."""
    rules = [f".ps {what}{{{how}:{tone}}}" for (what, how), tone in zip(_PAINTED, tones.split(), strict=True)]
    for index, color in enumerate(curves.split()):
        rules.append(f".ps .ps-c{index}{{stroke:{color}}}")
        rules.append(f".ps circle.ps-c{index}{{fill:{color}}}")
    return "\n".join(rules)


def style_sheet() -> str:
    """The style sheet of a picture; every rule is confined to the class `ps`.

    It has plain properties and no variables, for programs that draw SVG and are no browsers.
    """
    light, dark = _color_rules(*_LIGHT), _color_rules(*_DARK)
    return f"{_SHAPES}{light}\n@media (prefers-color-scheme:dark){{\n{dark}\n}}\n"


class Stroke(NamedTuple):
    """How a curve is drawn: classes of its color and its role, and an attribute for further colors."""

    color: str
    role: str
    style: str

    @property
    def classes(self) -> str:
        return " ".join(filter(None, [self.color, self.role]))


def stroke_of(panel: Panel, curve: DrawnCurve) -> Stroke:
    """The stroke of a curve; the log of one run has the color of text, and a plan below a log is wide and pale."""
    if curve.kind == "log" and not curve.owner:
        return Stroke("", "ps-used", "")
    usual = "ps-wide" if panel.has_log else ""
    role = {"log": "ps-used", "other": "ps-other", "metric": "ps-used", "plan": usual}[curve.kind]
    many = max(len(panel.curves), curve.color + 1)
    if many <= 8:
        return Stroke(f"ps-c{curve.color % 8}", role, "")
    # There are eight named colors; more curves take theirs from a rainbow.
    hue = round(220 - 200 * (curve.color % many) / (many - 1))
    return Stroke("ps-many", role, f' style="stroke:hsl({hue},70%,48%)"')
