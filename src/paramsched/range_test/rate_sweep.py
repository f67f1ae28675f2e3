"""The range test around the user's own step, and what it puts back."""

import copy
import math
import random
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from numbers import Real
from typing import Any, final

import numpy as np
import torch

from paramsched.base.arrays import Floats
from paramsched.base.number_checks import positive_number
from paramsched.compat.group_fields import put_value
from paramsched.errors import CallSite, InvalidArgument, ParamschedError, shown
from paramsched.fields import OURS, Field, base_of
from paramsched.plan import Plan
from paramsched.plan.trace import trace
from paramsched.range_test.result import Ending, RangeTest
from paramsched.schedules import geometric


@final
class TrainingSnapshot:
    """A copy of everything that some updates may change, and how to put it back.

    Tensors are filled in place, because others, such as a compiled step, keep a reference to them.

    Args:
        restored: modules, with their buffers and modes; and others that have `state_dict` and `load_state_dict`.
        with_random: the states of the random numbers too.
    """

    def __init__(self, optimizer: Any, restored: Iterable[Any], *, with_random: bool) -> None:
        self._parts = ExitStack()  # the last part is put back first; one that fails does not keep the others from it
        put_back = self._parts.callback
        if with_random:
            if torch.cuda.is_available():
                put_back(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
            put_back(torch.set_rng_state, torch.get_rng_state())
            put_back(np.random.set_state, np.random.get_state())  # noqa: NPY002  # the shared one
            put_back(random.setstate, random.getstate())
        modules = []
        for one in restored:
            if isinstance(one, torch.nn.Module):
                modules.append(one)
            elif callable(getattr(one, "state_dict", None)) and callable(getattr(one, "load_state_dict", None)):
                put_back(one.load_state_dict, copy.deepcopy(one.state_dict()))
            else:
                found = f"a {type(one).__name__} has no state_dict and load_state_dict"
                raise InvalidArgument("find_lr(…, restore=…)", found, "Write restore=model, or restore=(model, scaler)")

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

        for group, own in zip(self.groups, entries, strict=True):  # cleared first, then filled
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
        """Put everything back."""
        self._parts.close()

    def parameters_moved(self) -> bool:
        """Return whether any parameter of the optimizer has changed."""
        return not all(torch.equal(parameter, kept) for parameter, kept in self._trained)


def _fill_tensor(tensor: torch.Tensor, kept: torch.Tensor) -> None:
    if tensor.shape != kept.shape:  # someone has put other data in
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
    """The same tensors, in copies of what holds them; anything else is copied."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, dict):
        return {key: _with_own_containers(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_with_own_containers(one) for one in value)
    return copy.deepcopy(value)


@final
class HeldInterrupts:
    """Lets Ctrl-C end a step only; between two steps, and while everything is put back, it waits.

    Another thread than the main one never receives it.
    """

    def __init__(self) -> None:
        self._handler: Any = None  # the one that was there
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
        """Return what a step returns."""
        self._in_step = True
        found = step()
        self._in_step = False
        return found

    def _receive(self, number: int, frame: Any) -> None:
        """Pass on the signal where a step runs; from then on it waits, in case the handler raises."""
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
    """Train for a few updates with rates from tiny to huge, say where the loss fell, and put everything back.

    The rates are those of a plan, `geometric(low, high)`, in the group with the highest lr; other groups keep their
    ratio to it. Whatever happens, an exception included, parameters, gradients and the optimizer are as before then.

    Args:
        optimizer: as training will use it, before a Scheduler is made for it.
        step: runs one batch as training does, `optimizer.step()` included, and returns its loss.
        low, high: the first and the last rate, above 0.
        updates: how many rates, 2 or more.
        smoothing: how much of the running average is kept at each update, from 0 to below 1.
        stop_at: the test ends where the smoothed loss is this many times its lowest, above 1.
        restore: what else is put back: the model, for its buffers, a GradScaler, anything with a `state_dict`; or
            several in a tuple. Parameters of the optimizer are put back in any case.
        restore_random: put the random numbers of Python, NumPy and torch back too.

    Raises:
        InvalidArgument: an argument out of its range, a loss that is no number, a first loss that is not finite, or a
            `step` that moves no parameter.
        ParamschedError: a plan is at work in the optimizer.

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
            f"find_lr(smoothing={shown(smoothing)})", "it is from 0 to below 1", "Write smoothing=0.9"
        )
    if isinstance(stop_at, bool) or not isinstance(stop_at, Real) or not stop_at > 1:
        raise InvalidArgument(f"find_lr(stop_at={shown(stop_at)})", "it is above 1", "Write stop_at=4")
    restored = restore if isinstance(restore, (tuple, list)) else (restore,)
    before = TrainingSnapshot(optimizer, restored, with_random=restore_random)
    with HeldInterrupts() as interrupts:
        try:
            return _swept(lambda: interrupts.run(step), rates, smoothing, stop_at, before)
        finally:
            before.restore()


def _rates_of_groups(optimizer: Any, low: float, high: float, updates: int) -> Floats:
    """The rate of each update in each group, from a plan; an optimizer where a plan is at work is refused."""
    first, last = (positive_number(CallSite("find_lr", name), value) for name, value in (("low", low), ("high", high)))
    if not first < last:
        raise InvalidArgument(f"find_lr(low={low!r}, high={high!r})", "low is below high", "Write low=1e-7, high=10")
    if isinstance(updates, bool) or not isinstance(updates, int) or updates < 2:
        found = "a whole number, 2 or more"
        raise InvalidArgument(f"find_lr(updates={shown(updates)})", found, "Write updates=100")
    groups = getattr(optimizer, "param_groups", None)
    if not isinstance(groups, list):
        found = f"expected an optimizer, got {shown(optimizer)}"
        raise InvalidArgument("find_lr(optimizer, …)", found, "Write find_lr(torch.optim.SGD(…, lr=0.1), step)")
    if any(str(key).startswith(OURS) for group in groups for key in group):
        raise ParamschedError(
            "find_lr(…): a plan is at work in this optimizer. Call find_lr before ps.Scheduler(optimizer, plan), or "
            "scheduler.detach() before it"
        )
    bases = [base_of("lr", _LR.within(group, "an optimizer").read(group)) for group in groups]
    if not bases or max(bases) <= 0:
        found = f"no group has an lr above 0: {bases}"
        raise InvalidArgument("find_lr(optimizer, …)", found, "Give the optimizer its lr: SGD(…, lr=0.1)")
    sweep = Plan(lr=geometric(first / max(bases), last / max(bases), over=updates - 1), horizon=updates)
    columns = trace(sweep, [{"lr": base} for base in bases])
    return np.stack([columns["lr", index] for index in range(len(bases))], axis=1)


def _swept(
    step: Callable[[], Any],
    rates: Floats,
    smoothing: float,
    stop_at: float,
    before: TrainingSnapshot,
) -> RangeTest:
    """Take the updates, until the loss is too high."""
    losses: list[float] = []
    smoothed: list[float] = []
    ending: Ending = "highest rate"
    average = 0.0
    for row in rates.tolist():
        for group, rate in zip(before.groups, row, strict=True):  # a step may add groups, which keep their rates
            put_value(group, rate)
        loss = _loss_number(step())
        if not math.isfinite(loss):
            ending = "not finite"
            break
        losses.append(loss)
        average = smoothing * average + (1 - smoothing) * loss
        smoothed.append(average / (1 - smoothing ** len(losses)))  # the weights of so few add up to less than 1
        lowest = min(smoothed)
        if smoothed[-1] - lowest > (stop_at - 1) * abs(lowest):  # so, losses below 0 have an end too
            ending = "diverged"
            break
    if not losses:
        found = "the first loss is not finite, at the lowest rate"
        raise InvalidArgument("find_lr(…)", found, "Look at the model and the data before the rate")
    if not before.parameters_moved():
        found = "no parameter has moved"
        raise InvalidArgument("find_lr(optimizer, step)", found, _A_STEP)
    return RangeTest(rates[: len(losses)].max(axis=1), np.array(losses), np.array(smoothed), ending)


def _loss_number(loss: Any) -> float:
    """A loss as a number; what is none is refused."""
    try:
        if loss is None or isinstance(loss, (bool, str)):
            raise TypeError
        return float(loss.detach() if isinstance(loss, torch.Tensor) else loss)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise InvalidArgument(
            "find_lr(optimizer, step)", f"step() returned {shown(loss)}, no number", "Return the loss of the batch"
        ) from None
