"""The causes that are tried when a log is not what the plan says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np

from paramsched.audit.log_values import Times
from paramsched.audit.match import AmountTimes, as_it_is
from paramsched.errors import InvalidArgument
from paramsched.plan import Plan
from paramsched.time import Calendar

_FACTORS = tuple(range(2, 65))
_LENGTH_FACTORS = (2, 3, 4, 8, 16, 32, 64)
_FAR = 2**62  # later times may not fit into a 64-bit integer


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """One explanation to try.

    Args:
        clock: from the numbers of the rows to the plan's times.
        plan: resolved with other facts; None is the plan as it is.
        counted: what a schedule counted, from what the run consumed.
    """

    name: str
    text: str
    clock: Callable[[Times], Times] = as_it_is
    plan: Plan | None = None
    counted: Callable[[AmountTimes], AmountTimes] = as_it_is


@final
@dataclass(frozen=True, slots=True)
class _Counts:
    """The numbers that a factor between two clocks may come from."""

    processes: int | None
    accumulation: int | None
    epoch: int | None = None

    def meaning_of(self, n: int) -> Literal["epoch", "processes", "accumulation", "either"]:
        """Which of the numbers a factor is; `either` if it is none of them, or if two are equal."""
        if n == self.epoch and n not in (self.processes, self.accumulation):
            return "epoch"
        if n == self.processes and n != self.accumulation:
            return "processes"
        if n == self.accumulation and n != self.processes:
            return "accumulation"
        return "either"


def causes_to_try(
    plan: Plan, calendar: Calendar, rows: int, processes: int | None, runs: tuple[int, ...]
) -> Iterator[Cause]:
    """Explanations to try, the simplest first.

    Args:
        rows: the greatest number in the log, and one.
        runs: lengths for which values stayed the same, as seen in the log.
    """
    yield Cause("off by one", "each update used the value planned for the next one (t + 1)", lambda t: t + 1)
    yield Cause(
        "off by one", "each update used the value planned for the one before (t - 1)", lambda t: np.maximum(t - 1, 0)
    )
    yield Cause("never moved", "every update used the value of update 0: nothing moves the schedule", lambda t: t * 0)
    accumulation, epoch = calendar.accumulation or 1, calendar.updates_per_epoch
    counts = _Counts(processes, accumulation, epoch)
    # Facts of the run first: of two factors that explain a log the known one is named.
    known = [n for n in (processes, accumulation, epoch) if n is not None and 1 < n < _FAR // rows]
    batches = calendar.batches_per_epoch
    if batches is not None and accumulation > 1 and batches < _FAR // rows:
        yield _moved_per_batch(batches, accumulation)
    for n in dict.fromkeys([*known, *_FACTORS]):
        name, text = _too_fast(n, counts)
        yield Cause(name, text, lambda t, n=n: t * n)  # type: ignore[misc]  # n is bound now
        # The same clock, with the values logged after its n moves instead of before them.
        yield Cause(name, text, lambda t, n=n: t * n + n - 1)  # type: ignore[misc]  # as above
    for n in dict.fromkeys([*known, *runs, *_FACTORS]):
        name, text = _too_slow(n, counts)
        yield Cause(name, text, lambda t, n=n: t // n)  # type: ignore[misc]  # as above
    yield from _other_lengths(plan, calendar, rows, processes)


def _moved_per_batch(batches: int, accumulation: int) -> Cause:
    """A schedule that moved with every batch; the last update of an epoch may have fewer of them."""
    updates = -(-batches // accumulation)

    def clock(t: Times) -> Times:
        return t // updates * batches + np.minimum((t % updates + 1) * accumulation, batches) - 1

    return Cause("accumulation", f"the schedule moved once per batch, {accumulation} times per update", clock)


def _too_fast(n: int, counts: _Counts) -> tuple[str, str]:
    """Name and text of a schedule that moved n times per update."""
    match counts.meaning_of(n):
        case "epoch":
            return "epochs taken for steps", f"the schedule moved by an epoch of {n} updates at each update"
        case "processes":
            return "processes", f"the schedule moved {n} times per update, once for each of {n} processes"
        case "accumulation":
            return "accumulation", f"the schedule moved {n} times per update, once for each batch of an accumulation"
    text = f"the schedule moved {n} times per update, as {n} processes or batches would"
    return "processes or accumulation", text


def _too_slow(n: int, counts: _Counts) -> tuple[str, str]:
    """Name and text of a schedule that moved once in n rows."""
    match counts.meaning_of(n):
        case "epoch":
            return "once per epoch", f"the schedule moved once in {n} updates: per epoch instead of per update"
        case "processes":
            text = f"the schedule moved once in {n} rows: the log counts the updates of {n} processes together"
            return "processes", text
        case "accumulation":
            text = f"the schedule moved once in {n} rows: the log counts batches, {n} to an update"
            return "log counts batches", text
    return "once per epoch", f"the schedule moved once in {n} rows: per epoch, or the log counts batches"


def _other_lengths(plan: Plan, calendar: Calendar, rows: int, processes: int | None) -> Iterator[Cause]:
    for name, text, other in _other_calendars(plan, calendar, rows, processes):
        try:
            yield Cause(name, text, plan=plan.resolve(other()))
        except InvalidArgument:
            continue  # the plan does not fit into such lengths


def _other_calendars(
    plan: Plan, calendar: Calendar, rows: int, processes: int | None
) -> Iterator[tuple[str, str, Callable[[], Calendar]]]:
    """Runs in which lengths were counted wrongly.

    Each calendar comes as a function, for some are refused when they are made.
    """
    epoch, horizon = calendar.updates_per_epoch, calendar.horizon
    # Only the length of an epoch in updates is kept, so that it can be set to another number.
    bare = replace(calendar, batches_per_epoch=None, accumulation=None, steps_per_epoch=epoch)
    if epoch is not None:
        text = "lengths in epochs were taken for updates"
        yield "epochs taken for steps", text, lambda: replace(bare, steps_per_epoch=1)
    if epoch is not None or horizon is not None:
        counts = _Counts(processes, calendar.accumulation)
        for n in dict.fromkeys([n for n in (processes, calendar.accumulation) if n and n > 1] + [*_LENGTH_FACTORS]):
            name, batches = _counted_in(n, counts)
            text = f"the plan is stretched {n} times: its lengths were counted in {batches}"
            yield name, text, lambda n=n: _scaled_calendar(bare, epoch, horizon, n, 1)  # type: ignore[misc]  # bound now
            text = f"the plan is {n} times too short: its lengths were divided by {n} once too often"
            yield name, text, lambda n=n: _scaled_calendar(bare, epoch, horizon, 1, n)  # type: ignore[misc]  # as above
    if plan.horizon is None and horizon is not None:
        text = f"the horizon was {rows} updates, not {horizon}"
        yield "another horizon", text, lambda: replace(bare, total=rows)


def _scaled_calendar(bare: Calendar, epoch: int | None, horizon: int | None, times: int, by: int) -> Calendar:
    return replace(
        bare,
        steps_per_epoch=None if epoch is None else max(-(-epoch * times // by), 1),
        total=None if horizon is None else max(-(-horizon * times // by), 1),
    )


def _counted_in(n: int, counts: _Counts) -> tuple[str, str]:
    """Name of the cause, and what lengths were counted in."""
    match counts.meaning_of(n):
        case "processes":
            return "processes", f"the batches of all {n} processes"
        case "accumulation":
            return "accumulation", f"batches, {n} to an update"
        case _:
            return "processes or accumulation", f"batches, or those of {n} processes"


_AMOUNT_FACTORS = (2, 3, 4, 8, 16, 32, 64)


def amount_causes_to_try(clock: str, processes: int | None, accumulation: int | None) -> Iterator[Cause]:
    """Explanations to try, the simplest first."""
    text = f"the schedule counted updates, where the plan counts {clock}"
    yield Cause("another clock", text, counted=AmountTimes.counting_updates)
    known = [n for n in (processes, accumulation) if n is not None and n > 1]
    for n in dict.fromkeys([*known, *_AMOUNT_FACTORS]):
        name, whose = "processes or accumulation", f"one of {n} processes, or one batch of {n}"
        if n == processes and n != accumulation:
            name, whose = "processes", f"one of {n} processes"
        elif n == accumulation and n != processes:
            name, whose = "accumulation", f"one batch of {n}"
        text = f"the schedule counted one {clock[:-1]} in {n}: the {clock} of {whose}"
        yield Cause(name, text, counted=lambda times, n=n: times.scaled(1, n))  # type: ignore[misc]  # n is bound now
        text = f"the schedule counted each of the {clock} {n} times, or the log has those of {whose}"
        yield Cause(name, text, counted=lambda times, n=n: times.scaled(n, 1))  # type: ignore[misc]  # as above
