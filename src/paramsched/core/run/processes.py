"""The processes that train together."""

import logging
from dataclasses import dataclass
from typing import Any, Final, final

import torch.distributed as dist

from paramsched.base.problem import PlanWarning, Problem, warn_user

log = logging.getLogger("paramsched")


@final
@dataclass(frozen=True, slots=True)
class Processes:
    """The processes that train together.

    Args:
        strict: True if a warning is raised, in each process that detects its condition.
    """

    strict: bool = False

    def log(self, text: str, *arguments: Any) -> None:
        """Log a condition that every process detects: as a warning in the first one, as information in the others."""
        log.log(logging.WARNING if is_first() else logging.INFO, text, *arguments, stacklevel=2)

    def warn(self, problem: Problem) -> None:
        """Warn of a condition that every process detects, at the user's line; raise the warning if `strict`."""
        if self.strict:
            raise PlanWarning(problem)
        if is_first():
            warn_user(problem)
        else:
            log.info("%s", problem)


WORLD: Final = Processes()


def is_first() -> bool:
    """Return whether this process is the first of those that train together, or trains alone."""
    if not (dist.is_available() and dist.is_initialized()):
        return True
    # torch's fake group has one process, which may have any rank.
    return dist.get_rank() == 0 or dist.get_backend() == "fake"
