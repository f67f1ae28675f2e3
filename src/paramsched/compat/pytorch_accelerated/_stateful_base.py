"""StatefulSchedulerBase: counts the updates itself."""

from abc import ABC
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from paramsched.compat._copies import by_value
from paramsched.compat.pytorch_accelerated._base import SchedulerBase


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
        self._num_updates = -1  # the n evaluated last; -1 before the first step, whichever n that stands for

    def step(self) -> None:
        """Count one more update and write the values for it."""
        self._num_updates = self.first_update if self._num_updates < 0 else self._num_updates + 1
        self.step_update(self._num_updates)

    def state_dict(self) -> dict[str, Any]:
        """All attributes except the optimizer, `first_update`, and what the groups hold now."""
        return super().state_dict() | {"first_update": self.first_update}

    def _restore_attributes(self, state_dict: Mapping[str, Any], names: tuple[str, ...]) -> None:
        """Set the named attributes, bases and count from a state; what it lacks keeps its value."""
        self._take_in_late_groups()
        known = {name: state_dict[name] for name in (*names, "first_update") if name in state_dict}
        if len(state_dict.get("base_lr_values", ())) == len(self.optimizer.param_groups):
            known["base_lr_values"] = state_dict["base_lr_values"]
        # The library's name for the count.
        if "num_updates" in state_dict:
            known["_num_updates"] = state_dict["num_updates"]
        vars(self).update({name: by_value(value) for name, value in known.items()})
