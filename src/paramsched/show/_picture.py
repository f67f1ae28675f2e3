"""A picture as data, independent of the format."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np

from paramsched.show._axes import Scale, Scales, TimeAxis, format_times, short_number
from paramsched.show.plan_curves import Floats, GroupLabel, Times, distinct_times, outline, runs_of_times

CurveKind: TypeAlias = Literal["plan", "log", "other", "metric"]
"""The kind of a curve: planned, used by a run, of the other plan, or a metric."""

_MAX_KEPT = 2000  # maximum number of breakpoints whose exact values are drawn at every width
_OWNERS: dict[CurveKind, str] = {"plan": "", "log": "used", "other": "other plan", "metric": ""}
_MAX_LEVELS = 4  # levels in a legend before the last one; if there are more, only the first and last are shown


def format_groups(groups: tuple[GroupLabel, ...]) -> str:
    """Format groups: `group head`, `groups 0–3`; "" for a target outside the optimizer."""
    if groups == ("",):
        return ""
    indices = np.array(sorted(g for g in groups if isinstance(g, int)), dtype=np.int64)
    names = [format_times(indices, most=8)] if indices.size else []
    names += [group for group in groups if isinstance(group, str)]
    return f"group{'s' if len(groups) > 1 else ''} {', '.join(names)}"


@final
@dataclass(frozen=True, slots=True, eq=False)
class DrawnCurve:
    """One line in a panel, for all groups with the same values at the same times.

    Args:
        kind: the kind of the curve.
        groups: the groups that share the curve; for a metric its name.
        schedules: the distinct texts of the schedules of these groups.
        times, values: the points; a plan has one per update.
        breakpoints: the updates at which the formula changes.
        color: the number of its color; the log of a single run has the color of its plan.
        owner: the name of its plan or run, if a picture has several.
    """

    kind: CurveKind
    groups: tuple[GroupLabel, ...]
    schedules: tuple[str, ...]
    times: Times
    values: Floats
    breakpoints: Times
    color: int
    owner: str = ""

    @property
    def held(self) -> bool:
        """True if the curve has a value for every update, unlike a log of every tenth update."""
        return self.times.size == int(self.times[-1] - self.times[0]) + 1

    @property
    def name(self) -> str:
        """The groups, such as `groups 0–3`, or the name of a metric; "" for a target outside the optimizer."""
        return str(self.groups[0]) if self.kind == "metric" else format_groups(self.groups)

    @property
    def level_summary(self) -> str:
        """The first value, those at the ends of stages, and the last: `0 → 0.1 → 0.001`."""
        ends = np.searchsorted(self.times, self.breakpoints)  # in a log, the first update logged since each of them
        indices = [0, *ends[(ends > 0) & (ends < self.values.size)][:_MAX_LEVELS].tolist()]
        if self.kind == "metric" or len(indices) > _MAX_LEVELS:
            indices = [0]
        values = [short_number(self.values[t], 4) for t in [*indices, self.values.size - 1]]
        kept = [v for i, v in enumerate(values) if i == 0 or v != values[i - 1]]
        return " → ".join(kept)


@final
@dataclass(frozen=True, slots=True, eq=False)
class LegendEntry:
    """The contents of the legend entry of one curve; each picture format arranges them.

    Args:
        curve: the curve.
        owner: the name of its plan or run if a picture has several, `used`, `other plan` or "".
        name: its groups; "" for a run's curve if the plan's only curve has the same groups.
        levels: its first value, those at the ends of stages, and its last; "" for a run that used the planned values.
        schedule: the text of its schedule; None if the heading of the panel contains it.
    """

    curve: DrawnCurve
    owner: str
    name: str
    levels: str
    schedule: str | None

    @property
    def label(self) -> str:
        """The owner and the groups of the curve: `other plan group head`."""
        return " ".join(filter(None, [self.owner, self.name]))


@final
@dataclass(frozen=True, slots=True)
class Note:
    """A sentence below a panel; `differs` is True if it reports a difference."""

    text: str
    differs: bool = False


@final
@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The panel of one field: curves that share a scale, the curves drawn over them, and notes.

    Args:
        field: the name of the field.
        curves: the curves of the plan.
        overlays: the curves of runs, and those curves of the other plan that differ.
        scales: the available value axes.
        log: True or False for a requested logarithmic or linear axis; None chooses by the values.
        breakpoints: the breakpoints of all curves, without the start and the end.
        differing: the updates at which compared curves differ.
        other_notes: the sentences below the panel.
        log_notes: additional sentences for a logarithmic axis.
        unit: the unit of its values, such as `× base`, or "".
    """

    field: str
    curves: tuple[DrawnCurve, ...]
    overlays: tuple[DrawnCurve, ...]
    scales: Scales
    log: bool | None
    breakpoints: Times
    differing: Times
    other_notes: tuple[Note, ...]
    log_notes: tuple[Note, ...]
    unit: str = ""

    @property
    def scale(self) -> Scale:
        """The value axis."""
        return self.scales.choose(self.log)

    @property
    def notes(self) -> tuple[Note, ...]:
        """The sentences below the panel."""
        return (*self.other_notes, *(self.log_notes if self.log else ()))

    @property
    def title(self) -> str:
        """The field and the unit of its values: `lr`, `lr × base`."""
        return f"{self.field} {self.unit}" if self.unit else self.field

    @property
    def every_curve(self) -> tuple[DrawnCurve, ...]:
        """The curves of the plan and the overlays, in drawing order."""
        return (*self.curves, *self.overlays)

    @property
    def schedules(self) -> tuple[str, ...]:
        """The distinct schedules of the plan in this panel."""
        return tuple(dict.fromkeys(text for curve in self.curves or self.overlays for text in curve.schedules))

    @property
    def heading(self) -> str:
        """The schedule that all curves of the plan share; "" if they differ."""
        return self.schedules[0] if len(self.schedules) == 1 else ""

    @property
    def has_log(self) -> bool:
        """True if values that a run used are drawn over the plan."""
        return any(curve.kind == "log" for curve in self.overlays)

    @property
    def legend(self) -> tuple[LegendEntry, ...]:
        """One entry per curve, in drawing order."""
        shared = self.schedules
        alone = self.curves[0].groups if len(self.curves) == 1 else ()
        return tuple(
            LegendEntry(
                curve,
                curve.owner or _OWNERS[curve.kind],
                "" if curve.kind == "log" and curve.groups == alone else curve.name,
                "" if curve.kind == "log" and not self.differing.size else curve.level_summary,
                "; ".join(curve.schedules)
                if len(shared) > 1 or (curve.kind == "other" and curve.schedules != shared)
                else None,
            )
            for curve in self.every_curve
        )

    @property
    def log_legend(self) -> tuple[LegendEntry, ...]:
        """The legend entry of the first curve of each run, for picture formats that list each run only once."""
        return tuple({entry.owner: entry for entry in self.legend[::-1] if entry.curve.kind == "log"}.values())[::-1]

    @property
    def plan_legend(self) -> tuple[LegendEntry, ...]:
        """The legend entries of all curves except those of the values that runs used."""
        return tuple(entry for entry in self.legend if entry.curve.kind != "log")

    def points_of(self, curve: DrawnCurve, axis: TimeAxis, columns: int) -> tuple[Times, Floats]:
        """Return the times and values of the points that show a curve exactly in a picture of `columns` columns.

        The points include the extremes and both sides of every breakpoint of the panel.
        """
        times = curve.times
        values = curve.values
        points = outline(times, values, axis.edges(columns), tuple(self.breakpoints[:_MAX_KEPT].tolist()))
        return times[points], values[points]

    def differing_spans(self, axis: TimeAxis, columns: int, *, most: int) -> list[tuple[int, int]]:
        """Return the spans [start, stop) of updates in which compared curves differ.

        Args:
            axis: the time axis.
            columns: the width of the picture in columns.
            most: the maximum number of spans; if there are more, those in one column are joined.
        """
        runs = [(first, last + 1) for first, last in runs_of_times(self.differing)]
        if len(runs) <= most:
            return runs
        edges = axis.edges(columns)
        filled = distinct_times(axis.columns_of(self.differing, columns))
        return [(int(edges[first]), int(edges[last + 1])) for first, last in runs_of_times(filled)]

    def breakpoint_summary(self, most: int) -> str:
        """Return a text with the number of breakpoints and the first few of them."""
        first = ", ".join(f"{int(t):,}" for t in self.breakpoints[:most])
        many = self.breakpoints.size
        if many > most:
            return f"{many:,} breakpoints: {first}, …"
        return f"breakpoint{'s' if many > 1 else ''} {first}"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """All panels over one time axis.

    Args:
        panels: one per field.
        axis: the time axis.
        length: the length of the run as text.
        verdicts: one sentence per compared run or plan.
    """

    panels: tuple[Panel, ...]
    axis: TimeAxis
    length: str
    verdicts: tuple[Note, ...]
