"""Loaders: as given, or built of a dict like MMEngine's."""

from collections.abc import Mapping
from typing import Any, Final

from torch.utils.data import DataLoader

from paramsched.runner._class_dicts import build_from_dict
from paramsched.runner.registry import DATASETS

LOADER_KEYS: Final = (
    "dataset", "batch_size", "shuffle", "sampler", "num_workers", "collate_fn", "drop_last", "pin_memory",
    "persistent_workers", "prefetch_factor", "timeout",
)  # fmt: skip
COLLATES: Final = ("pseudo_collate", "default_collate")
SAMPLERS: Final[Mapping[str, bool]] = {
    "DefaultSampler": True,
    "InfiniteSampler": True,
    "RandomSampler": True,
    "SequentialSampler": False,
}
"""MMEngine's and torch's samplers, and whether they shuffle unless told. Accelerate spreads them over processes."""


def build_loader(config: Any) -> Any:
    """The loader: as given, or of a dict like MMEngine's."""
    if not isinstance(config, Mapping):
        return config
    arguments = dict(config)
    dataset = build_from_dict(arguments.pop("dataset"), DATASETS)
    shuffle = _is_shuffled(arguments.pop("sampler", None), arguments.pop("shuffle", False))
    collate = arguments.pop("collate_fn", None)
    if isinstance(collate, Mapping):
        collate = collate.get("type")
    if collate == "pseudo_collate":
        collate = lists_of_parts
    elif collate == "default_collate":
        collate = None
    return DataLoader(dataset, shuffle=shuffle, collate_fn=collate, **arguments)


def _is_shuffled(sampler: Any, default: bool) -> bool:
    """Whether the order is random."""
    if not isinstance(sampler, Mapping):
        return default
    return bool(sampler.get("shuffle", SAMPLERS.get(str(sampler.get("type")), default)))


def lists_of_parts(samples: list[Any]) -> Any:
    """The samples' parts as lists, not stacked to tensors: MMEngine's `pseudo_collate`."""
    first = samples[0]
    if isinstance(first, Mapping):
        return {name: lists_of_parts([sample[name] for sample in samples]) for name in first}
    if isinstance(first, (list, tuple)):
        return type(first)(lists_of_parts(list(column)) for column in zip(*samples, strict=True))
    return samples
