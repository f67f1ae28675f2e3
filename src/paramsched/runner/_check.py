"""Check everything a Runner is given, before anything is built; every fault at once, each with its path."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, Final

from torch import nn

from paramsched.config.data_paths import child_path
from paramsched.config.faults import Faults
from paramsched.config.python_config.reading import NeedsRunning
from paramsched.config.value_words import short_json, type_in_words
from paramsched.errors import ConfigError, InvalidArgument, ParamschedError
from paramsched.near_names import closest, did_you_mean
from paramsched.runner import _build, _schedulers
from paramsched.runner._build import COLLATES, DEFAULT_HOOKS, LOADER_KEYS, SAMPLERS, loader_of
from paramsched.runner._check_schedulers import Wrappers, check_optimizers, check_schedulers
from paramsched.runner._steps import style_of
from paramsched.runner.hooks.hook import priority_of
from paramsched.runner.registry import DATASETS, HOOKS, METRICS, MODELS

_DEEPEST = 50
_TRAIN_KEYS = ("type", "by_epoch", "max_epochs", "max_iters", "val_begin", "val_interval", "dynamic_intervals")
_LOOPS = ("EpochBasedTrainLoop", "IterBasedTrainLoop")
LEFT_TO_ACCELERATE: Final = (
    "compile", "default_scope", "env_cfg", "experiment_name", "launcher", "log_level", "log_processor", "vis_backends",
    "visualizer",
)  # fmt: skip
"""Entries of MMEngine's configs that have no meaning here: said in the log, and left aside."""


def check(given: Mapping[str, Any], found: Sequence[str] = ()) -> None:
    """Refuse what cannot be trained with.

    Args:
        given: the arguments of a Runner by name.
        found: faults that are known already.

    Raises:
        ConfigError: every fault.
    """
    faults = Faults()
    for line in found:
        faults.add("", line)
    given = {name: readable(value, f"$.{name}", faults) for name, value in given.items()}
    for name, look in _LOOKS:
        with looked_at(f"$.{name}" if name else "", faults):
            look(given, faults)
    groups: Wrappers = {}
    with looked_at("$.optim_wrapper", faults):
        groups = check_optimizers(given["optim_wrapper"], given["model"], faults)
    with looked_at("$.param_scheduler", faults):
        check_schedulers(given, groups, faults)
    faults.raise_any("Runner")


def settings_in(cfg: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of a config are arguments of a Runner, and the whole config.

    Raises:
        ConfigError: every fault, those of the arguments among them.
    """
    from paramsched.runner.runner import Runner

    faults = Faults()
    whole = _read(cfg)
    parameters = inspect.signature(Runner).parameters
    settings = {name: value for name, value in whole.items() if name in parameters and name != "cfg"}
    for name in whole.keys() - settings.keys() - set(LEFT_TO_ACCELERATE) - {"custom_imports", "cfg"}:
        near = closest(name, parameters)
        if near is not None:  # else it is a variable of the config's own
            faults.add(child_path("$", name), f'no argument of Runner; did you mean "{near}"?')
    _import(whole.get("custom_imports"), faults)
    if "model" not in settings:
        faults.add("$.model", "it is missing", "Write model=dict(type='…'), or give Runner.from_cfg(…, model=…)")
    if faults.count:
        defaults = {name: one.default for name, one in parameters.items() if one.default is not one.empty}
        check({**defaults, "model": nn.Identity(), **settings}, faults.problems())
    return settings, whole


def _read(cfg: Any) -> dict[str, Any]:
    plain = _file(Path(cfg)) if isinstance(cfg, (str, PathLike)) else cfg
    plain = plain.to_dict() if hasattr(plain, "to_dict") else plain
    if not isinstance(plain, Mapping):
        found = f"a {type(plain).__name__} is no config"
        raise InvalidArgument("Runner.from_cfg(…)", found, "Give a mapping, or the path of a file that says one")
    if not all(isinstance(name, str) for name in plain):
        odd = next(name for name in plain if not isinstance(name, str))
        raise InvalidArgument(
            "Runner.from_cfg(…)", f"its entry {short_json(odd)} is no name", "Name each entry by text"
        )
    return dict(plain)


def _file(path: Path) -> Any:
    from paramsched.config import mmengine
    from paramsched.config.plan_text import read_plan_text

    try:
        if not path.is_file():  # nor a pipe, which may never say anything
            raise FileNotFoundError("no such file" if not path.exists() else "no plain file")
        return mmengine.read(read_plan_text(path, "mmengine").text, str(path))
    except (OSError, ValueError) as error:
        if isinstance(error, ParamschedError):
            raise
        raise ConfigError(str(path), [f"it cannot be read: {error}"]) from None


def _import(config: Any, faults: Faults) -> None:
    """Import the modules that register what a config names."""
    if config is None:
        return
    names = config.get("imports") if isinstance(config, Mapping) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        faults.add("$.custom_imports", "it names no modules", "Write custom_imports=dict(imports=['my_model'])")
        return
    for index, name in enumerate(names):
        path = f"$.custom_imports.imports[{index}]"
        if not all(part.isidentifier() for part in name.split(".")):
            faults.add(path, f"{short_json(name)} is no module's name", "Write it as after import: 'package.module'")
            continue
        try:
            import_module(name)
        except ImportError as error:
            faults.add(path, str(error), "It is looked for where Python looks for modules")


def readable(value: Any, path: str, faults: Faults, around: tuple[int, ...] = ()) -> Any:
    """The value; what only running the config would tell, and what contains itself, is a fault, and None from here on.

    Args:
        value: what is looked at.
        path: where it stands.
        faults: where a fault goes.
        around: the containers it stands in, by their `id`.
    """
    if isinstance(value, NeedsRunning):
        faults.add(path, str(value), "Write the value itself, or build the Runner in Python")
        return None
    if not isinstance(value, (dict, list)):
        return value
    around = (*around, id(value))
    if id(value) in around[:-1] or len(around) > _DEEPEST:
        found = "it contains itself" if id(value) in around[:-1] else f"it is nested more than {_DEEPEST} deep"
        faults.add(path, found)
        return None
    if isinstance(value, dict):
        return {name: readable(one, child_path(path, name), faults, around) for name, one in value.items()}
    return [readable(one, child_path(path, index), faults, around) for index, one in enumerate(value)]


@contextmanager
def looked_at(path: str, faults: Faults) -> Iterator[None]:
    """What an object of the user's own raises when it is looked at is a fault of the argument it stands in."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # its __len__, __repr__ or __eq__ may raise anything
        faults.add(path, f"looking at it raised {type(error).__name__}: {error}"[:500])


def _check_model(given: Mapping[str, Any], faults: Faults) -> None:
    model, loss = given["model"], given["loss"]
    if isinstance(model, Mapping):
        check_type(model, MODELS, "$.model", faults)
    elif not isinstance(model, nn.Module):
        faults.add("$.model", f"{_said(model)} is no torch.nn.Module", "Give a module, or dict(type='…')")
    if loss is not None and not callable(loss):
        faults.add("$.loss", f"{_said(loss)} is no function", "Write loss=torch.nn.functional.cross_entropy")
    elif loss is not None and not _takes_two(loss):
        faults.add("$.loss", f"{_said(loss)} does not take (output, target)", "Write def loss(output, target): …")
    elif loss is not None and isinstance(model, nn.Module) and style_of(model, None) in ("train_step", "mode"):
        has = "train_step" if style_of(model, None) == "train_step" else "forward(…, mode)"
        faults.add(
            "$.loss", f"{type(model).__name__} has its own {has}, so the loss would not be used", "Leave loss out"
        )


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # some written in C say nothing
        return True
    return True


def _check_places(given: Mapping[str, Any], faults: Faults) -> None:
    if not isinstance(given["work_dir"], (str, PathLike)):
        faults.add("$.work_dir", f"{_said(given['work_dir'])} is no path", "Write work_dir='runs/mine'")
    load_from = given["load_from"]
    if load_from is not None and not isinstance(load_from, (str, PathLike)):
        faults.add("$.load_from", f"{_said(load_from)} is no path", "Write load_from='runs/mine/epoch_3'")
    elif load_from is not None and not Path(load_from).exists():
        faults.add("$.load_from", f'"{load_from}" does not exist')
    if not isinstance(given["resume"], bool):
        faults.add("$.resume", f"{_said(given['resume'])}, not True or False", "Write resume=True, and load_from='…'")
    try:
        _schedulers.check_policy(given["on_change"])
    except InvalidArgument as refusal:
        faults.refuse("$.on_change", refusal)
    if given["accelerator"] is not None and not hasattr(given["accelerator"], "prepare"):
        faults.add(
            "$.accelerator", f"{_said(given['accelerator'])} is no Accelerator", "Write accelerate.Accelerator()"
        )
    if given["cfg"] is not None and not isinstance(given["cfg"], Mapping):
        faults.add("$.cfg", f"{_said(given['cfg'])} is no mapping")


def _check_together(given: Mapping[str, Any], faults: Faults) -> None:
    training = ("train_dataloader", "train_cfg", "optim_wrapper")
    missing = [name for name in training if given[name] is None]
    if missing and len(missing) < len(training):
        for name in missing:
            faults.add(f"$.{name}", "it is missing: train_dataloader, train_cfg and optim_wrapper go together")
    if given["param_scheduler"] is not None and given["optim_wrapper"] is None:
        faults.add("$.param_scheduler", "there is no optimizer to schedule", "Give optim_wrapper=dict(optimizer=…)")
    for mode in ("val", "test"):
        if given[f"{mode}_dataloader"] is None:
            for name in (f"{mode}_cfg", f"{mode}_evaluator"):
                if given[name] is not None:
                    faults.add(f"$.{name}", f"there is no {mode}_dataloader", f"Give it, or leave {name} out")
        elif given[f"{mode}_evaluator"] is None and callable(getattr(given["model"], "train_step", None)):
            faults.add(
                f"$.{mode}_evaluator", "it is missing: a model with train_step says no loss here", "Give a metric"
            )


def _check_loader(loader: Any, path: str, faults: Faults) -> None:
    if loader is None:
        return
    if not isinstance(loader, Mapping):
        if not (hasattr(loader, "__iter__") and hasattr(loader, "__len__")) or isinstance(loader, (str, bytes)):
            faults.add(path, f"{_said(loader)} is no loader with a length", "Give a DataLoader, or a dict")
        elif not len(loader):
            faults.add(path, "there is no batch in it")
        return
    before = faults.count
    _check_keys(loader, LOADER_KEYS, path, faults)
    if "dataset" not in loader:
        faults.add(child_path(path, "dataset"), "it is missing", "Write dataset=…")
    elif isinstance(loader["dataset"], Mapping):
        check_type(loader["dataset"], DATASETS, child_path(path, "dataset"), faults)
    elif isinstance(loader["dataset"], (str, bytes)) or not (
        hasattr(loader["dataset"], "__getitem__") or hasattr(loader["dataset"], "__iter__")
    ):
        faults.add(child_path(path, "dataset"), f"{_said(loader['dataset'])} is no dataset")
    for name, least in (("batch_size", 1), ("num_workers", 0)):
        if name in loader:
            _check_count(loader[name], child_path(path, name), least, faults)
    for name in ("shuffle", "drop_last", "pin_memory", "persistent_workers"):
        if name in loader:
            _check_flag(loader[name], child_path(path, name), faults)
    sampler = loader.get("sampler")
    if sampler is not None:
        _check_keys(sampler, ("type", "shuffle"), child_path(path, "sampler"), faults)
        named = sampler.get("type") if isinstance(sampler, Mapping) else None
        if isinstance(sampler, Mapping) and (not isinstance(named, str) or named not in SAMPLERS):
            found = f"{_said(named)}; {did_you_mean(short_json(named), SAMPLERS)}"
            faults.add(f"{path}.sampler.type", found, "Write sampler=dict(type='DefaultSampler', shuffle=True)")
    collate = loader.get("collate_fn")
    named = collate.get("type") if isinstance(collate, Mapping) else collate
    if not (named is None or callable(named) or (isinstance(named, str) and named in COLLATES)):
        faults.add(
            child_path(path, "collate_fn"),
            f"{_said(named)} is no function",
            "Write dict(type='pseudo_collate'), or give one",
        )
    if faults.count == before:
        try:  # what torch says of the others, and of arguments that need each other
            with warnings.catch_warnings():  # they are said when it is built
                warnings.simplefilter("ignore")
                loader_of({**loader, "dataset": [0]})
        except (TypeError, ValueError, AssertionError, RuntimeError, OverflowError) as error:
            faults.add(path, f"torch's DataLoader: {error}")


def _check_train_cfg(config: Any, faults: Faults) -> None:
    if config is None or not _check_keys(config, _TRAIN_KEYS, "$.train_cfg", faults):
        return
    kind = config.get("type")
    if kind is not None and not (isinstance(kind, str) and kind in _LOOPS):
        faults.add("$.train_cfg.type", f"{_said(kind)}; {did_you_mean(short_json(kind), _LOOPS)}")
    by_epoch = _build.by_epoch_of(config)
    if not _check_flag(by_epoch, "$.train_cfg.by_epoch", faults):
        return
    if "by_epoch" in config and kind in _LOOPS and by_epoch != (kind == "EpochBasedTrainLoop"):
        faults.add(
            "$.train_cfg.by_epoch", f"{by_epoch}, and type={kind!r} says {not by_epoch}", "Leave one of them out"
        )
    why = f"with type={kind!r}" if kind in _LOOPS and "by_epoch" not in config else f"with by_epoch={by_epoch}"
    counted, other = ("max_epochs", "max_iters") if by_epoch else ("max_iters", "max_epochs")
    if counted not in config:
        faults.add(
            f"$.train_cfg.{counted}", "it is missing", f"Write train_cfg=dict(by_epoch={by_epoch}, {counted}=12)"
        )
    if other in config:
        faults.add(f"$.train_cfg.{other}", f"{why} the length is {counted}", f"Leave {other} out")
    for name in (counted, "val_begin", "val_interval"):
        if name in config:
            _check_count(config[name], f"$.train_cfg.{name}", 1, faults)
    later = config.get("dynamic_intervals")
    if later is not None and not (
        isinstance(later, (list, tuple))
        and all(isinstance(pair, (list, tuple)) and len(pair) == 2 and all(map(_is_count, pair)) for pair in later)
    ):
        faults.add("$.train_cfg.dynamic_intervals", f"{_said(later)} is no list of pairs", "Write [(10, 1)]")


def _check_evaluator(config: Any, path: str, faults: Faults) -> None:
    for index, one in enumerate(config if isinstance(config, (list, tuple)) else [config]):
        where = child_path(path, index) if isinstance(config, (list, tuple)) else path
        if isinstance(one, Mapping) and one:
            check_type(one, METRICS, where, faults)
        elif one and not (callable(one) or (hasattr(one, "process") and hasattr(one, "evaluate"))):
            faults.add(where, f"{_said(one)} is no metric", "Give a function of output and target, or a Metric")


def _check_scaling(config: Any, faults: Faults) -> None:
    if config is None or not _check_keys(config, ("base_batch_size", "enable"), "$.auto_scale_lr", faults):
        return
    _check_flag(config.get("enable", False), "$.auto_scale_lr.enable", faults)
    if "base_batch_size" not in config:
        faults.add("$.auto_scale_lr.base_batch_size", "it is missing", "Write base_batch_size=256")
    else:
        _check_count(config["base_batch_size"], "$.auto_scale_lr.base_batch_size", 1, faults)


def _check_randomness(config: Any, faults: Faults) -> None:
    if config is None or not _check_keys(config, ("seed", "diff_rank_seed", "deterministic"), "$.randomness", faults):
        return
    seed = config.get("seed")
    if seed is not None:
        _check_count(seed, "$.randomness.seed", 0, faults)
        if _is_count(seed) and seed >= 2**32:
            faults.add(
                "$.randomness.seed", f"{_said(seed)} is more than NumPy takes", f"Write seed={2**32 - 1}, or less"
            )
    for name in ("diff_rank_seed", "deterministic"):
        if name in config:
            _check_flag(config[name], f"$.randomness.{name}", faults)


def _check_hooks(given: Mapping[str, Any], faults: Faults) -> None:
    default, custom = given["default_hooks"], given["custom_hooks"]
    if default is not None and not isinstance(default, Mapping):
        faults.add(
            "$.default_hooks", f"{_said(default)} is no mapping", "Write dict(checkpoint=dict(type='CheckpointHook'))"
        )
        default = None
    if custom is not None and not isinstance(custom, (list, tuple)):
        faults.add("$.custom_hooks", f"{_said(custom)} is no list", "Write custom_hooks=[MyHook()]")
        custom = None
    for name, hook in (default or {}).items():
        if hook is not None:
            _check_hook(hook, child_path("$.default_hooks", name), faults)
        elif name not in DEFAULT_HOOKS and name not in ("runtime_info", "timer", "sampler_seed", "visualization"):
            faults.add(
                child_path("$.default_hooks", name), f"there is none to take away; {did_you_mean(name, DEFAULT_HOOKS)}"
            )
    for index, hook in enumerate(custom or ()):
        _check_hook(hook, f"$.custom_hooks[{index}]", faults)


def _check_hook(hook: Any, path: str, faults: Faults) -> None:
    if isinstance(hook, Mapping):
        arguments = {name: value for name, value in hook.items() if name != "priority"}
        check_type(arguments, HOOKS, path, faults)
    elif not _build.is_hook(hook):
        faults.add(path, f"{_said(hook)} is no hook", "Give a Hook, or dict(type='…')")
    priority = hook.get("priority", "NORMAL") if isinstance(hook, Mapping) else getattr(hook, "priority", "NORMAL")
    try:
        priority_of(priority)
    except InvalidArgument as refusal:
        faults.refuse(child_path(path, "priority"), refusal)


def check_type(config: Mapping[str, Any], registry: Any, path: str, faults: Faults) -> None:
    """Check a dict with `type`: the name is known, and the arguments are the class's."""
    if "type" not in config:
        faults.add(child_path(path, "type"), "it is missing", "Write dict(type='…')")
        return
    arguments = dict(config)
    named = arguments.pop("type")
    try:
        made = named if callable(named) else registry.find(named)
    except KeyError as error:
        faults.add(child_path(path, "type"), str(error.args[0]))
        return
    try:
        signature = inspect.signature(made)
    except (TypeError, ValueError):
        return
    names = signature.parameters
    free = any(one.kind is one.VAR_KEYWORD for one in names.values())
    unknown = [] if free else [name for name in arguments if name not in names]
    for name in unknown:
        faults.add(child_path(path, name), f"{_said(named)} has no such argument; {did_you_mean(name, names)}")
    for name, one in names.items():
        if (
            one.default is one.empty
            and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
            and name not in arguments
        ):
            faults.add(child_path(path, name), f"{_said(named)} needs it")
    if not unknown and str(getattr(made, "__module__", "")).startswith("paramsched."):
        for name, value in arguments.items():
            _check_argument(made, name, value, arguments, path, faults)


def _check_argument(made: Any, name: str, value: Any, arguments: Mapping[str, Any], path: str, faults: Faults) -> None:
    """Whether one of our own classes takes this argument, whatever the others are."""
    needed = {one for one, has in inspect.signature(made).parameters.items() if has.default is has.empty}
    others = {one: arguments[one] for one in (*needed, "rule", "save_best") if one in arguments and one != name}
    try:
        made(**others, **{name: value})
    except (InvalidArgument, TypeError, ValueError, AttributeError) as refusal:
        text = f"{refusal}"
        if name in text or not others:
            faults.add(child_path(path, name), text)


def _check_keys(config: Any, known: Sequence[str], path: str, faults: Faults) -> bool:
    if config is None:
        return True
    if not isinstance(config, Mapping):
        faults.add(path, f"{_said(config)} is no mapping", "Write dict(…)")
        return False
    for name in config:
        if name not in known:
            faults.add(child_path(path, name), f"no such entry; {did_you_mean(str(name), known)}")
    return True


def _check_count(value: Any, path: str, least: int, faults: Faults) -> None:
    if not _is_count(value) or value < least:
        faults.add(
            path,
            f"{_said(value)} is no whole number from {least} on",
            f"Write {path.rpartition('.')[2]}={max(least, 4)}",
        )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check_flag(value: Any, path: str, faults: Faults) -> bool:
    if isinstance(value, bool):
        return True
    faults.add(path, f"{_said(value)} is {type_in_words(value)}, not True or False")
    return False


def _said(value: Any) -> str:
    return short_json(value)


def _check_sides(given: Mapping[str, Any], faults: Faults) -> None:
    for mode in ("train", "val", "test"):
        with looked_at(f"$.{mode}_dataloader", faults):
            _check_loader(given[f"{mode}_dataloader"], f"$.{mode}_dataloader", faults)
    for mode in ("val", "test"):
        _check_keys(given[f"{mode}_cfg"], ("type",), f"$.{mode}_cfg", faults)
        with looked_at(f"$.{mode}_evaluator", faults):
            _check_evaluator(given[f"{mode}_evaluator"], f"$.{mode}_evaluator", faults)


_LOOKS: Final[tuple[tuple[str, Callable[[Mapping[str, Any], Faults], None]], ...]] = (
    ("model", _check_model),
    ("", _check_places),
    ("", _check_together),
    ("", _check_sides),
    ("train_cfg", lambda given, faults: _check_train_cfg(given["train_cfg"], faults)),
    ("auto_scale_lr", lambda given, faults: _check_scaling(given["auto_scale_lr"], faults)),
    ("randomness", lambda given, faults: _check_randomness(given["randomness"], faults)),
    ("custom_hooks", _check_hooks),
)
"""What is looked at, and the argument that is at fault where looking fails."""
