"""The processes of one training: their ranks and their store."""

import logging
import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, final

import torch.distributed as dist

from paramsched.scheduler.messages import several_processes

log = logging.getLogger("paramsched")

COMPARED_EVERY: Final = 64  # updates; a wrong amount or state remains in later ones, so the next comparison detects it
INITIAL: Final = 2  # comparisons without a distance after a start, a load or a seek, when most mistakes occur


@final
@dataclass(frozen=True, slots=True)
class Ranks:
    """The processes that train together.

    Args:
        own: the rank of this process.
        store: the store that all of them share.
        prefix: the start of their keys in the store.
    """

    own: int
    store: Any
    prefix: str

    @staticmethod
    def here() -> "Ranks | None":
        """Return the processes of the default group; None if this process trains alone."""
        if not several_processes():
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


@cache
def note_end_of_store() -> None:
    """Log once that the comparisons and the watching end with the store."""
    log.warning(
        "the process of torch's store has ended: the processes are no longer compared, and a watched plan file is no "
        "longer read. The values of the updates do not depend on this"
    )
