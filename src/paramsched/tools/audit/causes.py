"""What a log is beside its plan, if one number says it: a factor, another base, another speed or a shift."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, final

import numpy as np

from paramsched.core.plan import ResolvedPlan
from paramsched.tools.audit.match import (
    GLANCE,
    SAMPLE,
    PlannedColumn,
    bases_if_explained,
    columns_for_total,
    explained_first,
    factor_of_all,
    spread_rows,
    updates_planned,
    which_can_be_planned,
)
from paramsched.tools.records.log_values import Times

_MOST_SHIFTED = 2**15  # updates that a shift is tried for, in both directions
_MOST_TIMES = 256  # times per update that are tried
_MOST_CHECKED = 5_000_000  # values that are compared at once
_NEARBY = 4  # totals beside the nearest one that are compared
_MEASURED = 128  # rows by which totals are compared


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """A number that explains all compared values.

    Args:
        name: the name of the cause.
        text: what the values are.
        bases: the base of each column under the cause.
    """

    name: str
    text: str
    bases: tuple[float, ...]


def cause_of(pairs: Sequence[PlannedColumn], planned: ResolvedPlan) -> Cause | None:
    """Return the factor that explains every value; without one, the other speed or the shift that does.

    Args:
        pairs: the columns and their schedules.
        planned: the plan and the facts of the run.
    """
    return _factor(pairs) or _speed(pairs, planned) or _shift(pairs)


def _factor(pairs: Sequence[PlannedColumn]) -> Cause | None:
    """Return the cause that values are multiples of the planned ones, or those of another base than the known one."""
    if max(pair.column.t.size for pair in pairs) == 1:  # any value is a multiple of another
        return None
    bases = list[float]()
    notes = dict[str, str]()
    for pair in pairs:
        t = pair.column.t
        place = place_of(pair.column.field, pair.group)
        explained = bases_if_explained([pair])
        if explained is not None:
            bases += explained
            continue
        if pair.base is not None and pair.depends_on_base():
            fitted = bases_if_explained([replace(pair, base=None)])
            if fitted is None:
                return None
            (base,) = fitted
            bases.append(base)
            ratio = f"{base / pair.base:.6g}" if pair.base else "inf"
            notes.setdefault(ratio, f"the base of {place} is {base!r}, not {pair.base!r}")
            continue
        factor = None
        if pair.base is not None or not pair.depends_on_base():
            factor = factor_of_all(pair.column, pair.planned_at(t, 1.0 if pair.base is None else pair.base))
        if factor is None:
            return None
        bases.append(1.0 if pair.base is None else pair.base)
        notes.setdefault(f"{factor:.6g}", f"the values of {place} are {factor:.6g} times the planned ones")
    is_base = all(text.startswith("the base") for text in notes.values())
    name = "another base" if is_base else "a factor of all values"
    return Cause(name, f"{', '.join(notes.values())}; factor {', '.join(notes)}", tuple(bases))


_STEPS: Final[tuple[Callable[[Any, Any], Any], ...]] = (
    lambda t, n: t * n,
    lambda t, n: t * n + n - 1,  # the value after the last step of an update
)
"""The time of a schedule that is stepped n times per update."""


def _speed(pairs: Sequence[PlannedColumn], planned: ResolvedPlan) -> Cause | None:
    """Return the other speed of the schedule with which all values are the planned ones; None without one."""
    updates = updates_planned(planned)
    shown = _shown(pairs)
    if shown is None:
        return None
    numbers = np.arange(2, max(min(int(shown.column.t.max()), _MOST_TIMES), 2) + 1)
    for clock in _STEPS:
        for n, bases in _explaining(pairs, shown, clock, numbers):
            text = f"{n} times as fast: {n} scheduler steps per update"
            total = None if updates is None else -(-updates // n)
            return Cause("another speed", text + _or_total(total, pairs, planned), bases)
    for n, bases in _explaining(pairs, shown, lambda t, n: t // n, numbers):
        text = f"{1 / n:.6g} times as fast: one scheduler step in {n} updates"
        total = None if updates is None else updates * n
        return Cause("another speed", text + _or_total(total, pairs, planned), bases)
    return _other_total(pairs, shown, planned)


def _or_total(total: int | None, pairs: Sequence[PlannedColumn], planned: ResolvedPlan) -> str:
    """Return the words for a total that explains all values too; "" if it does not."""
    moved = None if total is None else columns_for_total(planned, total, pairs)
    if moved is None or bases_if_explained(moved) is None:
        return ""
    return f", or a total of {total:,}"


def _other_total(pairs: Sequence[PlannedColumn], shown: PlannedColumn, planned: ResolvedPlan) -> Cause | None:
    """Return the cause that the plan has another total, the one nearest to the values; None if none explains all."""
    updates = updates_planned(planned)
    if updates is None:
        return None
    index = next(number for number, pair in enumerate(pairs) if pair is shown)
    for total in _near_totals(pairs, index, planned, updates):
        moved = columns_for_total(planned, total, pairs)
        bases = None if moved is None else bases_if_explained(moved)
        if bases is not None:
            text = f"{updates / total:.6g} times as fast: a total of {total:,}"
            return Cause("another speed", text, bases)
    return None


def _near_totals(pairs: Sequence[PlannedColumn], index: int, planned: ResolvedPlan, updates: int) -> list[int]:
    """Return totals with which the values of one column may be as planned, those with the nearest values first."""
    distances: dict[int, float] = {}

    def distance(total: int) -> float:
        if total not in distances:
            moved = columns_for_total(planned, total, pairs) if total > 0 else None
            distances[total] = np.inf if moved is None else _distance(moved[index])
        return distances[total]

    whole = updates or 1
    tried = {round(whole * 2 ** (n / 8)) for n in range(-32, 33)} | {
        1 + max(int(pair.column.t.max()) for pair in pairs)
    }
    for begin in sorted(tried, key=distance)[:3]:
        nearest = begin
        step = max(begin // 16, 1)
        while step:
            total = min((nearest, nearest - step, nearest + step), key=distance)
            if total == nearest or abs(total - begin) > begin:
                step //= 2
            else:
                nearest = total
        for total in range(nearest - _NEARBY, nearest + _NEARBY + 1):
            distance(total)
    totals = [total for total, size in distances.items() if total != whole and np.isfinite(size)]
    return sorted(totals, key=lambda total: (distances[total], abs(total - whole)))[:_NEARBY]


def _distance(pair: PlannedColumn) -> float:
    """Return the mean distance of the logged values from the planned ones, with the best base if it is unknown."""
    rows = spread_rows(pair.column.t.size, _MEASURED)
    values = pair.column.values[rows]
    planned_by_base = pair.planned_by_base(pair.column.t[rows])
    if pair.base is not None:
        planned = planned_by_base(pair.base)
    else:
        offset = planned_by_base(0.0) if pair.schedule.affine else np.zeros(values.shape)
        factor = planned_by_base(1.0) - offset
        size = float(factor @ factor)
        planned = offset + factor * (float(factor @ (values - offset)) / size if size else 1.0)
    return float(np.nan_to_num(np.abs(values - planned), nan=np.inf).mean())


def _shift(pairs: Sequence[PlannedColumn]) -> Cause | None:
    """Return the shift with which the values, from the first or from the first difference on, are the planned ones."""
    shown = _shown(pairs)
    if shown is None:
        return None
    most = min(int(shown.column.t.max()), _MOST_SHIFTED)
    numbers = np.append(np.arange(1, most + 1), np.arange(-1, -most - 1, -1))
    for begin in dict.fromkeys((0, _first_update_unlike(pairs))):
        for n, bases in _explaining(pairs, shown, partial(_shifted, begin), numbers):
            direction = "later" if n > 0 else "earlier"
            count = f"{abs(n):,} update{'s' * (abs(n) != 1)}"
            each = "each value" if begin == 0 else f"from update {begin:,} on, each value"
            return Cause("a shift", f"{each} is the one planned {count} {direction}", bases)
    return None


def _shifted(begin: int, t: Any, n: Any) -> Any:
    return np.where(t < begin, t, np.maximum(t + n, 0))


def _shown(pairs: Sequence[PlannedColumn]) -> PlannedColumn | None:
    """Return the column whose values change most often; None if no value changes, because one value shows no time."""
    shown = max(pairs, key=lambda pair: np.count_nonzero(np.diff(pair.column.values)))
    return None if np.ptp(shown.column.values) == 0 else shown


def _explaining(
    pairs: Sequence[PlannedColumn], shown: PlannedColumn, clock: Callable[[Any, Any], Any], numbers: Times
) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Yield the numbers of a clock that explain all values, the smallest first, with the bases."""
    for n in sorted(_possible(shown, clock, numbers).tolist(), key=abs)[:GLANCE]:
        bases = bases_if_explained(pairs, partial(_times, clock, n))
        if bases is not None:
            yield n, bases


def _times(clock: Callable[[Any, Any], Any], n: int, t: Times) -> Any:
    return clock(t, n)


def _first_update_unlike(pairs: Sequence[PlannedColumn]) -> int:
    """Return the update of the first value that is not as planned with the base of those before."""
    rows = [(pair.column.t, explained_first(pair, pair.column.t)[0]) for pair in pairs]
    return min((int(t[count]) for t, count in rows if count < t.size), default=0)


def _possible(pair: PlannedColumn, clock: Callable[[Any, Any], Any], numbers: Times) -> Times:
    """Return the numbers of a clock that may explain the values of some rows."""
    for most in (GLANCE, SAMPLE):
        rows = spread_rows(pair.column.t.size, most)
        kept = [np.zeros(0, dtype=np.int64)]
        for chunk in np.array_split(numbers, max(numbers.size * rows.size // _MOST_CHECKED, 1)):
            times = clock(pair.column.t[rows], chunk[:, np.newaxis])
            kept.append(chunk[which_can_be_planned(pair, rows, times)])
        numbers = np.concatenate(kept)
    return numbers


def place_of(field: str, group: str | int | None) -> str:
    """Return the name of a field in a group, or of a target, for messages."""
    return field if group is None else f"{field} of group {group!r}"
