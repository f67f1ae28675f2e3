"""Checkpoints: Accelerate's folder and a few files of ours, written whole or not at all, and read only if they fit.

Accelerate loads one file after another, and ignores random states that it cannot read. So each file is checked first.
"""

import logging
import random
import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar, final

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from paramsched.base.diagnostic import names_listed
from paramsched.errors import ParamschedError, StateError
from paramsched.run_files import disk
from paramsched.run_files.folder_lock import FolderLock
from paramsched.run_files.manifest import (
    MANIFEST,
    NEWEST,
    LastCheckpoint,
    damaged_files,
    manifest_digest,
    read_manifest,
    write_manifest,
)

log = logging.getLogger("paramsched.runner")

STATE: Final = "runner.pt"
VERSION: Final = 2
"""The version of `runner.pt`. Checkpoints of version 1 have no manifest."""


def read_runner_state(folder: Path) -> dict[str, Any]:
    """Return our part of a checkpoint; raise a StateError if it cannot be read."""
    file = folder / STATE
    if not file.is_file():
        raise StateError(f"{folder}: no checkpoint of a Runner; it has no {STATE}")
    state = read_torch(file)
    if not isinstance(state, dict) or state.get("version") not in (1, VERSION):
        raise StateError(f"{file}: not of this version")
    wrong = []
    for path, kind in _PARTS_READ.items():
        part: Any = state
        for name in path.split("."):
            part = part.get(name) if isinstance(part, dict) else None
        if not isinstance(part, kind):
            wrong.append(path)
    if wrong:
        raise StateError(f"{file}: it cannot be read; nothing usable at {', '.join(wrong)}")
    return state


_PARTS_READ: Final[dict[str, type]] = {
    **dict.fromkeys(("meta", "clock", "run", "param_schedulers", "optimizers", "hooks"), dict),
    **dict.fromkeys(("meta.seed", "meta.iter", "clock.epoch", "clock.batch", "clock.iter", "run.processes"), int),
    "clock.validated": bool,
}
"""The entries of its state that a Runner reads, and their types."""


def read_torch(file: Path) -> Any:
    """Load a file that torch saved, without running code; raise a StateError if it cannot be read."""
    from accelerate.utils import load  # knows which of NumPy's types random states are made of

    if not file.is_file():
        raise StateError(f"{file}: it is missing")
    try:
        return load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises a dozen kinds, and all mean this
        first = str(error).partition("\n")[0].partition(". ")[0][:200]
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {first})") from None


def require_whole(folder: Path) -> None:
    """Refuse a checkpoint that is not as it was saved."""
    problems = _problems_of(folder)
    if problems:
        raise error_with_offer("\n".join(problems), folder.parent, besides=folder)
    if not (folder / MANIFEST).exists():
        log.warning("%s: an earlier version saved it, without checksums; only what can be read is checked", folder)


def _problems_of(folder: Path) -> list[str]:
    """Return the problems of a checkpoint, a line each."""
    try:
        if (folder / MANIFEST).exists():
            return damaged_files(folder, read_manifest(folder))
        old = read_runner_state(folder)["version"] == 1
    except StateError as error:
        return [str(error)]
    return [] if old else [f"{folder / MANIFEST}: it is missing"]


def error_with_offer(problem: str, home: Path, besides: Path | None = None) -> StateError:
    """Return an error that also names the latest whole checkpoint in `home`, of the same run if possible."""
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
    older = next((path for path in order if not _problems_of(path)), None)
    if older is None:
        advice = f"No checkpoint in {home} is whole. To begin anew leave resume out"
    else:
        advice = (
            f"{older} is whole. To go on from there write resume=True, load_from={str(older)!r}; "
            f"on the command line --resume --load-from {shlex.quote(str(older))}"
        )
    return StateError(f"{problem}\nNothing was changed. {advice}")


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the folders that are checkpoints, whole or not."""
    if not folder.is_dir():
        return []
    unfinished = (".part", ".removed")
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix not in unfinished and any((path / name).exists() for name in (STATE, MANIFEST))
    ]


def _run_and_iteration(folder: Path) -> tuple[str, int] | None:
    """Return the run and the iteration of a checkpoint; None if they cannot be read."""
    try:
        if (folder / MANIFEST).exists():
            manifest = read_manifest(folder)
            return manifest.run, manifest.iteration
        return "", int(read_runner_state(folder)["meta"]["iter"])
    except StateError:
        return None


def place_before(target: Path) -> Path:
    """Return the path of a checkpoint while another one takes its name."""
    return target.with_name(f".{target.name}.before")


@final
class Checkpoints:
    """The work folder of a run, which its processes share, and the checkpoints in it.

    Args:
        folder: the run's.
        accelerator: Accelerate's; its main process holds the lock, and writes the files that are not Accelerate's.
    """

    def __init__(self, folder: Path, accelerator: Any) -> None:
        self.folder, self.accelerator = folder, accelerator
        self._lock = FolderLock(folder)
        self._locked = False  # the same in every process, though only the main one has the lock

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep other runs out, until the outermost `locked` ends."""
        if self._locked:
            yield
            return

        def take_lock() -> None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.take()

        in_main_process(self.accelerator, take_lock)
        self._locked = True
        try:
            yield
        finally:
            self._locked = False
            self._lock.release()

    def first(self, load_from: Path | None, *, resume: bool) -> Path | None:
        """Return the checkpoint to load before the first batch; None if the run begins without one."""

        def find() -> Path | None:
            if load_from is not None:
                require_whole(load_from)
                return load_from
            found = self.newest()
            if found is None:
                log.info("resume: there is no checkpoint in %s; the run begins", self.folder)
            return found

        return in_main_process(self.accelerator, find) if resume else load_from

    def save(self, name: str, state: dict[str, Any], gradients: dict[str, torch.Tensor], *, newest: bool) -> None:
        """Write a checkpoint under another name, flush it to the disk, rename it; every process calls this.

        Args:
            gradients: this process's, where an update is not complete.
            newest: whether a resume begins here.
        """
        main, target = self.accelerator.is_main_process, self.folder / name
        part = self.folder / f".{name}.part"

        with self._saving(target):
            if main:
                self.folder.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(part, ignore_errors=True)
        with self._saving(target):
            self.accelerator.save_state(str(part))
            if gradients:
                torch.save(gradients, part / self._gradients_file)
            if main:
                torch.save(state, part / STATE)
        with self._saving(target):
            if main:
                meta = state["meta"]
                digest = write_manifest(part, meta["run"], meta["iter"]).digest
                before, file = place_before(target), self.folder / NEWEST
                if not file.exists():  # a checkpoint that nothing names would be taken for a lost name
                    disk.replace_text(file, LastCheckpoint(None, None).text)
                if target.exists():
                    shutil.rmtree(before, ignore_errors=True)
                    disk.rename_on_disk(target, before)  # a kill from here on: `newest` finds it there
                disk.rename_on_disk(part, target)
                if newest:
                    disk.replace_text(file, LastCheckpoint(name, digest).text)
                shutil.rmtree(before, ignore_errors=True)

    @contextmanager
    def _saving(self, target: Path) -> Iterator[None]:
        """Raise a StateError in every process if one of them cannot write its part."""
        with in_every_process(self.accelerator):
            try:
                yield
            except Exception as error:  # torch, safetensors and the system raise a dozen kinds, and all mean this
                raise StateError(
                    f"{target}: it could not be saved ({error}). Checkpoints that were there still are"
                ) from error

    def newest(self) -> Path | None:
        """Return the checkpoint that a resume begins with, which is whole; None if the run has none yet."""
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
        """Return the gradients that this process had collected; they are empty if an update was complete."""
        file = folder / self._gradients_file
        if not file.exists():
            return {}
        found = read_torch(file)
        if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
            raise StateError(f"{file}: it cannot be read; expected tensors by name")
        return found

    @property
    def _gradients_file(self) -> str:
        return f"gradients_{self.accelerator.process_index}.pt"


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


@contextmanager
def in_every_process(accelerator: Any) -> Iterator[None]:
    """Do something in each process; if it raises a ParamschedError in one of them, all raise the same."""
    mine: list[ParamschedError | None] = [None]
    try:
        yield
    except ParamschedError as error:
        if accelerator.num_processes == 1:
            raise
        mine[0] = error
    if accelerator.num_processes > 1:
        from accelerate.utils import gather_object

        for raised in gather_object(mine):
            if raised is not None:
                raise raised


_OTHER_FORMATS: Final = ("FSDP", "DEEPSPEED", "MEGATRON_LM")
"""Kinds of processes for which Accelerate leaves the files to other libraries, whose readers check them."""


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
        file = random_states_file(accelerator, source)
        states = read_torch(file)
        try:
            random.Random().setstate(states["random_state"])  # noqa: S311  # only to see whether it is one
            np.random.RandomState().set_state(states["numpy_random_seed"])
            torch.Generator().set_state(states["torch_manual_seed"])
        except (TypeError, ValueError, KeyError, RuntimeError, IndexError, OverflowError) as error:
            raise StateError(f"{file}: it has no random states ({type(error).__name__}: {error})") from None


def random_states_file(accelerator: Any, source: Path) -> Path:
    """Return the file with the random states of this process."""
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
    # A weight may be saved by the name of another with the same storage.
    saved = {own[name].untyped_storage().data_ptr() for name in shapes.keys() & own.keys()}
    missing = [own[name] for name in own.keys() - shapes.keys()]
    lost = any(value.numel() and value.untyped_storage().data_ptr() not in saved for value in missing)
    if lost or shapes.keys() - own.keys():
        raise StateError(
            f"{file}: the weights of another model; {_listed(sorted(shapes.keys() - own.keys()))} in it only, "
            f"{_listed(sorted(own.keys() - shapes.keys()))} in the model only"
        )
    other = [name for name, shape in shapes.items() if tuple(shape) != tuple(own[name].shape)]
    if other:
        name = other[0]
        raise StateError(
            f"{file}: {name} has the shape {tuple(shapes[name])}, and the model's has {tuple(own[name].shape)}"
        )


@contextmanager
def _opened_safetensors(file: Path) -> Iterator[Any]:
    """Open a file of safetensors; whatever is wrong with it raises a StateError."""
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        raise StateError(f"{file}: it is missing")
    try:
        with safe_open(file, framework="pt") as opened:
            yield opened
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {error})") from None


def _require_optimizer(file: Path, prepared: Any) -> None:
    """Refuse the state of an optimizer with other groups or entries."""
    optimizer: Optimizer = getattr(prepared, "optimizer", prepared)
    state = read_torch(file)
    groups = state.get("param_groups") if isinstance(state, dict) else None
    if not isinstance(groups, list) or not isinstance(state.get("state"), dict):
        raise StateError(f"{file}: it cannot be read; it is not the state of an optimizer")
    sizes = [len(group["params"]) if isinstance(group, dict) and "params" in group else None for group in groups]
    now = [len(group["params"]) for group in optimizer.param_groups]
    if sizes != now:
        raise StateError(f"{file}: it has groups of {sizes} parameters, and {type(optimizer).__name__} now has {now}")
    for index, (saved, group) in enumerate(zip(groups, optimizer.param_groups, strict=True)):
        # Switches that are missing torch fills in by itself.
        needed = (name for name in optimizer.defaults if not isinstance(group.get(name), bool))
        numeric = (int, float, tuple, torch.Tensor)
        lost = [name for name in needed if isinstance(group.get(name), numeric) and name not in saved]
        if lost:
            raise StateError(f"{file}: group {index} has no {', '.join(lost)}, which {type(optimizer).__name__} needs")


WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def load_weights(model: nn.Module, source: Path) -> None:
    """Load weights into a model; names that do not fit are logged, shapes are refused."""
    weights = read_weights(source)
    own = model.state_dict()
    if own and not weights.keys() & own.keys():
        raise StateError(
            f"load_from={str(source)!r}: none of its {len(weights)} names is the model's; "
            f"it has {_listed(weights)}, the model {_listed(own)}"
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
    """Return the weights of a checkpoint folder, or of a file: `.safetensors`, or torch's."""
    if path.is_dir():
        found = [path / name for name in WEIGHTS if (path / name).exists()]
        if not found and not (path / MANIFEST).exists():
            raise StateError(f"{path}: there is no {' and no '.join(WEIGHTS)} in it")
        path = found[0] if found else path / WEIGHTS[0]
    if (path.parent / MANIFEST).exists():
        damage = damaged_files(path.parent, read_manifest(path.parent), only=path.name)
        if damage:
            raise StateError("\n".join(damage))
    if path.suffix == ".safetensors":
        with _opened_safetensors(path) as opened:
            loaded = {name: opened.get_tensor(name) for name in opened.keys()}
    else:
        loaded = read_torch(path)
    weights = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
        raise StateError(f"{path}: a {type(loaded).__name__}, no weights by name")
    return {name.removeprefix("module."): value for name, value in weights.items()}


def _listed(names: Iterable[str]) -> str:
    return names_listed(names, 3) or "nothing"
