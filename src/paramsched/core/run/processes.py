"""The processes that train together, and messages about conditions that each of them detects: the first one warns."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, final

import torch.distributed as dist

from paramsched.core.base.problem import PlanWarning, Problem, warn_user

log = logging.getLogger("paramsched")

COMPARED_EVERY: Final = 64  # updates; a wrong amount or state remains in later ones, so the next comparison detects it
MOST_AT_ONCE: Final = 256  # processes that use the store at the same update, except at a start
INITIAL: Final = 2  # comparisons without a distance after a start, a load or a seek, when most mistakes occur


@final
@dataclass(frozen=True, slots=True)
class Processes:
    """The processes that train together: those of a process group; by default, all of the world.

    Args:
        group: the process group; None for all processes.
        strict: True if a warning is raised, in each process that detects its condition.
    """

    group: Any = None
    strict: bool = False

    @property
    def several(self) -> bool:
        """True if this process is one of several that train together."""
        if not (dist.is_available() and dist.is_initialized() and self.size > 1):
            return False
        if dist.get_backend(self.group) == "fake":
            _note_fake_group()
            return False
        return True

    @property
    def size(self) -> int:
        """The number of processes, if there are several."""
        return dist.get_world_size(self.group)

    @property
    def index(self) -> int:
        """The position of this process among them, if there are several."""
        return dist.get_rank(self.group)

    @property
    def level(self) -> int:
        """The level of a message about a condition that every process detects: a warning in the first one."""
        return logging.INFO if self.several and self.index > 0 else logging.WARNING

    def log(self, text: str, *arguments: Any) -> None:
        """Log a condition that every process detects: as a warning in the first one, as information in the others."""
        log.log(self.level, text, *arguments, stacklevel=2)

    def warn(self, problem: Problem) -> None:
        """Warn of a condition that every process detects, at the user's line; raise the warning if `strict`."""
        if self.strict:
            raise PlanWarning(problem)
        if self.level == logging.WARNING:
            warn_user(problem)
        else:
            log.info("%s", problem)

    @contextmanager
    def warnings_of_files(self) -> Iterator[None]:
        """Raise the warnings about a file that is read, if `strict`."""
        if not self.strict:
            yield
            return
        with warnings.catch_warnings():
            warnings.simplefilter("error", PlanWarning)
            yield

    def __deepcopy__(self, _memo: Any) -> "Processes":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Processes, (None, self.strict)  # because a process group belongs to its process


WORLD: Final = Processes()


@cache
def _note_fake_group() -> None:
    """Log once that torch's fake process group has no other processes."""
    log.info("the process group is torch's fake one: this process compares nothing, and uses its own time and files")

