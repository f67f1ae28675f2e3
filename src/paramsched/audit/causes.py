"""The causes that are tried when a log differs from its plan."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, final

import numpy as np

from paramsched.audit.log_values import Times
from paramsched.audit.match import AmountTimes, as_it_is
from paramsched.audit.other_plans import (
    RunFacts,
    with_other_indices,
    with_warmup_held,
    without_floor,
    without_warmup,
)
from paramsched.plan import Plan

_FACTORS = tuple(range(2, 65))
_LENGTH_FACTORS = (2, 3, 4, 8, 16, 32, 64)
_FAR = 2**62  # later times may not fit into a 64-bit integer


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """One explanation to try.

    Args:
        clock: from the numbers of the rows to the plan's times.
        plan: resolved with other facts, or changed; None is the plan as it is.
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


_NEXT_VALUE = (
    "each update used the value planned for the next one (t + 1): the schedule was stepped before the update, the log "
    "is one update ahead (as by Hugging Face with DeepSpeed), or each stage counts (t+1)/n"
)


def causes_to_try(facts: RunFacts, rows: int, processes: int | None, runs: tuple[int, ...]) -> Iterator[Cause]:
    """Explanations to try, the simplest first.

    Args:
        rows: the greatest number in the log, and one.
        runs: lengths for which values stayed the same, as seen in the log.
    """
    yield Cause("off by one", _NEXT_VALUE, lambda t: t + 1)
    yield Cause(
        "off by one", "each update used the value planned for the one before (t - 1)", lambda t: np.maximum(t - 1, 0)
    )
    yield Cause("never moved", "every update used the value of update 0: nothing moves the schedule", lambda t: t * 0)
    yield from _other_shapes(facts)
    calendar = facts.calendar
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
        text = f"the schedule was stepped in epochs: {n} updates in a row used the value planned for the first of them"
        yield Cause("once per epoch", text, lambda t, n=n: t // n * n)  # type: ignore[misc]  # as above
    yield from _other_lengths(facts, rows, processes)


def _other_shapes(facts: RunFacts) -> Iterator[Cause]:
    """Stages that were written in another way."""
    for text, plan in with_other_indices(facts.resolved):
        yield Cause("another index", text, plan=plan)
    # What follows the warmup is as long as the whole run, as planned, or begins later.
    dropped, held = without_warmup(facts.plan), with_warmup_held(facts.resolved)
    missing = "warmup left out"
    if dropped is not None and (resolved := facts.resolve_other(dropped)) is not None:
        yield Cause(missing, "the stages after the warmup began at update 0 and took the whole run", plan=resolved)
    if (short := without_warmup(facts.resolved)) is not None:
        yield Cause(missing, "the stages after the warmup began at update 0", plan=short)
    if held is not None:
        yield Cause(missing, "the value was that of the end of the warmup, while it should have risen", plan=held)
    if (lower := without_floor(facts.resolved)) is not None:
        yield Cause("floor left out", "the values fall to 0, not to the planned lowest level", plan=lower)


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


def _other_lengths(facts: RunFacts, rows: int, processes: int | None) -> Iterator[Cause]:
    """Runs in which lengths were counted wrongly."""
    epoch, horizon = facts.calendar.updates_per_epoch, facts.resolved.horizon
    updates = horizon.updates if horizon is not None and horizon.is_resolved else None
    tries: list[tuple[str, str, int | None, int | None]] = []
    if epoch is not None:
        tries.append(("epochs taken for steps", "lengths in epochs were taken for updates", 1, None))
    if epoch is not None or updates is not None:
        counts = _Counts(processes, facts.calendar.accumulation)
        known = [n for n in (processes, facts.calendar.accumulation) if n and n > 1]
        for n in dict.fromkeys([*known, *_LENGTH_FACTORS]):
            name, batches = _counted_in(n, counts)
            text = f"the plan is stretched {n} times: its lengths were counted in {batches}"
            tries.append((name, text, _scaled(epoch, n, 1), _scaled(updates, n, 1)))
            # The same where all lengths are written in updates.
            yield Cause(name, text, lambda t, n=n: t / n)  # type: ignore[misc]  # n is bound now
            text = f"the plan is {n} times too short: its lengths were divided by {n} once too often"
            tries.append((name, text, _scaled(epoch, 1, n), _scaled(updates, 1, n)))
    if updates is not None and rows != updates:
        tries.append(("another horizon", f"the horizon was {rows} updates, not {updates}", epoch, rows))
    for name, text, other_epoch, total in tries:
        resolved = facts.resolve(other_epoch, total)
        if resolved is not None:
            yield Cause(name, text, plan=resolved)


def _scaled(length: int | None, times: int, by: int) -> int | None:
    return None if length is None else max(-(-length * times // by), 1)


def _counted_in(n: int, counts: _Counts) -> tuple[str, str]:
    """Name of the cause, and what lengths were counted in."""
    match counts.meaning_of(n):
        case "processes":
            return "processes", f"the batches of all {n} processes"
        case "accumulation":
            return "accumulation", f"batches, {n} to an update"
        case _:
            return "processes or accumulation", f"batches, or those of {n} processes"


_NEAR = 64  # lengths of an epoch on both sides of the known one that are all tried
_SEARCH_DEPTH = 24
_MOST_EPOCHS = 4


def epoch_causes(
    facts: RunFacts, rows: int, steps: Sequence[float], misfit: Callable[[Plan], float]
) -> Iterator[Cause]:
    """The plan with other numbers of updates in an epoch: those under which it fits a log best, the best first.

    Args:
        rows: the greatest number in the log, and one.
        steps: by which factors the steps of the log are later than those of the plan.
        misfit: how far a resolved plan is from the log.
    """
    epoch = facts.calendar.updates_per_epoch
    if epoch is None:
        return
    found: dict[tuple[int, bool], tuple[float, Plan]] = {}

    def measure(length: int, scaled: bool) -> float:
        if length >= 1 and (length, scaled) not in found:
            plan = facts.resolve(length, facts.total_for(length) if scaled else None)
            if plan is not None:
                found[length, scaled] = misfit(plan), plan
        return found[length, scaled][0] if (length, scaled) in found else inf

    tries = [round(epoch * step) + n for step in steps for n in (-1, 0, 1)] + _epochs_to_try(epoch, rows, facts)
    for scaled in (False, True) if facts.total_for(epoch) is not None else (False,):
        best = min(dict.fromkeys([epoch, *tries]), key=lambda one: measure(one, scaled))
        # A length that is none of these is between two of a coarse grid, where the misfit falls towards it.
        step = max(best // 16, 1)
        for _ in range(_SEARCH_DEPTH):
            nearest = min((best, best - step, best + step), key=lambda one: measure(one, scaled))
            if nearest == best and step == 1:
                break
            best, step = nearest, step if nearest != best else -(-step // 2)
    order = sorted(found, key=lambda key: (found[key][0], abs(key[0] - epoch)))
    for key in [key for key in order if key[0] != epoch][:_MOST_EPOCHS]:
        text = f"lengths were counted with an epoch of {key[0]} updates, not {epoch}"
        yield Cause("another epoch", text, plan=found[key][1])


def _epochs_to_try(epoch: int, rows: int, facts: RunFacts) -> list[int]:
    near = sorted(range(epoch - _NEAR, epoch + _NEAR + 1), key=lambda one: abs(one - epoch))
    horizon = facts.resolved.horizon
    ended = [] if horizon is None or not horizon.is_resolved else [rows * epoch // horizon.updates + n for n in (0, 1)]
    scaled = [one + n for k in _LENGTH_FACTORS for one in (epoch * k, epoch // k) for n in (-1, 0, 1)]
    grid = [round(epoch * 2 ** (n / 12)) for n in range(-72, 73)]
    return [*near, *ended, *scaled, *grid]


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
