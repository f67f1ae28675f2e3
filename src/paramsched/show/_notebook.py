"""Plans, schedules and pictures in notebooks and as files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar, final

from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan import Diff, Plan, PlanLike, PublishedPlan, Trace, plan_of, trace
from paramsched.core.schedules import Schedule
from paramsched.core.time import PROGRESS, UPDATES, RunFacts
from paramsched.errors import InvalidArgument, ParamschedError, shown
from paramsched.show._axes import AS_VALUES_ASK, View, short_number
from paramsched.show._matplotlib import saved_figure
from paramsched.show._svg import escaped, html, svg
from paramsched.show._text import text
from paramsched.show.plan_curves import Curves, RunsOrLog, curves_of_plan, plan_of_schedule, runs_of


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Figure:
    """A trace that a notebook draws and a terminal prints; built by `figure`."""

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
        # A frame separates the page's style and script from the notebook's.
        page = html(self.trace, title=self.title, log=self.log, other=self.other, view=self.view)
        measured = {name for run in runs_of(self.log) for name in run.measured}
        panels = len({field for field, _ in self.trace.keys()} | measured)
        return (
            f'<iframe srcdoc="{escape(page, quote=True)}" sandbox="allow-scripts" '
            f'style="width:100%;height:{min(200 + 370 * panels, 900)}px;border:0"></iframe>'
        )


def figure(
    trace: Curves | PlanLike,
    *,
    title: str = "Plan",
    log: RunsOrLog = None,
    other: Curves | None = None,
    view: View = AS_VALUES_ASK,
) -> Figure:
    """Show a trace in a notebook, as the last line of a cell: a page that shows the values under the pointer.

    Args:
        trace: the curves of a plan, a schedule, or a plan in any other form.
        title: heading of the page.
        log: the values that a run used, drawn over the plan, or runs (`LoggedRun`) with their metrics.
        other: a second plan, drawn over the first.
        view: options for the axes, such as `View(log=True)`.

    >>> from paramsched.show import curves_from_values
    >>> shown = figure(curves_from_values({("lr", ""): [0.1] * 3}))
    >>> shown._repr_svg_()[:4], shown._repr_html_()[:7]
    ('<svg', '<iframe')
    """
    if isinstance(trace, Schedule):
        trace = curves_of_plan(plan_of_schedule(trace))[0]
    elif not isinstance(trace, Curves):
        trace = curves_of_plan(plan_of(trace, "ps.show.figure"))[0]
    for curves in (trace, other):
        if curves is not None and not isinstance(curves, Curves):
            raise InvalidArgument(f"figure({type(curves).__name__})", "it has no curves", "Use ps.show.figure(trace)")
    return Figure(trace, title, log, other, view)


_MOST_VALUES = 8  # in the heading of a Scheduler
_MAX_UPDATES = 2_000_000  # plans with more updates are not drawn, because that would take seconds per cell


Displayable: TypeAlias = Plan | PublishedPlan | Schedule | Trace | Figure
"""A value with curves, which a notebook draws."""


def mime_bundle(value: Displayable | Diff | RunFacts | MetricRule[Any]) -> dict[str, str]:
    """Return what a notebook shows of a value, by MIME type; empty if it cannot be drawn, so that its text is shown.

    Diffs, run facts and metric rules are tables.

    A notebook stores them in its file, so they do not contain the value of each update as the page of `figure` does.

    >>> sorted(mime_bundle(Plan(lr="cosine()", total=10)))
    ['image/svg+xml']
    >>> mime_bundle(Plan(lr="warmup('1 epoch') >> cosine(over='10 samples')"))
    {}
    """
    if isinstance(value, Diff):
        return {"text/html": _table_of_changes(value)}
    if isinstance(value, (RunFacts, MetricRule)):
        return {"text/html": _table_of_fields(value)}
    try:
        curves: Curves
        if isinstance(value, Figure):
            curves = value.trace
            title = ""
        elif isinstance(value, Trace):
            curves = value
            title = ""
        elif isinstance(value, PublishedPlan):
            curves = curves_of_plan(value.plan, value.bases, value.facts)[0]
            title = repr(value)[1:-1]
        else:
            curves, assumed = curves_of_plan(value if isinstance(value, Plan) else plan_of_schedule(value))
            noun = "Plan" if isinstance(value, Plan) else "Schedule"
            title = f"{noun}: {assumed}" if assumed else ""
    except ParamschedError:  # a fact is missing, so only the text can be shown
        return {}
    return _pictures(value if isinstance(value, Figure) else Figure(curves, title, None, None), title)


def bundle_of_run(
    plan: Plan, optimizers: Any, facts: RunFacts, t: int, values: Mapping[tuple[str, str | int], float]
) -> dict[str, str]:
    """Return what a notebook shows of a Scheduler: the curves of its plan, below the values of update `t`.

    It is empty, so that only the text is shown, if the curves are unknown, or if they are not those of the run: a
    metric has changed the values, or the updates consumed other amounts than planned.
    """
    try:
        curves = trace(plan, optimizers, facts=facts)
    except ParamschedError:  # the length of the run, or of an update on its clock, is unknown
        return {}
    if t < curves.total and any(curves[key][t] != value for key, value in values.items()):
        return {}
    named = [f"{_label(curves, *key)} {short_number(value)}" for key, value in [*values.items()][:_MOST_VALUES]]
    coming = ", ".join([*named, "…"] if len(values) > _MOST_VALUES else named)
    heading = f"Scheduler at update {t:,} of {curves.total:,}, next {coming}"
    return _pictures(Figure(curves, heading, None, None), heading)


def _label(curves: Curves, field: str, group: str | int) -> str:
    """Return the name of a curve, with its group if the field has several."""
    return field if sum(name == field for name, _ in curves.keys()) == 1 else f"{field} of {group}"


def _pictures(figure: Figure, title: str) -> dict[str, str]:
    """Return the picture below its title by MIME type; empty if its curves are too long to be drawn in a cell."""
    if figure.trace.total > _MAX_UPDATES:
        return {}
    picture = figure._repr_svg_()
    return {"text/html": f"<div>{escaped(title)}</div>{picture}"} if title else {"image/svg+xml": picture}


def _table_of_fields(value: Any) -> str:
    """Return the fields that are set as an HTML table."""
    entries = ((field.name, getattr(value, field.name)) for field in fields(value))
    rows = (f"<tr><th>{name}</th><td>{escaped(shown(entry))}</td></tr>" for name, entry in entries if entry is not None)
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _table_of_changes(diff: Diff) -> str:
    """Return the changes as an HTML table."""
    if not diff.changes:
        return "<p>no difference</p>"
    rows = []
    for change in diff:
        since = "" if change.when is None else f"{change.when:,} {change.unit}"
        if change.when is not None and change.unit == UPDATES:
            since = f"update {change.when:,}"
        elif change.when is not None and change.unit == PROGRESS:
            since = f"progress {change.when}"
        by = "" if change.by is None else f"{change.by:.6g} × base"
        before, after = (f"<code>{escaped(side)}</code>" if side else "–" for side in (change.before, change.after))
        cells = f"<td><b>{escaped(change.what)}</b></td><td>{before}</td><td>{after}</td><td>{since}</td><td>{by}</td>"
        rows.append(f"<tr>{cells}</tr>")
    names = "".join(f"<th>{name}</th>" for name in ("field", "before", "after", "from", "by at most"))
    return f"<table><thead><tr>{names}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


class PictureFormat(Protocol):
    """A function that returns a picture as the content of a file, text or bytes."""

    def __call__(
        self, trace: Curves, /, *, title: str, log: RunsOrLog, other: Curves | None, view: View
    ) -> str | bytes:
        """Draw a trace; `log`, `other` and `view` are as in `svg`."""


_Format = TypeVar("_Format", bound=PictureFormat)


def _svg_file(trace: Curves, /, *, title: str, log: RunsOrLog, other: Curves | None, view: View) -> str:
    del title
    return svg(trace, log=log, other=other, view=view)


FORMATS: dict[str, PictureFormat] = {
    ".svg": _svg_file,
    ".html": html,
    ".png": partial(saved_figure, "png"),
    ".pdf": partial(saved_figure, "pdf"),
}
"""The functions that draw the content of a file, by the suffix of its name.

This dict is global to the process, like the dict of registered shapes, so that each suffix has one meaning.
"""


def picture_format(suffix: str) -> Callable[[_Format], _Format]:
    """Register a function that draws a picture as the content of a file.

    `paramsched show -o NAME` calls it for every name that ends with `suffix`.

    Args:
        suffix: the suffix of the file's name with its dot, such as `".vl.json"`.

    Raises:
        InvalidArgument: if `suffix` is invalid or already registered.

    >>> @picture_format(".csv")
    ... def table(trace, /, *, title, log, other, view):
    ...     return " ".join(map(str, trace["lr", 0]))
    >>> format_of_file("plan.csv") is table
    True
    >>> del FORMATS[".csv"]
    """
    if not suffix.startswith(".") or suffix != suffix.lower():
        raise InvalidArgument(
            f"picture_format({suffix!r})",
            "a suffix must start with a dot and have no capitals",
            'For example: picture_format(".vl.json")',
        )
    if suffix in FORMATS:
        raise InvalidArgument(
            f"picture_format({suffix!r})",
            "the suffix is already registered",
            f"Registered: {', '.join(FORMATS)}",
        )

    def register(draw: _Format) -> _Format:
        FORMATS[suffix] = draw
        return draw

    return register


def format_of_file(file: str | Path) -> PictureFormat | None:
    """Return the function for the longest matching suffix of a file's name; None if there is none."""
    name = Path(file).name.lower()
    suffixes = [suffix for suffix in FORMATS if name.endswith(suffix) and name != suffix]
    return FORMATS[max(suffixes, key=len)] if suffixes else None
