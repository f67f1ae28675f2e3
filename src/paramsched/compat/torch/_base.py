"""LRScheduler: what torch, the engines and users' subclasses expect of every scheduler."""

import copy
import warnings
from abc import ABCMeta
from typing import Any, Literal, TypeAlias

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler as TorchLRScheduler

from paramsched.compat.torch import _groups, _state
from paramsched.compat.torch._groups import Number
from paramsched.compat.torch._order import check_order, watch

Verbose: TypeAlias = bool | Literal["deprecated"]
"""torch's argument of old: printing by the scheduler, dropped in 2.7."""

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
    "Please use `scheduler.step()` to step the scheduler. With an epoch the closed form is used where there is one."
)


class _Kind(ABCMeta):
    """Counts torch's own schedulers as instances of the class that replaces theirs.

    Only the import line changes, so a scheduler that another library built by torch has to pass the same test.
    """

    def __instancecheck__(cls, instance: Any) -> bool:
        own = cls.__dict__.get("_peer")
        return super().__instancecheck__(instance) or (own is not None and isinstance(instance, own))


class LRScheduler(TorchLRScheduler, metaclass=_Kind):
    """The base class: a subclass that overrides `get_lr` is a complete scheduler.

    Args:
        optimizer: a torch optimizer; its groups get `initial_lr`, and its `step` a wrapper that notices the call.
        last_epoch: the epoch that is done; -1 begins. From 0 on the groups have to carry `initial_lr`.
        verbose: accepted, kept, otherwise ignored; torch dropped it.

    Raises:
        TypeError: not an optimizer.
        KeyError: `last_epoch` is 0 or more and a group has no `initial_lr`.
    """

    __slots__ = ("_written",)
    _peer: type = TorchLRScheduler

    _option_names: tuple[str, ...] = ()  # attributes that are options of the constructor

    optimizer: Optimizer
    base_lrs: list[Number]
    last_epoch: int
    verbose: bool
    _step_count: int
    _written: list[Number]
    _is_initial: bool = False
    _get_lr_called_within_step: bool = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1, verbose: Verbose = "deprecated") -> None:
        self.optimizer = _groups.optimizer_of(optimizer)
        self.verbose = _verbose(verbose)
        _groups.separate_tensors(optimizer)
        _remember_initial(optimizer, last_epoch)
        self.base_lrs = self._initial_bases()
        self._get_lr_called_within_step = False
        self.last_epoch = last_epoch
        watch(optimizer)
        self._initial_step()

    def _initial_bases(self) -> list[Number]:
        return _groups.values(self.optimizer, "initial_lr")

    def _initial_step(self) -> None:
        """Count from zero and take the first step; compositions call it to begin a member."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or, deprecated, to the one given; call it after `optimizer.step()`."""
        if self._step_count == 1:
            check_order(self.optimizer)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=_groups.user_level())
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self._get_lr_called_within_step = True
        try:
            self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
            closed = getattr(self, "_get_closed_form_lr", None)
            row = self.get_lr() if epoch is None or closed is None else closed()
        finally:
            self._get_lr_called_within_step = False
        _groups.write(self.optimizer, row)
        self._written = _groups.values(self.optimizer)

    def get_lr(self) -> list[Number]:
        """The value of each group at `last_epoch`; for subclasses to say, for users `get_last_lr()`."""
        raise NotImplementedError(
            f"{type(self).__name__}.get_lr(): a scheduler says here what each group's lr is. "
            "Write def get_lr(self): return [base * 0.9 ** self.last_epoch for base in self.base_lrs]"
        )

    def get_last_lr(self) -> list[Number]:
        """What this scheduler last computed: one per group, of the type of the group's lr, tensors copied."""
        return self._last_lr

    @property
    def _last_lr(self) -> list[Number]:
        return [
            _groups.like(value, group["lr"])
            for value, group in zip(self._written, self.optimizer.param_groups, strict=False)
        ]

    @_last_lr.setter
    def _last_lr(self, row: list[Number]) -> None:
        self._written = list(row)

    def print_lr(self, is_verbose: bool, group: int, lr: float, epoch: int | None = None) -> None:
        """Print one group's value, as torch before 2.7 did."""
        if is_verbose:
            when = "" if epoch is None else f"Epoch {epoch:5}: "
            print(f"{when}adjusting learning rate of group {group} to {float(lr):.4e}.")  # noqa: T201  # it is what it is for

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, as numbers, text, lists, dicts and tensors, by value.

        Besides torch's keys: the name of the class, and what the groups hold now, so that loading can write it.
        """
        state = _state.data(self.__dict__, leave_out=("optimizer", "verbose"))
        state["_last_lr"] = self._last_lr
        return state | _state.signature(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state of this class, from here or from torch, and write its values into the optimizer.

        The argument is not changed.

        Raises:
            ValueError: the state of another class.
        """
        self._load(_state.checked(self, state_dict))
        _state.write_back(self, state_dict)

    def _fields(self) -> tuple[str, ...]:
        """The fields of a group that this scheduler writes."""
        return ("lr",)

    def _scales(self) -> list[float]:
        """What the last step multiplied each group by, as far as it did."""
        return [1.0] * len(self.optimizer.param_groups)

    def _load(self, state: dict[str, Any]) -> None:
        if "_last_lr" in state:
            self._written = state.pop("_last_lr")
        self.__dict__.update(state)

    def __getstate__(self) -> dict[str, Any]:
        _state.refuse_nameless(self)
        return self.__dict__ | {"_written": self._last_lr}

    def __setstate__(self, state: dict[str, Any]) -> None:
        written = state.pop("_written", [])
        self.__dict__.update(state)
        self._written = written
        if "optimizer" in state:
            watch(self.optimizer)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__setstate__(copy.deepcopy(self.__dict__ | {"_written": self._last_lr}, memo))
        # The copied optimizer has had the steps of the first one; only the wrapper is not copied with it.
        copied: Any = twin.optimizer
        copied._opt_called = getattr(self.optimizer, "_opt_called", False)
        return twin


class _LRScheduler(LRScheduler):
    """The base class under its name before torch 2.0."""


def warn_outside_step(scheduler: LRScheduler) -> None:
    """Say that `get_lr()` is no question to ask from outside."""
    if not scheduler._get_lr_called_within_step:
        warnings.warn(
            "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
            UserWarning,
            stacklevel=_groups.user_level(),
        )


def _verbose(verbose: Verbose) -> bool:
    if verbose == "deprecated":
        return False
    warnings.warn(
        "verbose is deprecated and ignored: write print(scheduler.get_last_lr()) where you want to see it.",
        DeprecationWarning,
        stacklevel=_groups.user_level(),
    )
    return bool(verbose)


def _remember_initial(optimizer: Optimizer, last_epoch: int) -> None:
    for i, group in enumerate(optimizer.param_groups):
        if last_epoch == -1:
            lr = group["lr"]
            group.setdefault("initial_lr", lr.detach().clone() if isinstance(lr, Tensor) else lr)
        elif "initial_lr" not in group:
            raise KeyError(
                f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                "last_epoch >= 0. Load the optimizer's state first, or leave last_epoch out to begin."
            )
