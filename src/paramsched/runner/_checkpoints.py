"""Checkpoints: Accelerate's folder and a few files of ours, there as a whole or not at all."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import torch

from paramsched.errors import StateError
from paramsched.run_files import disk
from paramsched.run_files.manifest import MANIFEST, NEWEST, LastCheckpoint, manifest_digest, write_manifest
from paramsched.runner._all_processes import in_every_process
from paramsched.runner._runner_state import STATE, read_torch
from paramsched.runner._whole_checkpoints import checkpoints_in, error_with_offer, place_before, require_whole

log = logging.getLogger("paramsched.runner")


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
        """Write beside, flush to the disk, rename; every process calls this.

        Args:
            name: of the folder.
            state: plain data.
            gradients: this process's, where an update is not complete.
            newest: whether a resume begins here.

        Raises:
            StateError: it could not be written; the checkpoints that were there still are.
        """
        main, target = self.accelerator.is_main_process, self.folder / name
        part = self.folder / f".{name}.part"

        def begin() -> None:
            if main:
                self.folder.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(part, ignore_errors=True)

        def fill() -> None:
            self.accelerator.save_state(str(part))
            if gradients:
                torch.save(gradients, part / self._gradients_file)
            if main:
                torch.save(state, part / STATE)

        def publish() -> None:
            if main:
                meta = state["meta"]
                digest = write_manifest(part, meta["run"], meta["iter"]).digest
                self._publish_folder(part, target, LastCheckpoint(name, digest) if newest else None)

        for stage in (begin, fill, publish):
            in_every_process(self.accelerator, _or_state_error(stage, target))

    def _publish_folder(self, part: Path, target: Path, newest: LastCheckpoint | None) -> None:
        """Give a checkpoint that is on the disk its name, and say that it is the newest."""
        before = place_before(target)
        if not (self.folder / NEWEST).exists():  # a checkpoint that nothing names would be taken for a lost name
            disk.replace_text(self.folder / NEWEST, LastCheckpoint(None, None).text)
        if target.exists():
            shutil.rmtree(before, ignore_errors=True)
            disk.rename_on_disk(target, before)  # a kill from here on: `newest` finds it there
        disk.rename_on_disk(part, target)
        if newest is not None:
            disk.replace_text(self.folder / NEWEST, newest.text)
        shutil.rmtree(before, ignore_errors=True)

    def newest(self) -> Path | None:
        """The checkpoint a resume begins with, whole; None where the run has none yet.

        Raises:
            StateError: it is damaged, or the file that names it is; what is said names the file, and an older
                checkpoint that is whole.
        """
        file = self.folder / NEWEST
        try:
            last = LastCheckpoint.read(self.folder)
        except StateError as error:
            raise error_with_offer(str(error), self.folder) from None
        if last is None and checkpoints_in(self.folder):
            raise error_with_offer(f"{file}: it is missing, and there are checkpoints beside it", self.folder)
        if last is None or last.name is None:
            return None
        target = self.folder / last.name
        places = [place for place in (target, place_before(target)) if place.is_dir()]
        if not places:
            raise error_with_offer(f"{file}: it names {last.name}, and {target} is not there", self.folder)
        if last.digest is None:  # an earlier version's, which had no manifests
            found = next((place for place in places if (place / STATE).exists()), places[0])
            if (found / MANIFEST).exists():
                raise error_with_offer(f"{file}: it was cut; the SHA-256 of {last.name} is missing in it", self.folder)
        else:
            found = next((place for place in places if manifest_digest(place) == last.digest), places[0])
            if manifest_digest(found) not in (None, last.digest):
                raise error_with_offer(
                    f"{file}: it names another {found / MANIFEST} (the SHA-256 differs)", self.folder
                )
        require_whole(found)
        return found

    def begin_at(self, source: Path | None) -> None:
        """Write down that a run goes on from this checkpoint, or begins; others in the folder are not its own."""
        if self.accelerator.is_main_process:
            last = LastCheckpoint(None, None) if source is None else LastCheckpoint.of(source, self.folder)
            file = self.folder / NEWEST
            was = file.read_bytes() if file.is_file() else b""
            if source is None and was not in (b"", last.text.encode()):
                log.warning(
                    "%s: a run begins in the folder of an earlier one, whose logs are cleared; resume=True goes on",
                    file,
                )
            if was != last.text.encode() and (was or source is not None or checkpoints_in(self.folder)):
                disk.replace_text(file, last.text)
        self.accelerator.wait_for_everyone()

    def remove(self, name: str) -> None:
        """Remove a checkpoint."""
        if self.accelerator.is_main_process:
            disk.remove_folder(self.folder / name)

    def gradients(self, folder: Path) -> dict[str, torch.Tensor]:
        """The gradients this process had collected; empty where an update was complete.

        Raises:
            StateError: they cannot be read.
        """
        file = folder / self._gradients_file
        if not file.exists():
            return {}
        found = read_torch(file)
        if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
            raise StateError(f"{file}: it cannot be read; it is no tensors by name")
        return found

    @property
    def _gradients_file(self) -> str:
        return f"gradients_{self.accelerator.process_index}.pt"


def _or_state_error(stage: Callable[[], None], target: Path) -> Callable[[], None]:
    """The stage of a save, raising a StateError for whatever it cannot write."""

    def refusing_stage() -> None:
        try:
            stage()
        except Exception as error:  # torch, safetensors and the system raise a dozen kinds, and all mean this
            raise StateError(
                f"{target}: it could not be saved ({error}). Checkpoints that were there still are"
            ) from error

    return refusing_stage
