"""The processes that train together: what they have in common, and the messages of the first one."""

import json
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any, Final, final

import torch.distributed as dist

from paramsched.core.run.processes import WORLD, Processes
from paramsched.errors import InvalidArgument, StateError, shown

log = logging.getLogger("paramsched")


@final
@dataclass(frozen=True, slots=True)
class Ranks:
    """The processes that train together.

    Args:
        own: the rank of this process.
        store: the store that all of them share.
        prefix: the start of their keys in the store.
        first: the rank of the first of them, which leads.
    """

    own: int
    store: Any
    prefix: str
    first: int = 0

    @staticmethod
    def of(processes: Processes) -> "Ranks | None":
        """Return the ranks of processes, in the world; None if this process trains alone."""
        here, group = Ranks.here() if processes.group is None or processes.several else None, processes.group
        if here is None or group is None:
            return here
        # Groups may have the same ranks, and then different names. All ranks of a group have the same name for it.
        return replace(here, prefix=f"{here.prefix}/{group.group_name}", first=dist.get_process_group_ranks(group)[0])

    @staticmethod
    def here() -> "Ranks | None":
        """Return the processes of the default group; None if this process trains alone."""
        if not WORLD.several:
            return None
        store = dist.distributed_c10d._get_default_store()  # torch has no public function for it
        # An attempt that was killed may have left its keys. This prefix differs for many attempts: by the number of
        # processes, and by that of restarts. Each torchrun counts its own restarts, so only a single one can be used.
        size, restarts = str(dist.get_world_size()), ""
        if os.environ.get("LOCAL_WORLD_SIZE") == size:
            restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "")
        return Ranks(dist.get_rank(), store, f"paramsched/{size}/{restarts}")

    def has_store(self) -> bool:
        """Return whether the process of the store still answers."""
        try:
            self.store.check([self.prefix])
        except RuntimeError:
            return False
        return True


def processes_of(group: Any) -> Processes:
    """Validate the argument `process_group`, and return its processes.

    Raises:
        InvalidArgument: it is not a process group, or this process is not in it.
    """
    if not dist.is_available():
        return WORLD
    site = f"Scheduler(…, process_group={shown(group)})"
    if group is not dist.GroupMember.NON_GROUP_MEMBER:
        if not isinstance(group, dist.ProcessGroup):
            found = f"expected a process group of torch, got {type(group).__name__}"
            raise InvalidArgument(site, found, "For example: process_group=torch.distributed.new_group([0, 1])")
        with suppress(ValueError):  # the group was destroyed, or another process is in it
            if dist.get_rank(group) >= 0:
                return WORLD if group is dist.group.WORLD else Processes(group)
    rank = f"rank {dist.get_rank()}" if dist.is_initialized() else "this process"
    raise InvalidArgument(site, f"{rank} is not in the process group", "Pass the group that the process is in")


@cache
def note_end_of_store() -> None:
    """Log once that the comparisons end with the store."""
    log.warning(
        "the process of torch's store has ended: the processes are no longer compared. The values of the updates do "
        "not depend on this"
    )


PATIENCE: Final = timedelta(seconds=50)  # how long a rank waits for rank 0
_LOOK: Final = 0.01  # seconds between two looks for a start of rank 0
_KEPT: Final = 1024  # messages of a start in the store, without the first one


@final
class RankMessages:
    """Numbered messages of rank 0 that belong to one start of a run, which the other ranks read in order.

    Rank 0 never waits. Another rank waits for a message that is not sent yet. So rank 0 sends each message before the
    update at which the other ranks read it.

    The store counts the starts of each rank with the same topic and key. They are matched from the end: the last start
    of a rank belongs to the last one of rank 0, the last but one to the last but one. So earlier starts that only one
    rank has do not matter: those of a dry run, or of an attempt that was killed and left its store. Ranks construct
    their Schedulers at different times, so a match may be wrong until all of them train. `settle` matches again.
    A start of rank 0 from which the rank has read with an earlier start is never matched again.

    Args:
        ranks: the processes.
        topic: the subject of the messages.
        key: identifies the starts that may be matched: their plan and position.

    Raises:
        StateError: the process of the store has ended.
    """

    def __init__(self, ranks: Ranks, topic: str, key: str = "") -> None:
        self.ranks, self._topic, self._count = ranks, topic, 0
        self._kind = f"{ranks.prefix}/{topic}/{key}"
        self.is_sender = ranks.own == ranks.first
        self._is_read = False  # True if a message other than the first decided the match
        self._own = self._starts(ranks.own, 1)  # the number of this start
        self._start = self._own if self.is_sender else 0  # the number of the start of rank 0; 0 if it is unknown

    @staticmethod
    def of(processes: Processes, topic: str, key: str = "") -> "RankMessages | None":
        """Return the messages of some processes; None if this process trains alone."""
        ranks = Ranks.of(processes)
        return None if ranks is None else RankMessages(ranks, topic, key)

    def _ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the store."""
        try:
            return function(*arguments)
        except RuntimeError as error:
            raise self._error("the process of the store of the process group has ended") from error

    def _starts(self, rank: int, added: int = 0) -> int:
        """Return the number of starts of a rank."""
        return int(self._ask(self.ranks.store.add, f"{self._kind}/starts of {rank}", added))

    def _error(self, found: str) -> StateError:
        return StateError(
            f"rank {self.ranks.own} waits for message {self._count} of rank {self.ranks.first} about {self._topic}, "
            f"and {found}"
        )

    def _text_of(self, number: int) -> str:
        return f"{self._kind}/{self._start}/{number}"

    def _read_key(self, start: int) -> str:
        return f"{self._kind}/{start}/read by {self.ranks.own}"

    def key(self, name: str) -> str:
        """Return a key of the store that all ranks of the start share."""
        return f"{self._kind}/{self._start}/{name}"

    def send(self, message: Any) -> None:
        """Send JSON data; floats keep all bits.

        Raises:
            StateError: the process of the store has ended.
        """
        self._ask(self.ranks.store.set, self._text_of(self._count), json.dumps(message))
        if self._count > _KEPT:
            self._ask(self.ranks.store.delete_key, self._text_of(self._count - _KEPT))
        self._count += 1

    def settle(self) -> bool:
        """Match this start with one of rank 0; return whether it is another one than before.

        Raises:
            StateError: rank 0 has no such start.
        """
        until = time.monotonic() + PATIENCE.total_seconds()
        while True:
            start = (
                self._own
                if self.is_sender
                else self._starts(self.ranks.first) - (self._starts(self.ranks.own) - self._own)
            )
            if self._start and start == self._start:
                return False
            key = self._read_key(start)
            if start >= 1 and not (
                self._ask(self.ranks.store.check, [key])
                and self._ask(self.ranks.store.get, key) != str(self._own).encode()
            ):
                self._start, self._count = start, 0
                return True
            if time.monotonic() > until:
                raise self._error(
                    "it has not constructed or loaded a Scheduler with the same plan at the same update, or it has "
                    "ended. Construct and load the same Schedulers on all ranks, in the same order"
                )
            time.sleep(_LOOK)

    def first(self) -> Any:
        """Return the first message, which does not decide the match.

        Raises:
            StateError: as in `receive`.
        """
        if not self._start:
            self.settle()
        self._count = 0
        return self._next()

    def receive(self) -> Any:
        """Return the next message.

        Raises:
            StateError: rank 0 does not send it in time, or the process of the store has ended.
        """
        if not self._start:
            self.settle()
        message = self._next()
        if not self._is_read:
            self.keep()
        return message

    def keep(self) -> None:
        """Decide the match: no later start of this rank is matched with the same start of rank 0."""
        self._ask(self.ranks.store.set, self._read_key(self._start), str(self._own))
        self._is_read = True

    def _next(self) -> Any:
        key = self._text_of(self._count)
        try:
            self.ranks.store.wait([key], PATIENCE)
        except RuntimeError as error:  # a timeout, or the store has ended
            if self._ask(self.ranks.store.check, [key]):
                raise
            raise self._error(
                f"it has sent none. Rank {self.ranks.first} has ended or is delayed, or it has not constructed, "
                "loaded or moved its Scheduler at the same place as the other ranks"
            ) from error
        text = self._ask(self.ranks.store.get, key)
        self._count += 1
        return json.loads(text)
