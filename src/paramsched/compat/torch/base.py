"""The base class of torch's schedulers, and the checks of their arguments."""

import math
import types
from collections.abc import Callable
from functools import partial, wraps
from numbers import Real
from typing import Any, ClassVar, Literal, TypeAlias
from weakref import ref

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import EPOCH_DEPRECATION_WARNING as EPOCH_DEPRECATION_WARNING

from paramsched.base.pickles import Reduced, pickled_object
from paramsched.base.problem import Problem, warn_user
from paramsched.compat.group_values import (
    Number,
    ParamGroup,
    by_value,
    group_values,
    late_base,
    separate_tensors,
    set_value,
    write_saved_values,
)
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, StateError, shown

# If torch raises an error too, the message starts with torch's text, because code that catches the error may search it.


def torch_error(text: str, advice: str = "") -> InvalidArgument:
    """Return an error with torch's own text, followed by what to write instead.

    >>> print(torch_error("Factor should be < 1.0.", "Write factor=0.1"))
    Factor should be < 1.0. Write factor=0.1
    """
    return InvalidArgument(text.removesuffix(".") if advice else text, "", advice)


def require_optimizer(candidate: object) -> None:
    """Raise torch's TypeError if an object is not an optimizer."""
    if not isinstance(candidate, Optimizer):
        raise TypeError(f"{type(candidate).__name__} is not an Optimizer")


def number(scheduler: object, name: str, value: Any, example: str = "0.1") -> Any:
    """Return an argument as a Python number, so that a state contains plain data.

    A NumPy number and a tensor with one element are converted.

    Raises:
        InvalidCall: a TypeError, if the value is not a number.
    """
    if isinstance(value, (np.generic, np.ndarray, Tensor)) and math.prod(value.shape) == 1:
        value = value.item()
    if not isinstance(value, Real):
        site = CallSite(type(scheduler).__name__, name, shown(value))
        raise InvalidCall(site, f"expected a number, got {type(value).__name__}", f"For example: {name}={example}")
    return value


def float_number(scheduler: object, name: str, value: Any) -> Any:
    """Return an argument as a Python number that a float can represent."""
    value = number(scheduler, name, value)
    try:
        float(value)
    except OverflowError:
        site = CallSite(type(scheduler).__name__, name, shown(value))
        raise InvalidArgument(site, "too large for a float", f"For example: {name}=0.1") from None
    return value


def length(scheduler: object, name: str, value: Any, *, or_zero: bool = False) -> Any:
    """Return a length in epochs, by which the scheduler divides later: greater than 0, or at least 0."""
    value = number(scheduler, name, value, "10")
    if not (value > 0 or (or_zero and value == 0)):
        site = CallSite(type(scheduler).__name__, name, shown(value))
        least = "at least 0" if or_zero else "greater than 0"
        raise InvalidArgument(site, f"the length must be {least}", f"For example: {name}=10")
    return value


def positive_integer(scheduler: object, name: str, value: Any) -> int:
    """Return an integer greater than 0, as OneCycleLR requires it."""
    if not isinstance(value, int) or value <= 0:
        raise torch_error(f"Expected positive integer {name}, but got {value}", f"For example: {name}=100")
    return int(float_number(scheduler, name, value))


def per_group(scheduler: object, optimizer: Optimizer, name: str, value: Any) -> list[Any]:
    """Return a list with one number per group, from a number or a list."""
    groups = len(optimizer.param_groups)
    entries = value if isinstance(value, (list, tuple)) else [value] * groups
    if len(entries) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(entries)} values, param_groups has {groups}."
        )
    return [number(scheduler, name, entry) for entry in entries]


def require_epoch(scheduler: object, epoch: Any) -> None:
    """Raise an error if the epoch to resume from is not a finite number."""
    if type(epoch) is not int and not math.isfinite(number(scheduler, "last_epoch", epoch, "-1")):
        site = CallSite(type(scheduler).__name__, "last_epoch", shown(epoch))
        raise InvalidArgument(site, "the epoch must be finite", "Pass the last completed epoch, or -1 to start")


def require_function(name: str, function: Any) -> None:
    """Raise torch's TypeError if an object is not callable."""
    if not callable(function):
        advice = f"For example: {name}=lambda epoch: 0.95 ** epoch"
        raise InvalidCall(f"{name} should be a function, but got {type(function).__name__}", "", advice)


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, partial, type)


def attributes_of(function: Any) -> dict[str, Any] | None:
    """Return a copy of the attributes of a callable object, for a state; None for a function of any kind."""
    if isinstance(function, _FUNCTIONS) or isinstance(getattr(function, "__wrapped__", None), _FUNCTIONS):
        return None
    return by_value(dict(vars(function))) if hasattr(function, "__dict__") else None


def restore_attributes(function: Any, saved: dict[str, Any] | None) -> None:
    """Set the saved attributes of a callable object."""
    if saved and attributes_of(function) is not None:
        vars(function).update(by_value(saved))


Verbose: TypeAlias = bool | Literal["deprecated"]
"""The argument `verbose` of torch before 2.7: True prints the lr of each group at each step."""

CLASS = "_class"
WRITTEN = "_written"
AT = "_written_at"
GROUPS = "_groups"
"""Keys of our states that torch's lack: the name of the class, `_last_lr`, the counts, and the values in the groups.

torch's classes keep them if they load a state of these classes. After a step, `_written` differs from `_last_lr`, or
`_written_at` from the counts, so `_groups` is old.
"""


class LRScheduler(lr_scheduler.LRScheduler):
    """The base class of the drop-ins. A subclass needs to override only `get_lr`, as in torch.

    A step moves `last_epoch` and writes one value into each group: that of `get_lr`, which may use the present value,
    or that of `_get_closed_form_lr` if the epoch was passed.

    Args:
        optimizer: a torch optimizer. Its groups get `initial_lr`, and its `step` is wrapped to notice calls.
        last_epoch: the last completed epoch; -1 (default) starts a run. Otherwise the groups must contain
            `initial_lr`, and the schedule continues from their present lr.
        verbose: True prints the lr of each group at each step, as torch before 2.7 did.

    Raises:
        TypeError: if `optimizer` is not an optimizer.
        KeyError: if `last_epoch` is 0 or more and a group has no `initial_lr`.

    >>> class Inverse(LRScheduler):
    ...     def get_lr(self):
    ...         return [base / (1 + self.last_epoch) for base in self.base_lrs]
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = Inverse(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    __slots__ = ("_built",)
    _built: list[tuple[ParamGroup, Number]]  # each group with its lr after the constructor; as a slot not in a state
    _per_group: ClassVar[tuple[str, ...]] = ()  # further attributes that are lists with one entry per group
    _group_entries: ClassVar[tuple[str, ...]] = ()  # entries that an added group copies from the last known group
    _package: ClassVar[str] = "compat.torch"  # the public place of the class
    _get_lr_called_within_step: bool = False
    _is_initial: bool = False
    verbose: bool = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1, verbose: Verbose = "deprecated") -> None:
        require_optimizer(optimizer)
        require_epoch(self, last_epoch)
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch != -1 and "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{index}] when resuming scheduler with "
                    "last_epoch >= 0. Omit last_epoch to start. To resume, load the optimizer's state first; if "
                    "that has no initial_lr, write the lr of your code into each group: for group in "
                    f"optimizer.param_groups: group['initial_lr'] = {float(optimizer.defaults.get('lr', 0.1))}"
                )
        self.optimizer = optimizer
        self.last_epoch = last_epoch
        if verbose is True:
            self.verbose = True
        separate_tensors(optimizer)
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", by_value(group["lr"]))
        self.base_lrs: list[Number] = self._initial_bases()
        watch_step(optimizer)
        self._initial_step()
        self._built = list(zip(optimizer.param_groups, group_values(optimizer), strict=True))

    def _initial_bases(self) -> list[Number]:
        return group_values(self.optimizer, "initial_lr")

    def _initial_step(self) -> None:
        """Make the first step. Compositions call it to start a member."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def step(self, epoch: int | None = None) -> None:
        """Move to the next epoch, or to `epoch` (deprecated); call it after `optimizer.step()`."""
        if self._step_count == 1:
            warn_of_order(self.optimizer)
        self._step_count += 1
        if epoch is not None:
            warn_user(Problem(found=EPOCH_DEPRECATION_WARNING))
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        """Move to an epoch without warnings, and write the values."""
        if epoch is None:
            self.last_epoch += 1
            values: Callable[[], Any] = self.get_lr
        else:
            self.last_epoch = epoch
            values = getattr(self, "_get_closed_form_lr", self.get_lr)
        self._write_values(values, epoch)

    def _write_values(self, values: Callable[[], Any], epoch: float | None) -> None:
        """Write one value into each group, and print it if `verbose` was passed."""
        groups = self.optimizer.param_groups
        if len(groups) > len(getattr(self, "_last_lr", groups)):
            self._take_in_added_groups()
        self._get_lr_called_within_step = True
        try:
            row = values()
        finally:
            self._get_lr_called_within_step = False
        last: list[Number] = []
        for group, lr in zip(groups, row, strict=True):
            if type(lr) is type(group["lr"]) is float:  # without a call, because most values are floats
                group["lr"] = lr
            else:
                set_value(group, lr)
                lr = by_value(group["lr"])
            last.append(lr)
        self._last_lr = last
        if self.verbose:
            for index, lr in enumerate(last):
                self.print_lr(self.verbose, index, lr, epoch)

    def _take_in_added_groups(self) -> None:
        """Complete the lists with one entry per group after groups were added to the optimizer."""
        count = len(self._last_lr)
        groups = self.optimizer.param_groups
        lists: list[Any] = [getattr(self, name, ()) for name in self._per_group]
        lists = [entries for entries in lists if len(entries) == count]
        bases = list(getattr(self, "base_lrs", ()))  # a subclass may have none, or one for all groups
        for group in groups[count:]:
            for name in self._group_entries:
                group.setdefault(name, by_value(groups[count - 1].get(name)))
            group.setdefault("initial_lr", self._base_of_added(group, bases))
            if len(bases) == count:
                self.base_lrs.append(by_value(group["initial_lr"]))
            for entries in lists:
                entries.append(by_value(entries[count - 1]))

    def _base_of_added(self, group: ParamGroup, bases: list[Any]) -> Number:
        """Return the base of an added group: the group continues from its lr with the factors of the last known one."""
        return late_base(float(group["lr"]), bases, self._last_lr)

    def get_lr(self) -> list[Any]:
        """Return the value of each group at `last_epoch`; subclasses override it, users call `get_last_lr()`."""
        raise NotImplementedError(
            f"{type(self).__name__}.get_lr() is not defined; it returns the lr of each group. "
            "For example: def get_lr(self): return [base * 0.9 ** self.last_epoch for base in self.base_lrs]"
        )

    def get_last_lr(self) -> list[Any]:
        """Return the lr that the last step wrote into each group; tensors are copies."""
        last: list[Any] = self._last_lr
        return last

    def print_lr(self, is_verbose: bool, group: int, lr: Any, epoch: float | None = None) -> None:
        """Print the lr of one group, in the words of torch before 2.7."""
        if is_verbose and epoch is None:
            print(f"Adjusting learning rate of group {group} to {float(lr):.4e}.")  # noqa: T201  # its purpose
        elif is_verbose:
            print(f"Epoch {epoch_text(epoch)}: adjusting learning rate of group {group} to {float(lr):.4e}.")  # noqa: T201

    def value(self, t: float) -> list[float]:
        """Return the lr of each group at epoch `t` by the closed form, without a step.

        Raises:
            NotImplementedError: if the class has no closed form.
        """
        closed = getattr(self, "_get_closed_form_lr", None)
        if closed is None:
            raise NotImplementedError(f"{type(self).__name__} has no closed form; step the scheduler to epoch {t}")
        present = self.last_epoch
        self.last_epoch = t  # type: ignore[assignment]  # torch accepts floats too
        try:
            return [float(lr) for lr in closed()]
        finally:
            self.last_epoch = present

    @property
    def _fields(self) -> tuple[str, ...]:
        """The fields of a group that a step writes."""
        return ("lr",)

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes except the optimizer, and the present values of the groups, as plain data, copied."""
        state = {name: by_value(value) for name, value in vars(self).items() if name != "optimizer"}
        state |= {CLASS: drop_in_name(self), WRITTEN: by_value(state.get("_last_lr")), AT: _counts_of(state)}
        if "optimizer" in vars(self):  # a subclass may skip the constructor
            state[GROUPS] = {field: group_values(self.optimizer, field) for field in self._fields}
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state of this class or of torch's class, and write its values into the groups.

        The dict is not changed. The lr of a state of torch may be older than that in the optimizer's state. Therefore
        it is written only into groups that still have the lr that this constructor wrote.

        Raises:
            StateError: if another class saved the state.
        """
        name = drop_in_name(self)
        saved = state_dict.get(CLASS, name)
        if saved != name != "LRScheduler":  # a class that is built on the base class loads any state, as in torch
            site = f"{type(self).__name__}.load_state_dict(…)"
            raise StateError(f"{site}: this is the state of {saved}. Build {saved} to load it")
        added = (CLASS, WRITTEN, AT, GROUPS)
        vars(self).update({name: by_value(value) for name, value in state_dict.items() if name not in added})
        groups = getattr(vars(self).get("optimizer"), "param_groups", [])
        lrs = state_dict.get("_last_lr", ())
        is_written = False
        if GROUPS in state_dict and groups:
            is_old = not is_own_state(state_dict)
            for field, values in state_dict[GROUPS].items():
                is_written = write_saved_values(self, self.optimizer, field, values, is_old=is_old) or is_written
        if not is_written:
            for group, lr, (built_group, built_lr) in zip(groups, lrs, getattr(self, "_built", ()), strict=False):
                if group is built_group and float(group["lr"]) == float(built_lr):
                    set_value(group, lr)

    def __reduce__(self) -> Reduced:
        return pickled_object(self, self._package, self.__getstate__())

    def __getstate__(self) -> dict[str, Any]:
        return vars(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if isinstance(state.get("optimizer"), Optimizer):
            watch_step(self.optimizer)  # a copied optimizer lacks the wrapper
            self.optimizer._opt_called = True  # type: ignore[attr-defined]  # its copy may follow a step


class _LRScheduler(LRScheduler, lr_scheduler._LRScheduler):
    """The base class, under its name in torch 1.x."""


def drop_in_name(scheduler: object) -> str:
    """Return the name of the drop-in class that a scheduler is an instance of."""
    name = next(kind.__name__ for kind in type(scheduler).__mro__ if kind.__module__.startswith("paramsched.compat."))
    return name.lstrip("_")


def is_own_state(state: dict[str, Any]) -> bool:
    """Return whether a state contains the present values of the groups."""
    counts = _counts_of(state)
    return GROUPS in state and bool(state[WRITTEN] == state.get("_last_lr") and state.get(AT, counts) == counts)


def _counts_of(state: dict[str, Any]) -> list[Any]:
    return [state.get("_step_count"), state.get("last_epoch")]


def epoch_text(epoch: Any) -> str:
    """Return an epoch as torch printed it: `00003`, or `2.50`."""
    return f"{epoch:.2f}" if isinstance(epoch, float) else f"{epoch:05}"


def watch_step(optimizer: Optimizer) -> None:
    """Wrap `optimizer.step` once, to notice its calls. The wrapper keeps no reference to the optimizer."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    method = getattr(optimizer.step, "__func__", None)
    held = ref(optimizer)
    function: Any = optimizer.step if method is None else method

    @wraps(function)
    def step(*args: Any, **kwargs: Any) -> Any:
        owner: Any = held()
        owner._opt_called = True
        owner._step_count = getattr(owner, "_step_count", 0) + 1
        return function(*args, **kwargs) if method is None else function(owner, *args, **kwargs)

    marked: Any = step
    marked._wrapped_by_lr_sched = True
    marked._with_counter = True  # torch before 2.4 looks for the second mark
    carrier: Any = optimizer
    carrier.step = step
    carrier._step_count = 0


def warn_of_order(optimizer: Optimizer) -> None:
    """Warn if the scheduler was stepped before the optimizer, unless a GradScaler skipped the update."""
    if not hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        text = (
            "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
            "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`. "
        )
    elif getattr(optimizer, "_opt_called", False):
        return
    else:
        gradients = (p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None)
        if any(not bool(torch.isfinite(g.coalesce().values() if g.is_sparse else g).all()) for g in gradients):
            return
        text = (
            "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you "
            "should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do "
            "this will result in PyTorch skipping the first value of the learning rate schedule. "
        )
    address = "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
    warn_user(Problem(found=f"{text}See more details at {address}"))


def warn_outside_step(scheduler: LRScheduler) -> None:
    """Warn that `get_lr()` was called outside of a step, unless it was called by one."""
    if not scheduler._get_lr_called_within_step:
        warn_user(Problem(found="To get the last learning rate computed by the scheduler, please use `get_last_lr()`."))
