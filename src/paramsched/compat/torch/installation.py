"""Replace torch's own schedulers with the drop-ins, for code that refers to `torch.optim.lr_scheduler.…`."""

from functools import wraps
from importlib import import_module
from multiprocessing import spawn
from types import ModuleType, TracebackType
from typing import Any, Self, final

import torch.optim.lr_scheduler
import torch.optim.swa_utils

from paramsched.compat.torch.base import LRScheduler

_active: list["Installation"] = []
"""The active installations; they are global because the names of a module belong to the process."""

_replaced: list[tuple[ModuleType, str, Any, Any]] = []
"""A tuple (module, name, original, replacement) for each name that is replaced while an installation is active."""


@final
class Installation:
    """The handle that `install` returns. Leaving its `with` block, or `undo()`, restores torch's schedulers.

    If several installations are active, the last one to end restores them.
    """

    def __init__(self) -> None:
        self.__enter__()

    def undo(self) -> None:
        """Restore torch's schedulers; a second call has no effect."""
        if self not in _active:
            return
        _active.remove(self)
        while _replaced and not _active:
            module, name, theirs, ours = _replaced.pop()
            if getattr(module, name) is ours:  # keep a later replacement by other code
                setattr(module, name, theirs)

    def __enter__(self) -> Self:
        if not _active:
            for module, name, ours in _replacements():
                _replaced.append((module, name, getattr(module, name), ours))
                setattr(module, name, ours)
        if self not in _active:
            _active.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.undo()


@final
class _InstallInChild:
    """An object that installs the drop-ins in the spawned process that unpickles it."""

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return Installation, ()


def _replacements() -> list[tuple[ModuleType, str, Any]]:
    """Return a tuple (module, name, replacement) for each name to replace."""
    # Our classes that derive from torch's must be imported before torch's are replaced.
    import paramsched.compat.gradual_warmup
    import paramsched.core.runs.scheduler  # noqa: F401  # imported only for this

    drop_ins: Any = import_module("paramsched.compat.torch")
    named = {name: getattr(drop_ins, name) for name in (*drop_ins.__all__, "_LRScheduler")}
    schedulers, averaging = torch.optim.lr_scheduler, torch.optim.swa_utils
    places = [
        (averaging if name == "SWALR" else schedulers, name, kind)
        for name, kind in named.items()
        if isinstance(kind, type) and issubclass(kind, LRScheduler)
    ]
    prepare: Any = spawn.get_preparation_data

    @wraps(prepare)
    def get_preparation_data(
        name: str,
    ) -> dict[str, Any]:  # the data passed to a spawned process, in which scripts may train
        return {**prepare(name), "paramsched": _InstallInChild()}

    return [*places, (spawn, "get_preparation_data", get_preparation_data)]


def install() -> Installation:
    """Replace `torch.optim.lr_scheduler.StepLR`, and every other scheduler of torch, with the drop-in of that name.

    Use it to try the drop-ins on code that you do not want to edit. Names imported by
    `from torch.optim.lr_scheduler import …` before the call remain torch's, and so do schedulers that are already
    built. Processes that are spawned before `undo()` also use the drop-ins. Both torch's schedulers and the drop-ins
    pass `isinstance` checks for either class. The rest of torch is unchanged.

    Returns:
        A handle. Use it in a `with` statement, or call its `undo()` to restore torch's schedulers.

    >>> import torch
    >>> with install():
    ...     torch.optim.lr_scheduler.StepLR.__module__
    'paramsched.compat.torch.decay'
    >>> torch.optim.lr_scheduler.StepLR.__module__
    'torch.optim.lr_scheduler'
    """
    return Installation()
