"""BatchSampler: batches of the sizes that a plan schedules."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, count, islice
from typing import Final, Unpack, final

import numpy as np
import torch.distributed
from torch.utils.data import Sampler

from paramsched.core.base.signatures import readable
from paramsched.core.curves.arrays import Array
from paramsched.core.foreign_calls import answering_class
from paramsched.core.number_checks import whole_number
from paramsched.core.plan.forms import PlanLike
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount, UnknownAmounts
from paramsched.core.run.batch_sizes import AT_ONCE, BatchSizes, planned_sizes, samples_at
from paramsched.core.run.scheduler import Scheduler
from paramsched.core.time import RunFacts
from paramsched.core.time.run_facts import Facts, facts_of_call
from paramsched.errors import CallSite, InvalidArgument, StateError, shown

_CALL: Final = "ps.BatchSampler(plan, length)"


@answering_class
@final
class BatchSampler(Sampler[list[int]]):
    """Batches of the sizes that a plan schedules, for `DataLoader(data, batch_sampler=…)`.

    The data is one stream of passes over `range(length)`, each shuffled by `(seed, pass)`. Update t takes the next
    `batch_size(t) * accumulation(t)` samples, in `accumulation(t)` batches. A batch may cross the end of a pass.
    Iteration begins at the update of the Scheduler, also after a resume, and ends at the total. The position follows
    from the checkpoints of the optimizer and of the Scheduler, which contain the number of samples of the updates so
    far, also if the sizes have changed since. So the sampler has no state of its own.

    The sizes are the targets `batch_size` and `accumulation` of the plan, or else the run facts of these names. They
    are rounded, and at least 1. `batch_size` is the sum over all processes: each gets an equal contiguous part of
    every batch.

    Args:
        plan: a Scheduler, or a plan as in `ps.Scheduler`.
        length: the number of samples in the data, `len(data)`.
        facts: the run facts as one object; those of a Scheduler are used if `plan` is one.
        shuffle: False for the order of the data in each pass.
        seed: determines the order of each pass, an integer from 0 to 2**32 - 1.
        num_replicas: the number of processes that share a batch. Default: those of torch.distributed, or 1.
        rank: the number of this process. Default: that of torch.distributed, or 0.
        t: the update at which iteration begins; that of a Scheduler is used if `plan` is one.
        facts: the run facts as keywords, in place of `facts`, as in `ps.Scheduler`: `batch_size=32`.

    Raises:
        InvalidArgument: an argument is invalid, a size cannot be divided among the processes, or its clock counts
            seconds or progress, so that it is not known in advance.
        MissingFact: neither the plan nor the run facts have a batch size.
        StateError: when iteration begins, if the checkpoint of the run does not have the number of samples.

    >>> size = Binding(Target("batch_size", 2), "stairs(1, 2, 2, over=2)")
    >>> plan = Plan(size, total=4)
    >>> sampler = BatchSampler(plan, 5, shuffle=False)
    >>> list(sampler), len(sampler)
    ([[0, 1], [2, 3, 4], [0, 1, 2, 3], [4, 0, 1, 2]], 4)
    """

    def __init__(
        self,
        plan: "Scheduler | PlanLike",
        length: int,
        *,
        facts: RunFacts | None = None,
        shuffle: bool = True,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
        t: int = 0,
        **run_facts: Unpack[Facts],
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
            raise InvalidArgument(site, "expected True or False", "Use shuffle=True")
        self._shuffle, self._num_replicas, self._rank = shuffle, num_replicas, rank
        self._scheduler: Scheduler | None = None
        if isinstance(plan, Scheduler):
            _ = facts_of_call(_CALL, None, run_facts)  # refuses a keyword that is not a run fact
            passed = {"facts": facts, **run_facts, "t": t or None}
            if (name := next((name for name, value in passed.items() if value is not None), None)) is not None:
                raise InvalidArgument(f"ps.BatchSampler(scheduler, {name}=…)", "the Scheduler has it", f"Omit {name}")
            self.follow(plan)
        else:
            self._planned = planned_sizes(plan, facts_of_call(_CALL, facts, run_facts))
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
            sizes, accumulations, amount = BatchSizes(self._in_force).table(t, amount, AT_ONCE)
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
        for first in range(begin, self._length, AT_ONCE):  # a list of all would need 40 bytes for each sample
            yield from order[first : first + AT_ONCE].tolist()

    def position(self) -> int:
        """Return the number of samples before the position, since the start of the run."""
        t, _ = self._start()
        in_force = self._in_force
        if self._scheduler is None:
            return BatchSizes(in_force).samples(0, t, 0)
        run = self._scheduler._run
        start = run.counts_from
        samples = samples_at(in_force, run.history, start, run.position)
        if samples is not None:
            return samples
        found = f"the checkpoint of update {start.t} does not contain the number of samples before it"
        if start.samples is not None:
            here = BatchSizes(in_force).samples(0, start.t, 0)
            found = f"{start.samples} samples were before update {start.t}, and the present sizes make {here}"
        raise StateError(
            f"ps.BatchSampler(scheduler, …): the position in the data at update {t} is unknown: {found}. To begin "
            f"where the present sizes would be, write ps.BatchSampler(scheduler.plan, length, t={t}, "
            "facts=scheduler.facts)"
        )

    def __iter__(self) -> Iterator[list[int]]:
        replicas, rank = self._shards(self._num_replicas, self._rank)
        position = self.position()
        if (
            self._scheduler is not None
        ):  # if the loop reports amounts, the sizes from here on differ from the planned ones
            run = self._scheduler._run
            run.counts_from = replace(run.position, samples=position)
        first, begin = divmod(position, self._length)
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
            raise TypeError("ps.BatchSampler has no length, because the plan has no total in updates or samples")
        return sum(int(accumulations.sum()) for _, _, accumulations in self._tables())

    @property
    def _in_force(self) -> ResolvedPlan:
        return self._planned if self._scheduler is None else self._scheduler._run.in_force

    def _start(self) -> tuple[int, Amount | None]:
        """Return the first update, and the amount before it on the plan's clock."""
        if self._scheduler is None:
            amounts = self._planned.amounts
            return self._t, None if isinstance(amounts, UnknownAmounts) else self._planned.amount_at(self._t)
        run = self._scheduler._run
        return run.t, run.amount

    @staticmethod
    def _shards(num_replicas: int | None, rank: int | None) -> tuple[int, int]:
        """Return the number of processes and the rank; the defaults are known when torch.distributed is initialized."""
        group = torch.distributed.is_available() and torch.distributed.is_initialized()
        world, own = (torch.distributed.get_world_size(), torch.distributed.get_rank()) if group else (1, 0)
        return num_replicas or world, own if rank is None else rank

    def _check_sizes(self) -> None:
        """Refuse sizes that are unknown or, before a known total, cannot be divided among the processes."""
        replicas, _ = self._shards(self._num_replicas, self._rank)
        if self.ends and replicas > 1:
            for t, sizes, _ in self._tables():
                if (wrong := np.flatnonzero(sizes % replicas)).size:
                    raise _indivisible(t + int(wrong[0]), int(sizes[wrong[0]]), replicas)


readable(BatchSampler, BatchSampler.__init__)


def _argument(name: str) -> CallSite:
    return CallSite("ps.BatchSampler", name)


def _indivisible(t: int, size: int, replicas: int) -> InvalidArgument:
    return InvalidArgument(
        f"ps.BatchSampler(…, num_replicas={replicas})",
        f"at update {t} the batch has {size} samples, which cannot be divided among {replicas} processes",
        f"Plan the size with rounded(…, {replicas})",
    )
