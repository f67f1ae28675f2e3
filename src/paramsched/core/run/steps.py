"""Which calls of `optimizer.step` are updates, and which functions `torch.compile` skips."""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from types import FrameType
from typing import Any, Final, TypeVar, final
from weakref import WeakSet

import torch
from torch._C import _dynamo
from torch.optim import Optimizer
from torch.optim import optimizer as torch_optimizer

from paramsched.core.groups.fields import finite_or_none
from paramsched.core.run.group_entries import COUNT
from paramsched.core.run.messages import arguments as messages

_compiler = getattr(_dynamo.eval_frame, "get_eval_frame_callback", partial(sys.modules.get, "torch._dynamo"))
"""Returns None if the calling code is not compiled. Before torch 2.6, only if the compiler was not imported."""

CAN_CAPTURE: bool = torch.backends.cuda.is_built()  # type: ignore[no-untyped-call]  # torch does not annotate it
"""True if this torch captures CUDA graphs, also for ROCm."""

is_capturing: Callable[[], bool] = getattr(torch._C, "_cuda_isCurrentStreamCapturing", bool)
"""Returns whether the current stream is captured into a graph. The public function costs twice as much."""

_STEP_WRAPPER = torch.optim.Optimizer.profile_hook_step.__code__.co_filename
_STATE_MAKERS = frozenset({"_init_optim_state", "init_optim_state", "_NamedOptimizer.init_state"})
"""Functions that initialize an optimizer's state by a step: of torch's distributed checkpoint, of TorchTitan and
TorchTNT, and of torch's named optimizers."""


def may_be_captured() -> bool:
    """Return whether this process uses a device; one that does not would initialize it by asking for a capture."""
    return CAN_CAPTURE and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # as above


def _frames() -> Iterator[FrameType]:
    """Yield the frames of the stack, the innermost first; `traceback.walk_stack` needs twice the time."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _step_frames() -> Iterator[FrameType]:
    """Yield the frames of torch's wrapper of `step`."""
    for frame in _frames():
        code = frame.f_code
        if code.co_name == "wrapper" and code.co_filename.endswith(_STEP_WRAPPER):
            yield frame


def is_nested(optimizer: Any) -> bool:
    """Return whether this is a subclass's `super().step()`: two calls of torch's step wrapper are on the stack.

    Such a subclass calls the hooks twice. An exception also leaves a pre-hook without its post-hook, and only the stack
    distinguishes the two cases. The stack is inspected only if a pre-hook finds an open call.
    """
    depth = 0
    for frame in _step_frames():
        depth += frame.f_locals.get("self") is optimizer
    return depth > 1


def is_calling_global_hooks() -> bool:
    """Return whether torch is calling its hooks for all optimizers, whose table must not change meanwhile."""
    hooks = torch_optimizer._global_optimizer_post_hooks.values()
    return any(frame.f_locals.get("post_hook") in hooks for frame in _step_frames())


def is_skipped_by_scaler(optimizer: Any) -> bool:
    """Return whether a `GradScaler` found an overflow for a fused optimizer, whose step then changes nothing.

    `GradScaler` sets `found_inf` on the optimizer during the call. Reading its value synchronizes the device, so it is
    read only if it is set.
    """
    overflow = optimizer.__dict__.get("found_inf")
    return overflow is not None and float(overflow) > 0


def is_hidden(optimizer: Any) -> bool:
    """Return whether the current step only initializes an empty state, as torch's distributed checkpoint does.

    Such a step has zero gradients and usually an lr of 0 in every group, which is restored afterwards. A run may have
    the same values itself (a warmup from 0, frozen parameters), so the step is recognized by its caller.
    """
    if optimizer.state:
        return False
    codes = (frame.f_code for frame in _frames())
    return any(code.co_name in _STATE_MAKERS or code.co_qualname in _STATE_MAKERS for code in codes)


def refuse_steps_of_parts(optimizer: Any) -> None:
    """Raise if DeepSpeed's ZeRO makes the current step and steps this optimizer several times per update.

    ZeRO calls `step` once for each group (stages 1 and 2) or for each part of a group (stage 3).
    """
    for frame in _frames():
        owner = frame.f_locals.get("self") if frame.f_code.co_name == "_optimizer_step" else None
        if owner is not None and type(owner).__module__.startswith("deepspeed."):
            parts = vars(owner).get("bit16_groups", vars(owner).get("fp16_groups"))
            if parts is not None and len(parts) == 1:
                return
            raise messages.zero_steps_parts(optimizer)


def refuse_steps_of_processes(call: str, instead: str) -> None:
    """Raise if Accelerate makes the current `scheduler.step()`, and calls it once for each process.

    Args:
        call: the user's call.
        instead: the calls to write after "Do not pass it to prepare, and call ".
    """
    frame = sys._getframe(2).f_back  # the caller of `scheduler.step`
    if frame is None or frame.f_code.co_qualname != "AcceleratedScheduler.step":
        return
    processes = frame.f_locals.get("num_processes", 1)
    if processes > 1:
        raise messages.stepped_by_processes(call, processes, instead)


def may_fill_state(optimizer: Any) -> bool:
    """Return whether the current step may only fill an empty state: every lr is 0, and so are all gradients.

    A training step may have the same values. So the caller also requires that the plan wrote another lr, and that the
    step leaves a state. The gradients are read only for an lr of 0, because that synchronizes the device.
    """
    groups = optimizer.param_groups
    if optimizer.state or not all(finite_or_none(group.get("lr")) == 0 for group in groups):
        return False
    gradients = [parameter.grad for group in groups for parameter in group["params"] if parameter.grad is not None]
    return bool(gradients) and not any(bool(gradient.any()) for gradient in gradients)


@final
class UpdateHooks:
    """The two step hooks on an optimizer, and the only place that decides whether a step was an update.

    Args:
        before: called with the optimizer before each step, except hidden ones.
        after: called with the optimizer after each step that was an update.
        is_unchanged: returns True if the optimizer's groups are unchanged since the last update, so that `before` is
            not needed. It is not called before the first step, which may be hidden although the groups are unchanged.
        has_own_lr: returns True if the lr of the first group is the one that the plan wrote. Default: always.
        captured: called with the optimizer before each step that is captured into a CUDA graph.
    """

    def __init__(
        self,
        before: Callable[[Any], object],
        after: Callable[[Any], object],
        is_unchanged: Callable[[Any], bool] | None = None,
        has_own_lr: Callable[[Any], bool] | None = None,
        captured: Callable[[Any], object] | None = None,
    ) -> None:
        self._before = before
        self._after = after
        self._has_own_lr = has_own_lr
        self._captured = captured or _unknown
        self._may_be_captured = False  # until the first step
        self._is_unchanged: Callable[[Any], bool] = _unknown
        self._is_unchanged_later = is_unchanged or _unknown
        self._open = 0  # calls of `step` that started since the last one that is not nested ended
        # Of the open call: whether it is hidden, and whether it is only if it leaves a state. These hooks may be
        # registered during a call.
        self._is_hidden = self._is_hidden_if_filled = False

    def register_on(self, optimizer: Optimizer) -> list[Any]:
        """Register both hooks, and return the handles that remove them."""
        mark_uncompiled(UpdateHooks.before_step, UpdateHooks.after_step, _unknown)
        return [
            optimizer.register_step_pre_hook(self.before_step),
            optimizer.register_step_post_hook(self.after_step),
        ]

    def before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Handle the start of a step: torch calls this before every step."""
        if self._open and run_uncompiled(is_nested)(optimizer):
            self._open += 1
            return
        self._open = 1  # resets the count after a step that raised
        self._is_hidden = False
        if self._may_be_captured and is_capturing():
            run_uncompiled(self._captured)(optimizer)
        is_unchanged = self._is_unchanged  # faster: `self._is_unchanged(…)` would look up a method first
        if is_unchanged(optimizer):
            return
        self._is_hidden = run_uncompiled(is_hidden)(optimizer)
        self._is_hidden_if_filled = False
        if is_unchanged is _unknown:
            run_uncompiled(refuse_steps_of_parts)(optimizer)
            run_uncompiled(UpdateHooks._look_for_captures)(self, optimizer)
        if not self._is_hidden and self._has_own_lr is not None and not self._has_own_lr(optimizer):
            self._is_hidden = self._is_hidden_if_filled = run_uncompiled(may_fill_state)(optimizer)
        if not self._is_hidden:
            self._before(optimizer)
            self._is_unchanged = self._is_unchanged_later

    def _look_for_captures(self, optimizer: Any) -> None:
        """Decide at the first step whether later ones may be captured; the first one may be, too."""
        self._may_be_captured = may_be_captured()
        if self._may_be_captured and is_capturing():
            self._captured(optimizer)

    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Handle the end of a step: torch calls this after every step that did not raise."""
        if self._open > 1 and run_uncompiled(is_nested)(optimizer):
            return
        self._open = 0
        if self._is_hidden:
            if not self._is_hidden_if_filled or optimizer.state:
                return
            self._before(optimizer)  # an update with an lr of 0 that other code wrote
        # Checked before the call, because the wrapper costs a microsecond.
        if "found_inf" in optimizer.__dict__ and run_uncompiled(is_skipped_by_scaler)(optimizer):
            return
        after = self._after
        after(optimizer)


def watch_updates(
    optimizer: Optimizer, before: Callable[[Any], object] | None, after: Callable[[Any], object]
) -> Callable[[], None]:
    """Call `before` with the optimizer before each step, and `after` after each step that was an update.

    Neither is called for the hidden steps of torch's distributed checkpoint.

    Returns:
        A function that removes the hooks.
    """
    handles = UpdateHooks(before or _unknown, after).register_on(optimizer)

    def stop() -> None:
        for handle in handles:
            handle.remove()

    return stop


def updates_in_state(optimizer: Any) -> int | None:
    """Return the number of updates in an optimizer's own state; None if it does not count them (`SGD`)."""
    return updates_in_states(optimizer.state) if isinstance(optimizer, Optimizer) else None


def updates_in_states(states_by_parameter: Any) -> int | None:
    """Return the number of updates in the states of an optimizer's parameters, or in those of its checkpoint."""
    states = (
        (entry for entry in states_by_parameter.values() if isinstance(entry, dict))
        if isinstance(states_by_parameter, Mapping)
        else ()
    )
    return max((int(step) for entry in states if (step := finite_or_none(entry.get("step"))) is not None), default=None)


def _unknown(optimizer: Any) -> bool:
    """Return False: it is unknown whether the groups are unchanged."""
    del optimizer
    return False


_R = TypeVar("_R")


def run_uncompiled(function: Callable[..., _R]) -> Callable[..., _R]:
    """Wrap a function so that torch compiles neither it nor the functions that it calls.

    The wrapper costs a microsecond per call, so it is returned only in code that torch compiles or has compiled.
    """
    return function if _compiler() is None else uncompiled(function)


@cache
def uncompiled(function: Callable[..., _R]) -> Callable[..., _R]:
    """Wrap a function as `run_uncompiled` does in compiled code."""
    return torch.compiler.disable(function)  # type: ignore[no-any-return,no-untyped-call]  # torch's own annotation is Any


def mark_uncompiled(*functions: Callable[..., Any]) -> None:
    """Exclude functions from compilation, at no cost per call; the functions that they call must be marked, too.

    This marks their code objects in place. `torch.compiler.disable(recursive=False)` is not an alternative, because in
    torch 2.13 it creates a wrapper that costs as much as the hooks.
    """
    for function in (run_uncompiled, *functions):
        _mark_code(function)


@cache
def _mark_code(function: Callable[..., Any]) -> None:
    """Mark the code object of a function, once in a process: the mark stays, also after `torch._dynamo.reset()`."""
    from torch._dynamo.decorators import skip

    skip(function)


@final
class DynamicUpdate:
    """The entry of torch's compiler that makes the count in the first group dynamic, until `remove` is called.

    Without it torch compiles a second graph as soon as the count changes. The setting is one text for the process
    (`TORCH_COMPILE_DYNAMIC_SOURCES`), so all Schedulers share the entry, and the last one of them removes it. The
    entries of the user remain. The setting does not exist before torch 2.8.
    """

    def __init__(self) -> None:
        _dynamic_counts.add(self)
        sources = _dynamic_sources()
        if _COUNT_SOURCE not in sources:
            _write_dynamic_sources([*sources, _COUNT_SOURCE])

    def remove(self) -> None:
        """Remove the entry, if no other Scheduler needs it."""
        _dynamic_counts.discard(self)
        if not _dynamic_counts:
            _write_dynamic_sources([source for source in _dynamic_sources() if source != _COUNT_SOURCE])


_COUNT_SOURCE: Final = rf".*\.param_groups\[0\]\['{COUNT}'\]"
_dynamic_counts: Final[WeakSet[DynamicUpdate]] = WeakSet()
"""Those of the Schedulers in use. Weak, because a Scheduler whose optimizer was deleted removes nothing."""


_config: Any = getattr(torch.compiler, "config", None)  # since torch 2.7


def _dynamic_sources() -> list[str]:
    """Return the entries of torch's setting."""
    sources: str | None = getattr(_config, "dynamic_sources", None)
    return sources.split(",") if sources else []


def _write_dynamic_sources(entries: list[str]) -> None:
    """Write the entries into torch's setting, if this torch has it."""
    if getattr(_config, "dynamic_sources", None) is not None:
        _config.dynamic_sources = ",".join(entries)
