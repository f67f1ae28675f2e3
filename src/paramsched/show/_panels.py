"""Arranging curves as panels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, final

import numpy as np

from paramsched.errors import InvalidArgument
from paramsched.show._compare import (
    TIMES_BASE,
    PlansTogether,
    RunsOrLog,
    UsedValues,
    base_text,
    checked_log,
    differing_times,
    first_own_update,
    horizon_summary,
    leaving_notes,
    log_note,
    other_plan_note,
    plans_verdict,
    runs_of,
    runs_verdicts,
)
from paramsched.show._curves import (
    Curves,
    CurvesOnClock,
    CurvesWithBases,
    Floats,
    Group,
    Key,
    Times,
    union_of_times,
)
from paramsched.show._metric_panels import checked_metrics, metric_panels, panel_of_curves
from paramsched.show._picture import CurveKind, DrawnCurve, Note, Panel, Picture, groups_in_words
from paramsched.show._scale import AS_VALUES_ASK, View, axis_of_curves
from paramsched.show._words import TimeAxis

_GroupValues: TypeAlias = tuple[Group, Times, Floats]

_MOST_PANELS = 200  # a plan of a published run has five

_Plans: TypeAlias = tuple[tuple[str, Curves], ...]


def picture(
    trace: Curves, *, log: RunsOrLog = None, other: Curves | None = None, view: View = AS_VALUES_ASK
) -> Picture:
    """Arrange a trace, and what is to be compared with it, as panels.

    Args:
        trace: the plan's curves, or those of several plans `together`.
        log: values really used, each with its times, or runs with their metrics; of several plans, by the first.
        other: a second plan, drawn over the first.
        view: which axes there are.

    Raises:
        InvalidArgument: there is nothing to draw, or the log holds a curve the trace does not have, or a
            curve without values, with times that are no updates, or with unequally many of both; or another plan is
            to be drawn over several.
    """
    plans: _Plans = trace.plans if isinstance(trace, PlansTogether) else (("", trace),)
    _check_plans(plans, other)
    trace = plans[0][1]
    runs = runs_of(log)
    used = {run.name: checked_log(trace, run.used) for run in runs}
    tolerances = {run.name: run.tolerance for run in runs}
    metrics = {run.name: checked_metrics(run) for run in runs}
    theirs = other.keys() if other is not None else ()
    total = max(
        *(one.total for _, one in plans),
        other.total if other is not None else 0,
        *(int(times[-1]) + 1 for values in used.values() for times, _ in values.values()),
        *(int(times[-1]) for measured in metrics.values() for times, _ in measured.values()),
    )
    fields = list(dict.fromkeys(field for field, _ in (*(key for _, one in plans for key in one.keys()), *theirs)))
    axis = axis_of_curves((*(one for _, one in plans), *([] if other is None else [other])), total, view)
    panels = tuple(_make_panel(field, plans, used, tolerances, other, axis, view) for field in fields[:_MOST_PANELS])
    differing = union_of_times(panel.differing for panel in panels)
    colors = (
        {} if len(runs) < 2 else {run.name: max(len(one.curves) for one in panels) + i for i, run in enumerate(runs)}
    )
    panels = tuple(
        replace(panel, overlays=tuple(replace(one, color=colors.get(one.owner, one.color)) for one in panel.overlays))
        for panel in panels
    )
    return Picture(
        (*panels, *metric_panels(runs, metrics, axis, view, colors)),
        axis,
        horizon_summary(tuple(one for _, one in plans)),
        (
            *(runs_verdicts(trace, used, tolerances) if other is None else [plans_verdict(differing, trace, other)]),
            *([Note(f"{more:,} more fields are not drawn")] if (more := len(fields) - _MOST_PANELS) > 0 else []),
        ),
    )


def _check_plans(plans: _Plans, other: Curves | None) -> None:
    """Refuse what cannot be drawn."""
    for _, trace in plans:
        if trace.total < 1 or not trace.keys():
            raise InvalidArgument(
                "show(trace)",
                f"there is nothing to draw in {len(trace.keys())} curves of {trace.total} updates",
                'Write trace(Plan(lr=linear(1, 0)), {"lr": 0.1}, Calendar(total=100)).',
            )
    if other is not None and len(plans) > 1:
        raise InvalidArgument(
            "show(together(…), other=…)",
            f"{len(plans)} plans are drawn together, and one more over them is none of these",
            'Add it to them: together({…, "other": other})',
        )


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """What lies over a panel's curves."""

    overlays: tuple[DrawnCurve, ...] = ()
    notes: tuple[Note, ...] = ()
    differing: tuple[Times, ...] = ()


def _make_panel(
    field: str,
    plans: _Plans,
    used: Mapping[str, UsedValues],
    tolerances: Mapping[str, float],
    other: Curves | None,
    axis: TimeAxis,
    view: View,
) -> Panel:
    """The panel of one field, with what is compared with its curves."""
    trace = plans[0][1]
    groups = _groups_of_field(trace, field)
    curves = _merge_groups("plan", [(g, *_planned(trace, (field, g))) for g in groups], trace, field, owner=plans[0][0])
    compared = [
        _compare_log(field, trace, values, curves, name if len(used) > 1 else "", tolerances[name])
        for name, values in used.items()
    ]
    for index in range(1, len(plans)):
        branches, note = _leaving_curves(field, plans[: index + 1], len(curves))
        curves += branches
        compared.append(_Comparison(notes=note))
    if len(plans) > 1 and len({group for _, one in plans for group in _groups_of_field(one, field)}) == 1:
        curves = tuple(replace(curve, groups=("",)) for curve in curves)  # the plan's name says which it is
    if other is not None:
        compared.append(_compare_plan(field, trace, other, axis.total, len(curves)))
    panel = panel_of_curves(field, curves, axis, view, [curve for one in compared for curve in one.overlays])
    notes = [note for one in compared for note in one.notes]
    return replace(
        panel,
        differing=union_of_times(times for one in compared for times in one.differing),
        other_notes=(*notes, *panel.other_notes, *_base_notes(field, plans, other)),
        unit=TIMES_BASE if all(_has_no_base(one, field) for _, one in plans if _groups_of_field(one, field)) else "",
    )


def _leaving_curves(field: str, plans: _Plans, first_color: int) -> tuple[tuple[DrawnCurve, ...], tuple[Note, ...]]:
    """The curves of the last plan, from where each leaves those of the plans before."""
    name, trace = plans[-1]
    members: list[_GroupValues] = []
    left: list[tuple[int, str]] = []
    for group in _groups_of_field(trace, field):
        times, values = _planned(trace, (field, group))
        earlier = [(whose, np.asarray(one[field, group])) for whose, one in plans[:-1] if (field, group) in one.keys()]
        begin, which = first_own_update(values, tuple(curve for _, curve in earlier))
        if begin:
            left.append((begin, earlier[which][0]))
        if begin < values.size:
            first = max(begin - 1, 0)  # so that the line begins on the one it leaves
            members.append((group, times[first:], values[first:]))
    drawn = _merge_groups("plan", members, trace, field, first_color=first_color, owner=name)
    return drawn, leaving_notes(name, left, drawn=bool(drawn))


def _compare_log(
    field: str, trace: Curves, used: UsedValues, curves: Sequence[DrawnCurve], run: str, tolerance: float
) -> _Comparison:
    """The values that a run used for a field."""
    observed = [group for group in _groups_of_field(trace, field) if (field, group) in used]
    if not observed:
        return _Comparison()
    colors = {group: curve.color for curve in curves for group in curve.groups}
    overlays = _merge_groups("log", [(g, *used[field, g]) for g in observed], trace, field, colors, owner=run)
    differing, in_bits = (
        [differing_times(trace[field, g], *used[field, g], whole=False, tolerance=share) for g in observed]
        for share in (tolerance, 0.0)
    )
    rounded = union_of_times(differing).size < union_of_times(in_bits).size
    compared = union_of_times(used[field, g][0] for g in observed)
    return _Comparison(
        overlays, (log_note(union_of_times(differing), compared.size, run, rounded=rounded),), tuple(differing)
    )


def _compare_plan(field: str, trace: Curves, other: Curves, total: int, first_color: int) -> _Comparison:
    """The curves of another plan for a field that differ."""
    groups, theirs = _groups_of_field(trace, field), _groups_of_field(other, field)
    drawn = [(g, *_planned(other, (field, g))) for g in theirs]
    # Curves that both plans share are drawn once.
    changed = [
        (g, times, values)
        for g, times, values in drawn
        if g not in groups or not np.array_equal(values, trace[field, g], equal_nan=True)
    ]
    # New colors: a curve of the other plan must not look like one of the first plan.
    overlays = _merge_groups("other", changed, other, field, first_color=first_color)
    both = [g for g in groups if g in theirs]
    differing = [differing_times(trace[field, g], *_planned(other, (field, g)), whole=True) for g in both]
    notes = [other_plan_note(union_of_times(differing), max(trace.total, other.total))] if both else []
    for alone, whose in ((set(groups) - set(theirs), "first"), (set(theirs) - set(groups), "second")):
        if alone:
            ordered = tuple(g for g in (*groups, *theirs) if g in alone)
            name = ", ".join(str(g) for g in ordered if g != "")
            what = f"group{'s' if len(ordered) > 1 else ''} {name}" if name else field
            notes.append(Note(f"only in the {whose} plan: {what}", differs=True))
            differing.append(np.arange(total))
    return _Comparison(overlays, tuple(notes), tuple(differing))


def _base_notes(field: str, plans: _Plans, other: Curves | None) -> Iterator[Note]:
    """From which bases the curves are drawn, each text once."""
    ours = _base_texts(plans[0][1], field)
    yield from map(Note, ours)
    for name, trace in plans[1:]:
        yield from (Note(f"{name}: {text}") for text in _base_texts(trace, field) if text not in ours)
    if other is not None:
        yield from (Note(f"other plan: {text}") for text in _base_texts(other, field) if text not in ours)


def _base_texts(source: Curves, field: str) -> list[str]:
    """The same in words: one text for all groups, or one for each base."""
    if not isinstance(source, CurvesWithBases):
        return []
    found: dict[str, list[Group]] = {}
    for group in _groups_of_field(source, field):
        base = source.base(field, group)
        found.setdefault(base_text(base.value, base.share), []).append(group)
    if len(found) == 1:
        return list(found)
    return [f"{groups_in_words(tuple(members))}: {text}" for text, members in found.items()]


def _has_no_base(source: Curves, field: str) -> bool:
    """Whether no curve of a field has a base."""
    groups = _groups_of_field(source, field)
    found = [source.base(field, group) for group in groups] if isinstance(source, CurvesWithBases) else []
    return bool(found) and all(base.value is None and base.share == "all" for base in found)


def _merge_groups(
    kind: CurveKind,
    members: Iterable[_GroupValues],
    source: Curves,
    field: str,
    colors: dict[Group, int] | None = None,
    first_color: int = 0,
    owner: str = "",
) -> tuple[DrawnCurve, ...]:
    """One curve for all groups with equal values; nothing but the values decides.

    Args:
        colors: by group; None: a new one for each curve.
    """
    curves = []
    for index, (groups, times, values) in enumerate(_equal_values(members)):
        texts = (source.line(field, g) for g in groups) if kind != "log" else ()
        inner = _breakpoints_of(source, field, groups) if kind != "log" else np.zeros(0, np.int64)
        curves.append(
            DrawnCurve(
                kind,
                tuple(groups),
                tuple(dict.fromkeys(text for text in texts if text)),
                times,
                values,
                inner[inner >= times[0]] if times.size else inner,
                first_color + index if colors is None else colors.get(groups[0], len(colors) + index),
                owner,
            )
        )
    return tuple(curves)


def _equal_values(members: Iterable[_GroupValues]) -> list[tuple[list[Group], Times, Floats]]:
    """Gather the groups whose times and values are equal."""
    alike: dict[tuple[bytes, int], list[tuple[list[Group], Times, Floats]]] = {}
    order: list[tuple[list[Group], Times, Floats]] = []
    for group, times, values in members:
        # Only curves with the same sum are compared: comparing each with each would be slow.
        with np.errstate(over="ignore", invalid="ignore"):
            same_sum = alike.setdefault((values.sum().tobytes(), times.size), [])
        for known, its_times, its_values in same_sum:
            if np.array_equal(values, its_values, equal_nan=True) and (
                times is its_times or np.array_equal(times, its_times)
            ):
                known.append(group)
                break
        else:
            same_sum.append(([group], times, values))
            order.append(same_sum[-1])
    return order


def _breakpoints_of(source: Curves, field: str, groups: Sequence[Group]) -> Times:
    """The breakpoints of some groups, each schedule asked once: there may be millions."""
    asked = {source.line(field, group) or group: group for group in groups}.values()
    return union_of_times(_breakpoints_in_updates(source, field, group) for group in asked)


def _breakpoints_in_updates(source: Curves, field: str, group: Group) -> Times:
    """Where the formula of a curve changes: the first updates at or after an amount; none if they are too many."""
    try:
        points = np.asarray(source.breakpoints(field, group), dtype=np.int64)
    except InvalidArgument:  # a million marks would show nothing
        return np.zeros(0, np.int64)
    if isinstance(source, CurvesOnClock) and source.clock_of(field, group) != "updates":
        return np.searchsorted(source.amounts, points)
    return points


def _groups_of_field(source: Curves, field: str) -> list[Group]:
    return [group for its_field, group in source.keys() if its_field == field]


def _planned(source: Curves, key: Key) -> tuple[Times, Floats]:
    values = np.asarray(source[key], dtype=np.float64)
    return np.arange(values.size, dtype=np.int64), values
