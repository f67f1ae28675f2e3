"""How many samples a batch holds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from paramsched.errors import InvalidArgument


def samples_in(batch: Any) -> int:
    """The samples in a batch: the first dimension of its tensors, or the length of the lists in it.

    A batch that could be read in two ways is refused: a list of three images may be three samples, or one.

    Raises:
        InvalidArgument: it shows none, or several numbers.

    >>> samples_in({"input_ids": torch.zeros(8, 128), "labels": torch.zeros(8)})
    8
    """
    sizes = set(_sizes_in(batch))
    if len(sizes) != 1:
        found = f"its tensors and lists are of the lengths {sorted(sizes)}" if sizes else "no tensor is in it"
        asked = f"the samples in a batch, {type(batch).__name__}"
        raise InvalidArgument(asked, found, "Write amount_of=lambda batch: … where the plan is given")
    return sizes.pop()


def samples_in_lists(batch: Any) -> int:
    """The samples in a batch: MMEngine's `pseudo_collate` makes lists of them, one entry for each.

    Raises:
        InvalidArgument: as `samples_in`, where the lists are of several lengths, or there is none.

    >>> samples_in_lists({"inputs": [torch.zeros(3, 32, 32), torch.zeros(3, 48, 32)]})
    2
    """
    parts = batch.values() if isinstance(batch, Mapping) else batch
    lengths = {len(part) for part in parts if isinstance(part, list | tuple)}
    return lengths.pop() if len(lengths) == 1 else samples_in(batch)


def _sizes_in(batch: Any, *, outermost: bool = True) -> Iterator[int]:
    """What may be the number of samples: of each tensor, and of each list but the one that is the batch."""
    parts: Any = ()
    if isinstance(batch, torch.Tensor):
        yield from batch.shape[:1]
    elif isinstance(batch, Mapping):
        parts = batch.values()
    elif isinstance(batch, Sequence) and not isinstance(batch, str | bytes):
        parts = batch
        if not outermost:
            yield len(batch)
    for part in parts:
        yield from _sizes_in(part, outermost=False)
