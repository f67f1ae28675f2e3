"""Facts of a log without a plan: its values, and where they rise, fall, stay and jump."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, final

import numpy as np

from paramsched.core.base.printing import printable
from paramsched.core.curves.arrays import last_of_each
from paramsched.errors import UnreadableLog
from paramsched.show import Figure, curves_from_values, figure
from paramsched.tools.records.columns import Unit
from paramsched.tools.records.log_file import read_log
from paramsched.tools.records.log_values import LogColumn, LoggedValues, number_notes
from paramsched.tools.records.logged_metrics import FIELDS

Kind: TypeAlias = Literal["rises", "falls", "stays", "jumps"]

MOST_DRAWN = 12_500_000  # values in a picture; they take 100 MB
_MOST_LISTED = 12  # stretches of a column in the text
_LEAST_JUMP = 0.1  # a jump is at least this part of the range of the column, or of the larger of its two values
_TIMES_LARGER = 10  # and more than so many times as large as the changes beside it
_ROUNDINGS = 4  # a jump between small values is more than so many times as large as their rounding


@final
@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive rows over which the values rise, fall or stay; or a jump between two rows.

    A jump is a change by more than a tenth, of the range of all values or of the larger one of the two, that is more
    than ten times as large as the change before it and the change after it.

    Args:
        kind: the direction.
        begin: the update of the first row.
        end: the update of the last row.
        first: the value of the first row.
        last: the value of the last row.
    """

    kind: Kind
    begin: int
    end: int
    first: float
    last: float


@final
@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """The facts of one column.

    Args:
        name: the field, with its group if the log has several.
        rows: the number of rows with a value.
        begin: the update of the first row.
        end: the update of the last row.
        first: the value of the first row.
        last: the value of the last row.
        lowest: the lowest finite value; NaN without one.
        highest: the highest finite value; NaN without one.
        zeros: the number of values that are 0.
        below: the bound of the values if each one is a rounded 0 such as 0.000; else None.
        not_finite: the number of values that are infinite or NaN.
        repeated: the number of rows whose update occurred before.
        back: the number of rows whose update is lower than that of the row above.
        stretches: where the finite values rise, fall, stay and jump, in the order of the rows.
    """

    name: str
    rows: int
    begin: int
    end: int
    first: float
    last: float
    lowest: float
    highest: float
    zeros: int
    not_finite: int
    repeated: int
    back: int
    stretches: tuple[Stretch, ...]
    below: float | None = None

    @property
    def is_always_zero(self) -> bool:
        """True if each value is exactly 0."""
        return self.zeros == self.rows and self.below is None

    def lines(self, unit: Unit) -> list[str]:
        """Return the facts as lines of text."""
        found = [
            f"{self.name}: {self.rows:,} rows, {unit} {self.begin:,} to {self.end:,}",
            f"  first {self.first:.6g}, last {self.last:.6g}, lowest {self.lowest:.6g}, highest {self.highest:.6g}",
        ]
        listed = self.stretches[:_MOST_LISTED]
        found += [f"  {one.kind} {one.begin:,} to {one.end:,}: {one.first:.6g} → {one.last:.6g}" for one in listed]
        if more := len(self.stretches) - len(listed):
            found.append(f"  and {more:,} more; --json has all")
        for count, text in (
            (self.zeros, "values are 0"),
            (self.not_finite, "values are infinite or NaN"),
            (self.repeated, f"rows have {unit} that occurred before"),
            (self.back, f"rows go back to lower {unit}"),
        ):
            if count:
                found.append(f"  {count:,} of {self.rows:,} {text}")
        if self.is_always_zero:
            found.append("  each value is 0")
        if self.below is not None:
            found.append(f"  each value is rounded to 0, so it is below {self.below:.6g}")
        return found


@final
@dataclass(frozen=True, slots=True)
class LogFacts:
    """The facts of a log.

    Args:
        source: the path of the log.
        unit: what the times count.
        columns: the facts of each column of values.
        notes: remarks about the log.
    """

    source: str
    unit: Unit
    columns: tuple[ColumnFacts, ...]
    notes: tuple[str, ...]

    @property
    def has_rate_of_zero(self) -> bool:
        """True if a learning rate is 0 in each row."""
        return any(one.is_always_zero for one in self.columns if one.name.partition("@")[0] == "lr")

    def __str__(self) -> str:
        lines = [line for one in self.columns for line in one.lines(self.unit)]
        return "\n".join([*lines, *(f"note: {one}" for one in self.notes)])


def log_facts(logged: LoggedValues) -> LogFacts:
    """Return the facts of logged values.

    >>> values = np.array([0.0, 0.1, 0.2, 0.2, 0.15, 0.1])
    >>> column = LogColumn("lr", 0, np.arange(6), values)
    >>> print(log_facts(LoggedValues("log.csv", (column,), (None,))))
    lr: 6 rows, updates 0 to 5
      first 0, last 0.1, lowest 0, highest 0.2
      rises 0 to 2: 0 → 0.2
      stays 2 to 3: 0.2 → 0.2
      falls 3 to 5: 0.2 → 0.1
      1 of 6 values are 0
    """
    names = column_names(logged)
    columns = tuple(_facts_of(one, names[one.field, one.group]) for one in logged.columns if one.t.size)
    of_numbers = number_notes(logged.columns)  # about a comparison, or about updates that are counted here
    return LogFacts(logged.source, logged.unit, columns, tuple(one for one in logged.notes if one not in of_numbers))


def read_values(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    time: str | None = None,
    optimizer: str | None = None,
    at: int | None = None,
) -> LoggedValues:
    """Read the values of all known fields in a log; the arguments and errors are those of `read_log`."""
    return read_log(path, FIELDS, columns=columns, time=time, optimizer=optimizer, at=at)


def column_names(logged: LoggedValues) -> dict[tuple[str, int], str]:
    """Return the name of each column, `lr`, or `lr@head` if several groups have the field."""
    fields = [one.field for one in logged.columns]
    found = {}
    for one in logged.columns:
        own = logged.name_of(one.group)
        own = None if own is None else printable(own)
        alone = fields.count(one.field) == 1 and own is None
        found[one.field, one.group] = (
            printable(one.field) if alone else f"{printable(one.field)}@{one.group if own is None else own}"
        )
    return found


def picture_of_log(logged: LoggedValues, title: str) -> Figure:
    """Return the picture of logged values; between two rows it is a line.

    Raises:
        UnreadableLog: the log has no values, or its last update is too large for a picture.
    """
    drawn = {}
    present = [one for one in logged.columns if np.isfinite(one.values).any()]
    total = 1 + max((int(one.t.max()) for one in present), default=-1)
    if not 0 < total * len(present) <= MOST_DRAWN:
        found = f"{total * len(present):,} values are too many to draw" if present else "no value can be drawn"
        raise UnreadableLog(logged.source, found, "Leave --html out")
    for one in present:
        finite = np.isfinite(one.values)
        t, values = last_of_each(one.t[finite], one.values[finite])
        own = logged.name_of(one.group)
        drawn[one.field, one.group if own is None else own] = np.interp(np.arange(total), t, values, np.nan, np.nan)
    return figure(curves_from_values(drawn), title=title)


def _facts_of(column: LogColumn, name: str) -> ColumnFacts:
    t, values = column.t, column.values
    finite = values[np.isfinite(values)]
    return ColumnFacts(
        name,
        rows=int(t.size),
        begin=int(t[0]),
        end=int(t[-1]),
        first=float(values[0]),
        last=float(values[-1]),
        lowest=float(finite.min()) if finite.size else np.nan,
        highest=float(finite.max()) if finite.size else np.nan,
        zeros=int((values == 0).sum()),
        not_finite=int(values.size - finite.size),
        repeated=int(t.size - np.unique(t).size),
        back=int((np.diff(t) < 0).sum()),
        stretches=_stretches(column),
        below=None if (rounded := column.rounded_zeros) is None else 10.0**-rounded.count / 2,
    )


def _stretches(column: LogColumn) -> tuple[Stretch, ...]:
    finite = np.isfinite(column.values)
    t, values = column.t[finite], column.values[finite]
    if values.size < 2:
        return ()
    changes = np.diff(values)
    sizes = np.abs(changes)
    beside = np.maximum(np.append(0.0, sizes[:-1]), np.append(sizes[1:], 0.0))
    larger = np.maximum(np.abs(values[1:]), np.abs(values[:-1]))
    rounding = column.rounding()[finite]
    by_ratio = (sizes > _LEAST_JUMP * larger) & (sizes > _ROUNDINGS * np.maximum(rounding[1:], rounding[:-1]))
    jumps = ((sizes > _LEAST_JUMP * np.ptp(values)) | by_ratio) & (sizes > _TIMES_LARGER * beside) & (values.size > 2)
    kinds = np.where(jumps, 2, np.sign(changes)).astype(np.int64)
    starts = np.flatnonzero(np.append(True, (np.diff(kinds) != 0) | jumps[1:]))
    names: dict[int, Kind] = {-1: "falls", 0: "stays", 1: "rises", 2: "jumps"}
    return tuple(
        Stretch(names[int(kinds[begin])], int(t[begin]), int(t[end]), float(values[begin]), float(values[end]))
        for begin, end in zip(starts, [*starts[1:], values.size - 1], strict=True)
    )
