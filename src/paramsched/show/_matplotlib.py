"""Draw a plan on matplotlib axes."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from paramsched.base.words import printable
from paramsched.core.plan import PlanLike, plan_of
from paramsched.core.time import RunFacts
from paramsched.errors import InvalidArgument, MissingDependency
from paramsched.show._axes import AS_VALUES_ASK, View, clip_text, wrap_text
from paramsched.show._panels import picture
from paramsched.show._picture import DrawnCurve, LegendEntry, Note, Panel, Picture
from paramsched.show.plan_curves import Curves, RunsOrLog, curves_of_plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 2000
_SHADES = 100  # maximum number of spans of differing updates that are shaded separately
_MAX_ENTRIES = 10
_MAX_INSIDE = 4  # a longer legend is beside the plot, because it would hide the curves
_DOTS = 60  # a metric with more measurements has no dots, because these would hide the line


def axes(
    trace: Curves,
    axes: "Axes | Sequence[Axes] | None" = None,
    *,
    log: RunsOrLog = None,
    other: Curves | None = None,
    view: View = AS_VALUES_ASK,
    label: str | None = None,
) -> "tuple[Axes, ...]":
    """Draw a trace on matplotlib axes, one per field.

    Args:
        trace: the curves of a plan.
        axes: the axes to draw on, one per field; None (default) creates a new figure. Their title and limits
            are not changed, and the curves have their next colors.
        log: the values that a run used, drawn as thin lines over the plan, or runs (`LoggedRun`) with their metrics.
        other: a second plan, drawn dashed over the first.
        view: options for the axes, such as `View(log=True)`.
        label: the name in the legend, before the name of the group if there are several. Default: that of the group.

    Returns:
        The axes, in the order of the fields; `axes(trace)[0].figure.savefig("plan.png")` saves the picture.

    Raises:
        InvalidArgument: if the number of axes differs from the number of fields, or the log does not fit the trace.
        MissingDependency: if matplotlib is not installed.
    """
    chart = picture(trace, log=log, other=other, view=view)
    is_new = axes is None
    if axes is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError as absent:
            raise MissingDependency("show.axes", "matplotlib") from absent
        axes = _axes_of(plt.figure(), chart)
    subplots = tuple(np.ravel(np.asarray(axes, dtype=object)).tolist())
    if len(subplots) != len(chart.panels):
        fields = ", ".join(panel.field for panel in chart.panels)
        raise InvalidArgument(
            f"axes(trace, <{len(subplots)} axes>)",
            f"the trace has {len(chart.panels)} fields: {fields}",
            f"For example: axes(trace, matplotlib.pyplot.subplots({len(chart.panels)}, sharex=True)[1]).",
        )
    _draw(chart, subplots, is_new, label)
    if view.log and not is_new:
        for ax in subplots:
            ax.set_yscale("log")
    return subplots


def _axes_of(figure: "Figure", chart: Picture) -> "Sequence[Axes]":
    """Return new axes in a figure, one per field."""
    many = len(chart.panels)
    figure.set_size_inches(9, 1 + 2.4 * many)
    figure.set_layout_engine("constrained")
    return figure.subplots(many, sharex=True, squeeze=False)[:, 0].tolist()  # type: ignore[no-any-return]  # from an array


def _draw(chart: Picture, subplots: "Sequence[Axes]", is_new: bool, label: str | None = None) -> None:
    for panel, ax in zip(chart.panels, subplots, strict=True):
        for entry in panel.legend:
            _draw_curve(ax, panel, entry, chart, is_new, label)
        if is_new:
            _draw_panel(ax, panel, chart, above=chart.verdicts if ax is subplots[0] else ())
        elif not ax.get_ylabel():
            ax.set_ylabel(_literal(clip_text(panel.title, 26)))
        if labels := ax.get_legend_handles_labels()[1]:
            beside = is_new and len(labels) > _MAX_INSIDE
            ax.legend(fontsize="small", **({"loc": "upper left", "bbox_to_anchor": (1, 1)} if beside else {}))
    if is_new or not subplots[-1].get_xlabel():
        subplots[-1].set_xlabel(chart.axis.unit)
    if is_new:
        subplots[-1].xaxis.set_major_formatter(lambda amount, _: f"{amount:,.10g}")
    if is_new and chart.axis.second:
        main = chart.axis.main
        second = next(unit for unit in chart.axis.units if unit.name == chart.axis.second)
        conversions = (
            lambda amounts: second.at(main.update_of(amounts)),
            lambda amounts: main.at(second.update_of(amounts)),
        )
        subplots[0].secondary_xaxis("top", functions=conversions).set_xlabel(chart.axis.second)


def plan_axes(
    plan: PlanLike,
    bases: Any = None,
    facts: RunFacts | None = None,
    value: "Axes | Sequence[Axes] | None" = None,
    view: View = AS_VALUES_ASK,
    label: str | None = None,
) -> "tuple[Axes, ...]":
    """Draw a plan on matplotlib axes for `Plan.plot`, with the assumed facts above the first panel of a new figure."""
    trace, assumed = curves_of_plan(plan_of(plan, "show.plan_axes"), bases, facts)
    subplots = axes(trace, value, view=view, label=label)
    if assumed and value is None:
        subplots[0].figure.suptitle(assumed, fontsize="small", color="0.4")
    return subplots


def _draw_panel(ax: "Axes", panel: Panel, chart: Picture, above: tuple[Note, ...]) -> None:
    """Draw the breakpoints, the scale and the title of one field, with the notes `above`."""
    if len(panel.curves) > _MAX_ENTRIES:
        ax.plot([], [], linestyle="", label=f"… and {len(panel.curves) - _MAX_ENTRIES} more curves")
    for amount in chart.axis.main.at(panel.breakpoints[:200]).tolist():
        ax.axvline(amount, color="0.6", linewidth=0.8, linestyle=":", zorder=0)
    for span in panel.differing_spans(chart.axis, _COLUMNS, most=_SHADES):
        left, right = chart.axis.main.at(span).tolist()
        ax.axvspan(left, right, color="tab:red", alpha=0.15, linewidth=1, zorder=0)
    # Add some margin; on a logarithmic axis no limit may become 0 or infinite.
    low = panel.scale.low
    high = panel.scale.high
    if panel.scale.log:
        ax.set_yscale("log")
        space = (high / low) ** 0.04
        ax.set_ylim(max(low / space, 5e-324), min(high * space, 1e308))
    else:
        space = high * 0.04 - low * 0.04
        ax.set_ylim(low - space, high + space)
    ax.set_xlim(*chart.axis.main.at([0, chart.axis.total]).tolist())
    ax.set_ylabel(_literal(clip_text(panel.title, 26)))
    ax.grid(True, axis="y", alpha=0.3)
    texts = [*(note.text for note in above), *filter(None, [panel.heading]), *(note.text for note in panel.notes)]
    if texts:
        rows = [row for text in texts for row in wrap_text(printable(text), 110)]
        ax.set_title(_literal("\n".join(rows)), loc="left", fontsize="small", family="monospace")


def _draw_curve(ax: "Axes", panel: Panel, entry: LegendEntry, chart: Picture, is_new: bool, label: str | None) -> None:
    """Draw a curve; with a log, the plan is a wide pale line under the thin black line of the log."""
    curve = entry.curve
    times, values = panel.points_of(curve, chart.axis, _COLUMNS)
    in_steps = chart.axis.total <= 150 and curve.kind != "metric"
    if in_steps and curve.held:  # the value of the last update holds until the end of the run
        times = np.append(times, curve.times[-1] + 1)
        values = np.append(values, values[-1:])
    # Infinity is drawn at the edge, and so is 0 on a logarithmic axis; other values outside of the axis are gaps.
    if is_new:
        inside = ~np.isnan(panel.scale.fraction(values))
        values = np.where(inside, np.clip(values, panel.scale.low, panel.scale.high), np.nan)
    below_log = panel.has_log and curve.kind == "plan"
    ax.plot(
        chart.axis.main.at(times),
        values,
        color=_color_of(curve, panel, is_new),
        linewidth=5 if below_log else {"log": 1.2, "metric": 1.2}.get(curve.kind, 1.8),
        alpha=0.6 if below_log else 1.0,
        linestyle="--" if curve.kind == "other" else "-",
        drawstyle="steps-post" if in_steps else "default",
        marker="." if curve.kind == "metric" and curve.times.size <= _DOTS else "",
        label=_legend_label(entry, panel, is_new, label),
    )


def _color_of(curve: DrawnCurve, panel: Panel, is_new: bool) -> Any:
    """Return the color of a curve; None for the next color of axes that the user has passed."""
    if curve.kind == "log" and not curve.owner:
        return "black"
    if curve.kind == "plan" and not is_new:
        return None
    many = max(len(panel.curves), curve.color + 1)
    if many <= _MAX_ENTRIES:
        return f"C{curve.color}"
    from matplotlib import colormaps  # for more curves than named colors

    return colormaps["viridis"](curve.color / (many - 1))


def _legend_label(entry: LegendEntry, panel: Panel, is_new: bool, label: str | None) -> str:
    """Return the label of a curve in the legend; "_" hides the curve there."""
    curve = entry.curve
    name = entry.label
    if curve.kind == "log":  # of the curves of a run only the first has a label
        name = entry.owner if any(curve is legend_entry.curve for legend_entry in panel.log_legend) else ""
    elif curve.kind == "plan" and len(panel.curves) > _MAX_ENTRIES and curve.color >= _MAX_ENTRIES:
        name = ""
    if label is not None and curve.kind == "plan":
        name = f"{label} {name}" if len(panel.legend) > 1 else label
    name = clip_text(name, 40)
    # The heading contains a schedule that all curves have; a legend of many curves has no room for schedules.
    if is_new and name and entry.schedule is not None and len(panel.legend) <= _MAX_INSIDE:
        name += "\n" + clip_text(entry.schedule, 50)
    return _literal(name) if name else "_"


def _literal(text: str) -> str:
    """Escape dollar signs, which matplotlib reads as formulas, and remove control characters."""
    return "\n".join(printable(row) for row in text.split("\n")).replace("$", r"\$")


def saved_figure(
    suffix: str, trace: Curves, /, *, title: str, log: RunsOrLog, other: Curves | None, view: View
) -> bytes:
    """Return the figure of `axes` as the content of a PNG or PDF file, without a title."""
    del title
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependency(f"A .{suffix} file", "matplotlib") from None
    chart = picture(trace, log=log, other=other, view=view)
    figure = Figure()  # not of pyplot, which would keep it, and may open a window
    _draw(chart, _axes_of(figure, chart), is_new=True)
    data = BytesIO()
    figure.savefig(data, format=suffix)
    return data.getvalue()
