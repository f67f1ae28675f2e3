"""A picture as data, the same for all formats."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np

from paramsched.show._axes import Scale, Scales, TimeAxis
from paramsched.show._curves import Floats, Group, Times, distinct_times, outline, runs_of_times
from paramsched.show._words import short_number, times_in_words

CurveKind: TypeAlias = Literal["plan", "log", "other", "metric"]
"""What a curve is: planned, really used, of the plan compared with, or measured."""

_MOST_KEPT = 2000  # breakpoints of a panel whose exact values are drawn at every width
_OWNERS: dict[CurveKind, str] = {"plan": "", "log": "used", "other": "other plan", "metric": ""}
_MOST_LEVELS = 4  # levels told before the last one; of a curve with more only the first is


def groups_in_words(groups: tuple[Group, ...]) -> str:
    """Groups in words: `group head`, `groups 0–3`; "" for a target outside the optimizer."""
    if groups == ("",):
        return ""
    indices = np.array(sorted(g for g in groups if isinstance(g, int)), dtype=np.int64)
    names = [times_in_words(indices, most=8)] if indices.size else []
    names += [group for group in groups if isinstance(group, str)]
    return f"group{'s' if len(groups) > 1 else ''} {', '.join(names)}"


@final
@dataclass(frozen=True, slots=True, eq=False)
class DrawnCurve:
    """One line in a panel: groups with the same values at the same times.

    Args:
        kind: planned, used, of the other plan, or measured.
        groups: that share the curve; of a metric its own name.
        schedules: the lines of text of their schedules, each once.
        times, values: the points; a plan has one for each update.
        breakpoints: where the formula changes.
        color: a number for each color; the log of a single run has its plan's.
        owner: the name of its plan or of its run, where a picture has several.
    """

    kind: CurveKind
    groups: tuple[Group, ...]
    schedules: tuple[str, ...]
    times: Times
    values: Floats
    breakpoints: Times
    color: int
    owner: str = ""

    @property
    def held(self) -> bool:
        """Whether a value counts to the next one: not in a log of every tenth update."""
        return self.times.size == int(self.times[-1] - self.times[0]) + 1

    @property
    def name(self) -> str:
        """The groups: `group head`, `groups 0–3`; "" for a target outside the optimizer; a metric's own name."""
        return str(self.groups[0]) if self.kind == "metric" else groups_in_words(self.groups)

    @property
    def level_summary(self) -> str:
        """First value, those at the ends of stages, and last: `0 → 0.1 → 0.001`."""
        ends = self.breakpoints - int(self.times[0])
        at = [0, *ends[(ends > 0) & (ends < self.values.size)][: _MOST_LEVELS + 1].tolist()]
        if self.kind in ("log", "metric") or len(at) > _MOST_LEVELS or not self.held:
            at = [0]
        values = [short_number(self.values[t], 4) for t in [*at, self.values.size - 1]]
        kept = [v for i, v in enumerate(values) if i == 0 or v != values[i - 1]]
        return " → ".join(kept)


@final
@dataclass(frozen=True, slots=True, eq=False)
class LegendEntry:
    """What the legend says of one curve; each format sets it out in its own way.

    Args:
        owner: the name of its plan or run, where a picture has several, else ""; `used` or `other plan`.
        levels: its first value, those at the ends of stages, and its last.
        schedule: its schedule in text; None where the heading of the panel says it already.
    """

    curve: DrawnCurve
    owner: str
    levels: str
    schedule: str | None

    @property
    def label(self) -> str:
        """Whose curve it is, and of which groups: `other plan group head`."""
        return " ".join(filter(None, [self.owner, self.curve.name]))


@final
@dataclass(frozen=True, slots=True)
class Note:
    """A sentence below a panel; `differs` is whether it reports a difference."""

    text: str
    differs: bool = False


@final
@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One field: curves that share a scale, what lies over them, and how far they agree.

    Args:
        field: as the plan names it.
        curves: the plan's.
        overlays: what was used, and the other plan's curves that differ.
        scales: the vertical axes that there are.
        log: whether a logarithmic one was asked for; None: as the values ask.
        breakpoints: of all curves, without the beginning and the end.
        differing: the updates at which what is compared differs.
        other_notes: sentences below the panel.
        log_notes: those that a logarithmic axis needs.
        unit: what its numbers are multiples of, or "".
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
        """The vertical axis."""
        return self.scales.choose(self.log)

    @property
    def notes(self) -> tuple[Note, ...]:
        """The sentences below the panel."""
        return (*self.other_notes, *(self.log_notes if self.log else ()))

    @property
    def title(self) -> str:
        """The field, and what its numbers are multiples of: `lr`, `lr × base`."""
        return f"{self.field} {self.unit}" if self.unit else self.field

    @property
    def every_curve(self) -> tuple[DrawnCurve, ...]:
        """The plan's curves and those that lie over them, in the order in which they are drawn."""
        return (*self.curves, *self.overlays)

    @property
    def schedules(self) -> tuple[str, ...]:
        """The different schedules of the plan in this panel."""
        return tuple(dict.fromkeys(text for curve in self.curves or self.overlays for text in curve.schedules))

    @property
    def heading(self) -> str:
        """The schedule that all curves of the plan share, or ""."""
        return self.schedules[0] if len(self.schedules) == 1 else ""

    @property
    def has_log(self) -> bool:
        """Whether values really used lie over the plan."""
        return any(curve.kind == "log" for curve in self.overlays)

    @property
    def legend(self) -> tuple[LegendEntry, ...]:
        """An entry for each curve, in the order in which they are drawn."""
        shared = self.schedules
        return tuple(
            LegendEntry(
                curve,
                curve.owner or _OWNERS[curve.kind],
                curve.level_summary,
                "; ".join(curve.schedules)
                if len(shared) > 1 or (curve.kind == "other" and curve.schedules != shared)
                else None,
            )
            for curve in self.every_curve
        )

    @property
    def log_legend(self) -> tuple[LegendEntry, ...]:
        """The first entry of each run that used values, for formats that have one for all groups of it."""
        return tuple({entry.owner: entry for entry in self.legend[::-1] if entry.curve.kind == "log"}.values())[::-1]

    @property
    def plan_legend(self) -> tuple[LegendEntry, ...]:
        """All other entries."""
        return tuple(entry for entry in self.legend if entry.curve.kind != "log")

    def points_of(self, curve: DrawnCurve, axis: TimeAxis, columns: int) -> tuple[Times, Floats]:
        """The points that draw a curve exactly at a width of `columns`: times and values.

        Extremes are among them, and both sides of every breakpoint of the panel.
        """
        first = int(np.searchsorted(curve.times, axis.first))
        times, values = curve.times[first:], curve.values[first:]
        points = outline(times, values, axis.edges(columns), tuple(self.breakpoints[:_MOST_KEPT].tolist()))
        return times[points], values[points]

    def differing_spans(self, axis: TimeAxis, columns: int, *, most: int) -> list[tuple[int, int]]:
        """Return the spans, from one update to before another, in which what is compared differs.

        Args:
            columns: of the picture; of more than `most` spans those in one column are joined.
        """
        runs = [(first, last + 1) for first, last in runs_of_times(self.differing)]
        if len(runs) <= most:
            return runs
        edges, filled = axis.edges(columns), distinct_times(axis.columns_of(self.differing, columns))
        return [(int(edges[first]), int(edges[last + 1])) for first, last in runs_of_times(filled)]

    def breakpoint_summary(self, most: int) -> str:
        """The breakpoints in words, the first few of them."""
        first = ", ".join(f"{int(t):,}" for t in self.breakpoints[:most])
        many = self.breakpoints.size
        if many > most:
            return f"{many:,} breakpoints: {first}, …"
        return f"breakpoint{'s' if many > 1 else ''} {first}"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """All panels, over one time axis.

    Args:
        panels: one for each field.
        horizon: the length of the run in words.
        verdicts: a sentence about each run, or plan, that was compared.
    """

    panels: tuple[Panel, ...]
    axis: TimeAxis
    horizon: str
    verdicts: tuple[Note, ...]
