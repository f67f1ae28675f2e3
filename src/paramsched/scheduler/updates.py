"""Which calls of `optimizer.step` are updates: one place for all that count them."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ParamSpec, TypeVar, final

import torch
from torch.optim import Optimizer

from paramsched.fields import finite_or_none

_STEP_WRAPPER = torch.optim.Optimizer.profile_hook_step.__code__.co_filename
_STATE_MAKERS = frozenset({"_init_optim_state", "init_optim_state", "_NamedOptimizer.init_state"})
"""Functions that fill an empty state by a step: of torch's distributed checkpoint, of TorchTitan and TorchTNT, and of
torch's named optimizers."""


@final
@dataclass(frozen=True, slots=True)
class UncountedStep:
    """A call of `step` that is no update."""

    name: str
    seen_by: str
    follows: str


def is_nested(optimizer: Any) -> bool:
    """Whether the call is one of a subclass's `super().step()`: two calls of torch's step wrapper are on the stack.

    Such a subclass fires the hooks twice, and an exception leaves a pre-hook without its post-hook: only the stack
    tells the two apart. It is looked at only where a pre-hook finds a call still open.
    """
    depth, frame = 0, sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "wrapper" and code.co_filename.endswith(_STEP_WRAPPER):
            depth += frame.f_locals.get("self") is optimizer
        frame = frame.f_back  # type: ignore[assignment]  # None at the bottom ends the loop
    return depth > 1


def is_skipped_by_scaler(optimizer: Any) -> bool:
    """Whether a fused optimizer was told of an overflow: it is called then, and changes nothing.

    `GradScaler` sets `found_inf` on the optimizer for the length of the call. Reading it synchronizes the device, so it
    is looked up only where it is.
    """
    found = optimizer.__dict__.get("found_inf")
    return found is not None and float(found) > 0


def is_hidden(optimizer: Any) -> bool:
    """Whether the step that begins only fills an empty state, as torch's distributed checkpoint takes one.

    Such a step has gradients of zeros and mostly an lr of 0 in every group, which is put back then. A run may have all
    of these values itself (a warmup from 0, frozen parameters), so the step is recognized by its caller.
    """
    if optimizer.state:
        return False
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in _STATE_MAKERS or frame.f_code.co_qualname in _STATE_MAKERS:
            return True
        frame = frame.f_back  # type: ignore[assignment]  # None at the bottom ends the loop
    return False


NESTED = UncountedStep(
    "super().step() inside a subclass's step",
    "two calls of torch's step wrapper for this optimizer on the stack",
    "nothing; the outer call counts",  # its post-hook comes last, when the weights are final
)
RAISED = UncountedStep(
    "a step that raised",
    "its post-hook never comes; the next pre-hook finds a call open that is not on the stack",
    "nothing; the values stay for the next try",  # the weights may be half updated: the user decides what to do
)
SCALER_SKIPPED = UncountedStep(
    "a step that a GradScaler skips",
    "the scaler does not call the optimizer at all",
    "nothing; the values stay for the next batch",
)
SCALER_SKIPPED_FUSED = UncountedStep(
    "a step that a GradScaler skips, of a fused optimizer",
    "`found_inf` on the optimizer is above 0 when the post-hook comes",  # the kernel itself does the skipping
    "nothing; the values stay for the next batch",
)
HIDDEN = UncountedStep(
    "the step that fills an empty state, of torch's distributed checkpoint or TorchTitan",
    "an optimizer without state, and `_init_optim_state`, `init_optim_state` or `_NamedOptimizer.init_state` on the "
    "stack",
    "nothing, ahead of it either: an lr of 0 that is there for this step is no base, and stays until it is put back",
)

UNCOUNTED_STEPS = (NESTED, RAISED, SCALER_SKIPPED, SCALER_SKIPPED_FUSED, HIDDEN)
"""The calls of `step` that are no updates. The documentation shows this table."""


@final
class UpdateHooks:
    """The two step hooks on an optimizer, and the only place that decides whether a step was an update.

    Args:
        before: called with the optimizer ahead of each step but hidden ones.
        is_unchanged: whether nothing in the optimizer's groups has changed since the last update. Then `before` has nothing
            to do. It is not asked ahead of the first step, which may be hidden though the groups are as they were.
    """

    def __init__(
        self,
        before: Callable[[Any], object],
        after: Callable[[Any], object],
        is_unchanged: Callable[[Any], bool] | None = None,
    ) -> None:
        self._before, self._after = before, after
        self._is_unchanged: Callable[[Any], bool] = _unknown
        self._is_unchanged_later = is_unchanged or _unknown
        self._open = 0  # calls of `step` that have begun and not ended
        self._is_hidden = False  # whether the open one is hidden

    def register_on(self, optimizer: Optimizer) -> list[Any]:
        """Register both hooks; what takes them off again."""
        mark_uncompiled(UpdateHooks.before_step, UpdateHooks.after_step, _unknown)
        return [
            optimizer.register_step_pre_hook(self.before_step),
            optimizer.register_step_post_hook(self.after_step),
        ]

    def before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Torch calls this ahead of every step."""
        if self._open and run_uncompiled(is_nested)(optimizer):
            self._open += 1
            return
        self._open = 1  # also after a step that raised
        self._is_hidden = False
        is_unchanged = self._is_unchanged  # calling `self._is_unchanged(…)` would look for a method first
        if is_unchanged(optimizer):
            return
        self._is_hidden = run_uncompiled(is_hidden)(optimizer)
        if not self._is_hidden:
            self._before(optimizer)
            self._is_unchanged = self._is_unchanged_later

    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Torch calls this behind every step that did not raise."""
        if self._open > 1 and run_uncompiled(is_nested)(optimizer):
            self._open -= 1
            return
        self._open = 0
        if self._is_hidden:
            return
        # CallSite ahead of the call: the wrapper costs a microsecond.
        if "found_inf" in optimizer.__dict__ and run_uncompiled(is_skipped_by_scaler)(optimizer):
            return
        after = self._after
        after(optimizer)


def watch_updates(
    optimizer: Optimizer, before: Callable[[Any], object] | None, after: Callable[[Any], object]
) -> Callable[[], None]:
    """Call `before` with the optimizer ahead of each step, and `after` behind each that was an update.

    Neither is called for the hidden steps of torch's distributed checkpoint. What is returned stops it.
    """
    handles = UpdateHooks(before or _unknown, after).register_on(optimizer)

    def stop() -> None:
        for handle in handles:
            handle.remove()

    return stop


def updates_in_state(optimizer: Any) -> int | None:
    """How many updates an optimizer's own state has seen; None for one that does not count (`SGD`)."""
    if not isinstance(optimizer, Optimizer):
        return None
    states = (entry for entry in optimizer.state.values() if isinstance(entry, dict))
    return max((int(step) for entry in states if (step := finite_or_none(entry.get("step"))) is not None), default=None)


def _unknown(optimizer: Any) -> bool:
    """What is not known: nothing says that the groups are as they were left."""
    del optimizer
    return False


_P = ParamSpec("_P")
_R = TypeVar("_R")


@cache
def run_uncompiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A function that is run as it is, with all that it calls. The wrapper costs a microsecond: for what is rare.

    Made when first asked for: it imports torch's tracer, which an optimizer has done by then.
    """
    return torch.compiler.disable(function)  # type: ignore[no-any-return,no-untyped-call]  # torch's own annotation is Any


def mark_uncompiled(*functions: Callable[..., Any]) -> None:
    """Run these functions as they are, at no cost per call; what they call has to be marked or wrapped too.

    It marks their code in place. `torch.compiler.disable(recursive=False)` is no way to that: in torch 2.13 it makes a
    wrapper, which costs as much as the hooks.
    """
    from torch._dynamo.decorators import skip as mark_code

    for function in functions:
        mark_code(function)


def expect_changing_number(key: str) -> None:
    """Let torch's compiler take a number that the first group holds for one that changes, from the first graph on.

    It compiles a second graph otherwise, when it sees the number change. Torch's own setting for that
    (`TORCH_COMPILE_DYNAMIC_SOURCES`) is added to; torch before 2.8 has none.
    """
    config = getattr(torch.compiler, "config", None)
    known = getattr(config, "dynamic_sources", None)
    pattern = rf".*\.param_groups\[0\]\['{key}'\]"
    if isinstance(known, str) and pattern not in known:
        config.dynamic_sources = f"{known},{pattern}" if known else pattern  # type: ignore[union-attr]  # it has the one above
