"""Put the drop-ins in the place of torch's own schedulers, for code that names them by `torch.optim.lr_scheduler.…`."""

from collections.abc import Iterator
from functools import wraps
from multiprocessing import spawn
from types import ModuleType, TracebackType
from typing import Any, Self, final

import torch.optim.lr_scheduler
import torch.optim.swa_utils

from paramsched.compat.torch.base import LRScheduler, is_drop_in_class

_in_force: list["Installation"] = []
"""Who wants the drop-ins there; the names of a module belong to the whole process."""

_before: list[tuple[ModuleType, str, Any, Any]] = []
"""What is replaced while anybody does: where, the name, what stood there, and what stands there now."""


@final
class Installation:
    """What `install` has put in place; leaving the `with` block, or `undo()`, puts torch's own back.

    Where there are several, in whatever order they end, the last to end does.
    """

    def __init__(self) -> None:
        self.__enter__()

    def undo(self) -> None:
        """Put back what stood there; a second call does nothing."""
        if self not in _in_force:
            return
        _in_force.remove(self)
        while _before and not _in_force:
            module, name, theirs, ours = _before.pop()
            if getattr(module, name) is ours:  # what somebody else has put there since is theirs
                setattr(module, name, theirs)

    def __enter__(self) -> Self:
        if not _in_force:
            for module, name, ours in _replacements():
                _before.append((module, name, getattr(module, name), ours))
                setattr(module, name, ours)
        if self not in _in_force:
            _in_force.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.undo()


@final
class _InChild:
    """Installs the drop-ins where it is unpickled: in a spawned process."""

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return Installation, ()


def _replacements() -> list[tuple[ModuleType, str, Any]]:
    """Return every module and name that is replaced, and by what."""
    # Whatever of ours is built on torch's classes has to be imported before these are replaced.
    import paramsched.compat.gradual_warmup
    import paramsched.scheduler.scheduler  # noqa: F401  # imported for that reason only

    schedulers, averaging = torch.optim.lr_scheduler, torch.optim.swa_utils
    named = {kind.__name__: kind for kind in _drop_ins_below(LRScheduler)}
    homes = {name: averaging if name == "SWALR" else schedulers for name in named}
    places = [(home, name, named[name]) for name, home in homes.items() if hasattr(home, name)]
    prepare: Any = spawn.get_preparation_data

    @wraps(prepare)
    def get_preparation_data(name: str) -> dict[str, Any]:  # what a spawned process is told: scripts train in such ones
        return {**prepare(name), "paramsched": _InChild()}

    return [*places, (spawn, "get_preparation_data", get_preparation_data)]


def _drop_ins_below(kind: type) -> Iterator[type]:
    yield kind
    child: type
    for child in kind.__subclasses__():
        if is_drop_in_class(child):
            yield from _drop_ins_below(child)


def install() -> Installation:
    """Let `torch.optim.lr_scheduler.StepLR`, and every other scheduler of torch, be the drop-in of that name.

    It is the way to try the drop-ins on code that you do not want to edit. Names that a module took by
    `from torch.optim.lr_scheduler import …` before the call stay torch's own; schedulers that are built already stay
    what they are. Processes that are started meanwhile have the drop-ins too. Nothing else of torch changes, and a
    scheduler of either kind passes `isinstance` for both.

    Returns:
        A handle. Used in a `with` statement it ends with the block; else call its `undo()`.

    >>> import torch
    >>> with install():
    ...     torch.optim.lr_scheduler.StepLR.__module__
    'paramsched.compat.torch.decay'
    >>> torch.optim.lr_scheduler.StepLR.__module__
    'torch.optim.lr_scheduler'
    """
    return Installation()
