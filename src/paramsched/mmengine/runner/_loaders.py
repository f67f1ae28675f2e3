"""Check and build the loaders of a run."""

import warnings
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import replace
from typing import Any, Final, Literal, TypeVar

from torch.utils.data import DataLoader

from paramsched.core.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_TYPE
from paramsched.core.files.arguments import argument, argument_table, located, read_arguments, wrong_value
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.mmengine.registry import DATASETS
from paramsched.mmengine.runner._classes import Later, build_from_dict, check_class_dict, report_kind
from paramsched.mmengine.runner.loops import EpochBatches

_T = TypeVar("_T")


def _read_collate(value: Any) -> Any:
    """Return the function that combines samples into a batch; None for torch's default."""
    named = value.get("type") if isinstance(value, Mapping) else value
    if named is None or callable(named):
        return named
    if not isinstance(named, str) or named not in _COLLATES:
        found = f"expected a function, got {short_json(named)}"
        raise wrong_value(found, code=UNKNOWN_NAME)
    return _COLLATES[named]


@argument_table
class LoaderSettings:
    """The settings of a loader, from a dict."""

    dataset: Any = argument(example={"type": "MyDataset"})
    batch_size: int = argument(1, low=1, example=32)
    shuffle: bool = argument(False)
    sampler: Any = argument(None)
    num_workers: int = argument(0, low=0)
    collate_fn: Any = argument(None, parse=_read_collate)
    drop_last: bool = argument(False)
    pin_memory: bool = argument(False)
    persistent_workers: bool = argument(False)
    prefetch_factor: int | None = argument(None, low=1, example=2)
    timeout: float = argument(0, low=0)


@argument_table
class SamplerSettings:
    """The settings of one of MMEngine's or torch's samplers."""

    type: Literal["DefaultSampler", "InfiniteSampler", "RandomSampler", "SequentialSampler"] = argument(
        example="DefaultSampler"
    )
    shuffle: bool | None = argument(None)

    @property
    def shuffles(self) -> bool:
        """True if the samples are shuffled, which is the default of all samplers except `SequentialSampler`."""
        return self.type != "SequentialSampler" if self.shuffle is None else self.shuffle


def read_section(config: Any, path: str, diagnostics: DiagnosticCollector, table: type[_T]) -> _T | None:
    """Read a section of the config as an instance of `table`; return None if it is absent or not a mapping."""
    if config is None:
        return None
    if not isinstance(config, Mapping):
        diagnostics.add(path, f"expected a mapping, got {short_json(config)}", "Use dict(…)", code=WRONG_TYPE)
        return None
    return read_arguments(table, located(config, path), path, diagnostics)[0]


def read_loader(loader: Any, path: str, diagnostics: DiagnosticCollector, later: Later | None) -> Any:
    """Return a loader unchanged, or the settings to build one from a dict of MMEngine's form."""
    if loader is None:
        return None
    if not isinstance(loader, Mapping):
        if not (isinstance(loader, Iterable) and isinstance(loader, Sized)) or isinstance(loader, (str, bytes)):
            report_kind(loader, "loader with a length", path, diagnostics, "Pass a DataLoader or a dict")
            return None
        if not len(loader):
            diagnostics.add(path, "it has no batches", code=REFUSED_VALUE)
        return loader
    before = diagnostics.count
    settings, locations, wrong = read_arguments(LoaderSettings, located(loader, path), path, diagnostics)
    dataset = settings.dataset
    if isinstance(dataset, Mapping) and not wrong & {"dataset"}:
        check_class_dict(dataset, DATASETS, locations["dataset"], diagnostics, later)
    elif isinstance(dataset, (str, bytes)) or not (isinstance(dataset, Iterable) or hasattr(dataset, "__getitem__")):
        report_kind(dataset, "dataset", locations["dataset"], diagnostics)
    sampler = read_section(settings.sampler, locations["sampler"], diagnostics, SamplerSettings)
    settings = replace(settings, sampler=sampler)
    if diagnostics.count == before:
        try:  # torch checks the other arguments
            with warnings.catch_warnings():  # the warnings are shown when the loader is built for the run
                warnings.simplefilter("ignore")
                build_loader(replace(settings, dataset=[0]))
        except (TypeError, ValueError, AssertionError, RuntimeError, OverflowError) as error:
            diagnostics.add(path, f"torch's DataLoader: {error}", code=REFUSED_VALUE)
    return settings


def build_loader(given: Any) -> Any:
    """Build a loader from its settings, or return it unchanged."""
    if not isinstance(given, LoaderSettings):
        return given
    arguments = {**vars(given), "dataset": build_from_dict(given.dataset, DATASETS)}
    sampler = arguments.pop("sampler")
    if isinstance(sampler, SamplerSettings):
        arguments["shuffle"] = sampler.shuffles
    return DataLoader(**arguments)


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
