"""The values that a run used, as columns."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.core.base.diagnostic import printable
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.curves.arrays import ROUNDING, Floats, equal_up_to_rounding
from paramsched.core.time.calendar import CLOCK_SYNONYMS
from paramsched.errors import UnreadableLog
from paramsched.tools.records.columns import Unit, is_blank

Times: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

MOST_UPDATES = 2**40
"""The largest update number; times that are computed from this number still fit into 64 bits."""
MOST_GROUPS = 100_000
_MOST_NAMES = 200  # among which a near one is searched
ROWS_ARE_COUNTED = "no column counts the updates, so rows are counted from 0"


@final
@dataclass(frozen=True, slots=True, eq=False)
class LogColumn:
    """The values of one field of one group.

    Args:
        field: the name of the field.
        group: the index of the group.
        t: the updates, 0-based; shape (n,).
        values: the logged values; shape (n,).
        digits: the largest number of significant digits of a value; 17 for values that were not read from text.
        place: the last decimal place of the values, such as 1e-6 for six decimals; 0 if their digits determine it.
        base: the base of the field, if the log contains it.
        tolerance: the relative difference up to which a value counts as planned; 0 requires equal bits.
        name: the name of the column in a table; None for a log in which no column can be named.
    """

    field: str
    group: int
    t: Times
    values: Floats
    digits: int = 17
    base: float | None = None
    tolerance: float = ROUNDING
    place: float = 0.0
    name: str | None = None

    def equals(self, planned: Floats, rows: slice | Times = slice(None), *, are_singles: bool | None = None) -> Flags:
        """Return a flag for each row: True if its value is as planned, up to the log's precision or `tolerance`.

        Args:
            planned: the planned values.
            rows: the rows that are compared.
            are_singles: whether the values were rounded to float32; None to decide it from these rows.
        """
        equal = self.equals_as_written(planned, rows, are_singles=are_singles)
        if self.tolerance == 0 or equal.all():
            return equal
        if are_singles is None:
            are_singles = self.are_singles(rows)
        values = self.values[rows]
        tolerance = self.tolerance + (HALF_SINGLE if self.digits >= 15 and are_singles else 0.0)
        return equal | self._rounds_to(values, planned, tolerance) | equal_up_to_rounding(values, planned, tolerance)

    def equals_as_written(
        self, planned: Floats, rows: slice | Times = slice(None), *, are_singles: bool | None = None
    ) -> Flags:
        """Return a flag for each row: True if its value is as planned, up to the digits of the log or float32."""
        values = self.values[rows]
        equal: Flags = (values == planned) | (np.isnan(values) & np.isnan(planned))
        equal |= self._rounds_to(values, planned, _BINARY)
        if not equal.all() and (self.are_singles(rows) if are_singles is None else are_singles):
            single = planned.astype(np.float32).astype(np.float64)
            equal |= (values == single) | self._rounds_to(values, single, _BINARY)
        return equal

    def _rounds_to(self, values: Floats, planned: Floats, tolerance: float) -> Flags:
        """Return a flag for each row: True if a planned value, or one near it, rounds to the logged one.

        A number with fewer than 15 digits is a rounded float64, so it is at most half a unit of its last digit away.

        Args:
            values: the logged values.
            planned: the planned values.
            tolerance: the relative distance of such a value from the planned one.
        """
        if self.digits >= 15:
            return np.zeros(np.broadcast_shapes(values.shape, planned.shape), dtype=np.bool_)
        known = np.isfinite(values) & np.isfinite(planned)
        size = np.where(known & (planned != 0), np.abs(planned), 1e-300)
        flags: Flags = known & (np.abs(values - planned) <= self.half_unit(size) + tolerance * size)
        return flags

    def half_unit(self, size: Floats) -> Floats:
        """Return half a unit of the last digit of values of this size, as the log writes them."""
        return np.asarray(np.maximum(10.0 ** (np.floor(np.log10(size)) + 1 - self.digits), self.place) / 2)

    def are_singles(self, rows: slice | Times = slice(None)) -> bool:
        """Return whether all values of some rows were rounded to float32, and then perhaps to the log's digits."""
        values = self.values[rows]
        singles = values.astype(np.float32).astype(np.float64)
        if self.digits >= 15:
            return np.array_equal(values, singles)
        return self.digits >= _DIGITS_OF_SINGLE and bool(self._rounds_to(values, singles, _BINARY).all())


_BINARY = 2.0**-50
"""The relative rounding of a decimal number to float64 and back."""
_DIGITS_OF_SINGLE = 7
"""The fewest digits in which a value of float32 may differ from the value that was rounded to it."""
HALF_SINGLE = 2.0**-24
"""The largest relative error of rounding to float32."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class LoggedAmounts:
    """The amounts before the updates of a log.

    Args:
        t: the updates, 0-based; shape (n,).
        amounts: the amounts; shape (n,).
    """

    t: Times
    amounts: Floats


@final
@dataclass(frozen=True, slots=True)
class LoggedValues:
    """The values that a run used.

    Args:
        source: the path of the file, for messages.
        columns: the values of each field of each group.
        names: the names of the groups; None for a group without a name.
        notes: remarks about the log.
        amounts: the amounts, if the log contains them.
        of_state: whether the values are all entries of an optimizer's groups, scheduled or not.
        unit: what the times count.
        from_one: whether the log counts its first update as 1, so that a row may have the values of the next update.
        length: the planned length of the run in updates, if the log contains it.
        left_out: the number of rows that have the columns of values, but no value.
    """

    source: str
    columns: tuple[LogColumn, ...] = field(repr=False)
    names: tuple[str | None, ...]
    notes: tuple[str, ...] = ()
    amounts: LoggedAmounts | None = field(default=None, repr=False)
    of_state: bool = False
    unit: Unit = "updates"
    from_one: bool = False
    length: int | None = None
    left_out: int = 0


@final
@dataclass(frozen=True, slots=True)
class AmountColumn:
    """The column of a log that contains the amounts.

    Args:
        clock: the unit of the amounts; None if the plan counts updates.
        name: the name of the column; None to search for the name of the clock.
    """

    clock: str | None = None
    name: str | None = None

    def find(self, present: Collection[str], file: Path) -> str | None:
        """Return the name of the column among `present`; None if there is none.

        Without a specified name, a column with a name of the clock is searched; case is ignored.
        """
        if self.name is not None:
            require_columns([self.name], present, file, "Name an existing column: --amount NAME")
            return self.name
        if self.clock is None:
            return None
        units = [self.clock, *(unit for unit, clock in CLOCK_SYNONYMS.items() if clock == self.clock)]
        lower = {name.lower(): name for name in reversed(list(present))}
        return next((lower[name] for unit in units for name in (unit, f"consumed_{unit}") if name in lower), None)


def require_columns(
    names: Iterable[str], present: Collection[str], file: Path, instead: str = "Name an existing column"
) -> None:
    """Raise UnreadableLog for the first of `names` that is not a column of the file."""
    known = frozenset(present)
    for name in names:
        if name not in known:
            raise UnreadableLog(f"column {name!r} of {path_text(file)}", nearest_in_file(name, present), instead)


def logged_amounts(rows: list[tuple[int, Any]], file: Path) -> LoggedAmounts | None:
    """Return the amounts in `rows`, which are pairs (update, amount); None if no pair has an amount."""
    present = [(t, value) for t, value in rows if not is_blank(value)]
    if not present:
        return None
    amounts = np.array([_number_in_row(value, f"an amount in {path_text(file)}", "--amount") for _, value in present])
    if not np.all(np.isfinite(amounts) & (amounts >= 0)):
        raise UnreadableLog(
            path_text(file),
            "an amount must be finite and must not be negative",
            "Name the column: --amount NAME",
            option="--amount",
        )
    return LoggedAmounts(np.array([t for t, _ in present], dtype=np.int64), amounts)


def make_column(field: str, group: int, rows: list[tuple[int, Any]], file: Path, name: str | None = None) -> LogColumn:
    """Return a column from pairs (update, value), in which a value is a number or a string."""
    times = np.array([t for t, _ in rows], dtype=np.int64)
    where = f"{printable(field)} in {path_text(file)}"
    if times.size and times.min() < 0:
        found = f"the number of an update must not be negative, got {times.min()}"
        raise UnreadableLog(where, found, "Updates count from 0")
    option = "--column lr" if name is not None else None
    values = np.array([_number_in_row(value, where, option) for _, value in rows], dtype=np.float64)
    texts = [str(value).lower().partition("e") for value in {value for _, value in rows}]
    digits = max((len(one.replace(".", "").lstrip("+-0")) or 1 for one, _, _ in texts), default=17)
    decimals = max((len(one.partition(".")[2]) - int(power or 0) for one, _, power in texts), default=17)
    place = 10.0 ** min(-decimals, 308)  # a number that is too large for a float is infinite
    return LogColumn(field, group, times, values, digits, place=place, name=name)


def update_number(value: Any, file: Path) -> int:
    """Return a logged update number as an int; raise UnreadableLog if it is not an integer."""
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not isfinite(number) or number != int(number) or abs(number) > MOST_UPDATES:
        found = f"expected the number of an update, got {shortened(repr(value))}"
        raise UnreadableLog(
            path_text(file), found, "Name the column that counts the updates: --time NAME", option="--time"
        )
    return int(number)


def group_number(label: str, file: Path) -> int:
    """Return the index of a group from its label, such as "0"; raise UnreadableLog if the index is too large."""
    number = int(label) if len(label) < 10 else MOST_GROUPS
    if number >= MOST_GROUPS:
        raise UnreadableLog(
            path_text(file),
            f"expected the index of a group from 0 to {MOST_GROUPS - 1}, got {label[:20]}",
            "Name the column: --column lr@0=NAME",
        )
    return number


def is_group_index(label: str) -> bool:
    """Return whether the label of a group is its index."""
    return label.isascii() and label.isdigit()


def with_shared_digits(columns: Iterable[LogColumn]) -> tuple[LogColumn, ...]:
    """Set the precision of all columns to that of the most precise one, because 0.05 may be exact or rounded.

    If there are fewer than 8 different values, the precision is uncertain, and at least four digits are compared.
    """
    made = tuple(columns)
    digits = max((column.digits for column in made), default=17)
    few = sum(np.unique(column.values).size for column in made) < 8
    place = 0.0 if few or digits >= 15 else min(column.place for column in made)
    return tuple(replace(column, digits=max(digits, 4) if few else digits, place=place) for column in made)


def number_notes(columns: tuple[LogColumn, ...]) -> tuple[str, ...]:
    """Return remarks about the update numbers and the precision of a log."""
    notes = []
    if any(np.any(np.diff(column.t) < 0) for column in columns):
        notes.append("the update numbers decrease: a part of the run is logged twice, or another run follows")
    elif any(np.any(np.diff(column.t) == 0) for column in columns):
        notes.append("some rows have the same update number as the previous row; each row is compared with the plan")
    if columns and columns[0].digits < 15:
        notes.append(f"its numbers have {columns[0].digits} digits, and are compared with that precision")
    return tuple(notes)


def shortened(text: str, most: int = 80) -> str:
    """Return the first characters of a text from a file, for a message; control characters are escaped."""
    return printable(text)[:most]


def nearest_in_file(name: str, known: Iterable[str]) -> str:
    """Return the clause of `did_you_mean` for names from a file.

    The names are shortened and only some are compared, because a file may have many or long names.
    """
    return did_you_mean(shortened(name), list(map(shortened, list(known)[:_MOST_NAMES])))


def path_text(file: Path, line: int | None = None) -> str:
    """Return a path as text for a message, with an optional line number."""
    return printable(str(file)) + ("" if line is None else f", line {line}")


def _number_in_row(value: Any, where: str, option: str | None) -> float:
    """Return a logged value as a float; raise UnreadableLog if it is not a number.

    Args:
        value: the value.
        where: its name, for messages.
        option: the option that names another column; None if no column can be named.
    """
    shown = None
    try:
        if not isinstance(value, bool):
            return float(value)
    except OverflowError:
        shown = "an integer too large for a float"
    except (TypeError, ValueError):
        pass
    shown = shown or shortened(repr(value))
    found = f"expected a number, got {shown}"
    if option is None:
        raise UnreadableLog(where, found, 'For example: {"t": 0, "groups": [{"lr": 0.1}]}')
    name, _, field = option.partition(" ")
    instead = f"Name a column of numbers: {name} {f'{field}=' if field else ''}NAME"
    raise UnreadableLog(where, found, instead, option=name)
