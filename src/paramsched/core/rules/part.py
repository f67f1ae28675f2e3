"""A part of a line: a schedule as written and in a run, with its levels. A stage is a part, and so is a summand."""

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from math import ceil, prod
from typing import Any, Final, NamedTuple, final

import numpy as np

from paramsched.core.curves.arrays import Floats, Integers
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.absolute import absolute
from paramsched.core.schedules.anneal import is_anneal
from paramsched.core.schedules.constant import constant
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.own import is_own
from paramsched.core.schedules.schedule import OPERATORS
from paramsched.core.time import Duration
from paramsched.errors import ParamschedError

_PEAK_OF: Final[dict[str, Callable[[list[float]], float]]] = {
    "product": prod,
    "chain": prod,
    "minimum": min,
    "maximum": max,
}
"""The peak of schedules that are combined at each update, as a function of their peaks."""
_NOT_MULTIPLES: Final = ("as_factor", "followed_target", "like", "power")
"""Schedules whose values are not meant as multiples near 1: the lr of one sample, another line. So are functions."""
_OWN_TIME: Final = ("sequence", "restarts", "take", "skip", "window")
"""Schedules whose parts have another time than the run."""
_USUAL_LENGTH: Final = 10_000  # updates
_MARKS: Final = 32  # updates of a stage that are evaluated, besides its ends and its boundaries


@final
class Levels(NamedTuple):
    """Multiples of base: those at which a part begins and ends, and its lowest and highest one."""

    first: float
    end: float
    low: float
    high: float

    @property
    def peak(self) -> float:
        """The level that is farthest from 0."""
        return max(abs(self.low), abs(self.high))

    @property
    def rises(self) -> bool:
        """True if it ends above the level at which it begins."""
        return self.end > self.first


@final
class Part:
    """A part of a line.

    Args:
        written: the schedule as written.
        resolved: the schedule in a run, with its open levels; None if that is unknown.
        over_run: True if its time is the time of the run.

    `kind` is the name of its shape, and of a warmup too "anneal"; `args` are its arguments as written.
    """

    def __init__(self, written: Schedule, resolved: Schedule | None = None, *, over_run: bool = True) -> None:
        self.written, self.resolved, self.over_run = written, resolved, over_run
        self.kind, self.args = _kind(written), written.args

    def __str__(self) -> str:
        return str(self.written)

    @property
    def is_like_resolved(self) -> bool:
        """True if the schedule in the run has the shape that was written."""
        return self.resolved is not None and self.kind == _kind(self.resolved)

    @cached_property
    def parts(self) -> tuple["Part", ...]:
        """The schedules that it is composed of."""
        written = self.written.parts()
        if not written:
            return ()
        known: tuple[Schedule | None, ...] = ()
        if self.resolved is not None and self.is_like_resolved:
            known = self.resolved.parts()
        over_run = self.over_run and self.kind not in _OWN_TIME
        pairs = zip(written, known if len(known) == len(written) else (None,) * len(written), strict=True)
        # One with `of` was planned for a run of another length, as after Plan.change.
        return tuple([Part(one, other, over_run=over_run and one.args.get("of") is None) for one, other in pairs])

    @property
    def stages(self) -> tuple["Part", ...]:
        """The stages of a sequence; of another schedule itself."""
        return self.parts if self.kind == "sequence" else (self,)

    def inside(self, *hidden: str) -> Iterator["Part"]:
        """Yield it and its parts, recursively, without the kinds in `hidden` and what is inside of these."""
        if self.kind not in hidden:
            yield self
            for part in self.parts:
                yield from part.inside(*hidden)

    # ---------------------------------------------------------------- what is written

    @property
    def over(self) -> Duration | None:
        """The length that is written in it."""
        over = self.args.get("over")
        return over if isinstance(over, Duration) else None

    def times(self, *roles: str) -> list[Duration]:
        """Return the written times with some roles: "period", "time"."""
        values = (self.args[name] for name, role in self.written.shape.roles.items() if role in roles)
        several = (one if isinstance(one, tuple) else (one,) for one in values)
        return [one for times in several for one in times if one is not None]

    @property
    def milestones(self) -> list[Duration]:
        """The times at which it drops."""
        return self.times("time") if self.kind == "multistep" else []

    def level(self, name: str) -> Any:
        """Return the level that is written for an argument or, if it is open, the one without a neighbor."""
        level = self.args.get(name)
        return self.written.shape.open_levels.get(name) if level is None else level

    @property
    def level_names(self) -> list[str]:
        """The arguments that are levels."""
        return [name for name, param in self.written.shape.params.items() if param.kind == "level"]

    @cached_property
    def ends(self) -> tuple[float, float] | None:
        """The multiples of base at which an anneal or a constant as written begins and ends."""
        return _ends(self.written)

    @property
    def rises(self) -> bool:
        """True for a change from one level to a higher one, such as a warmup."""
        return self.kind == "anneal" and self.ends is not None and self.ends[0] < self.ends[1]

    @property
    def number(self) -> float | None:
        """The multiple of base that is written in a constant."""
        value = self.args["value"] if self.kind == "constant" else None
        return value if isinstance(value, float) else None

    @property
    def is_no_multiple(self) -> bool:
        """True if the values are not meant as multiples near 1."""
        return self.kind in _NOT_MULTIPLES or is_own(self.written)

    @property
    def open_ends(self) -> list[str]:
        """The levels of an anneal that are not written: "start", "to"."""
        return [name for name in ("start", "to") if self.kind == "anneal" and self.args[name] is None]

    def goes_on(self, before: "Part") -> bool:
        """Return whether it is the same shape as the stage before, or a later part of that one's schedule."""
        over = before.over if before.kind in ("anneal", "take") else None
        later = (part for part in self.inside() if part.kind == "skip" and part.args["by"] == over)
        return before.kind == self.kind or any(True for _ in later)

    # ---------------------------------------------------------------- in the run

    @cached_property
    def levels(self) -> Levels | None:
        """Its levels; None if they are not known multiples of base, or if it rises without end."""
        if (ends := _ends(self.resolved or self.written)) is not None:
            return Levels(*ends, min(ends), max(ends))
        resolved = self.resolved
        if resolved is None or resolved.has_absolute or resolved.kind in ("anneal", "warmup", "constant"):
            return None
        if any(one.is_no_multiple or _rises_without_end(one.written) for one in Part(resolved).inside()):
            return None
        length = resolved.length
        end = max(1, ceil((resolved.piece.held or _USUAL_LENGTH) if length is None else length.number))
        marks = [*map(ceil, islice(resolved.piece.edges_and_end(0, end), _MARKS))]
        spread = np.linspace(0, end, _MARKS + 1).astype(np.int64)
        times = np.unique([*spread, *marks, *(mark - 1 for mark in marks), min(1, end)])
        values = values_of(resolved, times[(times >= 0) & (times <= end)])
        if values is None or not np.all(np.isfinite(values)):
            return None
        return Levels(float(values[0]), float(values[-1]), float(values.min()), float(values.max()))

    @property
    def reach(self) -> float | None:
        """Its peak; of a product, a minimum or a maximum that of the peaks of its operands, which are written."""
        resolved = self.resolved
        if self.kind not in _PEAK_OF or resolved is None or resolved.kind != self.kind:
            return None if self.levels is None else self.levels.peak
        pairs = zip(self.args["operands"], resolved.args["operands"], strict=False)
        parts = [Part(one, other) for one, other in pairs]
        peaks = [part.reach if part.number is None else part.number for part in parts]
        known = [peak for peak in peaks if peak is not None]
        return _PEAK_OF[self.kind](known) if len(known) == len(peaks) else None

    @property
    def is_empty(self) -> bool:
        """True if it has no updates in the run."""
        length = None if self.resolved is None else self.resolved.length
        return length is not None and length.number == 0

    # ---------------------------------------------------------------- the line to write

    def in_values(self) -> Schedule:
        """Return it with its numbers as values."""
        if self.number is not None:
            return self.written.with_args(value=Absolute(self.number))
        if self.kind == "product":
            value = constant(Absolute(prod(part.number for part in self.parts if part.number is not None)))
            others = (part.written for part in self.parts if part.number is None)
            return OPERATORS["product"].call(operands=(value, *others))
        return absolute(self.written)


def _kind(schedule: Schedule) -> str:
    return "anneal" if is_anneal(schedule) else schedule.kind


def values_of(schedule: Schedule, times: Integers, base: float = 1.0) -> Floats | None:
    """Return the values of a resolved schedule; None if they cannot be computed."""
    try:
        return np.asarray(evaluate(schedule, times, base), dtype=np.float64)
    except (ParamschedError, ArithmeticError, MemoryError, ValueError):
        return None


def _ends(schedule: Schedule) -> tuple[float, float] | None:
    if schedule.kind not in ("anneal", "warmup", "constant"):
        return None
    part = Part(schedule)
    ends = [part.level(name) for name in (("value", "value") if schedule.kind == "constant" else ("start", "to"))]
    return (ends[0], ends[1]) if isinstance(ends[0], float) and isinstance(ends[1], float) else None


def _rises_without_end(part: Schedule) -> bool:
    """Return whether a shape grows as long as the run lasts, so that no level of it is known."""
    if _ends(part) is not None or is_anneal(part) or part.parts() or part.length is not None:
        return False
    values = values_of(part, np.array([0, 1000]))
    return values is not None and values[1] > values[0] and part.piece.held is None
