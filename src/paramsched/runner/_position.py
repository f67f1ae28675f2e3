"""Position: where a run is."""

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Position:
    """Where a run is: what a checkpoint saved now has to go on from.

    Args:
        epoch: complete passes over the loader.
        batch: batches of the present pass that are done.
        iter: batches that are done.
        validated: whether the validation that is due at this moment is over.
    """

    epoch: int = 0
    batch: int = 0
    iter: int = 0
    validated: bool = False
