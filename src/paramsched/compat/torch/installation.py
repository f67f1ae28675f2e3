"""Put the drop-ins in the place of torch's own schedulers, for code that names them by `torch.optim.lr_scheduler.…`."""

from types import ModuleType, TracebackType
from typing import Any, Self, final

import torch.optim.lr_scheduler
import torch.optim.swa_utils

_OURS_ALONE = ("install", "use_tensors")  # torch has no such names


@final
class Installation:
    """What `install` has put in place; leaving the `with` block, or `undo()`, puts torch's own back."""

    def __init__(self) -> None:
        self._replaced: list[tuple[ModuleType, str, Any]] = []
        for module, name, ours in _replacements():
            found = getattr(module, name)
            if found is not ours:  # an installation around this one has replaced it, and will put it back
                self._replaced.append((module, name, found))
                setattr(module, name, ours)

    def undo(self) -> None:
        """Put back what stood there; a second call does nothing."""
        while self._replaced:
            module, name, before = self._replaced.pop()
            setattr(module, name, before)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.undo()


def _replacements() -> list[tuple[ModuleType, str, Any]]:
    """Every module and name that is replaced, and what by."""
    # Whatever of ours is built on torch's classes has to be imported before these are replaced.
    import paramsched.compat.gradual_warmup
    import paramsched.scheduler.scheduler  # noqa: F401  # imported for that reason only
    from paramsched.compat import torch as drop_ins

    names = [name for name in (*drop_ins.__all__, "_LRScheduler") if name not in _OURS_ALONE]
    schedulers = torch.optim.lr_scheduler
    return [(torch.optim.swa_utils if n == "SWALR" else schedulers, n, getattr(drop_ins, n)) for n in names]


def install() -> Installation:
    """Let `torch.optim.lr_scheduler.StepLR`, and every other scheduler of torch, be the drop-in of that name.

    It is the way to try the drop-ins on code that you do not want to edit. Names that a module took by
    `from torch.optim.lr_scheduler import …` before the call stay torch's own; schedulers that are built already stay
    what they are. Nothing else of torch changes, and a scheduler of either kind passes `isinstance` for both.

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
