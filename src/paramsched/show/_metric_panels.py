"""Panels of curves, and of what runs measured."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from paramsched.show._compare import LoggedRun, checked_points
from paramsched.show._curves import Envelope, Floats, Times, envelope, union_of_times
from paramsched.show._picture import DrawnCurve, Note, Panel
from paramsched.show._scale import Scales, View, least_above_zero, scales_of
from paramsched.show._words import TimeAxis

_COLUMNS = 1024  # in which curves are looked at to choose a scale


def checked_metrics(run: LoggedRun) -> dict[str, tuple[Times, Floats]]:
    """The metrics of a run, each in order of time."""
    return {name: checked_points(f"measured[{name!r}]", *points) for name, points in run.measured.items()}


def metric_panels(
    runs: Sequence[LoggedRun],
    metrics: Mapping[str, Mapping[str, tuple[Times, Floats]]],
    axis: TimeAxis,
    view: View,
    colors: Mapping[str, int],
) -> Iterator[Panel]:
    """A panel for each metric of several runs, or for metrics of one that are to be seen together."""
    names = list(dict.fromkeys(name for measured in metrics.values() for name in measured))
    if len(runs) > 1:
        for name in names:
            points = {run.name: metrics[run.name][name] for run in runs if name in metrics[run.name]}
            curves = [_drawn_metric("", *points[owner], colors[owner], owner) for owner in points]
            yield panel_of_curves(name, curves, axis, view)
        return
    done: set[str] = set()
    for run in runs:
        headings = {name: heading for heading, members in run.together.items() for name in members}
        for name in names:
            heading = headings.get(name, name)
            members = [one for one in names if headings.get(one, one) == heading]
            if name not in done:
                done.update(members)
                curves = [_drawn_metric(one, *metrics[run.name][one], i) for i, one in enumerate(members)]
                yield panel_of_curves(heading if len(members) > 1 else name, curves, axis, view)


def _drawn_metric(name: str, times: Times, values: Floats, color: int, owner: str = "") -> DrawnCurve:
    return DrawnCurve("metric", (name,), (), times, values, np.zeros(0, np.int64), color, owner)


def panel_of_curves(
    field: str, curves: Sequence[DrawnCurve], axis: TimeAxis, view: View, overlays: Sequence[DrawnCurve] = ()
) -> Panel:
    """The panel of some curves, with the scale that they ask for."""
    every = (*curves, *overlays)
    edges = axis.of_updates.edges(min(axis.total, _COLUMNS))  # on other axes the values have the same scale
    envelopes = [envelope(curve.times, curve.values, edges) for curve in every]
    scales = scales_of(envelopes, least_above_zero(curve.values for curve in every))
    inner = union_of_times(curve.breakpoints for curve in every)
    return Panel(
        field=field,
        curves=tuple(curves),
        overlays=tuple(overlays),
        scales=scales,
        log=view.log,
        breakpoints=inner[(inner > 0) & (inner < axis.total)],
        differing=np.zeros(0, np.int64),
        other_notes=tuple(_value_notes(every, envelopes)),
        log_notes=tuple(_log_notes(scales, envelopes)),
    )


def _value_notes(curves: Sequence[DrawnCurve], envelopes: Sequence[Envelope]) -> Iterator[Note]:
    """Notes on infinities and nan, which have no place on an axis."""
    if any(np.isinf(side).any() for one in envelopes for side in one):
        yield Note("infinite values are drawn at the edge")
    if any(np.isnan(curve.values).any() for curve in curves):
        yield Note("gaps are values that are no number (nan)")


def _log_notes(scales: Scales, envelopes: Sequence[Envelope]) -> Iterator[Note]:
    """Notes on values that have no place on a logarithmic axis."""
    lowest = min((float(np.nanmin(one.low)) for one in envelopes if not np.isnan(one.low).all()), default=1.0)
    if scales.log is None:
        yield Note("no value is above 0: the axis is linear")
    elif lowest < 0:
        yield Note("gaps are values below 0, which have no logarithm")
    if scales.log is not None and any((side == 0).any() for one in envelopes for side in one):
        yield Note("0 has no logarithm: it is drawn at the bottom edge")
