"""Arrange the curves of plans and runs as panels, with notes about how far they agree."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from paramsched.core.curves import equal_up_to_rounding, last_of_each
from paramsched.core.plan import Trace
from paramsched.core.time import PROGRESS
from paramsched.errors import InvalidArgument
from paramsched.show._axes import (
    AS_VALUES_ASK,
    TimeAxis,
    View,
    axis_of_curves,
    format_times,
    least_above_zero,
    scales_of,
    short_number,
)
from paramsched.show._picture import CurveKind, DrawnCurve, Note, Panel, Picture, format_groups
from paramsched.show.plan_curves import (
    Curves,
    Floats,
    GroupLabel,
    Key,
    LoggedRun,
    PlansTogether,
    RunsOrLog,
    Times,
    envelope,
    runs_of,
    union_of_times,
)

_Points: TypeAlias = tuple[Times, Floats]
_GroupValues: TypeAlias = tuple[GroupLabel, Times, Floats]
_Plans: TypeAlias = tuple[tuple[str, Curves], ...]

_MAX_PANELS = 200  # the plan of a published run has five
_COLUMNS = 1024  # columns in which curves are reduced to choose a scale
_MAX_UPDATE = 2**40  # larger updates in a log are an error
_NO_TIMES: Times = np.zeros(0, np.int64)
_UP_TO_ROUNDING = ", up to rounding"
_TIMES_BASE = "× base"  # the unit of a panel if no base is known


class _DrawnRun(NamedTuple):
    """A `LoggedRun` whose points are checked and sorted by time."""

    name: str
    used: dict[Key, _Points]
    measured: dict[str, _Points]
    together: Mapping[str, Sequence[str]]
    tolerance: float
    updates: int  # at which any value was logged
    differing: Times
    rounding: str


class _Comparison(NamedTuple):
    """The result of comparing the plan in a panel with a run or another plan.

    It consists of the curves to draw over those of the panel, the notes, and the updates at which the values differ.
    """

    overlays: tuple[DrawnCurve, ...] = ()
    notes: tuple[Note, ...] = ()
    differing: Times = _NO_TIMES


def picture(
    trace: Curves, *, log: RunsOrLog = None, other: Curves | None = None, view: View = AS_VALUES_ASK
) -> Picture:
    """Arrange a trace, and the log or plan to compare with it, as panels.

    Args:
        trace: the curves of a plan, or of several plans `together`.
        log: the values that a run used with their updates, or runs with their metrics, compared with the first plan.
        other: a second plan, drawn over the first.
        view: options for the axes.

    Raises:
        InvalidArgument: if there are no curves, or `other` is combined with several plans. Also if a curve of the log
            is unknown or empty, has invalid updates, or has different numbers of updates and values.
    """
    plans: _Plans = trace.plans if isinstance(trace, PlansTogether) else (("", trace),)
    _refuse_undrawable(plans, other)
    branches = isinstance(trace, PlansTogether) and trace.branches
    trace = plans[0][1]
    runs = [_checked_run(trace, run) for run in runs_of(log)]
    every_curve = [*(curves for _, curves in plans), *([] if other is None else [other])]
    ends = [curves.total for curves in every_curve]
    ends += [int(times[-1]) + 1 for run in runs for times, _ in run.used.values()]
    ends += [int(times[-1]) for run in runs for times, _ in run.measured.values()]
    total = max(ends)
    fields = list(dict.fromkeys(field for curves in every_curve for field, _ in curves.keys()))
    axis = axis_of_curves(every_curve, total, view)
    panels = [_make_panel(field, plans, runs, other, axis, view, branches) for field in fields[:_MAX_PANELS]]
    verdicts = _verdicts_of_runs(runs)
    if other is not None:
        longest = max(trace.total, other.total)
        many = union_of_times(panel.differing for panel in panels).size
        text = f"the plans agree at {longest - many:,} of {longest:,} updates"
        verdicts.append(Note(text, differs=many > 0))
    if len(fields) > _MAX_PANELS:
        verdicts.append(Note(f"{len(fields) - _MAX_PANELS:,} more fields are not drawn"))
    # Each of several runs has one color in all panels: that of the plan with its name, else one that no plan has.
    first = max(len(panel.curves) for panel in panels)
    of_plans = {curve.owner: curve.color for curve in panels[0].curves if curve.owner}
    colors: dict[str, int] = {}
    if len(runs) > 1:
        colors = {run.name: of_plans.get(run.name, first + index) for index, run in enumerate(runs)}
    panels = [
        replace(
            panel,
            overlays=tuple(
                replace(overlay, color=colors.get(overlay.owner, overlay.color)) for overlay in panel.overlays
            ),
        )
        for panel in panels
    ]
    length = _length_summary([curves for _, curves in plans])
    return Picture((*panels, *_metric_panels(runs, axis, view, colors)), axis, length, tuple(verdicts))


def _refuse_undrawable(plans: _Plans, other: Curves | None) -> None:
    """Raise InvalidArgument for plans without curves, and for several plans with `other`."""
    for _, curves in plans if other is None else (*plans, ("", other)):
        if not isinstance(curves, Curves):
            message = f"expected the curves of a plan, got {type(curves).__name__}"
            call = "ps.show.simulate(scheduler, 100)" if hasattr(curves, "step") else "ps.show.figure(plan)"
            raise InvalidArgument("show(trace)", message, f"For example: {call}")
        if curves.total < 1 or not curves.keys():
            message = f"nothing can be drawn from {len(curves.keys())} curves of {curves.total} updates"
            instead = 'For example: ps.trace("linear()", bases={"lr": 0.1}, total=100)'
            raise InvalidArgument("show(trace)", message, instead)
    if other is not None and len(plans) > 1:
        message = f"{len(plans)} plans are already drawn together"
        instead = 'Add the other plan to them: together({…, "other": other})'
        raise InvalidArgument("show(together(…), other=…)", message, instead)


def _verdicts_of_runs(runs: Sequence[_DrawnRun]) -> list[Note]:
    """Return a note for each run with values: at how many updates they are as planned."""
    verdicts = []
    for run in runs:
        if run.used:
            many = run.differing.size
            agreeing = f"planned = used at {run.updates - many:,} of {run.updates:,} updates{run.rounding}"
            verdicts.append(Note(f"{run.name}: {agreeing}" if len(runs) > 1 else agreeing, differs=many > 0))
    return verdicts


def _checked_run(trace: Curves, run: LoggedRun) -> _DrawnRun:
    keys = trace.keys()
    used: dict[Key, _Points] = {}
    for key, points in run.used.items():
        if key not in keys:
            raise InvalidArgument(
                f"log[{key!r}]",
                f"the trace has no such curve; it has {', '.join(map(repr, keys))}",
                f"Write log={{{keys[0]!r}: (times, values)}}",
            )
        used[key] = _checked_points(f"log[{key!r}]", *points)
    measured = {name: _checked_points(f"measured[{name!r}]", *points) for name, points in run.measured.items()}
    updates = union_of_times(times for times, _ in used.values()).size
    compared = _differing_in_log(trace, used, run.tolerance)
    return _DrawnRun(run.name, used, measured, run.together, run.tolerance, updates, *compared)


def _checked_points(site: str, updates: ArrayLike, points: ArrayLike) -> _Points:
    """Check the points of a log and sort them by time; of two points at the same time, keep the later one."""
    times = np.asarray(updates)
    values = np.asarray(points, dtype=np.float64)
    if (
        times.ndim != 1
        or times.size == 0
        or times.shape != values.shape
        or times.dtype.kind not in "iuf"
        or not np.all((times >= 0) & (times <= _MAX_UPDATE))
        or not np.array_equal(times, times.astype(np.int64))
    ):
        raise InvalidArgument(
            site,
            "every value needs an integer update, counted from 0; the updates have shape "
            f"{times.shape} and the values shape {values.shape}",
            "For example: ([0, 1, 2], [0.1, 0.05, 0.01])",
        )
    return last_of_each(times.astype(np.int64), values)


def _length_summary(traces: Sequence[Curves]) -> str:
    """Describe the longest run: `460 updates · 20 epochs of 23`."""
    trace = max(traces, key=lambda curves: curves.total)
    parts = [f"{trace.total:,} update{'s' if trace.total > 1 else ''}"]
    if trace.steps_per_epoch:
        epochs = short_number(trace.total / trace.steps_per_epoch, 4)
        parts.append(f"{epochs} epoch{'s' if epochs != '1' else ''} of {trace.steps_per_epoch:,}")
    if isinstance(trace, Trace) and trace.total_amount is not None and trace.clock != PROGRESS:
        parts.append(f"{trace.total_amount:,} {trace.clock}")
    if len(traces) > 1:
        parts.insert(0, f"{len(traces)} plans")
    return " · ".join(parts)


def _differing_in_log(trace: Curves, used: Mapping[Key, _Points], tolerance: float) -> tuple[Times, str]:
    """Return the updates at which used and planned values differ, and a text to append to the note.

    The text reports that some values agree only up to rounding; it is "" if there are none.
    """
    differing = union_of_times(_differing_times(trace[key], *points, tolerance) for key, points in used.items())
    in_bits = union_of_times(_differing_times(trace[key], *points, 0.0) for key, points in used.items())
    return differing, _UP_TO_ROUNDING if differing.size < in_bits.size else ""


def _differing_times(planned: Floats, times: Times, values: Floats, tolerance: float) -> Times:
    """Return the times at which values differ from the planned ones by more than `tolerance`; NaN equals NaN.

    A time after the end of the plan differs. A planned update that `times` lacks is not compared, because a log may
    contain only every tenth update.

    >>> _differing_times(np.array([1.0, 2.0, 3.0]), np.array([0, 2]), np.array([1.0, 4.0]), 0.0)
    array([2])
    """
    inside = times < planned.size
    unequal = ~equal_up_to_rounding(values[inside], planned[times[inside]], tolerance)
    return np.concatenate([times[inside][unequal], times[~inside]])


def _make_panel(
    field: str,
    plans: _Plans,
    runs: Sequence[_DrawnRun],
    other: Curves | None,
    axis: TimeAxis,
    view: View,
    branches: bool,
) -> Panel:
    """Return the panel of one field, with the curves to compare."""
    owner, trace = plans[0]
    groups = _groups_of_field(trace, field)
    curves = _merge_groups("plan", [(g, *_planned(trace, (field, g))) for g in groups], trace, field, owner=owner)
    compared = [_compare_log(field, trace, run, curves, run.name if len(runs) > 1 else "") for run in runs]
    for index in range(1, len(plans)):
        before = plans[:index] if branches else ()
        curves_shown, note = _leaving_curves(field, plans[index], before, len(curves))
        curves += curves_shown
        compared.append(_Comparison(notes=note))
    if len(plans) > 1 and len({group for _, plan in plans for group in _groups_of_field(plan, field)}) == 1:
        curves = tuple(replace(curve, groups=("",)) for curve in curves)  # the name of the plan is enough
    if other is not None:
        compared.append(_compare_plan(field, trace, other, axis.total, len(curves)))
    panel = _panel_of_curves(
        field, curves, axis, view, [curve for comparison in compared for curve in comparison.overlays]
    )
    notes = [note for comparison in compared for note in comparison.notes]
    bases = _base_texts(trace, field)
    further = [*plans[1:], *([] if other is None else [("other plan", other)])]
    bases += [f"{name}: {text}" for name, plan in further for text in _base_texts(plan, field) if text not in bases]
    baseless = all(
        _has_unknown_base(plan, field, group) for _, plan in plans for group in _groups_of_field(plan, field)
    )
    return replace(
        panel,
        differing=union_of_times(comparison.differing for comparison in compared),
        other_notes=(*notes, *panel.other_notes, *map(Note, bases)),
        unit=_TIMES_BASE if baseless else "",
    )


def _has_unknown_base(source: Curves, field: str, group: GroupLabel) -> bool:
    """Return whether all values of a curve are multiples of a base that is unknown."""
    if not isinstance(source, Trace):
        return False
    base = source.base(field, group)
    return base.value is None and base.share == "all"


def _leaving_curves(
    field: str, named_curves: tuple[str, Curves], before: _Plans, first_color: int
) -> tuple[tuple[DrawnCurve, ...], tuple[Note, ...]]:
    """Return the curves of a plan, and a note about the update at which it diverges from one of those before it.

    Each curve starts at the update at which it diverges.
    """
    name, trace = named_curves
    members: list[_GroupValues] = []
    departures: list[tuple[int, str]] = []
    for group in _groups_of_field(trace, field):
        times, values = _planned(trace, (field, group))
        begin = 0
        whose = ""
        for earlier_name, curves in before:
            if (field, group) in curves.keys():
                shared = _shared_updates(values, np.asarray(curves[field, group]))
                if shared > begin:
                    begin = shared
                    whose = earlier_name
        if begin:
            departures.append((begin, whose))
        if begin < values.size:
            first = max(begin - 1, 0)  # so that the line starts on the curve from which it diverges
            members.append((group, times[first:], values[first:]))
    curves_shown = _merge_groups("plan", members, trace, field, first_color=first_color, owner=name)
    if not departures:
        return curves_shown, ()
    begin, whose = min(departures)
    text = f"{name} diverges from {whose} at update {begin:,}" if curves_shown else f"{name} is identical to {whose}"
    return curves_shown, (Note(text),)


def _shared_updates(values: Floats, earlier: Floats) -> int:
    """Return the number of initial updates on which two curves agree; NaN equals NaN.

    >>> _shared_updates(np.array([1.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0, 1.0]))
    2
    """
    shared = min(values.size, earlier.size)
    unequal = values[:shared] != earlier[:shared]
    unequal &= ~(np.isnan(values[:shared]) & np.isnan(earlier[:shared]))
    return int(np.argmax(unequal)) if unequal.any() else shared


def _compare_log(field: str, trace: Curves, run: _DrawnRun, curves: Sequence[DrawnCurve], owner: str) -> _Comparison:
    """Compare the values that a run used for a field with the plan."""
    keys = [(field, group) for group in _groups_of_field(trace, field)]
    used = {key: run.used[key] for key in keys if key in run.used}
    if not used:
        return _Comparison()
    colors = {group: curve.color for curve in curves for group in curve.groups}
    members = [(group, *points) for (_, group), points in used.items()]
    overlays = _merge_groups("log", members, trace, field, colors, owner=owner)
    differing, rounding = _differing_in_log(trace, used, run.tolerance)
    every = union_of_times(times for times, _ in used.values()).size
    whose = f"{owner}: " if owner else ""
    if not differing.size:
        agreeing = Note(f"{whose}used as planned at {every:,} of {every:,} updates{rounding}")
        said_above = every == run.updates and not run.differing.size
        return _Comparison(overlays, () if said_above else (agreeing,))
    where = format_times(differing)
    text = f"{whose}used differs from planned at {differing.size:,} of {every:,} updates: {where}"
    return _Comparison(overlays, (Note(text, differs=True),), differing)


def _compare_plan(field: str, trace: Curves, other: Curves, total: int, first_color: int) -> _Comparison:
    """Compare the curves of two plans for a field; only curves that differ are drawn."""
    groups = _groups_of_field(trace, field)
    other_groups = _groups_of_field(other, field)
    # Equal curves of both plans are drawn once.
    changed = [
        (g, *_planned(other, (field, g)))
        for g in other_groups
        if g not in groups or not np.array_equal(other[field, g], trace[field, g], equal_nan=True)
    ]
    # New colors, because a curve of the other plan must not look like one of the first plan.
    overlays = _merge_groups("other", changed, other, field, first_color=first_color)
    both = [g for g in groups if g in other_groups]
    longest = max(trace.total, other.total)
    differing = _NO_TIMES
    notes: list[Note] = []
    if both:
        parts = [_differing_times(trace[field, g], *_planned(other, (field, g)), 0.0) for g in both]
        # Updates that the other plan lacks also differ.
        differing = union_of_times([*parts, np.arange(other.total, trace.total)])
        text = f"both plans agree at all {longest:,} updates"
        if differing.size:
            where = format_times(differing)
            text = f"the plans differ at {differing.size:,} of {longest:,} updates: {where}"
        notes = [Note(text, differs=differing.size > 0)]
    for alone, whose in ((set(groups) - set(other_groups), "first"), (set(other_groups) - set(groups), "second")):
        if alone:
            ordered = tuple(g for g in (*groups, *other_groups) if g in alone)
            name = ", ".join(str(g) for g in ordered if g != "")
            noun = "groups" if len(ordered) > 1 else "group"
            what = f"{noun} {name}" if name else field
            notes.append(Note(f"only in the {whose} plan: {what}", differs=True))
            differing = np.arange(total)
    return _Comparison(overlays, tuple(notes), differing)


def _base_texts(source: Curves, field: str) -> list[str]:
    """Return texts about the bases of a field: one text for all groups, or one for each base."""
    if not isinstance(source, Trace):
        return []
    groups_by_text: dict[str, list[GroupLabel]] = {}
    for group in _groups_of_field(source, field):
        base = source.base(field, group)
        text = "base 1 is assumed; absolute levels do not scale with it"
        if base.share == "none":
            text = "absolute values, not multiples of base"
        elif base.value is not None:
            text = f"base {short_number(base.value)}"
        elif base.share == "all":
            text = f"{_TIMES_BASE}: the base is unknown"
        groups_by_text.setdefault(text, []).append(group)
    lines = [source.line(*key) for key in source.keys() if key[0] == field]
    idle = [rule for rule in source.metric_rules if any(str(rule) in line for line in lines)]
    notes = [f"without metrics, {rule} has no effect" for rule in idle]
    if len(groups_by_text) == 1:
        return [*groups_by_text, *notes]
    return [*(f"{format_groups(tuple(members))}: {text}" for text, members in groups_by_text.items()), *notes]


def _merge_groups(
    curve_kind: CurveKind,
    members: Iterable[_GroupValues],
    source: Curves,
    field: str,
    colors: dict[GroupLabel, int] | None = None,
    first_color: int = 0,
    owner: str = "",
) -> tuple[DrawnCurve, ...]:
    """Return the curves to draw: one for each set of groups with equal values.

    Args:
        curve_kind: the kind of the curves.
        members: the group, the times and the values of each curve.
        source: the plan that provides the texts of schedules and the breakpoints.
        field: the field.
        colors: the color of each group; None for a new color per curve.
        first_color: the number of the first new color.
        owner: the name of the plan or run, if a picture has several.
    """
    curves = []
    for index, (groups, times, values) in enumerate(_equal_values(members)):
        texts = (source.line(field, g) for g in groups) if curve_kind != "log" else ()
        inner = _breakpoints_of(source, field, groups)
        curves.append(
            DrawnCurve(
                curve_kind,
                tuple(groups),
                tuple(dict.fromkeys(text for text in texts if text)),
                times,
                values,
                inner[inner >= times[0]],
                first_color + index if colors is None else colors[groups[0]],
                owner,
            )
        )
    return tuple(curves)


def _equal_values(members: Iterable[_GroupValues]) -> list[tuple[list[GroupLabel], Times, Floats]]:
    """Return (groups, times, values) for each set of groups with equal times and values."""
    sets_by_sum: dict[tuple[bytes, int], list[tuple[list[GroupLabel], Times, Floats]]] = {}
    sets: list[tuple[list[GroupLabel], Times, Floats]] = []
    for group, times, values in members:
        # Only curves with the same sum are compared, because comparing all pairs would be slow.
        with np.errstate(over="ignore", invalid="ignore"):
            same_sum = sets_by_sum.setdefault((values.sum().tobytes(), times.size), [])
        for labels, its_times, its_values in same_sum:
            if np.array_equal(values, its_values, equal_nan=True) and (
                times is its_times or np.array_equal(times, its_times)
            ):
                labels.append(group)
                break
        else:
            same_sum.append(([group], times, values))
            sets.append(same_sum[-1])
    return sets


def _breakpoints_of(source: Curves, field: str, groups: Sequence[GroupLabel]) -> Times:
    """Return the updates at which the schedules of some groups change their formula, unless these are too many."""
    parts = []
    # Each schedule is processed once, because it may have millions of breakpoints.
    for group in {source.line(field, group) or group: group for group in groups}.values():
        try:
            points = np.asarray(source.breakpoints(field, group))
        except InvalidArgument:  # too many breakpoints to draw
            continue
        if isinstance(source, Trace) and source.clock_of(field, group) != "updates":
            points = np.searchsorted(source.amounts, points)  # the first updates at or after the amounts
        parts.append(points.astype(np.int64))
    return union_of_times(parts)


def _groups_of_field(source: Curves, field: str) -> list[GroupLabel]:
    return [group for its_field, group in source.keys() if its_field == field]


def _planned(source: Curves, key: Key) -> tuple[Times, Floats]:
    values = np.asarray(source[key], dtype=np.float64)
    return np.arange(values.size, dtype=np.int64), values


def _metric_panels(runs: Sequence[_DrawnRun], axis: TimeAxis, view: View, colors: Mapping[str, int]) -> Iterator[Panel]:
    """Yield one panel per metric. In a picture of one run, metrics with the same heading share a panel."""
    several = len(runs) > 1
    panels: dict[str, list[tuple[_DrawnRun, str]]] = {}
    for run in runs:
        headings = {} if several else {name: heading for heading, members in run.together.items() for name in members}
        for name in run.measured:
            panels.setdefault(headings.get(name, name), []).append((run, name))
    for heading, members in panels.items():
        curves = []
        for index, (run, name) in enumerate(members):
            color = colors[run.name] if several else index
            owner = run.name if several else ""
            curves.append(
                DrawnCurve("metric", ("" if several else name,), (), *run.measured[name], _NO_TIMES, color, owner)
            )
        yield _panel_of_curves(heading if len(members) > 1 else members[0][1], curves, axis, view)


def _panel_of_curves(
    field: str, curves: Sequence[DrawnCurve], axis: TimeAxis, view: View, overlays: Sequence[DrawnCurve] = ()
) -> Panel:
    """Return the panel of some curves, with the scale that fits them."""
    every = (*curves, *overlays)
    edges = axis.of_updates.edges(min(axis.total, _COLUMNS))  # the scale of values does not depend on the time axis
    envelopes = [envelope(curve.times, curve.values, edges) for curve in every]
    scales = scales_of(envelopes, least_above_zero(curve.values for curve in every))
    inner = union_of_times(curve.breakpoints for curve in every)
    notes = []
    if any(np.isinf(side).any() for bounds in envelopes for side in bounds):
        notes.append(Note("infinite values are drawn at the edge"))
    if any(np.isnan(curve.values).any() for curve in every):
        notes.append(Note("gaps are NaN values"))
    on_log = []
    if scales.log is None:
        on_log.append(Note("no value is positive, so the axis is linear"))
    elif any((bounds.low < 0).any() for bounds in envelopes):
        on_log.append(Note("gaps are negative values, which have no logarithm"))
    if scales.log is not None and any((side == 0).any() for bounds in envelopes for side in bounds):
        on_log.append(Note("0 has no logarithm and is drawn at the bottom edge"))
    return Panel(
        field=field,
        curves=tuple(curves),
        overlays=tuple(overlays),
        scales=scales,
        log=view.log,
        breakpoints=inner[(inner > 0) & (inner < axis.total)],
        differing=_NO_TIMES,
        other_notes=tuple(notes),
        log_notes=tuple(on_log),
    )
