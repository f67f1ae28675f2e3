"""SchedulerBase, told how many updates were done, and StatefulSchedulerBase, which counts them itself."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from paramsched.base.near_names import did_you_mean
from paramsched.compat.group_fields import (
    KnownGroups,
    Number,
    by_value,
    initial_value,
    kept_positions,
    picked,
    put_value,
    python_number,
)
from paramsched.errors import InvalidArgument, UnknownField

HELD_VALUES = "param_group_values"
"""Where a state keeps what the groups held."""


class SchedulerBase(ABC):
    """Write `get_updated_values(num_updates)` into one field of every param group.

    Stateless: the loop counts, and says after each update how many there have been, so that update number n, counted
    from zero, uses f(n).

        optimizer.step()
        num_updates += 1
        scheduler.step_update(num_updates)

    Constructing stores each group's value as its `initial_<field>`, unless that is there already, and writes that into
    the group. A group added later joins, with its own value as base, at the next step.

    Differs from pytorch-accelerated: any iterable gives one value for each group, a wrong number of them is refused,
    tensors are filled in place, and loading a state writes what the groups held (rows 8, 9, 14-17 of
    `docs/compat/divergences.md`).

    Args:
        optimizer: its groups are read anew at each step.
        param_group_field: the entry to schedule.

    Raises:
        UnknownField: a group lacks the field.

    >>> import torch
    >>> class Halving(SchedulerBase):
    ...     def get_updated_values(self, num_updates):
    ...         return [base * 0.5**num_updates for base in self.base_lr_values]
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.4)
    >>> Halving(optimizer).step_update(2)
    >>> optimizer.param_groups[0]["lr"]
    0.1
    """

    __slots__ = ("__dict__", "__weakref__", "_known_groups")  # slots are not part of a state
    _known_groups: KnownGroups

    def __init__(self, optimizer: Optimizer, param_group_field: str = "lr") -> None:
        self.optimizer = optimizer
        self.param_group_field = param_group_field
        self._initial_param_group_field = f"initial_{param_group_field}"
        for i, group in enumerate(optimizer.param_groups):
            if param_group_field not in group:
                known = [name for name in group if name != "params"]
                raise UnknownField(
                    f"{param_group_field} missing from param_groups[{i}]",
                    did_you_mean(param_group_field, known),
                    "Write one of these as param_group_field",
                )
        # Only now, with every group checked, is anything written.
        self.base_lr_values: list[Any] = []
        self._known_groups = None, []
        self._take_in_late_groups()
        self._update_param_groups(self.base_lr_values)

    @abstractmethod
    def get_updated_values(self, num_updates: int) -> Number | Iterable[Number] | None:
        """The values after `num_updates` updates: one for all groups, one for each, or None to change nothing."""

    def step_update(self, num_updates: int) -> None:
        """Write the values for `num_updates` completed updates.

        Raises:
            InvalidArgument: as many values as there are groups are needed.
        """
        self._take_in_late_groups()
        values = self.get_updated_values(num_updates)
        if values is not None:
            self._update_param_groups(values)

    def state_dict(self) -> dict[str, Any]:
        """All attributes except the optimizer, and what the groups hold now."""
        state = {name: by_value(value) for name, value in vars(self).items() if name != "optimizer"}
        field, groups = state.get("param_group_field"), getattr(vars(self).get("optimizer"), "param_groups", [])
        if all(field in group for group in groups):
            # Python numbers, so that a checkpoint needs neither torch nor NumPy to be read.
            held = [by_value(group[field]) for group in groups]
            state[HELD_VALUES] = [
                one.item() if isinstance(one, Tensor) and one.ndim == 0 else python_number(one) for one in held
            ]
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Set the attributes, and write what the groups held; bases and values where there is one for each group."""
        self._take_in_late_groups()
        groups = len(getattr(vars(self).get("optimizer"), "param_groups", []))
        bases, values = state_dict.get("base_lr_values", ()), state_dict.get(HELD_VALUES, ())
        own = vars(self).get("base_lr_values")
        vars(self).update({name: by_value(value) for name, value in state_dict.items() if name != HELD_VALUES})
        # A state of other groups cannot say which base is whose.
        if own is not None and len(bases) != groups:
            self.base_lr_values = own
        if groups and len(values) == groups:
            self._update_param_groups(values)

    def _take_in_late_groups(self) -> None:
        """Give groups without a base their own value as base."""
        if "base_lr_values" not in vars(self):
            return
        known: KnownGroups = getattr(self, "_known_groups", (None, []))  # a pickle of 0.1 has no groups
        kept = kept_positions(type(self).__name__, known, self.optimizer)
        if kept is not None:
            self.base_lr_values = picked(self.base_lr_values, kept)
        self._known_groups = self.optimizer, list(self.optimizer.param_groups)
        for group in self.optimizer.param_groups[len(self.base_lr_values) :]:
            self.base_lr_values.append(by_value(initial_value(group, self.param_group_field)))

    def _update_param_groups(self, values: Any) -> None:
        """Write one value for all groups, or one for each from any iterable."""
        groups = self.optimizer.param_groups
        single = isinstance(values, (np.generic, np.ndarray, Tensor)) and values.ndim == 0
        row = [values] * len(groups) if single or not isinstance(values, Iterable) else list(values)
        if len(row) != len(groups):
            raise InvalidArgument(
                f"{type(self).__name__}.get_updated_values(…)",
                f"{len(row)} values for {len(groups)} param groups",
                "Return one number for all groups, one for each group, or None to change nothing",
            )
        for group, value in zip(groups, row, strict=True):
            put_value(group, python_number(value), self.param_group_field)


class StatefulSchedulerBase(SchedulerBase, ABC):
    """A `SchedulerBase` that counts: call `step()` after each optimizer update, without arguments.

    A subclass needs `get_updated_values` and nothing else.

    Which count the first `step()` stands for is `first_update`, an attribute of the class or of an object that has
    not stepped yet. 0, the library's own, evaluates f(0) after the first update, so that the first two updates both
    use f(0) and everything is one update late. 1 is the count of the documented loop, and of paramsched: update number
    n, counted from zero, uses f(n).

    Differs from pytorch-accelerated: `state_dict` and `load_state_dict` need not be written, and a state carries what
    the groups held (rows 1, 2 and 8 of `docs/compat/divergences.md`).

    Args:
        optimizer: its groups are read anew at each step.
        param_group_field: the entry to schedule.

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
        self._num_updates = -1  # the n evaluated last; -1 before the first step

    def step(self) -> None:
        """Count one more update and write the values for it."""
        self._num_updates = self.first_update if self._num_updates < 0 else self._num_updates + 1
        self.step_update(self._num_updates)

    def state_dict(self) -> dict[str, Any]:
        """All attributes except the optimizer, `first_update`, and what the groups hold now."""
        return super().state_dict() | {"first_update": self.first_update}

    def _restore_attributes(self, state_dict: Mapping[str, Any], names: tuple[str, ...]) -> None:
        """Set the named attributes, bases and count from a state, as far as it has them."""
        self._take_in_late_groups()
        known = {name: state_dict[name] for name in (*names, "first_update") if name in state_dict}
        if len(state_dict.get("base_lr_values", ())) == len(self.optimizer.param_groups):
            known["base_lr_values"] = state_dict["base_lr_values"]
        # The library's name for the count.
        if "num_updates" in state_dict:
            known["_num_updates"] = state_dict["num_updates"]
        vars(self).update({name: by_value(value) for name, value in known.items()})
