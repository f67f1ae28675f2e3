"""A plan as one SVG picture: a panel for each field, one below the other."""

from collections.abc import Iterator

from paramsched.show._clock import Tick, time_ticks
from paramsched.show._drawable import Drawable, Log
from paramsched.show._paint import stroke, style
from paramsched.show._panels import Panel, Picture, picture
from paramsched.show._plot import escaped, plot
from paramsched.show._words import clip, wrap

_LEFT, _RIGHT, _ROW = 76, 40, 18
_CHARACTER = 7.3  # pixels of a monospaced character at 12 px
_LEGEND = 10


def svg(
    trace: Drawable,
    *,
    width: int = 860,
    height: int = 150,
    log: Log | None = None,
    other: Drawable | None = None,
) -> str:
    """Draw a trace as SVG.

    It follows the reader's light or dark preference, has no script, and names nothing outside itself.

    Args:
        trace: the plan's curves.
        width: of the picture, in pixels.
        height: of one plot, in pixels.
        log: values really used, drawn as a thin line over the plan.
        other: a second plan, drawn dashed over the first.

    Raises:
        InvalidArgument: there is nothing to draw, or the log does not fit the trace.

    >>> from paramsched.show import recorded
    >>> drawn = svg(recorded({("lr", 0): [0.1, 0.05]}))
    >>> drawn.startswith("<svg"), "group 0" in drawn
    (True, True)
    """
    whole = picture(trace, log=log, other=other)
    inner = max(width - _LEFT - _RIGHT, 100)
    ticks = time_ticks(whole.total, whole.steps_per_epoch, most=max(inner // 100, 2))
    body: list[str] = []
    y = 14
    if whole.verdict:
        sign = "ps-good" if whole.agrees else "ps-differs"
        body.append(f'<text class="{sign}" x="16" y="{y + 14}">{escaped(whole.verdict)}</text>')
        y += 26
    for panel in whole.panels:
        y = _panel(body, panel, whole, ticks, y, inner, height, width)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="ps" viewBox="0 0 {width} {y}" '
            f'width="{width}" height="{y}" role="img" aria-label="{escaped(spoken(whole))}">',
            f"<style>{style()}</style>",
            f'<rect class="ps-paper" width="{width}" height="{y}"/>',
            *body,
            "</svg>",
        ]
    )


def spoken(whole: Picture) -> str:
    """What a picture shows, for those who do not see it."""
    said = (f"{panel.title}: {'; '.join(panel.lines) or 'values'}" for panel in whole.panels)
    return f"{whole.summary}. {'. '.join(said)}"


def _panel(
    body: list[str],
    panel: Panel,
    whole: Picture,
    ticks: tuple[Tick, ...],
    y: int,
    inner: int,
    height: int,
    width: int,
) -> int:
    """Add a panel whose upper edge is at `y`; the result is the next one's."""
    y += 16
    body.append(f'<text class="ps-head" x="16" y="{y}">{escaped(clip(panel.title, 40))}</text>')
    room = int((width - 32) / _CHARACTER)
    if len(panel.lines) == 1:
        for row in wrap(panel.lines[0], room):
            y += _ROW
            body.append(f'<text class="ps-code ps-dim" x="16" y="{y}">{escaped(row)}</text>')
    y += 16
    body.append(f'<g transform="translate({_LEFT} {y})">')
    body += plot(panel, whole, ticks, inner, height)
    body.append("</g>")
    y += height + 20
    body.append(f'<text class="ps-dim ps-y" x="{_LEFT - 16}" y="{y}">updates</text>')
    if whole.steps_per_epoch:
        y += 15
        body.append(f'<text class="ps-dim ps-y" x="{_LEFT - 16}" y="{y}">epochs</text>')
    y += 8
    for row in _legend(panel, room - 10):
        y += _ROW
        body.append(f'<g transform="translate({_LEFT} {y})">{row}</g>')
    return y + 22


def _legend(panel: Panel, room: int) -> Iterator[str]:
    compared = any(c.kind == "log" for c in panel.overlays)
    drawn = [c for c in (*panel.curves, *panel.overlays) if c.kind != "log"]
    for curve in drawn[:_LEGEND]:
        color, paint = stroke(curve.color, max(len(panel.curves), curve.color + 1))
        kind = "ps-other" if curve.kind == "other" else "ps-wide" if compared else ""
        parts = ["other plan" if curve.kind == "other" else "", curve.name, curve.course]
        if (curve.kind == "other" and curve.lines != panel.lines) or len(panel.lines) > 1:
            parts.append("; ".join(curve.lines))
        said = clip("   ".join(filter(None, parts)), room)
        yield _entry(f'<path class="{color} {kind}"{paint} d="M0 -4H22"/>', said)
    if len(drawn) > _LEGEND:
        yield _entry("", f"… and {len(drawn) - _LEGEND} more curves")
    if compared:
        yield _entry('<path class="ps-used" d="M0 -4H22"/>', "used")
    if panel.breakpoints.size:
        mark = '<path class="ps-break" style="stroke-width:1" d="M11 -11V2"/>'
        yield _entry(mark, panel.marks(6))
    for note in panel.notes:
        bad = panel.differing.size and ("differ" in note or "only in" in note)
        yield _entry("", note, "ps-differs" if bad else "ps-dim")


def _entry(sample: str, said: str, paint: str = "") -> str:
    x = 30 if sample else 0
    mode = f' class="{paint}"' if paint else ""
    return f'{sample}<text{mode} x="{x}" xml:space="preserve">{escaped(said)}</text>'
