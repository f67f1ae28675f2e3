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


@final
@dataclass(frozen=True, slots=True)
class Processes:
    """The processes that train together: all of the world.

    Args:
        strict: True if a warning is raised, in each process that detects its condition.
    """

    strict: bool = False

    @property
    def several(self) -> bool:
        """True if this process is one of several that train together."""
        if not (dist.is_available() and dist.is_initialized() and self.size > 1):
            return False
        if dist.get_backend() == "fake":
            _note_fake_group()
            return False
        return True

    @property
    def size(self) -> int:
        """The number of processes, if there are several."""
        return dist.get_world_size()

    @property
    def index(self) -> int:
        """The position of this process among them, if there are several."""
        return dist.get_rank()

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


WORLD: Final = Processes()


@cache
def _note_fake_group() -> None:
    """Log once that torch's fake process group has no other processes."""
    log.info("the process group is torch's fake one: this process uses its own time and files")
