"""A plan as the value of a notebook cell."""

from dataclasses import dataclass
from html import escape
from typing import final

from paramsched.show._curves import Curves
from paramsched.show._html import html
from paramsched.show._logged_run import RunsOrLog, runs_of
from paramsched.show._svg import svg
from paramsched.show._text import text
from paramsched.show._view import AS_VALUES_ASK, View


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Figure:
    """A trace that a notebook draws and a terminal prints; made by `figure`."""

    trace: Curves
    title: str
    log: RunsOrLog
    other: Curves | None
    view: View = AS_VALUES_ASK

    def __repr__(self) -> str:
        return text(self.trace, log=self.log, other=self.other, view=self.view)

    def _repr_svg_(self) -> str:
        return svg(self.trace, log=self.log, other=self.other, view=self.view)

    def _repr_html_(self) -> str:
        # A frame keeps the page's style and script apart from the notebook's.
        page = html(self.trace, title=self.title, log=self.log, other=self.other, view=self.view)
        measured = {name for run in runs_of(self.log) for name in run.measured}
        panels = len({field for field, _ in self.trace.keys()} | measured)
        return (
            f'<iframe srcdoc="{escape(page, quote=True)}" sandbox="allow-scripts" '
            f'style="width:100%;height:{min(140 + 340 * panels, 900)}px;border:0"></iframe>'
        )


def figure(
    trace: Curves,
    *,
    title: str = "Plan",
    log: RunsOrLog = None,
    other: Curves | None = None,
    view: View = AS_VALUES_ASK,
) -> Figure:
    """Show a trace in a notebook: write it as the last line of a cell.

    Args:
        trace: the plan's curves.
        title: heading of the page.
        log: values really used, drawn over the plan; or runs (`LoggedRun`), whose metrics have panels below.
        other: a second plan, drawn over the first.
        view: which axes there are: `View(log=True)`.

    >>> from paramsched.show import curves_from_values
    >>> shown = figure(curves_from_values({("lr", ""): [0.1] * 3}))
    >>> shown._repr_svg_()[:4], shown._repr_html_()[:7]
    ('<svg', '<iframe')
    """
    return Figure(trace, title, log, other, view)
