"""Recurrence: rules that change the current value, one after another."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from math import ceil
from typing import Any, final

import numpy as np

from paramsched.core.curves.arrays import Array, Arrays, Floats, Integers
from paramsched.core.number_checks import checked, whole_number
from paramsched.core.schedules.affine import Affine
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.evaluation import quiet
from paramsched.core.schedules.lengths import Span, boundaries
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.rules.base import Coefficients, Rule
from paramsched.core.schedules.rules.scaling import ScheduleRule
from paramsched.core.schedules.writing import short_line
from paramsched.core.time import Duration
from paramsched.errors import InvalidArgument, Unresolved

BLOCK = 4096  # updates that are computed together; the values before each block of updates are kept
_TICKS = 65_536  # steps of a rule that are searched for breakpoints at once
_FEW = 8  # updates; so few are computed faster one by one
_MAX_UPDATES = 20_000_000  # computing so many updates block by block takes some seconds

_Point = tuple[float, ...]
"""The value A * base + C after an update as (A, C), then A and C before the first tick of each rule."""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Recurrence(Schedule):
    """Changes the value by one rule after another, v <- a(t) v + b(t) base + c(t); the value is A_t * base + C_t.

    At each update, the rules that act at every update run first, then the rules that act once per epoch or every n
    updates, in the order written. At update 0 all rules run in the order written. Values are computed in blocks of
    updates, up to the update after which every rule is inactive.

    Args:
        rules: the rules.
        until: the last update that is computed; its value is held. `resolve` sets it.
    """

    rules: tuple[Rule, ...]
    until: int | None = field(metadata=checked(whole_number, least=0))

    @cached_property
    def depth(self) -> int:
        """As for each schedule; one in a rule is in two brackets."""
        inner = [one.depth for rule in self.rules if isinstance(one := getattr(rule, "schedule", None), Schedule)]
        return 1 + max((2 + depth for depth in inner), default=0)

    def check_together(self) -> None:
        if not self.rules or not all(isinstance(rule, Rule) for rule in self.rules):
            raise InvalidArgument("recurrence(…)", "expected rules", example="recurrence(rules.linear(0.1, end=5))")

    def _start_of_block(self, block: int) -> _Point:
        """Return the state before a block of updates; cache it and the states before all earlier blocks.

        A state contains a factor and an offset for the value, and for the value at which each rule started.
        """
        points = self._block_starts
        if block not in points:
            if block * BLOCK > _MAX_UPDATES:
                found = f"update {block * BLOCK} is too late: at most {_MAX_UPDATES} updates are computed"
                raise InvalidArgument(short_line(self), found, "Give the rules an end: rules.step(30, end=90)")
            for known in range(len(points) - 1, block):
                self._columns_of_block(known)
        return points[block]

    @cached_property
    def _block_starts(self) -> dict[int, _Point]:
        """A dict from the index of each block computed so far to the state before it. No earlier block is missing."""
        return {0: (1.0, 0.0) * (1 + len(self.rules))}

    @cached_property
    def _inactive_from(self) -> int | None:
        """The update from which every rule is inactive; None if a rule has no end."""
        ends = [None if rule.end is None else rule.end * _period_of(rule) for rule in self.rules]
        return None if None in ends else max(end for end in ends if end is not None)

    def _held_from(self) -> int | None:
        return self.until

    @property
    def _last_update(self) -> int | None:
        ends = [end for end in (self.until, self._inactive_from) if end is not None]
        return min(ends, default=None)

    def _lengths_known(self, *, whole: bool) -> bool:
        inner = all(rule.schedule._lengths_known(whole=whole) for rule in self.rules if isinstance(rule, ScheduleRule))
        return inner and all(rule.by == "update" or isinstance(rule.by, int) for rule in self.rules)

    @property
    def has_absolute(self) -> bool:
        return any(rule.has_absolute for rule in self.rules)

    @property
    def serializable(self) -> bool:
        return all(rule.serializable for rule in self.rules)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Look up the values in the blocks that contain the times."""
        at = np.asarray(np.floor(t), dtype=np.int64)
        last = self._last_update
        if last is not None:
            at = np.minimum(at, last)
        factors, offsets = np.empty(at.shape), np.empty(at.shape)
        for block, mine in _by_block(at // BLOCK):
            a, c = self._columns_of_block(block)
            within = at[mine] - block * BLOCK
            factors[mine], offsets[mine] = a[within], c[within]
        value = base.scaled(factors)
        offsets[offsets == 0] = -0.0  # as in `choose_affine`, so that a value does not depend on other times
        return value + Affine(None, offsets) if offsets.any() else value

    @quiet
    def _columns_of_block(self, block: int) -> tuple[Floats, Floats]:
        """Return two arrays for the updates of a block: the factors A and the offsets C of the values A * base + C.

        An update at which a rule starts is computed alone, because the rule stores the value at that time. Between two
        such updates, the rules form one affine step per update, and `_scan_steps` computes the values.
        """
        begin = block * BLOCK
        end = begin + BLOCK
        if self._last_update is not None and any(isinstance(rule, ScheduleRule) for rule in self.rules):
            end = min(end, max(self._last_update, begin) + 1)  # a user's function may be undefined after the end
        factor, offset, *entries = self._start_of_block(block)
        active = self._active_coefficients(begin, end)
        factors, offsets = np.empty(end - begin), np.empty(end - begin)

        def walk(first: int, stop: int, found: tuple[float, float]) -> tuple[float, float]:
            for t in range(first, stop):
                found = self._after_update(t, begin, active, entries, found)
                factors[t - begin], offsets[t - begin] = found
            return found

        now = (factor, offset)
        at = begin
        begins = {rule.begin * _period_of(rule) for rule in self.rules} | {
            0
        }  # at update 0 rules run in the order written
        for alone in [*sorted(t for t in begins if begin <= t < end), end]:
            if alone - at > _FEW:
                piece = slice(at - begin, alone - begin)
                columns = _scanned_columns(active, entries, piece, now)
                if np.isnan(columns).any():  # from 0 * inf, which is 0 if updates are computed one by one
                    now = walk(at, alone, now)
                else:
                    factors[piece], offsets[piece] = columns
                    now = (float(columns[0][-1]), float(columns[1][-1]))
            else:
                now = walk(at, alone, now)
            if alone < end:
                now = walk(alone, alone + 1, now)
            at = alone + 1
        if end == begin + BLOCK:
            self._block_starts[block + 1] = (*now, *entries)
        return factors, offsets

    def _active_coefficients(self, begin: int, end: int) -> list[tuple[int, Coefficients]]:
        """Return a pair (index, coefficients) for each rule that acts in the updates from `begin` to `end` - 1.

        Rules that act at every update come first.
        """
        times = np.arange(begin, end)
        found: list[tuple[int, Coefficients]] = []
        for index, rule in enumerate(self.rules):
            if not isinstance(rule.by, int) and rule.by != "update":
                reason = "a rule counts epochs"
                raise Unresolved(str(self), reason, "For example: ps.resolve(…, ps.Calendar(steps_per_epoch=…))")
            period = _period_of(rule)
            if rule.begin * period >= end or (rule.end is not None and rule.end * period <= begin):
                continue
            local = times / period - rule.begin
            last = np.inf if rule.end is None else rule.end - rule.begin
            idle = ~((times % period == 0) & (local >= 0) & (local < last))
            if idle.all():
                continue
            columns = rule.step_columns(np.maximum(np.floor(local), 0.0))
            if idle.any():
                columns.a[idle] = 1.0
                for column in (columns.b, columns.c, columns.e):
                    column[idle] = 0.0
            found.append((index, columns))
        return sorted(found, key=lambda one: _period_of(self.rules[one[0]]) != 1)

    def _after_update(
        self,
        t: int,
        begin: int,
        active: list[tuple[int, Coefficients]],
        entries: list[float],
        now: tuple[float, float],
    ) -> tuple[float, float]:
        """Return A and C of the value after update `t`.

        For a rule that starts at `t`, A and C of the value before the rule acts are stored in `entries`.
        """
        factor, offset = now
        for index, columns in sorted(active) if t == 0 else active:
            a, b, c, e = (float(column[t - begin]) for column in (columns.a, columns.b, columns.c, columns.e))
            if t == self.rules[index].begin * _period_of(self.rules[index]):
                entries[2 * index : 2 * index + 2] = factor, offset
            factor, offset = _zero_safe_times(a, factor) + b, _zero_safe_times(a, offset) + c
            if e:
                factor, offset = (
                    factor + _zero_safe_times(e, entries[2 * index]),
                    offset + _zero_safe_times(e, entries[2 * index + 1]),
                )
        return factor, offset

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        for rule in self.rules:
            period = _period_of(rule)
            yield from (rule.begin * period, until if rule.end is None else rule.end * period)
            # Only the coefficients of a rule are known: each tick may be a breakpoint if the period is longer than 1.
            if period > 1:
                yield from boundaries(period, until, max(since, rule.begin * period))
        for rule in self.rules:  # ticks at which the rule changes the value differently than before
            period = _period_of(rule)
            first = max(since // period - rule.begin - 1, 0)
            last = min(max(until // period - rule.begin, first), first + _MAX_UPDATES)
            if rule.last is not None:
                last = min(last, rule.last)
            known = rule.breakpoints(first, last)
            if known is not None:
                yield from ((rule.begin + tick) * period for tick in known if tick <= last)
                continue
            for begin in range(first, last + 1, _TICKS):  # block by block, because all ticks would take gigabytes
                k = np.arange(max(begin - 1, 0), min(begin + _TICKS, last + 1) + 1, dtype=np.float64)
                found = rule.step_columns(k)
                moves = (found.a != 1) | (found.b != 0) | (found.c != 0) | (found.e != 0)
                before, after = np.append(k[:1] == 0, moves[:-1]), np.append(moves[1:], True)
                jumps = (found.e != 0) | (np.abs(np.diff(found.a, prepend=found.a[:1])) > 0.5 * np.abs(found.a))
                # The second tick is not compared with the first, which sets where a rule begins.
                special = moves & (~after | (jumps & (k != 1)))
                starts = k[moves & ~before & after] - 1  # a movement starts from the value of the tick before
                yield from ((rule.begin + int(tick)) * period for tick in (*k[special], *starts))

    def _resolve(self, span: Span) -> Schedule:
        """Convert the ticks of all rules to updates, and set `until` to the end of the span."""
        rules = []
        for rule in self.rules:
            if span.calendar.updates_vary and (isinstance(rule.by, int) or rule.by in ("update", "epoch")):
                found = "the rule counts updates, but the consumption of an update varies"
                raise InvalidArgument(str(rule), found, "Use the clock of updates for the field: clock={…}")
            tick = {"update": "1 step", "epoch": "1 epoch"}.get(str(rule.by), rule.by)
            by = ceil(span.period(Duration.of(tick)))  # on the clock of the span
            inner = {}
            if isinstance(rule, ScheduleRule) and not rule.schedule.is_resolved:
                if rule.by != "update" and by != 1:
                    found = "its schedule counts ticks (units of `by`), not time"
                    raise InvalidArgument(str(rule), found, "Give its lengths as numbers")
                end = span.end if rule.end is None else span.begin + rule.end
                inner = {"schedule": rule.schedule._resolve(span.part(span.begin + rule.begin, end))}
            rules.append(replace(rule, by="update" if by == 1 else by, **inner))  # type: ignore[type-var]  # a dataclass
        room = None if span.room is None else ceil(span.room)
        return Recurrence(tuple(rules), room if self.until is None else self.until)


def _period_of(rule: Rule) -> int:
    """Return the number of updates from one tick of a resolved rule to the next."""
    return rule.by if isinstance(rule.by, int) else 1


def _zero_safe_times(x: float, y: float) -> float:
    """Return x * y, with 0 * inf = 0."""
    return x * y if x and y else 0.0


def _by_block(blocks: Integers) -> Iterator[tuple[int, Any]]:
    """Yield a pair for each block: its number, and the slice or mask that selects its times."""
    found = np.unique(blocks)
    if blocks.ndim == 1 and bool((blocks[1:] >= blocks[:-1]).all()):
        edges = [*np.searchsorted(blocks, found).tolist(), blocks.size]
        yield from zip(found.tolist(), map(slice, edges, edges[1:]), strict=False)
        return
    for block in found.tolist():
        yield block, blocks == block


def _scanned_columns(
    active: list[tuple[int, Coefficients]], entries: list[float], piece: slice, now: tuple[float, float]
) -> Floats:
    """Return the factors A and offsets C of the values at the updates of `piece`, in which no rule starts."""
    size = piece.stop - piece.start
    scale, shift, fixed = np.ones(size), np.zeros(size), np.zeros(size)
    for index, columns in active:
        a, b, c, e = columns.a[piece], columns.b[piece], columns.c[piece], columns.e[piece]
        if e.any():
            b, c = b + e * entries[2 * index], c + e * entries[2 * index + 1]
        scale, shift, fixed = a * scale, a * shift + b, a * fixed + c
    moving = (scale != 1) | (shift != 0) | (fixed != 0)
    # Updates without a change hold the value, to the last bit.
    held = np.cumsum(moving)
    scale = scale[moving]
    return np.stack([_scan_steps(scale, shift[moving], now[0])[held], _scan_steps(scale, fixed[moving], now[1])[held]])


def _scan_steps(scale: Floats, shift: Floats, first: float) -> Floats:
    """Return `first` and the values after it, each of which is scale * v + shift for the previous value v."""
    if not shift.any():
        if first == 0:
            return np.zeros(scale.size + 1)
        return np.multiply.accumulate(np.concatenate([[first], scale]))
    if not scale.any():
        return np.concatenate([[first], shift])
    if np.abs(scale).max() > 1:  # growing steps amplify rounding errors, so the order of operations is kept
        pairs = zip(scale.tolist(), shift.tolist(), strict=True)
        return np.array(list(accumulate(pairs, lambda value, step: step[0] * value + step[1], initial=first)))
    # Each round doubles the number of steps that are composed into one. No division is needed.
    values, rest = np.concatenate([[first], shift]), np.concatenate([[0.0], scale])
    reach = 1
    while reach < values.size:
        values[reach:] += rest[reach:] * values[:-reach]
        rest[reach:] = rest[reach:] * rest[:-reach]
        reach *= 2
    return values


@shape
def recurrence(*rules: Rule, until: int | None = None) -> Recurrence:
    """Change the current value by rules, one after another: v <- a(t) v + b(t) base + c(t).

    value(t) = A_t * base + C_t, the result of all rules up to t

    Args:
        rules: one or more rules: `rules.linear(0.001, end=50)`, `rules.multistep([8, 11], by="epoch")`, … The
            argument `by` of a rule is the unit of its counts: updates or epochs.
        until: the last update that is computed; later the value is held. `resolve` sets it to the end of the run.

    Raises:
        InvalidArgument: there is no rule.

    Several rules may act at the same time; each then changes the value that the previous one left. While no rule acts,
    the value is held. This is the behavior of torch's and MMEngine's lists of schedulers.

    Source: MMEngine's parameter schedulers; torch `ChainedScheduler`.

    >>> both = recurrence(rules.linear(0.5, end=5), rules.cosine(0.5, over=5))
    >>> [round(both(t, base=0.1), 8) for t in range(5)]
    [0.05, 0.06130636, 0.0670537, 0.06490124, 0.05668121]
    """
    return Recurrence(rules, until)
