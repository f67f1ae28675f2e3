"""All checks of what a Runner is given, in order."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

from torch import nn

from paramsched.base.codes import REFUSED_VALUE, UNKNOWN_NAME, UNREADABLE, WRONG_ARGUMENT
from paramsched.base.diagnostic import Diagnostic, child_path, entry_path
from paramsched.base.near_names import did_you_mean
from paramsched.config.faults import Faults, short_json
from paramsched.config.python_config.reading import NeedsRunning
from paramsched.errors import InvalidArgument
from paramsched.runner._checks.entries import (
    check_class_dict,
    check_hooks,
    check_names,
    check_sides,
    check_switch,
    check_whole_number,
    is_whole_number,
    looking_at,
    refuse_kind,
)
from paramsched.runner._checks.schedulers import OptimizerModels, check_optimizers, check_schedulers
from paramsched.runner._model_calls import training_style
from paramsched.runner.metrics import MODELS
from paramsched.runner.view import COUNTS_EPOCHS, counts_epochs
from paramsched.scheduler.saved_state import checked_on_change

_TRAIN_KEYS: Final = ("type", "by_epoch", "max_epochs", "max_iters", "val_begin", "val_interval", "dynamic_intervals")
_MOST_SEED: Final = 2**32 - 1  # NumPy takes no larger one


def check_train_cfg(given: Mapping[str, Any], faults: Faults) -> None:
    """Check the loop: what it counts, how long it is, and when it validates."""
    config, path = given["train_cfg"], entry_path("train_cfg")
    if config is None or not check_names(config, _TRAIN_KEYS, path, faults):
        return
    loop = config.get("type")
    is_known = isinstance(loop, str) and loop in COUNTS_EPOCHS
    if loop is not None and not is_known:
        found = f"{short_json(loop)}; {did_you_mean(short_json(loop), COUNTS_EPOCHS)}"
        faults.add(f"{path}.type", found, code=UNKNOWN_NAME)
    by_epoch = counts_epochs(config)
    if not check_switch(by_epoch, f"{path}.by_epoch", faults):
        return
    if "by_epoch" in config and is_known and by_epoch != COUNTS_EPOCHS[loop]:
        found = f"{by_epoch}, and type={loop!r} says {not by_epoch}"
        faults.add(f"{path}.by_epoch", found, "Leave one of them out", code=REFUSED_VALUE)
    why = f"with type={loop!r}" if is_known and "by_epoch" not in config else f"with by_epoch={by_epoch}"
    counted, other = ("max_epochs", "max_iters") if by_epoch else ("max_iters", "max_epochs")
    if counted not in config:
        instead = f"Write train_cfg=dict(by_epoch={by_epoch}, {counted}=12)"
        faults.add(f"{path}.{counted}", "it is missing", instead, code=WRONG_ARGUMENT)
    if other in config:
        faults.add(f"{path}.{other}", f"{why} the length is {counted}", f"Leave {other} out", code=REFUSED_VALUE)
    for name in (counted, "val_begin", "val_interval"):
        check_whole_number(config, name, 1, path, faults)
    later = config.get("dynamic_intervals")
    if later is not None and not _are_pairs(later):
        refuse_kind(later, "list of pairs", f"{path}.dynamic_intervals", faults, "Write [(10, 1)]")


def _are_pairs(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and all(map(is_whole_number, pair)) for pair in value
    )


def check_auto_scale(given: Mapping[str, Any], faults: Faults) -> None:
    """Check `auto_scale_lr`."""
    config, path = given["auto_scale_lr"], entry_path("auto_scale_lr")
    if config is None or not check_names(config, ("base_batch_size", "enable"), path, faults):
        return
    check_switch(config.get("enable", False), f"{path}.enable", faults)
    if "base_batch_size" not in config:
        faults.add(f"{path}.base_batch_size", "it is missing", "Write base_batch_size=256", code=WRONG_ARGUMENT)
    check_whole_number(config, "base_batch_size", 1, path, faults)


def check_randomness(given: Mapping[str, Any], faults: Faults) -> None:
    """Check `randomness`."""
    config, path = given["randomness"], entry_path("randomness")
    if config is None or not check_names(config, ("seed", "diff_rank_seed", "deterministic"), path, faults):
        return
    seed = config.get("seed")
    if seed is not None:
        check_whole_number(config, "seed", 0, path, faults)
        if is_whole_number(seed) and seed > _MOST_SEED:
            found = f"{short_json(seed)} is more than NumPy takes"
            faults.add(f"{path}.seed", found, f"Write seed={_MOST_SEED}, or less", code=REFUSED_VALUE)
    for name in ("diff_rank_seed", "deterministic"):
        if name in config:
            check_switch(config[name], f"{path}.{name}", faults)


def check_amounts(given: Mapping[str, Any], faults: Faults) -> None:
    """Check what says how much a batch is: `tokens_per_sample` or `amount_of`."""
    path, amount_of = entry_path("amount_of"), given["amount_of"]
    if given["tokens_per_sample"] is not None:
        check_whole_number(given, "tokens_per_sample", 1, entry_path(), faults)
    if amount_of is None:
        return
    if not callable(amount_of):
        refuse_kind(amount_of, "function", path, faults, "Write amount_of=lambda batch: batch[0].numel()")
    elif given["tokens_per_sample"] is not None:
        faults.add(path, "tokens_per_sample counts a batch too", "Leave one of them out", code=REFUSED_VALUE)


def check_model(given: Mapping[str, Any], faults: Faults) -> None:
    """Check `model` and `loss`."""
    model, loss, path = given["model"], given["loss"], entry_path("loss")
    if isinstance(model, Mapping):
        check_class_dict(model, MODELS, entry_path("model"), faults)
    elif not isinstance(model, nn.Module):
        refuse_kind(model, "torch.nn.Module", entry_path("model"), faults, "Give a module, or dict(type='…')")
    if loss is None:
        return
    if not callable(loss):
        refuse_kind(loss, "function", path, faults, "Write loss=torch.nn.functional.cross_entropy")
    elif not _takes_two(loss):
        found = f"{short_json(loss)} does not take (output, target)"
        faults.add(path, found, "Write def loss(output, target): …", code=REFUSED_VALUE)
    elif isinstance(model, nn.Module) and (style := training_style(model, None)) in ("train_step", "mode"):
        has = "train_step" if style == "train_step" else "forward(…, mode)"
        found = f"{type(model).__name__} has its own {has}, so the loss would not be used"
        faults.add(path, found, "Leave loss out", code=REFUSED_VALUE)


def _takes_two(function: Callable[..., Any]) -> bool:
    """Whether a function can be called with two arguments."""
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # some written in C say nothing
        return True
    return True


def check_places(given: Mapping[str, Any], faults: Faults) -> None:
    """Check the folder, and what says how to go on."""
    if not isinstance(given["work_dir"], (str, PathLike)):
        refuse_kind(given["work_dir"], "path", entry_path("work_dir"), faults, "Write work_dir='runs/mine'")
    load_from = given["load_from"]
    if load_from is not None and not isinstance(load_from, (str, PathLike)):
        refuse_kind(load_from, "path", entry_path("load_from"), faults, "Write load_from='runs/mine/epoch_3'")
    elif load_from is not None and not Path(load_from).exists():
        faults.add(entry_path("load_from"), f'"{load_from}" does not exist', code=REFUSED_VALUE)
    if not isinstance(given["resume"], bool):
        found = f"{short_json(given['resume'])}, not True or False"
        faults.add(entry_path("resume"), found, "Write resume=True, and load_from='…'", code=REFUSED_VALUE)
    try:
        checked_on_change(given["on_change"])
    except InvalidArgument as refusal:
        faults.refuse(entry_path("on_change"), refusal)
    accelerator = given["accelerator"]
    if accelerator is not None and not callable(getattr(accelerator, "prepare", None)):
        found = f"{short_json(accelerator)} is no Accelerator"
        faults.add(entry_path("accelerator"), found, "Write accelerate.Accelerator()", code=REFUSED_VALUE)
    if given["cfg"] is not None and not isinstance(given["cfg"], Mapping):
        refuse_kind(given["cfg"], "mapping", entry_path("cfg"), faults)


def check_what_goes_together(given: Mapping[str, Any], faults: Faults) -> None:
    """Check arguments that need or exclude each other."""
    training = ("train_dataloader", "train_cfg", "optim_wrapper")
    missing = [name for name in training if given[name] is None]
    if missing and len(missing) < len(training):
        found = "it is missing: train_dataloader, train_cfg and optim_wrapper go together"
        for name in missing:
            faults.add(entry_path(name), found, code=WRONG_ARGUMENT)
    if given["param_scheduler"] is not None and given["optim_wrapper"] is None:
        found, instead = "there is no optimizer to schedule", "Give optim_wrapper=dict(optimizer=…)"
        faults.add(entry_path("param_scheduler"), found, instead, code=REFUSED_VALUE)
    for mode in ("val", "test"):
        if given[f"{mode}_dataloader"] is None:
            found = f"there is no {mode}_dataloader"
            for name in (f"{mode}_cfg", f"{mode}_evaluator"):
                if given[name] is not None:
                    faults.add(entry_path(name), found, f"Give it, or leave {name} out", code=REFUSED_VALUE)
        elif given[f"{mode}_evaluator"] is None and callable(getattr(given["model"], "train_step", None)):
            found = "it is missing: a model with train_step says no loss here"
            faults.add(entry_path(f"{mode}_evaluator"), found, "Give a metric", code=WRONG_ARGUMENT)


_CHECKS: Final[tuple[tuple[str, Callable[[Mapping[str, Any], Faults], None]], ...]] = (
    (entry_path("model"), check_model),
    ("", check_places),
    ("", check_what_goes_together),
    ("", check_sides),
    (entry_path("train_cfg"), check_train_cfg),
    (entry_path("auto_scale_lr"), check_auto_scale),
    (entry_path("randomness"), check_randomness),
    (entry_path("amount_of"), check_amounts),
    (entry_path("custom_hooks"), check_hooks),
)
"""What looks, and the argument that is at fault where looking itself fails."""


def check_settings(given: Mapping[str, Any], known: Iterable[Diagnostic] = ()) -> None:
    """Refuse arguments of a Runner that cannot be trained with.

    Args:
        known: faults that were found before.

    Raises:
        ConfigError: every fault.
    """
    faults = Faults()
    for fault in known:
        faults.add(fault.path, fault.found, fault.instead, code=fault.code)
    given = {name: without_unreadable(value, entry_path(name), faults) for name, value in given.items()}
    for path, check in _CHECKS:
        with looking_at(path, faults):
            check(given, faults)
    models: OptimizerModels = {}
    with looking_at(entry_path("optim_wrapper"), faults):
        models = check_optimizers(given["optim_wrapper"], given["model"], faults)
    with looking_at(entry_path("param_scheduler"), faults):
        check_schedulers(given, models, faults)
    faults.raise_any("Runner")


_DEEPEST = 50


def without_unreadable(value: Any, path: str, faults: Faults, around: tuple[int, ...] = ()) -> Any:
    """The value, with None for what cannot be read; each of these is a fault.

    Args:
        around: the containers it stands in, by their `id`.
    """
    if isinstance(value, NeedsRunning):
        faults.add(path, str(value), "Write the value itself, or build the Runner in Python", code=UNREADABLE)
        return None
    if not isinstance(value, (dict, list)):
        return value
    if id(value) in around or len(around) >= _DEEPEST:
        found = "it contains itself" if id(value) in around else f"it is nested more than {_DEEPEST} deep"
        faults.add(path, found, code=REFUSED_VALUE)
        return None
    around = (*around, id(value))
    if isinstance(value, dict):
        return {name: without_unreadable(one, child_path(path, name), faults, around) for name, one in value.items()}
    return [without_unreadable(one, child_path(path, index), faults, around) for index, one in enumerate(value)]
