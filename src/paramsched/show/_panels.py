"""What is drawn, before anything says how: a panel for each field, with its curves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from paramsched.errors import InvalidArgument
from paramsched.show._compare import Difference, difference
from paramsched.show._drawable import Based, Drawable, Floats, Group, Key, Log, Times
from paramsched.show._log import logged
from paramsched.show._numbers import count, joined, listed, number
from paramsched.show._reduce import Envelope, envelope
from paramsched.show._scale import Scale, scale
from paramsched.show._sentences import UNIT, base_note, log_note, other_note, summary, verdict

_COLUMNS = 1024  # in which curves are looked at to choose a scale

Kind = Literal["plan", "log", "other"]
"""What a curve is: planned, really used, or of the plan compared with."""


def group_names(groups: tuple[Group, ...]) -> str:
    """Groups in words: `group head`, `groups 0–3`; "" for a target outside the optimizer."""
    if groups == ("",):
        return ""
    indices = np.array(sorted(g for g in groups if isinstance(g, int)), dtype=np.int64)
    names = [listed(indices, most=8)] if indices.size else []
    names += [group for group in groups if isinstance(group, str)]
    return f"group{'s' if len(groups) > 1 else ''} {', '.join(names)}"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One line in a panel: groups with the same values at the same times."""

    kind: Kind
    groups: tuple[Group, ...]
    lines: tuple[str, ...]
    times: Times
    values: Floats
    breakpoints: Times
    color: int  # a log has its plan's

    @property
    def held(self) -> bool:
        """Whether a value counts to the next one: not in a log of every tenth update."""
        return self.times.size == int(self.times[-1] - self.times[0]) + 1

    @property
    def name(self) -> str:
        """The legend: `group head`, `groups 0–3`, or "" for a target outside the optimizer."""
        return group_names(self.groups)

    @property
    def course(self) -> str:
        """First value, those at the ends of stages, and last: `0 → 0.1 → 0.001`."""
        ends = self.breakpoints
        at = [0, *ends[(ends > 0) & (ends < self.values.size)][:5].tolist()]
        if self.kind == "log" or len(at) > 4 or self.times.size != int(self.times[-1]) + 1:
            at = [0]
        values = [number(self.values[t], 4) for t in [*at, self.values.size - 1]]
        kept = [v for i, v in enumerate(values) if i == 0 or v != values[i - 1]]
        return " → ".join(kept)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One field: curves that share a scale, what lies over them, and how far they agree."""

    field: str
    curves: tuple[Curve, ...]
    overlays: tuple[Curve, ...]
    scale: Scale
    breakpoints: Times
    differing: Times
    notes: tuple[str, ...]
    unit: str = ""  # what its numbers are multiples of

    @property
    def title(self) -> str:
        """The field, and what its numbers are multiples of: `lr`, `lr × base`."""
        return f"{self.field} {self.unit}" if self.unit else self.field

    @property
    def lines(self) -> tuple[str, ...]:
        """The different schedules in this panel."""
        return tuple(dict.fromkeys(line for c in self.curves or self.overlays for line in c.lines))

    def marks(self, most: int) -> str:
        """The breakpoints in words, the first few of them."""
        first = ", ".join(count(int(t)) for t in self.breakpoints[:most])
        many = self.breakpoints.size
        if many > most:
            return f"{count(many)} breakpoints: {first}, …"
        return f"breakpoint{'s' if many > 1 else ''} {first}"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """All panels, over one time axis."""

    panels: tuple[Panel, ...]
    total: int
    steps_per_epoch: int | None
    summary: str
    verdict: str
    agrees: bool


def picture(trace: Drawable, *, log: Log | None = None, other: Drawable | None = None) -> Picture:
    """Arrange a trace, and what is to be compared with it, as panels.

    Args:
        trace: the plan's curves.
        log: values really used, each with its times.
        other: a second plan, drawn over the first.

    Raises:
        InvalidArgument: there is nothing to draw, or the log holds a curve the trace does not have, or a
            curve without values, with times that are no updates, or with unequally many of both.
    """
    if trace.total < 1 or not trace.keys():
        raise InvalidArgument(
            "show(trace)",
            f"there is nothing to draw in {len(trace.keys())} curves of {trace.total} updates",
            'Write trace(Plan(lr=linear(1, 0)), {"lr": 0.1}, Calendar(total=100)).',
        )
    used = logged(trace, log or {})
    theirs = other.keys() if other is not None else ()
    total = max(
        trace.total,
        other.total if other is not None else 0,
        *(int(times[-1]) + 1 for times, _ in used.values()),
    )
    fields = dict.fromkeys(field for field, _ in (*trace.keys(), *theirs))
    panels = tuple(_panel(field, trace, used, other, total) for field in fields)
    differing = joined(p.differing for p in panels)
    return Picture(
        panels,
        total,
        trace.steps_per_epoch,
        summary(trace),
        verdict(differing, trace, used, other),
        differing.size == 0,
    )


def _panel(
    field: str,
    trace: Drawable,
    used: dict[Key, tuple[Times, Floats]],
    other: Drawable | None,
    total: int,
) -> Panel:
    groups = _groups(trace, field)
    curves = _merged("plan", [(g, *_whole(trace, (field, g))) for g in groups], trace, field)
    color = {group: curve.color for curve in curves for group in curve.groups}
    overlays: tuple[Curve, ...] = ()
    differences: list[Difference] = []
    notes: list[str] = []
    observed = [g for g in groups if (field, g) in used]
    if observed:
        overlays += _merged("log", [(g, *used[field, g]) for g in observed], trace, field, color)
        found = [difference(trace[field, g], *used[field, g], whole=False) for g in observed]
        times = joined(used[field, g][0] for g in observed)
        notes.append(log_note(_union(found), times.size))
        differences += found
    if other is not None:
        theirs = _groups(other, field)
        drawn = [(g, *_whole(other, (field, g))) for g in theirs]
        # What is the same in both plans is drawn and named once.
        changed = [d for d in drawn if d[0] not in groups or not _same(d[2], trace[field, d[0]])]
        # Colors of its own: the same curve in another plan is another curve.
        overlays += _merged("other", changed, other, field, first=len(curves))
        both = [g for g in groups if g in theirs]
        found = [difference(trace[field, g], *_whole(other, (field, g)), whole=True) for g in both]
        if both:
            length = max(trace.total, other.total)
            notes.append(other_note(_union(found), length))
            differences += found
        for alone, whose in ((set(groups) - set(theirs), "first"), (set(theirs) - set(groups), "second")):
            if alone:
                ordered = tuple(g for g in (*groups, *theirs) if g in alone)
                name = ", ".join(str(g) for g in ordered if g != "")
                what = f"group{'s' if len(ordered) > 1 else ''} {name}" if name else field
                notes.append(f"only in the {whose} plan: {what}")
                differences.append(Difference(np.arange(total), total))
    reduced = [_seen(curve, total) for curve in (*curves, *overlays)]
    inner = joined(curve.breakpoints for curve in (*curves, *overlays))
    inner = inner[(inner > 0) & (inner < total)]
    if any(np.isinf(side).any() for e in reduced for side in e):
        notes.append("infinite values are drawn at the edge")
    if any(np.isnan(c.values).any() for c in (*curves, *overlays)):
        notes.append("gaps are values that are no number (nan)")
    said = _bases(trace, field, groups)
    theirs_said = _bases(other, field, _groups(other, field)) if other is not None else said
    notes += said + [f"other plan: {note}" for note in theirs_said if note not in said]
    unit = UNIT if _no_base(trace, field, groups) else ""
    return Panel(field, curves, overlays, scale(reduced), inner, _union(differences), tuple(notes), unit)


def _no_base(source: Drawable, field: str, groups: Sequence[Group]) -> bool:
    """Whether all curves of a field are multiples of a base that nobody said."""
    found = [source.base(field, group) for group in groups] if isinstance(source, Based) else []
    return bool(found) and all(base.value is None and base.share == "all" for base in found)


def _bases(source: Drawable, field: str, groups: Sequence[Group]) -> list[str]:
    """From which bases the curves of a field are drawn: one note for all groups, or one for each that differs."""
    if not isinstance(source, Based):
        return []
    found: dict[str, list[Group]] = {}
    for group in groups:
        base = source.base(field, group)
        found.setdefault(base_note(base.value, base.share), []).append(group)
    if len(found) == 1:
        return list(found)
    return [f"{group_names(tuple(members))}: {note}" for note, members in found.items()]


def _seen(curve: Curve, total: int) -> Envelope:
    return envelope(curve.times, curve.values, total, min(total, _COLUMNS))


def _merged(
    kind: Kind,
    members: Iterable[tuple[Group, Times, Floats]],
    source: Drawable,
    field: str,
    colors: dict[Group, int] | None = None,
    first: int = 0,
) -> tuple[Curve, ...]:
    """Join groups with equal values; nothing but the values decides."""
    found: dict[tuple[bytes, int], list[tuple[list[Group], Times, Floats]]] = {}
    order: list[tuple[list[Group], Times, Floats]] = []
    for group, times, values in members:
        # The sum only sorts curves into drawers: comparing each with each would be slow.
        with np.errstate(over="ignore", invalid="ignore"):
            drawer = found.setdefault((values.sum().tobytes(), times.size), [])
        for known, its_times, its_values in drawer:
            if np.array_equal(values, its_values, equal_nan=True) and (
                times is its_times or np.array_equal(times, its_times)
            ):
                known.append(group)
                break
        else:
            drawer.append(([group], times, values))
            order.append(drawer[-1])
    curves = []
    for index, (groups, times, values) in enumerate(order):
        lines = (source.line(field, g) for g in groups) if kind != "log" else ()
        marks = _breakpoints(source, field, groups) if kind != "log" else np.zeros(0, np.int64)
        curves.append(
            Curve(
                kind,
                tuple(groups),
                tuple(dict.fromkeys(line for line in lines if line)),
                times,
                values,
                marks,
                first + index if colors is None else colors.get(groups[0], len(colors) + index),
            )
        )
    return tuple(curves)


def _breakpoints(source: Drawable, field: str, groups: Sequence[Group]) -> Times:
    """The breakpoints of some groups, sorted; there may be millions, so groups of one schedule are asked once."""
    asked = {source.line(field, group) or group: group for group in groups}.values()
    return joined(np.asarray(source.breakpoints(field, group), dtype=np.int64) for group in asked)


def _groups(source: Drawable, field: str) -> list[Group]:
    keys = source.keys()
    return [group for its_field, group in keys if its_field == field]


def _same(a: Floats, b: Floats) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _whole(source: Drawable, key: Key) -> tuple[Times, Floats]:
    values = np.asarray(source[key], dtype=np.float64)
    return np.arange(values.size, dtype=np.int64), values


def _union(differences: Sequence[Difference]) -> Times:
    return joined(d.at for d in differences)
