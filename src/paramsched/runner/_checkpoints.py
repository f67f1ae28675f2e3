"""Checkpoints: Accelerate's folder and a few files of ours, whole or not there."""

import logging
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, final

import torch

from paramsched.errors import ParamschedError, StateError
from paramsched.run_files import disk
from paramsched.run_files.manifest import (
    MANIFEST,
    NEWEST,
    LastCheckpoint,
    damaged_files,
    manifest_digest,
    read_manifest,
    write_manifest,
)
from paramsched.runner._checkpoint_fit import STATE, read_runner_state, read_torch

log = logging.getLogger("paramsched.runner")


def require_whole(folder: Path) -> None:
    """Refuse a checkpoint that is not what was saved."""
    problems = _problems_of(folder)
    if problems:
        raise error_with_offer("\n".join(problems), folder.parent, besides=folder)
    if not (folder / MANIFEST).exists():
        log.warning("%s: an earlier version saved it, without checksums; only what can be read is checked", folder)


def _problems_of(folder: Path) -> list[str]:
    """What is wrong with a checkpoint."""
    try:
        if (folder / MANIFEST).exists():
            return damaged_files(folder, read_manifest(folder))
        old = read_runner_state(folder)["version"] == 1
    except StateError as error:
        return [str(error)]
    return [] if old else [f"{folder / MANIFEST}: it is missing"]


def error_with_offer(problem: str, home: Path, besides: Path | None = None) -> StateError:
    """An error that also names an older checkpoint in `home` that is whole."""
    older = _latest_whole(home, besides)
    if older is None:
        advice = f"No checkpoint in {home} is whole. To begin anew leave resume out"
    else:
        advice = (
            f"{older} is whole. To go on from there write resume=True, load_from={str(older)!r}; "
            f"on the command line --resume --load-from {shlex.quote(str(older))}"
        )
    return StateError(f"{problem}\nNothing was changed. {advice}")


def _latest_whole(home: Path, besides: Path | None) -> Path | None:
    """The latest whole checkpoint in a folder, of the same run if possible."""
    places = {
        path: place
        for path in checkpoints_in(home)
        if path != besides and (place := _run_and_iteration(path)) is not None
    }
    mine = None if besides is None else _run_and_iteration(besides)
    states = (path / STATE for path in places if (path / STATE).exists())
    latest = max(states, key=lambda file: file.stat().st_mtime_ns, default=None)
    run = mine[0] if mine else places[latest.parent][0] if latest else ""
    order = sorted(places, key=lambda path: (places[path][0] == run, places[path][1]), reverse=True)
    return next((path for path in order if not _problems_of(path)), None)


def checkpoints_in(folder: Path) -> list[Path]:
    """Folders that are checkpoints, whole or not."""
    if not folder.is_dir():
        return []
    unfinished = (".part", ".removed")
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix not in unfinished and any((path / name).exists() for name in (STATE, MANIFEST))
    ]


def _run_and_iteration(folder: Path) -> tuple[str, int] | None:
    """The run and the iteration of a checkpoint; None where that cannot be read."""
    try:
        if (folder / MANIFEST).exists():
            manifest = read_manifest(folder)
            return manifest.run, manifest.iteration
        return "", int(read_runner_state(folder)["meta"]["iter"])
    except StateError:
        return None


def place_before(target: Path) -> Path:
    """Where a checkpoint waits while another takes its name."""
    return target.with_name(f".{target.name}.before")


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
            gradients: this process's, where an update is not complete.
            newest: whether a resume begins here.
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
        """Give a checkpoint its name, and say that it is the newest."""
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
        """The checkpoint a resume begins with, whole; None where the run has none yet."""
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
        """Write down that a run goes on from this checkpoint, or begins."""
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
        if self.accelerator.is_main_process:
            disk.remove_folder(self.folder / name)

    def gradients(self, folder: Path) -> dict[str, torch.Tensor]:
        """The gradients this process had collected; empty where an update was complete."""
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


_T = TypeVar("_T")


def in_main_process(accelerator: Any, look: Callable[[], _T]) -> _T:
    """Call `look` in the main process; every process gets its result, or raises its ParamschedError."""
    if accelerator.num_processes == 1:
        return look()
    from accelerate.utils import broadcast_object_list

    shared: list[Any] = [None, None]
    if accelerator.is_main_process:
        try:
            shared[0] = look()
        except ParamschedError as error:
            shared[1] = error
    broadcast_object_list(shared)
    if shared[1] is not None:
        raise shared[1]
    found: _T = shared[0]
    return found


def in_every_process(accelerator: Any, look: Callable[[], None]) -> None:
    """Call `look` in each process; where one of them raises a ParamschedError, all raise the same."""
    if accelerator.num_processes == 1:
        look()
        return
    from accelerate.utils import gather_object

    mine: list[ParamschedError | None] = [None]
    try:
        look()
    except ParamschedError as error:
        mine[0] = error
    for raised in gather_object(mine):
        if raised is not None:
            raise raised
