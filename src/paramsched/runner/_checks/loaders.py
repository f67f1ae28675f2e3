"""Checks of the loaders, and of the metrics that look at what comes from them."""

import warnings
from collections.abc import Iterable, Mapping, Sized
from typing import Any

from paramsched.config.faults import Faults, child_path, entry_path, short_json
from paramsched.near_names import did_you_mean
from paramsched.runner._checks.entries import (
    check_class_dict,
    check_names,
    check_switch,
    check_whole_number,
    looking_at,
)
from paramsched.runner._loaders import COLLATES, LOADER_KEYS, SAMPLERS, build_loader
from paramsched.runner.metrics import MetricLike
from paramsched.runner.registry import DATASETS, METRICS


def check_sides(given: Mapping[str, Any], faults: Faults) -> None:
    """Check the loaders of training, validation and test, and what belongs to each."""
    for mode in ("train", "val", "test"):
        with looking_at(entry_path(f"{mode}_dataloader"), faults):
            _check_loader(given[f"{mode}_dataloader"], entry_path(f"{mode}_dataloader"), faults)
    for mode in ("val", "test"):
        check_names(given[f"{mode}_cfg"], ("type",), entry_path(f"{mode}_cfg"), faults)
        with looking_at(entry_path(f"{mode}_evaluator"), faults):
            _check_evaluator(given[f"{mode}_evaluator"], entry_path(f"{mode}_evaluator"), faults)


def _check_loader(loader: Any, path: str, faults: Faults) -> None:
    """Check a loader: an object with a length, or a dict like MMEngine's."""
    if loader is None:
        return
    if not isinstance(loader, Mapping):
        if not (isinstance(loader, Iterable) and isinstance(loader, Sized)) or isinstance(loader, (str, bytes)):
            faults.add(path, f"{short_json(loader)} is no loader with a length", "Give a DataLoader, or a dict")
        elif not len(loader):
            faults.add(path, "there is no batch in it")
        return
    before = faults.count
    check_names(loader, LOADER_KEYS, path, faults)
    _check_dataset(loader, child_path(path, "dataset"), faults)
    for name, least in (("batch_size", 1), ("num_workers", 0)):
        check_whole_number(loader, name, least, path, faults)
    for name in ("shuffle", "drop_last", "pin_memory", "persistent_workers"):
        if name in loader:
            check_switch(loader[name], child_path(path, name), faults)
    _check_sampler(loader.get("sampler"), child_path(path, "sampler"), faults)
    _check_collate(loader.get("collate_fn"), child_path(path, "collate_fn"), faults)
    if faults.count == before:
        _try_with_torch(loader, path, faults)


def _check_dataset(loader: Mapping[str, Any], path: str, faults: Faults) -> None:
    """Check that there is a dataset, or a dict that names one."""
    if "dataset" not in loader:
        faults.add(path, "it is missing", "Write dataset=…")
        return
    dataset = loader["dataset"]
    if isinstance(dataset, Mapping):
        check_class_dict(dataset, DATASETS, path, faults)
        return
    has_samples = isinstance(dataset, Iterable) or getattr(dataset, "__getitem__", None) is not None
    if isinstance(dataset, (str, bytes)) or not has_samples:
        faults.add(path, f"{short_json(dataset)} is no dataset")


def _check_sampler(sampler: Any, path: str, faults: Faults) -> None:
    if sampler is None or not check_names(sampler, ("type", "shuffle"), path, faults):
        return
    named = sampler.get("type")
    if not isinstance(named, str) or named not in SAMPLERS:
        found = f"{short_json(named)}; {did_you_mean(short_json(named), SAMPLERS)}"
        faults.add(f"{path}.type", found, "Write sampler=dict(type='DefaultSampler', shuffle=True)")


def _check_collate(collate: Any, path: str, faults: Faults) -> None:
    named = collate.get("type") if isinstance(collate, Mapping) else collate
    if not (named is None or callable(named) or (isinstance(named, str) and named in COLLATES)):
        found = f"{short_json(named)} is no function"
        faults.add(path, found, "Write dict(type='pseudo_collate'), or give one")


def _try_with_torch(loader: Mapping[str, Any], path: str, faults: Faults) -> None:
    """Note what torch says of the other arguments, and of those that need each other."""
    try:
        with warnings.catch_warnings():  # they are said when it is built
            warnings.simplefilter("ignore")
            build_loader({**loader, "dataset": [0]})
    except (TypeError, ValueError, AssertionError, RuntimeError, OverflowError) as error:
        faults.add(path, f"torch's DataLoader: {error}")


def _check_evaluator(config: Any, path: str, faults: Faults) -> None:
    """Check a metric, or each of a list."""
    for index, one in enumerate(config if isinstance(config, (list, tuple)) else [config]):
        where = child_path(path, index) if isinstance(config, (list, tuple)) else path
        if isinstance(one, Mapping) and one:
            check_class_dict(one, METRICS, where, faults)
        elif one and not (callable(one) or isinstance(one, MetricLike)):
            faults.add(where, f"{short_json(one)} is no metric", "Give a function of output and target, or a Metric")
