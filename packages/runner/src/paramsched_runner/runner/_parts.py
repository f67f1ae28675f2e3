"""The parts of a Runner: model, loaders, optimizers, evaluators, made from its arguments."""

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar, final

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from paramsched.base import ROOT, child_path, closest, codes, did_you_mean, entry_path
from paramsched.core import check_fields, checked, require_choice, whole_number
from paramsched.core.run import check_option
from paramsched.errors import CallSite, InvalidArgument, site_with_value
from paramsched.files import ProblemCollector, short_json
from paramsched.mmengine.registry import check_names, registered_in_mmengine, report_error
from paramsched.mmengine.schedulers import OptimWrapper, RunLength, ValuesOnly, batches_per_update
from paramsched_runner.registries import (
    DATASETS,
    HOOKS,
    METRICS,
    MODELS,
    build_call,
    build_object,
    class_of,
    report_kind,
    true_or_false,
)
from paramsched_runner.runner._param_schedulers import check_schedulers
from paramsched_runner.runner.context import inputs_and_target, training_style
from paramsched_runner.runner.hooks import (
    CheckpointHook,
    Hook,
    LoggerHook,
    ParamSchedulerHook,
    ProgressBarHook,
    priority_of,
)
from paramsched_runner.runner.loops import (
    EpochBatches,
    MeanOf,
    MetricLike,
    RandomnessSettings,
    TrainSettings,
    seed_for,
)
from paramsched_runner.runner.optim_wrapper import AmpOptimWrapper
from paramsched_runner.train_cfg import LENGTHS, loop_of, read_lengths


def build_model(config: Any, path: str, problems: ProblemCollector) -> nn.Module | None:
    """Build the model from a dict, or return it unchanged; None if there is a problem."""
    before = problems.count
    model = build_object(config, MODELS, path, problems)
    if isinstance(model, nn.Module):
        return model
    if problems.count == before:
        report_kind(model, "torch.nn.Module", path, problems, "Pass a module, or dict(type='…')")
    return None


def build_metrics(config: Any, path: str, problems: ProblemCollector) -> list[MetricLike] | None:
    """Build the metrics from dicts, functions or objects; return None for None or an empty dict."""
    if config is None or (isinstance(config, Mapping) and not config):
        return None
    is_list = isinstance(config, (list, tuple))
    metrics = []
    for index, element in enumerate(config if is_list else [config]):
        before = problems.count
        metric_path = child_path(path, index) if is_list else path
        metric = build_object(element, METRICS, metric_path, problems)
        if isinstance(metric, MetricLike):
            metrics.append(metric)
        elif callable(metric):
            metrics.append(_mean_of(metric))
        elif problems.count == before:
            report_kind(metric, "metric", metric_path, problems, "Pass a function of output and target, or a Metric")
    return metrics


def _mean_of(function: Callable[[Any, Any], Any]) -> MeanOf:
    """Return a metric: the mean over all samples of `function(output, target)`."""
    name = getattr(function, "__name__", type(function).__name__).lower()
    return MeanOf(lambda output, batch: function(output, inputs_and_target(batch)[1]), name)


DEFAULT_HOOKS: Final[Mapping[str, Callable[[], Hook]]] = {
    "logger": LoggerHook,
    "param_scheduler": ParamSchedulerHook,
    "checkpoint": lambda: CheckpointHook(interval=1),
    "progress": ProgressBarHook,
}
"""The default hooks of a Runner; None in `default_hooks` removes one."""


_NOT_HERE: Final = ("runtime_info", "timer", "sampler_seed", "visualization")
"""MMEngine's default hooks that do not exist here. A config may still remove them with None."""


def build_default_hooks(config: Any, path: str, problems: ProblemCollector) -> list[Any]:
    """Build the default hooks, with those of a config in their place."""
    if not isinstance(config, (Mapping, type(None))):
        report_kind(config, "mapping", path, problems, "For example: dict(checkpoint=dict(type='CheckpointHook'))")
        return []
    changes = config or {}
    hooks = list[Any]()
    for name in dict.fromkeys([*DEFAULT_HOOKS, *changes]):
        if name not in changes:
            hooks.append(DEFAULT_HOOKS[name]())
        elif changes[name] is not None:
            hooks.append(build_hook(changes[name], child_path(path, name), problems))
        elif name not in (*DEFAULT_HOOKS, *_NOT_HERE):
            message = f"unknown hook; {did_you_mean(str(name), DEFAULT_HOOKS)}"
            problems.add(child_path(path, name), message, code=codes.UNKNOWN_NAME)
    return hooks


def build_custom_hooks(config: Any, path: str, problems: ProblemCollector) -> list[Any]:
    """Build the hooks of a list."""
    if not isinstance(config, (list, tuple, type(None))):
        report_kind(config, "list", path, problems, "For example: custom_hooks=[MyHook()]")
        return []
    return [build_hook(hook, child_path(path, index), problems) for index, hook in enumerate(config or ())]


def build_hook(config: Any, path: str, problems: ProblemCollector) -> Any:
    """Build a hook from a dict or a class, or return it unchanged; None if there is a problem."""
    before = problems.count
    hook = config
    priority = None
    if isinstance(config, (Mapping, type)):
        entries = dict(config) if isinstance(config, Mapping) else {"type": config}
        priority = entries.pop("priority", None)
        hook = build_object(entries, HOOKS, path, problems)
        if priority is not None and hook is not None:
            hook.priority = priority
    if problems.count == before and not _is_hook(hook):
        report_kind(hook, "hook", path, problems, "Derive it from paramsched.mmengine.runner.Hook")
        return hook
    try:
        priority_of(getattr(hook, "priority", "NORMAL") if priority is None else priority)
    except InvalidArgument as error:
        report_error(error, child_path(path, "priority"), problems)
    return hook


def _is_hook(value: Any) -> bool:
    """Return whether an object has any of the methods that a Runner calls."""
    points = (name for name in vars(Hook) if name.startswith(("before_", "after_")))
    return any(callable(getattr(value, point, None)) for point in points)


def hooks_in_order(hooks: Iterable[Any]) -> list[Any]:
    """Sort hooks by priority; hooks of the same priority keep their order."""
    return sorted(hooks, key=lambda hook: priority_of(getattr(hook, "priority", "NORMAL")))


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
        dataset = config.get("dataset")
        dataset_path = child_path(path, "dataset")
        if isinstance(dataset, Mapping):
            cls = class_of(dataset, DATASETS, dataset_path, problems)
            if cls is not None:
                check_names(cls, dataset.keys() - {"type"}, dataset_path, problems)
        elif dataset is None:
            problems.add(dataset_path, "it is missing", "For example: dict(type='…')", code=codes.WRONG_ARGUMENT)
        elif isinstance(dataset, (str, bytes)) or not (
            isinstance(dataset, Iterable) or hasattr(dataset, "__getitem__")
        ):
            report_kind(dataset, "dataset", dataset_path, problems)
        with warnings.catch_warnings():  # the warnings are shown when the loader is built for the run
            warnings.simplefilter("ignore")
            _data_loader(config, [0], path, problems)
    elif not (isinstance(config, Iterable) and isinstance(config, Sized)) or isinstance(config, (str, bytes)):
        report_kind(config, "loader with a length", path, problems, "Pass a DataLoader or a dict")
    elif not len(config):
        problems.add(path, "it has no batches", code=codes.REFUSED_VALUE)
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
    sampler = arguments.pop("sampler", None)
    collate = arguments.pop("collate_fn", None)
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
        message = f"expected a function, got {short_json(function)}"
        problems.add(child_path(path, "collate_fn"), message, code=codes.UNKNOWN_NAME)
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
    cls: Any = type(first)
    if isinstance(first, Mapping):
        return cls({name: lists_of_parts([sample[name] for sample in samples]) for name in first})
    if not isinstance(first, (list, tuple)):
        return samples
    parts = [lists_of_parts(column) for column in zip(*samples, strict=True)]
    if hasattr(first, "_fields"):  # a named tuple, which has no base class of its own
        return cls(*parts)
    return parts if isinstance(first, tuple) else cls(parts)


_COLLATES: Final[Mapping[str, Any]] = {"pseudo_collate": lists_of_parts, "default_collate": None}


_WRAPPERS: Final[Mapping[str, type[OptimWrapper]]] = {"OptimWrapper": OptimWrapper, "AmpOptimWrapper": AmpOptimWrapper}


def build_wrappers(
    config: Any, model: nn.Module | None, path: str, problems: ProblemCollector
) -> dict[str, OptimWrapper | None]:
    """Return the wrappers in `optim_wrapper` by name; None in place of one with a problem.

    The name of a single optimizer is empty. Each of several optimizers trains the submodule with its name.

    Args:
        config: an optimizer, a wrapper, a dict to build one, or a dict of these by name.
        model: the model; None if it has a problem.
        path: the path of the config.
        problems: receives the problems.
    """
    mmengine = sys.modules.get("mmengine.optim")
    if mmengine is not None and isinstance(config, mmengine.OptimWrapperDict):
        config = dict(config.items())
    if not isinstance(config, Mapping) or not config or set(config) & {"type", "optimizer"}:
        return {"": _build_wrapper(config, model, path, problems)}
    wrappers: dict[str, OptimWrapper | None] = {}
    for name, element in config.items():
        module = model if model is None else getattr(model, str(name), None)
        is_for_submodule = isinstance(element, Mapping) and isinstance(element.get("optimizer"), Mapping)
        if is_for_submodule and model is not None and not isinstance(module, nn.Module):
            message = f"{type(model).__name__} has no submodule {name!r} to optimize"
            advice = "Name it after a submodule of the model, or pass the optimizer itself"
            problems.add(child_path(path, name), message, advice, code=codes.REFUSED_VALUE)
            wrappers[name] = None
        else:
            wrappers[name] = _build_wrapper(element, module, child_path(path, name), problems)
    return wrappers


def _build_wrapper(config: Any, module: Any, path: str, problems: ProblemCollector) -> OptimWrapper | None:
    """Build the wrapper of one optimizer, which trains the parameters of a module."""
    if isinstance(config, OptimWrapper):
        return config
    if isinstance(config, Optimizer):
        return OptimWrapper(config)
    mmengine = sys.modules.get("mmengine.optim")
    if mmengine is not None and isinstance(config, mmengine.OptimWrapper):
        return _wrapper_of(config, mmengine, path, problems)
    if not isinstance(config, Mapping) or not config:
        message = f"expected an optimizer, got {short_json(config)}"
        problems.add(path, message, "For example: dict(optimizer=dict(type='SGD', lr=0.1))", code=codes.WRONG_TYPE)
        return None
    before = problems.count
    name_or_class = config.get("type", "OptimWrapper")
    cls = _wrapper_class(name_or_class, mmengine, child_path(path, "type"), problems)
    optimizer = _build_optimizer(config.get("optimizer"), module, child_path(path, "optimizer"), problems)
    if optimizer is not None and any(config.get(name) is not None for name in _GROUPING):
        optimizer = _grouped_optimizer(config, module, path, problems)
    arguments = {name: value for name, value in config.items() if name not in ("type", "optimizer", *_GROUPING)}
    # With an optimizer in place of one with a problem, the arguments of the wrapper are checked too.
    build = partial(cls, ValuesOnly([{"lr": 0.1}]) if optimizer is None else optimizer)
    wrapper = build_call(build, arguments, path, problems)
    if problems.count > before:
        return None
    if not isinstance(wrapper, OptimWrapper):
        message = f"expected a subclass of OptimWrapper, got {short_json(name_or_class)}"
        problems.add(child_path(path, "type"), message, "Use type='OptimWrapper'", code=codes.WRONG_TYPE)
        return None
    return wrapper


def _wrapper_class(name_or_class: Any, mmengine: Any, path: str, problems: ProblemCollector) -> Any:
    """Return the class of a wrapper; report an unknown name and return the class that accepts the most arguments."""
    if isinstance(name_or_class, type):
        if mmengine is not None and name_or_class in (mmengine.OptimWrapper, mmengine.AmpOptimWrapper):
            return _WRAPPERS[name_or_class.__name__]  # MMEngine's steps without Accelerate
        return name_or_class
    cls = _WRAPPERS.get(str(name_or_class).removeprefix("mmengine."))
    if cls is None:
        message = f"{short_json(name_or_class)}; {did_you_mean(str(name_or_class), _WRAPPERS)}"
        problems.add(path, message, "Use type='OptimWrapper'", code=codes.UNKNOWN_NAME)
        return AmpOptimWrapper
    return cls


_GROUPING: Final = ("paramwise_cfg", "constructor")
"""The entries of a wrapper's dict by which MMEngine divides the parameters into groups."""


def _grouped_optimizer(
    config: Mapping[str, Any], module: Any, path: str, problems: ProblemCollector
) -> Optimizer | None:
    """Return the optimizer as MMEngine's constructor builds it, with its groups; None if there is a problem."""
    path = child_path(path, next(name for name in _GROUPING if config.get(name) is not None))
    entries = {name: value for name, value in config.items() if name in ("optimizer", *_GROUPING)}
    try:
        from mmengine.optim import build_optim_wrapper

        built: Optimizer = build_optim_wrapper(module, {"type": "OptimWrapper", **entries}).optimizer
    except ModuleNotFoundError:
        problems.add(
            path, "it needs MMEngine, which is not installed", "Pass a built optimizer", code=codes.REFUSED_VALUE
        )
    except Exception as error:  # noqa: BLE001  # the constructor of a package may raise anything
        report_error(error, path, problems)
    else:
        return built
    return None


def _wrapper_of(wrapper: Any, mmengine: Any, path: str, problems: ProblemCollector) -> OptimWrapper | None:
    """Return our wrapper in place of one of MMEngine's, which steps without Accelerate."""
    if type(wrapper) is not mmengine.OptimWrapper:
        message = f"{type(wrapper).__name__} scales the loss or steps itself, but here Accelerate does both"
        advice = "Use optim_wrapper=dict(type='AmpOptimWrapper', optimizer=wrapper.optimizer)"
        problems.add(path, message, advice, code=codes.REFUSED_VALUE)
        return None
    limits = None if wrapper.clip_grad_kwargs is None else {**wrapper.clip_grad_kwargs, "type": wrapper.grad_name[5:]}
    return OptimWrapper(wrapper.optimizer, batches_per_update(wrapper), limits)


def _build_optimizer(config: Any, module: Any, path: str, problems: ProblemCollector) -> Optimizer | None:
    """Build an optimizer for the parameters of a module; return None if there is a problem."""
    if isinstance(config, Optimizer):
        return config
    if not isinstance(config, Mapping) or "type" not in config:
        message = "it is missing" if config is None else f"expected an optimizer, got {short_json(config)}"
        problems.add(path, message, "For example: optimizer=dict(type='SGD', lr=0.1)", code=codes.WRONG_ARGUMENT)
        return None
    cls: Any = config["type"]
    if isinstance(cls, str):
        cls = _optimizer_class(cls, child_path(path, "type"), problems)
        if cls is None:
            return None
    arguments = {name: value for name, value in config.items() if name != "type"}
    parameters = list(module.parameters()) if isinstance(module, nn.Module) else [nn.Parameter(torch.zeros(1, 1))]
    before = problems.count
    built = build_call(partial(cls, parameters), arguments, path, problems)
    if problems.count == before and not isinstance(built, Optimizer):
        message = f"expected an optimizer, got {short_json(config['type'])}"
        problems.add(child_path(path, "type"), message, "For example: type='SGD'", code=codes.REFUSED_VALUE)
        return None
    return built if isinstance(built, Optimizer) else None


def _optimizer_class(name: str, path: str, problems: ProblemCollector) -> Any:
    """Return the optimizer of torch or of MMEngine's registry with a name; report an unknown name and return None."""
    classes = {
        key: var
        for key, var in vars(torch.optim).items()
        if inspect.isclass(var) and issubclass(var, Optimizer) and var is not Optimizer
    }
    if name in classes:
        return classes[name]
    registered = registered_in_mmengine("OPTIMIZERS", name)
    if registered is None:
        message = f"unknown optimizer of torch; {did_you_mean(name, classes)}"
        advice = f"Write type={closest(name, classes) or 'SGD'!r}"
        problems.add(path, message, advice, code=codes.REFUSED_VALUE)
    return registered


_T = TypeVar("_T")

FOR_TRAINING: Final = ("train_dataloader", "train_cfg", "optim_wrapper")
"""The arguments that a training needs."""


def _path(site: CallSite, value: Any) -> Path:
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidArgument(site, f"expected a path, got {short_json(value)}", code=codes.WRONG_TYPE)
    return Path(value)


def _existing_path(site: CallSite, value: Any) -> Path:
    path = _path(site, value)
    if not path.exists():
        raise InvalidArgument(site, f'"{value}" does not exist')
    return path


def _function(site: CallSite, value: Any) -> Any:
    if not callable(value):
        raise InvalidArgument(site, f"expected a function, got {short_json(value)}", code=codes.WRONG_TYPE)
    return value


def _loss(site: CallSite, value: Any) -> Any:
    _function(site, value)
    try:
        with suppress(ValueError):  # some functions written in C have no signature
            inspect.signature(value).bind(None, None)
    except TypeError:
        message = f"{short_json(value)} does not take (output, target)"
        raise InvalidArgument(site, message, example="def loss(output, target): …") from None
    return value


def _option(name: Literal["on_change", "on_base"]) -> Callable[[CallSite, Any], Any]:
    """Return a check of the Runner's argument, which is the same as that of a Scheduler."""

    def check_argument(site: CallSite, value: Any) -> Any:
        try:
            check_option(name, value)
        except InvalidArgument as error:
            raise error.changed(site=site_with_value(site, value)) from None
        return value

    return check_argument


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """The arguments of a Runner that are single values."""

    work_dir: Path = field(default=Path("work_dir"), metadata=checked(_path))
    load_from: Path | None = field(default=None, metadata=checked(_existing_path))
    resume: bool = field(default=False, metadata=checked(true_or_false))
    loss: Any | None = field(default=None, metadata=checked(_loss))
    tokens_per_sample: int | None = field(default=None, metadata=checked(whole_number))
    amount_of: Any | None = field(default=None, metadata=checked(_function))
    on_change: Any = field(default="new", metadata=checked(_option("on_change")))
    on_base: Any = field(default="checkpoint", metadata=checked(_option("on_base")))

    def __post_init__(self) -> None:
        check_fields(self, "Runner")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingSettings:
    """The settings in `auto_scale_lr`: the batch size for which the config's lr was chosen."""

    enable: bool = field(default=False, metadata=checked(true_or_false))
    base_batch_size: int = field(metadata=checked(whole_number))

    def __post_init__(self) -> None:
        check_fields(self, "auto_scale_lr")


@final
@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a run that are built before it starts.

    Args:
        settings: the arguments that are single values.
        train, scaling: the settings in `train_cfg` and `auto_scale_lr`.
        seed: the seed of the run, equal in every process.
        model: the model.
        hooks: the hooks in the order in which they are called.
        metrics: a dict from "val" and "test" to the metrics; None computes the mean loss.
        wrappers: the wrappers of the optimizers by name; the name of a single optimizer is empty.
    """

    settings: RunSettings
    train: TrainSettings
    scaling: ScalingSettings | None
    seed: int
    model: nn.Module
    hooks: list[Any]
    metrics: Mapping[str, list[MetricLike] | None]
    wrappers: Mapping[str, OptimWrapper]


def build_parts(arguments: Mapping[str, Any]) -> Parts:
    """Build the parts of a Runner from its arguments by name.

    Raises:
        ConfigError: if there are problems; it lists all of them.
    """
    problems = ProblemCollector()

    def section(table: Callable[..., _T], name: str) -> _T | None:
        """Return the settings in a mapping; None if it is absent or has a problem."""
        config = arguments[name]
        path = entry_path(name)
        if config is not None and not isinstance(config, Mapping):
            report_kind(config, "mapping", path, problems, "Use dict(…)")
        if not isinstance(config, Mapping):
            return None
        settings: _T | None = build_call(table, config, path, problems, title=name)
        return settings

    def attempt(build: Callable[..., _T], name: str, *more: Any) -> _T | None:
        """Return the result of building an argument; None if an object of the user raises an error."""
        try:
            return build(arguments[name], *more, entry_path(name), problems)
        except Exception as error:  # noqa: BLE001  # it may raise anything
            report_error(error, entry_path(name), problems, f"checking it raised {type(error).__name__}")
            return None

    plain = {name: arguments[name] for name in RunSettings.__slots__}
    settings: RunSettings | None = build_call(RunSettings, plain, ROOT, problems)
    randomness = section(RandomnessSettings, "randomness")
    seed = seed_for(RandomnessSettings() if problems.count or randomness is None else randomness)
    model = attempt(build_model, "model")
    _check_combinations(arguments, model, problems)
    train = section(TrainSettings, "train_cfg")
    scaling = section(ScalingSettings, "auto_scale_lr")
    if train is not None:
        _check_length(arguments["train_cfg"], entry_path("train_cfg"), problems)
    metrics = {}
    lengths = {}
    for mode in ("train", "val", "test"):
        if arguments[f"{mode}_dataloader"] is not None:
            lengths[mode] = attempt(check_loader, f"{mode}_dataloader")
        if mode != "train":
            section(_evaluation, f"{mode}_cfg")
            metrics[mode] = attempt(build_metrics, f"{mode}_evaluator")
    hooks = [
        *(attempt(build_default_hooks, "default_hooks") or ()),
        *(attempt(build_custom_hooks, "custom_hooks") or ()),
    ]
    wrappers: dict[str, OptimWrapper | None] = {}
    if arguments["optim_wrapper"] is not None:
        wrappers = attempt(build_wrappers, "optim_wrapper", model) or {"": None}
        attempt(check_schedulers, "param_scheduler", wrappers, _length_of(lengths.get("train"), train))
    problems.raise_any("Runner")
    assert settings is not None  # no problem was found
    assert model is not None  # as above
    built = {name: wrapper for name, wrapper in wrappers.items() if wrapper is not None}  # all of them, as above
    return Parts(settings, train or TrainSettings(), scaling, seed, model, hooks_in_order(hooks), metrics, built)


def _evaluation(*, type: Any = None) -> None:  # the entry of MMEngine's configs
    """Take the entries of `val_cfg` and `test_cfg`, which have no effect."""


def _check_length(train: Mapping[str, Any], path: str, problems: ProblemCollector) -> None:
    """Check the length of the training in `train_cfg`."""
    before = problems.count
    read_lengths(train, path, problems)
    length = LENGTHS[loop_of(train) or "EpochBasedTrainLoop"]
    if problems.count == before and train.get(length) is None:
        problems.add(child_path(path, length), "it is missing", f"For example: {length}=12", code=codes.WRONG_ARGUMENT)


def _length_of(batches: int | None, train: TrainSettings | None) -> RunLength:
    """Return the length of the run to check schedulers with; a length that is not known yet is long."""
    if os.environ.get("WORLD_SIZE", "1") != "1":  # several processes share the batches
        batches = None
    train = train or TrainSettings()
    return RunLength(batches or 10**6, train.max_epochs, train.max_iters)


def _check_combinations(arguments: Mapping[str, Any], model: nn.Module | None, problems: ProblemCollector) -> None:
    """Check arguments that need or exclude each other."""
    missing = [name for name in FOR_TRAINING if arguments[name] is None]
    for name in missing if len(missing) < len(FOR_TRAINING) else ():
        message = "it is missing; train_dataloader, train_cfg and optim_wrapper are required together"
        problems.add(entry_path(name), message, code=codes.WRONG_ARGUMENT)
    if arguments["param_scheduler"] is not None and arguments["optim_wrapper"] is None:
        _refuse(problems, "param_scheduler", "there is no optimizer to schedule", "Use optim_wrapper=dict(optimizer=…)")
    if arguments["amount_of"] is not None and arguments["tokens_per_sample"] is not None:
        message = "tokens_per_sample also sets the amount that a batch consumes"
        _refuse(problems, "amount_of", message, "Omit one of them")
    if not callable(getattr(arguments["accelerator"], "prepare", None)) and arguments["accelerator"] is not None:
        report_kind(arguments["accelerator"], "Accelerator", entry_path("accelerator"), problems)
    if not isinstance(arguments["cfg"], (Mapping, type(None))):
        report_kind(arguments["cfg"], "mapping", entry_path("cfg"), problems)
    style = None if model is None else training_style(model, None)
    if arguments["loss"] is not None and style in ("train_step", "mode"):
        has = "train_step" if style == "train_step" else "forward(…, mode)"
        message = f"{type(model).__name__} has its own {has}, so loss would have no effect"
        _refuse(problems, "loss", message, "Omit loss")
    _check_evaluations(arguments, style, problems)


def _check_evaluations(arguments: Mapping[str, Any], style: str | None, problems: ProblemCollector) -> None:
    """Check that a validation and a test have the loader and the metric that they need."""
    for mode in ("val", "test"):
        evaluator = f"{mode}_evaluator"
        if arguments[f"{mode}_dataloader"] is None:
            for name in (f"{mode}_cfg", evaluator):
                if arguments[name] is not None:
                    _refuse(problems, name, f"{mode}_dataloader is missing", f"Pass it, or omit {name}")
        elif arguments[evaluator] is None and style == "train_step":
            message = "it is missing, and a model with train_step does not return a loss in a validation"
            problems.add(entry_path(evaluator), message, "Pass a metric", code=codes.WRONG_ARGUMENT)


def _refuse(problems: ProblemCollector, name: str, message: str, advice: str) -> None:
    """Report an argument of the Runner whose value another argument excludes."""
    problems.add(entry_path(name), message, advice, code=codes.REFUSED_VALUE)
