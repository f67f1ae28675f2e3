"""The processes of one training: their ranks and their store."""

import logging
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, final

import torch.distributed as dist

from paramsched.core.run.messages import WORLD, Processes
from paramsched.errors import InvalidArgument, shown

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
        here, group = Ranks.here() if processes is WORLD or processes.several else None, processes.group
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
