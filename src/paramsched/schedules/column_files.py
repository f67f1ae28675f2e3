"""Columns of numbers in files: CSV, and NumPy's own format."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from paramsched._printable import names_listed, printable
from paramsched.errors import UnreadableTable, nearest

MOST_BYTES = 512 * 2**20
"""Of a file: ten million numbers, and some."""

_INSTEAD = "Give a .csv file whose first line names the columns, or a .npy file of one dimension"


def read_column(file: Path, column: str | None) -> Any:
    """The numbers of a column, from first to last; nothing in the file can run code.

    Args:
        file: its suffix says what it is, `.csv` or `.npy`.
        column: its name in the first line; None where there is one column.

    Raises:
        UnreadableTable: no such file, no such column, or a cell that is no number.
    """
    shown = printable(str(file))
    suffix = file.suffix.lower()
    if suffix not in (".csv", ".npy"):
        raise UnreadableTable(shown, f"its suffix is {printable(repr(suffix))}", _INSTEAD)
    with _told_as(shown):
        if not file.is_file():
            raise UnreadableTable(shown, "there is no such file", "Put it there, or name another one")
        if file.stat().st_size > MOST_BYTES:
            raise UnreadableTable(shown, f"more than {MOST_BYTES:,} bytes", "Give every 10th value: every=10")
        return _column_of_csv(file, column, shown) if suffix == ".csv" else _array_of_npy(file, column, shown)


@contextmanager
def _told_as(shown: str) -> Iterator[None]:
    """Tell what the system or a parser says of a file in the words of this library."""
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
        array = np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UnreadableTable(shown, f"no array of numbers ({printable(str(error))[:80]})", _INSTEAD) from None
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        found = f"an array of {array.ndim} dimensions of {array.dtype}"
        raise UnreadableTable(shown, found, "Give one dimension of numbers")
    return array


def _column_of_csv(file: Path, column: str | None, shown: str) -> list[float]:
    """The cells of a column; empty lines are passed over."""
    import csv

    with file.open(encoding="utf-8-sig", newline="") as text:
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
