"""What stands at `param_scheduler`, a plan in any form or MMEngine's schedulers: built, asked, saved, resumed."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from torch.optim import Optimizer

from paramsched._trace import unique_labels
from paramsched.compat.mmengine import OptimWrapper, build_param_scheduler, restore, unmeasured
from paramsched.compat.mmengine.base import _ParamScheduler
from paramsched.compat.mmengine.restore import argument_changes
from paramsched.config import plan_from
from paramsched.errors import ConfigError, InvalidArgument, PlanChanged, StateError
from paramsched.fields import Field
from paramsched.plan import Plan
from paramsched.scheduler import Scheduler
from paramsched.time import Calendar
from paramsched.user_warnings import warn_user

Schedulers: TypeAlias = dict[str, list[Any]]
"""Schedulers by the optimizer's name, which is empty where there is one optimizer."""

log = logging.getLogger("paramsched")


@final
@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the run when schedulers are built.

    Args:
        epoch_length: batches of a pass.
        max_epochs, max_iters: the length of the run, one of the two.
        accumulation: batches to an update, by optimizer.
        batch_size: samples in a batch of all processes, where that is known.
        in_updates: whether schedulers with `by_epoch=False` count updates.
    """

    epoch_length: int
    max_epochs: int | None
    max_iters: int | None
    accumulation: Mapping[str, int]
    batch_size: int | None = None
    in_updates: bool = False

    def calendar(self, name: str) -> Calendar:
        """For a plan: updates of the run and of an epoch, which ends a cycle of accumulation."""
        accumulation = self.accumulation[name]
        updates = -(-self.epoch_length // accumulation)
        total = updates * self.max_epochs if self.max_epochs is not None else -(-(self.max_iters or 0) // accumulation)
        return Calendar(
            total=total, batches_per_epoch=self.epoch_length, accumulation=accumulation, batch_size=self.batch_size
        )

    def lengths(self, name: str) -> dict[str, int | None]:
        """For MMEngine's schedulers: batches, or updates."""
        per = self.accumulation[name] if self.in_updates else 1
        return {
            "epoch_length": -(-self.epoch_length // per),
            "max_epochs": self.max_epochs,
            "max_iters": None if self.max_iters is None else -(-self.max_iters // per),
        }


def plan_in(config: Any, *, names: Sequence[str]) -> Plan | None:
    """The plan that `config` is, or says as a text, a file, or a mapping; None where it is something else.

    Raises:
        ConfigError: every fault of the text.
        FileNotFoundError: the file is not there.
    """
    if isinstance(config, (Plan, str, os.PathLike)):
        return plan_from(config)
    named = isinstance(config, Mapping) and config and "type" not in config and not set(config) & set(names)
    return plan_from(config) if named and _says_plan(config) else None


def _says_plan(config: Mapping[str, Any]) -> bool:
    """Whether fields stand for schedules as text or numbers, not optimizers for lists of dicts."""
    fields = [value for key, value in config.items() if key not in ("groups", "targets")]
    return all(isinstance(value, (str, int, float)) for value in fields)


def build(config: Any, wrappers: Mapping[str, OptimWrapper], facts: Facts, on_change: str) -> Schedulers:
    """The schedulers of every optimizer, at the first update.

    Raises:
        ParamschedError, TypeError, KeyError, ValueError: what `build_param_scheduler` and `Scheduler` refuse.
    """
    names = list(wrappers)
    if names == [""]:
        return {"": _one(config, wrappers[""], "", facts, on_change)}
    plan = plan_in(config, names=names)
    by_name = isinstance(config, Mapping) and "type" not in config and plan is None
    if not by_name or set(config) != set(names):
        if plan is None:
            # Names that match no optimizer, one built scheduler for all, …: it says what is wrong, or builds for each.
            length = facts.lengths(names[0])
            return build_param_scheduler(config, dict(wrappers), **length)
        config = dict.fromkeys(names, plan)
    return {name: _one(config[name], wrappers[name], name, facts, on_change) for name in names}


def _one(config: Any, wrapper: OptimWrapper, name: str, facts: Facts, on_change: Any) -> list[Any]:
    plan = plan_in(config, names=())
    if plan is not None:
        return [Scheduler(wrapper.optimizer, plan, calendar=facts.calendar(name), on_change=on_change)]
    built = build_param_scheduler(config, wrapper, **facts.lengths(name))
    if facts.accumulation[name] > 1 and not facts.in_updates and any(not one.by_epoch for one in built):
        warn_user(
            f"accumulative_counts={facts.accumulation[name]}: schedulers with by_epoch=False tick on every batch, as "
            f"MMEngine's do, {facts.accumulation[name]} times for an update. To count updates write "
            "default_hooks=dict(param_scheduler=dict(type='ParamSchedulerHook', count='updates')), or give a Plan"
        )
    return list(built)


def warn_without_validation(schedulers: Schedulers) -> None:
    """A plateau acts after validations (row 13)."""
    for many in schedulers.values():
        for one in many:
            rules = one.states if isinstance(one, Scheduler) else ()
            watches = [f'plateau("{rule.metric}")' for rule in rules]
            if getattr(one, "need_val_args", False):
                watches.append(f"{type(one).__name__}(monitor={getattr(one, 'monitor', 'loss')!r})")
            for what in watches:
                warn_user(f"{what} never acts: there is no validation. Give Runner(val_dataloader=…, val_cfg=dict())")


def warn_if_unmeasured(schedulers: Schedulers) -> None:
    """At the end of a run: plateaus that never saw their metric (row 13)."""
    for many in schedulers.values():
        for line in unmeasured(one for one in many if isinstance(one, _ParamScheduler)):
            warn_user(f"param_scheduler{line}")


def fields(schedulers: Sequence[Any], optimizer: Optimizer) -> list[tuple[str, int]]:
    """The scheduled fields of each group, and lr in any case."""
    names = ["lr"]
    for one in schedulers:
        names += (
            [name for name, group in one.values() if group != ""]
            if isinstance(one, Scheduler)
            else [getattr(one, "param_name", "lr")]  # a user's class need not construct its base
        )
    groups = optimizer.param_groups
    return [(name, index) for name in dict.fromkeys(names) for index, group in enumerate(groups) if _has(group, name)]


def values(schedulers: Sequence[Any], optimizer: Optimizer) -> dict[tuple[str, int | str], float]:
    """The present value of every scheduled field in every group."""
    labels = unique_labels(optimizer.param_groups)
    return {
        (name, labels[index]): float(_field(optimizer.param_groups[index], name).read(optimizer.param_groups[index]))
        for name, index in fields(schedulers, optimizer)
    }


def _field(group: Mapping[str, Any], name: str) -> Field:
    return Field.of("betas[0]" if name == "momentum" and "betas" in group else name)


def _has(group: Mapping[str, Any], name: str) -> bool:
    return _field(group, name).key in group


def states(schedulers: Schedulers) -> dict[str, Any]:
    """What a checkpoint keeps of them: plain data."""
    return {
        name: {"plan": many[0].state_dict()} if _is_plan(many) else [one.state_dict() for one in many]
        for name, many in schedulers.items()
    }


def require_resumable(schedulers: Schedulers, saved: Mapping[str, Any], config: Any, on_change: Any) -> None:
    """Refuse a checkpoint of something else, before anything is loaded.

    Raises:
        StateError: other optimizers, another kind, class, entry or number of schedulers.
        PlanChanged: arguments differ and `on_change` is "error".
    """
    if set(saved) != set(schedulers):
        raise StateError(f"the checkpoint is of the optimizers {_named(saved)}, and now there are {_named(schedulers)}")
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
            for index, (one, state) in enumerate(zip(many, _followed(many, saved[name], config, name), strict=True))
            for key, (now, then) in argument_changes(one, state).items()
        ]
        if told and on_change == "error":
            raise PlanChanged(
                "param_scheduler differs from the checkpoint's and on_change is 'error':\n" + "\n".join(told)
            )


def resume(schedulers: Schedulers, saved: Mapping[str, Any], config: Any, on_change: Any, facts: Facts) -> None:
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
                _followed(many, saved[name], config, name) if on_change == "checkpoint" else saved[name],
                on_change="checkpoint" if on_change == "checkpoint" else "new",
                epoch_length=facts.lengths(name)["epoch_length"],
            )


def _followed(many: Sequence[Any], saved: Any, config: Any, name: str) -> list[Any]:
    """Saved states whose filled-in lengths are those of the present run."""
    mine = config.get(name) if name and isinstance(config, Mapping) and name in config else config
    parts = list(mine) if isinstance(mine, (list, tuple)) else [mine]
    parts += [None] * len(many)
    return [_with_new_end(one, state, part) for one, state, part in zip(many, saved, parts, strict=False)]


def _with_new_end(one: Any, state: Any, config: Any) -> Any:
    """A saved state whose filled-in length is that of the present run."""
    if not isinstance(config, Mapping) or not isinstance(state, Mapping) or "end" in config:
        return state
    filled = [key for key in ("end", "T_max", "total_steps", "total_iters") if key not in config and key in state]
    return {**state, **{key: getattr(one, key) for key in filled if hasattr(one, key)}}


def check_policy(on_change: Any) -> None:
    """Refuse what is no policy.

    Raises:
        InvalidArgument: as it says.
    """
    from paramsched.scheduler.on_change import checked_on_change

    checked_on_change(on_change)


def problems_of(error: Exception, path: str) -> list[str]:
    """Lines for a fault list: those of a ConfigError under `path`, or the one message."""
    if isinstance(error, ConfigError):
        return [f"{path}{line.removeprefix('$')}" for line in error.problems]
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return [f"{path}: {text}"]


def _is_plan(many: Sequence[Any]) -> bool:
    return len(many) == 1 and isinstance(many[0], Scheduler)


def _named(names: Any) -> str:
    return ", ".join(repr(name) for name in names if name) or "one optimizer"
