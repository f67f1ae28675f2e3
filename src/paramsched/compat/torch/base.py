"""LRScheduler: the base class of the drop-ins, which behaves like torch's base class."""

import copy
from abc import ABCMeta
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import wraps
from typing import Any, ClassVar, Literal, Self, TypeAlias, TypeGuard, TypeVar, final
from weakref import ref

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers
from torch.optim.lr_scheduler import EPOCH_DEPRECATION_WARNING as EPOCH_DEPRECATION_WARNING

from paramsched.compat.torch._argument_checks import (
    equal_values,
    like_entry,
    optimizer_of,
    require_epoch,
    require_named_functions,
)
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.dropins import group_fields
from paramsched.core.dropins.group_fields import Number, base_from_ratio, by_value, select, unchanged_on_error
from paramsched.errors import CallSite, InvalidArgument, StateError

Verbose: TypeAlias = bool | Literal["deprecated"]
"""torch's former argument `verbose`, which made the scheduler print; removed in torch 2.7."""

Method = TypeVar("Method")

HeldFields: TypeAlias = list[tuple[dict[str, Any], dict[str, Any]]]
"""A list of pairs: a param group, and a dict with the values of some of its fields."""

CLASS, GROUPS, BESIDE, LOST, RELATIVE = "_class", "_groups", "_beside", "_lost", "_relative"
"""Keys of our states that torch's states lack. torch's classes keep them when they load one of our states."""


class _DropInMeta(ABCMeta):
    """A metaclass for which torch's own schedulers are instances of ours, because other libraries build them.

    It also keeps `_overrides_hooks` of each class current if a method is set on a class or deleted from it.
    """

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        _note_overrides(cls, name)

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        _note_overrides(cls, name)

    def __instancecheck__(cls, instance: Any) -> bool:
        if super().__instancecheck__(instance):
            return True
        theirs = [base for base in cls.__bases__ if not is_drop_in_class(base)]
        return is_drop_in_class(cls) and any(isinstance(instance, base) for base in theirs)


def _note_overrides(kind: Any, name: str) -> None:
    """Update `_overrides_hooks` of a class and of its subclasses after a change of its attribute `name`."""
    if name in kind._hooks:
        kind._overrides_hooks = overrides_any(kind, *kind._hooks)
        for child in kind.__subclasses__():
            _note_overrides(child, name)


def is_drop_in_class(kind: type) -> bool:
    """Return whether a class is a drop-in itself, not a user's subclass of one."""
    return kind.__module__.startswith("paramsched.compat.")


def overrides_any(kind: type, *names: str) -> bool:
    """Return whether other code has set one of the methods `names`, in a subclass or on one of the drop-ins."""
    found = [next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None) for name in names]
    return any(method is not None and not is_drop_ins(method) for method in found)


def is_drop_ins(method: Any) -> bool:
    """Return whether a method is defined by the drop-ins."""
    function = getattr(method, "__func__", method)
    # Not by `__module__`, which `functools.wraps` copies.
    module = str(getattr(function, "__globals__", {}).get("__name__", ""))
    return isinstance(method, _Hook) or module.startswith(("paramsched.compat.", "paramsched.core.dropins."))


@final
class _Hook:
    """A method that the fast paths skip until it is set on the object. They notice it without a check at each step."""

    def __init__(self, method: Any) -> None:
        self._method = method

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, scheduler: Any, owner: type | None = None) -> Any:
        if scheduler is not None and self._name in scheduler._own_methods:
            return scheduler._own_methods[self._name]
        return self._method.__get__(scheduler, owner)

    def __set__(self, scheduler: Any, method: Any) -> None:
        scheduler._own_methods = {**scheduler._own_methods, self._name: method}
        scheduler._snapshot = None

    def __delete__(self, scheduler: Any) -> None:
        if self._name not in scheduler._own_methods:
            raise AttributeError(self._name)
        scheduler._own_methods = {name: one for name, one in scheduler._own_methods.items() if name != self._name}
        scheduler._snapshot = None


def hook(method: Method) -> Method:
    """Let the fast paths notice that a method is set on the object; `_hooks` contains its name."""
    found: Any = _Hook(method)
    return found  # type: ignore[no-any-return]  # it is used like the method


@final
class _ReadFromGroups:
    """An attribute whose value is read from the param groups until it is set."""

    def __init__(self, *fields: str) -> None:
        self._fields = fields

    def __get__(self, scheduler: Any, owner: type | None = None) -> Any:
        if scheduler is None:
            return self
        groups = scheduler.optimizer.param_groups
        return [by_value(next(group[f] for f in self._fields if f in group)) for group in groups]


class LRScheduler(peers.LRScheduler, metaclass=_DropInMeta):
    """The base class of the drop-ins; a subclass needs to override only `get_lr`.

    As in torch, a subclass may override `step` and write the groups itself, or skip this constructor. It can still be
    saved, copied and restored.

    Args:
        optimizer: a torch optimizer. Its groups get `initial_lr`, and its `step` is wrapped to notice calls.
        last_epoch: the last completed epoch; -1 (default) starts a run. Otherwise the groups must contain
            `initial_lr`.
        verbose: deprecated and ignored, because torch removed it.

    Raises:
        TypeError: if `optimizer` is not an optimizer.
        KeyError: if `last_epoch` is 0 or more and a group has no `initial_lr`.
    """

    __slots__ = ("_constructed", "_known_groups", "_own_methods", "_snapshot")  # not part of a state
    _slot_values: ClassVar[dict[str, Any]] = {
        "_constructed": [],
        "_known_groups": (None, []),
        "_own_methods": {},
        "_snapshot": None,
    }
    """The initial values of the slots of each class."""
    _option_names: tuple[str, ...] = ()  # attributes that store constructor options
    _per_group: ClassVar[tuple[str, ...]] = ("base_lrs", "_last_lr")  # attributes with one entry per group
    _hooks: ClassVar[tuple[str, ...]] = ()  # torch's methods that the fast paths skip unless other code has set them
    _overrides_hooks: ClassVar[bool] = False  # True if other code has set one of them on the class

    optimizer: Optimizer
    base_lrs: list[Number] = _ReadFromGroups("initial_lr", "lr")  # type: ignore[assignment]  # a descriptor
    last_epoch: int
    verbose: bool = False
    _step_count: int
    _last_lr: list[Number] = _ReadFromGroups("lr")  # type: ignore[assignment]  # as above
    _is_initial: bool = False
    _get_lr_called_within_step: bool = False
    _constructed: HeldFields
    _known_groups: group_fields.KnownGroups
    _own_methods: dict[str, Any]  # the hooks that were set on this object

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: ARG004  # passed to the constructor
        """Initialize the slots, because unpickling and some subclasses skip the constructor."""
        scheduler = super().__new__(cls)
        for kind in cls.__mro__:
            for name, value in vars(kind).get("_slot_values", {}).items():
                setattr(scheduler, name, copy.copy(value))
        return scheduler

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._overrides_hooks = overrides_any(cls, *cls._hooks)

    @property
    def _own_hooks(self) -> bool:
        """True if other code has set one of the methods `_hooks`, on the class or on this object."""
        return self._overrides_hooks or bool(self._own_methods)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1, verbose: Verbose = "deprecated") -> None:
        self.optimizer = optimizer_of(optimizer)
        if asks_to_print(verbose):
            self.verbose = True
        require_epoch(CallSite(type(self).__name__, "last_epoch"), last_epoch)
        with unchanged_on_error(optimizer):
            group_fields.separate_tensors(optimizer)
            for index, group in enumerate(optimizer.param_groups):
                if last_epoch == -1:
                    group_fields.initial_value(group)
                elif "initial_lr" not in group:
                    raise KeyError(
                        f"param 'initial_lr' is not specified in param_groups[{index}] when resuming scheduler with "
                        "last_epoch >= 0. Omit last_epoch to start. To resume, load the optimizer's state first; if "
                        "that has no initial_lr, write the lr of your code into each group: for group in "
                        f"optimizer.param_groups: group['initial_lr'] = {float(self.optimizer.defaults.get('lr', 0.1))}"
                    )
            self.base_lrs = self._initial_bases()
            self._get_lr_called_within_step = False
            self.last_epoch = last_epoch
            watch_step(optimizer)
            self._initial_step()
        self._constructed = snapshot_fields(optimizer, self._written_fields())

    def _initial_bases(self) -> list[Number]:
        return group_fields.group_values(self.optimizer, "initial_lr")

    def _initial_step(self) -> None:
        """Make the first step; compositions call it to start a member."""
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

    def _advance_clock(self, epoch: float | None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch  # type: ignore[assignment]  # torch accepts floats too

    def _update_lr(self, epoch: int | None = None) -> None:
        """Move to an epoch and write the values of `get_lr` or of the closed form."""
        self._take_in_late_groups()
        self._advance_clock(epoch)
        self._get_lr_called_within_step = True
        try:
            closed = getattr(self, "_get_closed_form_lr", None)
            row = self.get_lr() if epoch is None or closed is None else closed()
        finally:
            self._get_lr_called_within_step = False
        group_fields.set_row(self.optimizer, row)
        self._last_lr = group_fields.group_values(self.optimizer)

    def _take_in_late_groups(self) -> None:
        """Include groups that were added; they continue from their present values (core/dropins/group_fields.py)."""
        self._follow_groups()
        groups, bases = self.optimizer.param_groups, self.base_lrs
        self._known_groups = self.optimizer, list(groups)
        # A user's subclass may keep fewer bases from the start, or none.
        if type(bases) is list and len(groups) > max(len(bases), len(self._constructed)):
            late = groups[len(bases) :]
            if self.last_epoch < 0:  # not started: in a sequence, an earlier member has written the base
                self._take_in_bases([float(group.get("initial_lr", group["lr"])) for group in late])
                return
            self._take_in_bases([self._base_of(float(group["lr"])) for group in late])
            self._begin_late(late)

    def _follow_groups(self) -> None:
        """Update the per-group lists if groups were removed or reordered. Added groups are not included yet."""
        optimizer, known = self._known_groups
        groups = self._present_groups()
        if not groups or (optimizer is self.optimizer and group_fields.same_groups(groups, known)):
            return
        kept = group_fields.kept_positions(type(self).__name__, self._known_groups, self.optimizer)
        if kept is not None:
            self._keep_entries(kept, len(known))
        count = len(known if kept is None else kept) if optimizer is self.optimizer else len(groups)
        self._known_groups = self.optimizer, list(groups[:count])

    def _follow_groups_of_state(self) -> None:
        """Put the per-group lists in the order of the groups before they are saved, or others are loaded.

        Raises:
            InvalidArgument: if a step would raise it.
        """
        # A user's own step may not need these lists.
        with suppress(InvalidArgument) if overrides_any(type(self), "step") else nullcontext():
            self._follow_groups()

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        """Keep the entries at the indices `kept`, in that order, in each per-group list with `count` entries."""
        held = self.__dict__
        if "get_lr" in self._own_methods or overrides_any(type(self), "get_lr"):
            for name, value in held.items():
                if name not in (*self._per_group, *_NOT_PER_GROUP) and _has_entries(value, count):
                    found = f"{count} entries in {name}, and param groups were removed or reordered"
                    raise group_fields.groups_changed(type(self).__name__, found)
        for name in self._per_group:
            if _has_entries(held.get(name), count):
                held[name] = select(held[name], kept)
        self._constructed = select(self._constructed, kept)

    def _base_of(self, value: float) -> float:
        """Return the base of a late group whose present value is `value`."""
        return base_from_ratio(value, self.base_lrs, self._last_lr)

    def _take_in_bases(self, bases: Sequence[float]) -> None:
        """Include the groups without an entry in the per-group lists: `bases` contains one base for each of them."""
        known = len(self.base_lrs)
        for group, base in zip(self.optimizer.param_groups[known:], bases, strict=True):
            self.base_lrs.append(like_entry(base, group["lr"]))
            group_fields.set_entries([group], replace=False, initial_lr=[by_value(self.base_lrs[-1])])
            self._last_lr = [*self._last_lr[: len(self.base_lrs) - 1], by_value(group["lr"])]

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        """Prepare late groups for the next step, if this scheduler is active."""

    def get_lr(self) -> list[Number]:
        """Return the value of each group at `last_epoch`; subclasses override it, users call `get_last_lr()`."""
        raise NotImplementedError(
            f"{type(self).__name__}.get_lr() is not defined; it returns the lr of each group. "
            "For example: def get_lr(self): return [base * 0.9 ** self.last_epoch for base in self.base_lrs]"
        )

    def get_last_lr(self) -> list[Number]:
        """Return the last computed lr of each group, in the type of the group's lr; tensors are copied."""
        last = self._last_lr
        if type(last) is not list:
            return last
        return [value if type(value) is float else by_value(value) for value in last]

    def print_lr(self, is_verbose: bool, group: int, lr: float, epoch: int | None = None) -> None:
        """Print one group's value, as torch before 2.7 did."""
        if is_verbose:
            when = "" if epoch is None else f"Epoch {epoch:5}: "
            print(f"{when}adjusting learning rate of group {group} to {float(lr):.4e}.")  # noqa: T201  # printing is its purpose

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes except the optimizer as numbers, text, lists, dicts and tensors, copied.

        In addition to torch's keys the state contains the name of the class and the present values of the groups.
        A method that was set on the object is not part of the state.

        Raises:
            ValueError: if param groups were removed or replaced so that a step would raise it too.
        """
        self._follow_groups_of_state()
        held = {key: by_value(value) for key, value in self.__dict__.items() if key not in self._not_in_state()}
        groups = self._present_groups()
        fields = [one for one in self._written_fields() if groups and all(_has_field(group, one) for group in groups)]
        values = {field: [_held_value(group, field) for group in groups] for field in fields}
        added: dict[str, Any] = {CLASS: drop_in_name(self), GROUPS: values, BESIDE: _numbers_in(held)}
        return held | {key: by_value(value) for key, value in self._history().items()} | added

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state of this class or of torch's class, and write the saved values into the optimizer.

        The argument is not changed.

        Raises:
            ValueError: if another class saved the state, or groups were removed or replaced as in `state_dict`.
        """
        self._follow_groups_of_state()
        before = _count(self.__dict__.get("base_lrs"))
        self._load_checked(self._checked_state(state_dict))
        groups = self._present_groups()
        if _is_current(state_dict):
            for field, row in state_dict[GROUPS].items():
                for group, value in zip(groups, row, strict=False):
                    group_fields.set_value(group, value, field)
        else:
            self._write_untouched(state_dict)
        known = _count(self.__dict__.get("base_lrs"))
        if known < before:  # saved between the addition of a group and the next step
            self._constructed = self._constructed[:known]

    def _write_untouched(self, state_dict: Mapping[str, Any]) -> None:
        """Write the values of a state of torch into the groups.

        Such a state contains only the lr that the scheduler wrote last, and no momentum. Values are written only into
        groups unchanged since this constructor, so that schedulers may be built and loaded in any order.
        """
        groups = self._present_groups()
        for field, row in {"lr": state_dict.get("_last_lr") or (), **self._momenta_now()}.items():
            for group, value, (known, left) in zip(groups, row, self._constructed, strict=False):
                untouched = group is known and _has_field(group, field) and field in left
                if untouched and equal_values(_held_value(group, field), left[field]):
                    group_fields.set_value(group, value, field)

    def _checked_state(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of a state without the keys that torch lacks.

        Raises a StateError if another class saved the state, and warns about changed options.
        """
        name, own, built = state.get(CLASS), drop_in_name(self), type(self).__name__
        # A direct subclass of `LRScheduler` accepts any state, as in torch, because Lightning's lr finder loads one.
        if own != "LRScheduler" and name is not None and name.lstrip("_") != own:
            raise StateError(f"{built}.load_state_dict(…): this is the state of {name}. Build {name} to load it")
        held = self.__dict__
        changed = [
            f"{key}={state[key]!r} (was {held[key]!r})"
            for key in self._option_names
            if key in state and key in held and not equal_values(state[key], held[key])
        ]
        if changed:
            found = (
                f"{built}.load_state_dict(…) replaces constructor options with the saved ones: {', '.join(changed)}."
            )
            warn_user(Problem(found=found))
        dropped = {CLASS, GROUPS, BESIDE, *self._not_in_state()} | (set() if _is_current(state) else {LOST, RELATIVE})
        return {key: by_value(value) for key, value in state.items() if key not in dropped}

    def _not_in_state(self) -> set[str]:
        """Return the names of the optimizer and of the methods that were set on this object."""
        return {"optimizer"} | {name for name in self.__dict__ if callable(getattr(type(self), name, None))}

    def _present_groups(self) -> list[dict[str, Any]]:
        """Return the optimizer's groups; an empty list if a subclass skipped the constructor."""
        return getattr(self.__dict__.get("optimizer"), "param_groups", [])

    def _written_fields(self) -> tuple[str, ...]:
        return ("lr",)

    def _momenta_now(self) -> dict[str, Sequence[float]]:
        """Return a dict from each momentum field to its present values, which torch's states lack."""
        return {}

    def _last_factors(self) -> list[float]:
        """Return the factor of the last step for each group, or 1 if the step did not multiply."""
        return [1.0] * len(self.optimizer.param_groups)

    def _load_checked(self, state: dict[str, Any]) -> None:
        self._take_history(state)
        self.__dict__.update(state)

    def _history(self) -> dict[str, Any]:
        """Return what the next step needs besides the attributes, by the keys of our states."""
        return {}

    def _take_history(self, state: dict[str, Any]) -> None:
        """Move what `_history` returned from a state into the slots."""

    def __getstate__(self) -> dict[str, Any]:
        require_named_functions(self)
        self._follow_groups_of_state()
        return self.__dict__ | self._own_methods | self._history()

    def __setstate__(self, state: dict[str, Any]) -> None:
        attributes = {name: value for name, value in state.items() if name not in self._hooks}
        self._take_history(attributes)
        self.__dict__.update(attributes)
        for name in self._hooks:
            if name in state:
                setattr(self, name, state[name])
        if isinstance(state.get("optimizer"), Optimizer):
            watch_step(self.optimizer)

    def __copy__(self) -> Self:
        copied_object = type(self).__new__(type(self))
        copied_object.__setstate__(self.__dict__ | self._own_methods | self._history())
        copied_object._known_groups = self._known_groups
        return copied_object

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied_object = type(self).__new__(type(self))
        memo[id(self)] = copied_object
        copied_object.__setstate__(copy.deepcopy(self.__dict__ | self._own_methods | self._history(), memo))
        copied_object._known_groups = copy.deepcopy(self._known_groups, memo)
        # The copied optimizer has made the same steps, but the wrapper of `step` was not copied.
        if hasattr(self.__dict__.get("optimizer"), "_opt_called"):
            copied: Any = copied_object.optimizer
            copied._opt_called = True
        return copied_object


class _LRScheduler(LRScheduler, peers._LRScheduler):
    """The base class, under its name in torch 1.x."""


_NOT_PER_GROUP = (
    "_milestones",
    "_schedule_phases",
    "_schedulers",
)  # lists in the drop-ins whose length does not depend on the groups


def _count(entries: Any) -> int:
    return len(entries) if type(entries) is list else 0


def _has_entries(value: Any, count: int) -> bool:
    return isinstance(value, (list, tuple, np.ndarray, Tensor)) and np.ndim(value) > 0 and len(value) == count


def snapshot_fields(optimizer: Optimizer, fields: Sequence[str] = ("lr",)) -> HeldFields:
    """Return pairs of a param group and a dict with copies of the values of `fields`."""
    groups = [group for group in optimizer.param_groups if "lr" in group]
    return [(group, {name: _held_value(group, name) for name in fields if _has_field(group, name)}) for group in groups]


def _has_field(group: Mapping[str, Any], field: str) -> bool:
    return field.partition("[")[0] in group


def _held_value(group: Mapping[str, Any], field: str) -> Any:
    return group_fields.python_number(by_value(group_fields.field_value(group, field)))


def _is_current(state: Mapping[str, Any]) -> bool:
    """Return whether the saved values of the groups belong to the same step as the rest of a state."""
    # The members are compared too, because torch's ChainedScheduler does not count its steps.
    members = [one for one in state.get("_schedulers", ()) if GROUPS in one]
    is_same = BESIDE not in state or state[BESIDE] == _numbers_in(state)
    return bool(state.get(GROUPS)) and is_same and all(map(_is_current, members))


def _numbers_in(state: Mapping[str, Any]) -> dict[str, float]:
    return {key: value for key, value in state.items() if type(value) in (int, float) and value == value}


def drop_in_name(scheduler: object) -> str:
    """Return the name of the drop-in class that a scheduler is an instance of."""
    name = next(kind.__name__ for kind in type(scheduler).__mro__ if kind.__module__.startswith(__package__ or ""))
    return name.lstrip("_")


def is_drop_in(scheduler: object) -> TypeGuard[LRScheduler]:
    """Return whether a scheduler derives from our class; `isinstance` would also accept torch's schedulers."""
    return issubclass(type(scheduler), LRScheduler)


def warn_outside_step(scheduler: LRScheduler) -> None:
    """Warn if `get_lr()` is called outside of a step."""
    if not scheduler._get_lr_called_within_step:
        warn_user(Problem(found="To get the last learning rate computed by the scheduler, please use `get_last_lr()`."))


def not_scheduled(scheduler: Any, t: float, field: str) -> InvalidArgument:
    """Return the error for a field that the scheduler does not schedule."""
    name = type(scheduler).__name__
    return InvalidArgument(f"{name}.value({t!r}, {field!r})", f"it does not schedule {field}", 'For example: "lr"')


def asks_to_print(verbose: Verbose) -> bool:
    """Return whether `verbose` was passed and is true; warn if it was passed."""
    if verbose == "deprecated":
        return False
    advice = "Write print(scheduler.get_last_lr()) to see the lr."
    warn_user(Problem(found="verbose is deprecated and ignored", advice=advice), DeprecationWarning)
    return verbose


def watch_step(optimizer: Optimizer) -> None:
    """Wrap `optimizer.step` once, to notice its calls."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    held = ref(optimizer)
    bound: Any = optimizer.step
    method = getattr(bound, "__func__", None)  # unbound, so that the wrapper keeps no reference to the optimizer

    @wraps(method or bound)
    def step(*args: Any, **kwargs: Any) -> Any:
        owner: Any = held()
        owner._opt_called = True
        owner._step_count = getattr(owner, "_step_count", 0) + 1
        return bound(*args, **kwargs) if method is None else method(owner, *args, **kwargs)

    if method is not None:
        del bound
    marks: Any = step
    marks._wrapped_by_lr_sched = True
    marks._with_counter = True  # the mark of torch before 2.4, checked by older `step` methods
    carrier: Any = optimizer
    carrier.step = step
    carrier._step_count = 0


def warn_of_order(optimizer: Optimizer) -> None:
    """Warn if the scheduler was stepped before the optimizer, or if the order is unknown."""
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
            return  # a GradScaler skipped the step
        text = (
            "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you "
            "should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do "
            "this will result in PyTorch skipping the first value of the learning rate schedule. "
        )
    found = f"{text}See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
    warn_user(Problem(found=found))
