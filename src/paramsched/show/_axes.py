"""A plan on matplotlib axes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from paramsched._printable import printable
from paramsched.errors import InvalidArgument, MissingDependency
from paramsched.show._drawable import Drawable, Floats, Log
from paramsched.show._numbers import spans
from paramsched.show._panels import Curve, Panel, Picture, picture
from paramsched.show._plot import outlined
from paramsched.show._words import wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 2000
_SHADES = 100  # spans that are shaded one by one
_LEGEND = 10


def axes(
    trace: Drawable,
    axes: "Axes | Sequence[Axes] | None" = None,
    *,
    log: Log | None = None,
    other: Drawable | None = None,
) -> "tuple[Axes, ...]":
    """Draw a trace on matplotlib axes, one for each field.

    Args:
        trace: the plan's curves.
        axes: where to draw, as many as there are fields; None: a new figure.
        log: values really used, drawn as a thin line over the plan.
        other: a second plan, drawn dashed over the first.

    Returns:
        The axes, in the order of the fields; `axes(trace)[0].figure.savefig("plan.png")` saves the picture.

    Raises:
        InvalidArgument: there are not as many axes as fields, or the log does not fit the trace.
        MissingDependency: matplotlib is not installed.
    """
    whole = picture(trace, log=log, other=other)
    given = _new(whole) if axes is None else _listed(axes)
    if len(given) != len(whole.panels):
        fields = ", ".join(panel.field for panel in whole.panels)
        raise InvalidArgument(
            f"axes(trace, <{len(given)} axes>)",
            f"the trace has {len(whole.panels)} fields: {fields}",
            f"Write axes(trace, matplotlib.pyplot.subplots({len(whole.panels)}, sharex=True)[1]).",
        )
    for panel, ax in zip(whole.panels, given, strict=True):
        _panel(ax, panel, whole)
    given[-1].set_xlabel("updates")
    if whole.steps_per_epoch:
        _epochs(given[0], whole.steps_per_epoch)
    return given


def _epochs(ax: "Axes", steps: int) -> None:
    def epochs(updates: ArrayLike) -> Floats:
        return np.asarray(updates, dtype=np.float64) / steps

    def updates(epochs: ArrayLike) -> Floats:
        return np.asarray(epochs, dtype=np.float64) * steps

    ax.secondary_xaxis("top", functions=(epochs, updates)).set_xlabel("epochs")


def _new(whole: Picture) -> "tuple[Axes, ...]":
    try:
        import matplotlib.pyplot as plt
    except ImportError as absent:
        raise MissingDependency("show.axes", "matplotlib", "plot") from absent
    many = len(whole.panels)
    _, made = plt.subplots(many, sharex=True, squeeze=False, figsize=(9, 1 + 2.4 * many), layout="constrained")
    return tuple(made[:, 0])


def _listed(axes: "Axes | Sequence[Axes]") -> "tuple[Axes, ...]":
    return tuple(np.ravel(np.asarray(axes, dtype=object)).tolist())


def _panel(ax: "Axes", panel: Panel, whole: Picture) -> None:
    compared = any(c.kind == "log" for c in panel.overlays)
    for curve in (*panel.curves, *panel.overlays):
        _curve(ax, panel, curve, whole, compared)
    for at in panel.breakpoints[:200].tolist():
        ax.axvline(at, color="0.6", linewidth=0.8, linestyle=(0, (2, 3)), zorder=0)
    shaded = spans(panel.differing)
    if len(shaded) > _SHADES:
        columns = np.unique(panel.differing * _COLUMNS // whole.total)
        size = whole.total / _COLUMNS
        shaded = [(int(a * size), int((b + 1) * size)) for a, b in spans(columns)]
    for begin, last in shaded:
        ax.axvspan(begin, last + 1, color="tab:red", alpha=0.15, linewidth=1, zorder=0)
    low, high = panel.scale.low, panel.scale.high
    if panel.scale.log:
        ax.set_yscale("log")
        room = (high / low) ** 0.04
        ax.set_ylim(max(low / room, 5e-324), min(high * room, 1e308))
    else:
        room = high * 0.04 - low * 0.04
        ax.set_ylim(low - room, high + room)
    ax.set_xlim(0, whole.total)
    ax.set_ylabel(_literal(panel.title))
    ax.grid(True, axis="y", alpha=0.3)
    said = [*(panel.lines if len(panel.lines) == 1 else ()), *panel.notes]
    if said:
        rows = [row for text in said for row in wrap(printable(text), 110)]
        ax.set_title(_literal("\n".join(rows)), loc="left", fontsize="small", family="monospace")
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize="small")


def _curve(ax: "Axes", panel: Panel, curve: Curve, whole: Picture, compared: bool) -> None:
    times, values = outlined(panel, curve, whole.total, _COLUMNS)
    # Infinity is drawn at the edge, and on a logarithmic axis so is zero.
    shown = np.clip(values, panel.scale.low, panel.scale.high)
    first = panel.overlays[0] if panel.overlays else None
    name = {
        "plan": curve.name,
        "log": "used" if curve is first else "",
        "other": f"other plan {curve.name}".strip(),
    }[curve.kind]
    if curve.kind == "plan" and len(panel.curves) > _LEGEND and curve.color >= _LEGEND:
        name = ""
    many = max(len(panel.curves), curve.color + 1)
    color = f"C{curve.color}" if many <= _LEGEND else _ramp(curve.color / (many - 1))
    ax.plot(
        times,
        shown,
        color="black" if curve.kind == "log" else color,
        linewidth=5 if compared and curve.kind == "plan" else 1.2 if curve.kind == "log" else 1.8,
        alpha=0.4 if compared and curve.kind == "plan" else 1.0,
        linestyle="--" if curve.kind == "other" else "-",
        drawstyle="steps-post" if whole.total <= 150 else "default",
        label=_literal(name) if name else "_",
    )


def _ramp(share: float) -> tuple[float, float, float, float]:
    from matplotlib import colormaps

    red, green, blue, alpha = colormaps["viridis"](share)
    return (red, green, blue, alpha)


def _literal(text: str) -> str:
    """Text that matplotlib does not read as mathematics, and that it can draw."""
    return "\n".join(printable(row) for row in text.split("\n")).replace("$", r"\$")
