"""The sizes of the batches of a plan, and the position in the data that follows from them."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from math import ceil
from typing import Final, final

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.plan.binding import UPDATES, clock_of_field
from paramsched.core.plan.follow import with_followed_lines
from paramsched.core.plan.forms import PlanLike, plan_in_run
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.plan.run_amounts import SIZES_OF_BATCHES, Amount, SizeTarget, UnknownAmounts
from paramsched.core.run.state import BEGIN_OF_DATA, History, RunPosition
from paramsched.core.schedules.constant import constant
from paramsched.core.time import RunFacts
from paramsched.core.time.amounts import PROGRESS
from paramsched.errors import InvalidArgument, MissingFact

_NOT_PLANNED: Final = ("seconds", PROGRESS)  # clocks whose amounts are measured or reported
AT_ONCE: Final = 8192  # updates whose sizes are evaluated together
_MOST_SAMPLES: Final = 2**40  # of an update, so that the sum of those that are evaluated together is exact


def plans_sizes(plan: Plan) -> bool:
    """Return whether a plan schedules the size or the number of the batches of an update."""
    return any(isinstance(one.field, Target) and one.name in SIZES_OF_BATCHES for one in plan.bindings)


def planned_sizes(given: PlanLike, facts: RunFacts) -> ResolvedPlan:
    """Resolve the part of a plan that determines the sizes of batches: their lines and the total.

    Other lines may need run facts or a total that only an engine knows.
    """
    plan = plan_in_run(given, "ps.BatchSampler", facts)
    lines = [one for one in with_followed_lines(plan.bindings, plan.clock) if isinstance(one.field, Target)]
    lines = [one for one in lines if one.name in SIZES_OF_BATCHES]
    if not any(one.name == "batch_size" for one in lines):
        if facts.batch_size is None:
            raise _missing_size("For example: batch_size=32")
        lines.append(Binding(Target("batch_size", facts.batch_size), constant()))
    clock = plan.clock
    if isinstance(clock, Mapping):
        clock = {name: unit for name, unit in clock.items() if name in SIZES_OF_BATCHES} or UPDATES
    part = Plan(*lines, total=plan.total, clock=clock)
    return ResolvedPlan(part, part.resolve(facts=facts), facts)


def _missing_size(instead: str) -> MissingFact:
    found = "the plan has no target batch_size, and the batch size is unknown"
    return MissingFact("ps.BatchSampler(plan, …)", found, instead, fact="batch_size", example="32")


@final
class BatchSizes:
    """The sizes of the batches of a resolved plan.

    Raises:
        MissingFact: no batch size is known.
        InvalidArgument: a size is not known in advance.
    """

    def __init__(self, in_force: ResolvedPlan) -> None:
        self._in_force, self._amounts = in_force, in_force.amounts
        if isinstance(self._amounts, UnknownAmounts) or in_force.unit in _NOT_PLANNED:
            self._amounts = None
        facts, targets = in_force.facts, in_force.batch_sizes
        constants = {"batch_size": facts.batch_size, "accumulation": facts.accumulation or 1}
        self._sizes: list[SizeTarget | int] = []
        for name, number in constants.items():
            size, unit = targets.get(name, number), clock_of_field(in_force.resolved.clock, name)
            rules = isinstance(size, SizeTarget) and size.schedule.metric_rules
            if unit in _NOT_PLANNED or rules:
                cause = "it follows a metric" if rules else f"its clock counts {unit}"
                found = f"{cause}, so the sizes of later batches are not known in advance"
                raise InvalidArgument(name, found, 'For example: clock="samples"')
            if size is None:
                raise _missing_size("For example: ps.Scheduler(optimizer, plan, batch_size=32)")
            if isinstance(size, SizeTarget) and size.by_amount and isinstance(in_force.amounts, UnknownAmounts):
                raise in_force.amounts.missing(f"target {name}")
            self._sizes.append(size)

    @property
    def ends(self) -> bool:
        """True if the update at which the plan ends is known."""
        total = self._in_force.resolved.total
        return total is not None and (total.is_resolved or self._amounts is not None)

    def table(self, t: int, amount: Amount | None, most: int) -> tuple[Array, Array, Amount | None]:
        """Return the batch sizes and accumulations of `most` updates from update `t` on, fewer if the plan ends.

        Args:
            t: the first update.
            amount: how far the run is before it, in the unit of the plan's clock.
            most: the number of updates.

        Returns:
            Both arrays, and the amount before the update that follows.
        """
        amounts = updates = np.arange(t, t + most)
        total = self._in_force.resolved.total
        following = None
        if self._amounts is not None and amount is not None:
            consumed = self._amounts.amounts_from(t, amount, most + 1)
            amounts = consumed[:-1]
        if self.ends and total is not None:
            ((_, end),) = total.terms
            left = int(np.searchsorted(updates if total.is_resolved else amounts, ceil(end)))
            updates, amounts = updates[:left], amounts[:left]
        if self._amounts is not None and amount is not None:
            following = consumed[updates.size].item()
        size, accumulation = (
            np.full(updates.size, float(one)) if isinstance(one, int) else np.maximum(one.sizes(updates, amounts), 1)
            for one in self._sizes
        )
        if (wrong := np.flatnonzero(~(size * accumulation <= _MOST_SAMPLES))).size:
            found = f"update {t + int(wrong[0])} has {(size * accumulation)[wrong[0]]:.6g} samples"
            instead = "For example: clamp(stairs(1, 2, 2, over=100), high=64)"
            raise InvalidArgument("batch_size", f"expected at most {_MOST_SAMPLES:.6g} samples, {found}", instead)
        return size.astype(np.int64), accumulation.astype(np.int64), following

    def samples(self, begin: int, end: int, amount: Amount | None) -> int:
        """Return the number of samples in the updates from `begin` to before `end`; `amount` is that before `begin`."""
        total = 0
        while begin < end:
            size, accumulation, amount = self.table(begin, amount, min(end - begin, AT_ONCE))
            if not size.size:  # after the end of the plan
                break
            total, begin = total + int(size @ accumulation), begin + size.size
        return total


def samples_at(in_force: ResolvedPlan, history: History, start: RunPosition, at: RunPosition) -> int | None:
    """Return the number of samples that a run has taken before a position.

    On the clock of samples it follows from the amounts, and otherwise from the planned sizes.

    Args:
        in_force: the plan in force.
        history: the plans of the run.
        start: the position of the last checkpoint, or the begin of the run.
        at: the position.

    Returns:
        The number; None if the checkpoint has none, if its run had other sizes and the position is before it, or if
        the history has left out a plan in between.
    """
    if start.samples is None:
        return None
    if at.t < start.t:
        if at.t and _planned(in_force, history, BEGIN_OF_DATA, start) != start.samples:
            return None
        start = BEGIN_OF_DATA
    planned = _planned(in_force, history, start, at)
    return None if planned is None else (start.samples or 0) + planned


def _planned(in_force: ResolvedPlan, history: History, start: RunPosition, at: RunPosition) -> int | None:
    """Return the number of samples that are planned between two positions; None if a plan between them is left out."""
    if in_force.unit == "samples" and at.amount is not None:
        return int(at.amount) - int(start.amount or 0)
    total, begin, entries = 0, start.t, history.entries
    for entry, following in zip_longest(entries, entries[1:]):
        end = at.t if following is None else min(following.update, at.t)
        if end <= begin:
            continue
        if following is not None and following.left_out:
            return None
        plan = None if following is None or entry.text is None else Plan.of_text(entry.text)
        facts = in_force.facts if plan is None or plan.total is None else replace(in_force.facts, total=None)
        sizes = BatchSizes(in_force if plan is None else planned_sizes(plan, facts))
        consumed = entry.amount if begin or entry.amount is None else 0
        if begin == start.t and begin:
            consumed = start.amount
        total, begin = total + sizes.samples(begin, end, consumed), end
    return total
