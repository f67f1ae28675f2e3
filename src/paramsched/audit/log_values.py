"""The values that a run used, column by column."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.base.arrays import ROUNDING, Floats, equal_up_to_rounding
from paramsched.base.diagnostic import printable
from paramsched.base.near_names import did_you_mean
from paramsched.errors import CallSite, InvalidArgument
from paramsched.time.calendar import CLOCK_SYNONYMS

Times: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

MOST_UPDATES = 2**40
"""A larger number cannot be that of an update. The times that causes compute from it still fit into 64 bits."""
MOST_GROUPS = 100_000


@final
class UnreadableLog(InvalidArgument):
    """A log that cannot be read as asked.

    Args:
        asked, found, instead: as of every InvalidArgument.
        option: the option of `paramsched audit` that `instead` names, or None.
    """

    def __init__(
        self, site: str | CallSite, found: str = "", instead: str = "", *, option: str | None = None, **data: Any
    ) -> None:
        InvalidArgument.__init__(self, site, found, instead, **data)
        self.option = option


@final
@dataclass(frozen=True, slots=True, eq=False)
class LogColumn:
    """One field of one group: the updates it was logged for, and its values.

    Args:
        digits: the most significant digits any of them was written with; 17 for numbers that were never text.
        base: what schedules are multiples of, if the log says it.
        tolerance: by how much of the planned value a value may differ and count as planned; 0 compares bits.
    """

    field: str
    group: int
    t: Times
    values: Floats
    digits: int = 17
    base: float | None = None
    tolerance: float = ROUNDING

    def equals(self, planned: Floats, rows: slice | Times = slice(None)) -> Flags:
        """Compare rows with planned values, in the digits of the log, or up to rounding."""
        equal = self.equals_as_written(planned, rows)
        if self.tolerance == 0 or equal.all():
            return equal
        values = self.values[rows]
        tolerance = self.tolerance + (_HALF_SINGLE if self._is_single(values) else 0.0)
        return equal | equal_up_to_rounding(values, planned, tolerance)

    def equals_as_written(self, planned: Floats, rows: slice | Times = slice(None)) -> Flags:
        """Compare rows with planned values in the digits, or the float32, that the log was written in."""
        values = self.values[rows]
        equal: Flags = (values == planned) | (np.isnan(values) & np.isnan(planned))
        # Fewer than 15 digits are a rounded float64: equal is what rounds to the same digits.
        if self.digits < 15:
            known = np.isfinite(values) & np.isfinite(planned) & (planned != 0)
            last_place = 10.0 ** (np.floor(np.log10(np.where(known, np.abs(planned), 1.0))) + 1 - self.digits)
            equal |= known & (np.abs(values - planned) <= last_place)
        elif not equal.all() and self._is_single(values):
            equal |= values == planned.astype(np.float32)
        return equal

    def _is_single(self, values: Floats) -> bool:
        """Whether values went through float32."""
        return self.digits >= 15 and np.array_equal(values, values.astype(np.float32))


_HALF_SINGLE = 2.0**-24
"""By how much of a number rounding to float32 changes it at most."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class LoggedAmounts:
    """What a run had consumed before the updates of a log."""

    t: Times
    amounts: Floats


@final
@dataclass(frozen=True, slots=True)
class LoggedValues:
    """What a run used.

    Args:
        source: the file.
        columns: the values.
        names: of the groups, None where one has none.
        notes: what the reader should know.
        amounts: what was consumed, where the log says it.
    """

    source: str
    columns: tuple[LogColumn, ...]
    names: tuple[str | None, ...]
    notes: tuple[str, ...] = ()
    amounts: LoggedAmounts | None = None


@final
@dataclass(frozen=True, slots=True)
class AmountColumn:
    """Which column of a log has the amounts.

    Args:
        clock: what they count; None where the plan is by updates.
        name: as the user named the column; None where it is called like the clock.
    """

    clock: str | None = None
    name: str | None = None

    def find(self, there: Collection[str], file: Path) -> str | None:
        """Its name among those that are there, in capitals or not."""
        if self.name is not None:
            require_columns([self.name], there, file, "Name one that is there: --amount NAME")
            return self.name
        if self.clock is None:
            return None
        words = [self.clock, *(word for word, meant in CLOCK_SYNONYMS.items() if meant == self.clock)]
        lower = {name.lower(): name for name in reversed(list(there))}
        return next((lower[name] for word in words for name in (word, f"consumed_{word}") if name in lower), None)


def require_columns(
    names: Iterable[str], there: Collection[str], file: Path, instead: str = "Name one that is there"
) -> None:
    """Refuse names of columns that a file does not have."""
    known = frozenset(there)
    for name in names:
        if name not in known:
            raise UnreadableLog(f"column {name!r} of {path_text(file)}", nearest_in_file(name, there), instead)


def logged_amounts(rows: list[tuple[int, Any]], file: Path) -> LoggedAmounts | None:
    """The amounts that rows of a log have, each with the number of its update."""
    said = [(t, value) for t, value in rows if value not in (None, "")]
    if not said:
        return None
    amounts = np.array([_number_in_row(value, f"an amount in {path_text(file)}") for _, value in said])
    if not np.all(np.isfinite(amounts) & (amounts >= 0)):
        raise UnreadableLog(
            path_text(file),
            "an amount is not a number of at least 0",
            "Name the column: --amount NAME",
            option="--amount",
        )
    return LoggedAmounts(np.array([t for t, _ in said], dtype=np.int64), amounts)


def make_column(field: str, group: int, rows: list[tuple[int, Any]], file: Path) -> LogColumn:
    """A column of numbers, or of text that says them."""
    times = np.array([t for t, _ in rows], dtype=np.int64)
    where = f"{printable(field)} in {path_text(file)}"
    if times.size and times.min() < 0:
        raise UnreadableLog(where, f"an update numbered {times.min()}", "Updates count from 0")
    values = np.array([_number_in_row(value, where) for _, value in rows], dtype=np.float64)
    mantissas = {re.split("[eE]", str(value), maxsplit=1)[0] for value in {value for _, value in rows}}
    digits = max((len(one.replace(".", "").lstrip("+-0")) or 1 for one in mantissas), default=17)
    return LogColumn(field, group, times, values, digits)


def update_number(value: Any, file: Path) -> int:
    """A whole number that counts updates."""
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not isfinite(number) or number != int(number) or abs(number) > MOST_UPDATES:
        said = printable(repr(value))[:80]
        raise UnreadableLog(
            path_text(file),
            f"{said} is not the number of an update",
            "Name the column that counts: --time NAME",
            option="--time",
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
    """As `did_you_mean`, for names from a file: many, long, or with control characters."""
    return did_you_mean(printable(name)[:80], [printable(one)[:80] for one in list(known)[:200]])


def path_text(file: Path, line: int | None = None) -> str:
    """Return a path for a message, with the number of a line in the file."""
    return printable(str(file)) + ("" if line is None else f", line {line}")


def _number_in_row(value: Any, where: str) -> float:
    """A logged value as a float."""
    said = None
    try:
        if not isinstance(value, bool):
            return float(value)
    except OverflowError:
        said = "an integer beyond every float"
    except (TypeError, ValueError):
        pass
    said = said or printable(repr(value))[:80]
    raise UnreadableLog(where, f"not a number: {said}", "Name a column of numbers: --column lr=NAME", option="--column")
