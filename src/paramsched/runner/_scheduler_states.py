"""What a checkpoint keeps of schedulers, and how a run goes on from it."""

from collections.abc import Mapping, Sequence
from typing import Any

from paramsched.compat.mmengine import restore
from paramsched.compat.mmengine.restore import argument_changes
from paramsched.errors import InvalidArgument, PlanChanged, StateError
from paramsched.runner._param_schedulers import Schedulers
from paramsched.runner._run_facts import RunFacts
from paramsched.scheduler import Scheduler


def scheduler_states(schedulers: Schedulers) -> dict[str, Any]:
    """What a checkpoint keeps of them: plain data."""
    return {
        name: {"plan": many[0].state_dict()} if _is_plan(many) else [one.state_dict() for one in many]
        for name, many in schedulers.items()
    }


def require_resumable_schedulers(schedulers: Schedulers, saved: Mapping[str, Any], config: Any, on_change: Any) -> None:
    """Refuse a checkpoint of something else, before anything is loaded.

    Raises:
        StateError: other optimizers, another kind, class, entry or number of schedulers.
        PlanChanged: arguments differ and `on_change` is "error".
    """
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
    """Go on from what a checkpoint kept; the optimizers' own states are loaded before.

    Raises:
        PlanChanged: a plan differs and `on_change` is "error".
    """
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
    """Saved states, with the present run's length in those whose config says none."""
    mine = config.get(name) if name and isinstance(config, Mapping) and name in config else config
    parts = list(mine) if isinstance(mine, (list, tuple)) else [mine]
    parts += [None] * len(many)
    return [_with_length_of_run(one, state, part) for one, state, part in zip(many, saved, parts, strict=False)]


def _with_length_of_run(one: Any, state: Any, config: Any) -> Any:
    """A saved state, with the present run's length if the config says none."""
    # What the config does not say was filled in from the length of the run, which may be another now.
    if not isinstance(config, Mapping) or not isinstance(state, Mapping) or "end" in config:
        return state
    filled = [key for key in ("end", "T_max", "total_steps", "total_iters") if key not in config and key in state]
    return {**state, **{key: getattr(one, key, state[key]) for key in filled}}


def _is_plan(many: Sequence[Any]) -> bool:
    return len(many) == 1 and isinstance(many[0], Scheduler)


def _optimizer_names(names: Any) -> str:
    return ", ".join(repr(name) for name in names if name) or "one optimizer"
