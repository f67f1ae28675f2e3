"""Read the settings of a Runner from a config or a call, and report all problems at once."""

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeVar, final

from torch import nn

from paramsched.core.base.codes import REFUSED_VALUE, WRONG_ARGUMENT
from paramsched.core.base.near_names import closest
from paramsched.core.base.printing import ROOT, child_path, entry_path
from paramsched.core.files.arguments import argument, argument_table, arguments_of, read_arguments, wrong_value
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.core.run.arguments import checked_on_base, checked_on_change
from paramsched.errors import ConfigError, InvalidArgument, ParamschedError
from paramsched.mmengine.config_file import load_config
from paramsched.mmengine.runner._accelerator import RandomnessSettings
from paramsched.mmengine.runner._classes import (
    Later,
    check_evaluator,
    check_hooks,
    check_model,
    report_kind,
)
from paramsched.mmengine.runner._loaders import (
    read_loader,
    read_section,
)
from paramsched.mmengine.runner._model_calls import training_style
from paramsched.mmengine.runner._optimizers import (
    ScalingSettings,
    WrapperSettings,
    read_optimizers,
)
from paramsched.mmengine.runner._param_schedulers import check_schedulers
from paramsched.mmengine.runner.loops import TrainSettings
from paramsched.mmengine.runner.optim_wrapper import own_wrappers
from paramsched.mmengine.schedulers import PARAM_SCHEDULERS

_T = TypeVar("_T")


def _read_path(value: Any) -> Path:
    if not isinstance(value, (str, PathLike)):
        raise wrong_value(f"expected a path, got {short_json(value)}")
    return Path(value)


def _read_existing_path(value: Any) -> Path | None:
    path = None if value is None else _read_path(value)
    if path is not None and not path.exists():
        raise wrong_value(f'"{value}" does not exist', code=REFUSED_VALUE)
    return path


def _expecting(what: str, fits: Callable[[Any], bool]) -> Callable[[Any], Any]:
    """Return a function that returns its argument, or raises an error if the argument is not what is expected."""

    def read(value: Any) -> Any:
        if value is not None and not fits(value):
            raise wrong_value(f"expected {what}, got {short_json(value)}")
        return value

    return read


@argument_table
class _EvalSettings:
    """The settings in `val_cfg` or `test_cfg`."""

    type: Any = argument(None)


@final
@argument_table
class Settings:
    """The checked arguments of a Runner.

    Args:
        train, scaling, randomness: the settings in `train_cfg`, `auto_scale_lr` and `randomness`.
        loaders: a dict from "train", "val" and "test" to a loader, the settings to build one, or None.
        optimizers: the settings of each optimizer by name; the name of a single optimizer is empty.
    """

    work_dir: Any = argument("work_dir", parse=_read_path)
    load_from: Any = argument(None, parse=_read_existing_path)
    resume: bool = argument(False, example=True)
    tokens_per_sample: int | None = argument(None, low=1, example=1024)
    amount_of: Any = argument(None, parse=_expecting("a function of a batch", callable))
    accelerator: Any = argument(
        None, parse=_expecting("accelerate.Accelerator()", lambda one: callable(getattr(one, "prepare", None)))
    )
    cfg: Any = argument(None, parse=_expecting("a mapping", lambda one: isinstance(one, Mapping)))
    train: TrainSettings = TrainSettings()
    scaling: ScalingSettings | None = None
    randomness: RandomnessSettings = RandomnessSettings()
    loaders: Mapping[str, Any] = field(default_factory=dict)
    optimizers: Mapping[str, WrapperSettings] = field(default_factory=dict)


def read_settings(
    given: Mapping[str, Any], diagnostics: DiagnosticCollector | None = None, later: Later | None = None
) -> Settings:
    """Read the arguments of a Runner.

    Args:
        given: the arguments by name.
        diagnostics: problems found earlier, which are reported too.
        later: receives the checks of classes that are not registered; None reports these classes.

    Raises:
        ConfigError: if there are problems; it lists all of them.
    """
    diagnostics = diagnostics or DiagnosticCollector()
    given = {name: _without_unreadable(value, entry_path(name), diagnostics) for name, value in given.items()}

    def attempt(read: Callable[..., _T], name: str, *more: Any) -> _T | None:
        path = entry_path(name)
        return _try_to_read(lambda: read(given[name], path, diagnostics, *more), path, diagnostics)

    attempt(check_model, "model", later)
    attempt(_check_loss, "loss", given["model"])
    settings = attempt(_read_plain, "work_dir", given) or Settings()
    attempt(_check_combinations, "model", given)
    loaders = {mode: attempt(read_loader, f"{mode}_dataloader", later) for mode in ("train", "val", "test")}
    for mode in ("val", "test"):
        attempt(read_section, f"{mode}_cfg", _EvalSettings)
        attempt(check_evaluator, f"{mode}_evaluator", later)
    train = attempt(_read_train_cfg, "train_cfg") or TrainSettings()
    scaling = attempt(read_section, "auto_scale_lr", ScalingSettings)
    randomness = attempt(read_section, "randomness", RandomnessSettings) or RandomnessSettings()
    example = "For example: dict(checkpoint=dict(type='CheckpointHook'))"
    attempt(check_hooks, "default_hooks", later, "mapping", example)
    attempt(check_hooks, "custom_hooks", later, "list", "For example: custom_hooks=[MyHook()]")
    optimizers = attempt(read_optimizers, "optim_wrapper", given["model"]) or {}
    dummies = {name: None if one is None else one.dummy for name, one in optimizers.items()}
    # The length of the run is only known here for one process, because several processes share the batches.
    loader = loaders["train"] if os.environ.get("WORLD_SIZE", "1") == "1" else None
    epoch_length = (len(loader) if isinstance(loader, Sized) else 0) or 10**6
    lengths = {"epoch_length": epoch_length, "max_epochs": train.max_epochs, "max_iters": train.max_iters}
    if later is None or not _names_unregistered(given["param_scheduler"]):
        attempt(check_schedulers, "param_scheduler", dummies, lengths)
    else:
        path = entry_path("param_scheduler")
        later.append((path, lambda after: check_schedulers(given["param_scheduler"], path, after, dummies, lengths)))
    diagnostics.raise_any("Runner")
    valid = {name: one for name, one in optimizers.items() if one is not None}  # all, because no problem was found
    return replace(settings, train=train, scaling=scaling, randomness=randomness, loaders=loaders, optimizers=valid)


def _try_to_read(read: Callable[[], _T], path: str, diagnostics: DiagnosticCollector) -> _T | None:
    """Return `read()`, or report the error that an object of the user raises and return None."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001  # it may raise anything
        found = f"checking it raised {type(error).__name__}: {error}"[:500]
        diagnostics.add(path, found, code=REFUSED_VALUE)
        return None


_MAX_DEPTH: Final = 50


def _without_unreadable(value: Any, path: str, diagnostics: DiagnosticCollector, around: tuple[int, ...] = ()) -> Any:
    """Return a copy of a value in which None replaces what cannot be read, and report each such item.

    A value that can be read completely is returned itself.

    Args:
        value: the value to check.
        path: its path in the config.
        diagnostics: collects the problems.
        around: the `id` of each container that encloses the value.
    """
    if not isinstance(value, (dict, list)):
        return value
    if id(value) in around or len(around) >= _MAX_DEPTH:
        found = "it contains itself" if id(value) in around else f"it is nested more than {_MAX_DEPTH} levels deep"
        diagnostics.add(path, found, code=REFUSED_VALUE)
        return None
    around = (*around, id(value))
    entries = list(value.items() if isinstance(value, dict) else enumerate(value))
    read = {key: _without_unreadable(one, child_path(path, key), diagnostics, around) for key, one in entries}
    if all(read[key] is one for key, one in entries):
        return value  # it may be an instance of a subclass, such as a dataset
    return read if isinstance(value, dict) else list(read.values())


def _read_train_cfg(config: Any, path: str, diagnostics: DiagnosticCollector) -> TrainSettings | None:
    """Read the settings of the training loop: its unit, its length and its validations."""
    train = read_section(config, path, diagnostics, TrainSettings)
    if train is None:
        return None
    # `train` has None for an invalid length, but the config shows which unit was meant.
    by_epoch, loop = replace(train, max_iters=config.get("max_iters")).counts_epochs, train.type
    if loop is not None and by_epoch != (loop == "EpochBasedTrainLoop"):
        found = f"{by_epoch}, but type={loop!r} implies {not by_epoch}"
        diagnostics.add(f"{path}.by_epoch", found, "Omit one of them", code=REFUSED_VALUE)
    counted, other = ("max_epochs", "max_iters") if by_epoch else ("max_iters", "max_epochs")
    if config.get(counted) is None:
        instead = f"For example: train_cfg=dict(by_epoch={by_epoch}, {counted}=12)"
        diagnostics.add(f"{path}.{counted}", "it is missing", instead, code=WRONG_ARGUMENT)
    if config.get(other) is not None:
        why = f"with by_epoch={by_epoch}" if loop is None or train.by_epoch is not None else f"with type={loop!r}"
        diagnostics.add(f"{path}.{other}", f"{why} the length is set by {counted}", f"Omit {other}", code=REFUSED_VALUE)
    return train


def _read_plain(_: Any, _path: str, diagnostics: DiagnosticCollector, given: Mapping[str, Any]) -> Settings:
    """Read the arguments that are single values, and check `on_change` and `on_base`."""
    written = {name: (given[name], entry_path(name)) for name in arguments_of(Settings)}
    settings, _, _ = read_arguments(Settings, written, ROOT, diagnostics)
    if settings.amount_of is not None and given["tokens_per_sample"] is not None:
        found = "tokens_per_sample also sets the amount that a batch consumes"
        diagnostics.add(entry_path("amount_of"), found, "Omit one of them", code=REFUSED_VALUE)
    for name, check in (("on_change", checked_on_change), ("on_base", checked_on_base)):
        try:
            check(given[name])
        except InvalidArgument as refusal:
            diagnostics.refuse(entry_path(name), refusal)
    return settings


def _check_loss(loss: Any, path: str, diagnostics: DiagnosticCollector, model: Any) -> None:
    if loss is None:
        return
    if not callable(loss):
        report_kind(loss, "function", path, diagnostics, "For example: loss=torch.nn.functional.cross_entropy")
        return
    try:
        with suppress(ValueError):  # some functions written in C have no signature
            inspect.signature(loss).bind(None, None)
    except TypeError:
        found = f"{short_json(loss)} does not take (output, target)"
        diagnostics.add(path, found, "For example: def loss(output, target): …", code=REFUSED_VALUE)
        return
    if isinstance(model, nn.Module) and (style := training_style(model, None)) in ("train_step", "mode"):
        has = "train_step" if style == "train_step" else "forward(…, mode)"
        found = f"{type(model).__name__} has its own {has}, so loss would have no effect"
        diagnostics.add(path, found, "Omit loss", code=REFUSED_VALUE)


FOR_TRAINING: Final = ("train_dataloader", "train_cfg", "optim_wrapper")
"""The arguments that a training needs."""


def _check_combinations(model: Any, _: str, diagnostics: DiagnosticCollector, given: Mapping[str, Any]) -> None:
    """Check arguments that need or exclude each other."""
    missing = [name for name in FOR_TRAINING if given[name] is None]
    if missing and len(missing) < len(FOR_TRAINING):
        found = "it is missing; train_dataloader, train_cfg and optim_wrapper are required together"
        for name in missing:
            diagnostics.add(entry_path(name), found, code=WRONG_ARGUMENT)
    if given["param_scheduler"] is not None and given["optim_wrapper"] is None:
        found, instead = "there is no optimizer to schedule", "Use optim_wrapper=dict(optimizer=…)"
        diagnostics.add(entry_path("param_scheduler"), found, instead, code=REFUSED_VALUE)
    for mode in ("val", "test"):
        if given[f"{mode}_dataloader"] is None:
            found = f"{mode}_dataloader is missing"
            for name in (f"{mode}_cfg", f"{mode}_evaluator"):
                if given[name] is not None:
                    diagnostics.add(entry_path(name), found, f"Pass it, or omit {name}", code=REFUSED_VALUE)
        elif given[f"{mode}_evaluator"] is None and callable(getattr(model, "train_step", None)):
            found = "it is missing, and a model with train_step does not return a loss in a validation"
            diagnostics.add(entry_path(f"{mode}_evaluator"), found, "Pass a metric", code=WRONG_ARGUMENT)


LEFT_TO_ACCELERATE: Final = (
    "compile", "default_scope", "env_cfg", "experiment_name", "launcher", "log_level", "log_processor", "vis_backends",
    "visualizer",
)  # fmt: skip
"""Entries of MMEngine's configs that the Runner ignores, most of them because Accelerate replaces them."""


def _names_unregistered(config: Any) -> bool:
    """Return whether a config has a scheduler that is not registered."""
    waiting = [config]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping) and isinstance(one.get("type"), str) and one["type"] not in PARAM_SCHEDULERS:
            return True
        waiting += one.values() if isinstance(one, Mapping) else one if isinstance(one, list) else ()
    return False


@final
@dataclass(frozen=True, slots=True)
class CheckedConfig:
    """The arguments of a Runner in a config, checked as far as possible without its custom imports.

    Args:
        given, settings: the arguments by name, and as read.
        modules: the modules to import.
        later: the checks that need them.
    """

    given: dict[str, Any]
    settings: Settings
    modules: Sequence[str]
    later: Later

    def import_modules(self) -> None:
        """Import the modules, and check the classes that they register.

        Raises:
            ConfigError: if there are problems; it lists all of them.
        """
        diagnostics = DiagnosticCollector()
        for load in (lambda name: _require_found(name.partition(".")[0]), import_module):  # first find all of them
            for index, name in enumerate(self.modules):
                try:
                    load(name)
                except ImportError as error:
                    path = entry_path("custom_imports", "imports", index)
                    diagnostics.add(path, str(error), "Use the name of a module on Python's path", code=REFUSED_VALUE)
            diagnostics.raise_any("Runner")
        for path, check in self.later:
            _try_to_read(partial(check, diagnostics), path, diagnostics)
        diagnostics.raise_any("Runner")


def check_config(cfg: Any, signature: inspect.Signature, chosen: Mapping[str, Any]) -> CheckedConfig:
    """Check a config without importing a module, because a config with problems must not start the code of others.

    Args:
        cfg: a mapping or a file, as in `Runner.from_cfg`.
        signature: the signature of the Runner.
        chosen: arguments of the Runner that replace those of the config.

    Raises:
        ConfigError: if there are problems; it lists all of them.
    """
    diagnostics = DiagnosticCollector()
    config = config_as_dict(cfg)
    settings = {name: value for name, value in config.items() if name in signature.parameters and name != "cfg"}
    for name in config.keys() - settings.keys() - set(LEFT_TO_ACCELERATE) - {"custom_imports", "cfg"}:
        near = closest(name, signature.parameters)
        if near is not None:  # otherwise it is a variable of the config
            diagnostics.add(entry_path(name), f'unknown argument of Runner; did you mean "{near}"?', code=REFUSED_VALUE)
        _without_unreadable(config[name], entry_path(name), diagnostics)
    modules = _named_modules(config.get("custom_imports"), diagnostics)
    if "model" not in settings:
        instead = "For example: model=dict(type='…')"
        diagnostics.add(entry_path("model"), "it is missing", instead, code=WRONG_ARGUMENT)
    bound = signature.bind(**{"model": nn.Identity(), **settings, **chosen})
    bound.apply_defaults()
    bound.arguments["optim_wrapper"] = own_wrappers(bound.arguments["optim_wrapper"])
    later: Later = []
    read = read_settings(bound.arguments, diagnostics, later if modules else None)
    return CheckedConfig({**bound.arguments, "cfg": chosen.get("cfg", config)}, read, modules, later)


def _require_found(name: str) -> None:
    """Raise an ImportError if there is no module with a name. It is not imported."""
    if name not in sys.modules and find_spec(name) is None:
        raise ModuleNotFoundError(f"No module named {name!r}")


def config_as_dict(cfg: Any) -> dict[str, Any]:
    """Return a config as a dict, read from a file, MMEngine's Config or a mapping."""
    plain = cfg
    if isinstance(cfg, (str, PathLike)):  # a `.py` file is run
        path = Path(cfg)
        try:
            if not path.is_file():  # reading a pipe could block forever
                raise FileNotFoundError("no such file" if not path.exists() else "not a regular file")
            plain = load_config(path)
        except ParamschedError:
            raise
        except (OSError, ValueError) as error:
            raise ConfigError(str(path), [f"it cannot be read: {error}"]) from None
    to_dict = getattr(plain, "to_dict", None)  # a method of MMEngine's Config
    plain = plain if to_dict is None else to_dict()
    if not isinstance(plain, Mapping):
        found = f"expected a mapping of a config's keys, got {short_json(plain)}"
        site = str(cfg) if isinstance(cfg, (str, PathLike)) else "Runner.from_cfg(…)"
        raise InvalidArgument(site, found, "For example: model=dict(type='…')")
    if not all(isinstance(name, str) for name in plain):
        odd = next(name for name in plain if not isinstance(name, str))
        raise InvalidArgument(
            "Runner.from_cfg(…)", f"the name of an entry must be text, got {short_json(odd)}", "Use text for each name"
        )
    return dict(plain)


def _named_modules(config: Any, diagnostics: DiagnosticCollector) -> list[str]:
    """Return the modules that register classes of a config."""
    if config is None:
        return []
    names = config.get("imports") if isinstance(config, Mapping) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        instead = "For example: custom_imports=dict(imports=['my_model'])"
        diagnostics.add(
            entry_path("custom_imports"), "expected a list of modules in imports", instead, code=REFUSED_VALUE
        )
        return []
    for index, name in enumerate(names):
        path = entry_path("custom_imports", "imports", index)
        if not all(part.isidentifier() for part in name.split(".")):
            report_kind(
                name, "module's name", path, diagnostics, "Use the form of an import statement: 'package.module'"
            )
    return list(names)
