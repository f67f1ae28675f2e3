"""What a checkpoint holds besides Accelerate's files."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from paramsched.compat.mmengine import restore
from paramsched.compat.mmengine.rule_scheduler import argument_changes
from paramsched.errors import InvalidArgument, PlanChanged, StateError
from paramsched.runner._checkpoint_fit import STATE, VERSION
from paramsched.runner._param_schedulers import RunFacts, Schedulers
from paramsched.runner.hooks import CheckpointHook, EarlyStoppingHook, LoggerHook
from paramsched.runner.hooks.hook import LoadsState, RequiresState, SavesState
from paramsched.runner.optim_wrapper import AcceleratedWrapper
from paramsched.runner.view import RunnerParts, RunnerView
from paramsched.scheduler import Scheduler


def runner_state(runner: RunnerParts) -> dict[str, Any]:
    """Our part of a checkpoint: plain data."""
    position = asdict(runner.training.position)
    return {
        "version": VERSION,
        "meta": {"epoch": position["epoch"], "iter": position["iter"], "seed": runner.seed, "run": runner.run_name},
        "clock": position,
        "run": facts_to_compare(runner),
        "param_schedulers": {
            name: {"plan": many[0].state_dict()} if _is_plan(many) else [one.state_dict() for one in many]
            for name, many in runner.schedulers.items()
        },
        "optimizers": {name: _wrapper_state(stepper) for name, stepper in runner.steppers.items()},
        "hooks": {key: hook.state_dict() for key, hook in _hooks_by_key(runner.hooks) if isinstance(hook, SavesState)},
    }


def gradients_of(runner: RunnerParts) -> dict[str, torch.Tensor]:
    """The gradients collected for an update that is not complete; empty where there is none."""
    if not any(stepper.in_cycle for stepper in runner.steppers.values()):
        return {}
    return {name: p.grad.detach().cpu() for name, p in runner.model.named_parameters() if p.grad is not None}


def facts_of_run(runner: RunnerParts) -> RunFacts:
    assert runner.facts is not None  # the run is prepared before anything is loaded or saved
    return runner.facts


def facts_to_compare(runner: RunnerParts) -> dict[str, Any]:
    """What may be another in the run that goes on."""
    facts = facts_of_run(runner)
    return {
        "max_epochs": facts.max_epochs,
        "max_iters": facts.max_iters,
        "epoch_length": facts.epoch_length,
        "batch_size": facts.batch_size,
        "accumulative_counts": dict(facts.accumulation),
        "processes": runner.accelerator.num_processes,
    }


def _wrapper_state(stepper: AcceleratedWrapper) -> dict[str, Any]:
    pseudo = stepper.inner.base_param_settings
    plain = None if pseudo is None else {key: value for key, value in pseudo.items() if key != "params"}
    state = {"updates": stepper.updates, "base_param_settings": plain}
    amounts = {} if stepper.amounts is None else stepper.amounts.saved_state()
    return state | ({"amounts": amounts} if amounts else {})


def load_hook_states(hooks: Iterable[Any], states: Mapping[str, Any]) -> None:
    """Let each hook go on from its state, if there is one."""
    for key, hook in _hooks_by_key(hooks):
        if key in states and isinstance(hook, LoadsState):
            hook.load_state_dict(states[key])


def require_hook_states(runner: RunnerView, states: Mapping[str, Any], source: Path) -> None:
    """Refuse states from which a hook cannot go on; nothing is loaded."""
    for key, hook in _hooks_by_key(runner.hooks):
        if key in states:
            _require_state_of(key, hook, states[key], source)
            if isinstance(hook, RequiresState):
                hook.require_resumable(runner, states[key])


def _require_state_of(key: str, hook: Any, state: Any, source: Path) -> None:
    """Let a copy of one of our hooks take its state."""
    if isinstance(hook, (CheckpointHook, EarlyStoppingHook, LoggerHook)) and not isinstance(state, dict):
        raise StateError(f"{source / STATE}: it cannot be read; nothing usable at hooks.{key}")
    if isinstance(hook, (CheckpointHook, EarlyStoppingHook)):
        try:
            copy(hook).load_state_dict(state)
        except (KeyError, TypeError, ValueError) as error:
            found = f"{type(error).__name__}: {error}"
            raise StateError(f"{source / STATE}: it cannot be read; nothing usable at hooks.{key} ({found})") from None


def _hooks_by_key(hooks: Iterable[Any]) -> list[tuple[str, Any]]:
    """Hooks by their class and how many there are of it."""
    counts: dict[str, int] = {}
    named = []
    for hook in hooks:
        kind = type(hook).__name__
        counts[kind] = counts.get(kind, 0) + 1
        named.append((f"{kind}.{counts[kind]}", hook))
    return named


def require_resumable_schedulers(schedulers: Schedulers, saved: Mapping[str, Any], config: Any, on_change: Any) -> None:
    """Refuse a checkpoint of something else, or by `on_change`; nothing is loaded."""
    if set(saved) != set(schedulers):
        was, now = _optimizer_names(saved), _optimizer_names(schedulers)
        raise StateError(f"the checkpoint is of the optimizers {was}, and now there are {now}")
    for name, many in schedulers.items():
        was_plan = isinstance(saved[name], Mapping)
        if was_plan != _is_plan(many):
            kinds = ("a Plan", "MMEngine's schedulers")
            raise StateError(
                f"param_scheduler: the checkpoint has {kinds[not was_plan]}, and now there are {kinds[was_plan]}. "
                "Give the same kind, or take the weights only: load_from=…, resume=False"
            )
        if was_plan:
            continue
        if not isinstance(on_change, str):
            raise InvalidArgument(
                f"on_change={on_change!r}", "a choice by field is for a Plan", 'Write on_change="new"'
            )
        if len(many) != len(saved[name]):
            raise StateError(
                f"param_scheduler: the checkpoint has {len(saved[name])} schedulers, and now there are {len(many)} "
                f"({', '.join(type(one).__name__ for one in many)}). Give those it was saved with"
            )
        told = [
            f"[{index}] {type(one).__name__} {key}: {then!r} in the checkpoint, {now!r} now"
            for index, (one, state) in enumerate(
                zip(many, _states_of_this_length(many, saved[name], config, name), strict=True)
            )
            for key, (now, then) in argument_changes(one, state).items()
        ]
        if told and on_change == "error":
            raise PlanChanged(
                "param_scheduler differs from the checkpoint's and on_change is 'error':\n" + "\n".join(told)
            )


def resume_schedulers(
    schedulers: Schedulers, saved: Mapping[str, Any], config: Any, on_change: Any, facts: RunFacts
) -> None:
    """Go on from what a checkpoint kept; the optimizers are loaded before."""
    for name, many in schedulers.items():
        if _is_plan(many):
            many[0].load_state_dict(saved[name]["plan"])
        elif many:
            # An end that nobody wrote follows the length of the run, whatever the policy.
            restore(
                many,
                _states_of_this_length(many, saved[name], config, name) if on_change == "checkpoint" else saved[name],
                on_change="checkpoint" if on_change == "checkpoint" else "new",
                epoch_length=facts.lengths_for(name)["epoch_length"],
            )


def _states_of_this_length(many: Sequence[Any], saved: Any, config: Any, name: str) -> list[Any]:
    """Saved states; an end that the config does not say is that of the present run."""
    mine = config.get(name) if name and isinstance(config, Mapping) and name in config else config
    parts = list(mine) if isinstance(mine, (list, tuple)) else [mine]
    parts += [None] * len(many)
    return [_with_length_of_run(one, state, part) for one, state, part in zip(many, saved, parts, strict=False)]


def _with_length_of_run(one: Any, state: Any, config: Any) -> Any:
    if not isinstance(config, Mapping) or not isinstance(state, Mapping) or "end" in config:
        return state
    filled = [key for key in ("end", "T_max", "total_steps", "total_iters") if key not in config and key in state]
    return {**state, **{key: getattr(one, key, state[key]) for key in filled}}


def _is_plan(many: Sequence[Any]) -> bool:
    return len(many) == 1 and isinstance(many[0], Scheduler)


def _optimizer_names(names: Any) -> str:
    return ", ".join(repr(name) for name in names if name) or "one optimizer"
