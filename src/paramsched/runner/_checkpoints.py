"""Checkpoints: Accelerate's folder and a few files of ours, there as a whole or not at all."""

import logging
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

import torch

from paramsched.errors import StateError
from paramsched.runner import _disk, _manifest
from paramsched.runner._disk import write
from paramsched.runner._last_checkpoint import NEWEST, LastCheckpoint, digest_in
from paramsched.runner._manifest import MANIFEST
from paramsched.runner._together import every_process

log = logging.getLogger("paramsched.runner")

STATE: Final = "runner.pt"
VERSION: Final = 2
"""Of `runner.pt`. Version 1 had no manifest beside it."""


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
                digest = _manifest.write(part, meta["run"], meta["iter"]).digest
                self._put(part, target, LastCheckpoint(name, digest) if newest else None)

        for stage in (begin, fill, publish):
            every_process(self.accelerator, _or_refuse(stage, target))

    def _put(self, part: Path, target: Path, newest: LastCheckpoint | None) -> None:
        """Give a checkpoint that is on the disk its name, and say that it is the newest."""
        before = _before(target)
        if not (self.folder / NEWEST).exists():  # a checkpoint that nothing names would be taken for a lost name
            write(self.folder / NEWEST, LastCheckpoint(None, None).text)
        if target.exists():
            shutil.rmtree(before, ignore_errors=True)
            _disk.rename(target, before)  # a kill from here on: `newest` finds it there
        _disk.rename(part, target)
        if newest is not None:
            write(self.folder / NEWEST, newest.text)
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
            raise with_offer(str(error), self.folder) from None
        if last is None and _checkpoints_in(self.folder):
            raise with_offer(f"{file}: it is missing, and there are checkpoints beside it", self.folder)
        if last is None or last.name is None:
            return None
        target = self.folder / last.name
        places = [place for place in (target, _before(target)) if place.is_dir()]
        if not places:
            raise with_offer(f"{file}: it names {last.name}, and {target} is not there", self.folder)
        if last.digest is None:  # an earlier version's, which had no manifests
            found = next((place for place in places if (place / STATE).exists()), places[0])
            if (found / MANIFEST).exists():
                raise with_offer(f"{file}: it was cut; the SHA-256 of {last.name} is missing in it", self.folder)
        else:
            found = next((place for place in places if digest_in(place) == last.digest), places[0])
            if digest_in(found) not in (None, last.digest):
                raise with_offer(f"{file}: it names another {found / MANIFEST} (the SHA-256 differs)", self.folder)
        require_whole(found)
        return found

    def begin_at(self, source: Path | None) -> None:
        """A run goes on from this checkpoint, or begins; what else is here is none of its checkpoints."""
        if self.accelerator.is_main_process:
            last = LastCheckpoint(None, None) if source is None else LastCheckpoint.of(source, self.folder)
            file = self.folder / NEWEST
            was = file.read_bytes() if file.is_file() else b""
            if source is None and was not in (b"", last.text.encode()):
                log.warning(
                    "%s: a run begins in the folder of an earlier one, whose logs are cleared; resume=True goes on",
                    file,
                )
            if was != last.text.encode() and (was or source is not None or _checkpoints_in(self.folder)):
                write(file, last.text)
        self.accelerator.wait_for_everyone()

    def remove(self, name: str) -> None:
        """Remove a checkpoint."""
        if self.accelerator.is_main_process:
            _disk.remove(self.folder / name)

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


def require_whole(folder: Path) -> None:
    """Refuse a checkpoint that is not what was saved.

    Raises:
        StateError: every file that is missing or differs, and an older checkpoint that is whole.
    """
    problems = _damage(folder)
    if problems:
        raise with_offer("\n".join(problems), folder.parent, besides=folder)
    if not (folder / MANIFEST).exists():
        log.warning("%s: an earlier version saved it, without checksums; only what can be read is checked", folder)


def _damage(folder: Path) -> list[str]:
    """What is wrong with a checkpoint."""
    try:
        if (folder / MANIFEST).exists():
            return _manifest.damage(folder, _manifest.read(folder))
        old = read_state(folder)["version"] == 1
    except StateError as error:
        return [str(error)]
    return [] if old else [f"{folder / MANIFEST}: it is missing"]


def with_offer(problem: str, home: Path, besides: Path | None = None) -> StateError:
    """An error that also names an older checkpoint that is whole, for the user to choose.

    Args:
        problem: what was found.
        home: where checkpoints are looked for.
        besides: the damaged one.
    """
    older = _whole_in(home, besides)
    if older is None:
        advice = f"No checkpoint in {home} is whole. To begin anew leave resume out"
    else:
        advice = (
            f"{older} is whole. To go on from there write resume=True, load_from={str(older)!r}; "
            f"on the command line --resume --load-from {shlex.quote(str(older))}"
        )
    return StateError(f"{problem}\nNothing was changed. {advice}")


def _whole_in(home: Path, besides: Path | None) -> Path | None:
    """The latest whole checkpoint in a folder, of the same run as the damaged one if that can be told."""
    places = {path: place for path in _checkpoints_in(home) if path != besides and (place := _place(path)) is not None}
    mine = None if besides is None else _place(besides)
    latest = max((path / STATE for path in places if (path / STATE).exists()), key=_saved, default=None)
    run = mine[0] if mine else places[latest.parent][0] if latest else ""
    order = sorted(places, key=lambda path: (places[path][0] == run, places[path][1]), reverse=True)
    return next((path for path in order if not _damage(path)), None)


def _checkpoints_in(folder: Path) -> list[Path]:
    """Folders that are checkpoints, whole or not."""
    if not folder.is_dir():
        return []
    unfinished = (".part", ".removed")
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix not in unfinished and any((path / name).exists() for name in (STATE, MANIFEST))
    ]


def _place(folder: Path) -> tuple[str, int] | None:
    """The run of a checkpoint, and the iteration it was saved at; None where that cannot be read."""
    try:
        if (folder / MANIFEST).exists():
            manifest = _manifest.read(folder)
            return manifest.run, manifest.iteration
        return "", int(read_state(folder)["meta"]["iter"])
    except StateError:
        return None


def _saved(file: Path) -> int:
    return file.stat().st_mtime_ns


def _before(target: Path) -> Path:
    """Where a checkpoint waits while another takes its name."""
    return target.with_name(f".{target.name}.before")


def _or_refuse(stage: Callable[[], None], target: Path) -> Callable[[], None]:
    """The stage, but what it cannot write is a StateError."""

    def tried() -> None:
        try:
            stage()
        except Exception as error:  # torch, safetensors and the system raise a dozen kinds, and all mean this
            raise StateError(
                f"{target}: it could not be saved ({error}). Checkpoints that were there still are"
            ) from error

    return tried


def read_state(folder: Path) -> dict[str, Any]:
    """Our part of a checkpoint.

    Raises:
        StateError: it is none, cannot be read, or is of another version.
    """
    file = folder / STATE
    if not file.is_file():
        raise StateError(f"{folder}: no checkpoint of a Runner; it has no {STATE}")
    state = read_torch(file)
    if not isinstance(state, dict) or state.get("version") not in (1, VERSION):
        raise StateError(f"{file}: not of this version")
    wrong = [path for path, kind in _PARTS.items() if not isinstance(_at(state, path), kind)]
    if wrong:
        raise StateError(f"{file}: it cannot be read; nothing usable at {', '.join(wrong)}")
    return state


_PARTS: Final[dict[str, type]] = {
    **dict.fromkeys(("meta", "clock", "run", "param_schedulers", "optimizers", "hooks"), dict),
    **dict.fromkeys(("meta.seed", "meta.iter", "clock.epoch", "clock.batch", "clock.iter", "run.processes"), int),
    "clock.validated": bool,
}
"""What a Runner reads of its state, and what that is."""


def _at(state: Any, path: str) -> Any:
    for name in path.split("."):
        state = state.get(name) if isinstance(state, dict) else None
    return state


def read_torch(file: Path) -> Any:
    """What torch saved in a file; nothing in it runs code.

    Raises:
        StateError: it is missing, or cannot be read.
    """
    from accelerate.utils import load  # knows which of NumPy's types random states are made of

    if not file.is_file():
        raise StateError(f"{file}: it is missing")
    try:
        return load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises a dozen kinds, and all mean this
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". ")[0][:200]
