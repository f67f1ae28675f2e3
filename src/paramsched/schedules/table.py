"""Tables: given values, one after another, also of a file; a function of time written down as one."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import wraps
from io import TextIOWrapper
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.base.arrays import Array, Arrays, Floats
from paramsched.base.diagnostic import names_listed, printable
from paramsched.base.files import open_to_read
from paramsched.base.near_names import did_you_mean
from paramsched.base.number_checks import finite_number, keep_checked, whole_number
from paramsched.curves import Curve, CurveLike
from paramsched.errors import CallSite, InvalidArgument, UnreadableTable, site_with_value
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import curve_argument
from paramsched.schedules.lengths import (
    PERIOD,
    boundaries,
    complete_periods,
    length_of_cycles,
    positive_length,
    split_periods,
)
from paramsched.schedules.registry import SHAPES, shape
from paramsched.schedules.span import Span
from paramsched.schedules.text.writing import call_text, short_line, write_call
from paramsched.time import Duration, DurationLike

# The numbers of a table: kept as bytes, so that a million of them compare, hash and copy as one value.


TableLike: TypeAlias = Sequence[float] | Floats

MOST_WRITTEN = 10_000
"""Numbers that a plan holds itself: they stand in its text, and with that in each checkpoint."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class TableValues:
    """Finite float64 numbers, at least one; written as a list."""

    data: bytes

    @property
    def array(self) -> Floats:
        """The numbers, not to be written to."""
        return np.frombuffer(self.data, dtype="<f8")

    @property
    def sha256(self) -> str:
        """The checksum of the numbers, in hexadecimal digits."""
        import hashlib  # OpenSSL comes with it, which only a checksum needs

        return hashlib.sha256(self.data).hexdigest()

    def __len__(self) -> int:
        return len(self.data) // 8

    def __str__(self) -> str:
        return f"[{', '.join(map(repr, self.array.tolist()))}]"

    __repr__ = __str__


def table_values(site: CallSite, values: Any) -> TableValues:
    """The numbers of a table, checked."""
    if isinstance(values, TableValues):
        return values
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, os.PathLike, Mapping)):
        raise InvalidArgument(site_with_value(site, values), "no list of numbers", "Write [1.0, 0.5, 0.1]")
    try:
        array = np.asarray(list(values) if isinstance(values, Iterator) else values)
    except ValueError:  # lists of different lengths
        raise InvalidArgument(site, "lists in a list", "Write [1.0, 0.5, 0.1]") from None
    if array.ndim != 1 or array.size == 0:
        found = f"an array of {array.ndim} dimensions" if array.size else "no number"
        raise InvalidArgument(site, found, "Write [1.0, 0.5, 0.1]", sample=[1.0, 0.5, 0.1])
    if array.dtype.kind not in "fiu":
        for number in values if isinstance(values, (list, tuple)) else array.tolist():  # one of them may be no number
            finite_number(CallSite(site.call, site.argument, entry=True), number)
    floats = array.astype("<f8") + 0.0  # -0.0 would equal 0.0 and yet be written differently
    bad = np.flatnonzero(~np.isfinite(floats))
    if bad.size:
        found = f"number {bad[0]}, counted from 0, is {floats[bad[0]]}; it must be finite"
        raise InvalidArgument(site, found, "Write finite numbers")
    return TableValues(floats.tobytes())


@final
@dataclass(frozen=True, slots=True)
class TableFile:
    """Where the values of a table stand, if not in the plan itself.

    Args:
        path: as it was written, from the folder.
        column: its name in the first line of the file; None where the file has one column.
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
        file: where they come from; None where they stand in the plan.
    """

    values: TableValues
    every: Duration = field(metadata=PERIOD)
    curve: Curve | None
    absolute: bool
    file: TableFile | None = None

    def __post_init__(self) -> None:
        keep_checked(self, self._call, positive_length, "every")
        if not isinstance(self.absolute, bool):
            found = "neither True nor False"
            site = CallSite(self._call, "absolute", repr(self.absolute))
            raise InvalidArgument(site, found, "Write absolute=True", sample=True)
        if self.curve is not None and len(self.values) == 1:
            found = "there is one value, and a curve leads from one to the next"
            raise InvalidArgument(CallSite(self._call, "curve", str(self.curve)), found, "Leave the curve out")

    @property
    def _call(self) -> str:
        """The function that makes such a table, for messages and for text."""
        return "table" if self.file is None else "table_file"

    @property
    def _steps(self) -> int:
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

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        if self.curve is None:
            over = ops.at_most(complete_periods(t, self.every.number, ops), len(self.values) - 1)
            values = ops.take(self._numbers(ops), ops.whole(over))
        else:
            values = self._joined_values(self.curve, t, ops)
        return Affine(None, values) if self.absolute else base.scaled(values)

    def _numbers(self, ops: Arrays) -> Floats:
        """The values; torch warns of an array that it must not write to, so it gets one of its own."""
        return self.values.array if ops.concrete else self.values.array.copy()

    def _joined_values(self, curve: Curve, t: Array, ops: Arrays) -> Array:
        """Between two values the curve; at each value, and behind the last, exactly that."""
        table, whole = self._numbers(ops), self.every.count
        place, since = split_periods(t, self.every.number, ops, self._steps)
        place = ops.whole(place)
        here, there = ops.take(table, place), ops.take(table, place + 1)
        inside, done = (since > 0) & (since < whole), since >= whole
        # Masked before the curve as well as after it: sqrt at 0 has no derivative, and 0 * inf is NaN.
        u = ops.where(inside, ops.floating(since) / whole, 0.5)
        rest = ops.where(inside, ops.floating(whole - since) / whole, 0.5)
        between = here + (there - here) * curve._rise(u, rest, ops)
        if curve.monotone:  # rounding leads no farther than the two
            between = ops.larger(ops.smaller(between, ops.larger(here, there)), ops.smaller(here, there))
        return ops.where(inside, between, ops.where(done, there, here))

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        end = self._held_from()
        return (time for time in boundaries(self.every.number, min(until, ceil(end)), since) if time <= end)

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
    checked = table_values(CallSite("table", "values"), values)
    if len(checked) > MOST_WRITTEN:
        raise InvalidArgument(
            CallSite("table", "values"),
            f"{len(checked):,} values; in a plan's text stand {MOST_WRITTEN:,} at most",
            'Write numpy.save("lr.npy", values), and table_file("lr.npy")',
        )
    return Table(checked, Duration.of(every), None if curve is None else curve_argument("table", curve), absolute)


def tabulate(function: Callable[[Any], Any], updates: int, *, every: int = 1, curve: CurveLike | None = None) -> Table:
    """The table of a function of time: values[k] = function(k * every), up to so many updates.

    What it gives is a schedule like any other, whose text says every value: a function by itself cannot be saved, since
    nothing in a file runs code.

    Args:
        function: takes the number of completed updates and gives a multiple of base; a schedule does so too.
        updates: how many are written down; from the last one on its value is held.
        every: how many updates each value stands for.
        curve: the way from each value to the next; then the value at `updates` is one of them.

    Raises:
        InvalidArgument: no function, one that gives no finite number, more than 10,000 values, or a schedule whose
            values are no multiples of base.

    >>> print(tabulate(lambda t: 1 / (1 + t), 4))
    table([1.0, 0.5, 0.3333333333333333, 0.25])
    >>> print(tabulate(lambda t: t**2, 6, every=3, curve=curves.linear))
    table([0.0, 9.0, 36.0], 3, curves.linear)
    """
    if not callable(function):
        raise InvalidArgument(f"tabulate({function!r})", "not callable", "Write tabulate(lambda t: 0.9 ** t, 1000)")
    if isinstance(function, Schedule) and function.has_absolute:
        found = "it has values as they stand, and a table of multiples of base has none"
        raise InvalidArgument(f"tabulate({short_line(function)})", found, "Write ps.trace(plan, {'lr': 0.1})")
    total = whole_number(CallSite("tabulate", "updates"), updates)
    step = whole_number(CallSite("tabulate", "every"), every)
    times = range(0, total + (step if curve is not None else 0), step)
    return table([function(t) for t in times], step, curve)


@shape
def table_file(
    path: str,
    column: str | None = None,
    every: DurationLike = 1,
    curve: CurveLike | None = None,
    absolute: bool = False,
    sha256: str | None = None,
) -> Table:
    """A `table` of the values in a file: value(t) = values[floor(t / every)].

    The file is read once, when the schedule is made. The text of a plan has its name and a checksum of the values,
    `table_file("lr.csv", "lr", sha256="e3b0c44298fc1c14")`: when it is read back and the file says other values, that
    is an error.

    Args:
        path: a `.csv` file whose first line names the columns, or a `.npy` file of one dimension. In a plan's file it
            counts from the folder of that file, in code from where the process stands.
        column: which column of a CSV; None where there is one. Its rows are taken in order, one for each `every`.
        every, curve, absolute: as in `table`.
        sha256: the checksum of the values, as the text of a plan has it; None takes what is there.

    Raises:
        UnreadableTable: no such file or column, a cell that is no number, or values of another checksum.
        InvalidArgument: an argument out of its range.

    Source: `table`, with its numbers in a file.

    >>> import contextlib, os, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "lr.csv").write_text(f"update,lr{os.linesep}0,0.1{os.linesep}1,0.5")
    >>> with contextlib.chdir(folder): table_file("lr.csv", "lr")(1)
    0.5
    """
    return _table_in(Path.cwd(), path, column, every, curve, absolute, sha256)


def table_file_in(folder: Path) -> Callable[..., Table]:
    """The same function, for paths that count from a folder: that of the plan's file."""

    @wraps(table_file)
    def table_file_beside_plan(*given: Any, **named: Any) -> Table:
        return _table_in(folder, *given, **named)

    return table_file_beside_plan


def folder_of_tables(schedules: Iterable[Schedule]) -> Path | None:
    """The folder from which the files of tables in schedules count; None where there is no such file."""
    for schedule in schedules:
        if isinstance(schedule, Table) and schedule.file is not None:
            return Path(schedule.file.folder)
        if (folder := folder_of_tables(schedule.parts())) is not None:
            return folder
    return None


def _table_in(
    folder: Path,
    path: str,
    column: str | None = None,
    every: DurationLike = 1,
    curve: CurveLike | None = None,
    absolute: bool = False,
    sha256: str | None = None,
) -> Table:
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path) or "\0" in os.fspath(path):
        site = site_with_value(CallSite("table_file", "path"), path)
        raise InvalidArgument(site, "no path", 'Write "lr.csv"', sample="lr.csv")
    if column is not None and not isinstance(column, str):
        site = site_with_value(CallSite("table_file", "column"), column)
        raise InvalidArgument(site, "no name of a column", 'Write column="lr"', sample="lr")
    written = os.fspath(path)
    values = table_values(CallSite("table_file", "path", f'"{written}"'), read_column(folder / written, column))
    if sha256 is not None:
        _require_checksum(values.sha256, sha256, written)
    way = None if curve is None else curve_argument("table_file", curve)
    file = TableFile(written, column, values.sha256[:_DIGITS], str(folder))
    return Table(values, Duration.of(every), way, absolute, file)


_DIGITS = 16  # of the checksum in text: enough that no change by mistake keeps them
_FEWEST_DIGITS = 8


def _require_checksum(found: str, wanted: str, path: str) -> None:
    """Refuse values of another checksum."""
    if not isinstance(wanted, str) or len(wanted) < _FEWEST_DIGITS:
        site = site_with_value(CallSite("table_file", "sha256"), wanted)
        raise InvalidArgument(
            site,
            "no checksum of 8 digits or more",
            "Leave it out: the text of the plan then has it",
            sample=found[:_DIGITS],
        )
    if not found.startswith(wanted.lower()):
        raise UnreadableTable(
            f'table_file("{path}", sha256="{wanted[:64]}")',
            f"its values have another checksum, {found[:_DIGITS]}: they are not those that the plan was written with",
            "Bring the old file back, or leave sha256 out to take the new values",
        )


MOST_BYTES = 512 * 2**20
"""Of a file: ten million numbers, and some."""

_INSTEAD = "Give a .csv file whose first line names the columns, or a .npy file of one dimension"


def read_column(file: Path, column: str | None) -> Any:
    """The numbers of a column, from first to last; nothing in the file can run code."""
    shown = printable(str(file))
    suffix = file.suffix.lower()
    if suffix not in (".csv", ".npy"):
        raise UnreadableTable(shown, f"its suffix is {printable(repr(suffix))}", _INSTEAD)
    try:
        if not file.exists() or file.is_dir():
            raise UnreadableTable(shown, "there is no such file", "Put it there, or name another one")
        if file.stat().st_size > MOST_BYTES:
            raise UnreadableTable(shown, f"more than {MOST_BYTES:,} bytes", "Give every 10th value: every=10")
        return _column_of_csv(file, column, shown) if suffix == ".csv" else _array_of_npy(file, column, shown)
    except UnicodeDecodeError:
        raise UnreadableTable(shown, "not valid UTF-8", _INSTEAD) from None
    except OSError as error:
        raise UnreadableTable(shown, f"it cannot be read: {error.strerror or error}", _INSTEAD) from None


def _array_of_npy(file: Path, column: str | None, shown: str) -> Any:
    """The array of a file of NumPy's; objects, which could run code, are not read."""
    if column is not None:
        raise UnreadableTable(shown, f'a .npy file has no column "{printable(column)}"', "Leave column out")
    try:
        with open_to_read(file):  # refuses what is not a regular file
            # Mapped, because this compares the size in the header with that of the file before memory is taken.
            array = np.lib.format.open_memmap(file, mode="r")
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # NumPy raises whatever the header leads to, such as TokenError
        raise UnreadableTable(shown, f"no array of numbers ({printable(str(error))[:80]})", _INSTEAD) from None
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        found = f"an array of {array.ndim} dimensions of {array.dtype}"
        raise UnreadableTable(shown, found, "Give one dimension of numbers")
    return np.array(array)


def _column_of_csv(file: Path, column: str | None, shown: str) -> list[float]:
    """The cells of a column; empty lines are passed over."""
    import csv

    with open_to_read(file) as stream, TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        first = text.readline()
        text.seek(0)
        rows = csv.reader(text, delimiter=max(",;\t", key=first.count))  # the one that the first line has most of
        try:
            names = [name.strip() for name in next(rows, [])]
            place = _place_of_column(names, column, shown)
            numbers: list[float] = []
            for row in filter(None, rows):
                try:
                    numbers.append(float(row[place]))
                except (ValueError, IndexError):
                    said = printable(row[place])[:40] if place < len(row) else ""
                    found = f"expected a number, got {said}" if said else "the cell is empty"
                    where = f"{shown}, line {rows.line_num}"
                    raise UnreadableTable(where, found, "Give a number in each row") from None
            return numbers
        except csv.Error as error:
            raise UnreadableTable(f"{shown}, line {rows.line_num}", f"invalid CSV: {error}", _INSTEAD) from None


def _place_of_column(names: list[str], column: str | None, shown: str) -> int:
    """Where a column is in each row."""
    listed = names_listed(names[:20])
    if column is None:
        if len(names) != 1:
            instead = f'Write column="{printable(names[-1])[:80]}"' if names else _INSTEAD
            raise UnreadableTable(shown, f"it has the columns {listed}" if names else "it is empty", instead)
        return 0
    if column not in names:
        known = [printable(name)[:80] for name in names[:200]]
        found = f'unknown column "{printable(column)[:80]}"; {did_you_mean(column[:80], known)}'
        raise UnreadableTable(shown, found, "Name one that is there")
    return names.index(column)
