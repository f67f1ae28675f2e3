"""Messages about what every process of a training detects: one of them warns."""

import logging
from functools import cache
from typing import Any

import torch.distributed as dist

from paramsched.base.user_warnings import warn_user

log = logging.getLogger("paramsched")


def several_processes() -> bool:
    """Return whether this process is one of several that train together."""
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return False
    if dist.get_backend() == "fake":
        _note_fake_group()
        return False
    return True


@cache
def _note_fake_group() -> None:
    """Log once that torch's fake process group has no other processes."""
    log.info("the process group is torch's fake one: this process compares nothing, and uses its own time and files")


def is_first_process() -> bool:
    """Return whether this process is the first of several, or trains alone."""
    return not several_processes() or dist.get_rank() == 0


def log_for_all(text: str, *arguments: Any) -> None:
    """Log a warning about what every process detects; all but the first log it at level INFO."""
    log.log(logging.WARNING if is_first_process() else logging.INFO, text, *arguments, stacklevel=2)


def warn_for_all(text: str) -> None:
    """Warn of what every process detects, at the user's line; all but the first log it at level INFO."""
    if is_first_process():
        warn_user(text)
    else:
        log.info(text)
