"""The values of a log: columns, units and rows."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from math import isfinite
from pathlib import Path
from typing import Any, Literal, TypeAlias, final

import numpy as np

from paramsched.base.words import did_you_mean, number_in, printable
from paramsched.core.curves import ROUNDING, ROUNDING_OF_LARGEST, Floats, equal_up_to_rounding
from paramsched.core.groups.fields import Field
from paramsched.core.time import CLOCK_SYNONYMS
from paramsched.errors import UnreadableLog

TIMES = (
    "t",
    "update",
    "step",
    "global_step",
    "trainer/global_step",
    "iteration",
    "iter",
    "current_steps",
    "num_updates",
    "steps",
    "iters",
    "iterations",
)
"""The default names of the column that counts the updates; case is ignored."""
_EPOCHS = ("epoch", "epochs")
_CALLS = "_step"  # of a run's history in wandb: the step that its `log` was called with, or the number of the call

Unit: TypeAlias = Literal["updates", "epochs", "rows"]


@final
@dataclass(frozen=True, slots=True)
class Program:
    """How a program numbers the rows of its log.

    Args:
        name: the name, for messages.
        first: the number in the row of the first update.
        is_after: whether a row has the value after the step of its update, which is that of the next update.
    """

    name: str
    first: int
    is_after: bool = False


TRAINER = (
    Program("the Trainer", 1),
    Program("the Trainer with DeepSpeed or of an older transformers", 1, is_after=True),
)
"""The Trainer logs the value that it took before the scheduler's step, or after it: its file does not show which."""
_MMENGINE = (Program("MMEngine", 1),)
_OTHER = (Program("", 0),)
_ROWS_OF_MMENGINE = frozenset({"data_time", "iter", "step"})  # columns of each training row of `scalars.json`


def programs_of(time: str | None, rows: Iterable[Mapping[str, Any]]) -> tuple[Program, ...]:
    """Return the programs that may have written a log, by the column that counts the updates and the first row."""
    first = next(iter(rows), {}).keys()
    if first >= _ROWS_OF_MMENGINE:
        return _MMENGINE
    if (time or "").lower() == "current_steps":  # of LLaMA-Factory, which writes what the Trainer logs
        return TRAINER
    return _OTHER


@final
@dataclass(frozen=True, slots=True)
class TimeColumn:
    """The column that counts the time of a log.

    Args:
        name: the column; None if rows are counted.
        unit: what one count is.
        first: the count of the first row of a run.
        programs: the programs that may have written the log.
    """

    name: str | None
    unit: Unit
    first: int = 0
    programs: tuple[Program, ...] = ()


def time_column(columns: Iterable[str], rows: Iterable[Mapping[str, Any]] = (), time: str | None = None) -> TimeColumn:
    """Return what counts the time of a log.

    Args:
        columns: the columns.
        rows: the rows, which show whether epochs are integers, and count from 0 or 1.
        time: the column that the user named.
    """
    # If names differ in case only, the first one is used.
    columns_by_lower_name = {name.lower(): name for name in reversed(list(columns))}
    name = time if time is not None else _column_of_updates(columns_by_lower_name)
    if name is not None and name.lower().rpartition("/")[2] not in _EPOCHS:
        programs = programs_of(name, rows) if time is None else _OTHER
        return TimeColumn(name, "updates", programs[0].first, programs)
    return _epochs_or_rows(columns_by_lower_name, rows, time)


def _column_of_updates(columns_by_lower_name: dict[str, str]) -> str | None:
    """Return the first column with a name of `TIMES`, else one with such a name after a slash; None without one.

    Args:
        columns_by_lower_name: a dict from the name of each column in lower case to the name.
    """
    last = {name.rpartition("/")[2]: column for name, column in reversed(columns_by_lower_name.items())}
    tried = ({**last, **columns_by_lower_name}.get(name) for name in TIMES)
    return next((column for column in tried if column is not None), None)


def _epochs_or_rows(
    columns_by_lower_name: Mapping[str, str], rows: Iterable[Mapping[str, Any]], time: str | None
) -> TimeColumn:
    """Return the column of epochs of a log without one of updates; rows if its epochs are fractions."""
    name = time or next((columns_by_lower_name[epoch] for epoch in _EPOCHS if epoch in columns_by_lower_name), None)
    counts = [] if name is None else _numbers_in(name, rows)
    are_parts = time is None and any(count != int(count) for count in counts if abs(count) < 1e15)
    if time is None and (name is None or are_parts) and _CALLS in columns_by_lower_name:
        return TimeColumn(columns_by_lower_name[_CALLS], "updates", _OTHER[0].first, _OTHER)
    if name is None or not counts or are_parts:
        return TimeColumn(name if time else None, "epochs" if time else "rows")
    return TimeColumn(name, "epochs", int(min(counts) == 1))


def _numbers_in(column: str, rows: Iterable[Mapping[str, Any]]) -> list[float]:
    """Return the numbers of a column; none if one of its cells has another value."""
    cells = [row[column] for row in rows if not is_blank(row.get(column))]
    try:
        return [float(cell) for cell in cells]
    except (TypeError, ValueError):
        return []


_TARGETS = "targets/"
_GROUP = re.compile(r"(?P<field>.+)\[(?P<group>[^\[\]]+)\]")
_RATE = re.compile(
    r"(?:.*/)?(?:(?:train|cur|current|opt|optimizer)[-_. ])?(?:lr|learning[-_ ]?rate)"
    r"(?:[-_/ ](?P<group>.+)|(?P<index>\d+))?",
    re.IGNORECASE,
)


def columns_of_fields(present: list[str], fields: tuple[str, ...], columns: Mapping[str, str]) -> dict[str, str]:
    """Return a dict from each field, or `field@group`, to its column: the specified ones, and those found by name."""
    named = {str(Field.of(place.partition("@")[0])) for place in columns}
    rest = tuple(name for name in fields if str(Field.of(name)) not in named)
    by_name = _columns_like_fields(present, rest)
    if "lr" in rest and not any(place.partition("@")[0] == "lr" for place in by_name):
        by_name = {**_columns_like_rates(present), **by_name}
    return {**columns, **by_name}


def _columns_like_fields(present: list[str], fields: tuple[str, ...]) -> dict[str, str]:
    """Return the columns that are named like fields.

    Such a column is `lr`, `lr[head]` as in the CSV of a trace, `lr/head` or `targets/clip` as in `Scheduler.scalars`.
    """
    # `Scheduler.scalars` logs a target with the name of another value under this name.
    targets = {name.removeprefix(_TARGETS): name for name in present if name.startswith(_TARGETS)}
    columns = {field: targets[field] for field in fields if field in targets}
    for name in present:
        place = _place_named(name, fields)
        if place is not None and name not in columns:
            columns[place] = name
    return columns


def _place_named(name: str, fields: tuple[str, ...]) -> str | None:
    """Return the field, or `field@group`, that a column is named like.

    >>> _place_named("betas_0/head", ("betas[0]",)), _place_named("loss", ("lr",))
    ('betas[0]@head', None)
    """
    if name in fields:
        return name
    match = _GROUP.fullmatch(name)
    if match and match["field"] in fields:
        return f"{match['field']}@{match['group']}"
    flat, slash, group = name.partition("/")
    by_flat_name = {Field.of(field).slot: field for field in fields}
    if flat not in by_flat_name or bool(group) != bool(slash):
        return None
    return f"{by_flat_name[flat]}@{group}" if group else by_flat_name[flat]


def _columns_like_rates(present: list[str]) -> dict[str, str]:
    """Return the columns that are named like a learning rate, in the ways of other libraries."""
    rates = [match for name in present if (match := _RATE.fullmatch(name))]
    if len(rates) == 1:
        return {"lr": rates[0][0]}
    labels = [match["group"] or match["index"] or "" for match in rates]
    unique = len(set(labels)) == len(labels) and all(labels)
    return {f"lr@{labels[index] if unique else index}": match[0] for index, match in enumerate(rates)}


def is_blank(value: Any) -> bool:
    """Return whether a cell has no value, because nothing was logged in its row. NaN is a value.

    >>> [is_blank(cell) for cell in (None, "", "''", "null", "nan", "0")]
    [True, True, True, True, False, False]
    """
    if isinstance(value, str):
        return not value[:1].isdigit() and value.strip("'\"").lower() in _BLANK  # most values are numbers
    return value is None


_BLANK = frozenset(("", "none", "null", "na", "n/a", "<na>", "-"))


Times: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

MOST_UPDATES = 2**40
"""The largest update number; times that are computed from this number still fit into 64 bits."""
_DIGITS_OF_MOST = 13
MOST_GROUPS = 100_000
_MOST_NAMES = 200  # among which a near one is searched
ROWS_ARE_COUNTED = "no column counts the updates, so rows are counted from 0"


ROUNDING_OF_CPUS = 4 * 2.0**-52
"""The relative difference of values that two kinds of CPU or versions of NumPy compute: 4 units in the last place."""
_HALF_SINGLE = 2.0**-24
"""The largest relative error of rounding to float32."""
_ALL_DIGITS = 15
"""A number with so many digits or more was not rounded."""
_DIGITS_OF_SINGLE = 7
"""The fewest digits in which a value of float32 may differ from the value that was rounded to it."""
_FEWEST_DIGITS = 2
_ROUNDING_OF_EXPONENTS = 1e-12
_GLANCE = 64  # values that are looked at first


@final
@dataclass(frozen=True, slots=True)
class Rounding:
    """How a program rounded the values of a column.

    Args:
        count: the number of digits.
        are_decimals: whether these are the digits after the decimal point, as of `.6f`, or all, as of `.6g` and `.5e`.
        of: "column", or "constant" for a column of one number, which is exact unless the plan moves in its rows. The
            "digit" of a constant such as 0.1 must also be one of the planned values, because 0.1 is not 0.104.
    """

    count: int
    are_decimals: bool = False
    of: Literal["column", "constant", "digit"] = "column"

    def __str__(self) -> str:
        return f"{self.count} {'decimals' if self.are_decimals else 'digits'}"

    def half_unit(self, sizes: Floats) -> Floats:
        """Return half a unit of the last digit of values of these sizes."""
        if self.are_decimals:
            return np.full_like(sizes, 10.0**-self.count / 2)
        exponents = np.floor(np.log10(np.maximum(sizes, 1e-300)) + _ROUNDING_OF_EXPONENTS)
        return np.asarray(np.where(sizes > 0, 10.0 ** (exponents + 1 - self.count) / 2, 0.0))


def readings_of(written: Collection[str]) -> tuple[Rounding, ...]:
    """Return the ways in which the numbers of a column may have been rounded; none if they are exact.

    Numbers of one digit are exact, because 0.1, 0.01, 0.001 are not steps of 0.12. A constant is exact where the plan
    is constant, because 0.0012 is not 0.00123. Zeros at the end show a format: no program writes an exact 0 as 0.000.

    >>> [str(reading) for reading in readings_of(["0.1", "0.05", "0.013"])]
    ['2 digits', '3 decimals']
    >>> [str(reading) for reading in readings_of(["0.05", "0.0167"])]
    ['3 digits', '4 decimals']
    >>> [str(reading) for reading in readings_of(["0.000"])]
    ['3 decimals']
    >>> readings_of(["0.1", "0.01", "0.001"])
    ()
    """
    # Most logs have all digits, which the longest texts show.
    if max((_digits_of(text.lower()) for text in nlargest(_LONGEST, written, key=len)), default=0) >= _ALL_DIGITS:
        return ()
    parts = [text.lower().partition("e") for text in written if "n" not in text.lower()]  # without nan and inf
    if not parts:
        return ()
    digits = max(_digits_of(plain) for plain, _, _ in parts)
    if len(parts) == 1 and not _has_zeros_at_end(parts[0][0]):
        if len(written) > 1:  # with NaN or an infinity
            return ()
        of: Literal["constant", "digit"] = "constant" if digits >= _FEWEST_DIGITS else "digit"
        return (Rounding(max(digits, _FEWEST_DIGITS), of=of),)
    counts = [len(plain.partition(".")[2]) - int(power or 0) for plain, _, power in parts]
    decimals = max(counts)
    roundings = [Rounding(digits)] if digits >= _FEWEST_DIGITS else []
    # Numbers of one digit were rounded if all have the same decimals: 0.05, 0.04, 0.00.
    if _FEWEST_DIGITS <= decimals < _MOST_DECIMALS and (roundings or min(counts) == decimals):
        roundings.append(Rounding(decimals, are_decimals=True))
    return tuple(roundings)


_MOST_DECIMALS = 300
_LONGEST = 64  # texts that are tried first


def _digits_of(text: str) -> int:
    shown = text.partition("e")[0].lstrip("+-0.")
    return len(shown) - ("." in shown)


def _has_zeros_at_end(plain: str) -> bool:
    """Return whether a number ends with more zeros than the one that Python and YAML write: 0.0, 1.0e-05."""
    decimals = plain.partition(".")[2]
    return decimals.endswith("0") and len(decimals) > 1


@final
@dataclass(frozen=True, slots=True, eq=False)
class LogColumn:
    """The values of one field of one group.

    Args:
        field: the name of the field.
        group: the index of the group.
        t: the updates, 0-based; shape (n,).
        values: the logged values; shape (n,).
        readings: the ways in which the values may have been rounded; none for values with all digits.
        base: the base of the field, if the log contains it.
        tolerance: the relative difference up to which a value counts as planned; 0 requires equal bits.
        name: the name of the column in a table; None for a log in which no column can be named.
        may_be_singles: whether each number may be the shortest text of a float32.
    """

    field: str
    group: int
    t: Times
    values: Floats
    readings: tuple[Rounding, ...] = ()
    base: float | None = None
    tolerance: float = ROUNDING
    name: str | None = None
    may_be_singles: bool = False

    def values_in(self, reading: Rounding | None) -> Floats:
        """Return the values in a reading. Without one, short texts of float32 are read as float32."""
        if reading is not None or not self.may_be_singles:
            return self.values
        with np.errstate(over="ignore"):
            return self.values.astype(np.float32).astype(np.float64)

    def equals(self, planned: Floats, rows: slice | Times = slice(None)) -> Flags:
        """Return a flag for each row: True if its value is as planned, in the reading with the most such values."""
        return max((self.equals_in(reading, planned, rows) for reading in (None, *self.readings)), key=np.count_nonzero)

    def reading_of(self, planned: Floats) -> Rounding | None:
        """Return the reading in which the most values are as planned; None for all digits."""
        return max((None, *self.readings), key=lambda reading: np.count_nonzero(self.equals_in(reading, planned)))

    def equals_in(self, reading: Rounding | None, planned: Floats, rows: slice | Times = slice(None)) -> Flags:
        """Return a flag for each row: True if its value is the planned one, or that rounded to float32 or as read."""
        values = self.values_in(reading)[rows]
        equal = equal_up_to_rounding(values, planned, self.tolerance)
        if equal.all():
            return equal
        with np.errstate(over="ignore", invalid="ignore"):
            equal |= values == planned.astype(np.float32)
            if self.tolerance and self._are_singles_in(reading):
                equal |= equal_up_to_rounding(values, planned, self.tolerance + _HALF_SINGLE)
            if reading is not None:
                # 0.099 is not 0.1 in two digits: below a power of ten the unit is that of the smaller number.
                sizes = np.minimum(np.abs(planned), np.abs(values))
                near = np.abs(values - planned) <= reading.half_unit(sizes) + self.slack(reading) * np.abs(planned)
                if reading.of != "column":
                    near &= planned.max(axis=-1, keepdims=True) != planned.min(axis=-1, keepdims=True)
                if reading.of == "digit":
                    near &= equal.any(axis=-1, keepdims=True)
                equal |= near & np.isfinite(values) & np.isfinite(planned)
        return equal

    def slack(self, reading: Rounding | None) -> float:
        """Return the relative difference from the planned value that a value may have before it is rounded."""
        few = reading is not None and not reading.are_decimals and reading.count < _DIGITS_OF_SINGLE
        return max(self.tolerance, ROUNDING_OF_CPUS) + (_HALF_SINGLE if few or self._are_singles_in(reading) else 0.0)

    def rounding(self) -> Floats:
        """Return how far each value may be from the planned one, in the reading with the largest distance."""
        sizes = np.abs(self.values)
        values = [
            self.slack(reading) * sizes + (0.0 if reading is None else reading.half_unit(sizes))
            for reading in (None, *self.readings)
        ]
        largest = sizes.max(initial=0.0, where=np.isfinite(sizes))
        return np.asarray(np.maximum.reduce(values) + ROUNDING_OF_LARGEST * largest)

    @property
    def rounded_zeros(self) -> Rounding | None:
        """The reading of a column in which each number is a rounded 0, such as 0.000; None for all others."""
        return next((reading for reading in self.readings if reading.are_decimals and not self.values.any()), None)

    @property
    def is_zero(self) -> bool:
        """True if each value is exactly 0."""
        return not self.values.any() and self.rounded_zeros is None

    def _are_singles_in(self, reading: Rounding | None) -> bool:
        return (self.may_be_singles and reading is None) or self.are_singles

    @property
    def are_singles(self) -> bool:
        """True if each value is the nearest one to a float32, in the digits of the log."""
        most = self.readings[0] if self.readings else None
        if most is not None and (most.are_decimals or most.count < _DIGITS_OF_SINGLE):
            return False
        with np.errstate(over="ignore", invalid="ignore"):
            for rows in (slice(_GLANCE), slice(None)):  # most columns are not, which a few values show
                values = self.values[rows]
                singles = values.astype(np.float32).astype(np.float64)
                half = 0.0 if most is None else most.half_unit(np.abs(values)) * (1 + 1e-6)
                same = (np.abs(values - singles) <= half) | (np.isnan(values) & (most is None))
                if not (same | (values == singles)).all():
                    return False
        return True


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
        unit: what the times count.
        programs: the programs that may have written the log; they differ in the update whose value a row has.
    """

    source: str
    columns: tuple[LogColumn, ...] = field(repr=False)
    names: tuple[str | None, ...]
    notes: tuple[str, ...] = ()
    amounts: LoggedAmounts | None = field(default=None, repr=False)
    unit: Unit = "updates"
    programs: tuple[Program, ...] = ()

    def name_of(self, group: int) -> str | None:
        """Return the name of a group; None if the log has none for it."""
        return self.names[group] if group < len(self.names) else None


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
    names: Iterable[str], columns: Collection[str], file: Path, instead: str = "Name an existing column"
) -> None:
    """Raise UnreadableLog for the first of `names` that is not a column of the file."""
    existing = frozenset(columns)
    for name in names:
        if name not in existing:
            raise UnreadableLog(f"column {name!r} of {path_text(file)}", nearest_in_file(name, columns), instead)


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
    """Return a column from pairs (update, value), in which a value is a number or a string.

    If the newest row comes first, the order is reversed.
    """
    times = np.array([t for t, _ in rows], dtype=np.int64)
    if times.size and times[0] > times[-1] and np.all(np.diff(times) <= 0):
        rows = rows[::-1]
        times = times[::-1]
    where = f"{printable(field)} in {path_text(file)}"
    if times.size and times.min() < 0:
        message = f"the number of an update must not be negative, got {times.min()}"
        raise UnreadableLog(where, message, "Updates count from 0")
    option = "--column lr" if name is not None else None
    try:
        if any(isinstance(value, bool) for _, value in rows):
            raise ValueError
        values = np.array([float(value) for _, value in rows], dtype=np.float64)
    except (TypeError, ValueError, OverflowError):  # find the one that is no number
        values = np.array([_number_in_row(value, where, option) for _, value in rows], dtype=np.float64)
    written = {str(value) for value in {value for _, value in rows}}
    readings = readings_of(written)
    may_be_singles = bool(readings) and _may_be_texts_of_singles(written, readings[0])
    return LogColumn(field, group, times, values, readings, name=name, may_be_singles=may_be_singles)


def _may_be_texts_of_singles(written: Collection[str], reading: Rounding) -> bool:
    """Return whether each number may be the shortest text of a float32, as pandas and JAX write one.

    Such a text has 7 to 9 digits or fewer. With at most 7 in all, the digits themselves are compared. Numbers that were
    rounded to 8 digits may look the same, so the readings of rounded numbers apply too.
    """
    if reading.are_decimals or reading.count <= _DIGITS_OF_SINGLE:
        return False
    with np.errstate(over="ignore"):
        return all(float(str(np.float32(text))) == float(text) for text in written if "n" not in text.lower())


def update_number(value: Any, file: Path) -> int:
    """Return a logged update number as an int; raise UnreadableLog if it is not an integer."""
    if isinstance(value, str) and value.isdecimal() and len(value) < _DIGITS_OF_MOST:  # most rows of most logs
        return int(value)
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not isfinite(number) or number != int(number) or abs(number) > MOST_UPDATES:
        message = f"expected the number of an update, got {shortened(repr(value))}"
        raise UnreadableLog(
            path_text(file), message, "Name the column that counts the updates: --time NAME", option="--time"
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


def number_notes(columns: tuple[LogColumn, ...]) -> tuple[str, ...]:
    """Return remarks about the update numbers of a log."""
    notes = []
    if any(np.any(np.diff(column.t) < 0) for column in columns):
        notes.append("the update numbers decrease: a part of the run is logged twice, or another run follows")
    elif any(np.any(np.diff(column.t) == 0) for column in columns):
        notes.append("some rows have the same update number as the previous row; each row is compared with the plan")
    return tuple(notes)


def shortened(text: str, most: int = 80) -> str:
    """Return the first characters of a text from a file, for a message; control characters are escaped."""
    return printable(text)[:most]


def nearest_in_file(name: str, names: Iterable[str]) -> str:
    """Return the clause of `did_you_mean` for names from a file.

    The names are shortened and only some are compared, because a file may have many or long names.
    """
    return did_you_mean(shortened(name), list(map(shortened, list(names)[:_MOST_NAMES])))


def path_text(file: Path, line: int | None = None) -> str:
    """Return a path as text for a message, with an optional line number."""
    return printable(str(file)) + ("" if line is None else f", line {line}")


DECIMAL_POINT = "expected numbers with a decimal point"
WRITE_POINTS = "Save the log with decimal points, such as 0.1"


def has_decimal_comma(value: object) -> bool:
    """Return whether a cell is a number with a decimal comma, as a spreadsheet writes it in some languages."""
    return isinstance(value, str) and "," in value and number_in(value) is not None


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
    message = f"expected a number, got {shown}"
    if option is None:
        raise UnreadableLog(where, message, 'For example: {"t": 0, "groups": [{"lr": 0.1}]}')
    if has_decimal_comma(value):
        raise UnreadableLog(where, f"{DECIMAL_POINT}, got {shown}", WRITE_POINTS)
    name, _, field = option.partition(" ")
    instead = f"Name a column of numbers: {name} {f'{field}=' if field else ''}NAME"
    raise UnreadableLog(where, message, instead, option=name)
