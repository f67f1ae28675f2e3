"""The steps of all optimizers of the process, reported by a hook of torch to the runs that wait for one."""

from typing import Any, Final, Protocol, final
from weakref import WeakKeyDictionary, WeakSet

from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.hooks import RemovableHandle

from paramsched.core.run.steps import is_calling_global_hooks, mark_uncompiled, run_uncompiled


class StepObserver(Protocol):
    """An object that waits for steps of optimizers."""

    def waits_for(self, optimizer: Any) -> bool:
        """Return whether the steps of an optimizer concern it."""

    def after_step(self, optimizer: Any) -> None:
        """Note a step of such an optimizer."""


@final
class StepHook:
    """Torch's hook after the steps of all optimizers. It is registered while an observer waits, and owns none."""

    def __init__(self) -> None:
        self._observers = WeakSet[StepObserver]()
        # Those that wait for the steps of an optimizer, so that other optimizers are not slower.
        self._waiting = WeakKeyDictionary[Any, WeakSet[StepObserver]]()
        self._handle: RemovableHandle | None = None

    def add(self, observer: StepObserver) -> None:
        """Report steps to an observer from now on."""
        self._observers.add(observer)
        self._waiting.clear()
        if self._handle is None:
            mark_uncompiled(StepHook.after_step)
            self._handle = register_optimizer_step_post_hook(self.after_step)

    def remove(self, observer: StepObserver) -> None:
        """Report no step to an observer any more."""
        self._observers.discard(observer)
        self._waiting.clear()

    def remove_if_unused(self) -> None:
        """Remove the hook if no observer waits. Torch may be calling the hooks: then a later call removes it."""
        if self._handle is not None and not self._observers and not is_calling_global_hooks():
            self._handle.remove()
            self._handle = None

    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Report a step: torch calls this after every step of every optimizer."""
        run_uncompiled(StepHook._report)(self, optimizer)

    def _report(self, optimizer: Any) -> None:
        waiting = self._waiting.get(optimizer)
        if waiting is None:
            waiting = WeakSet(observer for observer in self._observers if observer.waits_for(optimizer))
            self._waiting[optimizer] = waiting
        for observer in list(waiting):
            observer.after_step(optimizer)


STEP_HOOK: Final = StepHook()
"""The hook of this process, because torch has one table of such hooks for the process."""
