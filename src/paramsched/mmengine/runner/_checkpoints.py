"""Checkpoints: Accelerate's files and a few of the Runner, renamed when complete, loaded only if all are valid.

Each file is checked before any is loaded, because Accelerate loads one file after another and ignores unreadable random
states.
"""

import logging
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar, final

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from paramsched.core.base.files import write_whole_file
from paramsched.core.base.printing import names_listed
from paramsched.errors import ParamschedError, StateError

log = logging.getLogger("paramsched.mmengine")

STATE: Final = "runner.pt"
NEWEST: Final = "last_checkpoint"
"""The file that names the checkpoint to resume from."""
VERSION: Final = 3
"""The version of `runner.pt`."""


def read_runner_state(folder: Path) -> dict[str, Any]:
    """Return the contents of `runner.pt` in a checkpoint; raise a StateError if it cannot be read."""
    file = folder / STATE
    if not file.is_file():
        raise StateError(f"{folder}: not a checkpoint of a Runner; {STATE} is missing")
    state = read_torch(file)
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise StateError(f"{file}: unsupported version")
    wrong = []
    for path, kind in _ENTRY_TYPES.items():
        part: Any = state
        for name in path.split("."):
            part = part.get(name) if isinstance(part, dict) else None
        if not isinstance(part, kind):
            wrong.append(path)
    if wrong:
        raise StateError(f"{file}: it cannot be read; missing or invalid: {', '.join(wrong)}")
    return state


_ENTRY_TYPES: Final[dict[str, type]] = {
    **dict.fromkeys(("meta", "clock", "run", "param_schedulers", "optimizers", "hooks"), dict),
    **dict.fromkeys(("meta.seed", "meta.iter", "clock.epoch", "clock.batch", "clock.iter", "run.processes"), int),
    "clock.validated": bool,
}
"""The entries of `runner.pt` that a Runner reads, with their types."""


def read_torch(file: Path) -> Any:
    """Load a file saved by torch, without running code; raise a StateError if it cannot be read."""
    from accelerate.utils import load  # it allows the NumPy types that random states contain

    if not file.is_file():
        raise StateError(f"{file}: it is missing")
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
"""Accelerate's distributed types for which another library writes and checks the files of a checkpoint."""


def require_fit(accelerator: Any, source: Path, saved_processes: int) -> None:
    """Raise an error if a checkpoint cannot be read or does not fit the models and optimizers of the run."""
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
            f"{source}: it has {custom} files custom_checkpoint_*.pkl, but {len(accelerator._custom_objects)} objects "
            "are registered with the Accelerator. Register the objects that were registered when it was saved"
        )
    if accelerator.process_index < saved_processes:
        file = random_states_file(accelerator, source)
        states = read_torch(file)
        try:
            random.Random().setstate(states["random_state"])  # noqa: S311  # raises if it is not a state
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
    """Raise an error if the names or shapes of the weights differ from the model's."""
    ending = f"_{index}" if index else ""
    file = source / f"model{ending}.safetensors"
    plain = source / f"pytorch_model{ending}.bin"
    if not file.exists() and plain.exists():
        loaded = read_torch(plain)
        shapes = {name: value.shape for name, value in loaded.items()} if isinstance(loaded, dict) else {}
        file = plain
    else:
        with _opened_safetensors(file) as opened:  # reads only names and shapes
            shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}
    own = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    # A weight may be saved under the name of another weight that shares its storage.
    saved = {own[name].untyped_storage().data_ptr() for name in shapes.keys() & own.keys()}
    missing = [own[name] for name in own.keys() - shapes.keys()]
    lost = any(value.numel() and value.untyped_storage().data_ptr() not in saved for value in missing)
    if lost or shapes.keys() - own.keys():
        raise StateError(
            f"{file}: it contains the weights of another model; "
            f"only in the file: {_listed(sorted(shapes.keys() - own.keys()))}; "
            f"only in the model: {_listed(sorted(own.keys() - shapes.keys()))}"
        )
    other = [name for name, shape in shapes.items() if tuple(shape) != tuple(own[name].shape)]
    if other:
        name = other[0]
        raise StateError(
            f"{file}: {name} has shape {tuple(shapes[name])}, but the model's has {tuple(own[name].shape)}"
        )


@contextmanager
def _opened_safetensors(file: Path) -> Iterator[Any]:
    """Open a safetensors file; raise a StateError if it cannot be read."""
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        raise StateError(f"{file}: it is missing")
    try:
        with safe_open(file, framework="pt") as opened:
            yield opened
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise StateError(f"{file}: it cannot be read ({type(error).__name__}: {error})") from None


def _require_optimizer(file: Path, prepared: Any) -> None:
    """Raise an error if the state in `file` has other groups or group entries than the optimizer."""
    optimizer: Optimizer = getattr(prepared, "optimizer", prepared)
    state = read_torch(file)
    groups = state.get("param_groups") if isinstance(state, dict) else None
    if not isinstance(groups, list) or not isinstance(state.get("state"), dict):
        raise StateError(f"{file}: it cannot be read; expected the state of an optimizer")
    sizes = [len(group["params"]) if isinstance(group, dict) and "params" in group else None for group in groups]
    now = [len(group["params"]) for group in optimizer.param_groups]
    if sizes != now:
        name = type(optimizer).__name__
        raise StateError(f"{file}: its groups have {sizes} parameters, but those of {name} have {now}")
    for index, (saved, group) in enumerate(zip(groups, optimizer.param_groups, strict=True)):
        # torch fills in missing flags itself.
        needed = (name for name in optimizer.defaults if not isinstance(group.get(name), bool))
        numeric = (int, float, tuple, torch.Tensor)
        lost = [name for name in needed if isinstance(group.get(name), numeric) and name not in saved]
        if lost:
            raise StateError(f"{file}: group {index} has no {', '.join(lost)}, which {type(optimizer).__name__} needs")


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
        with _opened_safetensors(path) as opened:
            loaded = {name: opened.get_tensor(name) for name in opened.keys()}
    else:
        loaded = read_torch(path)
    weights = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
        raise StateError(f"{path}: expected weights by name, got {type(loaded).__name__}")
    return {name.removeprefix("module."): value for name, value in weights.items()}


def _listed(names: Iterable[str]) -> str:
    return names_listed(names, 3) or "none"
