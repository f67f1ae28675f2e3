"""The agreement of processes about the amounts that their loops report."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, final

import torch.distributed as dist

from paramsched.errors import InvalidArgument
from paramsched.plan.run_amounts import Amount
from paramsched.scheduler._messages import default_store, several_processes

log = logging.getLogger("paramsched")

_INTERVAL = 64  # updates between comparisons; a wrong amount remains in later ones, so the next comparison detects it
_TIMEOUT = timedelta(seconds=1)  # how long a process waits before it raises
_INITIAL_UPDATES = 2  # compared after a start, a load or a seek, when most mistakes occur


@final
class RankAgreement:
    """Checks at some updates whether all processes have consumed the same amount.

    The processes do not wait for each other: the first process writes its amount into torch's store, which all of them
    share, and the other processes compare theirs. A collective operation would block if a process skips an update,
    saves alone, or has no Scheduler.

    Only Schedulers with the same plan, of optimizers with the same number of parameters, are compared. If a process has
    several such Schedulers, they are distinguished by their order. A process may have one Scheduler more than another
    process, for example for a dry run on rank 0. Therefore, before it raises, a process checks whether the other
    process has started another Scheduler that agrees with its own.

    Args:
        number: the number that identifies the plan.
        start: the update from which on amounts are compared.
        groups: the groups of the optimizer.
    """

    def __init__(self, number: int, start: int, groups: Sequence[Mapping[str, Any]]) -> None:
        self._number, self._start, self._groups = number, start, groups
        self._kind: str | None = None  # identifies the Schedulers that are compared; set at the first comparison
        self._order = 0  # the index among these Schedulers of this process, starting at 1
        self._compared_at = -1

    def is_due(self, t: int) -> bool:
        """Return whether amounts are compared before update `t`."""
        if t == self._compared_at or not (t - self._start < _INITIAL_UPDATES or t % _INTERVAL == 0):
            return False
        return several_processes()

    def compare(self, t: int, amount: Amount, clock: str) -> None:
        """Compare the amount consumed before update `t` with that of the other processes."""
        if not self.is_due(t):  # the update was skipped and got another report
            return
        store = default_store()
        rank = dist.get_rank()
        self._compared_at = t
        if self._kind is None:
            self._kind = f"paramsched/{self._number}/{sum(len(group.get('params', ())) for group in self._groups)}"
            self._start_next(store, rank)
        while True:
            first = store.compare_set(f"{self._kind}/{self._order}/{t}", "", f"{rank} {amount!r}").decode()
            other, _, theirs = first.partition(" ")
            if theirs == repr(amount):
                return
            try:  # the other process may be about to start another Scheduler
                store.wait([f"{self._kind}/begun by {other}/{self._order + 1}"], _TIMEOUT)
            except RuntimeError:  # it did not start one before the timeout
                raise InvalidArgument(
                    f"scheduler.consumed({clock}=…) before update {t}",
                    f"rank {rank} would then have consumed {amount} {clock}, but rank {other} {theirs}",
                    f"Pass the same number in each process: the sum of the {clock} of all processes. If one of the two "
                    "Schedulers is only for a dry run, construct it on every rank, or before init_process_group",
                ) from None
            log.warning(
                "before update %d rank %d has consumed %r %s, but rank %s %s in a Scheduler with the same plan. Rank "
                "%s has started another one since, which is compared instead",
                t, rank, amount, clock, other, theirs, other,
            )  # fmt: skip
            self._start_next(store, rank)

    def _start_next(self, store: Any, rank: int) -> None:
        self._order = store.add(f"{self._kind}/begun by {rank}", 1)
        store.set(f"{self._kind}/begun by {rank}/{self._order}", "yes")
