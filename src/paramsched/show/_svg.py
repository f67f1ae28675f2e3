"""A plan as one SVG picture: a panel for each field, one below the other."""

from collections.abc import Iterator

from paramsched.show._curves import Curves
from paramsched.show._logged_run import RunsOrLog
from paramsched.show._panels import picture
from paramsched.show._picture import LegendEntry, Panel, Picture
from paramsched.show._svg_plot import escaped, plot_area
from paramsched.show._svg_style import stroke_of, style_sheet
from paramsched.show._time_axis import TimeTick
from paramsched.show._view import AS_VALUES_ASK, View
from paramsched.show._words import clip_text, wrap_text

_LEFT, _RIGHT, _ROW = 76, 40, 18
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
    """What a picture shows, for those who do not see it."""
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
    """Add a panel whose upper edge is at `y`; the result is the next one's."""
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
    """The rows below a plot: curves, what was used, breakpoints, notes."""
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
    """A short line as the curve is drawn."""
    stroke = stroke_of(panel, entry.curve)
    return f'<path class="{stroke.color} {stroke.role}"{stroke.style} d="M0 -4H22"/>'


def _entry_text(entry: LegendEntry) -> str:
    """What a legend says of a curve, in one row."""
    return "   ".join(filter(None, [entry.owner, entry.curve.name, entry.levels, entry.schedule]))


def _legend_row(sample: str, text: str, paint: str = "") -> str:
    """A row of a legend: a sample of the line, if any, and text."""
    x = 30 if sample else 0
    mode = f' class="{paint}"' if paint else ""
    return f'{sample}<text{mode} x="{x}" xml:space="preserve">{escaped(text)}</text>'
