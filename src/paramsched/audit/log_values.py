"""The values that a run used, column by column, whatever file they were read from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np

from paramsched._arrays import Floats
from paramsched._printable import printable
from paramsched.errors import InvalidArgument, nearest

Times: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

MOST_UPDATES = 2**40
"""A larger number cannot be that of an update. The times that causes compute from it still fit into 64 bits."""
MOST_GROUPS = 100_000


@final
class UnreadableLog(InvalidArgument):
    """A log that cannot be read as asked."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class LogColumn:
    """One field of one group: the updates it was logged for, and its values.

    Args:
        field: as in the log.
        group: index of its group.
        t: the number of each row, as logged.
        values: the logged values.
        digits: the most significant digits any of them was written with; 17 for numbers that were never text.
        base: what schedules are multiples of, if the log says it.
    """

    field: str
    group: int
    t: Times
    values: Floats
    digits: int = 17
    base: float | None = None


@final
@dataclass(frozen=True, slots=True)
class LoggedValues:
    """What a run used. `names`: of its groups, None where one has none."""

    source: str
    columns: tuple[LogColumn, ...]
    names: tuple[str | None, ...]
    notes: tuple[str, ...] = ()


def make_column(field: str, group: int, rows: list[tuple[int, Any]], file: Path) -> LogColumn:
    """A column of numbers, or of text that says them.

    Raises:
        UnreadableLog: an update's number below 0, or a value that is no number.
    """
    times = np.array([t for t, _ in rows], dtype=np.int64)
    where = f"{printable(field)} in {path_text(file)}"
    if times.size and times.min() < 0:
        raise UnreadableLog(where, f"an update numbered {times.min()}", "Updates count from 0")
    values = np.array([_number_in_row(value, where) for _, value in rows], dtype=np.float64)
    digits = max((_significant_digits(value) for _, value in rows), default=17)
    return LogColumn(field, group, times, values, digits)


def update_number(value: Any, file: Path) -> int:
    """A whole number that counts updates.

    Raises:
        UnreadableLog: it is none, or far too large.
    """
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not isfinite(number) or number != int(number) or abs(number) > MOST_UPDATES:
        said = printable(repr(value))[:80]
        raise UnreadableLog(
            path_text(file), f"{said} is no number of an update", "Name the column that counts: --time NAME"
        )
    return int(number)


def group_number(label: str, file: Path) -> int:
    """The index of a group as it stands in a column's name."""
    number = int(label) if len(label) < 10 else MOST_GROUPS
    if number >= MOST_GROUPS:
        raise UnreadableLog(
            path_text(file), f"a group numbered {label[:20]}", f"Groups count from 0, up to {MOST_GROUPS - 1}"
        )
    return number


def is_group_index(label: str) -> bool:
    """Whether a group's label is its index."""
    return label.isascii() and label.isdigit()


def with_shared_digits(columns: Iterable[LogColumn]) -> tuple[LogColumn, ...]:
    """Give all columns the digits of the most exact one: a log is written in one way, and 0.05 may be short or rounded.

    Few different values do not show how they were written, so they are compared in four digits at least.
    """
    made = tuple(columns)
    digits = max((column.digits for column in made), default=17)
    few = sum(np.unique(column.values).size for column in made) < 8
    return tuple(replace(column, digits=max(digits, 4) if few else digits) for column in made)


def number_notes(columns: tuple[LogColumn, ...]) -> tuple[str, ...]:
    """What the reader should know of the numbers of a log."""
    said = []
    if any(np.any(np.diff(column.t) < 0) for column in columns):
        said.append("its numbers go back: a part of the run is logged twice, or another run follows")
    elif any(np.any(np.diff(column.t) == 0) for column in columns):
        said.append("some rows have the number of the row before: each of them is compared with that update")
    if columns and columns[0].digits < 15:
        said.append(f"its numbers are written with {columns[0].digits} digits, and compared so")
    return tuple(said)


def nearest_in_file(name: str, known: Iterable[str]) -> str:
    """As `nearest`, for names from a file: there may be many of them, long ones, and control characters in them."""
    return nearest(printable(name)[:80], [printable(one)[:80] for one in list(known)[:200]])


def path_text(file: Path) -> str:
    """A path in a message."""
    return printable(str(file))


def _number_in_row(value: Any, where: str) -> float:
    """A logged value as a float."""
    found = value
    if not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            found = "an integer beyond every float"
        except (TypeError, ValueError):
            pass
    said = found if isinstance(found, str) and found is not value else printable(repr(found))[:80]
    raise UnreadableLog(where, f"not a number: {said}", "Name a column of numbers: --column lr=NAME")


def _significant_digits(value: Any) -> int:
    """The significant digits a number is written with."""
    mantissa = re.split("[eE]", str(value), maxsplit=1)[0]
    return len(mantissa.replace(".", "").lstrip("+-0")) or 1
