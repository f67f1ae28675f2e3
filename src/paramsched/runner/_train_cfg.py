"""What a `train_cfg` counts."""

from collections.abc import Mapping
from typing import Any, Final

COUNTS_EPOCHS: Final[Mapping[str, bool]] = {"EpochBasedTrainLoop": True, "IterBasedTrainLoop": False}
"""MMEngine's loops, and whether they count epochs."""


def counts_epochs(train_cfg: Mapping[str, Any]) -> Any:
    """Whether a `train_cfg` counts epochs: it says so, or its `type` does, or the length it gives.

    >>> counts_epochs({"type": "EpochBasedTrainLoop"}), counts_epochs({"max_iters": 900}), counts_epochs({})
    (True, False, True)
    """
    kind = train_cfg.get("type")
    default = COUNTS_EPOCHS[kind] if isinstance(kind, str) and kind in COUNTS_EPOCHS else "max_iters" not in train_cfg
    return train_cfg.get("by_epoch", default)
