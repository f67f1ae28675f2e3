"""Build the parts of a Runner from its arguments, and report all problems together before anything is written."""

import inspect
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar, final

from torch import nn

from paramsched.core.base.codes import REFUSED_VALUE, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.core.base.printing import ROOT, child_path, entry_path
from paramsched.core.files.problem_collector import ProblemCollector, short_json
from paramsched.core.number_checks import check_fields, checked, whole_number
from paramsched.core.run.arguments import checked_on_base, checked_on_change
from paramsched.errors import CallSite, InvalidArgument, site_with_value
from paramsched.mmengine.building import build_call, report_error, report_kind, true_or_false
from paramsched.mmengine.runner._accelerator import RandomnessSettings, seed_for
from paramsched.mmengine.runner._classes import (
    build_custom_hooks,
    build_default_hooks,
    build_metrics,
    build_model,
    hooks_in_order,
)
from paramsched.mmengine.runner._loaders import check_loader
from paramsched.mmengine.runner._model_calls import training_style
from paramsched.mmengine.runner._optimizers import build_wrappers
from paramsched.mmengine.runner._scheduler_checks import check_schedulers
from paramsched.mmengine.runner.loops import TrainSettings
from paramsched.mmengine.runner.metrics import MetricLike
from paramsched.mmengine.schedulers import OptimWrapper
from paramsched.mmengine.schedulers.build import RunLength
from paramsched.mmengine.train_cfg import LENGTHS, loop_of, read_lengths

_T = TypeVar("_T")

FOR_TRAINING: Final = ("train_dataloader", "train_cfg", "optim_wrapper")
"""The arguments that a training needs."""


def _path(site: CallSite, value: Any) -> Path:
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidArgument(site, f"expected a path, got {short_json(value)}", code=WRONG_TYPE)
    return Path(value)


def _existing_path(site: CallSite, value: Any) -> Path:
    path = _path(site, value)
    if not path.exists():
        raise InvalidArgument(site, f'"{value}" does not exist')
    return path


def _function(site: CallSite, value: Any) -> Any:
    if not callable(value):
        raise InvalidArgument(site, f"expected a function, got {short_json(value)}", code=WRONG_TYPE)
    return value


def _loss(site: CallSite, value: Any) -> Any:
    _function(site, value)
    try:
        with suppress(ValueError):  # some functions written in C have no signature
            inspect.signature(value).bind(None, None)
    except TypeError:
        found = f"{short_json(value)} does not take (output, target)"
        raise InvalidArgument(site, found, example="def loss(output, target): …") from None
    return value


def _choice(check: Callable[[Any], object]) -> Callable[[CallSite, Any], Any]:
    """Return a check of the Runner's argument from a check of the same argument of a Scheduler."""

    def check_argument(site: CallSite, value: Any) -> Any:
        try:
            check(value)
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
    on_change: Any = field(default="new", metadata=checked(_choice(checked_on_change)))
    on_base: Any = field(default="checkpoint", metadata=checked(_choice(checked_on_base)))

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
        config, path = arguments[name], entry_path(name)
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
    train, scaling = section(TrainSettings, "train_cfg"), section(ScalingSettings, "auto_scale_lr")
    if train is not None:
        _check_length(arguments["train_cfg"], entry_path("train_cfg"), problems)
    metrics, lengths = {}, {}
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
        advice = f"For example: train_cfg=dict({length}=12)"
        problems.add(child_path(path, length), "it is missing", advice, code=WRONG_ARGUMENT)


def _length_of(batches: int | None, train: TrainSettings | None) -> RunLength:
    """Return the length of the run to check schedulers with; a length that is not known yet is long."""
    if os.environ.get("WORLD_SIZE", "1") != "1":  # several processes share the batches
        batches = None
    train = train or TrainSettings()
    return RunLength(batches or 10**6, train.max_epochs, train.max_iters)


def _check_combinations(arguments: Mapping[str, Any], model: nn.Module | None, problems: ProblemCollector) -> None:
    """Check arguments that need or exclude each other."""

    def refuse(name: str, found: str, advice: str, code: str = REFUSED_VALUE) -> None:
        problems.add(entry_path(name), found, advice, code=code)

    missing = [name for name in FOR_TRAINING if arguments[name] is None]
    for name in missing if len(missing) < len(FOR_TRAINING) else ():
        found = "it is missing; train_dataloader, train_cfg and optim_wrapper are required together"
        refuse(name, found, "", WRONG_ARGUMENT)
    if arguments["param_scheduler"] is not None and arguments["optim_wrapper"] is None:
        refuse("param_scheduler", "there is no optimizer to schedule", "Use optim_wrapper=dict(optimizer=…)")
    if arguments["amount_of"] is not None and arguments["tokens_per_sample"] is not None:
        refuse("amount_of", "tokens_per_sample also sets the amount that a batch consumes", "Omit one of them")
    if not callable(getattr(arguments["accelerator"], "prepare", None)) and arguments["accelerator"] is not None:
        report_kind(arguments["accelerator"], "Accelerator", entry_path("accelerator"), problems)
    if not isinstance(arguments["cfg"], (Mapping, type(None))):
        report_kind(arguments["cfg"], "mapping", entry_path("cfg"), problems)
    style = None if model is None else training_style(model, None)
    if arguments["loss"] is not None and style in ("train_step", "mode"):
        has = "train_step" if style == "train_step" else "forward(…, mode)"
        refuse("loss", f"{type(model).__name__} has its own {has}, so loss would have no effect", "Omit loss")
    for mode in ("val", "test"):
        evaluator = f"{mode}_evaluator"
        if arguments[f"{mode}_dataloader"] is None:
            for name in (f"{mode}_cfg", evaluator):
                if arguments[name] is not None:
                    refuse(name, f"{mode}_dataloader is missing", f"Pass it, or omit {name}")
        elif arguments[evaluator] is None and style == "train_step":
            found = "it is missing, and a model with train_step does not return a loss in a validation"
            refuse(evaluator, found, "Pass a metric", WRONG_ARGUMENT)
