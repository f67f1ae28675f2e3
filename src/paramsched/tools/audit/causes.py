"""What a log is beside its plan, if one number says it: a factor, another base, a shift or another speed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, final

import numpy as np

from paramsched.tools.audit.match import (
    GLANCE,
    SAMPLE,
    PlannedColumn,
    bases_if_explained,
    explained_first,
    factor_of_all,
    spread_rows,
    which_can_be_planned,
)
from paramsched.tools.records.log_values import Times

_MOST_SHIFTED = 2**15  # updates that a shift is tried for, in both directions
_MOST_TIMES = 256  # times per update that are tried
_MOST_CHECKED = 5_000_000  # values that are compared at once
_MOST_NAMED = 5


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


def causes_of(pairs: Sequence[PlannedColumn]) -> tuple[Cause, ...]:
    """Return the factor that explains every value; without one, the speed or the shifts that do."""
    return tuple(_factors(pairs)) or tuple(_speeds(pairs))[:1] or tuple(_shifts(pairs))[:_MOST_NAMED]


def _factors(pairs: Sequence[PlannedColumn]) -> Iterator[Cause]:
    """Yield the cause that values are multiples of the planned ones, or those of another base than the known one."""
    if max(pair.column.t.size for pair in pairs) == 1:  # any value is a multiple of another
        return
    bases, notes = list[float](), dict[str, str]()
    for pair in pairs:
        t, place = pair.column.t, place_of(pair.column.field, pair.group)
        if (found := bases_if_explained([pair])) is not None:
            bases += found
            continue
        if pair.base is not None and pair.depends_on_base():
            found = bases_if_explained([replace(pair, base=None)])
            if found is None:
                return
            (other,) = found
            bases.append(other)
            ratio = f"{other / pair.base:.6g}" if pair.base else "inf"
            notes.setdefault(ratio, f"the base of {place} is {other!r}, not {pair.base!r}")
            continue
        factor = None
        if pair.base is not None or not pair.depends_on_base():
            factor = factor_of_all(pair.column, pair.planned_at(t, 1.0 if pair.base is None else pair.base))
        if factor is None:
            return
        bases.append(1.0 if pair.base is None else pair.base)
        notes.setdefault(f"{factor:.6g}", f"the values of {place} are {factor:.6g} times the planned ones")
    is_base = all(text.startswith("the base") for text in notes.values())
    name = "another base" if is_base else "a factor of all values"
    yield Cause(name, f"{', '.join(notes.values())}; factor {', '.join(notes)}", tuple(bases))


_SPEEDS: Final[tuple[tuple[str, str, Callable[[Any, Any], Any]], ...]] = (
    ("{n} times per update", "the schedule moved {n} times per update", lambda t, n: t * n),
    (
        "{n} times per update",
        "the schedule moved {n} times per update, and each value is that after the last of them",
        lambda t, n: t * n + n - 1,
    ),
    ("once every {n} updates", "the schedule moved once every {n} updates", lambda t, n: t // n),
    (
        "once every {n} updates",
        "each value is the one planned for the first of {n} updates",
        lambda t, n: t // n * n,
    ),
)
"""The name and the text of each speed, and its function of an update and the number to the time of the schedule."""


def _speeds(pairs: Sequence[PlannedColumn]) -> Iterator[Cause]:
    """Yield the speeds of the schedule with which the values are the planned ones."""
    if (shown := _shown(pairs)) is None:
        return
    numbers = np.arange(2, max(min(int(shown.column.t.max()), _MOST_TIMES), 2) + 1)
    for name, text, clock in _SPEEDS:
        for n, bases in _explaining(pairs, shown, clock, numbers):
            yield Cause(name.format(n=f"{n:,}"), text.format(n=f"{n:,}"), bases)


def _shifts(pairs: Sequence[PlannedColumn]) -> Iterator[Cause]:
    """Yield the shifts with which the values, from the first or from the first difference on, are the planned ones."""
    if (shown := _shown(pairs)) is None:
        return
    most = min(int(shown.column.t.max()), _MOST_SHIFTED)
    numbers = np.append(np.arange(1, most + 1), np.arange(-1, -most - 1, -1))
    for begin in dict.fromkeys((0, _first_difference(pairs))):
        for n, bases in _explaining(pairs, shown, partial(_shifted, begin), numbers):
            direction = "later" if n > 0 else "earlier"
            count = f"{abs(n):,} update{'s' * (abs(n) != 1)}"
            each = "each value" if begin == 0 else f"from update {begin:,} on, each value"
            yield Cause("a shift", f"{each} is the one planned {count} {direction}", bases)
            return


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
        bases = bases_if_explained(pairs, partial(clock, n=n))
        if bases is not None:
            yield n, bases


def _first_difference(pairs: Sequence[PlannedColumn]) -> int:
    """Return the update of the first value that is not as planned with the base of those before."""
    rows = [(pair.column.t, explained_first(pair, pair.column.t)[0]) for pair in pairs]
    return min((int(t[count]) for t, count in rows if count < t.size), default=0)


def _possible(pair: PlannedColumn, clock: Callable[[Any, Any], Any], numbers: Times) -> Times:
    """Return the numbers of a clock that may explain the values of some rows."""
    for most in (GLANCE, SAMPLE):
        rows = spread_rows(pair.column.t.size, most)
        kept = [np.zeros(0, dtype=np.int64)]
        for part in np.array_split(numbers, max(numbers.size * rows.size // _MOST_CHECKED, 1)):
            times = clock(pair.column.t[rows], part[:, np.newaxis])
            kept.append(part[which_can_be_planned(pair, rows, times)])
        numbers = np.concatenate(kept)
    return numbers


def place_of(field: str, group: str | int | None) -> str:
    """Return the name of a field in a group, or of a target, for messages."""
    return field if group is None else f"{field} of group {group!r}"
