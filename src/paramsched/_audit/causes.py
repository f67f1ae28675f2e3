"""What would explain a log that is not what the plan says: other clocks, other lengths, other bases.

A cause is tried, not guessed: each has the plan's time for each row (or the plan resolved with other facts), and it is
named only if the log's values are the plan's under it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.errors import InvalidArgument
from paramsched.plan import Plan
from paramsched.time import Calendar

Times: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

_FACTORS = tuple(range(2, 65))
_FAR = 2**62  # times that no 64-bit integer holds


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """One explanation.

    Args:
        name: for programs.
        text: for people.
        clock: from the numbers of the rows to the plan's times.
        plan: resolved with other facts; None is the plan as it is.
    """

    name: str
    text: str
    clock: Callable[[Times], Times]
    plan: Plan | None = None


def same(t: Times) -> Times:
    """The clock of a log that is right."""
    return t


def causes(plan: Plan, calendar: Calendar, rows: int, processes: int | None, runs: tuple[int, ...]) -> Iterator[Cause]:
    """Explanations to try, the simplest first.

    Args:
        plan: as written.
        calendar: the facts it is resolved with.
        rows: the greatest number in the log, and one.
        processes: how many there were, if known.
        runs: lengths for which values stayed the same, as seen in the log.
    """
    yield Cause("off by one", "each update used the value planned for the next one (t + 1)", lambda t: t + 1)
    yield Cause(
        "off by one", "each update used the value planned for the one before (t - 1)", lambda t: np.maximum(t - 1, 0)
    )
    yield Cause("never moved", "every update used the value of update 0: nothing moves the schedule", lambda t: t * 0)
    accumulation, epoch = calendar.accumulation or 1, calendar.updates_per_epoch
    known = [n for n in (processes, accumulation, epoch) if n is not None and 1 < n < _FAR // rows]
    batches = calendar.batches_per_epoch
    if batches is not None and accumulation > 1 and batches < _FAR // rows:
        yield _per_batch(batches, accumulation)
    for n in dict.fromkeys([*known, *_FACTORS]):
        why = _fast(n, processes, accumulation, epoch)
        yield Cause(why[0], why[1], lambda t, n=n: t * n)  # type: ignore[misc]  # n is bound now
        yield Cause(why[0], why[1], lambda t, n=n: t * n + n - 1)  # type: ignore[misc]  # as above
    for n in dict.fromkeys([*known, *runs, *_FACTORS]):
        why = _slow(n, processes, accumulation, epoch)
        yield Cause(why[0], why[1], lambda t, n=n: t // n)  # type: ignore[misc]  # as above
    yield from _lengths(plan, calendar, rows, processes)


def _per_batch(batches: int, accumulation: int) -> Cause:
    updates = -(-batches // accumulation)

    def clock(t: Times) -> Times:
        return t // updates * batches + np.minimum((t % updates + 1) * accumulation, batches) - 1

    return Cause("accumulation", f"the schedule moved once per batch, {accumulation} times per update", clock)


def _fast(n: int, processes: int | None, accumulation: int, epoch: int | None) -> tuple[str, str]:
    if n == epoch and n not in (processes, accumulation):
        return "epochs taken for steps", f"the schedule moved by an epoch of {n} updates at each update"
    if n == processes and n != accumulation:
        return "processes", f"the schedule moved {n} times per update, once for each of {n} processes"
    if n == accumulation and n != processes:
        return "accumulation", f"the schedule moved {n} times per update, once for each batch of an accumulation"
    return "processes or accumulation", f"the schedule moved {n} times per update, as {n} processes or batches would"


def _slow(n: int, processes: int | None, accumulation: int, epoch: int | None) -> tuple[str, str]:
    if n == epoch and n not in (processes, accumulation):
        return "once per epoch", f"the schedule moved once in {n} updates: per epoch instead of per update"
    if n == accumulation and n != processes:
        return "log counts batches", f"the schedule moved once in {n} rows: the log counts batches, {n} to an update"
    if n == processes and n != accumulation:
        return "processes", f"the schedule moved once in {n} rows: the log counts the updates of {n} processes together"
    return "once per epoch", f"the schedule moved once in {n} rows: per epoch, or the log counts batches"


def _lengths(plan: Plan, calendar: Calendar, rows: int, processes: int | None) -> Iterator[Cause]:
    """The same plan with its lengths counted wrongly."""
    epoch, horizon = calendar.updates_per_epoch, calendar.horizon
    bare = replace(calendar, batches_per_epoch=None, accumulation=None, steps_per_epoch=epoch)
    tries: list[tuple[str, str, Callable[[], Calendar]]] = []
    if epoch is not None:
        text = "lengths in epochs were taken for updates"
        tries.append(("epochs taken for steps", text, lambda: replace(bare, steps_per_epoch=1)))
    factors = dict.fromkeys([n for n in (processes, calendar.accumulation) if n and n > 1] + [2, 3, 4, 8, 16, 32, 64])
    for n in factors:
        name, who = _who(n, processes, calendar.accumulation)
        if epoch is not None or horizon is not None:
            text = f"the plan is stretched {n} times: its lengths were counted in {who}"
            tries.append((name, text, lambda n=n: _scaled(bare, epoch, horizon, n, 1)))  # type: ignore[misc]  # bound now
            text = f"the plan is {n} times too short: its lengths were divided by {n} once too often"
            tries.append((name, text, lambda n=n: _scaled(bare, epoch, horizon, 1, n)))  # type: ignore[misc]  # as above
    if plan.horizon is None and horizon is not None:
        text = f"the horizon was {rows} updates, not {horizon}"
        tries.append(("another horizon", text, lambda: replace(bare, total=rows)))
    for name, text, other in tries:
        try:
            yield Cause(name, text, same, plan.resolve(other()))
        except InvalidArgument:
            continue  # the plan does not fit into such lengths


def _scaled(bare: Calendar, epoch: int | None, horizon: int | None, times: int, by: int) -> Calendar:
    return replace(
        bare,
        steps_per_epoch=None if epoch is None else max(-(-epoch * times // by), 1),
        total=None if horizon is None else max(-(-horizon * times // by), 1),
    )


def _who(n: int, processes: int | None, accumulation: int | None) -> tuple[str, str]:
    if n == processes and n != accumulation:
        return "processes", f"the batches of all {n} processes"
    if n == accumulation and n != processes:
        return "accumulation", f"batches, {n} to an update"
    return "processes or accumulation", f"batches, or those of {n} processes"
