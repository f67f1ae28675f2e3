"""A table whose values stand in a file beside the plan."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np

from paramsched.base.diagnostic import names_listed, printable
from paramsched.base.files import open_to_read
from paramsched.curves import CurveLike
from paramsched.errors import Asked, InvalidArgument, UnreadableTable, asked_with_value, nearest
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import curve_argument
from paramsched.schedules.registry import shape
from paramsched.schedules.table import Table, TableFile, table_values
from paramsched.time import Duration, DurationLike


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
        asked = asked_with_value(Asked("table_file", "path"), path)
        raise InvalidArgument(asked, "no path", 'Write "lr.csv"').suggest("lr.csv")
    if column is not None and not isinstance(column, str):
        asked = asked_with_value(Asked("table_file", "column"), column)
        raise InvalidArgument(asked, "no name of a column", 'Write column="lr"').suggest("lr")
    written = os.fspath(path)
    values = table_values(Asked("table_file", "path", f'"{written}"'), read_column(folder / written, column))
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
        asked = asked_with_value(Asked("table_file", "sha256"), wanted)
        raise InvalidArgument(
            asked, "no checksum of 8 digits or more", "Leave it out: the text of the plan then has it"
        ).suggest(found[:_DIGITS])
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
    with _told_as(shown):
        if not file.exists() or file.is_dir():
            raise UnreadableTable(shown, "there is no such file", "Put it there, or name another one")
        if file.stat().st_size > MOST_BYTES:
            raise UnreadableTable(shown, f"more than {MOST_BYTES:,} bytes", "Give every 10th value: every=10")
        return _column_of_csv(file, column, shown) if suffix == ".csv" else _array_of_npy(file, column, shown)


@contextmanager
def _told_as(shown: str) -> Iterator[None]:
    """Tell in our words what the system says of a file."""
    try:
        yield
    except UnicodeDecodeError:
        raise UnreadableTable(shown, "no text in UTF-8", _INSTEAD) from None
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
            cells = ((rows.line_num, row) for row in rows if row)
            return [_number_of_cell(row, place, f"{shown}, line {line}") for line, row in cells]
        except csv.Error as error:
            raise UnreadableTable(f"{shown}, line {rows.line_num}", f"no CSV ({error})", _INSTEAD) from None


def _place_of_column(names: list[str], column: str | None, shown: str) -> int:
    """Where a column is in each row."""
    listed = names_listed(names[:20])
    if column is None:
        if len(names) != 1:
            instead = f'Write column="{printable(names[-1])[:80]}"' if names else _INSTEAD
            raise UnreadableTable(shown, f"it has the columns {listed}" if names else "it is empty", instead)
        return 0
    if column not in names:
        found = (
            f'no column "{printable(column)[:80]}"; {nearest(column[:80], [printable(n)[:80] for n in names[:200]])}'
        )
        raise UnreadableTable(shown, found, "Name one that is there")
    return names.index(column)


def _number_of_cell(row: list[str], place: int, where: str) -> float:
    """The number of a cell, as Python reads it."""
    try:
        return float(row[place])
    except (ValueError, IndexError):
        said = printable(row[place])[:40] if place < len(row) else ""
        found = f"{said} is no number" if said else "the cell is empty"
        raise UnreadableTable(where, found, "Give a number in each row") from None
