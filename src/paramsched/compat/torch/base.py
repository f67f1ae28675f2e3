"""LRScheduler: what torch, the engines and users' subclasses expect of every scheduler."""

import copy
from abc import ABCMeta
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self, TypeAlias, TypeGuard, final

import numpy as np
from torch import Tensor
from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers
from torch.optim.lr_scheduler import EPOCH_DEPRECATION_WARNING as EPOCH_DEPRECATION_WARNING

from paramsched.base.user_warnings import warn_user
from paramsched.compat import group_fields
from paramsched.compat.group_fields import base_by_example, by_value, picked, unchanged_on_error
from paramsched.compat.torch import _groups, saved_state
from paramsched.compat.torch._groups import Number, require_epoch, warn_of_order, watch_step
from paramsched.errors import Asked, InvalidArgument

Verbose: TypeAlias = bool | Literal["deprecated"]
"""torch's argument of old: printing by the scheduler, dropped in 2.7."""


class _DropInMeta(ABCMeta):
    """Counts torch's own schedulers, which another library may have built, as instances of what replaces them."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if super().__instancecheck__(instance):
            return True
        theirs = [base for base in cls.__bases__ if base.__name__ == cls.__name__ and not is_drop_in_class(base)]
        return is_drop_in_class(cls) and any(isinstance(instance, base) for base in theirs)


def is_drop_in_class(kind: type) -> bool:
    """Whether a class is one of the drop-ins, and not a user's, be it built on them."""
    return kind.__module__.startswith("paramsched.compat.")


@final
class _ReadFromGroups:
    """An attribute that is read from the groups until somebody has set it."""

    def __init__(self, *fields: str) -> None:
        self._fields = fields

    def __get__(self, scheduler: Any, owner: type | None = None) -> Any:
        if scheduler is None:
            return self
        groups = scheduler.optimizer.param_groups
        return [by_value(next(group[f] for f in self._fields if f in group)) for group in groups]


class LRScheduler(peers.LRScheduler, metaclass=_DropInMeta):
    """The base class: a subclass that overrides `get_lr` is a complete scheduler.

    As in torch a subclass may leave out what it does not use: one that writes the groups in a `step` of its own, or
    never calls this constructor, is saved, copied and restored too.

    Args:
        optimizer: a torch optimizer; its groups get `initial_lr`, and its `step` a wrapper that notices the call.
        last_epoch: the epoch that is done; -1 begins. From 0 on the groups have to carry `initial_lr`.
        verbose: accepted, kept, otherwise ignored; torch dropped it.

    Raises:
        TypeError: not an optimizer.
        KeyError: `last_epoch` is 0 or more and a group has no `initial_lr`.
    """

    __slots__ = ("_constructed", "_known_groups")
    _option_names: tuple[str, ...] = ()  # attributes that are options of the constructor
    _per_group: ClassVar[tuple[str, ...]] = ("base_lrs", "_last_lr")  # attributes with one entry for each group

    optimizer: Optimizer
    base_lrs: list[Number] = _ReadFromGroups("initial_lr", "lr")  # type: ignore[assignment]  # a descriptor
    last_epoch: int
    verbose: bool = False
    _step_count: int
    _last_lr: list[Number] = _ReadFromGroups("lr")  # type: ignore[assignment]  # as above
    _is_initial: bool = False
    _get_lr_called_within_step: bool = False
    _constructed: saved_state.HeldFields
    _known_groups: group_fields.KnownGroups

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: ARG004  # those of the constructor
        """Subclasses need not call the constructor, and unpickling does not."""
        scheduler = super().__new__(cls)
        scheduler._forget_steps()
        return scheduler

    def _forget_steps(self) -> None:
        """Forget what is in no state."""
        self._constructed = []
        self._known_groups = None, []

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1, verbose: Verbose = "deprecated") -> None:
        self.optimizer = _groups.optimizer_of(optimizer)
        if asks_to_print(verbose):
            self.verbose = True
        require_epoch(Asked(type(self).__name__, "last_epoch"), last_epoch)
        with unchanged_on_error(optimizer):
            _groups.separate_tensors(optimizer)
            _remember_initial(optimizer, last_epoch)
            self.base_lrs = self._initial_bases()
            self._get_lr_called_within_step = False
            self.last_epoch = last_epoch
            watch_step(optimizer)
            self._initial_step()
        self._constructed = saved_state.fields_held(optimizer, self._written_fields())

    def _initial_bases(self) -> list[Number]:
        return group_fields.group_values(self.optimizer, "initial_lr")

    def _initial_step(self) -> None:
        """Take the first step; compositions call it to begin a member."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or, deprecated, to the one given; call it after `optimizer.step()`."""
        if self._step_count == 1:
            warn_of_order(self.optimizer)
        self._step_count += 1
        if epoch is not None:
            warn_user(EPOCH_DEPRECATION_WARNING)
        self._update_lr(epoch)

    def _advance_clock(self, epoch: float | None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch  # type: ignore[assignment]  # torch's looseness

    def _update_lr(self, epoch: int | None = None) -> None:
        """Go to an epoch and write what `get_lr`, or the closed form, says."""
        self._take_in_late_groups()
        self._advance_clock(epoch)
        self._get_lr_called_within_step = True
        try:
            closed = getattr(self, "_get_closed_form_lr", None)
            row = self.get_lr() if epoch is None or closed is None else closed()
        finally:
            self._get_lr_called_within_step = False
        group_fields.put_row(self.optimizer, row)
        self._last_lr = group_fields.group_values(self.optimizer)

    def _take_in_late_groups(self) -> None:
        """Groups added since go on from what they hold (compat/group_fields.py)."""
        self._follow_groups()
        groups, bases = self.optimizer.param_groups, self.base_lrs
        self._known_groups = self.optimizer, list(groups)
        # A user's subclass may keep fewer bases from the beginning, or none.
        if type(bases) is list and len(groups) > max(len(bases), len(self._constructed)):
            late = groups[len(bases) :]
            if self.last_epoch < 0:  # it has not begun: the one before it has said what the base is
                self._take_in_bases([float(group.get("initial_lr", group["lr"])) for group in late])
                return
            self._take_in_bases([self._base_from(float(group["lr"])) for group in late])
            self._begin_late(late)

    def _follow_groups(self) -> None:
        """Leave each entry with its group where groups were removed or reordered; late ones are not known yet."""
        optimizer, known = self._known_groups
        groups = self.optimizer.param_groups
        if optimizer is self.optimizer and group_fields.same_groups(groups, known):
            return
        kept = group_fields.kept_positions(type(self).__name__, self._known_groups, self.optimizer)
        if kept is not None:
            self._keep_entries(kept, len(known))
        count = len(known if kept is None else kept) if optimizer is self.optimizer else len(groups)
        self._known_groups = self.optimizer, list(groups[:count])

    def _know_late_groups(self) -> None:
        """Complete the lists of entries, where a composition has taken in the bases of late groups."""
        self._take_in_late_groups()

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        """Keep the entries of these groups, in this order, of lists that have `count` of them."""
        held = self.__dict__
        if says_its_own(type(self), "get_lr"):
            for name, value in held.items():
                if name not in (*self._per_group, *_NOT_PER_GROUP) and _has_entries(value, count):
                    found = f"{count} entries in {name}, and param groups were removed or reordered"
                    raise group_fields.groups_changed(type(self).__name__, found)
        for name in self._per_group:
            if _has_entries(held.get(name), count):
                held[name] = picked(held[name], kept)
        self._constructed = picked(self._constructed, kept)

    def _base_from(self, value: float) -> float:
        """The base of a late group that holds `value` now."""
        return base_by_example(value, self.base_lrs, self._last_lr)

    def _take_in_bases(self, bases: Sequence[float]) -> None:
        """Take in groups added since, each with its base."""
        known = len(self.base_lrs)
        for group, base in zip(self.optimizer.param_groups[known:], bases, strict=True):
            self.base_lrs.append(_groups.like_entry(base, group["lr"]))
            group.setdefault("initial_lr", by_value(self.base_lrs[-1]))
            self._last_lr = [*self._last_lr[: len(self.base_lrs) - 1], by_value(group["lr"])]

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        """What a scheduler that runs does with late groups, before its next step."""

    def get_lr(self) -> list[Number]:
        """The value of each group at `last_epoch`; for subclasses to say, for users `get_last_lr()`."""
        raise NotImplementedError(
            f"{type(self).__name__}.get_lr(): a scheduler says here what each group's lr is. "
            "Write def get_lr(self): return [base * 0.9 ** self.last_epoch for base in self.base_lrs]"
        )

    def get_last_lr(self) -> list[Number]:
        """What this scheduler last computed: one per group, of the type of the group's lr, tensors copied."""
        last = self._last_lr
        if type(last) is not list:
            return last
        return [value if type(value) is float else by_value(value) for value in last]

    def print_lr(self, is_verbose: bool, group: int, lr: float, epoch: int | None = None) -> None:
        """Print one group's value, as torch before 2.7 did."""
        if is_verbose:
            when = "" if epoch is None else f"Epoch {epoch:5}: "
            print(f"{when}adjusting learning rate of group {group} to {float(lr):.4e}.")  # noqa: T201  # it is what it is for

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, as numbers, text, lists, dicts and tensors, by value.

        Besides torch's keys: the name of the class, and what the groups hold now.
        """
        held = {key: by_value(value) for key, value in self.__dict__.items() if key != "optimizer"}
        return saved_state.with_signature(self, held)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state of this class, from here or from torch, and write its values into the optimizer.

        The argument is not changed.

        Raises:
            ValueError: the state of another class.
        """
        self._load_checked(saved_state.check_state(self, state_dict))
        saved_state.write_back(self, state_dict)

    def _written_fields(self) -> tuple[str, ...]:
        return ("lr",)

    def _momenta_now(self) -> dict[str, Sequence[float]]:
        """What stands in its other fields; torch's states do not say."""
        return {}

    def _last_factors(self) -> list[float]:
        """What the last step multiplied each group by, as far as it did."""
        return [1.0] * len(self.optimizer.param_groups)

    def _load_checked(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __getstate__(self) -> dict[str, Any]:
        saved_state.refuse_nameless_functions(self)
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_written" in state:  # the name of old
            self._last_lr = self.__dict__.pop("_written")
        if isinstance(state.get("optimizer"), Optimizer):
            watch_step(self.optimizer)

    def __copy__(self) -> Self:
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._known_groups = self._known_groups
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__setstate__(copy.deepcopy(self.__dict__, memo))
        twin._known_groups = copy.deepcopy(self._known_groups, memo)
        # The copied optimizer has had the steps of the first one; only the wrapper is not copied with it.
        if hasattr(self.__dict__.get("optimizer"), "_opt_called"):
            copied: Any = twin.optimizer
            copied._opt_called = True
        return twin


class _LRScheduler(LRScheduler, peers._LRScheduler):
    """The base class under its name before torch 2.0."""


_NOT_PER_GROUP = ("_milestones", "_schedule_phases", "_schedulers")  # lists of the drop-ins of any length


def _has_entries(value: Any, count: int) -> bool:
    return isinstance(value, (list, tuple, np.ndarray, Tensor)) and np.ndim(value) > 0 and len(value) == count


def says_its_own(kind: type, *names: str) -> bool:
    """Whether a class takes a method from outside of the drop-ins."""
    owners = [next(base for base in kind.__mro__ if name in base.__dict__) for name in names]
    return not all(is_drop_in_class(owner) for owner in owners)


def is_drop_in(scheduler: object) -> TypeGuard[LRScheduler]:
    """Whether a scheduler is built on ours; `isinstance` counts torch's own too."""
    return issubclass(type(scheduler), LRScheduler)


def warn_outside_step(scheduler: LRScheduler) -> None:
    """Say that `get_lr()` is no question to ask from outside."""
    if not scheduler._get_lr_called_within_step:
        warn_user(
            "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
        )


def require_lr(scheduler: Any, t: float, field: str) -> None:
    """Refuse to tell the value of a field that a scheduler does not schedule."""
    if field != "lr":
        name = type(scheduler).__name__
        raise InvalidArgument(f"{name}.value({t!r}, {field!r})", f"it does not schedule {field}", 'Write "lr"')


def asks_to_print(verbose: Verbose) -> bool:
    """Whether `verbose` was passed and is true; warn if it was passed."""
    if verbose == "deprecated":
        return False
    warn_user(
        "verbose is deprecated and ignored: write print(scheduler.get_last_lr()) where you want to see it.",
        DeprecationWarning,
    )
    return bool(verbose)


def _remember_initial(optimizer: Optimizer, last_epoch: int) -> None:
    """Write `initial_lr` where a run begins."""
    for i, group in enumerate(optimizer.param_groups):
        if last_epoch == -1:
            lr = group["lr"]
            group.setdefault("initial_lr", lr.detach().clone() if isinstance(lr, Tensor) else lr)
        elif "initial_lr" not in group:
            raise KeyError(
                f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                "last_epoch >= 0. Load the optimizer's state first, or leave last_epoch out to begin."
            )
