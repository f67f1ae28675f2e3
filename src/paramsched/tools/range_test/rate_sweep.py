"""The range test with a user's training step, and the snapshot that restores the training state."""

import copy
import math
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from numbers import Real
from time import monotonic
from typing import Any, final

import numpy as np
import torch

from paramsched.core.base.signatures import readable
from paramsched.core.curves.arrays import Floats
from paramsched.core.fields import Field, base_of, is_own
from paramsched.core.foreign_calls import answering
from paramsched.core.number_checks import positive_number
from paramsched.core.plan import Plan
from paramsched.core.plan.trace import trace
from paramsched.core.schedules.anneal import geometric
from paramsched.errors import CallSite, InvalidArgument, ParamschedError, shown
from paramsched.tools.range_test.result import Ending, RangeTest


@final
class TrainingSnapshot:
    """A copy of the training state, which can be restored.

    Tensors are restored in place, because other code, such as a compiled step, keeps references to them.

    Args:
        optimizer: the optimizer, with its parameters and gradients.
        restored: modules, with their buffers and modes, and other objects with `state_dict` and `load_state_dict`.
        with_random: if True, include the states of the random generators.
    """

    def __init__(self, optimizer: Any, restored: Iterable[Any], *, with_random: bool) -> None:
        self._parts = ExitStack()  # callbacks, called in reverse order; all are called even if one raises
        put_back = self._parts.callback
        if with_random:
            if torch.cuda.is_available():
                put_back(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
            put_back(torch.set_rng_state, torch.get_rng_state())
            put_back(np.random.set_state, np.random.get_state())  # noqa: NPY002  # the global generator
            put_back(random.setstate, random.getstate())
        modules = []
        for one in restored:
            if isinstance(one, torch.nn.Module):
                modules.append(one)
            elif callable(getattr(one, "state_dict", None)) and callable(getattr(one, "load_state_dict", None)):
                put_back(one.load_state_dict, copy.deepcopy(one.state_dict()))
            else:
                found = f"expected an object with state_dict and load_state_dict, got {type(one).__name__}"
                raise InvalidArgument("find_lr(…, restore=…)", found, "Use restore=model, or restore=(model, scaler)")

        self.groups: list[dict[str, Any]] = list(optimizer.param_groups)
        trained = [parameter for group in self.groups for parameter in group["params"]]
        parameters = list(dict.fromkeys([*trained, *(one for module in modules for one in module.parameters())]))
        tensors: list[torch.Tensor] = [*parameters, *(one.grad for one in parameters if one.grad is not None)]
        for part in dict.fromkeys(part for module in modules for part in module.modules()):
            put_back(setattr, part, "training", part.training)
            for name, buffer in part.named_buffers(recurse=False):
                tensors.append(buffer)
                put_back(setattr, part, name, buffer)
        entries = [{key: value for key, value in group.items() if key != "params"} for group in self.groups]
        tensors += _held_tensors([entries, list(optimizer.state.values())])
        group_list, state = optimizer.param_groups, _with_own_containers(dict(optimizer.state))

        @put_back
        def restore_optimizer() -> None:
            if optimizer.param_groups is not group_list:
                optimizer.param_groups = group_list
            group_list[:] = self.groups
            optimizer.state.clear()
            optimizer.state.update(state)

        for group, own in zip(self.groups, entries, strict=True):  # in reverse order: cleared, then filled
            put_back(group.update, {"params": group["params"], **_with_own_containers(own)})
            put_back(group.clear)
            put_back(group["params"].__setitem__, slice(None), list(group["params"]))
        for parameter in parameters:
            put_back(setattr, parameter, "grad", parameter.grad)
            put_back(parameter.requires_grad_, parameter.requires_grad)
        copies = {tensor: tensor.detach().clone() for tensor in dict.fromkeys(tensors)}
        self._trained = [(parameter, copies[parameter]) for parameter in trained]
        for tensor, kept in copies.items():
            put_back(_fill_tensor, tensor, kept)
        put_back(torch.set_grad_enabled, torch.is_grad_enabled())

    def restore(self) -> None:
        """Restore the training state."""
        self._parts.close()

    def parameters_moved(self) -> bool:
        """Return whether any parameter of the optimizer has changed."""
        return not all(torch.equal(parameter, kept) for parameter, kept in self._trained)


def _fill_tensor(tensor: torch.Tensor, kept: torch.Tensor) -> None:
    if tensor.shape != kept.shape:  # the data of the tensor was replaced
        tensor.data = torch.empty_like(kept)
    with torch.no_grad():
        tensor.copy_(kept)


def _held_tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _held_tensors(one)


def _with_own_containers(value: Any) -> Any:
    """Return a copy of nested dicts, lists and tuples in which the tensors are not copied."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, dict):
        return {key: _with_own_containers(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_with_own_containers(one) for one in value)
    return copy.deepcopy(value)


@final
class HeldInterrupts:
    """Context manager that delays Ctrl-C except during `run`, so that the training state is always restored.

    It has an effect only in the main thread, because other threads do not receive Ctrl-C.
    """

    def __init__(self) -> None:
        self._handler: Any = None  # the previous handler
        self._in_step = False
        self._waiting: tuple[int, Any] | None = None

    def __enter__(self) -> "HeldInterrupts":
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._handler = signal.signal(signal.SIGINT, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            self._deliver()

    def run(self, step: Callable[[], Any]) -> Any:
        """Call `step` and return its result; Ctrl-C is not delayed during the call."""
        self._in_step = True
        try:
            return step()
        finally:
            self._in_step = False

    def _receive(self, number: int, frame: Any) -> None:
        """Pass a signal to the previous handler if a step is running; else keep the signal until the context ends.

        If the handler raises, later signals are kept too.
        """
        self._waiting = number, frame
        if self._in_step:
            self._in_step = False
            self._deliver()
            self._in_step = True

    def _deliver(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._handler(*waiting)


_LR = Field.of("lr")
_A_STEP = "Let step() call loss.backward() and optimizer.step()"
_A_CALL = "Write ps.find_lr(optimizer, step): step() trains on one batch and returns its loss"


@readable
@answering
def find_lr(
    optimizer: Any,
    step: Callable[[], Any],
    *,
    low: float = 1e-7,
    high: float = 10.0,
    updates: int = 100,
    smoothing: float = 0.9,
    stop_at: float = 4.0,
    restore: Any = (),
    restore_random: bool = False,
) -> RangeTest:
    """Run a learning rate range test: train with increasing learning rates, then restore the training state.

    The rates are geometrically spaced from `low` to `high` in the group with the highest lr; other groups keep their
    ratio to it. Parameters, gradients and the optimizer are always restored, even if `step` raises an exception.
    A test of more than two seconds shows its progress on standard error, if that is a terminal.

    Args:
        optimizer: the optimizer for the training, without an attached Scheduler.
        step: a function that trains on one batch, including `optimizer.step()`, and returns the loss.
        low: the first learning rate, greater than 0.
        high: the last learning rate, greater than `low`.
        updates: the number of updates, each with its own rate; at least 2.
        smoothing: the decay of the moving average of the loss, in [0, 1).
        stop_at: a factor greater than 1; the test ends when the smoothed loss exceeds this factor times its minimum.
        restore: objects to restore in addition to the optimizer and its parameters: a model, for its buffers, a
            GradScaler, or any object with a `state_dict`. Several objects are passed as a tuple. Default: none.
        restore_random: if True, restore the random generators of Python, NumPy and torch.

    Raises:
        InvalidArgument: an argument is out of its range, a loss is not a number, the first loss is not finite, or
            `step` changes no parameter.
        ParamschedError: a plan is attached to the optimizer.

    Source: Smith 2017 (1506.01186).

    >>> import torch
    >>> weight = torch.nn.Parameter(torch.tensor([3.0]))
    >>> optimizer = torch.optim.SGD([weight], lr=0.1)
    >>> def step():
    ...     optimizer.zero_grad()
    ...     loss = (weight ** 2).sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> found = find_lr(optimizer, step, low=1e-4, high=10, updates=60)
    >>> found.ending, 0.001 < found.suggestion < 1
    ('diverged', True)
    >>> weight.item(), optimizer.param_groups[0]["lr"]
    (3.0, 0.1)
    """
    rates = _rates_of_groups(optimizer, low, high, updates)
    if not callable(step):
        raise InvalidArgument(f"find_lr(…, step={shown(step)})", "expected a function", _A_STEP)
    if isinstance(smoothing, bool) or not isinstance(smoothing, Real) or not 0 <= smoothing < 1:
        raise InvalidArgument(
            f"find_lr(smoothing={shown(smoothing)})", "expected a number in [0, 1)", "For example: smoothing=0.9"
        )
    if isinstance(stop_at, bool) or not isinstance(stop_at, Real) or not stop_at > 1:
        raise InvalidArgument(
            f"find_lr(stop_at={shown(stop_at)})", "it must be greater than 1", "For example: stop_at=4"
        )
    restored = restore if isinstance(restore, (tuple, list)) else (restore,)
    snapshot = TrainingSnapshot(optimizer, restored, with_random=restore_random)
    with HeldInterrupts() as interrupts:
        try:
            return _sweep(lambda: interrupts.run(step), rates, smoothing, stop_at, snapshot)
        finally:
            snapshot.restore()


def _rates_of_groups(optimizer: Any, low: float, high: float, updates: int) -> Floats:
    """Return the learning rates of all updates and groups, an array of shape (updates, groups).

    Raises ParamschedError if a plan is attached to the optimizer.
    """
    first, last = (positive_number(CallSite("find_lr", name), value) for name, value in (("low", low), ("high", high)))
    if not first < last:
        found = "low must be less than high"
        raise InvalidArgument(f"find_lr(low={low!r}, high={high!r})", found, "For example: low=1e-7, high=10")
    if isinstance(updates, bool) or not isinstance(updates, int) or updates < 2:
        found = "expected an integer of at least 2"
        raise InvalidArgument(f"find_lr(updates={shown(updates)})", found, "For example: updates=100")
    groups = getattr(optimizer, "param_groups", None)
    if not isinstance(groups, list):
        found = f"expected an optimizer, got {shown(optimizer)}"
        raise InvalidArgument("find_lr(optimizer, …)", found, _A_CALL)
    if any(is_own(key) for group in groups for key in group):
        raise ParamschedError(
            "find_lr(…): a plan is attached to this optimizer. Call find_lr before ps.Scheduler(optimizer, plan), or "
            "call scheduler.detach() first"
        )
    bases = [base_of("lr", _LR.within(group, "an optimizer").read(group)) for group in groups]
    if not bases or max(bases) <= 0:
        found = f"lr must be greater than 0 in at least one group, got {bases}"
        raise InvalidArgument("find_lr(optimizer, …)", found, "For example: SGD(…, lr=0.1)")
    sweep = Plan(lr=geometric(first / max(bases), last / max(bases), over=updates - 1), total=updates)
    columns = trace(sweep, [{"lr": base} for base in bases])
    return np.stack([columns["lr", index] for index in range(len(bases))], axis=1)


def _with_progress(rates: Floats) -> Iterator[list[float]]:
    """Yield each row of `rates`; in a terminal, a line shows its number if the test takes more than two seconds."""
    begun, is_terminal, is_shown = monotonic(), sys.stderr is not None and sys.stderr.isatty(), False
    try:
        for number, row in enumerate(rates.tolist(), 1):
            if is_shown := is_terminal and monotonic() - begun > 2:
                sys.stderr.write(f"\rfind_lr: update {number} of {len(rates)}, lr {max(row):.3g}\033[K")
            yield row
    finally:
        if is_shown:
            sys.stderr.write("\r\033[K")


def _write_rate(group: dict[str, Any], rate: float) -> None:
    """Write the lr of a group. A tensor is filled in place, because a compiled step keeps a reference to it."""
    if isinstance(group["lr"], torch.Tensor):
        with torch.no_grad():
            group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def _sweep(
    step: Callable[[], Any],
    rates: Floats,
    smoothing: float,
    stop_at: float,
    snapshot: TrainingSnapshot,
) -> RangeTest:
    """Train with each row of `rates` in turn, until the loss is too high, and return the result of the test."""
    losses: list[float] = []
    smoothed: list[float] = []
    ending: Ending = "highest rate"
    average = 0.0
    for row in _with_progress(rates):
        for group, rate in zip(snapshot.groups, row, strict=True):  # groups that a step adds keep their lr
            _write_rate(group, float(rate))
        loss = _loss_number(step())
        if not math.isfinite(loss):
            ending = "not finite"
            break
        losses.append(loss)
        average = smoothing * average + (1 - smoothing) * loss
        smoothed.append(average / (1 - smoothing ** len(losses)))  # bias correction, as in Adam
        lowest = min(smoothed)
        if smoothed[-1] - lowest > (stop_at - 1) * abs(lowest):  # also correct for negative losses
            ending = "diverged"
            break
    if not losses:
        found = "the first loss is not finite, at the lowest rate"
        raise InvalidArgument("find_lr(…)", found, "Check the model and the data first")
    if not snapshot.parameters_moved():
        found = "no parameter has changed"
        raise InvalidArgument("find_lr(optimizer, step)", found, _A_STEP)
    return RangeTest(rates[: len(losses)].max(axis=1), np.array(losses), np.array(smoothed), ending)


def _loss_number(loss: Any) -> float:
    """Return a loss as a float; raise InvalidArgument if it is not a number."""
    try:
        if loss is None or isinstance(loss, (bool, str)):
            raise TypeError
        return float(loss.detach() if isinstance(loss, torch.Tensor) else loss)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise InvalidArgument(
            "find_lr(optimizer, step)",
            f"expected a number from step(), got {shown(loss)}",
            "Return the loss of the batch",
        ) from None
