"""The schedulers of a Runner, and the checks of their dicts."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, final

from torch.optim import Optimizer

from paramsched.base import Problem, codes, warn_user
from paramsched.core.plan import (
    ALONE,
    FORMS,
    PLANNED_SIZES,
    SIZES_OF_BATCHES,
    Plan,
    Target,
    bind,
    check_names,
    plan_of,
    scopes_of,
    unique_labels,
)
from paramsched.core.run import Arguments, EngineHandle, Scheduler
from paramsched.core.time import RunFacts
from paramsched.engines.engine_facts import refuse_untrained_sizes
from paramsched.engines.writes import FieldWriter
from paramsched.errors import ConfigError, InvalidArgument, MissingFact, Unresolved
from paramsched.files import ProblemCollector
from paramsched.mmengine.registry import report_error
from paramsched.mmengine.schedulers import (
    OptimWrapper,
    RunLength,
    ValuesOnly,
    batches_per_update,
    build_lists,
    build_param_scheduler,
    by_value,
    field_of_group,
    is_scheduler,
    unmeasured,
)


@final
@dataclass(frozen=True, slots=True)
class RunnerFacts:
    """The run facts that are known when schedulers are built.

    Args:
        epoch_length: batches per epoch.
        max_epochs, max_iters: the length of the run in epochs or iterations; the other one is None.
        accumulation: a dict from the name of each optimizer to its batches per update.
        batch_size: samples per batch over all processes; None if unknown.
        samples_per_epoch: samples per epoch, if the last batch of an epoch is smaller; else None.
        tokens_per_sample: the length of a sequence in tokens.
    """

    epoch_length: int
    max_epochs: int | None
    max_iters: int | None
    accumulation: Mapping[str, int]
    batch_size: int | None = None
    samples_per_epoch: int | None = None
    tokens_per_sample: int | None = None

    def for_optimizer(self, name: str, plan: Plan | None = None) -> RunFacts:
        """Return the facts of the run, in which an epoch contains an integer number of updates.

        Args:
            name: the name of the optimizer.
            plan: the plan to run. If it counts samples or tokens, smaller last batches are considered in the length.
        """
        accumulation = self.accumulation[name]
        updates = -(-self.epoch_length // accumulation)
        total: int | str = -(-(self.max_iters or 0) // accumulation)
        if self.max_epochs is not None:
            total = updates * self.max_epochs
            plans_sizes = plan is not None and any(
                isinstance(binding.field, Target) and binding.name in PLANNED_SIZES for binding in plan.bindings
            )
            if plan is not None and self.samples_per_epoch is not None and not plans_sizes:
                samples = self.samples_per_epoch * self.max_epochs
                if plan.clock == "samples":
                    total = f"{samples} samples"
                elif plan.clock == "tokens" and self.tokens_per_sample is not None:
                    total = f"{samples * self.tokens_per_sample} tokens"
        return RunFacts(
            total=total, batches_per_epoch=self.epoch_length, accumulation=accumulation, batch_size=self.batch_size,
            sequence_length=self.tokens_per_sample,
        )  # fmt: skip


_FACT_HINTS = {
    "tokens_per_step": "For example: Runner(..., tokens_per_sample=1024)",
    "frames_per_step": "Write total and lengths in frames",
    "batch_size": "Pass a loader with a batch_size, or write the length in epochs or updates",
}
"""How to pass a missing run fact to a Runner, by the name of the fact."""


Schedulers: TypeAlias = dict[str, list[Any]]
"""Lists of schedulers by the name of their optimizer; the name of a single optimizer is empty."""


def is_plan(config: Any, *, names: Sequence[str]) -> bool:
    """Return whether a config is a plan, as opposed to schedulers."""
    if not isinstance(config, Mapping):
        return isinstance(config, FORMS)
    if not config or "type" in config or set(config) & set(names):
        return False
    # The lines of a plan are schedules; a config for several optimizers contains lists of dicts.
    return not {"lr", "groups", "later", "targets", "clock", "total"}.isdisjoint(config) or all(
        map(_is_line, config.values())
    )


def _is_line(value: Any) -> bool:
    """Return whether a value may be a schedule of a native file; lists of numbers are options of MMEngine."""
    if isinstance(value, (list, tuple)):
        return any(isinstance(element, (str, Mapping)) for element in value) and all(map(_is_line, value))
    return isinstance(value, (str, int, float)) or (isinstance(value, Mapping) and "type" not in value)


def build_schedulers(
    config: Any,
    wrappers: Mapping[str, OptimWrapper],
    facts: RunnerFacts,
    choices: Mapping[str, Any],
) -> Schedulers:
    """Build the schedulers of every optimizer; `choices` are the arguments `on_change` and `on_base` of a Scheduler."""
    names = list(wrappers)
    is_single = names == [""]
    if is_plan(config, names=() if is_single else names):
        source = Arguments.of(config)
        fastest = min(names, key=lambda name: facts.accumulation[name])
        optimizers = {name: wrapper.optimizer for name, wrapper in wrappers.items()}
        scheduler = _scheduler_of_plan(
            source, optimizers[""] if is_single else optimizers, facts.for_optimizer(fastest, source.plan), choices
        )
        return {name: [scheduler] for name in names}
    if choices["on_base"] != "checkpoint":
        raise InvalidArgument(f"on_base={choices['on_base']!r}", "it requires a Plan", 'Use on_base="checkpoint"')
    schedulers: Schedulers = build_param_scheduler(
        config, wrappers, epoch_length=facts.epoch_length, max_epochs=facts.max_epochs, max_iters=facts.max_iters
    )
    for name, several in schedulers.items():
        if facts.accumulation[name] > 1 and any(not element.by_epoch for element in several):
            message = (
                "schedulers with by_epoch=False are stepped on every batch, as in MMEngine, "
                f"{facts.accumulation[name]} times per update"
            )
            site = f"accumulative_counts={facts.accumulation[name]}"
            warn_user(Problem(site=site, found=message, advice="To count updates, pass a Plan"))
    return schedulers


def _scheduler_of_plan(
    plan: Arguments, optimizer: Optimizer | Mapping[str, Optimizer], facts: RunFacts, choices: Mapping[str, Any]
) -> Scheduler:
    """Build the scheduler of a plan; an error about a missing fact names the Runner's argument for it."""
    fixed = SIZES_OF_BATCHES if facts.batch_size is not None else ("accumulation",)  # None: a batch sampler of the user
    refuse_untrained_sizes("Runner(param_scheduler=…)", plan.plan, facts, fixed)
    refused: MissingFact
    try:
        return Scheduler(optimizer, plan, facts=facts, **choices)
    except MissingFact as error:
        refused = error
    call = refused.problem.call
    if call is not None and (call.call, call.argument) == ("RunFacts", "total"):
        # The total is in updates. A plan that uses only the unit of its clock does not need it.
        with suppress(MissingFact, Unresolved):
            return Scheduler(optimizer, plan, facts=replace(facts, total=None), **choices)
        refused = refused.changed(site="train_cfg")
    instead = _FACT_HINTS.get(refused.fact, "Give the length in epochs or updates")
    raise refused.changed(advice=instead)


def distinct_schedulers(schedulers: Schedulers) -> list[Any]:
    """Return every scheduler once, because a plan for several optimizers has one that each of them lists."""
    return list({id(element): element for many in schedulers.values() for element in many}.values())


def warn_without_validation(schedulers: Schedulers) -> None:
    """Warn about plateau schedulers in a run without validation, because they never act."""
    for scheduler in distinct_schedulers(schedulers):
        rules = scheduler.states if isinstance(scheduler, Scheduler) else ()
        if isinstance(scheduler, Scheduler):
            EngineHandle(scheduler).take_over_metrics()  # the end would report the same
        watches = [f'plateau("{rule.metric}")' for rule in rules]
        if getattr(scheduler, "need_val_args", False):
            watches.append(f"{type(scheduler).__name__}(monitor={getattr(scheduler, 'monitor', 'loss')!r})")
        for what in watches:
            message = f"{what} never acts, because the run has no validation"
            warn_user(Problem(found=message, advice=f"For example: {'Runner(val_dataloader=…, val_cfg=dict())'}"))


def warn_if_unmeasured(schedulers: Schedulers) -> None:
    """Warn at the end of a run about plateau schedulers that never received their metric."""
    for many in schedulers.values():
        for line in unmeasured(element for element in many if is_scheduler(element)):
            warn_user(Problem(found=f"param_scheduler{line}"))


def scheduled_fields(schedulers: Sequence[Any], optimizer: Optimizer, name: str = "") -> list[tuple[str, int]]:
    """Return pairs of a scheduled field and the index of its group, always including lr.

    Args:
        schedulers: the schedulers of the optimizer.
        optimizer: the optimizer.
        name: its name, if there are several.
    """
    names = ["lr"]
    for scheduler in schedulers:
        names += (
            [field for field, group in EngineHandle(scheduler).values() if _is_group_of(scheduler, name, group)]
            if isinstance(scheduler, Scheduler)
            else [getattr(scheduler, "param_name", "lr")]  # a user's class may skip the constructor of its base class
        )
    return [
        (name, index)
        for name in dict.fromkeys(names)
        for index, group in enumerate(optimizer.param_groups)
        if field_of_group(group, name).key in group
    ]


def writers_of(schedulers: Sequence[Any], optimizer: Optimizer) -> list[FieldWriter]:
    """Return what the schedulers of an optimizer write that are not of a plan."""
    return [
        FieldWriter(
            type(scheduler).__name__, [group], field_of_group(group, getattr(scheduler, "param_name", "lr"))
        )  # as above
        for scheduler in schedulers
        if not isinstance(scheduler, Scheduler)
        for group in optimizer.param_groups
    ]


def _is_group_of(scheduler: Scheduler, name: str, group: str | int) -> bool:
    """Return whether the group in the key of a value belongs to the optimizer `name`; targets have no group."""
    return group != "" and (name not in scheduler.optimizers or str(group).startswith(f"{name}/"))


def present_values(
    schedulers: Sequence[Any], optimizer: Optimizer, name: str = ""
) -> dict[tuple[str, int | str], float]:
    """Return a dict from pairs (field, label of the group) to the present values of all scheduled fields."""
    groups = optimizer.param_groups
    labels = unique_labels(groups)
    return {
        (field, labels[index]): float(field_of_group(groups[index], field).read(groups[index]))
        for field, index in scheduled_fields(schedulers, optimizer, name)
    }


def check_schedulers(
    config: Any,
    wrappers: Mapping[str, OptimWrapper | None],
    length: RunLength,
    path: str,
    problems: ProblemCollector,
) -> None:
    """Build the schedulers of `param_scheduler` for copies of the groups, and report every problem.

    Args:
        config: the value of `param_scheduler`.
        wrappers: the wrappers of the optimizers by name; None in place of one with a problem.
        length: the length of the run.
        path: the path of `param_scheduler`.
        problems: receives the problems.
    """
    if config is None or not wrappers:
        return
    names = list(wrappers)
    several = [] if names == [""] else names
    if is_plan(config, names=several):
        _check_plan(config, wrappers, path, problems)
        return
    plans = config.values() if several and isinstance(config, Mapping) and "type" not in config else ()
    if any(is_plan(plan, names=()) for plan in plans):
        advice = f"Use one plan with groups: {{{names[0]}: {{lr: …}}, …}}"
        problems.add(path, "one plan drives all optimizers, on one clock", advice, code=codes.REFUSED_VALUE)
        return
    with warnings.catch_warnings():  # the warnings are shown when the schedulers are built for the run
        warnings.simplefilter("ignore")
        copies = {name: _copy_of(wrapper) for name, wrapper in wrappers.items()}
        build_lists(config, copies, length, path, problems, ["verbose"])


def _copy_of(wrapper: OptimWrapper | None) -> OptimWrapper:
    """Return a wrapper without parameters, whose groups are copies."""
    if wrapper is None:
        return OptimWrapper(ValuesOnly([_UNKNOWN]))
    groups = by_value([{**group, "params": []} for group in wrapper.optimizer.param_groups])
    return OptimWrapper(ValuesOnly(groups), batches_per_update(wrapper))


def _check_plan(
    config: Any, wrappers: Mapping[str, OptimWrapper | None], path: str, problems: ProblemCollector
) -> None:
    """Check a plan for all optimizers. Its lengths are resolved once the loader is known."""
    groups = {
        name or ALONE: wrapper.optimizer.param_groups for name, wrapper in wrappers.items() if wrapper is not None
    }
    try:
        plan = plan_of(config, "Runner")
        if len(groups) < len(wrappers):
            return
        if list(wrappers) != [""]:
            check_names("Runner(optim_wrapper=…)", groups)
        for name, scope in scopes_of(plan, plan, groups).items():
            bind(plan, groups[name], scope)
    except (ConfigError, OSError) as error:
        report_error(error, path, problems)
    except InvalidArgument as error:
        problems.refuse(path, error)


_UNKNOWN: Final = {"lr": 1.0, "momentum": 1.0, "weight_decay": 1.0, "betas": (0.9, 0.999)}
"""Values in place of those of an optimizer with a problem."""
