"""Comparing the Schedulers of several processes, without a collective operation."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, final

from paramsched.core.plan.run_amounts import Amount, RunAmounts, UnknownAmounts
from paramsched.core.runs.processes import Ranks, note_end_of_store
from paramsched.core.scheduler.messages import COMPARED_EVERY, INITIAL, MOST_AT_ONCE, WORLD, Processes
from paramsched.core.scheduler.run_state import ResolvedPlan, RuleStates
from paramsched.core.time.progress import PROGRESS
from paramsched.errors import InvalidArgument

log = logging.getLogger("paramsched")

_TIMEOUT: Final = timedelta(seconds=1)  # how long a process waits before it logs a difference
_PATIENCE: Final = timedelta(seconds=20)  # how long a difference lasts before it stops a run: a dry run may end first
_DRY_RUN = (
    "If one of the two Schedulers is only for a dry run, construct it on every rank, or before init_process_group"
)


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """Records of two processes that differ.

    Args:
        place: the place of the run.
        mine: the record of this process.
        other: the rank of the other process.
        theirs: its record.
    """

    place: int
    mine: str
    other: str
    theirs: str


@final
class RankRecords:
    """Records of the Schedulers of all processes, which are compared at the same places of the run.

    The processes do not wait for each other: the first process writes its record into torch's store, which all of them
    share, and the other processes compare theirs. A collective operation would block if a process skips the update,
    saves alone, or has no Scheduler.

    Only Schedulers of optimizers with the same numbers of groups and parameters are compared. If a process has several
    such Schedulers, they are distinguished by their order. A process may have one Scheduler more than another process,
    for example for a dry run on rank 0. Either of the two processes may find the difference:

    - the one that trains: it compares with the Scheduler that the other process starts next.
    - the one with the dry run: its next Scheduler takes the place of the dry run.

    No process knows which of the two it is. So a difference stops a run only if it still exists after some time, and
    both processes go on until then.

    Args:
        topic: the subject of the records.
        groups: the groups of the optimizer.
        stops_run: True if a difference stops the run, so that a dry run gets time to end.
    """

    def __init__(self, topic: str, groups: Sequence[Mapping[str, Any]], *, stops_run: bool = False) -> None:
        self._topic, self._groups, self._stops_run = topic, groups, stops_run
        self._kind: str  # identifies the Schedulers that are compared; set before the first record
        self._has_ended = False
        self._start = 0  # the number of the start among those of this process, from 1; 0 before the first record
        self._order: int  # the number of the Schedulers that are compared with each other; set before the first record
        self._is_unmatched = False  # True if a later start of this process takes this order, because a record differed
        self._since: float | None = None  # the time of the first difference
        self._differs: tuple[int, str] | None = None  # a place and a record that is compared again

    @property
    def is_waiting(self) -> bool:
        """True if a record differs, perhaps from that of a dry run, so that it is compared again."""
        return self._differs is not None

    def differing(self, ranks: Ranks, place: int, record: str) -> Difference | None:
        """Compare a record, and the one that differed before; return a difference that is to be reported.

        If the process of the store has ended, this and all later comparisons find no difference.
        """
        if self._has_ended:
            return None
        try:
            # one time for both comparisons, or the second may end the wait of the first
            before, now = self._differs, time.monotonic()
            found = None if before is None else self._differing(ranks, *before, now)
            if found is not None or before == (place, record):
                return found
            return self._differing(ranks, place, record, now)
        except RuntimeError:
            self._has_ended, self._differs = True, None
            note_end_of_store()
            return None

    def _differing(self, ranks: Ranks, place: int, record: str, now: float) -> Difference | None:
        store, own = ranks.store, str(ranks.own)
        if not self._start:
            sizes = [len(group.get("params", ())) for group in self._groups]
            self._kind = f"{ranks.prefix}/{self._topic}/{len(sizes)}/{sum(sizes)}"
            self._start_next(store, own)
            if self._start > 1:  # the first start has nothing to take, and asks the store for nothing
                self._take_unmatched(store, own, place, record)
        while True:
            author, theirs = _parts_of(store.compare_set(self._key(place), "", f"{own}.{self._start} {record}"))
            other, _, start = author.partition(".")
            if theirs == record:
                if self._differs == (place, record):
                    self._differs = self._since = None
                if other != own:
                    self._set_unmatched(store, own, is_unmatched=False)
                return None
            found = Difference(place, record, other, theirs)
            if not self._is_followed(ranks, other, int(start)):
                self._set_unmatched(store, own, is_unmatched=True)
                return found if self._is_final(own, found, now) else None
            if other != own:
                log.warning(
                    "comparison %d: rank %s has %s, but rank %s has %s. Rank %s has started another Scheduler since, "
                    "which is compared instead", place, own, record, other, theirs, other,
                )  # fmt: skip
            self._set_unmatched(store, own, is_unmatched=False)
            self._start_next(store, own)

    def _key(self, place: int) -> str:
        return f"{self._kind}/{self._order}/{place}"

    def _state_key(self, own: str) -> str:
        """The key of a text: by how much the starts of a process exceed their orders, and the unmatched order."""
        return f"{self._kind}/state of {own}"

    def _begun_key(self, rank: str, start: int) -> str:
        return f"{self._kind}/begun by {rank}/{start}"

    def _start_next(self, store: Any, own: str) -> None:
        """Begin another start of this process."""
        self._start = store.add(f"{self._kind}/begun by {own}", 1)
        store.set(self._begun_key(own, self._start), "yes")
        self._order = 1 if self._start == 1 else self._start - int(self._state(store, own)[0])

    def _state(self, store: Any, own: str) -> tuple[str, str]:
        key = self._state_key(own)
        surplus, _, unmatched = (store.get(key).decode() if store.check([key]) else "0").partition(" ")
        return surplus, unmatched

    def _take_unmatched(self, store: Any, own: str, place: int, record: str) -> None:
        """Take the order of an earlier start of this process which did not agree, such as a dry run."""
        unmatched = self._state(store, own)[1]
        if not unmatched:
            return
        before, self._order = self._order, int(unmatched)
        if store.check([self._key(place)]):
            author, theirs = _parts_of(store.get(self._key(place)))
            other, _, start = author.partition(".")
            if theirs == record if other == own else not store.check([self._begun_key(other, int(start) + 1)]):
                self._set_unmatched(store, own, is_unmatched=True)
                return
        self._order = before

    def _set_unmatched(self, store: Any, own: str, *, is_unmatched: bool) -> None:
        if is_unmatched != self._is_unmatched:
            self._is_unmatched = is_unmatched
            store.set(self._state_key(own), f"{self._start - self._order} {self._order if is_unmatched else ''}")

    def _is_followed(self, ranks: Ranks, other: str, start: int) -> bool:
        """Return whether the other process starts another Scheduler; wait for it, unless the run goes on anyway."""
        if other == str(ranks.own):  # another Scheduler of this process has the same order
            return True
        key = self._begun_key(other, start + 1)
        if self._stops_run:
            return bool(ranks.store.check([key]))
        try:
            ranks.store.wait([key], _TIMEOUT)
        except RuntimeError:  # it did not start one before the timeout, or the store has ended
            if not ranks.has_store():
                raise
            return False
        return True

    def _is_final(self, own: str, found: Difference, now: float) -> bool:
        """Return whether a difference is reported now; else it is compared again."""
        if not self._stops_run:
            return True
        limit = _PATIENCE.total_seconds()
        if self._since is None:
            self._since, self._differs = now, (found.place, found.mine)
            if limit:
                log.warning(
                    "comparison %d: rank %s has %s, but rank %s has %s. The run stops in %d s, unless one of them is a "
                    "dry run, and its process has started another Scheduler until then",
                    found.place, own, found.mine, found.other, found.theirs, limit,
                )  # fmt: skip
        if now - self._since < limit:
            return False
        self._differs = None  # `_since` remains: the next difference is reported at once
        return True


def _parts_of(record: bytes) -> tuple[str, str]:
    """Return the author of a record in the store, `rank.start`, and the record."""
    author, _, text = record.decode().partition(" ")
    return author, text


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
        self._records, self._processes = RankRecords(f"amounts/{number}", groups, stops_run=True), processes

    @property
    def is_waiting(self) -> bool:
        """True if the amounts differ, and are compared again before the next update."""
        return self._records.is_waiting

    def compare(self, t: int, amount: Amount, clock: str) -> None:
        """Compare the amount before update `t` with that of the other processes.

        Raises:
            InvalidArgument: another process has consumed another amount, and this has lasted for 20 seconds.
        """
        ranks = Ranks.of(self._processes)
        assert ranks is not None
        found = self._records.differing(ranks, t, repr(amount))
        if found is None:
            return
        rank, other, mine, theirs = ranks.own, found.other, found.mine, found.theirs
        call, text = "consumed", f"rank {rank} would then have consumed {mine} {clock}, but rank {other} {theirs}"
        same = f"Pass the same number in each process: the sum of the {clock} of all processes"
        if clock == PROGRESS:
            call, text = "report", f"rank {rank} is at progress {mine}, but rank {other} at {theirs}"
            same = "Pass the same number in each process"
        raise InvalidArgument(f"scheduler.{call}({clock}=…) before update {found.place}", text, f"{same}. {_DRY_RUN}")


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
        number, theirs, update = json.loads(found.theirs)
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
        log.warning("the values of rank %d and rank %s differ: %s. %s", ranks.own, found.other, text, _DRY_RUN)
