"""Checkpoints: Accelerate's folder and one file of ours, there as a whole or not at all."""

import shutil
from pathlib import Path
from typing import Any, final

import torch

from paramsched.config._files import write
from paramsched.errors import StateError

_STATE = "runner.pt"
_NEWEST = "last_checkpoint"
VERSION = 1


@final
class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: the run's.
        accelerator: Accelerate's; its main process writes what is not Accelerate's.
    """

    def __init__(self, folder: Path, accelerator: Any) -> None:
        self.folder, self.accelerator = folder, accelerator

    def save(self, name: str, state: dict[str, Any], gradients: dict[str, torch.Tensor], *, newest: bool) -> None:
        """Write beside, then rename; every process calls this.

        Args:
            name: of the folder.
            state: plain data.
            gradients: this process's, where an update is not complete.
            newest: whether a resume begins here.
        """
        accelerator, main = self.accelerator, self.accelerator.is_main_process
        part, target, before = self.folder / f".{name}.part", self.folder / name, self.folder / f".{name}.before"
        if main:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(part, ignore_errors=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(part))
        if gradients:
            torch.save(gradients, part / f"gradients_{accelerator.process_index}.pt")
        if main:
            torch.save(state, part / _STATE)
        accelerator.wait_for_everyone()
        if main:
            if target.exists():
                shutil.rmtree(before, ignore_errors=True)
                target.rename(before)  # a kill from here on: `newest` finds it there
            part.rename(target)
            if newest:
                write(self.folder / _NEWEST, name + "\n")
            shutil.rmtree(before, ignore_errors=True)
        accelerator.wait_for_everyone()

    def newest(self) -> Path | None:
        """The checkpoint a resume begins with; None where there is none."""
        try:
            name = (self.folder / _NEWEST).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        candidates = (self.folder / name, self.folder / f".{name}.before")
        return next((one for one in candidates if (one / _STATE).exists()), None)

    def forget_newest(self) -> None:
        """A new run begins: what was saved before is none of its checkpoints."""
        if self.accelerator.is_main_process:
            (self.folder / _NEWEST).unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()

    def remove(self, name: str) -> None:
        """Remove a checkpoint."""
        if self.accelerator.is_main_process:
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def gradients(self, folder: Path) -> dict[str, torch.Tensor]:
        """The gradients this process had collected; empty where an update was complete."""
        file = folder / f"gradients_{self.accelerator.process_index}.pt"
        found: dict[str, torch.Tensor] = torch.load(file, weights_only=True) if file.exists() else {}
        return found


def read_state(folder: Path) -> dict[str, Any]:
    """Our part of a checkpoint.

    Raises:
        StateError: it is none, or of another version.
    """
    file = folder / _STATE
    if not file.is_file():
        raise StateError(f"{folder}: no checkpoint of a Runner; it has no {_STATE}")
    try:
        state = torch.load(file, weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises a dozen kinds, and all mean this
        raise StateError(f"{file}: it cannot be read ({error})") from None
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise StateError(f"{file}: not of this version")
    return state


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint folder, or of a file: `.safetensors`, or torch's.

    Raises:
        FileNotFoundError: it is not there.
        StateError: no weights in it.
    """
    if path.is_dir():
        found = [path / name for name in ("model.safetensors", "pytorch_model.bin") if (path / name).exists()]
        if not found:
            raise StateError(f"{path}: there is no model.safetensors and no pytorch_model.bin in it")
        path = found[0]
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    weights = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(weights, dict):
        raise StateError(f"{path}: a {type(loaded).__name__}, no weights by name")
    return {name.removeprefix("module."): value for name, value in weights.items()}
