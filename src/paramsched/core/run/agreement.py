"""The agreement of the processes that train together: on the run, and on its amounts."""

import atexit
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, final

from paramsched.core.plan.lines import RuleStates
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.processes import COMPARED_EVERY, INITIAL, MOST_AT_ONCE, WORLD, Processes
from paramsched.core.run.ranks import Ranks, note_end_of_store
from paramsched.core.time.amounts import PROGRESS
from paramsched.errors import InvalidArgument

log = logging.getLogger("paramsched")

_TIMEOUT: Final = timedelta(seconds=1)  # how long a process waits before it logs a difference of runs
_PAUSE: Final = 0.05  # seconds between two looks while it waits
_KEPT: Final = 16  # the last starts of the first process that are compared
_ABSENT: Final = "-"  # differs from all texts in the store
_UNANSWERED: Final = 2  # places: those of the start, and then the last one of a process that is ahead
_LOOKS: Final = 4  # before the next comparison, at a record that the first process has not written yet
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
        other: the rank of the first process.
        theirs: its record.
    """

    place: int
    mine: str
    other: str
    theirs: str


@final
class RankRecords:
    """Records of the Schedulers of all processes, which are compared at the same places of the run.

    The processes do not wait for each other: the first process writes its records into torch's store, which all of them
    share, and each other process compares its own. A collective operation would block if a process skips the update,
    saves alone, or has no Scheduler.

    Only Schedulers of optimizers with the same numbers of groups and parameters are compared. The first process may
    have several of them, at the same time or after each other, and either process may have one for a dry run. So a
    record agrees if one of these starts of the first process has an equal one:

    - a start that wrote the record since this Scheduler compared its first one;
    - the last start, and in the first comparison every start. If one of them agreed with the previous Scheduler of this
      process, it and those before it have ended, unless they write again.

    If no such start has a record of the place yet, it is compared again. If it differs, one of the two Schedulers may
    be that of a dry run, so a difference is reported only if it lasts for some time.

    Args:
        topic: the subject of the records.
        groups: the groups of the optimizer.
        stops_run: True if a difference stops the run, which goes on while it is not known to last. Otherwise the
            comparison waits, for a shorter time.
    """

    def __init__(self, topic: str, groups: Sequence[Mapping[str, Any]], *, stops_run: bool = False) -> None:
        self._topic, self._groups, self._stops_run = topic, groups, stops_run
        self._kind = ""  # identifies the Schedulers that are compared; set before the first record
        self._has_ended = False
        self._start = 0  # in the first process, the number of this start
        # In other processes, since the first comparison: the stamp of then, and the start that agreed before and since.
        self._begun = 0
        self._used = 0
        self._agreed: int | None = None
        self._unanswered: list[tuple[int, str]] = []  # the last places that the first process had not reached
        self._looks: int  # at the last of them; set with it
        self._differs: tuple[int, str] | None = None  # a place and a record that is compared again
        self._since: float | None = None  # the time of the first difference
        self._is_told = False  # True if that difference was logged

    @property
    def is_waiting(self) -> bool:
        """True if a record must be compared again before the next place."""
        return self._differs is not None or (bool(self._unanswered) and self._looks < _LOOKS)

    def differing(self, ranks: Ranks, place: int, record: str) -> Difference | None:
        """Compare a record, and those that are compared again; return a difference that is to be reported.

        If the process of the store has ended, this and all later comparisons find no difference.
        """
        if self._has_ended:
            return None
        try:
            if not self._kind:
                sizes = [len(group.get("params", ())) for group in self._groups]
                self._kind = f"{ranks.prefix}/{self._topic}/{len(sizes)}/{sum(sizes)}"
            if ranks.own == ranks.first:
                self._publish(ranks.store, place, record)
                return None
            now = time.monotonic()  # one time for all of them, or a later one may end the wait of the first
            again = self._unanswered if self._differs is None else [self._differs]
            for one in dict.fromkeys([*again, (place, record)]):
                if found := self._compared(ranks, *one, now):
                    return found
            return None
        except RuntimeError:
            self._has_ended, self._unanswered, self._differs = True, [], None
            note_end_of_store()
            return None

    def _publish(self, store: Any, place: int, record: str) -> None:
        """Write a record of the first process, and how many it has written."""
        self._start = self._start or store.add(f"{self._kind}/starts", 1)
        stamp = store.add(f"{self._kind}/records", 1)
        store.set(f"{self._kind}/{self._start}/{place}", f"{stamp} {record}")

    def _record(self, store: Any, start: int, place: int) -> tuple[int, str] | None:
        """Return the stamp and the record of a start of the first process; None if it has not written it."""
        stamp, _, record = _read(store, f"{self._kind}/{start}/{place}").partition(" ")
        return (int(stamp), record) if stamp else None

    def _compared(self, ranks: Ranks, place: int, record: str, now: float) -> Difference | None:
        ends = now + _TIMEOUT.total_seconds()
        while True:
            found = self._theirs(ranks.store, str(ranks.own), place, record)
            if found is None:
                self._note_unanswered(place, record)
                return None
            self._unanswered = [one for one in self._unanswered if one != (place, record)]
            if found == record:
                self._close(ranks, place, record)
                return None
            difference = Difference(place, record, str(ranks.first), found)
            if self._stops_run:
                return difference if self._is_final(ranks, difference, now) else None
            if time.monotonic() >= ends:
                return difference
            time.sleep(_PAUSE)

    def _theirs(self, store: Any, own: str, place: int, record: str) -> str | None:
        """Return the record of the first process at a place: an equal one if there is one, or None if there is none."""
        key, is_first = f"{self._kind}/agreed of {own}", self._agreed is None
        if self._agreed is None:
            self._begun = store.add(f"{self._kind}/records", 0)
            self._used = self._agreed = int(_read(store, key) or 0)
        elif self._agreed and (found := self._record(store, self._agreed, place)):
            stamp, text = found
            if text == record and stamp > self._begun:
                return record
        last, theirs = store.add(f"{self._kind}/starts", 0), None
        ended = self._used if is_first else self._used - 1  # the used one may write again
        for start in range(last, max(0, last - _KEPT, ended), -1):
            if not (found := self._record(store, start, place)):
                continue
            stamp, text = found
            if stamp > self._begun or (start > self._used and (is_first or start == last)):
                if text == record:
                    if start != self._agreed:
                        store.set(key, str(start))
                        self._agreed = start
                    return record
                theirs = theirs or text
        return theirs

    def _note_unanswered(self, place: int, record: str) -> None:
        if (place, record) not in self._unanswered:
            self._unanswered, self._looks = [*self._unanswered, (place, record)][-_UNANSWERED:], 0
        self._looks += (place, record) == self._unanswered[-1]

    def _close(self, ranks: Ranks, place: int, record: str) -> None:
        """Note that a record agrees."""
        if self._differs != (place, record):
            return
        if self._is_told:
            log.warning(
                "comparison %d: another Scheduler of rank %d agrees with rank %d: the run goes on",
                place, ranks.first, ranks.own,
            )  # fmt: skip
        self._differs, self._since, self._is_told = None, None, False
        _untold.pop(id(self), None)

    def _is_final(self, ranks: Ranks, found: Difference, now: float) -> bool:
        """Return whether a difference is reported now; else it is compared again."""
        limit = _PATIENCE.total_seconds()
        if self._since is None:
            self._since, self._differs = now, (found.place, found.mine)
            _note_untold(id(self), f"rank {ranks.own} has {found.mine}, but rank {found.other} has {found.theirs}")
        elif limit and not self._is_told and self._differs == (found.place, found.mine):  # also at the second look
            self._is_told = True
            _untold.pop(id(self), None)
            log.warning(
                "comparison %d: rank %d has %s, but rank %s has %s. The run stops in %d s, unless one of them is a "
                "dry run, and its process has started another Scheduler until then",
                found.place, ranks.own, found.mine, found.other, found.theirs, limit,
            )  # fmt: skip
        if now - self._since < limit:
            return False
        self._differs = None  # `_since` remains: the next difference is reported at once
        return True


_untold: dict[int, str] = {}
"""The first looks at amounts that differ: the second one tells it, unless the run ends before."""


def _note_untold(key: int, text: str) -> None:
    if not _untold:
        atexit.register(_tell_at_the_end)
    _untold[key] = text


def _tell_at_the_end() -> None:
    """Log the differences that the end of the process left undecided."""
    for text in _untold.values():
        log.warning("the run ended with different amounts: %s. %s", text, _DRY_RUN)
    _untold.clear()


def _read(store: Any, key: str) -> str:
    """Return the text of a key, or an empty text if it is not set, in one operation."""
    text: str = store.compare_set(key, _ABSENT, _ABSENT).decode()
    return "" if text == _ABSENT else text


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
        """True if an amount differs, or has no counterpart yet, and is compared again before the next update."""
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
    observed, and every few thousand updates. Other updates cost nothing.

    Args:
        groups: the groups of the optimizer.
        processes: the processes that train together.
    """

    def __init__(self, groups: Sequence[Mapping[str, Any]], processes: Processes = WORLD) -> None:
        self._processes = processes
        self._records: RankRecords | None = RankRecords("runs", groups)  # None after a warning
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
        takes_part = (
            self._count == 0 or self._processes.index == 0 or (self._count - self._processes.index) % turns == 0
        )
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


@final
class AmountComparison:
    """Compares amounts at some updates as `AmountAgreement` does, once there are several processes.

    An amount that differs, perhaps from that of a dry run, is compared again before each update until this is decided.

    Many processes note an amount at the same update, and compare it at different ones, so that they do not use the
    store at the same time.

    Args:
        number: the number that identifies the plan.
        start: the update from which on amounts are compared.
        groups: the groups of the optimizer.
        processes: the processes that train together.
    """

    def __init__(
        self, number: int, start: int, groups: Sequence[Mapping[str, Any]], processes: Processes = WORLD
    ) -> None:
        self._processes = processes
        self._number, self._start, self._groups = number, start, groups
        self._compared_at = -1
        self._turn: int | None = None  # the distance from the update of an amount to that of its comparison
        self._noted: tuple[int, Amount] = start, 0  # an update, and the amount before it
        self._agreement: AmountAgreement | None = None

    def is_due(self, t: int) -> bool:
        """Return whether amounts are compared before update `t`."""
        if t == self._compared_at:
            return False
        if self._agreement is not None and self._agreement.is_waiting:
            return True
        if not (t - self._start < INITIAL or t % COMPARED_EVERY in (0, self._turn)):
            return False
        if not self._processes.several:
            return False
        if self._turn is None:
            self._turn = self._processes.index % COMPARED_EVERY if self._processes.size > MOST_AT_ONCE else 0
        return True

    @property
    def _is_waiting(self) -> bool:
        return self._agreement is not None and self._agreement.is_waiting

    def updates_until_due(self, t: int) -> int:
        """Return the number of updates from `t` until the next comparison."""
        if self._is_waiting:
            return 1
        return min((turn - t - 1) % COMPARED_EVERY + 1 for turn in (0, self._turn or 0))

    def compare(self, t: int, amount: Amount, clock: str) -> None:
        """Compare the amount before update `t` with that of the other processes.

        Raises:
            InvalidArgument: another process has consumed another amount.
        """
        if not self.is_due(t):  # the update was skipped and got another report
            return
        self._compared_at = t
        if t - self._start < INITIAL or t % COMPARED_EVERY == 0:
            self._noted = t, amount
        if self._turn and t % COMPARED_EVERY != self._turn and not self._is_waiting:
            return
        if self._agreement is None:
            self._agreement = AmountAgreement(self._number, self._groups, self._processes)
        self._agreement.compare(*self._noted, clock)
