"""BatchSampler: batches of the sizes that a plan schedules."""

from collections.abc import Iterator, Mapping
from itertools import chain, count, islice, zip_longest
from math import ceil
from typing import Final, final

import numpy as np
import torch.distributed
from torch.utils.data import Sampler

from paramsched.advice.calls import explain_wrong_keywords_of
from paramsched.advice.number_checks import whole_number
from paramsched.curves.arrays import Array
from paramsched.errors import CallSite, InvalidArgument, MissingFact, shown
from paramsched.plan import Binding, Plan, Target
from paramsched.plan.binding import UPDATES, clock_of_field
from paramsched.plan.followed_lines import with_followed_lines
from paramsched.plan.forms import PlanLike, plan_of
from paramsched.plan.run_amounts import SIZES_OF_BATCHES, Amount, SizeTarget, UnknownAmounts
from paramsched.runs.arguments import calendar_of_call
from paramsched.runs.scheduler import Scheduler
from paramsched.scheduler.run_state import ResolvedPlan
from paramsched.scheduler.saved_state import plan_of_text
from paramsched.schedules import constant
from paramsched.time import Calendar
from paramsched.time.progress import PROGRESS

_NOT_PLANNED: Final = ("seconds", PROGRESS)  # clocks whose amounts are measured or reported
_AT_ONCE: Final = 8192  # updates whose sizes are evaluated together
_MOST_SAMPLES: Final = 2**40  # of an update, so that the sum of those that are evaluated together is exact


def plans_sizes(plan: Plan) -> bool:
    """Return whether a plan schedules the size or the number of the batches of an update."""
    return any(isinstance(one.field, Target) and one.name in SIZES_OF_BATCHES for one in plan.bindings)


def planned_sizes(given: PlanLike, calendar: Calendar) -> ResolvedPlan:
    """Resolve the part of a plan that determines the sizes of batches: their lines and the horizon.

    Other lines may need run facts or a horizon that only an engine knows.
    """
    plan = plan_of(given, "ps.BatchSampler")
    lines = [one for one in with_followed_lines(plan.bindings, plan.clock) if isinstance(one.field, Target)]
    lines = [one for one in lines if one.name in SIZES_OF_BATCHES]
    if not any(one.name == "batch_size" for one in lines):
        if calendar.batch_size is None:
            raise _missing_size("Write calendar=ps.Calendar(batch_size=32)")
        lines.append(Binding(Target("batch_size", calendar.batch_size), constant()))
    clock = plan.clock
    if isinstance(clock, Mapping):
        clock = {name: unit for name, unit in clock.items() if name in SIZES_OF_BATCHES} or UPDATES
    part = Plan(*lines, horizon=plan.horizon, clock=clock)
    facts = calendar.until(None) if calendar.has_moving_horizon else calendar
    return ResolvedPlan(part, part.resolve(facts), facts)


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
        calendar, targets = in_force.calendar, in_force.batch_sizes
        facts = {"batch_size": calendar.batch_size, "accumulation": calendar.accumulation or 1}
        self._sizes: list[SizeTarget | int] = []
        for name, fact in facts.items():
            size, unit = targets.get(name, fact), clock_of_field(in_force.resolved.clock, name)
            rules = isinstance(size, SizeTarget) and size.schedule.metric_rules
            if unit in _NOT_PLANNED or rules:
                cause = "it follows a metric" if rules else f"its clock counts {unit}"
                found = f"{cause}, so the sizes of later batches are not known in advance"
                raise InvalidArgument(name, found, 'For example: clock="samples"')
            if size is None:
                raise _missing_size("Write ps.Scheduler(optimizer, plan, batch_size=32)")
            if isinstance(size, SizeTarget) and size.by_amount and isinstance(in_force.amounts, UnknownAmounts):
                raise in_force.amounts.missing(f"target {name}")
            self._sizes.append(size)

    @property
    def ends(self) -> bool:
        """True if the update at which the plan ends is known."""
        horizon = self._in_force.resolved.horizon
        return horizon is not None and (horizon.is_resolved or self._amounts is not None)

    def table(self, t: int, amount: Amount | None, most: int) -> tuple[Array, Array, Amount | None]:
        """Return the batch sizes and accumulations of `most` updates from update `t` on, fewer if the plan ends.

        Args:
            t: the first update.
            amount: the amount consumed before it.
            most: the number of updates.

        Returns:
            Both arrays, and the amount consumed before the update that follows.
        """
        amounts = updates = np.arange(t, t + most)
        horizon = self._in_force.resolved.horizon
        following = None
        if self._amounts is not None and amount is not None:
            consumed = self._amounts.amounts_from(t, amount, most + 1)
            amounts = consumed[:-1]
        if self.ends and horizon is not None:
            ((_, end),) = horizon.terms
            left = int(np.searchsorted(updates if horizon.is_resolved else amounts, ceil(end)))
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
            size, accumulation, amount = self.table(begin, amount, min(end - begin, _AT_ONCE))
            if not size.size:  # after the end of the plan
                break
            total, begin = total + int(size @ accumulation), begin + size.size
        return total


@final
@explain_wrong_keywords_of("ps.BatchSampler")
class BatchSampler(Sampler[list[int]]):
    """Batches of the sizes that a plan schedules, for `DataLoader(data, batch_sampler=…)`.

    The data is one stream of passes over `range(length)`, each shuffled by `(seed, pass)`. Update t takes the next
    `batch_size(t) * accumulation(t)` samples, in `accumulation(t)` batches. A batch may cross the end of a pass.
    Iteration begins at the update of the Scheduler, also after a resume, and ends at the horizon. The position follows
    from the amount of a Scheduler that counts samples, and otherwise from the planned sizes of its history, so no state
    is saved.

    The sizes are the targets `batch_size` and `accumulation` of the plan, or else the run facts of these names. They
    are rounded, and at least 1. `batch_size` is the sum over all processes: each gets an equal contiguous part of
    every batch.

    Args:
        plan: a Scheduler, or a plan as in `ps.Scheduler`.
        length: the number of samples in the data, `len(data)`.
        calendar: run facts; those of a Scheduler are used if `plan` is one.
        shuffle: False for the order of the data in each pass.
        seed: determines the order of each pass, an integer from 0 to 2**32 - 1.
        num_replicas: the number of processes that share a batch. Default: those of torch.distributed, or 1.
        rank: the number of this process. Default: that of torch.distributed, or 0.
        t: the update at which iteration begins; that of a Scheduler is used if `plan` is one.

    Raises:
        InvalidArgument: an argument is invalid, a size cannot be divided among the processes, or its clock counts
            seconds or progress, so that it is not known in advance.
        MissingFact: neither the plan nor the run facts have a batch size.

    >>> size = Binding(Target("batch_size", 2), "stairs(1, 2, 2, over=2)")
    >>> plan = Plan(size, horizon=4)
    >>> sampler = BatchSampler(plan, 5, shuffle=False)
    >>> list(sampler), len(sampler)
    ([[0, 1], [2, 3, 4], [0, 1, 2, 3], [4, 0, 1, 2]], 4)
    """

    def __init__(
        self,
        plan: "Scheduler | PlanLike",
        length: int,
        *,
        calendar: Calendar | None = None,
        shuffle: bool = True,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
        t: int = 0,
    ) -> None:
        self._length = whole_number(_argument("length"), length)
        self._seed = whole_number(_argument("seed"), seed, 0, 2**32 - 1)
        self._t = whole_number(_argument("t"), t, 0)
        if num_replicas is not None:
            num_replicas = whole_number(_argument("num_replicas"), num_replicas)
        if rank is not None:
            rank = whole_number(_argument("rank"), rank, 0, self._shards(num_replicas, 0)[0] - 1)
        if not isinstance(shuffle, bool):
            site = f"ps.BatchSampler(shuffle={shown(shuffle)})"
            raise InvalidArgument(site, "expected True or False", "Write shuffle=True")
        self._shuffle, self._num_replicas, self._rank = shuffle, num_replicas, rank
        self._scheduler: Scheduler | None = None
        if isinstance(plan, Scheduler):
            for name, given in (("calendar", calendar is not None), ("t", t != 0)):
                if given:
                    raise InvalidArgument(
                        f"ps.BatchSampler(scheduler, {name}=…)", "the Scheduler has it", f"Omit {name}"
                    )
            self.follow(plan)
        else:
            self._planned = planned_sizes(plan, calendar_of_call("ps.BatchSampler", calendar, {}))
            self._check_sizes()

    def follow(self, scheduler: Scheduler, *, num_replicas: int | None = None, rank: int | None = None) -> None:
        """Use the plan and the position of a Scheduler, as engines do when they have created it.

        Args:
            scheduler: the Scheduler.
            num_replicas, rank: those of the engine, if the user has not passed them.

        Raises:
            InvalidArgument: a size cannot be divided among the processes.
        """
        self._scheduler = scheduler
        if self._num_replicas is None and self._rank is None:
            self._num_replicas, self._rank = num_replicas, rank
        self._check_sizes()
        scheduler._run.feeds_batches = True

    @property
    def ends(self) -> bool:
        """True if the update at which iteration ends is known."""
        return BatchSizes(self._in_force).ends

    def updates(self) -> Iterator[tuple[int, int, int]]:
        """Yield the number, the batch size and the accumulation of each update, from the position on."""
        for t, sizes, accumulations in self._tables():
            yield from zip(count(t), sizes.tolist(), accumulations.tolist(), strict=False)

    def _tables(self) -> Iterator[tuple[int, Array, Array]]:
        """Yield the first of several updates, their batch sizes and their accumulations, from the position on."""
        t, amount = self._start()
        while True:
            sizes, accumulations, amount = BatchSizes(self._in_force).table(t, amount, _AT_ONCE)
            if not sizes.size:
                return
            yield t, sizes, accumulations
            t += sizes.size

    def order(self, pass_: int, begin: int = 0) -> Iterator[int]:
        """Yield the samples in the order of a pass, from one of them on."""
        order = np.arange(self._length)
        if self._shuffle:
            # The numbers of this generator never change, so any version of NumPy resumes in the same order.
            np.random.RandomState([self._seed, pass_]).shuffle(order)
        for first in range(begin, self._length, _AT_ONCE):  # a list of all would need 40 bytes for each sample
            yield from order[first : first + _AT_ONCE].tolist()

    def position(self) -> int:
        """Return the number of samples before the position, since the start of the run."""
        t, amount = self._start()
        in_force = self._in_force
        if in_force.unit == "samples" and amount is not None:
            return int(amount)
        if self._scheduler is None:
            return BatchSizes(in_force).samples(0, t, 0)
        entries, total, begin = self._scheduler._lead.history.entries, 0, 0
        for entry, following in zip_longest(entries, entries[1:]):
            plan = None if following is None or entry.text is None else plan_of_text(entry.text)
            facts = in_force.calendar if plan is None or plan.horizon is None else in_force.calendar.until(None)
            sizes = BatchSizes(in_force if plan is None else planned_sizes(plan, facts))
            consumed = entry.amount if begin or entry.amount is None else 0
            end = t if following is None else min(following.update, t)
            total, begin = total + sizes.samples(begin, end, consumed), end
        return total

    def __iter__(self) -> Iterator[list[int]]:
        replicas, rank = self._shards(self._num_replicas, self._rank)
        first, begin = divmod(self.position(), self._length)
        stream = chain(self.order(first, begin), chain.from_iterable(map(self.order, count(first + 1))))
        for t, size, accumulation in self.updates():
            if size % replicas:
                raise _indivisible(t, size, replicas)
            part = size // replicas
            for _ in range(accumulation):
                batch = list(islice(stream, size))
                yield batch[rank * part : (rank + 1) * part]

    def __len__(self) -> int:
        if not self.ends:
            raise TypeError("ps.BatchSampler has no length, because the plan has no horizon in updates or samples")
        return sum(int(accumulations.sum()) for _, _, accumulations in self._tables())

    @property
    def _in_force(self) -> ResolvedPlan:
        return self._planned if self._scheduler is None else self._scheduler._lead.in_force

    def _start(self) -> tuple[int, Amount | None]:
        """Return the first update, and the amount consumed before it on the plan's clock."""
        if self._scheduler is None:
            amounts = self._planned.amounts
            return self._t, None if isinstance(amounts, UnknownAmounts) else self._planned.amount_at(self._t)
        clock = self._scheduler._lead.clock
        return clock.t, clock.amount

    @staticmethod
    def _shards(num_replicas: int | None, rank: int | None) -> tuple[int, int]:
        """Return the number of processes and the rank; the defaults are known when torch.distributed is initialized."""
        group = torch.distributed.is_available() and torch.distributed.is_initialized()
        world, own = (torch.distributed.get_world_size(), torch.distributed.get_rank()) if group else (1, 0)
        return num_replicas or world, own if rank is None else rank

    def _check_sizes(self) -> None:
        """Refuse sizes that are unknown or, before a known horizon, cannot be divided among the processes."""
        replicas, _ = self._shards(self._num_replicas, self._rank)
        if self.ends and replicas > 1:
            for t, sizes, _ in self._tables():
                if (wrong := np.flatnonzero(sizes % replicas)).size:
                    raise _indivisible(t + int(wrong[0]), int(sizes[wrong[0]]), replicas)


def _argument(name: str) -> CallSite:
    return CallSite("ps.BatchSampler", name)


def _indivisible(t: int, size: int, replicas: int) -> InvalidArgument:
    return InvalidArgument(
        f"ps.BatchSampler(…, num_replicas={replicas})",
        f"at update {t} the batch has {size} samples, which cannot be divided among {replicas} processes",
        f"Plan the size with rounded(…, {replicas})",
    )
