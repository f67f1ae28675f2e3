"""The range test around the user's own step, and what it puts back."""

import copy
import math
import random
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from numbers import Real
from typing import Any, final

import numpy as np
import torch

from paramsched.base.arrays import Floats
from paramsched.base.number_checks import positive_number
from paramsched.compat.group_fields import put_value
from paramsched.errors import Asked, InvalidArgument, ParamschedError, shown
from paramsched.fields import OURS, Field, base_of
from paramsched.plan import Plan
from paramsched.plan.trace import trace
from paramsched.range_test.result import Ending, RangeTest
from paramsched.schedules import geometric


@final
@dataclass(frozen=True, slots=True)
class TrainingSnapshot:
    """A copy of everything that some updates may change.

    Tensors are filled in place, so whoever holds one of them, a compiled step say, still holds the right one.
    """

    optimizer: Any
    trained: frozenset[torch.Tensor]
    tensors: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    parameters: tuple[tuple[torch.Tensor, bool, torch.Tensor | None], ...]
    group_list: list[dict[str, Any]]
    groups: tuple[tuple[dict[str, Any], dict[str, Any], list[torch.Tensor], list[torch.Tensor]], ...]
    state: dict[Any, Any]
    buffers: tuple[tuple[torch.nn.Module, str, torch.Tensor], ...]
    modes: tuple[tuple[torch.nn.Module, bool], ...]
    others: tuple[tuple[Any, Any], ...]
    grad_enabled: bool
    random_states: tuple[Any, ...] | None

    def restore(self) -> None:
        """Put everything back; a part that fails does not keep the others from it."""
        with ExitStack() as parts:
            if self.random_states is not None:
                parts.callback(_set_random_states, self.random_states)
            for one, state in self.others:
                parts.callback(one.load_state_dict, state)
            parts.callback(self._restore_modules)
            parts.callback(self._restore_optimizer)
            for parameter, requires_grad, grad in self.parameters:
                parts.callback(_restore_gradient, parameter, requires_grad, grad)
            for tensor, kept in self.tensors:
                parts.callback(_fill_tensor, tensor, kept)
            parts.callback(torch.set_grad_enabled, self.grad_enabled)

    def _restore_optimizer(self) -> None:
        """Put back the groups that there were, with their entries, and the state."""
        if self.optimizer.param_groups is not self.group_list:
            self.optimizer.param_groups = self.group_list
        self.group_list[:] = [group for group, *_ in self.groups]
        for group, entries, parameter_list, parameters in self.groups:
            parameter_list[:] = parameters
            group.clear()
            group.update({"params": parameter_list, **entries})
        self.optimizer.state.clear()
        self.optimizer.state.update(self.state)

    def _restore_modules(self) -> None:
        for module, name, buffer in self.buffers:
            setattr(module, name, buffer)
        for module, training in self.modes:
            module.training = training

    def parameters_moved(self) -> bool:
        """Whether any parameter of the optimizer is not as it was."""
        return not all(torch.equal(tensor, kept) for tensor, kept in self.tensors if tensor in self.trained)


def snapshot_of(optimizer: Any, restored: Iterable[Any], *, with_random: bool) -> TrainingSnapshot:
    """Copy what training changes of an optimizer and its parameters, and of what else is restored.

    Args:
        restored: modules, with their buffers and modes; and others that have `state_dict` and `load_state_dict`.
        with_random: the states of the random numbers too.
    """
    modules, others = [], []
    for one in restored:
        if isinstance(one, torch.nn.Module):
            modules.append(one)
        elif callable(getattr(one, "state_dict", None)) and callable(getattr(one, "load_state_dict", None)):
            others.append((one, copy.deepcopy(one.state_dict())))
        else:
            found = f"a {type(one).__name__} has no state_dict and load_state_dict"
            raise InvalidArgument("find_lr(…, restore=…)", found, "Write restore=model, or restore=(model, scaler)")
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    parameters = list(dict.fromkeys([*trained, *(one for module in modules for one in module.parameters())]))
    parts = list(dict.fromkeys(part for module in modules for part in module.modules()))
    buffers = [(part, name, buffer) for part in parts for name, buffer in part.named_buffers(recurse=False)]
    tensors: list[torch.Tensor] = [*parameters, *(buffer for _, _, buffer in buffers)]
    tensors += [one for parameter in parameters if (one := parameter.grad) is not None]
    entries = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    tensors += _held_tensors(entries)
    tensors += _held_tensors(list(optimizer.state.values()))
    return TrainingSnapshot(
        optimizer=optimizer,
        trained=frozenset(trained),
        tensors=tuple((tensor, tensor.detach().clone()) for tensor in dict.fromkeys(tensors)),
        parameters=tuple((parameter, parameter.requires_grad, parameter.grad) for parameter in parameters),
        group_list=optimizer.param_groups,
        groups=tuple(
            (group, _with_own_containers(own), group["params"], list(group["params"]))
            for group, own in zip(optimizer.param_groups, entries, strict=True)
        ),
        state=_with_own_containers(dict(optimizer.state)),
        buffers=tuple(buffers),
        modes=tuple((part, part.training) for part in parts),
        others=tuple(others),
        grad_enabled=torch.is_grad_enabled(),
        random_states=_random_states() if with_random else None,
    )


def _fill_tensor(tensor: torch.Tensor, kept: torch.Tensor) -> None:
    if tensor.shape != kept.shape:  # someone has put other data in
        tensor.data = torch.empty_like(kept)
    with torch.no_grad():
        tensor.copy_(kept)


def _restore_gradient(parameter: torch.Tensor, requires_grad: bool, grad: torch.Tensor | None) -> None:
    parameter.requires_grad_(requires_grad)
    parameter.grad = grad


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


def _random_states() -> tuple[Any, ...]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda  # noqa: NPY002  # the shared one


def _set_random_states(states: tuple[Any, ...]) -> None:
    """Put the states of the shared generators back."""
    python, numpy, cpu, cuda = states
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002  # the shared one
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state_all(cuda)


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
    >>> found.ending, 0.001 < found.suggestion < 1, weight.item(), optimizer.param_groups[0]["lr"]
    ('diverged', True, 3.0, 0.1)
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
    before = snapshot_of(optimizer, restored, with_random=restore_random)
    with HeldInterrupts() as interrupts:
        try:
            return _swept(lambda: interrupts.run(step), rates, smoothing, stop_at, before)
        finally:
            before.restore()


def _rates_of_groups(optimizer: Any, low: float, high: float, updates: int) -> Floats:
    """The rate of each update in each group, from a plan; an optimizer where a plan is at work is refused."""
    first, last = (positive_number(Asked("find_lr", name), value) for name, value in (("low", low), ("high", high)))
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
        for (group, *_), rate in zip(before.groups, row, strict=True):  # a step may add groups, which keep their rates
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
