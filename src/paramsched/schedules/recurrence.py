"""Recurrence: rules that act on the current value, one after another; MMEngine's and torch's lists are this."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np

from paramsched._arrays import Array, Arrays, Floats
from paramsched.errors import InvalidArgument, Unresolved
from paramsched.schedules import _text
from paramsched.schedules._level import count
from paramsched.schedules._span import Span
from paramsched.schedules._value import Value
from paramsched.schedules.base import Schedule
from paramsched.schedules.rules import Rule, ScheduleRule
from paramsched.time import Duration

BLOCK = 1024  # updates between two checkpoints
_MOST = 20_000_000  # updates that are computed one after another; some 40 seconds

_Point = tuple[float, ...]
"""The columns A and C after an update, then those each rule found at its first tick."""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Recurrence(Schedule):
    """v <- a(t) v + b(t) base + c(t), rule after rule: the value is A_t * base + C_t.

    At a common tick the rules by update come first, then those by epoch, each in the order written; at the very first
    tick the order written holds for all. It keeps the columns at every 1024th update
    it was asked for, computes between, and stops where no rule does anything any more.

    Args:
        rules: at least one.
        until: updates up to which it runs; later the value is held. Set by `resolve`.
    """

    rules: tuple[Rule, ...]
    until: int | None

    def __post_init__(self) -> None:
        if not self.rules or not all(isinstance(rule, Rule) for rule in self.rules):
            raise InvalidArgument("recurrence(…)", "not a list of rules", "Write recurrence(rules.linear(0.1, end=5))")
        if self.until is not None:
            object.__setattr__(self, "until", count("recurrence(until=…)", self.until, least=0))

    def _checkpoint(self, block: int) -> _Point:
        """The columns before a block; those of the blocks before it are kept, so that each is computed once."""
        points: tuple[_Point, ...] = self.__dict__.get("_points") or (_start(len(self.rules)),)
        if block >= len(points):
            if block * BLOCK > _MOST:
                found = f"update {block * BLOCK} is reached update by update, and {_MOST} are the most"
                raise InvalidArgument(_text.short_line(self), found, "Give the rules an end: rules.step(30, end=90)")
            more = list(points)
            while block >= len(more):
                begin = (len(more) - 1) * BLOCK
                more.append(self._scan(begin, begin + BLOCK, more[-1])[2])
            points = self.__dict__["_points"] = tuple(more)  # at once, whoever else computes them
        return points[block]

    @cached_property
    def _quiet_from(self) -> int | None:
        """The update from which on no rule does anything; None where one goes on."""
        ends = [
            None if rule.end is None else rule.end * (rule.by if isinstance(rule.by, int) else 1) for rule in self.rules
        ]
        return None if None in ends else max(end for end in ends if end is not None)

    @property
    def length(self) -> None:
        return None

    def _held_from(self) -> int | None:
        return self.until

    @property
    def _last(self) -> int | None:
        """The update whose value is held from then on."""
        ends = [end for end in (self.until, self._quiet_from) if end is not None]
        return min(ends, default=None)

    @property
    def is_resolved(self) -> bool:
        inner = all(rule.schedule.is_resolved for rule in self.rules if isinstance(rule, ScheduleRule))
        return inner and all(rule.by != "epoch" for rule in self.rules)

    @property
    def has_absolute(self) -> bool:
        return any(rule.has_absolute for rule in self.rules)

    @property
    def serialisable(self) -> bool:
        return all(rule.serialisable for rule in self.rules)

    def _at(self, t: Array, base: Value, xp: Arrays) -> Value:
        if not xp.concrete:
            if self.until is None:
                raise Unresolved(
                    str(self), "a tensor's time needs the whole table", "Write ps.resolve(…, Calendar(total=…))"
                )
            end = min(self.until, self.until if self._last is None else self._last)
            self._checkpoint(end // BLOCK)  # which refuses what is too far
            factors, offsets, _ = self._scan(0, end + 1, _start(len(self.rules)))
            index = xp.at_most(xp.whole(t), end)
            return base.scaled(xp.take(factors, index)) + Value(None, xp.take(offsets, index))
        at = np.asarray(np.floor(t), dtype=np.int64)
        last = self._last
        if last is not None:
            at = np.minimum(at, last)
        factors, offsets = np.empty(at.shape), np.empty(at.shape)
        blocks = at // BLOCK
        for block in np.unique(blocks).tolist():
            begin = block * BLOCK
            mine = blocks == block
            a, c, _ = self._scan(begin, int(at[mine].max()) + 1, self._checkpoint(block))
            factors[mine], offsets[mine] = a[at[mine] - begin], c[at[mine] - begin]
        value = base.scaled(factors)
        offsets[offsets == 0] = -0.0  # as `_value.where` has it: none of them may depend on the others
        return value + Value(None, offsets) if offsets.any() else value

    def _scan(self, begin: int, end: int, point: _Point) -> tuple[Floats, Floats, _Point]:
        """The columns of updates `[begin, end)`, from those after update `begin - 1`."""
        ticks: list[list[tuple[float, float, float, float, bool]] | None] = []
        periods = [1 if rule.by == "update" else rule.by for rule in self.rules]
        times = np.arange(begin, end)
        for rule, period in zip(self.rules, periods, strict=True):
            if not isinstance(period, int):
                raise Unresolved(str(self), "a rule by epochs", "Write ps.resolve(…, Calendar(steps_per_epoch=…))")
            local = times / period - rule.begin
            last = np.inf if rule.end is None else rule.end - rule.begin
            active = (times % period == 0) & (local >= 0) & (local < last)
            if not active.any():
                ticks.append(None)
                continue
            found = rule._coefficients(np.maximum(np.floor(local), 0.0))
            rows = zip(
                found.a.tolist(), found.b.tolist(), found.c.tolist(), found.e.tolist(), active.tolist(), strict=True
            )
            ticks.append(list(rows))
        order = [i for i in range(len(periods)) if periods[i] == 1] + [
            i for i in range(len(periods)) if periods[i] != 1
        ]
        factor, offset, *entries = point
        factors, offsets = np.empty(end - begin), np.empty(end - begin)
        for t in range(begin, end):
            for i in range(len(periods)) if t == 0 else order:
                rows_of = ticks[i]
                if rows_of is None:
                    continue
                a, b, c, e, active_now = rows_of[t - begin]
                if not active_now:
                    continue
                if t == self.rules[i].begin * int(periods[i]):
                    entries[2 * i : 2 * i + 2] = factor, offset
                factor, offset = a * factor + b, a * offset + c
                if e:
                    factor, offset = factor + e * entries[2 * i], offset + e * entries[2 * i + 1]
            factors[t - begin], offsets[t - begin] = factor, offset
        return factors, offsets, (factor, offset, *entries)

    def _bends(self, until: int) -> Iterable[int]:
        for rule in self.rules:
            period = rule.by if isinstance(rule.by, int) else 1
            yield from (rule.begin * period, until if rule.end is None else rule.end * period)
            # A rule says nothing of its shape but its columns: each tick of a stepwise one may bend.
            if period > 1:
                yield from range(rule.begin * period, until + 1, period)
        yield from self._kinks(until)

    def _kinks(self, until: int) -> Iterable[int]:
        """Ticks at which a rule does something else than at the one before."""
        for rule in self.rules:
            period = rule.by if isinstance(rule.by, int) else 1
            k = np.arange(0, min(max(until // period - rule.begin, 0), _MOST) + 1, dtype=np.float64)
            found = rule._coefficients(k)
            special = (found.e != 0) | (np.abs(np.diff(found.a, prepend=found.a[:1])) > 0.5 * np.abs(found.a))
            yield from ((rule.begin + int(tick)) * period for tick in k[special])

    def _resolve(self, span: Span) -> Schedule:
        rules = []
        for rule in self.rules:
            by = span.period(Duration.of("1 epoch")) if rule.by == "epoch" else rule.by
            inner = {}
            if isinstance(rule, ScheduleRule) and not rule.schedule.is_resolved:
                if by not in (1, "update"):
                    raise InvalidArgument(
                        str(rule), "its schedule counts ticks, not time", "Give its lengths as numbers"
                    )
                inner = {"schedule": rule.schedule._resolve(_window(rule, span))}
            rules.append(replace(rule, by="update" if by == 1 else by, **inner))  # type: ignore[type-var]  # a dataclass
        return Recurrence(tuple(rules), span.room if self.until is None else self.until)


def _window(rule: Rule, span: Span) -> Span:
    """The piece of a span in which a rule by updates acts."""
    end = span.end if rule.end is None else span.begin + rule.end
    return span.part(span.begin + rule.begin, end)


def _start(rules: int) -> _Point:
    return (1.0, 0.0, *([1.0, 0.0] * rules))


@_text.shape
def recurrence(*rules: Rule, until: int | None = None) -> Recurrence:
    """Rules that act on the current value, one after another: v <- a(t) v + b(t) base + c(t).

    value(t) = A_t * base + C_t, what the rules have made of base up to t

    Overlapping windows multiply, gaps hold the value: what torch's and MMEngine's lists of schedulers do.

    Args:
        rules: `rules.linear(0.001, end=50)`, `rules.multistep([8, 11], by="epoch")`, …; counts are in ticks of `by`.
        until: updates up to which it runs (set by `resolve`).

    Raises:
        InvalidArgument: no rule.

    Source: MMEngine's parameter schedulers; torch `ChainedScheduler`.

    >>> both = recurrence(rules.linear(0.5, end=5), rules.cosine(absolute(0.05), over=5, end=5))
    >>> [round(both(t, base=0.1), 8) for t in range(5)]
    [0.05, 0.06130636, 0.0670537, 0.06490124, 0.05668121]
    """
    return Recurrence(rules, until)
