"""Weights by name, from a checkpoint or from a file."""

from pathlib import Path

import torch

from paramsched.errors import StateError
from paramsched.runner import _manifest
from paramsched.runner._checkpoints import read_torch

WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint folder, or of a file: `.safetensors`, or torch's.

    Raises:
        StateError: it is missing, is not what was saved, or there are no weights in it.
    """
    if path.is_dir():
        found = [path / name for name in WEIGHTS if (path / name).exists()]
        if not found and not (path / _manifest.MANIFEST).exists():
            raise StateError(f"{path}: there is no {' and no '.join(WEIGHTS)} in it")
        path = found[0] if found else path / WEIGHTS[0]
    if (path.parent / _manifest.MANIFEST).exists():
        damage = _manifest.damage(path.parent, _manifest.read(path.parent), only=path.name)
        if damage:
            raise StateError("\n".join(damage))
    loaded = _safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    weights = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
        raise StateError(f"{path}: a {type(loaded).__name__}, no weights by name")
    return {name.removeprefix("module."): value for name, value in weights.items()}


def _safetensors(file: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not file.is_file():
        raise StateError(f"{file}: it is missing")
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {error})") from None
