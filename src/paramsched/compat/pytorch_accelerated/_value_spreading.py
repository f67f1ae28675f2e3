"""One value for each group, from what a user's scheduler returns."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor

from paramsched.errors import InvalidArgument


def spread_over_groups(values: Any, groups: int, source: str) -> list[Any]:
    """One value for each group: a single value for all of them, or one each from any iterable.

    Raises:
        InvalidArgument: as many values as there are groups are needed.
    """
    single = isinstance(values, (np.generic, np.ndarray, Tensor)) and values.ndim == 0
    if single or not isinstance(values, Iterable):
        return [values] * groups
    listed = list(values)
    if len(listed) != groups:
        raise InvalidArgument(
            source,
            f"{len(listed)} values for {groups} param groups",
            "Return one number for all groups, one for each group, or None to change nothing",
        )
    return listed
