"""A range test of the learning rate."""

import copy
import math
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from numbers import Real
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import numpy as np
import torch

from paramsched.base.params import readable
from paramsched.core.calls.checked_calls import answering
from paramsched.core.calls.number_checks import positive_number
from paramsched.core.curves import Floats
from paramsched.core.groups.fields import Field, base_of, is_own
from paramsched.core.plan import Plan, trace
from paramsched.core.schedules import geometric
from paramsched.errors import CallSite, InvalidArgument, MissingDependency, ParamschedError, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Ending: TypeAlias = Literal["highest rate", "diverged", "not finite"]


_FAR: Final = 10  # from this ratio on two suggestions contradict each other, often because of noise
_FEW: Final = 10  # differences, of which fewer have no reliable median
_MEDIAN_TO_DEVIATION: Final = 1.4826  # of normally distributed numbers
_NOISE: Final = 3  # a decrease of fewer standard deviations of the losses is noise in 97 of 100 tests without a signal


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RangeTest:
    """The result of `find_lr`. Printing it shows a picture of the loss.

    Args:
        rates: the learning rates of the group with the highest lr; shape (n,). Other groups keep their ratio to it.
        losses: the loss that `step` returned at each rate; shape (n,).
        smoothed: the exponential moving average of the losses, bias-corrected; shape (n,).
        ending: the reason for the end of the test: `"highest rate"`, `"diverged"` (the smoothed loss rose too far above
            its minimum), or `"not finite"` (the next loss was nan or infinite, and is not included).

    >>> rates = np.geomspace(1e-4, 1.0, 9)
    >>> losses = np.array([2, 2, 2, 1.5, 1.0, 0.5, 0.4, 0.8, 2.0])
    >>> found = RangeTest(rates, losses, losses, "diverged")
    >>> [round(rate, 4) for rate in (found.valley, found.steepest, found.minimum_tenth)]
    [0.0032, 0.001, 0.01]
    """

    rates: Floats
    losses: Floats
    smoothed: Floats
    ending: Ending

    @property
    def suggestion(self) -> float | None:
        """The suggested initial learning rate, `valley`; None if the loss did not decrease by more than its noise."""
        return self.valley

    @property
    def valley(self) -> float | None:
        """The rate at which half of the decrease of the smoothed loss is reached; None as for `suggestion`."""
        if (decrease := self._decrease()) is None:
            return None
        first, last = decrease
        half = (self.smoothed[: last + 1].max() + self.smoothed[last]) / 2
        return float(self.rates[first + int(np.flatnonzero(self.smoothed[first : last + 1] >= half)[-1])])

    @property
    def steepest(self) -> float | None:
        """The rate with the fastest decrease of the smoothed loss per decade; None as for `suggestion`."""
        if (decrease := self._decrease()) is None:
            return None
        first, last = decrease
        slopes = np.gradient(self.smoothed[first : last + 1], np.log10(self.rates[first : last + 1]))
        return float(self.rates[first + int(np.argmin(slopes))])

    @property
    def minimum_tenth(self) -> float | None:
        """A tenth of the rate with the smallest smoothed loss; None as for `suggestion`, or below the lowest rate."""
        decrease = self._decrease()
        tenth = 0.0 if decrease is None else float(self.rates[decrease[1]]) / 10
        return tenth if tenth >= self.rates[0] else None

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        """Return a picture of the smoothed loss for a terminal, with the suggestions and the reason for the end.

        Args:
            width: the width of the picture in characters.
            ascii: if True, use ASCII characters only.
        """
        from paramsched.show import loss_by_rate

        marks = {name: rate for name, rate in self._named_rates() if rate is not None}
        picture = loss_by_rate(self.rates, self.smoothed, marks, width=width, ascii=ascii)
        last = f"{self.rates[-1]:.2g}"
        why = {
            "highest rate": f"The highest rate, {last}, was reached.",
            "diverged": f"The loss rose too far at {last}.",
            "not finite": f"The loss was not finite above {last}.",
        }[self.ending]
        named = ", ".join(f"{name} {rate:.2g}" for name, rate in marks.items())
        if not marks:
            is_noise = self._decrease(of_noise=True) is not None
            how = "did not decrease by more than its noise" if is_noise else "never decreased"
            named = f"The loss {how}, so no rate is suggested"
        doubt = ""
        if marks and "minimum / 10" not in marks:
            doubt = f" minimum / 10 is below the lowest rate, {self.rates[0]:.2g}."
        if marks and max(marks["steepest"], marks["valley"]) > _FAR * min(marks["steepest"], marks["valley"]):
            doubt += f" steepest and valley differ by a factor of more than {_FAR}: compare them with the curve."
        return f"{picture}\n{named}. {why}{doubt}"

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Plot losses, smoothed losses and suggestions over the rates with Matplotlib, and return the axes.

        Args:
            axes: the axes to draw on. Default: those of a new figure.

        Raises:
            MissingDependency: Matplotlib is not installed.
        """
        if axes is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError as absent:
                raise MissingDependency("RangeTest.plot", "matplotlib") from absent
            axes = plt.subplots(figsize=(8, 4.5), layout="constrained")[1]
        axes.plot(self.rates, self.losses, color="0.75", linewidth=1, label="loss")
        axes.plot(self.rates, self.smoothed, color="C0", linewidth=2, label="smoothed")
        for number, (name, rate) in enumerate(self._named_rates(), 1):
            if rate is not None:
                axes.axvline(rate, color=f"C{number}", linestyle="--", linewidth=1.2, label=f"{name} {rate:.2g}")
        axes.set(xscale="log", xlabel="lr", ylabel="loss")
        low = float(self.smoothed.min())
        high = float(self.smoothed.max())
        axes.set_ylim(low - 0.08 * (high - low or 1.0), high + 0.08 * (high - low or 1.0))
        axes.grid(True, alpha=0.3)
        axes.legend(fontsize="small")
        return axes

    def __repr__(self) -> str:
        return self.text()

    def _decrease(self, *, of_noise: bool = False) -> tuple[int, int] | None:
        """Return the first and the last index of the decrease of the smoothed loss.

        Returns None if the loss never decreases, or not by more than its noise, unless `of_noise` is true.

        The decrease ends at the minimum. It starts at the last index at which at most a tenth of the decrease from
        the earlier maximum to the minimum has been reached.
        """
        last = int(np.argmin(self.smoothed))
        earlier = self.smoothed[:last]
        if not earlier.size:
            return None
        height = earlier.max() - self.smoothed[last]
        if height < _NOISE * self._noise(last) and not of_noise:
            return None
        return int(np.flatnonzero(earlier >= earlier.max() - height / 10)[-1]), last

    def _noise(self, last: int) -> float:
        """Return the standard deviation of the losses around their trend, up to the minimum, or in the first half.

        A trend does not change the second differences, and a jump does not change their median. Few losses return 0.
        """
        differences = np.diff(self.losses[: max(last + 1, len(self.losses) // 2)], 2)
        if differences.size < _FEW:
            return 0.0
        return float(_MEDIAN_TO_DEVIATION * np.median(np.abs(differences)) / 6**0.5)

    def _named_rates(self) -> tuple[tuple[str, float | None], ...]:
        return ("valley", self.valley), ("steepest", self.steepest), ("minimum / 10", self.minimum_tenth)


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
        for item in restored:
            if isinstance(item, torch.nn.Module):
                modules.append(item)
            elif callable(getattr(item, "state_dict", None)) and callable(getattr(item, "load_state_dict", None)):
                put_back(item.load_state_dict, copy.deepcopy(item.state_dict()))
            else:
                message = f"expected an object with state_dict and load_state_dict, got {type(item).__name__}"
                raise InvalidArgument("find_lr(…, restore=…)", message, "Use restore=model, or restore=(model, scaler)")

        self.groups: list[dict[str, Any]] = list(optimizer.param_groups)
        trained = [parameter for group in self.groups for parameter in group["params"]]
        of_modules = chain.from_iterable(module.parameters() for module in modules)
        parameters = list(dict.fromkeys([*trained, *of_modules]))
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        tensors: list[torch.Tensor] = [*parameters, *gradients]
        for submodule in dict.fromkeys(child for module in modules for child in module.modules()):
            put_back(setattr, submodule, "training", submodule.training)
            for name, buffer in submodule.named_buffers(recurse=False):
                tensors.append(buffer)
                put_back(setattr, submodule, name, buffer)
        entries = [{key: value for key, value in group.items() if key != "params"} for group in self.groups]
        tensors += _held_tensors([entries, list(optimizer.state.values())])
        group_list = optimizer.param_groups
        state = _with_own_containers(dict(optimizer.state))

        @put_back
        def restore_optimizer() -> None:
            if optimizer.param_groups is not group_list:
                optimizer.param_groups = group_list
            group_list[:] = self.groups
            optimizer.state.clear()
            optimizer.state.update(state)

        for group, entry in zip(self.groups, entries, strict=True):  # in reverse order: cleared, then filled
            put_back(group.update, {"params": group["params"], **_with_own_containers(entry)})
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
        for element in value.values() if isinstance(value, dict) else value:
            yield from _held_tensors(element)


def _with_own_containers(value: Any) -> Any:
    """Return a copy of nested dicts, lists and tuples in which the tensors are not copied."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, dict):
        return {key: _with_own_containers(element) for key, element in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_with_own_containers(element) for element in value)
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
        waiting = self._waiting
        self._waiting = None
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
        message = "low must be less than high"
        raise InvalidArgument(f"find_lr(low={low!r}, high={high!r})", message, "For example: low=1e-7, high=10")
    if isinstance(updates, bool) or not isinstance(updates, int) or updates < 2:
        message = "expected an integer of at least 2"
        raise InvalidArgument(f"find_lr(updates={shown(updates)})", message, "For example: updates=100")
    groups = getattr(optimizer, "param_groups", None)
    if not isinstance(groups, list):
        message = f"expected an optimizer, got {shown(optimizer)}"
        raise InvalidArgument("find_lr(optimizer, …)", message, _A_CALL)
    if any(is_own(key) for group in groups for key in group):
        raise ParamschedError(
            "find_lr(…): a plan is attached to this optimizer. Call find_lr before ps.Scheduler(optimizer, plan), or "
            "call scheduler.detach() first"
        )
    bases = [base_of("lr", _LR.within(group, "an optimizer").read(group)) for group in groups]
    if not bases or max(bases) <= 0:
        message = f"lr must be greater than 0 in at least one group, got {bases}"
        raise InvalidArgument("find_lr(optimizer, …)", message, "For example: SGD(…, lr=0.1)")
    sweep = Plan(lr=geometric(first / max(bases), last / max(bases), over=updates - 1), total=updates)
    columns = trace(sweep, [{"lr": base} for base in bases])
    return np.stack([columns["lr", index] for index in range(len(bases))], axis=1)


def _with_progress(rates: Floats) -> Iterator[list[float]]:
    """Yield each row of `rates`; in a terminal, a line shows its number if the test takes more than two seconds."""
    begun = monotonic()
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    is_shown = False
    try:
        for number, row in enumerate(rates.tolist(), 1):
            is_shown = is_terminal and monotonic() - begun > 2
            if is_shown:
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
        message = "the first loss is not finite, at the lowest rate"
        raise InvalidArgument("find_lr(…)", message, "Check the model and the data first")
    if not snapshot.parameters_moved():
        message = "no parameter has changed"
        raise InvalidArgument("find_lr(optimizer, step)", message, _A_STEP)
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


__all__ = ["RangeTest", "find_lr"]


def __dir__() -> list[str]:
    return __all__
