"""Build the loaders of a run."""

import warnings
from collections.abc import Iterable, Mapping, Sequence, Sized
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from torch import nn
from torch.utils.data import DataLoader

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT
from paramsched.core.base.printing import child_path
from paramsched.core.files.problem_collector import ProblemCollector, short_json
from paramsched.core.number_checks import require_choice
from paramsched.errors import CallSite
from paramsched.mmengine.building import build_call, build_object, check_names, class_of, report_kind
from paramsched.mmengine.registry import DATASETS
from paramsched.mmengine.runner.loops import EpochBatches

ARGUMENTS: Final = (
    "dataset", "batch_size", "shuffle", "sampler", "num_workers", "collate_fn", "drop_last", "pin_memory",
    "persistent_workers", "prefetch_factor", "timeout",
)  # fmt: skip
"""The entries of a loader's dict."""
_Sampler: TypeAlias = Literal["DefaultSampler", "InfiniteSampler", "RandomSampler", "SequentialSampler"]


def check_loader(config: Any, path: str, problems: ProblemCollector) -> int | None:
    """Check a loader, or the dict to build one, whose dataset is only built by `build_loader`.

    Return the number of batches; None if it is unknown.
    """
    if isinstance(config, Mapping):
        dataset, place = config.get("dataset"), child_path(path, "dataset")
        if isinstance(dataset, Mapping):
            cls = class_of(dataset, DATASETS, place, problems)
            if cls is not None:
                check_names(cls, dataset.keys() - {"type"}, place, problems)
        elif dataset is None:
            problems.add(place, "it is missing", "For example: dict(type='…')", code=WRONG_ARGUMENT)
        elif isinstance(dataset, (str, bytes)) or not (
            isinstance(dataset, Iterable) or hasattr(dataset, "__getitem__")
        ):
            report_kind(dataset, "dataset", place, problems)
        with warnings.catch_warnings():  # the warnings are shown when the loader is built for the run
            warnings.simplefilter("ignore")
            _data_loader(config, [0], path, problems)
    elif not (isinstance(config, Iterable) and isinstance(config, Sized)) or isinstance(config, (str, bytes)):
        report_kind(config, "loader with a length", path, problems, "Pass a DataLoader or a dict")
    elif not len(config):
        problems.add(path, "it has no batches", code=REFUSED_VALUE)
    else:
        return len(config)
    return None


def build_loader(config: Any, path: str, model: nn.Module | None = None) -> Any:
    """Build a loader and its dataset from a dict that was checked, or return a loader unchanged.

    A model with a `data_preprocessor`, as MMEngine's have, receives lists of samples, unless the dict has a
    `collate_fn`.

    Raises:
        ConfigError: if the class of the dataset raises an error.
    """
    if not isinstance(config, Mapping):
        return config
    problems = ProblemCollector()
    dataset = build_object(config["dataset"], DATASETS, child_path(path, "dataset"), problems)
    if hasattr(model, "data_preprocessor"):
        config = {"collate_fn": lists_of_parts, **config}
    loader = None if problems.count else _data_loader(config, dataset, path, problems)
    problems.raise_any("Runner")
    return loader


def _data_loader(config: Mapping[str, Any], dataset: Any, path: str, problems: ProblemCollector) -> Any:
    """Build torch's DataLoader; return None if an argument has a problem."""
    problems.refuse_unknown(config, ARGUMENTS, path, "unknown argument")
    arguments = {name: value for name, value in config.items() if name in ARGUMENTS and name != "dataset"}
    sampler, collate = arguments.pop("sampler", None), arguments.pop("collate_fn", None)
    if isinstance(sampler, Mapping):
        arguments["shuffle"] = bool(
            build_call(_shuffles, sampler, child_path(path, "sampler"), problems, title="sampler")
        )
    elif sampler is not None:
        report_kind(sampler, "mapping", child_path(path, "sampler"), problems, "Use dict(type='DefaultSampler')")
    function = collate.get("type") if isinstance(collate, Mapping) else collate
    if isinstance(function, str) and function in _COLLATES:
        function = _COLLATES[function]
    elif function is not None and not callable(function):
        found = f"expected a function, got {short_json(function)}"
        problems.add(child_path(path, "collate_fn"), found, code=UNKNOWN_NAME)
    build = partial(DataLoader, dataset, collate_fn=function)
    return build_call(build, arguments, path, problems)


def _shuffles(*, shuffle: bool | None = None, type: str) -> bool:  # the names in a config
    """Return whether one of MMEngine's or torch's samplers shuffles; all except `SequentialSampler` do by default."""
    require_choice(CallSite("sampler", "type"), type, _Sampler, "unknown sampler")
    return type != "SequentialSampler" if shuffle is None else bool(shuffle)


def each_sample_once(loader: Any, accelerator: Any) -> EpochBatches:
    """Prepare a loader for a validation or test, which processes each sample once."""
    # Because of `even_batches`, Accelerate would repeat samples until all processes have as many batches.
    previous = accelerator.even_batches
    accelerator.even_batches = False
    try:
        return EpochBatches(accelerator.prepare(loader), accelerator)
    finally:
        accelerator.even_batches = previous


def lists_of_parts(samples: Sequence[Any]) -> Any:
    """Combine samples into a batch of lists instead of tensors, as MMEngine's `pseudo_collate` does."""
    first = samples[0]
    kind: Any = type(first)
    if isinstance(first, Mapping):
        return kind({name: lists_of_parts([sample[name] for sample in samples]) for name in first})
    if not isinstance(first, (list, tuple)):
        return samples
    parts = [lists_of_parts(column) for column in zip(*samples, strict=True)]
    if hasattr(first, "_fields"):  # a named tuple, which has no base class of its own
        return kind(*parts)
    return parts if isinstance(first, tuple) else kind(parts)


_COLLATES: Final[Mapping[str, Any]] = {"pseudo_collate": lists_of_parts, "default_collate": None}
