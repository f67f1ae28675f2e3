"""Checkpoints: Accelerate's files, `runner.pt`, and the SHA-256 of each file, renamed when all are complete.

Every file is checked before any is loaded, because Accelerate loads one file after another.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar, final

import torch
from torch import nn

from paramsched.core.base.files import write_whole_file
from paramsched.core.base.printing import names_listed
from paramsched.errors import ParamschedError, StateError

log = logging.getLogger("paramsched.mmengine")

STATE: Final = "runner.pt"
DIGESTS: Final = "sha256.json"
"""The file with the version of a checkpoint and the SHA-256 of each other file."""
NEWEST: Final = "last_checkpoint"
"""The file that names the checkpoint to resume from."""
VERSION: Final = 4
"""The version of checkpoints."""


def read_runner_state(folder: Path) -> dict[str, Any]:
    """Return the contents of `runner.pt` in a checkpoint whose files have not changed.

    Raises:
        StateError: if the folder is not a checkpoint, or one of its files is missing or has changed.
    """
    if not (folder / STATE).is_file():
        raise StateError(f"{folder}: not a checkpoint of a Runner; {STATE} is missing")
    listed = folder / DIGESTS
    try:
        found = json.loads(listed.read_text(encoding="utf-8"))
        version, digests = found["version"], dict(found["files"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StateError(f"{listed}: it cannot be read ({type(error).__name__}: {error})") from None
    if version != VERSION:
        raise StateError(f"{listed}: unsupported version {version!r}")
    for name, digest in digests.items():
        if not (folder / name).is_file():
            raise StateError(f"{folder / name}: it is missing")
        if _digest(folder / name) != digest:
            raise StateError(f"{folder / name}: it has changed since the checkpoint was saved (its SHA-256 differs)")
    state: dict[str, Any] = read_torch(folder / STATE)
    return state


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_torch(file: Path) -> Any:
    """Load a file saved by torch, without running code; raise a StateError if it cannot be read."""
    from accelerate.utils import load  # it allows the NumPy types that random states contain

    try:
        return load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises many types of errors
        first = str(error).partition("\n")[0].partition(". ")[0][:200]
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {first})") from None


def replaced_path(target: Path) -> Path:
    """Return the path to which the checkpoint `target` is renamed while a new one replaces it."""
    return target.with_name(f".{target.name}.before")


@final
class Checkpoints:
    """The work folder of a run, shared by its processes, and the checkpoints in it.

    Args:
        folder: the work folder of the run.
        accelerator: an `Accelerator`; its main process writes the files that Accelerate does not write.
    """

    def __init__(self, folder: Path, accelerator: Any) -> None:
        self.folder, self.accelerator = folder, accelerator

    def create_folder(self) -> None:
        """Create the work folder."""
        in_main_process(self.accelerator, lambda: self.folder.mkdir(parents=True, exist_ok=True))

    def first(self, load_from: Path | None, *, resume: bool) -> Path | None:
        """Return the checkpoint to load before the first batch; None to start without one."""

        def find() -> Path | None:
            found = self.newest() if load_from is None else load_from
            if found is None:
                log.info("resume: no checkpoint in %s; starting a new run", self.folder)
            return found

        return in_main_process(self.accelerator, find) if resume else load_from

    def save(self, name: str, state: dict[str, Any], gradients: dict[str, torch.Tensor], *, newest: bool) -> None:
        """Write a checkpoint under a temporary name and rename it when it is complete; every process calls this.

        Args:
            name: the name of the checkpoint's folder.
            state: the contents of `runner.pt`.
            gradients: the gradients that this process has accumulated for an incomplete update.
            newest: True if a run resumes from this checkpoint.
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
                files = {one.relative_to(part).as_posix(): _digest(one) for one in part.rglob("*") if one.is_file()}
                (part / DIGESTS).write_text(json.dumps({"version": VERSION, "files": files}), encoding="utf-8")
                replaced = replaced_path(target)
                if target.exists():
                    shutil.rmtree(replaced, ignore_errors=True)
                    target.rename(replaced)  # after a kill, `newest` finds the old checkpoint there
                part.rename(target)
                if newest:
                    self._point_to(target)
                shutil.rmtree(replaced, ignore_errors=True)

    @contextmanager
    def _saving(self, target: Path) -> Iterator[None]:
        """Raise a StateError in every process if one process cannot write its files."""
        with in_every_process(self.accelerator):
            try:
                yield
            except Exception as error:  # torch, safetensors and the system raise many types of errors
                raise StateError(
                    f"{target}: it could not be saved ({error}). Earlier checkpoints are unchanged"
                ) from error

    def newest(self) -> Path | None:
        """Return the checkpoint to resume from; None if the run has none yet."""
        file = self.folder / NEWEST
        try:
            target = self.folder / file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StateError(f"{file}: it cannot be read ({error})") from None
        found = next((place for place in (target, replaced_path(target)) if place.is_dir()), None)
        if found is None or target == self.folder:
            raise StateError(
                f"{file}: the checkpoint that it names, {target}, is missing. To resume from another one write "
                "resume=True, load_from=…; to start again omit resume"
            )
        return found

    def begin_at(self, source: Path | None) -> None:
        """Record in the work folder that a run resumes from checkpoint `source`, or starts if it is None."""
        if self.accelerator.is_main_process:
            file = self.folder / NEWEST
            if source is not None:
                self._point_to(source)
            elif file.exists():
                log.warning(
                    "%s: a new run starts here and clears the logs of an earlier one; write resume=True to continue it",
                    file,
                )
                file.unlink()
        self.accelerator.wait_for_everyone()

    def _point_to(self, checkpoint: Path) -> None:
        """Record a checkpoint as the one to resume from: its name, or its path if it is in another folder."""
        place = checkpoint.resolve()
        name = place.name if place.parent == self.folder.resolve() else str(place)
        write_whole_file(self.folder / NEWEST, f"{name}\n".encode())

    def remove(self, name: str) -> None:
        if self.accelerator.is_main_process:
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def gradients(self, folder: Path) -> dict[str, torch.Tensor]:
        """Return a dict from parameter name to the gradient that this process had accumulated when it saved.

        It is empty if no update was in progress.
        """
        file = folder / self._gradients_file
        gradients: dict[str, torch.Tensor] = read_torch(file) if file.exists() else {}
        return gradients

    @property
    def _gradients_file(self) -> str:
        return f"gradients_{self.accelerator.process_index}.pt"


_T = TypeVar("_T")


def in_main_process(accelerator: Any, function: Callable[[], _T]) -> _T:
    """Call `function` in the main process, and return its result or raise its ParamschedError in every process."""
    if accelerator.num_processes == 1:
        return function()
    from accelerate.utils import broadcast_object_list

    shared: list[Any] = [None, None]
    if accelerator.is_main_process:
        try:
            shared[0] = function()
        except ParamschedError as error:
            shared[1] = error
    broadcast_object_list(shared)
    if shared[1] is not None:
        raise shared[1]
    found: _T = shared[0]
    return found


@contextmanager
def in_every_process(accelerator: Any) -> Iterator[None]:
    """Run a block in each process; if one process raises a ParamschedError, all processes raise it."""
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
"""Accelerate's distributed types for which another library divides the weights, and checks them when it loads."""


def shapes_of(accelerator: Any) -> dict[str, Any]:
    """Return what a checkpoint must have in common with the run that loads it, as plain data.

    These are the shapes of the weights, the groups of the optimizers, and the number of other objects.
    """
    divided = accelerator.distributed_type in _OTHER_FORMATS
    return {
        "weights": [
            {name: tuple(value.shape) for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
            for model in ([] if divided else accelerator._models)
        ],
        "optimizers": [
            [(len(group["params"]), sorted(group.keys() - {"params"})) for group in optimizer.param_groups]
            for optimizer in ([] if divided else accelerator._optimizers)
        ],
        "registered objects": len(accelerator._custom_objects),
        "loss scaler": accelerator.scaler is not None,
    }


def require_fit(accelerator: Any, source: Path, saved: dict[str, Any]) -> None:
    """Raise an error if the weights, optimizers or objects of a checkpoint differ from those of the run.

    Args:
        accelerator: the run's Accelerator, which has prepared everything.
        source: the folder of the checkpoint.
        saved: the result of `shapes_of` in the checkpoint.
    """
    now = shapes_of(accelerator)
    for name in ("registered objects", "loss scaler"):
        if saved[name] != now[name]:
            raise StateError(f"{source}: {name}: {saved[name]} in the checkpoint, {now[name]} now")
    for was, own in zip(saved["weights"], now["weights"], strict=False):
        if was.keys() != own.keys():
            raise StateError(
                f"{source}: it contains the weights of another model; "
                f"only in the file: {_listed(sorted(was.keys() - own.keys()))}; "
                f"only in the model: {_listed(sorted(own.keys() - was.keys()))}"
            )
        for name, shape in was.items():
            if shape != own[name]:
                raise StateError(f"{source}: {name} has shape {shape}, but the model's has {own[name]}")
    if len(saved["optimizers"]) != len(now["optimizers"]):
        found = f"{len(saved['optimizers'])} in the checkpoint, {len(now['optimizers'])} now"
        raise StateError(f"{source}: the optimizers differ: {found}")
    for optimizer, was, own in zip(accelerator._optimizers, saved["optimizers"], now["optimizers"], strict=False):
        title = type(getattr(optimizer, "optimizer", optimizer)).__name__
        sizes, present = [size for size, _ in was], [size for size, _ in own]
        if sizes != present:
            raise StateError(f"{source}: its groups have {sizes} parameters, but those of {title} have {present}")
        for index, ((_, names), group) in enumerate(zip(was, optimizer.param_groups, strict=True)):
            needed = {name for name in optimizer.defaults if not isinstance(group.get(name), (bool, type(None)))}
            if lost := sorted(needed - set(names)):
                raise StateError(f"{source}: group {index} has no {', '.join(lost)}, which {title} needs")


WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def load_weights(model: nn.Module, source: Path) -> None:
    """Load weights into a model. Log names that do not match; raise an error for shapes that do not match."""
    weights = read_weights(source)
    own = model.state_dict()
    if own and not weights.keys() & own.keys():
        raise StateError(
            f"load_from={str(source)!r}: none of its {len(weights)} names is in the model; "
            f"it has {_listed(weights)}, the model has {_listed(own)}"
        )
    problems = [
        f"load_from={str(source)!r}: {name} is "
        f"{tuple(value.shape) if isinstance(value, torch.Tensor) else value!r:.40}, but the model's "
        f"{tuple(own[name].shape)}"
        for name, value in weights.items()
        if isinstance(own.get(name), torch.Tensor) and getattr(value, "shape", None) != own[name].shape
    ]
    if problems:
        raise StateError("\n".join(problems))
    missing, unexpected = model.load_state_dict(weights, strict=False)
    for problem, names in (("the file lacks", missing), ("the model lacks", unexpected)):
        if names:
            log.warning("load_from=%s: %s %s", source, problem, ", ".join(names))


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a checkpoint folder, a `.safetensors` file or a file saved by torch."""
    if path.is_dir():
        found = [path / name for name in WEIGHTS if (path / name).exists()]
        if not found:
            raise StateError(f"{path}: it contains neither {' nor '.join(WEIGHTS)}")
        path = found[0]
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        try:
            loaded: Any = load_file(path)
        except Exception as error:  # safetensors and the system raise many types of errors
            raise StateError(f"{path}: it cannot be read ({type(error).__name__}: {error})") from error
    else:
        loaded = read_torch(path)
    weights = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
        raise StateError(f"{path}: expected weights by name, got {type(loaded).__name__}")
    return {name.removeprefix("module."): value for name, value in weights.items()}


def _listed(names: Iterable[str]) -> str:
    return names_listed(names, 3) or "none"
