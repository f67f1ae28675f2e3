"""Checkpoints of a Runner, and the resume from one."""

import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, final

import torch
from torch import nn

from paramsched.base import names_listed
from paramsched.core.run import Scheduler
from paramsched.errors import ParamschedError, StateError
from paramsched.files import write_whole_file
from paramsched.mmengine.schedulers import compare_states, restore
from paramsched_runner.runner._param_schedulers import RunnerFacts, Schedulers
from paramsched_runner.runner.context import Position, RunContext
from paramsched_runner.runner.optim_wrapper import AcceleratedWrapper

# Every file is checked before any is loaded, because Accelerate loads one file after another.

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
        sums = json.loads(listed.read_text(encoding="utf-8"))
        version = sums["version"]
        digests = dict(sums["files"])
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
        first = str(error).partition("\n")[0].partition(". ")[0][:200]  # a damaged file may name anything
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
        self.folder = folder
        self.accelerator = accelerator

    def create_folder(self) -> None:
        """Create the work folder."""
        in_main_process(self.accelerator, lambda: self.folder.mkdir(parents=True, exist_ok=True))

    def first(self, load_from: Path | None, *, resume: bool) -> Path | None:
        """Return the checkpoint to load before the first batch; None to start without one."""

        def find() -> Path | None:
            path = self.newest() if load_from is None else load_from
            if path is None:
                log.info("resume: no checkpoint in %s; starting a new run", self.folder)
            return path

        return in_main_process(self.accelerator, find) if resume else load_from

    def save(self, name: str, state: dict[str, Any], gradients: dict[str, torch.Tensor], *, newest: bool) -> None:
        """Write a checkpoint under a temporary name and rename it when it is complete; every process calls this.

        Args:
            name: the name of the checkpoint's folder.
            state: the contents of `runner.pt`.
            gradients: the gradients that this process has accumulated for an incomplete update.
            newest: True if a run resumes from this checkpoint.
        """
        main = self.accelerator.is_main_process
        target = self.folder / name
        path = self.folder / f".{name}.part"

        with self._saving(target):
            if main:
                self.folder.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(path, ignore_errors=True)
        with self._saving(target):
            self.accelerator.save_state(str(path))
            if gradients:
                torch.save(gradients, path / self._gradients_file)
            if main:
                torch.save(state, path / STATE)
        with self._saving(target):
            if main:
                files = {file.relative_to(path).as_posix(): _digest(file) for file in path.rglob("*") if file.is_file()}
                (path / DIGESTS).write_text(json.dumps({"version": VERSION, "files": files}), encoding="utf-8")
                replaced = replaced_path(target)
                if target.exists():
                    shutil.rmtree(replaced, ignore_errors=True)
                    target.rename(replaced)  # after a kill, `newest` finds the old checkpoint there
                path.rename(target)
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
        path = next((folder for folder in (target, replaced_path(target)) if folder.is_dir()), None)
        if path is None or target == self.folder:
            raise StateError(
                f"{file}: the checkpoint that it names, {target}, is missing. To resume from another one write "
                "resume=True, load_from=…; to start again omit resume"
            )
        return path

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
        folder = checkpoint.resolve()
        name = folder.name if folder.parent == self.folder.resolve() else str(folder)
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

    shared_results: list[Any] = [None, None]
    if accelerator.is_main_process:
        try:
            shared_results[0] = function()
        except ParamschedError as error:
            shared_results[1] = error
    broadcast_object_list(shared_results)
    if shared_results[1] is not None:
        raise shared_results[1]
    result: _T = shared_results[0]
    return result


@contextmanager
def in_every_process(accelerator: Any) -> Iterator[None]:
    """Run a block in each process; if one process raises a ParamschedError, all processes raise it."""
    paramsched_errors: list[ParamschedError | None] = [None]
    try:
        yield
    except ParamschedError as error:
        if accelerator.num_processes == 1:
            raise
        paramsched_errors[0] = error
    if accelerator.num_processes > 1:
        from accelerate.utils import gather_object

        for raised in gather_object(paramsched_errors):
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
    for saved_shapes, shapes in zip(saved["weights"], now["weights"], strict=False):
        if saved_shapes.keys() != shapes.keys():
            raise StateError(
                f"{source}: it contains the weights of another model; "
                f"only in the file: {_listed(sorted(saved_shapes.keys() - shapes.keys()))}; "
                f"only in the model: {_listed(sorted(shapes.keys() - saved_shapes.keys()))}"
            )
        for name, shape in saved_shapes.items():
            if shape != shapes[name]:
                raise StateError(f"{source}: {name} has shape {shape}, but the model's has {shapes[name]}")
    if len(saved["optimizers"]) != len(now["optimizers"]):
        message = f"{len(saved['optimizers'])} in the checkpoint, {len(now['optimizers'])} now"
        raise StateError(f"{source}: the optimizers differ: {message}")
    optimizers = zip(accelerator._optimizers, saved["optimizers"], now["optimizers"], strict=False)
    for optimizer, saved_groups, groups in optimizers:
        title = type(getattr(optimizer, "optimizer", optimizer)).__name__
        sizes = [size for size, _ in saved_groups]
        present = [size for size, _ in groups]
        if sizes != present:
            raise StateError(f"{source}: its groups have {sizes} parameters, but those of {title} have {present}")
        for index, ((_, names), group) in enumerate(zip(saved_groups, optimizer.param_groups, strict=True)):
            needed = {name for name in optimizer.defaults if not isinstance(group.get(name), (bool, type(None)))}
            lost = sorted(needed - set(names))
            if lost:
                raise StateError(f"{source}: group {index} has no {', '.join(lost)}, which {title} needs")


WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def load_weights(model: nn.Module, source: Path) -> None:
    """Load weights into a model. Log names that do not match; raise an error for shapes that do not match."""
    weights = read_weights(source)
    current = model.state_dict()
    if current and not weights.keys() & current.keys():
        raise StateError(
            f"load_from={str(source)!r}: none of its {len(weights)} names is in the model; "
            f"it has {_listed(weights)}, the model has {_listed(current)}"
        )
    problems = [
        f"load_from={str(source)!r}: {name} is "
        f"{tuple(value.shape) if isinstance(value, torch.Tensor) else value!r:.40}, but the model's "
        f"{tuple(current[name].shape)}"
        for name, value in weights.items()
        if isinstance(current.get(name), torch.Tensor) and getattr(value, "shape", None) != current[name].shape
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
        paths = [path / name for name in WEIGHTS if (path / name).exists()]
        if not paths:
            raise StateError(f"{path}: it contains neither {' nor '.join(WEIGHTS)}")
        path = paths[0]
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


@final
@dataclass(frozen=True, slots=True)
class SavedParts:
    """The parts of a run whose states are in a checkpoint.

    Args:
        config, on_change: the arguments `param_scheduler` and `on_change` of the Runner.
    """

    model: nn.Module
    accelerator: Any
    steppers: Mapping[str, AcceleratedWrapper]
    schedulers: Schedulers
    hooks: Sequence[Any]
    facts: RunnerFacts
    config: Any
    on_change: Any


def state_of(parts: SavedParts, position: Position, seed: int) -> dict[str, Any]:
    """Return the contents of `runner.pt` for a checkpoint, as plain data."""
    optimizers: dict[str, dict[str, Any]] = {}
    for name, stepper in parts.steppers.items():
        pseudo = stepper.inner.base_param_settings
        plain = None if pseudo is None else {key: value for key, value in pseudo.items() if key != "params"}
        optimizers[name] = {"updates": stepper.updates, "base_param_settings": plain}
        amounts = {} if stepper.amounts is None else stepper.amounts.saved_state()
        if amounts:
            optimizers[name]["amounts"] = amounts
    return {
        "meta": {"epoch": position.epoch, "iter": position.iter, "seed": seed},
        "clock": asdict(position),
        "processes": parts.accelerator.num_processes,
        "shapes": shapes_of(parts.accelerator),
        "param_schedulers": {
            name: {"plan": its_schedulers[0].state_dict()}
            if _has_plan(its_schedulers)
            else [element.state_dict() for element in its_schedulers]
            for name, its_schedulers in parts.schedulers.items()
        },
        "optimizers": optimizers,
        "hooks": {key: hook.state_dict() for key, hook in _hooks_by_key(parts.hooks) if hasattr(hook, "state_dict")},
    }


def gradients_of(model: nn.Module, steppers: Mapping[str, AcceleratedWrapper]) -> dict[str, torch.Tensor]:
    """Return a dict from parameter name to the gradient accumulated so far; empty if no update is in progress."""
    if not any(stepper.in_cycle for stepper in steppers.values()):
        return {}
    return {name: p.grad.detach().cpu() for name, p in model.named_parameters() if p.grad is not None}


def _hooks_by_key(hooks: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield a pair (key, hook) for each hook; the key is its class and its index among the hooks of that class."""
    counts = Counter[str]()
    for hook in hooks:
        name = type(hook).__name__
        counts[name] += 1
        yield f"{name}.{counts[name]}", hook


def _require_same_schedulers(schedulers: Schedulers, saved: Mapping[str, Any], config: Any, on_change: Any) -> None:
    """Raise an error if the schedulers of a checkpoint differ from the run's and `on_change` does not allow it."""
    if set(saved) != set(schedulers):
        was = _optimizer_names(saved)
        now = _optimizer_names(schedulers)
        raise StateError(f"the checkpoint has the optimizers {was}, but the run has {now}")
    for name, schedulers_of_optimizer in schedulers.items():
        was_plan = isinstance(saved[name], Mapping)
        if was_plan != _has_plan(schedulers_of_optimizer):
            kinds = ("a Plan", "MMEngine's schedulers")
            raise StateError(
                f"param_scheduler: the checkpoint has {kinds[not was_plan]}, but the run has {kinds[was_plan]}. "
                "Pass what was saved, or load only the weights: load_from=…, resume=False"
            )
        if was_plan:
            continue
        states = _states_of_this_length(schedulers_of_optimizer, saved[name], config, name)
        where = f"{name}: " if name else ""
        compare_states("param_scheduler", schedulers_of_optimizer, states, where, error=on_change == "error")


def _states_of_this_length(schedulers: Sequence[Any], saved: Any, config: Any, name: str) -> list[Any]:
    """Return the saved states, with the present run's `end` for each scheduler whose dict omits `end`."""
    of_optimizer = config[name] if name and isinstance(config, Mapping) and name in config else config
    entries = of_optimizer if isinstance(of_optimizer, (list, tuple)) else [of_optimizer]
    states = list(saved)
    for index, (scheduler, state, element) in enumerate(zip(schedulers, saved, entries, strict=False)):
        if isinstance(element, Mapping) and "end" not in element:
            lengths = ("end", "T_max", "total_steps", "total_iters", "_schedule_phases")
            computed = {
                key: getattr(scheduler, key, state[key]) for key in lengths if key in state and key not in element
            }
            states[index] = {**state, **computed}
    return states


def _has_plan(schedulers: Sequence[Any]) -> bool:
    return len(schedulers) == 1 and isinstance(schedulers[0], Scheduler)


def _optimizer_names(names: Any) -> str:
    return ", ".join(repr(name) for name in names if name) or "one optimizer"


def load_state(
    parts: SavedParts, source: Path, state: Mapping[str, Any], gradients: Mapping[str, torch.Tensor]
) -> None:
    """Load a checkpoint that was checked into the parts of a run; `state` is the content of `runner.pt`."""
    saved = state["param_schedulers"]
    config = parts.config
    policy = parts.on_change
    _require_same_schedulers(parts.schedulers, saved, config, policy)
    with in_every_process(parts.accelerator):
        _load_accelerate_state(parts.accelerator, source, state["processes"])
    for name, stepper in parts.steppers.items():
        kept = state["optimizers"][name]
        stepper.updates = kept["updates"]
        if stepper.amounts is not None:
            stepper.amounts.load_state(kept.get("amounts", {}))
        if stepper.inner.base_param_settings is not None:
            stepper.inner.base_param_settings.update(kept["base_param_settings"] or {})
    loaded: set[int] = set()  # a plan for several optimizers has one Scheduler
    for name, its_schedulers in parts.schedulers.items():
        if _has_plan(its_schedulers):
            if id(its_schedulers[0]) not in loaded:
                loaded.add(id(its_schedulers[0]))
                its_schedulers[0].load_state_dict(saved[name]["plan"])
        else:
            # With any `on_change`, an end that the config omits is the end of the present run.
            keeps = policy == "checkpoint"
            states = _states_of_this_length(its_schedulers, saved[name], config, name) if keeps else saved[name]
            epoch_length = parts.facts.epoch_length
            restore(its_schedulers, states, on_change="checkpoint" if keeps else "new", epoch_length=epoch_length)
    for name, parameter in parts.model.named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter.device, parameter.dtype)
    for key, hook in _hooks_by_key(parts.hooks):
        if key in state["hooks"] and hasattr(hook, "load_state_dict"):
            hook.load_state_dict(state["hooks"][key])


def require_fit_for(accelerator: Any, source: Path) -> dict[str, Any]:
    """Return the contents of `runner.pt`; raise an error if Accelerate cannot load the checkpoint into the run."""
    state = read_runner_state(source)
    was = state["processes"]
    now = accelerator.num_processes
    if (was == 1) != (now == 1):  # Accelerate then uses other names for the weights
        raise StateError(
            f"{source}: the number of processes was {was} when it was saved, and is {now} now. "
            f"Start {was}, or load only the weights: load_from={str(source)!r}, resume=False"
        )
    require_fit(accelerator, source, state["shapes"])
    return state


def require_resumable_hooks(hooks: Sequence[Any], states: Mapping[str, Any], runner: RunContext) -> None:
    """Raise an error if a hook cannot continue from its state in a checkpoint."""
    for key, hook in _hooks_by_key(hooks):
        if key in states and hasattr(hook, "require_resumable"):
            hook.require_resumable(runner, states[key])


def _load_accelerate_state(accelerator: Any, source: Path, saved_processes: int) -> None:
    """Load Accelerate's files, and check the random states, because Accelerate ignores errors in them."""
    try:
        accelerator.load_state(str(source))
    except Exception as error:  # torch, safetensors and the system raise many types of errors
        raise StateError(f"{source}: Accelerate could not load it ({type(error).__name__}: {error})") from error
    if accelerator.process_index >= saved_processes:
        log.warning("resume: process %d is new; its random numbers start again", accelerator.process_index)
        return
    file = source / f"random_states_{accelerator.process_index}.pkl"
    if not torch.equal(torch.get_rng_state(), read_torch(file)["torch_manual_seed"]):
        raise StateError(f"{file}: Accelerate could not load the random states in it")
