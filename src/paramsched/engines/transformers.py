"""Hugging Face Trainer. No adapter is required: `optimizers=(optimizer, ps.Scheduler(optimizer, plan))`.

`planned` is for plans in epochs or percent, because only the Trainer knows the number of updates. It also logs every
scheduled field and passes the metrics of `evaluate` to the plan.

Do not pass `optimizers=(optimizer, None)` to the plain Trainer, which then creates a linear scheduler that overwrites
the plan. Pass it to the class of `planned`, which refuses another scheduler.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import MISSING, fields, replace
from functools import cache
from math import ceil, prod
from typing import Any, Final, TypeVar, Unpack

import paramsched.engines.torch_required  # noqa: F401  # reports that torch is missing
from paramsched.core.groups.fields import Field
from paramsched.core.plan import PlanLike
from paramsched.core.run import WORLD, EngineHandle, Scheduler
from paramsched.core.time import DurationLike
from paramsched.engines.accelerate import batch_amounts
from paramsched.engines.engine_facts import (
    EngineFacts,
    LoopOptions,
    PlanOptions,
    batch_size_of,
    check_kinds,
    check_plan,
    length_of,
    options_of,
    with_named_options,
    without_optimizer,
)
from paramsched.engines.messages import adapters as messages
from paramsched.engines.reporting import BatchAmounts, MetricRelay, PlannedColumns, is_value
from paramsched.engines.run_end import RunEnd
from paramsched.engines.writes import TargetWrites, TrainedOptimizers, Write
from paramsched.errors import MissingDependency, MissingFact

__all__ = ["planned"]

_Trainer = TypeVar("_Trainer")


_CALL: Final = "transformers.planned"


@with_named_options
@without_optimizer("planned(Trainer, plan)", most=2)
def planned(
    trainer: type[_Trainer],
    plan: PlanLike,
    *,
    write: Write | None = None,
    **options: Unpack[LoopOptions],
) -> type[_Trainer]:
    """Return a subclass of a Trainer that applies a plan: `planned(Trainer, plan)(model=…, args=…)`.

    Checkpoints of the Trainer store the plan's state in place of a scheduler's state. A second `train()` restarts the
    plan, unless it resumes from a checkpoint.

    Args:
        trainer: `transformers.Trainer` or a subclass of it.
        plan: the plan to apply, or as in `ps.Scheduler` its file, text or mapping. If it has no total, its total is
            the length of the run in the Trainer's arguments (`num_train_epochs`, `max_steps`).
        write: a dict from the name of a target of the plan to the path of an attribute of the Trainer, or to several:
            `write={"beta": "beta", "clip": ("epsilon_high", "args.epsilon_high")}`. The value is written before the
            forward pass of each update.
        options: those that adapters share, `paramsched.engines.engine_facts.LoopOptions`.

    Raises:
        MissingDependency: transformers is not installed.
        InvalidArgument: `trainer` is not a class, or another argument is invalid. The method `train` raises it if the
            Trainer has a scheduler of its own.
        ConfigError: the plan has errors.
    """
    check_kinds("planned", trainer=trainer, plan=plan)
    check_plan("planned", plan)
    plan_options = options_of("planned", planned, options)
    writes = TargetWrites("transformers.planned", "trainer", {} if write is None else write)

    try:
        import transformers  # noqa: F401
    except ModuleNotFoundError:
        raise MissingDependency("engines.transformers.planned", "transformers") from None
    if issubclass(trainer, _HasPlan):
        raise messages.planned_twice(trainer.__name__)

    class Planned(trainer, _HasPlan):  # type: ignore[valid-type,misc]  # the base class is known only at run time
        lr_scheduler: Any
        _paramsched_facts: EngineFacts | None = None
        _paramsched_amounts: BatchAmounts | None = None
        _paramsched_begin = 0  # the update of the checkpoint from which a `train()` resumes
        _paramsched_schedulers: list[Scheduler] | None = None  # those of a `train()`

        def set_initial_training_values(self, args: Any, dataloader: Any, *rest: Any) -> Any:
            values = super().set_initial_training_values(args, dataloader, *rest)
            # Shared with the copy of the Trainer with which DeepSpeed makes the Scheduler.
            self._paramsched_schedulers = []
            self._paramsched_facts = _facts_of_arguments(args, length_of(dataloader), values[-1], _replicas(self))
            sampler = getattr(dataloader, "batch_sampler", None)
            if sampler is not None and batch_size_of(dataloader) is None:  # of an overridden get_train_dataloader
                self._paramsched_facts = replace(self._paramsched_facts, fixed_sizes=("accumulation",))
            return values

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            if self.lr_scheduler is not None:
                _refuse_other_scheduler(self, "Write optimizers=(optimizer, None)")
            else:
                scheduler = _attached(self, optimizer, plan, plan_options, num_training_steps)
                _use_created(self, scheduler)
                _add_callback(self, scheduler, plan_options, writes, num_training_steps)
            return self.lr_scheduler

        def get_batch_samples(self, epoch_iterator: Any, num_batches: int, *args: Any, **keywords: Any) -> Any:
            # A subclass or a callback may set one.
            _refuse_other_scheduler(self, "Set it to ps.Scheduler(optimizer, plan)")
            samples = super().get_batch_samples(epoch_iterator, num_batches, *args, **keywords)
            if self._paramsched_amounts is not None:
                _count_batches(self._paramsched_amounts, samples[0])
            return samples

        def _evaluate(self, *args: Any, **keywords: Any) -> Any:
            # The loop's own evaluation: a subclass may override `evaluate` and evaluate several data sets in it.
            with _metric_event(self, is_evaluation=True) as collected:
                metrics = super()._evaluate(*args, **keywords)
                collected |= metrics or {}
            return metrics

        def evaluate(self, *args: Any, **keywords: Any) -> Any:
            with _metric_event(self, is_evaluation=True) as collected:
                metrics = super().evaluate(*args, **keywords)  # calls itself for each of several data sets
                collected |= metrics or {}
            return metrics

        def log(self, logs: dict[str, Any], *args: Any, **keywords: Any) -> None:
            if not (isinstance(self.lr_scheduler, Scheduler) and "learning_rate" in logs):
                super().log(logs, *args, **keywords)
                return
            columns = self._paramsched_columns
            values = _logged_values(self.lr_scheduler, logs["learning_rate"])
            processes = EngineHandle(self.lr_scheduler).processes
            logs = logs | columns.beside(logs, values, processes)  # of the update whose loss is in `logs`
            with _metric_event(self, is_evaluation=False) as collected:
                present = len(self.state.log_history)
                super().log(logs, *args, **keywords)
                for row in self.state.log_history[present:]:
                    if "learning_rate" in row:  # TRL's trainers add their metrics after this method
                        planned_values = columns.beside(row, values, processes)
                        row |= {name: value for name, value in planned_values.items() if name not in row}
                        collected |= row

    Planned.__name__ = f"Planned{trainer.__name__}"
    Planned.__qualname__ = Planned.__name__
    return Planned


def _attached(trainer: Any, optimizer: Any, plan: PlanLike, options: PlanOptions, updates: int) -> Scheduler:
    """Attach a plan to the optimizer that a planned Trainer passes to `create_scheduler`, or else to its own.

    Args:
        trainer: the planned Trainer.
        optimizer: the optimizer; None for that of the Trainer.
        plan: the plan.
        options: the options of the call.
        updates: the length of the run.
    """
    facts: EngineFacts | None = trainer._paramsched_facts
    if facts is None:
        facts = _facts_of_arguments(trainer.args, None, updates, _replicas(trainer))
    _log_replaced_arguments(trainer.args)
    drive = "manual" if trainer.is_deepspeed_enabled else "optimizer"  # ZeRO steps once per group
    scheduler = facts.attach(trainer.optimizer if optimizer is None else optimizer, plan, options, drive=drive)
    if scheduler.last_epoch:  # an earlier train() used this optimizer
        scheduler.seek(0)
    return scheduler


def _use_created(trainer: Any, scheduler: Scheduler) -> None:
    """Let a planned Trainer use the Scheduler that it has created."""
    trainer.lr_scheduler = scheduler
    trainer._created_lr_scheduler = True
    if trainer._paramsched_schedulers is None:
        trainer._paramsched_schedulers = []
    trainer._paramsched_schedulers.append(scheduler)


def _count_batches(amounts: BatchAmounts, batches: Sequence[Any]) -> None:
    """Count the batches of one update."""
    for index, batch in enumerate(batches, 1):
        amounts.count_batch(batch, ends_update=index == len(batches))


class _HasPlan:
    """The mark of the classes that `planned` returns."""


def _add_callback(trainer: Any, scheduler: Scheduler, options: PlanOptions, writes: TargetWrites, updates: int) -> None:
    """Add what a planned Trainer does beside the steps of its optimizer, in place of that of an earlier `train()`.

    Args:
        trainer: the planned Trainer.
        scheduler: its Scheduler.
        options: the options of the call.
        writes: where the values of targets are written.
        updates: the length of the run.
    """
    metrics = MetricRelay(_CALL)
    trainer._paramsched_metrics = metrics
    evaluations = _evaluations_of(trainer.args, updates, scheduler.facts.updates_per_epoch)
    metrics.warn_of_patience(scheduler, evaluations, prefix="eval_")
    trainer._paramsched_columns = PlannedColumns(_CALL)
    facts = options.facts
    specified = options.amount_of or options.tokens_per_sample or (facts and facts.tokens_per_step)
    counts = getattr(trainer.args, "include_num_input_tokens_seen", "no") not in ("no", False)
    by_trainer = counts and not specified
    if by_trainer:
        options = replace(options, facts=None)
    amounts = batch_amounts(trainer.accelerator, scheduler, options, shards=_replicas(trainer))
    trainer._paramsched_amounts = amounts
    copies = _processes_of_one_batch(trainer, "tp", "cp") if by_trainer else 0
    trainer.remove_callback(plan_callback_class())
    writes = TargetWrites(writes.call, writes.root, writes.paths)
    trainer.add_callback(plan_callback_class()(trainer, scheduler, writes, metrics, amounts, copies))


@cache
def plan_callback_class() -> type[Any]:
    """Return the callback of a planned Trainer: the resume, the targets, the tokens and the end of a run."""
    from transformers import TrainerCallback

    class PlanCallback(TrainerCallback):  # type: ignore[misc]  # its type is Any
        def __init__(
            self,
            owner: Any,
            scheduler: Scheduler,
            writes: TargetWrites,
            metrics: MetricRelay,
            amounts: BatchAmounts,
            copies: int,
        ) -> None:
            # The Trainer counts each token `copies` times; 0 if it does not count them.
            self._owner = owner
            self._writes = writes
            self._copies = copies
            self._schedulers = [scheduler]  # the one in force
            self._metrics = metrics
            self._amounts = amounts
            self._ending = RunEnd(self._schedulers)
            self._trained = TrainedOptimizers(_CALL, self._schedulers)
            self._has_batch = False  # True if the present epoch has one

        def on_train_begin(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            _continue_at(state, self._schedulers[0], self._copies)
            self._owner._paramsched_begin = state.global_step
            self._writes.begin(self._owner, self._schedulers[0])
            self._reported = state.num_input_tokens_seen  # already reported, if the run resumes

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            self._has_batch = False

        def on_step_begin(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            self._has_batch = True
            self._follow()
            self._writes.write(self._schedulers[0])
            self._trained.check([self._owner.optimizer])

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            if self._copies:
                # Each of the processes that share a batch counts it.
                counted = state.num_input_tokens_seen - self._reported
                self._amounts.report(counted // self._copies, "tokens")
                self._reported = state.num_input_tokens_seen

        def on_optimizer_step(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            self._follow()

        def on_step_end(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            self._follow()

        def on_log(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            self._follow()

        def on_evaluate(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            self._follow()

        def on_epoch_end(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            self._follow()

        def _follow(self) -> None:
            """Use the Scheduler in force, which a callback before this one may have constructed with a changed plan."""
            scheduler = EngineHandle(self._schedulers[0]).in_force
            if scheduler is not self._schedulers[0]:
                self._schedulers[0] = scheduler
                self._amounts.scheduler = scheduler
                _use_scheduler(self._owner, scheduler)

        def on_train_end(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            self._follow()
            self._metrics.finish(self._schedulers[0])
            # The Trainer itself sets this flag at `max_steps`, and after an epoch without a batch: a stream has ended.
            is_stopped = control.should_training_stop and self._has_batch and state.global_step < state.max_steps
            self._ending.tell_short(_CALL, early=is_stopped)

    return PlanCallback


def _use_scheduler(trainer: Any, scheduler: Scheduler) -> None:
    """Let a planned Trainer use the Scheduler that has replaced its own."""
    trainer._paramsched_schedulers.append(scheduler)
    present = trainer.lr_scheduler
    if getattr(present, "scheduler", present) is present:
        trainer.lr_scheduler = scheduler
        trainer.callback_handler.lr_scheduler = scheduler
    else:  # DeepSpeed's wrapper has the Scheduler inside
        present.scheduler = scheduler


def _continue_at(state: Any, scheduler: Scheduler, copies: int) -> None:
    """Continue a plan at the Trainer's update if the checkpoint has no state of the plan.

    The Trainer restores neither the optimizer nor the scheduler, and reports nothing, if one of the two files is
    missing.

    Raises:
        MissingFact: the plan counts an amount that the checkpoint does not contain.
    """
    if not state.global_step or scheduler.t:
        return
    unit = scheduler.plan.clock
    amount = dict[str, int]()
    if unit == "tokens" and copies and state.num_input_tokens_seen:
        amount = {unit: state.num_input_tokens_seen // copies}
    try:
        scheduler.seek(state.global_step, **amount)
    except MissingFact as error:  # a measured or reported amount
        raise messages.amount_not_saved(_CALL, state.global_step, unit, error) from None
    sentence = messages.checkpoint_without_plan(state.global_step)
    EngineHandle(scheduler).processes.log(messages.CONTINUED, _CALL, sentence)


def _metric_event(trainer: Any, *, is_evaluation: bool) -> AbstractContextManager[dict[str, Any]]:
    """Return a context that reports the metrics collected in it to the plan of a Trainer, if the Trainer trains.

    Metrics before the first update of a run, or of its resumed part, are not reported: on the evaluation of
    `eval_on_start` the Trainer does not step its own scheduler.

    Args:
        trainer: the Trainer.
        is_evaluation: as in `MetricRelay.event`.
    """
    has_begun = trainer.is_in_train and trainer.state.global_step > trainer._paramsched_begin
    if isinstance(trainer.lr_scheduler, Scheduler) and has_begun:
        relay: MetricRelay = trainer._paramsched_metrics
        return relay.event(trainer.lr_scheduler, is_evaluation=is_evaluation)
    return nullcontext({})


def _logged_values(scheduler: Scheduler, rate: Any) -> dict[str, float]:
    """Return the scalars of a Scheduler, those of a group only if its line or its base differs from the first group's.

    If all groups have the same rate, it is omitted too, because the Trainer logs it.

    Args:
        scheduler: the Scheduler.
        rate: the `learning_rate` that the Trainer logs, that of the first group.
    """
    values = scheduler.scalars()
    first: dict[str, tuple[Any, ...]] = {}
    rates = []
    for line in EngineHandle(scheduler).lines():
        name = line.field.slot + line.group
        values_of_line = (line.schedule, line.clock, line.base)
        first_name, *values_of_first = first.setdefault(line.field.slot, (name, *values_of_line))
        if name != first_name and tuple(values_of_first) == values_of_line:
            del values[name]
        elif line.field == Field.of("lr"):
            rates.append(name)
    if len(rates) == 1 and is_value(rate, values[rates[0]]):
        del values[rates[0]]
    return values


def _processes_of_one_batch(trainer: Any, *kinds: str) -> int:
    """Return the number of processes with the same batch, as in tensor, context and sequence parallelism."""
    sizes = (getattr(trainer, f"get_{kind}_size", None) for kind in kinds)  # some are new in Transformers 4.57
    return prod(size() for size in sizes if size is not None)


def _replicas(trainer: Any) -> int:
    """Return the number of data shards."""
    world: int = trainer.args.world_size
    return world // _processes_of_one_batch(trainer, "tp", "cp", "sp") or 1


def _evaluations_of(args: Any, updates: int, epoch: int | None) -> int | None:
    """Return the number of evaluations in a run that the plan observes; None if it is unknown.

    Args:
        args: the arguments of the Trainer.
        updates: the number of updates in the run.
        epoch: the number of updates in an epoch; None if unknown.
    """
    strategy = str(getattr(args.eval_strategy, "value", args.eval_strategy))
    delay = args.eval_delay or 0
    every: float
    if strategy == "no":
        return 0
    if strategy == "steps":
        every = ceil(updates * args.eval_steps) if args.eval_steps < 1 else args.eval_steps
    elif strategy == "epoch" and epoch is not None:
        every = epoch
        delay *= epoch
    else:
        return None
    if updates < delay:
        return 0
    return ceil(updates / every) - max(1, ceil(delay / every)) + 1  # the last update is evaluated too


def _refuse_other_scheduler(trainer: Any, advice: str) -> None:
    """Raise if a planned Trainer has a scheduler that is not of its plan.

    Args:
        trainer: the Trainer.
        advice: the way out, for a scheduler that the config of DeepSpeed does not contain.

    Raises:
        InvalidArgument: it has one.
    """
    present = trainer.lr_scheduler
    present = getattr(present, "scheduler", present)  # DeepSpeed's wrapper has the Scheduler inside
    if any(scheduler is present for scheduler in trainer._paramsched_schedulers or ()):
        return
    if trainer.is_deepspeed_enabled:
        raise messages.scheduler_of_deepspeed(_CALL)
    raise messages.other_scheduler(_CALL, present, advice)


_REPLACED: Final = ("lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "warmup_ratio")
"""The arguments of the Trainer's own scheduler, for which a plan is used."""


def _log_replaced_arguments(args: Any) -> None:
    """Log the arguments of a scheduler that the plan replaces, if they differ from the defaults of their class."""
    changed = []
    for field in fields(args):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        value = getattr(args, field.name)
        if field.name in _REPLACED and value != default and (value or default):
            changed.append(f"{field.name}={getattr(value, 'value', value)!r}")
    if changed:
        WORLD.log(messages.REPLACED_ARGUMENTS, _CALL, ", ".join(changed))


def _facts_of_arguments(args: Any, batches: int | None, total: DurationLike | None, replicas: int) -> EngineFacts:
    """Return the run facts that the Trainer computed."""
    return EngineFacts(
        call="transformers.planned",
        batches=batches,
        accumulation=args.gradient_accumulation_steps,
        batch_size=args.train_batch_size,  # of all devices of a process
        processes=replicas,
        total=total,
        why={
            "steps_per_epoch": "the training set has no length",
            "tokens_per_step": "samples may have any length",
        },
        warns_of_metrics=True,
    )


def __dir__() -> list[str]:
    return __all__
