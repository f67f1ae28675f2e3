"""What stands in the data: the class of a scheduler and its arguments, however they are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from paramsched.config.faults import Faults, child_path, type_in_words
from paramsched.near_names import did_you_mean

DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "StepLR": {"step_size": None, "gamma": 0.1},
    "MultiStepLR": {"milestones": None, "gamma": 0.1},
    "ConstantLR": {"factor": 1.0 / 3, "total_iters": 5},
    "LinearLR": {"start_factor": 1.0 / 3, "end_factor": 1.0, "total_iters": 5},
    "ExponentialLR": {"gamma": None},
    "PolynomialLR": {"total_iters": 5, "power": 1.0},
    "CosineAnnealingLR": {"T_max": None, "eta_min": 0.0},
    "CosineAnnealingWarmRestarts": {"T_0": None, "T_mult": 1, "eta_min": 0.0},
    "CyclicLR": {
        "base_lr": None, "max_lr": None, "step_size_up": 2000, "step_size_down": None, "mode": "triangular",
        "gamma": 1.0, "scale_fn": None, "scale_mode": "cycle", "cycle_momentum": True, "base_momentum": 0.8,
        "max_momentum": 0.9,
    },
    "OneCycleLR": {
        "max_lr": None, "total_steps": None, "epochs": None, "steps_per_epoch": None, "pct_start": 0.3,
        "anneal_strategy": "cos", "cycle_momentum": True, "base_momentum": 0.85, "max_momentum": 0.95,
        "div_factor": 25.0, "final_div_factor": 1e4, "three_phase": False,
    },
    "SWALR": {"swa_lr": None, "anneal_epochs": 10, "anneal_strategy": "cos"},
    "ReduceLROnPlateau": {
        "mode": "min", "factor": 0.1, "patience": 10, "threshold": 1e-4, "threshold_mode": "rel", "cooldown": 0,
        "min_lr": 0, "eps": 1e-8,
    },
    "SequentialLR": {"schedulers": None, "milestones": None},
    "ChainedScheduler": {"schedulers": None},
    "LambdaLR": {"lr_lambda": None},
    "MultiplicativeLR": {"lr_lambda": None},
}  # fmt: skip
"""The classes, their arguments, and what torch takes where one is missing; None where it has to be said."""

OPTIONAL: Final = ("step_size_down", "scale_fn", "total_steps", "epochs", "steps_per_epoch")
IGNORED: Final = ("optimizer", "last_epoch", "verbose")
NAME_KEYS: Final = ("_target_", "class_path", "class", "type", "name")
"""The keys that name a class: Hydra's, Lightning's, and what people write."""

ARGUMENT_KEYS: Final = ("init_args", "kwargs", "params")

_STATE_MARKS: Final = {
    "step_size": "StepLR",
    "milestones": "MultiStepLR",
    "factor": "ConstantLR",
    "start_factor": "LinearLR",
    "power": "PolynomialLR",
    "T_max": "CosineAnnealingLR",
    "T_0": "CosineAnnealingWarmRestarts",
    "step_ratio": "CyclicLR",
    "_schedule_phases": "OneCycleLR",
    "anneal_epochs": "SWALR",
    "patience": "ReduceLROnPlateau",
    "_milestones": "SequentialLR",
    "_schedulers": "ChainedScheduler",
    "lr_lambdas": "LambdaLR",
    "gamma": "ExponentialLR",
}
"""What only the state of one class holds; asked in this order, but for the plateau, which has a factor too."""


@final
@dataclass(frozen=True, slots=True)
class TorchEntry:
    """One scheduler.

    Args:
        name: of its class.
        path: where it stands.
        arguments: all of them; those that are missing have torch's defaults.
        state: whether they are those of a saved state.
    """

    name: str
    path: str
    arguments: Mapping[str, Any]
    state: bool = False


def is_state(data: Any) -> bool:
    """Whether data is the `state_dict()` of a scheduler."""
    return isinstance(data, Mapping) and "_last_lr" in data and not any(key in data for key in NAME_KEYS)


def torch_class_in(data: Any) -> str | None:
    """The class of torch's that data names; None where it names none."""
    if is_state(data):
        return class_of_state(data)
    if not isinstance(data, Mapping):
        return None
    for key in NAME_KEYS:
        if isinstance(data.get(key), str):
            return str(data[key]).rpartition(".")[2]
    named = [str(key).rpartition(".")[2] for key in data]
    return next((name for name in named if name in DEFAULTS), None)


def class_of_state(state: Mapping[str, Any]) -> str | None:
    """The class a state belongs to, by what it holds."""
    if "patience" in state:
        return "ReduceLROnPlateau"
    return next((name for mark, name in _STATE_MARKS.items() if mark in state), None)


def read_entry(data: Any, path: str, faults: Faults, besides: tuple[str, ...] = ()) -> TorchEntry | None:
    """The scheduler that stands at a path; None, and a fault, where there is none."""
    if not isinstance(data, Mapping):
        faults.add(path, f"{type_in_words(data)}, no scheduler", 'Write {"StepLR": {"step_size": 30}}')
        return None
    name = torch_class_in(data)
    if name is None or name not in DEFAULTS:
        meant = "" if name is None else did_you_mean(name, DEFAULTS)
        why = f"torch has no scheduler {name}; {meant}" if name else "it names no class of torch's"
        faults.add(path, why, 'Write {"StepLR": {"step_size": 30}}')
        return None
    if is_state(data):
        return TorchEntry(name, path, data, state=True)
    given, where = _torch_arguments(data, name, path, besides)
    if not isinstance(given, Mapping):
        faults.add(where, f"{type_in_words(given)}, no arguments", "Write a mapping of arguments")
        return None
    return _complete_entry(name, given, where, faults)


def _torch_arguments(data: Mapping[str, Any], name: str, path: str, besides: tuple[str, ...]) -> tuple[Any, str]:
    """The arguments beside a class, and where they stand."""
    for key, value in data.items():
        if str(key).rpartition(".")[2] == name and key not in NAME_KEYS:
            return ({} if value is None else value), child_path(path, key)
    for key in ARGUMENT_KEYS:
        if key in data:
            return ({} if data[key] is None else data[key]), child_path(path, key)
    named = next(key for key in NAME_KEYS if isinstance(data.get(key), str))
    return {key: value for key, value in data.items() if key != named and key not in besides}, path


def _complete_entry(name: str, given: Mapping[str, Any], path: str, faults: Faults) -> TorchEntry | None:
    defaults, before = DEFAULTS[name], faults.count
    for key in given:
        if key not in defaults and key not in IGNORED:
            faults.add(child_path(path, key), f"{name} has no such argument; {did_you_mean(str(key), defaults)}")
    complete = {**defaults, **{key: value for key, value in given.items() if key in defaults}}
    if name not in ("LambdaLR", "MultiplicativeLR"):
        for key, value in complete.items():
            if value is None and key not in OPTIONAL:
                faults.add(path, f"{name} has no {key}", f"Write {key} into its arguments")
    return None if faults.count > before else TorchEntry(name, path, complete)
