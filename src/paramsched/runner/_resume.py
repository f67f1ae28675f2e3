"""What a checkpoint holds of a Runner, and how one goes on from it; whatever differs is said."""

import logging
from collections.abc import Iterable, Mapping
from copy import copy
from pathlib import Path
from typing import Any

import torch

from paramsched.errors import StateError
from paramsched.runner import _schedulers
from paramsched.runner._checkpoints import STATE, VERSION, read_state, read_torch
from paramsched.runner._fit import misfits, random_states_file, require_fit
from paramsched.runner._together import every_process
from paramsched.runner._weights import read_weights
from paramsched.runner.hooks import CheckpointHook, EarlyStoppingHook, LoggerHook
from paramsched.runner.loops import Clock
from paramsched.runner.optim_wrapper import Stepper

log = logging.getLogger("paramsched.runner")


def state_of(runner: Any) -> dict[str, Any]:
    """Our part of a checkpoint: plain data."""
    clock: Clock = runner.train_loop.clock
    return {
        "version": VERSION,
        "meta": {"epoch": clock.epoch, "iter": clock.iter, "seed": runner.seed, "run": runner.run_name},
        "clock": {"epoch": clock.epoch, "batch": clock.batch, "iter": clock.iter, "validated": clock.validated},
        "run": _run(runner),
        "param_schedulers": _schedulers.states(runner.schedulers),
        "optimizers": {name: _stepper_state(stepper) for name, stepper in runner.steppers.items()},
        "hooks": {key: hook.state_dict() for key, hook in _named(runner.hooks) if hasattr(hook, "state_dict")},
    }


def gradients_of(runner: Any) -> dict[str, torch.Tensor]:
    """What was collected for an update that is not complete."""
    if not any(stepper.in_cycle for stepper in runner.steppers.values()):
        return {}
    return {name: p.grad.detach().cpu() for name, p in runner.model.named_parameters() if p.grad is not None}


def load_weights(runner: Any, source: Path) -> None:
    """Take the weights of a checkpoint or of a file; names that do not fit are logged.

    Raises:
        StateError: the file is damaged, none of its names is the model's, or a shape differs.
    """
    weights = read_weights(source)
    own = runner.model.state_dict()
    if own and not weights.keys() & own.keys():
        raise StateError(
            f"load_from={str(source)!r}: none of its {len(weights)} names is the model's; "
            f"it has {_some(weights)}, the model {_some(own)}"
        )
    problems = misfits(weights, runner.model)
    if problems:
        raise StateError("\n".join(f"load_from={str(source)!r}: {line}" for line in problems))
    missing, unexpected = runner.model.load_state_dict(weights, strict=False)
    for what, names in (("lacks", missing), ("has besides", unexpected)):
        if names:
            log.warning("load_from=%s: it %s %s", source, what, ", ".join(names))


def resume(runner: Any, source: Path) -> None:
    """Go on from a whole checkpoint that fits: everything is built, nothing has run.

    Raises:
        StateError: one of other schedulers.
        PlanChanged: schedules differ and `on_change` is "error".
    """
    state = read_state(source)
    given, saved = runner.given, state["param_schedulers"]
    config, policy = given["param_scheduler"], given["on_change"]
    _schedulers.require_resumable(runner.schedulers, saved, config, policy)
    for line in _changed(state["run"], _run(runner)):
        log.warning("resume: %s", line)
    bases = {name: _bases(stepper) for name, stepper in runner.steppers.items()}
    every_process(runner.accelerator, lambda: _load(runner, source, state["run"]["processes"]))
    for name, stepper in runner.steppers.items():
        _take_stepper_state(stepper, state["optimizers"].get(name, {}))
        for line in _changed(_bases(stepper), bases[name], only_common=True):
            log.warning("resume: base of %s; the checkpoint's goes on", line)
    _schedulers.resume(runner.schedulers, saved, config, policy, runner.facts)
    _take_gradients(runner, source)
    for key, hook in _named(runner.hooks):
        if key in state["hooks"] and hasattr(hook, "load_state_dict"):
            hook.load_state_dict(state["hooks"][key])
    _take_seed(runner, state["meta"]["seed"])
    runner.run_name = state["meta"].get("run", runner.run_name)
    runner.train_loop.resume(Clock(**state["clock"]))
    runner.call_hook("after_load_checkpoint", checkpoint=state)
    log.info("resumed from %s: epoch %d, iteration %d", source, runner.epoch, runner.iter)


def require_fit_for(runner: Any, source: Path) -> None:
    """Refuse a checkpoint that the model, the optimizers or the logs of a run do not go on from.

    Schedulers are not built yet, and nothing is loaded.

    Raises:
        StateError: what does not fit, by its file.
    """

    def look() -> None:
        state = read_state(source)
        was, now = state["run"]["processes"], runner.accelerator.num_processes
        if (was == 1) != (now == 1):  # Accelerate names the weights differently then
            raise StateError(
                f"{source}: saved by {was} processes, and now there are {now}. "
                f"Start as many, or take the weights only: load_from={str(source)!r}, resume=False"
            )
        require_fit(runner.accelerator, source, was)
        runner.checkpoints.gradients(source)
        for key, hook in _named(runner.hooks):
            if key in state["hooks"]:
                _require_state_of(key, hook, state["hooks"][key], source)
                if hasattr(hook, "require_resumable"):
                    hook.require_resumable(runner, state["hooks"][key])

    every_process(runner.accelerator, look)


def _require_state_of(key: str, hook: Any, state: Any, source: Path) -> None:
    """Let a copy of one of our hooks take its state; checkpoints of the first version have no checksum."""
    if isinstance(hook, (CheckpointHook, EarlyStoppingHook, LoggerHook)) and not isinstance(state, dict):
        raise StateError(f"{source / STATE}: it cannot be read; nothing usable at hooks.{key}")
    if isinstance(hook, (CheckpointHook, EarlyStoppingHook)):
        try:
            copy(hook).load_state_dict(state)
        except (KeyError, TypeError, ValueError) as error:
            found = f"{type(error).__name__}: {error}"
            raise StateError(f"{source / STATE}: it cannot be read; nothing usable at hooks.{key} ({found})") from None


def _load(runner: Any, source: Path, saved_processes: int) -> None:
    """Let Accelerate load its files, and see that it took the random states too: it passes over what it cannot take."""
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


def _run(runner: Any) -> dict[str, Any]:
    """What of the run a changed config may change."""
    facts: _schedulers.Facts = runner.facts
    return {
        "max_epochs": facts.max_epochs,
        "max_iters": facts.max_iters,
        "epoch_length": facts.epoch_length,
        "batch_size": facts.batch_size,
        "accumulative_counts": dict(facts.accumulation),
        "processes": runner.accelerator.num_processes,
    }


def _take_gradients(runner: Any, source: Path) -> None:
    gradients = runner.checkpoints.gradients(source)
    for name, parameter in runner.model.named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter.device, parameter.dtype)


def _take_seed(runner: Any, seed: int) -> None:
    """The order of the data is that of the run that goes on."""
    asked = (runner.given["randomness"] or {}).get("seed")
    if asked is not None and asked != seed:
        log.warning("resume: seed %d in the checkpoint, which goes on, %d now", seed, asked)
    runner.seed = seed
    runner.train_loop.seed(seed)


def _named(hooks: list[Any]) -> list[tuple[str, Any]]:
    """Hooks by their class and how many there are of it."""
    counts: dict[str, int] = {}
    named = []
    for hook in hooks:
        kind = type(hook).__name__
        counts[kind] = counts.get(kind, 0) + 1
        named.append((f"{kind}.{counts[kind]}", hook))
    return named


def _stepper_state(stepper: Stepper) -> dict[str, Any]:
    pseudo = stepper.inner.base_param_settings
    plain = None if pseudo is None else {key: value for key, value in pseudo.items() if key != "params"}
    return {"updates": stepper.updates, "base_param_settings": plain}


def _take_stepper_state(stepper: Stepper, state: Mapping[str, Any]) -> None:
    stepper.updates = state.get("updates", 0)
    if stepper.inner.base_param_settings is not None and state.get("base_param_settings") is not None:
        stepper.inner.base_param_settings.update(state["base_param_settings"])


def _bases(stepper: Stepper) -> dict[str, Any]:
    """The values that schedules multiply, by field and group."""
    return {
        f"{key.removeprefix('initial_')} in group {index}": float(value)
        for index, group in enumerate(stepper.optimizer.param_groups)
        for key, value in group.items()
        if isinstance(key, str) and key.startswith("initial_") and isinstance(value, (int, float))
    }


def _changed(saved: Mapping[str, Any], now: Mapping[str, Any], *, only_common: bool = False) -> list[str]:
    """A line for each entry that differs."""
    keys = saved.keys() & now.keys() if only_common else saved.keys() | now.keys()
    return [
        f"{key}: {saved.get(key)!r} in the checkpoint, {now.get(key)!r} now"
        for key in sorted(keys)
        if saved.get(key) != now.get(key)
    ]


def _some(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
