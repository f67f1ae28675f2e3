"""Tables: schedules made of a list of values, of the values in a file, or of the values of a function."""

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

from paramsched.core.base.diagnostic import names_listed, printable
from paramsched.core.base.files import open_to_read
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.curves import Curve, CurveLike
from paramsched.core.curves.arrays import Array, Arrays, Floats
from paramsched.core.number_checks import finite_number
from paramsched.core.schedules.affine import Absolute, Affine, Bounds
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.leaves import curve_argument
from paramsched.core.schedules.lengths import (
    POSITIVE_PERIOD,
    Span,
    boundaries,
    complete_periods,
    length_of_cycles,
    split_periods,
)
from paramsched.core.schedules.registry import SHAPES, shape
from paramsched.core.schedules.writing import call_text, write_call
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument, UnreadableTable, site_with_value

TableLike: TypeAlias = Sequence[float | Absolute] | Floats

MOST_WRITTEN = 30_000
"""The largest number of values of a `table`. They are written in the plan's text, of 1 MB, and in every checkpoint."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class TableValues:
    """The values of a table: one or more finite float64 numbers.

    They are stored as bytes, so that a million values can be compared, hashed and copied at once.
    """

    data: bytes

    @property
    def array(self) -> Floats:
        """The values as a read-only array of one dimension."""
        return np.frombuffer(self.data, dtype="<f8")

    @property
    def sha256(self) -> str:
        """The SHA-256 checksum of the values, in hexadecimal digits."""
        import hashlib  # imported here, because it loads OpenSSL

        return hashlib.sha256(self.data).hexdigest()

    def __len__(self) -> int:
        return len(self.data) // 8

    def __str__(self) -> str:
        return f"[{', '.join(map(repr, self.array.tolist()))}]"

    __repr__ = __str__


def table_values(site: CallSite, values: Any) -> TableValues:
    """Check the values of a table.

    Raises:
        InvalidArgument: `values` is not a list of finite numbers, or it is empty.
    """
    if isinstance(values, TableValues):
        return values
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, os.PathLike, Mapping)):
        found = f"expected a list of numbers, got {type(values).__name__}"
        raise InvalidArgument(site_with_value(site, values), found, example="[1.0, 0.5, 0.1]")
    try:
        array = np.asarray(list(values) if isinstance(values, Iterator) else values)
    except ValueError:  # lists of different lengths
        raise InvalidArgument(site, "expected a list of numbers, got nested lists", example="[1.0, 0.5, 0.1]") from None
    if array.ndim != 1 or array.size == 0:
        got = f"an array of {array.ndim} dimensions" if array.size else "an empty list"
        found = f"expected a list of numbers, got {got}"
        raise InvalidArgument(site, found, example="[1.0, 0.5, 0.1]")
    if array.dtype.kind not in "fiu":
        for number in values if isinstance(values, (list, tuple)) else array.tolist():
            finite_number(CallSite(site.call, site.argument, entry=True), number)  # raises for the invalid item
    floats = array.astype("<f8") + 0.0  # turns -0.0 into 0.0, because equal tables must have the same text
    bad = np.flatnonzero(~np.isfinite(floats))
    if bad.size:
        found = f"values[{bad[0]}] is {floats[bad[0]]}; it must be finite"
        raise InvalidArgument(site, found, "Write finite numbers")
    return TableValues(floats.tobytes())


@final
@dataclass(frozen=True, slots=True)
class TableFile:
    """The file that contains the values of a table.

    Args:
        path: the path as written, relative to `folder`.
        column: the name of the column, from the first line of the file; None if the file has one column.
        sha256: the checksum of the values.
        folder: the folder of the plan's file, or the working directory. It is not part of the plan.
    """

    path: str
    column: str | None
    sha256: str
    folder: str = field(compare=False)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Table(Schedule):
    """value(t) = values[floor(t / every)]; the last value is held. With a curve, values are interpolated.

    Args:
        values: the values.
        every: the time between two values.
        curve: the curve from each value to the next; None for steps.
        absolute: True if the values are absolute, False if they are multiples of base.
        file: the file that contains the values; None if the plan contains them.
    """

    values: TableValues
    every: Duration = field(metadata=POSITIVE_PERIOD)
    curve: Curve | None
    absolute: bool
    file: TableFile | None = None

    def check_together(self) -> None:
        if not isinstance(self.absolute, bool):
            site = CallSite(self._call, "absolute", repr(self.absolute))
            raise InvalidArgument(site, "expected True or False", example="absolute=True")
        if self.curve is not None and len(self.values) == 1:
            found = "a curve needs at least two values, got one"
            raise InvalidArgument(CallSite(self._call, "curve", str(self.curve)), found, "Leave curve out")

    @property
    def _call(self) -> str:
        """The name of the function that builds this table, for messages and text."""
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
            values = self.values.array[ops.whole(over)]
        else:
            values = self._joined_values(self.curve, t, ops)
        return Affine(None, values) if self.absolute else base.scaled(values)

    def bounds(self, bases: Bounds) -> Bounds | None:
        if self.curve is not None and not self.curve.monotone:
            return None
        levels = Bounds(float(self.values.array.min()), float(self.values.array.max()))
        return levels if self.absolute else levels.times(bases)

    def _joined_values(self, curve: Curve, t: Array, ops: Arrays) -> Array:
        """Interpolate between the values along the curve; exact at the time of each value, and from the last on."""
        table, period = self.values.array, self.every.count
        index, since = split_periods(t, self.every.number, ops, self._steps)
        index = ops.whole(index)
        value, following = table[index], table[index + 1]
        inside, done = (since > 0) & (since < period), since >= period
        u, rest = ops.floating(since) / period, ops.floating(period - since) / period
        between = value + (following - value) * curve._rise(u, rest, ops)
        if curve.monotone:  # clipped, because rounding can exceed the two values
            between = ops.larger(ops.smaller(between, ops.larger(value, following)), ops.smaller(value, following))
        return ops.where(inside, between, ops.where(done, following, value))

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        end = self._held_from()
        return (time for time in boundaries(self.every.number, min(until, ceil(end)), since) if time <= end)

    def __str__(self) -> str:
        if self.file is None:
            return call_text(self)
        of_file = {name: getattr(self.file, name) for name in ("path", "column", "sha256")}
        own = {name: getattr(self, name) for name in ("every", "curve", "absolute")}
        return write_call("table_file", SHAPES["table_file"], of_file | own)


@shape
def table(values: TableLike, every: DurationLike = 1, curve: CurveLike | None = None, absolute: bool = False) -> Table:
    """A schedule from a list of values: value(t) = values[floor(t / every)].

    Its length is len(values) * every, and it holds the last value from then on. With a curve it interpolates from each
    value to the next, has values[k] at time k * every, and its length is (len(values) - 1) * every. See `piecewise` for
    values at arbitrary times, and `table_file` for more than 30,000 values or values in a file.

    Args:
        values: 1 to 30,000 finite numbers, multiples of base: a list, or a NumPy array of one dimension. A list of
            `absolute(x)` only means `absolute=True`.
        every: how long each value lasts, in any unit of time. At least one update.
        curve: the curve from each value to the next, such as `curves.linear`. None keeps each value constant.
        absolute: if True, the values are absolute, not multiples of base.

    Raises:
        InvalidArgument: a value is not a finite number, or there are none or more than 30,000.

    Source: torch `LambdaLR` with a list, `LambdaLR(optimizer, values.__getitem__)`, which fails after the last value.

    >>> warm = table([0.1, 0.5, 1.0], every=2)
    >>> [warm(t) for t in (0, 1, 2, 4, 100)]
    [0.1, 0.1, 0.5, 1.0, 1.0]
    >>> table([1.0, 0.5], every=4, curve=curves.linear, absolute=True)(2, base=7.0)
    0.75
    >>> from paramsched import absolute
    >>> print(table([absolute(3e-4), absolute(1e-4)], every=30))
    table([0.0003, 0.0001], 30, absolute=True)
    """
    site = CallSite("table", "values")
    if isinstance(values, (list, tuple)) and any(isinstance(value, Absolute) for value in values):
        values, absolute = _values_of_levels(site, values), True
    checked = table_values(site, values)
    _require_short(site, len(checked), 'Save them by numpy.save("lr.npy", values), and use table_file("lr.npy")')
    return Table(checked, Duration.of(every), None if curve is None else curve_argument("table", curve), absolute)


def _values_of_levels(site: CallSite, levels: Sequence[Any]) -> list[float]:
    """Return the values of absolute levels.

    Raises:
        InvalidArgument: a level is not absolute.
    """
    values = [level.value for level in levels if isinstance(level, Absolute)]
    if len(values) < len(levels):
        found = "some values are absolute and some are multiples of base"
        instead = "Values of both kinds are levels of piecewise([(0, 1.0), (10, absolute(0.1))])"
        raise InvalidArgument(site, found, instead)
    return values


def _require_short(site: CallSite, count: int, instead: str) -> None:
    if count > MOST_WRITTEN:
        raise InvalidArgument(site, f"a table has at most {MOST_WRITTEN:,} values, got {count:,}", instead)


@shape
def table_file(
    path: str,
    column: str | None = None,
    every: DurationLike = 1,
    curve: CurveLike | None = None,
    absolute: bool = False,
    sha256: str | None = None,
) -> Table:
    """A `table` whose values are in a file: value(t) = values[floor(t / every)].

    The file is read once, when the schedule is created. The text of a plan contains the path and a checksum of the
    values, `table_file("lr.csv", "lr", sha256="e3b0c44298fc1c14")`. Reading that text raises an error if the values in
    the file have changed.

    Args:
        path: a `.csv` file whose first line names the columns, or a `.npy` file of one dimension. A relative path is
            relative to the plan's file, or in code to the working directory.
        column: the name of a CSV column; None if the file has one column. Its rows are used in order, one per `every`.
        every, curve, absolute: as in `table`.
        sha256: the expected checksum of the values, at least 8 hexadecimal digits; None accepts any values.

    Raises:
        UnreadableTable: the file or the column does not exist, a cell is not a number, or the values have another
            checksum.
        InvalidArgument: an argument is out of range.

    Source: `table`, with its values in a file.

    >>> import contextlib, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "lr.csv").write_text(chr(10).join(["update,lr", "0,0.1", "1,0.5"]))
    >>> with contextlib.chdir(folder): table_file("lr.csv", "lr")(1)
    0.5
    """
    return _table_in(Path.cwd(), path, column, every, curve, absolute, sha256)


def table_file_in(folder: Path) -> Callable[..., Table]:
    """Return `table_file` for paths relative to `folder`, the folder of the plan's file."""

    @wraps(table_file)
    def table_file_beside_plan(*positional: Any, **named: Any) -> Table:
        return _table_in(folder, *positional, **named)

    return table_file_beside_plan


def folder_of_tables(schedules: Iterable[Schedule]) -> Path | None:
    """Return the folder that the table files of `schedules` are relative to; None if they use no table file."""
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
        raise InvalidArgument(site, "expected the path of a file", example='"lr.csv"')
    if column is not None and not isinstance(column, str):
        site = site_with_value(CallSite("table_file", "column"), column)
        raise InvalidArgument(site, "expected the name of a column", example='column="lr"')
    written = os.fspath(path)
    values = table_values(CallSite("table_file", "path", f'"{written}"'), read_column(folder / written, column))
    if sha256 is not None:
        _require_checksum(values.sha256, sha256, written)
    between = None if curve is None else curve_argument("table_file", curve)
    file = TableFile(written, column, values.sha256[:_DIGITS], str(folder))
    return Table(values, Duration.of(every), between, absolute, file)


_DIGITS = 16  # digits of the checksum in text: enough to detect every accidental change
_FEWEST_DIGITS = 8


def _require_checksum(found: str, wanted: str, path: str) -> None:
    """Raise an error if the checksum of the values is not the wanted one."""
    if not isinstance(wanted, str) or len(wanted) < _FEWEST_DIGITS:
        site = site_with_value(CallSite("table_file", "sha256"), wanted)
        refused = f"expected a checksum of at least {_FEWEST_DIGITS} digits"
        instead = "Leave sha256 out: paramsched writes it into the text of the plan"
        raise InvalidArgument(site, refused, instead)
    if not found.startswith(wanted.lower()):
        raise UnreadableTable(
            f'table_file("{path}", sha256="{wanted[:64]}")',
            f"the values have changed since the plan was written; their checksum is {found[:_DIGITS]}",
            "Restore the old file, or leave sha256 out to use the new values",
        )


MOST_BYTES = 512 * 2**20
"""The largest size of a file, enough for ten million numbers."""

_INSTEAD = "Use a .csv file whose first line names the columns, or a .npy file of one dimension"


def read_column(file: Path, column: str | None) -> Any:
    """Read the numbers of a column, without running any code in the file.

    Raises:
        UnreadableTable: the file cannot be read, is too large, or has no such column of numbers.
    """
    shown = printable(str(file))
    suffix = file.suffix.lower()
    if suffix not in (".csv", ".npy"):
        raise UnreadableTable(shown, f"unknown suffix {printable(repr(suffix))}", _INSTEAD)
    try:
        if not file.exists() or file.is_dir():
            raise UnreadableTable(shown, "the file does not exist", "Create it, or correct the path")
        if file.stat().st_size > MOST_BYTES:
            found = f"the file has more than {MOST_BYTES:,} bytes"
            raise UnreadableTable(shown, found, "Save every 10th value to the file, and use every=10 in the plan")
        return _column_of_csv(file, column, shown) if suffix == ".csv" else _array_of_npy(file, column, shown)
    except UnicodeDecodeError:
        raise UnreadableTable(shown, "not valid UTF-8", _INSTEAD) from None
    except OSError as error:
        raise UnreadableTable(shown, f"the file cannot be read: {error.strerror or error}", _INSTEAD) from None


def _array_of_npy(file: Path, column: str | None, shown: str) -> Any:
    """Read a `.npy` file. Arrays of objects are rejected, because reading them could run code."""
    if column is not None:
        raise UnreadableTable(shown, f'a .npy file has no column "{printable(column)}"', "Leave column out")
    try:
        with open_to_read(file):  # raises an error unless it is a regular file
            # Memory-mapped, because that compares the size in the header with the file before it allocates memory.
            array = np.lib.format.open_memmap(file, mode="r")
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # an invalid header can raise any exception, such as TokenError
        found = f"not an array of numbers ({printable(str(error))[:80]})"
        raise UnreadableTable(shown, found, _INSTEAD) from None
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        found = f"expected one dimension of numbers, got {array.ndim} dimensions of {array.dtype}"
        raise UnreadableTable(shown, found, "Save one dimension of numbers")
    return np.array(array)


def _column_of_csv(file: Path, column: str | None, shown: str) -> list[float]:
    """Read a column of a CSV file. Empty lines are skipped."""
    import csv

    with open_to_read(file) as stream, TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        first = text.readline()
        text.seek(0)
        rows = csv.reader(text, delimiter=max(",;\t", key=first.count))  # the most frequent delimiter in the first line
        try:
            names = [name.strip() for name in next(rows, [])]
            index = _index_of_column(names, column, shown)
            numbers: list[float] = []
            for row in filter(None, rows):
                try:
                    numbers.append(float(row[index]))
                except (ValueError, IndexError):
                    cell = printable(row[index])[:40] if index < len(row) else ""
                    found = f"expected a number, got {cell}" if cell else "the cell is empty"
                    where = f"{shown}, line {rows.line_num}"
                    raise UnreadableTable(where, found, "Put a number in each row") from None
            return numbers
        except csv.Error as error:
            raise UnreadableTable(f"{shown}, line {rows.line_num}", f"invalid CSV: {error}", _INSTEAD) from None


def _index_of_column(names: list[str], column: str | None, shown: str) -> int:
    """Return the index of `column` in the names of a file; without `column`, the file must have exactly one column."""
    listed = names_listed(names[:20])
    if column is None:
        if len(names) != 1:
            instead = f'Write column="{printable(names[-1])[:80]}"' if names else _INSTEAD
            found = f"the file has the columns {listed}" if names else "the file is empty"
            raise UnreadableTable(shown, found, instead)
        return 0
    if column not in names:
        known = [printable(name)[:80] for name in names[:200]]
        found = f'unknown column "{printable(column)[:80]}"; {did_you_mean(column[:80], known)}'
        raise UnreadableTable(shown, found, "Use the name of an existing column")
    return names.index(column)
