"""Whether a checkpoint can be loaded: every file of it is read and fits.

Accelerate loads one after another, and passes over random states that it cannot read.
"""

import logging
import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from paramsched.errors import StateError
from paramsched.run_files.manifest import MANIFEST, damaged_files, read_manifest

_OTHER_FORMATS = ("FSDP", "DEEPSPEED", "MEGATRON_LM")
"""Where Accelerate leaves the files to others, their readers look at them."""


def require_fit(accelerator: Any, source: Path, saved_processes: int) -> None:
    """Refuse a checkpoint that cannot be read, or fits other parts than the run's."""
    if accelerator.distributed_type not in _OTHER_FORMATS:
        for index, model in enumerate(accelerator._models):
            _require_weights(source, model, index)
        for index, optimizer in enumerate(accelerator._optimizers):
            _require_optimizer(_numbered_file(source, "optimizer", index), optimizer)
        for index, _ in enumerate(accelerator._schedulers):
            read_torch(_numbered_file(source, "scheduler", index))
    if accelerator.scaler is not None:
        file = source / "scaler.pt"
        if not file.exists():
            raise StateError(f"{file}: it is missing; the checkpoint was saved without the loss scaler of float16")
        read_torch(file)
    custom = len(list(source.glob("custom_checkpoint_*.pkl")))
    if custom != len(accelerator._custom_objects):
        raise StateError(
            f"{source}: it has {custom} files custom_checkpoint_*.pkl, and {len(accelerator._custom_objects)} objects "
            "are registered with the Accelerator. Register those it was saved with"
        )
    if accelerator.process_index < saved_processes:
        _require_random_states(random_states_file(accelerator, source))


def random_states_file(accelerator: Any, source: Path) -> Path:
    """Where this process's random states are."""
    return source / f"random_states_{accelerator.process_index}.pkl"


def _numbered_file(source: Path, name: str, index: int) -> Path:
    return source / (f"{name}_{index}.bin" if index else f"{name}.bin")


def _require_weights(source: Path, model: nn.Module, index: int) -> None:
    """Refuse weights of other names or shapes."""
    ending = f"_{index}" if index else ""
    file = source / f"model{ending}.safetensors"
    plain = source / f"pytorch_model{ending}.bin"
    if not file.exists() and plain.exists():
        loaded = read_torch(plain)
        shapes = {name: value.shape for name, value in loaded.items()} if isinstance(loaded, dict) else {}
        file = plain
    else:
        with _opened_safetensors(file) as opened:  # without the weights
            shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}
    own = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    if set(shapes) - set(own) or not _all_weights_saved(own, shapes):
        raise StateError(
            f"{file}: the weights of another model; {_first_three(set(shapes) - set(own))} in it only, "
            f"{_first_three(set(own) - set(shapes))} in the model only"
        )
    other = [name for name, shape in shapes.items() if tuple(shape) != tuple(own[name].shape)]
    if other:
        name = other[0]
        raise StateError(
            f"{file}: {name} has the shape {tuple(shapes[name])}, and the model's has {tuple(own[name].shape)}"
        )


@contextmanager
def _opened_safetensors(file: Path) -> Iterator[Any]:
    """A file of safetensors, opened; whatever is wrong with it is a StateError."""
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        raise StateError(f"{file}: it is missing")
    try:
        with safe_open(file, framework="pt") as opened:
            yield opened
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {error})") from None


def _all_weights_saved(own: Mapping[str, torch.Tensor], saved: Iterable[str]) -> bool:
    """Whether each weight was saved, if by a name with the same storage."""
    there = {own[name].untyped_storage().data_ptr() for name in saved if name in own}
    missing = [value for name, value in own.items() if name not in set(saved)]
    return all(not value.numel() or value.untyped_storage().data_ptr() in there for value in missing)


def _require_optimizer(file: Path, prepared: Any) -> None:
    """Refuse the state of an optimizer with other groups or entries."""
    optimizer: Optimizer = getattr(prepared, "optimizer", prepared)
    state = read_torch(file)
    groups = state.get("param_groups") if isinstance(state, dict) else None
    if not isinstance(groups, list) or not isinstance(state.get("state"), dict):
        raise StateError(f"{file}: it cannot be read; it is no state of an optimizer")
    sizes = [len(group["params"]) if isinstance(group, dict) and "params" in group else None for group in groups]
    now = [len(group["params"]) for group in optimizer.param_groups]
    if sizes != now:
        raise StateError(f"{file}: it has groups of {sizes} parameters, and {type(optimizer).__name__} now has {now}")
    for index, (saved, group) in enumerate(zip(groups, optimizer.param_groups, strict=True)):
        lost = [name for name in optimizer.defaults if _is_hyperparameter(group.get(name)) and name not in saved]
        if lost:
            raise StateError(f"{file}: group {index} has no {', '.join(lost)}, which {type(optimizer).__name__} needs")


def _is_hyperparameter(value: Any) -> bool:
    """Whether a saved group must have it; switches torch fills in by itself."""
    return isinstance(value, (int, float, tuple, torch.Tensor)) and not isinstance(value, bool)


def _require_random_states(file: Path) -> None:
    states = read_torch(file)
    try:
        random.Random().setstate(states["random_state"])  # noqa: S311  # only to see whether it is one
        np.random.RandomState().set_state(states["numpy_random_seed"])
        torch.Generator().set_state(states["torch_manual_seed"])
    except (TypeError, ValueError, KeyError, RuntimeError, IndexError, OverflowError) as error:
        raise StateError(f"{file}: it has no random states ({type(error).__name__}: {error})") from None


def _first_three(names: Iterable[str]) -> str:
    found = sorted(names)
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return (", ".join(found[:3]) or "nothing") + more


STATE: Final = "runner.pt"
VERSION: Final = 2
"""Of `runner.pt`. Version 1 had no manifest beside it."""


def read_runner_state(folder: Path) -> dict[str, Any]:
    """Our part of a checkpoint; a StateError where it is none that can be read here."""
    file = folder / STATE
    if not file.is_file():
        raise StateError(f"{folder}: no checkpoint of a Runner; it has no {STATE}")
    state = read_torch(file)
    if not isinstance(state, dict) or state.get("version") not in (1, VERSION):
        raise StateError(f"{file}: not of this version")
    wrong = [path for path, kind in _PARTS_READ.items() if not isinstance(_entry_at(state, path), kind)]
    if wrong:
        raise StateError(f"{file}: it cannot be read; nothing usable at {', '.join(wrong)}")
    return state


_PARTS_READ: Final[dict[str, type]] = {
    **dict.fromkeys(("meta", "clock", "run", "param_schedulers", "optimizers", "hooks"), dict),
    **dict.fromkeys(("meta.seed", "meta.iter", "clock.epoch", "clock.batch", "clock.iter", "run.processes"), int),
    "clock.validated": bool,
}
"""What a Runner reads of its state, and what that is."""


def _entry_at(state: Any, path: str) -> Any:
    for name in path.split("."):
        state = state.get(name) if isinstance(state, dict) else None
    return state


def read_torch(file: Path) -> Any:
    """What torch saved in a file; nothing in it runs code. A StateError where it cannot be read."""
    from accelerate.utils import load  # knows which of NumPy's types random states are made of

    if not file.is_file():
        raise StateError(f"{file}: it is missing")
    try:
        return load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises a dozen kinds, and all mean this
        first = str(error).partition("\n")[0].partition(". ")[0][:200]
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {first})") from None


log = logging.getLogger("paramsched.runner")

WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def load_weights(model: nn.Module, source: Path) -> None:
    """Take weights; names that do not fit are logged, shapes are refused."""
    weights = read_weights(source)
    own = model.state_dict()
    if own and not weights.keys() & own.keys():
        raise StateError(
            f"load_from={str(source)!r}: none of its {len(weights)} names is the model's; "
            f"it has {_some_names(weights)}, the model {_some_names(own)}"
        )
    problems = [
        f"load_from={str(source)!r}: {name} is "
        f"{tuple(value.shape) if isinstance(value, torch.Tensor) else value!r:.40}, and the model's "
        f"{tuple(own[name].shape)}"
        for name, value in weights.items()
        if isinstance(own.get(name), torch.Tensor) and getattr(value, "shape", None) != own[name].shape
    ]
    if problems:
        raise StateError("\n".join(problems))
    missing, unexpected = model.load_state_dict(weights, strict=False)
    for what, names in (("lacks", missing), ("has besides", unexpected)):
        if names:
            log.warning("load_from=%s: it %s %s", source, what, ", ".join(names))


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint folder, or of a file: `.safetensors`, or torch's."""
    if path.is_dir():
        found = [path / name for name in WEIGHTS if (path / name).exists()]
        if not found and not (path / MANIFEST).exists():
            raise StateError(f"{path}: there is no {' and no '.join(WEIGHTS)} in it")
        path = found[0] if found else path / WEIGHTS[0]
    if (path.parent / MANIFEST).exists():
        damage = damaged_files(path.parent, read_manifest(path.parent), only=path.name)
        if damage:
            raise StateError("\n".join(damage))
    loaded = _read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    weights = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
        raise StateError(f"{path}: a {type(loaded).__name__}, no weights by name")
    return {name.removeprefix("module."): value for name, value in weights.items()}


def _read_safetensors(file: Path) -> dict[str, torch.Tensor]:
    with _opened_safetensors(file) as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}


def _some_names(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
