"""Weights by name, from a checkpoint or from a file, into a model."""

import logging
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from paramsched.errors import StateError
from paramsched.run_files.manifest import MANIFEST, damaged_files, read_manifest
from paramsched.runner._checkpoint_fit import misfitting_weights
from paramsched.runner._runner_state import read_torch

log = logging.getLogger("paramsched.runner")

WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def load_weights(model: nn.Module, source: Path) -> None:
    """Take the weights of a checkpoint or of a file; names that do not fit are logged.

    Raises:
        StateError: the file is damaged, none of its names is the model's, or a shape differs.
    """
    weights = read_weights(source)
    own = model.state_dict()
    if own and not weights.keys() & own.keys():
        raise StateError(
            f"load_from={str(source)!r}: none of its {len(weights)} names is the model's; "
            f"it has {_some_names(weights)}, the model {_some_names(own)}"
        )
    problems = misfitting_weights(weights, model)
    if problems:
        raise StateError("\n".join(f"load_from={str(source)!r}: {line}" for line in problems))
    missing, unexpected = model.load_state_dict(weights, strict=False)
    for what, names in (("lacks", missing), ("has besides", unexpected)):
        if names:
            log.warning("load_from=%s: it %s %s", source, what, ", ".join(names))


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint folder, or of a file: `.safetensors`, or torch's.

    Raises:
        StateError: it is missing, is not what was saved, or there are no weights in it.
    """
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
    """Weights from a file of safetensors; whatever is wrong with it is a StateError."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not file.is_file():
        raise StateError(f"{file}: it is missing")
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {error})") from None


def _some_names(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
