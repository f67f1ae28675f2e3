"""What a notebook shows for a plan, a schedule, a trace or a difference of plans that is the value of a cell."""

from paramsched._diff import Diff
from paramsched._trace import Trace
from paramsched.errors import ParamschedError
from paramsched.plan import Plan
from paramsched.plan.binding import UPDATES
from paramsched.schedules.base import Schedule
from paramsched.show._notebook import Figure
from paramsched.show._svg_plot import escaped
from paramsched.show.plan_curves import curves_of_plan, plan_of_schedule

_MOST_UPDATES = 2_000_000  # beyond this a cell would take seconds


def mime_bundle(value: Plan | Schedule | Trace | Diff) -> dict[str, str]:
    """The pictures of a value by their MIME types; nothing where it cannot be drawn, and its text is shown then.

    >>> sorted(mime_bundle(Plan(lr="cosine()", horizon=10)))
    ['image/svg+xml', 'text/html']
    >>> mime_bundle(Plan(lr="warmup('1 epoch') >> cosine(over='10 samples')"))
    {}
    """
    if isinstance(value, Diff):
        return {"text/html": _table_of_changes(value)}
    try:
        drawn, title = _curves_of(value)
    except ParamschedError:  # a fact is missing: its text tells all that can be said
        return {}
    if drawn.total > _MOST_UPDATES:
        return {}
    figure = Figure(drawn, title, None, None)
    return {"text/html": figure._repr_html_(), "image/svg+xml": figure._repr_svg_()}


def _curves_of(value: Plan | Schedule | Trace) -> tuple[Trace, str]:
    """What is drawn, and the heading over it."""
    if isinstance(value, Trace):
        return value, "Trace"
    plan = value if isinstance(value, Plan) else plan_of_schedule(value)
    drawn, assumed = curves_of_plan(plan)
    kind = type(value).__name__ if isinstance(value, Plan) else str(value)
    return drawn, f"{kind} ({assumed})" if assumed else kind


def _table_of_changes(diff: Diff) -> str:
    """The changes as a table; a change of values says from when on, and how large it is."""
    if not diff.changes:
        return "<p>no difference</p>"
    rows = []
    for change in diff:
        since = "" if change.when is None else f"{change.when:,} {change.unit}"
        if change.when is not None and change.unit == UPDATES:
            since = f"update {change.when:,}"
        by = "" if change.by is None else f"{change.by:.6g} × base"
        before, after = (f"<code>{escaped(side)}</code>" if side else "–" for side in (change.before, change.after))
        cells = f"<td><b>{escaped(change.what)}</b></td><td>{before}</td><td>{after}</td><td>{since}</td><td>{by}</td>"
        rows.append(f"<tr>{cells}</tr>")
    names = "".join(f"<th>{name}</th>" for name in ("field", "before", "after", "from", "by up to"))
    return f"<table><thead><tr>{names}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
