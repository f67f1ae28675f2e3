"""What stands at `param_scheduler`, and how long the run is for it."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

from torch.optim import Optimizer

from paramsched.base.user_warnings import warn_user
from paramsched.compat.mmengine import OptimWrapper, build_param_scheduler, unmeasured
from paramsched.compat.mmengine.base import _ParamScheduler
from paramsched.config import plan_from
from paramsched.errors import MissingFact, Unresolved
from paramsched.plan import Plan, Target
from paramsched.plan.run_sizes import PLANNED_SIZES
from paramsched.plan.trace import unique_labels
from paramsched.runner._log_file import field_of_group
from paramsched.scheduler import Scheduler
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known about the run when schedulers are built.

    Args:
        epoch_length: batches of a pass.
        max_epochs, max_iters: the length of the run, one of the two.
        accumulation: batches to an update, by optimizer.
        batch_size: samples in a batch of all processes, where that is known.
        samples_per_epoch: of all batches of a pass, where it is known and the last batch is smaller.
        tokens_per_sample: the length of a sequence.
        in_updates: whether schedulers with `by_epoch=False` count updates.
    """

    epoch_length: int
    max_epochs: int | None
    max_iters: int | None
    accumulation: Mapping[str, int]
    batch_size: int | None = None
    samples_per_epoch: int | None = None
    tokens_per_sample: int | None = None
    in_updates: bool = False

    def calendar_for(self, name: str) -> Calendar:
        """For a plan: updates of the run and of an epoch, which ends a cycle of accumulation."""
        accumulation = self.accumulation[name]
        updates = -(-self.epoch_length // accumulation)
        total = updates * self.max_epochs if self.max_epochs is not None else -(-(self.max_iters or 0) // accumulation)
        return Calendar(
            total=total, batches_per_epoch=self.epoch_length, accumulation=accumulation, batch_size=self.batch_size,
            sequence_length=self.tokens_per_sample,
        )  # fmt: skip

    def calendar_for_plan(self, name: str, plan: Plan) -> Calendar:
        """As `calendar_for`; a run with smaller last batches ends where its samples do."""
        calendar, unit = self.calendar_for(name), plan.clock
        if self.samples_per_epoch is None or self.max_epochs is None:
            return calendar
        if any(isinstance(one.field, Target) and one.name in PLANNED_SIZES for one in plan.bindings):
            return calendar
        samples = self.samples_per_epoch * self.max_epochs
        if unit == "samples":
            return replace(calendar, total=f"{samples} samples")
        if unit == "tokens" and self.tokens_per_sample is not None:
            return replace(calendar, total=f"{samples * self.tokens_per_sample} tokens")
        return calendar

    def lengths_for(self, name: str) -> dict[str, int | None]:
        """For MMEngine's schedulers: batches, or updates."""
        per = self.accumulation[name] if self.in_updates else 1
        return {
            "epoch_length": -(-self.epoch_length // per),
            "max_epochs": self.max_epochs,
            "max_iters": None if self.max_iters is None else -(-self.max_iters // per),
        }


_WAYS_TO_SAY = {
    "tokens_per_step": "Write Runner(..., tokens_per_sample=1024)",
    "frames_per_step": "Write horizon and lengths in frames",
    "batch_size": "Give a loader that says its batch_size, or write the length in epochs or updates",
}
"""How a fact that is missing is said to a Runner, which makes the Calendar itself."""

Schedulers: TypeAlias = dict[str, list[Any]]
"""Schedulers by the optimizer's name, which is empty where there is one optimizer."""


def plan_in(config: Any, *, names: Sequence[str]) -> Plan | None:
    """The plan that `config` is or says; None where it is something else."""
    if isinstance(config, (Plan, str, os.PathLike)):
        return plan_from(config)
    named = isinstance(config, Mapping) and config and "type" not in config and not set(config) & set(names)
    return plan_from(config) if named and _looks_like_plan(config) else None


def _looks_like_plan(config: Mapping[str, Any]) -> bool:
    """Whether fields stand for schedules, not optimizers for lists of dicts."""
    fields = [value for key, value in config.items() if key not in ("groups", "targets")]
    return all(isinstance(value, (str, int, float)) for value in fields)


def build_schedulers(config: Any, wrappers: Mapping[str, OptimWrapper], facts: RunFacts, on_change: str) -> Schedulers:
    """The schedulers of every optimizer, at the first update."""
    names = list(wrappers)
    if names == [""]:
        return {"": _build_for_one(config, wrappers[""], "", facts, on_change)}
    plan = plan_in(config, names=names)
    by_name = isinstance(config, Mapping) and "type" not in config and plan is None
    if not by_name or set(config) != set(names):
        if plan is None:
            # It says what is wrong with the names, or builds for each.
            length = facts.lengths_for(names[0])
            return build_param_scheduler(config, dict(wrappers), **length)
        config = dict.fromkeys(names, plan)
    return {name: _build_for_one(config[name], wrappers[name], name, facts, on_change) for name in names}


def _build_for_one(config: Any, wrapper: OptimWrapper, name: str, facts: RunFacts, on_change: Any) -> list[Any]:
    """What one optimizer follows."""
    plan = plan_in(config, names=())
    if plan is not None:
        return [_scheduler_of_plan(plan, wrapper.optimizer, facts.calendar_for_plan(name, plan), on_change)]
    built = build_param_scheduler(config, wrapper, **facts.lengths_for(name))
    if facts.accumulation[name] > 1 and not facts.in_updates and any(not one.by_epoch for one in built):
        warn_user(
            f"accumulative_counts={facts.accumulation[name]}: schedulers with by_epoch=False tick on every batch, as "
            f"MMEngine's do, {facts.accumulation[name]} times for an update. To count updates write "
            "default_hooks=dict(param_scheduler=dict(type='ParamSchedulerHook', count='updates')), or give a Plan"
        )
    return list(built)


def _scheduler_of_plan(plan: Plan, optimizer: Optimizer, calendar: Calendar, on_change: Any) -> Scheduler:
    """The scheduler of a plan; a missing fact is asked for by the argument that says it."""
    refused: MissingFact
    try:
        return Scheduler(optimizer, plan, calendar=calendar, on_change=on_change)
    except MissingFact as error:
        refused = error
    if str(refused.asked).startswith("Calendar(total="):
        # The length of the run is in updates. A plan that says all its lengths in its own unit needs none.
        with suppress(MissingFact, Unresolved):
            return Scheduler(optimizer, plan, calendar=replace(calendar, total=None), on_change=on_change)
        refused.ask("train_cfg")
    instead = _WAYS_TO_SAY.get(refused.fact, "Write the length in epochs or updates")
    raise MissingFact(refused.asked, refused.found, instead, fact=refused.fact, example=refused.example)


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


def scheduled_fields(schedulers: Sequence[Any], optimizer: Optimizer) -> list[tuple[str, int]]:
    """The scheduled fields of each group, and lr in any case."""
    names = ["lr"]
    for one in schedulers:
        names += (
            [name for name, group in one.values() if group != ""]
            if isinstance(one, Scheduler)
            else [getattr(one, "param_name", "lr")]  # a user's class need not construct its base
        )
    return [
        (name, index)
        for name in dict.fromkeys(names)
        for index, group in enumerate(optimizer.param_groups)
        if field_of_group(group, name).key in group
    ]


def present_values(schedulers: Sequence[Any], optimizer: Optimizer) -> dict[tuple[str, int | str], float]:
    """The present value of every scheduled field in every group."""
    groups = optimizer.param_groups
    labels = unique_labels(groups)
    return {
        (name, labels[index]): float(field_of_group(groups[index], name).read(groups[index]))
        for name, index in scheduled_fields(schedulers, optimizer)
    }
