"""Copies of what a state holds: containers, arrays and tensors by value, anything else as it is."""

import copy
from typing import Any

import numpy as np
from torch import Tensor


def by_value(value: Any) -> Any:
    """A copy that shares no container, array or tensor with `value`; anything else is itself.

    Not `deepcopy`: what users keep in a scheduler may be large, and may not be copyable.
    """
    match value:
        case float() | int() | str() | None:
            return value
        case Tensor():
            return value.detach().clone()
        case np.ndarray():
            return value.copy()
        case dict() if type(value) is dict:
            return {key: by_value(item) for key, item in value.items()}
        case dict():  # a Counter (torch's milestones) stays one: weights_only loading knows it
            twin = copy.copy(value)
            for key, item in value.items():
                twin[key] = by_value(item)
            return twin
        case list() | tuple() | set() | frozenset() if type(value) in (list, tuple, set, frozenset):
            return type(value)(by_value(item) for item in value)
        case _:
            return value
