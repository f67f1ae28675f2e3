"""Checks of the model and its loss, of files and folders, and of arguments that need each other."""

import inspect
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from paramsched.config.faults import Faults, entry_path, short_json
from paramsched.errors import InvalidArgument
from paramsched.runner._checks.entries import check_class_dict
from paramsched.runner._model_calls import training_style
from paramsched.runner.registry import MODELS
from paramsched.scheduler.saved_state import checked_on_change


def check_model(given: Mapping[str, Any], faults: Faults) -> None:
    """Check `model` and `loss`."""
    model, loss = given["model"], given["loss"]
    if isinstance(model, Mapping):
        check_class_dict(model, MODELS, entry_path("model"), faults)
    elif not isinstance(model, nn.Module):
        faults.add(
            entry_path("model"), f"{short_json(model)} is no torch.nn.Module", "Give a module, or dict(type='…')"
        )
    if loss is None:
        return
    if not callable(loss):
        faults.add(
            entry_path("loss"), f"{short_json(loss)} is no function", "Write loss=torch.nn.functional.cross_entropy"
        )
    elif not _takes_two(loss):
        found = f"{short_json(loss)} does not take (output, target)"
        faults.add(entry_path("loss"), found, "Write def loss(output, target): …")
    elif isinstance(model, nn.Module) and (style := training_style(model, None)) in ("train_step", "mode"):
        has = "train_step" if style == "train_step" else "forward(…, mode)"
        found = f"{type(model).__name__} has its own {has}, so the loss would not be used"
        faults.add(entry_path("loss"), found, "Leave loss out")


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
    """Check the folder, the file to begin with, and what says how to go on."""
    if not isinstance(given["work_dir"], (str, PathLike)):
        faults.add(entry_path("work_dir"), f"{short_json(given['work_dir'])} is no path", "Write work_dir='runs/mine'")
    load_from = given["load_from"]
    if load_from is not None and not isinstance(load_from, (str, PathLike)):
        faults.add(
            entry_path("load_from"), f"{short_json(load_from)} is no path", "Write load_from='runs/mine/epoch_3'"
        )
    elif load_from is not None and not Path(load_from).exists():
        faults.add(entry_path("load_from"), f'"{load_from}" does not exist')
    if not isinstance(given["resume"], bool):
        found = f"{short_json(given['resume'])}, not True or False"
        faults.add(entry_path("resume"), found, "Write resume=True, and load_from='…'")
    try:
        checked_on_change(given["on_change"])
    except InvalidArgument as refusal:
        faults.refuse(entry_path("on_change"), refusal)
    accelerator = given["accelerator"]
    if accelerator is not None and not callable(getattr(accelerator, "prepare", None)):
        found = f"{short_json(accelerator)} is no Accelerator"
        faults.add(entry_path("accelerator"), found, "Write accelerate.Accelerator()")
    if given["cfg"] is not None and not isinstance(given["cfg"], Mapping):
        faults.add(entry_path("cfg"), f"{short_json(given['cfg'])} is no mapping")


def check_what_goes_together(given: Mapping[str, Any], faults: Faults) -> None:
    """Check arguments that need each other, or that make no sense together."""
    training = ("train_dataloader", "train_cfg", "optim_wrapper")
    missing = [name for name in training if given[name] is None]
    if missing and len(missing) < len(training):
        for name in missing:
            faults.add(entry_path(name), "it is missing: train_dataloader, train_cfg and optim_wrapper go together")
    if given["param_scheduler"] is not None and given["optim_wrapper"] is None:
        faults.add(
            entry_path("param_scheduler"), "there is no optimizer to schedule", "Give optim_wrapper=dict(optimizer=…)"
        )
    for mode in ("val", "test"):
        if given[f"{mode}_dataloader"] is None:
            for name in (f"{mode}_cfg", f"{mode}_evaluator"):
                if given[name] is not None:
                    faults.add(entry_path(name), f"there is no {mode}_dataloader", f"Give it, or leave {name} out")
        elif given[f"{mode}_evaluator"] is None and callable(getattr(given["model"], "train_step", None)):
            found = "it is missing: a model with train_step says no loss here"
            faults.add(entry_path(f"{mode}_evaluator"), found, "Give a metric")
