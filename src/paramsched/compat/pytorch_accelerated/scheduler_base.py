"""The base classes of pytorch-accelerated's schedulers."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from paramsched.base.pickles import Reduced, pickled_object
from paramsched.base.words import did_you_mean
from paramsched.compat.group_values import Number, by_value, python_number, set_value
from paramsched.errors import InvalidArgument, UnknownField

HELD_VALUES = "param_group_values"
"""The key under which a state contains the values of the groups."""


class SchedulerBase(ABC):
    """Write `get_updated_values(num_updates)` into one field of every param group.

    The class is stateless: the loop counts the updates and passes their number after each one. Update number n,
    counted from 0, then uses f(n), the result of `get_updated_values(n)`.

        optimizer.step()
        num_updates += 1
        scheduler.step_update(num_updates)

    The constructor stores each group's value as its `initial_<field>`, unless that exists already, and writes
    the value of `initial_<field>` into the field. A group added later joins at the next step, with its value as base.

    Differs from pytorch-accelerated: any iterable with one value per group is accepted, a wrong number of values is an
    error, tensors are filled in place, and loading a state restores the values of the groups
    (docs/reference/divergences.md).

    Args:
        optimizer: a torch optimizer; its groups are read again at each step.
        param_group_field: the entry to schedule; `"lr"` by default.

    Raises:
        UnknownField: if a group lacks the field.

    Source: pytorch-accelerated 0.1.61.

    >>> import torch
    >>> class Halving(SchedulerBase):
    ...     def get_updated_values(self, num_updates):
    ...         return [base * 0.5**num_updates for base in self.base_lr_values]
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.4)
    >>> Halving(optimizer).step_update(2)
    >>> optimizer.param_groups[0]["lr"]
    0.1
    """

    base_lr_values: Sequence[Any] = ()  # for a subclass that skips the constructor

    def __init__(self, optimizer: Optimizer, param_group_field: str = "lr") -> None:
        self.optimizer = optimizer
        self.param_group_field = param_group_field
        self._initial_param_group_field = f"initial_{param_group_field}"
        for i, group in enumerate(optimizer.param_groups):
            if param_group_field not in group:
                fields = [name for name in group if name != "params"]
                raise UnknownField(
                    f"{param_group_field} missing from param_groups[{i}]",
                    did_you_mean(param_group_field, fields),
                    "Use one of these as param_group_field",
                )
        # The groups are written only after all of them have been checked.
        self.base_lr_values = []
        self._add_bases()
        self._update_param_groups(self.base_lr_values)

    def __reduce__(self) -> Reduced:
        return pickled_object(self, "compat.pytorch_accelerated", self.__getstate__())

    @abstractmethod
    def get_updated_values(self, num_updates: int) -> Number | Iterable[Number] | None:
        """Return the values after `num_updates` updates: one for all groups, one per group, or None for no change."""

    def step_update(self, num_updates: int) -> None:
        """Write the values for `num_updates` completed updates.

        Raises:
            InvalidArgument: if the number of values differs from the number of groups.
        """
        if len(self.optimizer.param_groups) > len(self.base_lr_values):
            self._add_bases()
        values = self.get_updated_values(num_updates)
        if values is not None:
            self._update_param_groups(values)

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes except the optimizer, and the present values of the groups, as plain data."""
        self._add_bases()
        state = {name: by_value(value) for name, value in vars(self).items() if name != "optimizer"}
        field = state.get("param_group_field")
        groups = getattr(vars(self).get("optimizer"), "param_groups", [])
        if all(field in group for group in groups):
            state[HELD_VALUES] = [_plain(group[field]) for group in groups]
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the attributes, and write the saved values into the groups.

        Bases and values are restored only if the state has one for each group, because otherwise it is unknown which
        value belongs to which group.
        """
        self._restore_attributes(state_dict, [name for name in state_dict if name != HELD_VALUES])
        groups = getattr(vars(self).get("optimizer"), "param_groups", [])
        values = state_dict.get(HELD_VALUES, ())
        if groups and len(values) == len(groups):
            self._update_param_groups(values)

    def _restore_attributes(self, state_dict: Mapping[str, Any], names: Iterable[str]) -> None:
        """Restore the attributes `names`, as far as the state contains them."""
        self._add_bases()
        attributes = {name: by_value(state_dict[name]) for name in names if name in state_dict}
        if len(attributes.get("base_lr_values", ())) != len(self.base_lr_values):
            attributes.pop("base_lr_values", None)
        vars(self).update(attributes)

    def _add_bases(self) -> None:
        """Use the present value of each group without a base as its base."""
        if isinstance(self.base_lr_values, list):
            for group in self.optimizer.param_groups[len(self.base_lr_values) :]:
                value = group.setdefault(self._initial_param_group_field, by_value(group[self.param_group_field]))
                self.base_lr_values.append(_plain(value))

    def _update_param_groups(self, values: Any) -> None:
        """Write one value into all groups, or one value per group from any iterable."""
        groups = self.optimizer.param_groups
        field = self.param_group_field
        row = values if type(values) is list else _row(values, len(groups))
        if len(row) != len(groups):
            raise InvalidArgument(
                f"{type(self).__name__}.get_updated_values(…)",
                f"{len(row)} values for {len(groups)} param groups",
                "Return one number for all groups, one for each group, or None for no change",
            )
        for group, value in zip(groups, row):  # noqa: B905  # `strict` costs a tenth of a step
            if type(value) is type(group[field]) is float:  # without a call, because most values are floats
                group[field] = value
            else:
                set_value(group, python_number(value), field)


def _row(values: Any, count: int) -> list[Any]:
    """Return one value per group, from a single value or from any iterable."""
    single = isinstance(values, (np.generic, np.ndarray, Tensor)) and values.ndim == 0
    return [values] * count if single or not isinstance(values, Iterable) else list(values)


def _plain(value: Any) -> Any:
    """Return a value as plain data, so that reading a checkpoint requires neither torch nor NumPy."""
    if isinstance(value, Tensor) and value.ndim == 0:
        return value.item()
    return python_number(by_value(value))


class StatefulSchedulerBase(SchedulerBase, ABC):
    """A `SchedulerBase` that counts updates: call `step()` after each optimizer update, without arguments.

    A subclass needs to define only `get_updated_values`.

    The attribute `first_update` is the n for which the first `step()` writes f(n), the result of
    `get_updated_values(n)`. Set it on the class, or on an object before its first step. With 0 (default, as in the
    library) the first two updates both use f(0), and the schedule is one update late. With 1, as in the loop that the
    library documents and in paramsched, update number n, counted from 0, uses f(n).

    Differs from pytorch-accelerated: subclasses need not define `state_dict` and `load_state_dict`, and a state
    contains the values of the groups (docs/reference/divergences.md).

    Args:
        optimizer: a torch optimizer; its groups are read again at each step.
        param_group_field: the entry to schedule; `"lr"` by default.

    Source: pytorch-accelerated 0.1.61.

    >>> import torch
    >>> class Inverse(StatefulSchedulerBase):
    ...     first_update = 1
    ...     def get_updated_values(self, num_updates):
    ...         return 1 / (num_updates + 1)
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = Inverse(optimizer)
    >>> scheduler.step()
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """

    first_update: int = 0

    def __init__(self, optimizer: Optimizer, param_group_field: str = "lr") -> None:
        super().__init__(optimizer=optimizer, param_group_field=param_group_field)
        self._num_updates = -1  # the number of updates at the last step; -1 before the first step

    def step(self) -> None:
        """Count one more update and write the values for it."""
        self._num_updates = self.first_update if self._num_updates < 0 else self._num_updates + 1
        self.step_update(self._num_updates)

    def state_dict(self) -> dict[str, Any]:
        """Return `first_update`, all other attributes except the optimizer, and the present values of the groups."""
        return super().state_dict() | {"first_update": self.first_update}

    def _named_state(self, names: Iterable[str]) -> dict[str, Any]:
        """Return a state by the library's names: the attributes `names`, the bases and the count."""
        self._add_bases()
        state = {name: by_value(getattr(self, name)) for name in (*names, "base_lr_values", "first_update")}
        return state | {"num_updates": self._num_updates}

    def _load_named_state(self, state_dict: Mapping[str, Any], names: Iterable[str]) -> None:
        """Restore what `_named_state` returned, also a state of the library."""
        self._restore_attributes(state_dict, (*names, "base_lr_values", "first_update"))
        self._num_updates = state_dict.get("num_updates", self._num_updates)

    def _write_present_values(self, *, begins_low: bool) -> None:
        """Write the values of the last step; before the first step f(0) of a warmup, or the bases without one."""
        if self._num_updates >= 0 or begins_low:
            self._update_param_groups(self.get_updated_values(max(self._num_updates, 0)))
        else:
            self._update_param_groups(self.base_lr_values)
