"""Table: given values, one after another, each for as long as the others."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import final

from paramsched._arrays import Array, Arrays, Floats
from paramsched.curves import Curve, CurveLike
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.affine import Affine
from paramsched.schedules.arguments import curve_argument
from paramsched.schedules.base import Schedule
from paramsched.schedules.cycles import length_of_cycles
from paramsched.schedules.lengths import PERIOD, require_some_length
from paramsched.schedules.periods import boundaries, periods_over, split_periods
from paramsched.schedules.registry import SHAPES, shape
from paramsched.schedules.span import Span
from paramsched.schedules.table_values import MOST_WRITTEN, TableLike, TableValues, table_values
from paramsched.schedules.text.writing import call_text, write_call
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True)
class TableFile:
    """Where the values of a table stand, if not in the plan itself.

    Args:
        path: as it was written, from the folder.
        column: its name in the first line of the file; None where the file has one column.
        sha256: the checksum of the values.
        folder: of the plan's file, or where the process stood; no part of what a plan says.
    """

    path: str
    column: str | None
    sha256: str
    folder: str = field(compare=False)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Table(Schedule):
    """value(t) = values[floor(t / every)], and from the last value on that one; joined along a curve if there is one.

    Args:
        values: at least one; two with a curve.
        every: from one to the next.
        curve: the way from each value to the next; None holds it.
        absolute: whether the values are values as they stand, and no multiples of base.
        file: where they come from; None where they stand in the plan.
    """

    values: TableValues
    every: Duration = field(metadata=PERIOD)
    curve: Curve | None
    absolute: bool
    file: TableFile | None = None

    def __post_init__(self) -> None:
        require_some_length(Asked(self._call, "every"), self.every)
        if not isinstance(self.absolute, bool):
            found = "neither True nor False"
            asked = Asked(self._call, "absolute", repr(self.absolute))
            raise InvalidArgument(asked, found, "Write absolute=True").suggest(True)
        if self.curve is not None and len(self.values) == 1:
            found = "there is one value, and a curve leads from one to the next"
            raise InvalidArgument(Asked(self._call, "curve", str(self.curve)), found, "Leave the curve out")

    @property
    def _call(self) -> str:
        """The function that makes such a table, for messages and for text."""
        return "table" if self.file is None else "table_file"

    @property
    def _steps(self) -> int:
        """How many times `every` lasts."""
        return len(self.values) if self.curve is None else len(self.values) - 1

    @property
    def length(self) -> Duration:
        return length_of_cycles(self.every, 1, "exact", self._steps)

    def _held_from(self) -> int | Fraction:
        return self.every.number * self._steps

    def _exact_length(self, span: Span) -> Fraction:
        return Fraction(span.period(self.every).number * self._steps)

    @property
    def has_absolute(self) -> bool:
        return self.absolute

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        if self.curve is None:
            over = xp.at_most(periods_over(t, self.every.number, xp), len(self.values) - 1)
            values = xp.take(self._numbers(xp), xp.whole(over))
        else:
            values = self._joined_values(self.curve, t, xp)
        return Affine(None, values) if self.absolute else base.scaled(values)

    def _numbers(self, xp: Arrays) -> Floats:
        """The values; torch warns of an array that it must not write to, so it gets one of its own."""
        return self.values.array if xp.concrete else self.values.array.copy()

    def _joined_values(self, curve: Curve, t: Array, xp: Arrays) -> Array:
        """Between two values the curve; at each value, and behind the last, exactly that."""
        table, whole = self._numbers(xp), self.every.count
        place, since = split_periods(t, self.every.number, xp, self._steps)
        place = xp.whole(place)
        here, there = xp.take(table, place), xp.take(table, place + 1)
        inside, done = (since > 0) & (since < whole), since >= whole
        # Masked before the curve as well as after it: sqrt at 0 has no derivative, and 0 * inf is NaN.
        u = xp.where(inside, xp.floating(since) / whole, 0.5)
        rest = xp.where(inside, xp.floating(whole - since) / whole, 0.5)
        between = here + (there - here) * curve._rise(u, rest, xp)
        if curve.monotone:  # rounding leads no farther than the two
            between = xp.larger(xp.smaller(between, xp.larger(here, there)), xp.smaller(here, there))
        return xp.where(inside, between, xp.where(done, there, here))

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        end = self._held_from()
        return (time for time in boundaries(self.every.number, until) if time <= end)

    def __str__(self) -> str:
        if self.file is None:
            return call_text(self)
        said = {name: getattr(self.file, name) for name in ("path", "column", "sha256")}
        own = {name: getattr(self, name) for name in ("every", "curve", "absolute")}
        return write_call("table_file", SHAPES["table_file"], said | own)


@shape
def table(values: TableLike, every: DurationLike = 1, curve: CurveLike | None = None, absolute: bool = False) -> Table:
    """Given values, one for each update or for each `every`: value(t) = values[floor(t / every)].

    It lasts len(values) * every, and holds its last value from there on. With a curve it goes from each value to the
    next, is at values[k] at k * every, and lasts (len(values) - 1) * every. For values at times of your own choice
    there is `piecewise`, for more than 10,000 values, and for those in a file, `table_file`.

    Args:
        values: multiples of base: a list, or a NumPy array of one dimension.
        every: for how long each of them is, any unit of time, at least one update.
        curve: the way from each value to the next, such as `curves.linear`; None holds it.
        absolute: whether the values are values as they stand.

    Raises:
        InvalidArgument: a value that is no finite number, none at all, or more than 10,000.

    Source: torch `LambdaLR` with a list, `LambdaLR(optimizer, values.__getitem__)`, which fails behind its end.

    >>> warm = table([0.1, 0.5, 1.0], every=2)
    >>> [warm(t) for t in (0, 1, 2, 4, 100)]
    [0.1, 0.1, 0.5, 1.0, 1.0]
    >>> table([1.0, 0.5], every=4, curve=curves.linear, absolute=True)(2, base=7.0)
    0.75
    """
    checked = table_values(Asked("table", "values"), values)
    if len(checked) > MOST_WRITTEN:
        raise InvalidArgument(
            Asked("table", "values"),
            f"{len(checked):,} values; in a plan's text stand {MOST_WRITTEN:,} at most",
            'Write numpy.save("lr.npy", values), and table_file("lr.npy")',
        )
    return Table(checked, Duration.of(every), None if curve is None else curve_argument("table", curve), absolute)
