"""Save and load what Accelerate does not store in a checkpoint, and resume a run from it."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import nn

from paramsched.core.run import Scheduler
from paramsched.errors import InvalidArgument, StateError
from paramsched.mmengine.runner._checkpoints import (
    in_every_process,
    read_runner_state,
    read_torch,
    require_fit,
    shapes_of,
)
from paramsched.mmengine.runner._param_schedulers import RunnerFacts, Schedulers
from paramsched.mmengine.runner.context import Position, RunContext
from paramsched.mmengine.runner.optim_wrapper import AcceleratedWrapper
from paramsched.mmengine.schedulers import restore
from paramsched.mmengine.schedulers.restore import compare_states

log = logging.getLogger("paramsched.mmengine")


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
            name: {"plan": many[0].state_dict()} if _is_plan(many) else [one.state_dict() for one in many]
            for name, many in parts.schedulers.items()
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
        kind = type(hook).__name__
        counts[kind] += 1
        yield f"{kind}.{counts[kind]}", hook


def _require_same_schedulers(schedulers: Schedulers, saved: Mapping[str, Any], config: Any, on_change: Any) -> None:
    """Raise an error if the schedulers of a checkpoint differ from the run's and `on_change` does not allow it."""
    if set(saved) != set(schedulers):
        was, now = _optimizer_names(saved), _optimizer_names(schedulers)
        raise StateError(f"the checkpoint has the optimizers {was}, but the run has {now}")
    for name, many in schedulers.items():
        was_plan = isinstance(saved[name], Mapping)
        if was_plan != _is_plan(many):
            kinds = ("a Plan", "MMEngine's schedulers")
            raise StateError(
                f"param_scheduler: the checkpoint has {kinds[not was_plan]}, but the run has {kinds[was_plan]}. "
                "Pass what was saved, or load only the weights: load_from=…, resume=False"
            )
        if was_plan:
            continue
        if not isinstance(on_change, str):
            raise InvalidArgument(f"on_change={on_change!r}", "choices by field require a Plan", 'Use on_change="new"')
        states = _states_of_this_length(many, saved[name], config, name)
        where = f"{name}: " if name else ""
        compare_states("param_scheduler", many, states, where, error=on_change == "error")


def _states_of_this_length(many: Sequence[Any], saved: Any, config: Any, name: str) -> list[Any]:
    """Return the saved states, with the present run's `end` for each scheduler whose dict omits `end`."""
    of_optimizer = config[name] if name and isinstance(config, Mapping) and name in config else config
    entries = of_optimizer if isinstance(of_optimizer, (list, tuple)) else [of_optimizer]
    states = list(saved)
    for index, (scheduler, state, entry) in enumerate(zip(many, saved, entries, strict=False)):
        if isinstance(entry, Mapping) and "end" not in entry:
            lengths = ("end", "T_max", "total_steps", "total_iters", "_schedule_phases")
            computed = {
                key: getattr(scheduler, key, state[key]) for key in lengths if key in state and key not in entry
            }
            states[index] = {**state, **computed}
    return states


def _is_plan(many: Sequence[Any]) -> bool:
    return len(many) == 1 and isinstance(many[0], Scheduler)


def _optimizer_names(names: Any) -> str:
    return ", ".join(repr(name) for name in names if name) or "one optimizer"


def load_state(
    parts: SavedParts, source: Path, state: Mapping[str, Any], gradients: Mapping[str, torch.Tensor]
) -> None:
    """Load a checkpoint that was checked into the parts of a run; `state` is the content of `runner.pt`."""
    saved, config, policy = state["param_schedulers"], parts.config, parts.on_change
    _require_same_schedulers(parts.schedulers, saved, config, policy)
    with in_every_process(parts.accelerator):
        _load_accelerate_state(parts.accelerator, source, state["processes"])
    for name, stepper in parts.steppers.items():
        kept = state["optimizers"][name]
        stepper.updates = kept["updates"]
        if stepper.amounts is not None:
            stepper.amounts.load_state(kept.get("amounts", {}))
        if stepper.inner.base_param_settings is not None and kept["base_param_settings"] is not None:
            stepper.inner.base_param_settings.update(kept["base_param_settings"])
    loaded: set[int] = set()  # a plan for several optimizers has one Scheduler
    for name, many in parts.schedulers.items():
        if _is_plan(many):
            if id(many[0]) not in loaded:
                loaded.add(id(many[0]))
                many[0].load_state_dict(saved[name]["plan"])
        else:
            # With any `on_change`, an end that the config omits is the end of the present run.
            keeps = policy == "checkpoint"
            states = _states_of_this_length(many, saved[name], config, name) if keeps else saved[name]
            epoch_length = parts.facts.epoch_length
            restore(many, states, on_change="checkpoint" if keeps else "new", epoch_length=epoch_length)
    for name, parameter in parts.model.named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter.device, parameter.dtype)
    for key, hook in _hooks_by_key(parts.hooks):
        if key in state["hooks"] and hasattr(hook, "load_state_dict"):
            hook.load_state_dict(state["hooks"][key])


def require_fit_for(accelerator: Any, source: Path) -> dict[str, Any]:
    """Return the contents of `runner.pt`; raise an error if Accelerate cannot load the checkpoint into the run."""
    state = read_runner_state(source)
    was, now = state["processes"], accelerator.num_processes
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
