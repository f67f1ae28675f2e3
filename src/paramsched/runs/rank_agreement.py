"""Comparing the Schedulers of several processes, without a collective operation."""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, final

from paramsched.errors import InvalidArgument
from paramsched.plan.run_amounts import Amount, RunAmounts, UnknownAmounts
from paramsched.runs.processes import Ranks, note_end_of_store
from paramsched.scheduler.messages import COMPARED_EVERY, INITIAL, MOST_AT_ONCE, WORLD, Processes
from paramsched.scheduler.run_state import ResolvedPlan, RuleStates
from paramsched.time.progress import PROGRESS

log = logging.getLogger("paramsched")

_TIMEOUT = timedelta(seconds=1)  # how long a process waits before it reports a difference
_PATIENT = 20  # times as long, before the first difference that stops the run: a dry run may take longer
_DRY_RUN = (
    "If one of the two Schedulers is only for a dry run, construct it on every rank, or before init_process_group"
)


@final
class RankRecords:
    """Records of the Schedulers of all processes, which are compared at the same places of the run.

    The processes do not wait for each other: the first process writes its record into torch's store, which all of them
    share, and the other processes compare theirs. A collective operation would block if a process skips the update,
    saves alone, or has no Scheduler.

    Only Schedulers of optimizers with the same numbers of groups and parameters are compared. If a process has several
    such Schedulers, they are distinguished by their order. A process may have one Scheduler more than another process,
    for example for a dry run on rank 0. Therefore, before it reports a difference, a process checks whether the other
    process has started another Scheduler that agrees with its own.

    Args:
        topic: the subject of the records.
        groups: the groups of the optimizer.
        waits_longer: True if a difference stops the run, so that the other process gets more time to end a dry run.
    """

    def __init__(self, topic: str, groups: Sequence[Mapping[str, Any]], *, waits_longer: bool = False) -> None:
        self._topic, self._groups, self._waits_longer = topic, groups, waits_longer
        self._kind = ""  # identifies the Schedulers that are compared; set before the first record
        self._has_ended = False
        self._order = 0  # the index among these Schedulers of this process, starting at 1; 0 before the first record

    def differing(self, ranks: Ranks, place: int, record: str) -> tuple[str, str] | None:
        """Compare a record; return the rank of a process with another record, and that record.

        If the process of the store has ended, this and all later comparisons find no difference.
        """
        if self._has_ended:
            return None
        try:
            return self._differing(ranks, place, record)
        except RuntimeError:
            self._has_ended = True
            note_end_of_store()
            return None

    def _differing(self, ranks: Ranks, place: int, record: str) -> tuple[str, str] | None:
        store, rank = ranks.store, ranks.own
        if not self._order:
            sizes = [len(group.get("params", ())) for group in self._groups]
            self._kind = f"{ranks.prefix}/{self._topic}/{len(sizes)}/{sum(sizes)}"
            self._start_next(store, rank)
        while True:
            first = store.compare_set(f"{self._kind}/{self._order}/{place}", "", f"{rank} {record}").decode()
            other, _, theirs = first.partition(" ")
            if theirs == record:
                self._waits_longer = False  # these are Schedulers of one training
                return None
            if not self._starts_another(
                ranks, other, place, f"rank {rank} has {record}, but rank {other} has {theirs}"
            ):
                return other, theirs
            log.warning(
                "comparison %d: rank %d has %s, but rank %s has %s. Rank %s has started another Scheduler since, which "
                "is compared instead", place, rank, record, other, theirs, other,
            )  # fmt: skip
            self._start_next(store, rank)

    def _starts_another(self, ranks: Ranks, other: str, place: int, difference: str) -> bool:
        """Return whether the other process starts another Scheduler before the timeout."""
        for timeout in (_TIMEOUT, _TIMEOUT * (_PATIENT - 1))[: 1 + self._waits_longer]:
            if timeout > _TIMEOUT:
                log.warning(
                    "comparison %d: %s. Waiting up to %d s for rank %s to start another Scheduler, as after a dry run",
                    place, difference, timeout.total_seconds(), other,
                )  # fmt: skip
            try:
                ranks.store.wait([f"{self._kind}/begun by {other}/{self._order + 1}"], timeout)
            except RuntimeError:  # it did not start one before the timeout, or the store has ended
                if not ranks.has_store():
                    raise
            else:
                return True
        return False

    def _start_next(self, store: Any, rank: int) -> None:
        self._order = store.add(f"{self._kind}/begun by {rank}", 1)
        store.set(f"{self._kind}/begun by {rank}/{self._order}", "yes")


@final
class AmountAgreement:
    """Checks at some updates whether all processes have consumed the same amount.

    Only Schedulers with the same plan are compared.

    Args:
        number: the number that identifies the plan.
        groups: the groups of the optimizer.
        processes: the processes that train together.
    """

    def __init__(self, number: int, groups: Sequence[Mapping[str, Any]], processes: Processes = WORLD) -> None:
        self._records, self._processes = RankRecords(f"amounts/{number}", groups, waits_longer=True), processes

    def compare(self, t: int, amount: Amount, clock: str) -> None:
        """Compare the amount consumed before update `t` with that of the other processes.

        Raises:
            InvalidArgument: another process has consumed another amount.
        """
        ranks = Ranks.of(self._processes)
        assert ranks is not None
        found = self._records.differing(ranks, t, repr(amount))
        if found is None:
            return
        (other, theirs), rank = found, ranks.own
        call, text = "consumed", f"rank {rank} would then have consumed {amount} {clock}, but rank {other} {theirs}"
        same = f"Pass the same number in each process: the sum of the {clock} of all processes"
        if clock == PROGRESS:
            call, text = "report", f"rank {rank} is at progress {amount}, but rank {other} at {theirs}"
            same = "Pass the same number in each process"
        raise InvalidArgument(f"scheduler.{call}({clock}=…) before update {t}", text, f"{same}. {_DRY_RUN}")


@final
class RunAgreement:
    """Logs a warning if the values of several processes differ: their plans, metric states or numbers of updates.

    These are compared whenever values were computed in advance: after the first update of a start, after a metric was
    observed, and every few thousand updates. Other updates cost nothing. If seconds are measured, nothing is compared,
    because rank 0 computes fewer values in advance than the other ranks.

    Args:
        groups: the groups of the optimizer.
        amounts: the consumption of the plan's updates; None on the clock of updates.
        processes: the processes that train together.
    """

    def __init__(
        self, groups: Sequence[Mapping[str, Any]], amounts: RunAmounts | None, processes: Processes = WORLD
    ) -> None:
        self._processes = processes
        measures_seconds = isinstance(amounts, UnknownAmounts) and amounts.clock == "seconds"
        self._records = None if measures_seconds else RankRecords("runs", groups)  # None also after a warning
        self._count, self._next = 0, 0  # the number of comparisons, and the update of the next one

    def compare(self, t: int, in_force: ResolvedPlan, states: RuleStates) -> None:
        """Compare the run with those of the other processes, if a comparison is due after `t` completed updates."""
        if self._records is None or t < self._next:
            return
        ranks = Ranks.of(self._processes)
        if ranks is None:
            return
        mine = {str(rule): repr(state) for rule, state in states.items()}
        turns = -(-self._processes.size // MOST_AT_ONCE)  # of many processes, some take part in each later comparison
        takes_part = self._count == 0 or (self._count - self._processes.index) % turns == 0
        record = json.dumps([in_force.number, mine, t])
        found = self._records.differing(ranks, self._count, record) if takes_part else None
        self._count += 1
        self._next = t if self._count < INITIAL else t + COMPARED_EVERY
        if found is None:
            return
        self._records = None
        number, theirs, update = json.loads(found[1])
        text = (
            f"they have completed {t} and {update} updates. Load the same checkpoint in each process, and skip an "
            "update in all of them or in none"
        )
        if number != in_force.number:
            text = (
                "they follow different plans. Pass the same plan and the same run facts, such as steps_per_epoch, in "
                "each process"
            )
        elif rule := next((rule for rule in mine if mine[rule] != theirs[rule]), None):
            text = (
                f"{rule} has the state {mine[rule]} and {theirs[rule]}. Pass the same metric to scheduler.observe(…) "
                "in each process, at the same updates: the mean over all processes"
            )
        log.warning("the values of rank %d and rank %s differ: %s. %s", ranks.own, found[0], text, _DRY_RUN)
