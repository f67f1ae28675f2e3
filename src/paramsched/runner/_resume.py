"""How a run goes on from a checkpoint; and its work folder."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import torch

from paramsched.errors import StateError
from paramsched.run_files.folder_lock import FolderLock
from paramsched.runner._checkpoint_fit import random_states_file, read_runner_state, read_torch, require_fit
from paramsched.runner._checkpoints import Checkpoints, in_every_process, in_main_process, require_whole
from paramsched.runner._saved_parts import (
    facts_of_run,
    facts_to_compare,
    load_hook_states,
    require_hook_states,
    require_resumable_schedulers,
    resume_schedulers,
)
from paramsched.runner.optim_wrapper import AcceleratedWrapper
from paramsched.runner.view import Position, RunnerParts

log = logging.getLogger("paramsched.runner")


@final
class RunFolder:
    """A work folder, which the processes of one run share.

    Args:
        checkpoints: those in the folder.
        accelerator: Accelerate's; its main process holds the lock for all.
    """

    def __init__(self, checkpoints: Checkpoints, accelerator: Any) -> None:
        self.path, self._checkpoints, self._accelerator = checkpoints.folder, checkpoints, accelerator
        self._lock = FolderLock(self.path)
        self._locked = False  # the same in every process, though only the main one has the lock

    @property
    def is_there(self) -> bool:
        return in_main_process(self._accelerator, self.path.is_dir)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep other runs out, until the outermost `locked` ends."""
        if self._locked:
            yield
            return
        in_main_process(self._accelerator, self._take_lock)
        self._locked = True
        try:
            yield
        finally:
            self._locked = False
            self._lock.release()

    def first_checkpoint(self, load_from: Path | None, *, resume: bool) -> Path | None:
        """What a run loads before its first batch; None: it begins as it is."""
        if not resume:
            return load_from
        return in_main_process(self._accelerator, lambda: self._to_go_on_from(load_from))

    def _to_go_on_from(self, load_from: Path | None) -> Path | None:
        if load_from is not None:
            require_whole(load_from)
            return load_from
        found = self._checkpoints.newest()
        if found is None:
            log.info("resume: there is no checkpoint in %s; the run begins", self.path)
        return found

    def _take_lock(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock.take()


def resume_run(runner: RunnerParts, source: Path) -> None:
    """Go on from a whole checkpoint that fits: everything is built, nothing has run."""
    state = read_runner_state(source)
    given, saved = runner.given, state["param_schedulers"]
    config, policy = given["param_scheduler"], given["on_change"]
    require_resumable_schedulers(runner.schedulers, saved, config, policy)
    for line in _lines_of_differences(state["run"], facts_to_compare(runner)):
        log.warning("resume: %s", line)
    bases = {name: _bases_of_groups(stepper) for name, stepper in runner.steppers.items()}
    in_every_process(runner.accelerator, lambda: _load_accelerate_state(runner, source, state["run"]["processes"]))
    for name, stepper in runner.steppers.items():
        _load_wrapper_state(stepper, state["optimizers"].get(name, {}))
        for line in _lines_of_differences(_bases_of_groups(stepper), bases[name], only_common=True):
            log.warning("resume: base of %s; the checkpoint's goes on", line)
    resume_schedulers(runner.schedulers, saved, config, policy, facts_of_run(runner))
    gradients = runner.checkpoints.gradients(source)
    for name, parameter in runner.model.named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter.device, parameter.dtype)
    load_hook_states(runner.hooks, state["hooks"])
    _take_seed(runner, state["meta"]["seed"])
    runner.run_name = state["meta"].get("run", runner.run_name)
    runner.training.resume(Position(**state["clock"]))
    runner.call_hook("after_load_checkpoint", checkpoint=state)
    log.info("resumed from %s: epoch %d, iteration %d", source, runner.epoch, runner.iter)


def require_fit_for(runner: RunnerParts, source: Path) -> None:
    """Refuse a checkpoint that the run does not go on from; nothing is loaded."""

    def require_all_fit() -> None:
        state = read_runner_state(source)
        was, now = state["run"]["processes"], runner.accelerator.num_processes
        if (was == 1) != (now == 1):  # Accelerate names the weights differently then
            raise StateError(
                f"{source}: saved by {was} processes, and now there are {now}. "
                f"Start as many, or take the weights only: load_from={str(source)!r}, resume=False"
            )
        require_fit(runner.accelerator, source, was)
        runner.checkpoints.gradients(source)
        require_hook_states(runner, state["hooks"], source)

    in_every_process(runner.accelerator, require_all_fit)


def _load_accelerate_state(runner: RunnerParts, source: Path, saved_processes: int) -> None:
    """Let Accelerate load its files; it passes over random states that it cannot take."""
    accelerator = runner.accelerator
    try:
        accelerator.load_state(str(source))
    except Exception as error:  # Accelerate raises what torch, safetensors and the system do
        raise StateError(f"{source}: Accelerate could not load it ({type(error).__name__}: {error})") from error
    if accelerator.process_index >= saved_processes:
        log.warning("resume: process %d was not there before; its random numbers begin anew", accelerator.process_index)
        return
    file = random_states_file(accelerator, source)
    if not torch.equal(torch.get_rng_state(), read_torch(file)["torch_manual_seed"]):
        raise StateError(f"{file}: Accelerate could not take the random states in it")


def _take_seed(runner: RunnerParts, seed: int) -> None:
    """The order of the data is that of the run that goes on."""
    asked = (runner.given["randomness"] or {}).get("seed")
    if asked is not None and asked != seed:
        log.warning("resume: seed %d in the checkpoint, which goes on, %d now", seed, asked)
    runner.seed = seed
    runner.training.seed(seed)


def _load_wrapper_state(stepper: AcceleratedWrapper, state: Mapping[str, Any]) -> None:
    stepper.updates = state.get("updates", 0)
    if stepper.amounts is not None:
        stepper.amounts.load_state(state.get("amounts", {}))
    if stepper.inner.base_param_settings is not None and state.get("base_param_settings") is not None:
        stepper.inner.base_param_settings.update(state["base_param_settings"])


def _bases_of_groups(stepper: AcceleratedWrapper) -> dict[str, Any]:
    """The values that schedules multiply, by field and group."""
    return {
        f"{key.removeprefix('initial_')} in group {index}": float(value)
        for index, group in enumerate(stepper.optimizer.param_groups)
        for key, value in group.items()
        if isinstance(key, str) and key.startswith("initial_") and isinstance(value, (int, float))
    }


def _lines_of_differences(saved: Mapping[str, Any], now: Mapping[str, Any], *, only_common: bool = False) -> list[str]:
    """A line for each entry that differs."""
    keys = saved.keys() & now.keys() if only_common else saved.keys() | now.keys()
    return [
        f"{key}: {saved.get(key)!r} in the checkpoint, {now.get(key)!r} now"
        for key in sorted(keys)
        if saved.get(key) != now.get(key)
    ]
