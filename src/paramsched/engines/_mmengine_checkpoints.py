"""MMEngine's own checkpoints, which torch from 2.6 on refuses to load."""

from functools import cache
from pickle import UnpicklingError
from typing import Any

import torch


@cache
def allow_checkpoints() -> None:
    """Let torch load MMEngine's own checkpoints: its history of logged values, and NumPy's numbers in it (row 23).

    What is allowed can compute nothing: a history's methods are the only attributes that a file can name.
    """
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 6):  # weights_only is no default there
        return
    import numpy as np
    from mmengine.logging import HistoryBuffer

    def method(owner: Any, name: str) -> Any:
        if owner is HistoryBuffer and name in ("min", "max", "current", "mean"):
            return getattr(HistoryBuffer, name)
        raise UnpicklingError(f"{name} of {owner!r} is no part of a history of logged values")

    kinds = (np.float64, np.float32, np.int64, np.int32, np.uint64, np.bool_)
    rebuild = [np.empty(0).__reduce__()[0], np.float64(0).__reduce__()[0]]
    allowed = [HistoryBuffer, np.ndarray, np.dtype, *rebuild, *(type(np.dtype(kind)) for kind in kinds)]
    torch.serialization.add_safe_globals([*allowed, (method, "builtins.getattr")])
