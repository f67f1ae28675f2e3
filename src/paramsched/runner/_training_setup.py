"""A config to the arguments of a Runner, and checked settings to loops and the facts of the run."""

import inspect
from collections.abc import Mapping, Sized
from functools import partial
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal

from torch import nn

from paramsched.base.codes import REFUSED_VALUE, WRONG_ARGUMENT
from paramsched.base.diagnostic import entry_path
from paramsched.base.near_names import closest
from paramsched.config.faults import Faults, short_json
from paramsched.config.plan_files import read_plan_text
from paramsched.engines.accelerate import replicas, sum_over_replicas
from paramsched.engines.engine_facts import PlanOptions
from paramsched.engines.reporting import BatchAmounts, samples_in_lists
from paramsched.errors import ConfigError, InvalidArgument, ParamschedError
from paramsched.peers import mmengine
from paramsched.runner._checks.entries import refuse_kind
from paramsched.runner._checks.settings import check_settings
from paramsched.runner._class_dicts import build_evaluator, build_loader
from paramsched.runner._param_schedulers import RunFacts
from paramsched.runner.loops import EpochBasedTrainLoop, EvalLoop, IterBasedTrainLoop, TrainLoop
from paramsched.runner.optim_wrapper import AcceleratedWrapper
from paramsched.runner.view import EpochBatches, RunnerParts, counts_epochs
from paramsched.scheduler import Scheduler


def train_loop_for(runner: RunnerParts, train_cfg: Mapping[str, Any], loader: Any) -> TrainLoop:
    """The loop over a prepared loader."""
    by_epoch = counts_epochs(train_cfg)
    settings = {name: value for name, value in train_cfg.items() if name not in ("type", "by_epoch")}
    passes = EpochBatches(loader, runner.accelerator)
    return (
        EpochBasedTrainLoop(runner, passes, **settings) if by_epoch else IterBasedTrainLoop(runner, passes, **settings)
    )


def eval_loop_for(runner: RunnerParts, loader: Any, evaluator: Any, mode: Literal["val", "test"]) -> EvalLoop:
    """The loop of a validation or test; no sample is seen twice."""
    accelerator = runner.accelerator
    # Else Accelerate repeats samples until all processes have as many batches.
    evened = accelerator.even_batches
    accelerator.even_batches = False
    try:
        prepared = accelerator.prepare(build_loader(loader))
    finally:
        accelerator.even_batches = evened
    return EvalLoop(runner, EpochBatches(prepared, accelerator), build_evaluator(evaluator), mode)


def facts_for(runner: RunnerParts, loader: Any) -> RunFacts:
    """What is known about the run, for schedulers."""
    loop, size = runner.training, getattr(loader, "batch_size", None)
    return RunFacts(
        epoch_length=loop.epoch_length,
        max_epochs=None if loop.by_iterations else loop.max_epochs,
        max_iters=loop.max_iters if loop.by_iterations else None,
        accumulation={name: stepper._accumulative_counts for name, stepper in runner.steppers.items()},
        batch_size=size * replicas(runner.accelerator) if isinstance(size, int) else None,
        samples_per_epoch=_uneven_samples(loader) if runner.accelerator.num_processes == 1 else None,
        tokens_per_sample=runner.given["tokens_per_sample"],
        in_updates=any(getattr(hook, "count", None) == "updates" for hook in runner.hooks),
    )


def _uneven_samples(loader: Any) -> int | None:
    """The samples of a pass whose last batch is smaller; None for any other."""
    size, sampler = getattr(loader, "batch_size", None), getattr(loader, "sampler", None)
    if not isinstance(size, int) or not isinstance(sampler, Sized) or getattr(loader, "drop_last", False):
        return None
    return len(sampler) if len(sampler) % size else None


def batch_amounts_for(runner: RunnerParts, scheduler: Scheduler) -> BatchAmounts:
    """What counts the batches of the run for a scheduler, if its plan counts them."""
    accelerator = runner.accelerator
    length, amount_of = runner.given["tokens_per_sample"], runner.given["amount_of"]
    options = PlanOptions(calendar=scheduler.calendar, tokens_per_sample=length, amount_of=amount_of)
    summed = partial(sum_over_replicas, accelerator)
    return BatchAmounts(scheduler, options, replicas(accelerator), summed, samples_in_lists)


def scale_lr(settings: Mapping[str, Any] | None, steppers: Mapping[str, AcceleratedWrapper], facts: RunFacts) -> None:
    """Multiply every lr by the samples of an update over the config's."""
    if not settings or not settings.get("enable", False):
        return
    for name, stepper in steppers.items():
        ratio = (facts.batch_size or 1) * facts.accumulation[name] / settings["base_batch_size"]
        for group in stepper.param_groups:
            group["lr"] = group["lr"] * ratio


LEFT_TO_ACCELERATE: Final = (
    "compile", "default_scope", "env_cfg", "experiment_name", "launcher", "log_level", "log_processor", "vis_backends",
    "visualizer",
)  # fmt: skip
"""Entries of MMEngine's configs that have no meaning here."""


def settings_in(cfg: Any, parameters: Mapping[str, inspect.Parameter]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of a config, or of a file, are arguments of a Runner, and the whole config; every fault is raised."""
    faults = Faults()
    whole = _config_as_dict(cfg)
    settings = {name: value for name, value in whole.items() if name in parameters and name != "cfg"}
    for name in whole.keys() - settings.keys() - set(LEFT_TO_ACCELERATE) - {"custom_imports", "cfg"}:
        near = closest(name, parameters)
        if near is not None:  # else it is a variable of the config's own
            faults.add(entry_path(name), f'no argument of Runner; did you mean "{near}"?', code=REFUSED_VALUE)
    # Before the rest is checked: they register what the config names.
    _import_named_modules(whole.get("custom_imports"), faults)
    if "model" not in settings:
        instead = "Write model=dict(type='…'), or give Runner.from_cfg(…, model=…)"
        faults.add(entry_path("model"), "it is missing", instead, code=WRONG_ARGUMENT)
    if faults.count:
        # The Runner itself would not be reached.
        defaults = {name: one.default for name, one in parameters.items() if one.default is not one.empty}
        check_settings({**defaults, "model": nn.Identity(), **settings}, faults.found())
    return settings, whole


def _config_as_dict(cfg: Any) -> dict[str, Any]:
    """A config by names, from a file, from MMEngine's Config, or from a mapping."""
    plain = _read_config_file(Path(cfg)) if isinstance(cfg, (str, PathLike)) else cfg
    to_dict = getattr(plain, "to_dict", None)  # MMEngine's Config has it
    plain = plain if to_dict is None else to_dict()
    if not isinstance(plain, Mapping):
        found = f"a {type(plain).__name__} is no config"
        raise InvalidArgument("Runner.from_cfg(…)", found, "Give a mapping, or the path of a file that says one")
    if not all(isinstance(name, str) for name in plain):
        odd = next(name for name in plain if not isinstance(name, str))
        raise InvalidArgument(
            "Runner.from_cfg(…)", f"its entry {short_json(odd)} is no name", "Name each entry by text"
        )
    return dict(plain)


def _read_config_file(path: Path) -> Any:
    """What a config file says; a `.py` file is read, not run."""
    try:
        if not path.is_file():  # nor a pipe, which may never say anything
            raise FileNotFoundError("no such file" if not path.exists() else "no plain file")
        return mmengine.read(read_plan_text(path, "mmengine").text, str(path))
    except (OSError, ValueError) as error:
        if isinstance(error, ParamschedError):
            raise
        raise ConfigError(str(path), [f"it cannot be read: {error}"]) from None


def _import_named_modules(config: Any, faults: Faults) -> None:
    """Import the modules that register what a config names."""
    if config is None:
        return
    names = config.get("imports") if isinstance(config, Mapping) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        instead = "Write custom_imports=dict(imports=['my_model'])"
        faults.add(entry_path("custom_imports"), "it names no modules", instead, code=REFUSED_VALUE)
        return
    for index, name in enumerate(names):
        path = entry_path("custom_imports", "imports", index)
        if not all(part.isidentifier() for part in name.split(".")):
            refuse_kind(name, "module's name", path, faults, "Write it as after import: 'package.module'")
            continue
        try:
            import_module(name)
        except ImportError as error:
            faults.add(path, str(error), "It is looked for where Python looks for modules", code=REFUSED_VALUE)
