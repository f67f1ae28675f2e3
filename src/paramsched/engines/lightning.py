"""Lightning. Construct `ps.Scheduler(optimizer, plan)` in `configure_optimizers`; returning it is optional.

`PlanCallback(plan)` needs no change of the module: `Trainer(callbacks=[PlanCallback(plan)])`. It provides the
total and the epoch length in updates, passes metrics, logs every scheduled field, and is part of the checkpoints.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Unpack, final

from paramsched.engines.torch_required import torch
from paramsched.core.plan import PlanLike, check_names, refuse_several_plans
from paramsched.core.run import EngineHandle, Scheduler, remove_entries
from paramsched.engines.engine_facts import (
    EngineFacts,
    LoopOptions,
    batch_size_of,
    check_plan,
    options_of,
    with_named_options,
    without_optimizer,
)
from paramsched.engines.messages import adapters as messages
from paramsched.engines.reporting import BatchAmounts, MetricRelay, PlannedColumns, callbacks_on_demand
from paramsched.engines.run_end import RunEnd
from paramsched.engines.writes import TargetWrites, TrainedOptimizers, Write, warn_of_other_schedulers


class _LightningPlan:
    """Applies a plan to the optimizers of the module that the Trainer fits.

    A group that Lightning's `BaseFinetuning` adds during the run with a tenth of the present lr has no base of its own.
    The plan continues from this lr: the callback writes the base as `initial_lr` of the group, and logs the group.
    Another lr is the base, and so is that of a group with a line of its own.

    With automatic optimization the Trainer knows the number of updates. With manual optimization only the module knows
    when its optimizers step, so units other than updates need run facts, such as `steps_per_epoch=100`.

    Args:
        plan: the plan, its text or its file. Without `optimizers`, every optimizer of the module follows it on its own
            clock.
        optimizers: names for several optimizers, in the order of `configure_optimizers`. One Scheduler then drives
            them on one clock, and the plan may select them: `groups: critic`.
        drive: as in `ps.Scheduler`: `"optimizer"`, or the name of the optimizer whose updates are counted.
        observe: when metrics are passed to the plan's metric rules: at the end of each validation of the fit
            (`"validation"`) or of each training epoch (`"epoch"`). A metric that was not logged since then does not
            count again.
        log: True to log the values to the Trainer's loggers, every `log_every_n_steps` updates. A value whose name the
            module logs itself is logged as `planned/NAME`, with a warning.
        write: a dict from the name of a target of the plan to the path of an attribute of the module, or to several:
            `write={"entropy_coef": "entropy_coef"}`. The value is written before the forward pass of each update.
        options: those that adapters share, `paramsched.engines.engine_facts.LoopOptions`.

    Raises:
        MissingDependency: Lightning is not installed.
        InvalidArgument: `plan` is a list or a mapping of plans; the message shows the combined plan.
    """

    @with_named_options
    @without_optimizer("PlanCallback(plan)", most=2)
    def __init__(
        self,
        plan: PlanLike,
        *,
        optimizers: Sequence[str] | None = None,
        drive: str = "optimizer",
        observe: Literal["validation", "epoch"] = "validation",
        log: bool = True,
        write: Write | None = None,
        **options: Unpack[LoopOptions],
    ) -> None:
        super().__init__()
        if observe not in ("validation", "epoch"):
            raise messages.unknown_time_of_metrics(observe)
        refuse_several_plans("PlanCallback", plan, optimizers or (), "PlanCallback({plan}, optimizers={names})")
        if optimizers is None and drive != "optimizer":
            raise messages.drive_without_names(drive)
        if isinstance(optimizers, str):
            raise messages.one_name(optimizers)
        self._plan = plan
        self._names = None if optimizers is None else tuple(optimizers)
        self._drive = drive
        if self._names is not None:
            check_names("Scheduler", dict.fromkeys(self._names))
            if len(set(self._names)) < len(self._names):
                raise messages.name_twice(self._names)
        check_plan("PlanCallback", plan, self._names or ())
        self._options = options_of("PlanCallback", _LightningPlan, options)
        self._observe = observe
        self._log = log
        self._metrics = MetricRelay("PlanCallback")
        self._columns = PlannedColumns("PlanCallback")
        self._loaded: list[dict[str, Any]] = []
        self._new_metrics = _NewMetrics()
        self._unreported: dict[str, Any] = {}  # metrics of a checkpoint, or of an ended fit
        self._is_due = False  # a validation of the fit is over, and was not reported yet
        self._fitting: Any = None  # the Trainer during a fit
        self._logged = -1  # the last update whose values were logged
        self._amounts: list[BatchAmounts] = []
        self.schedulers: list[Scheduler] = []
        self._fits = 0
        self._finetunes = False
        self._ending = RunEnd(())
        self._trained = TrainedOptimizers("PlanCallback", ())
        self._writes = TargetWrites("PlanCallback", "module", {} if write is None else write)

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Attach the plans: the optimizers exist now, and their checkpoints are loaded later."""
        optimizers = self._named_optimizers(trainer)
        self._fits += 1
        facts = _facts_of_trainer(trainer, pl_module)
        present = [config.scheduler for config in trainer.lr_scheduler_configs]
        _refuse_other_plans(present, trainer.optimizers)
        finetuning = [index for index, callback in enumerate(trainer.callbacks) if _is_finetuning(callback)]
        self._finetunes = bool(finetuning)
        # A resumed BaseFinetuning has replaced all groups by those of the save, with the lr that they had when they
        # were added: the bases of the code are unknown.
        is_restored = bool(finetuning and self._loaded) and finetuning[0] < trainer.callbacks.index(self)
        if is_restored:
            _restore_rates(trainer.optimizers)
        self.schedulers = [
            facts.attach(optimizer, self._plan, self._options, drive=self._drive) for optimizer in optimizers
        ]
        for scheduler in self.schedulers:
            EngineHandle(scheduler).set_known_bases(of_code=not is_restored, of_added=not (finetuning and self._loaded))
        self._metrics.warn_of_patience(self.schedulers[0], _evaluations_of(trainer, pl_module, self._observe))
        for scheduler in self.schedulers:
            warn_of_other_schedulers(scheduler, present, "configure_optimizers")

    def _named_optimizers(self, trainer: Any) -> list[Any]:
        """Return the optimizers of a Trainer, or a dict of all of them if they have names."""
        optimizers: list[Any] = trainer.optimizers
        if self._names is None:
            return optimizers
        if len(self._names) != len(optimizers):
            raise messages.other_number_of_optimizers(self._names, len(optimizers))
        return [dict(zip(self._names, optimizers, strict=True))]

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        for scheduler, state in zip(self.schedulers, self._loaded, strict=False):
            scheduler.load_state_dict(state)
        done = trainer.global_step
        alone = len(trainer.optimizers) == 1  # with several, Lightning counts the steps of all together
        if not self._loaded and alone and done and self.schedulers[0].t == 0:
            why = "of an earlier fit" if self._fits > 1 else "of a run without a plan"
            EngineHandle(self.schedulers[0]).processes.log(messages.UPDATES_BEFORE, done, why, done)
            self.schedulers[0].seek(done)
        if not self._loaded:
            self._unreported = {}  # of an earlier fit
            self._is_due = False
        if self._is_due:  # a callback before this one saved at the end of a validation, which is not repeated
            self._report(self._unreported)
        self._loaded = []
        self._fitting = trainer
        self._new_metrics = _NewMetrics()
        self._amounts = [
            BatchAmounts(scheduler, self._options, _replicas(trainer), partial(_sum_by_trainer, trainer))
            for scheduler in self.schedulers
        ]
        self._ending = RunEnd(self.schedulers)
        self._trained = TrainedOptimizers("PlanCallback", self.schedulers)
        self._writes.begin(pl_module, self.schedulers[0])

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Write the targets, and count the batch before `optimizer.step`, inside which `training_step` runs."""
        if self._finetunes:  # here, because other callbacks add groups when the epoch starts
            for scheduler in self.schedulers:
                EngineHandle(scheduler).keep_added_rates()
        self._writes.write(self.schedulers[0])
        self._trained.check(trainer.optimizers)
        ends_update = None
        if pl_module.automatic_optimization:
            ends_update = (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch
        for amounts in self._amounts:
            amounts.count_batch(batch, ends_update=ends_update)

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Log the values that the update uses."""
        step = trainer.global_step if self._names is None else self.schedulers[0].t
        if not self._log or step % trainer.log_every_n_steps or (self._names is not None and step == self._logged):
            return
        self._logged = step  # several optimizers step in one update
        for index, scheduler in enumerate(self.schedulers):
            if self._names is not None or scheduler.optimizer is optimizer:
                prefix = f"optimizer_{index}/" if len(self.schedulers) > 1 else ""
                values = {prefix + name: value for name, value in scheduler.scalars("coming").items()}
                values = self._columns.beside(trainer.logged_metrics, values, EngineHandle(scheduler).processes)
                for logger in trainer.loggers:
                    logger.log_metrics(values, step=step)

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self._is_due = self._observe == "validation" and self._fitting is not None

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if self._observe == "validation" and self._fitting is not None:  # not trainer.validate(), not the sanity check
            self._observe_metrics(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if self._observe == "epoch":
            self._observe_metrics(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self._end_fit()
        for scheduler in self.schedulers:
            self._metrics.finish(scheduler)
        is_stopped = trainer.should_stop and not _is_out_of_time(trainer)
        self._ending.tell_short("PlanCallback", early=is_stopped or trainer.interrupted)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self._end_fit()

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {"schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}
        # Lightning does not save its metrics, so a resumed run would not report those that the plan has not observed.
        metrics = self._unreported if self._fitting is None else self._metrics_to_report(self._fitting)
        watched = {rule.metric for scheduler in self.schedulers for rule in scheduler.plan.metric_rules}
        unreported = {name: float(metrics[name]) for name in watched if metrics.get(name) is not None}
        if unreported:
            state["metrics"] = unreported
        if self._is_due:
            state["is_due"] = True
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._loaded = list(state_dict["schedulers"])  # Lightning loads callbacks before it creates optimizers
        self._unreported = dict(state_dict.get("metrics", {}))
        self._is_due = state_dict.get("is_due", False)

    def _end_fit(self) -> None:
        """Keep the metrics that the plan has not observed, because `trainer.validate()` would replace them."""
        if self._fitting is not None:
            self._unreported = self._metrics_to_report(self._fitting)
            self._fitting = None

    def _metrics_to_report(self, trainer: Any) -> dict[str, Any]:
        """Return the metrics that were logged since the last report, also by the fit that saved the checkpoint."""
        return {**self._unreported, **self._new_metrics.of(trainer.callback_metrics)}

    def _observe_metrics(self, trainer: Any) -> None:
        metrics = self._metrics_to_report(trainer)
        self._new_metrics.mark_reported(trainer.callback_metrics)
        self._report(metrics)

    def _report(self, metrics: dict[str, Any]) -> None:
        self._unreported = {}
        self._is_due = False
        for scheduler in self.schedulers:
            self._metrics.report(scheduler, metrics, is_evaluation=True)


def _restore_rates(optimizers: Sequence[Any]) -> None:
    """Remove the entries of a plan from the groups of a save; the checkpoint has them too, and is loaded later."""
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        remove_entries([group])
        group["lr"] = group.pop("initial_lr", group["lr"])


@final
class _NewMetrics:
    """Finds the metrics that a Trainer has logged since they were last reported.

    `Trainer.callback_metrics` keeps a metric until it is logged again. Lightning creates a tensor for each value that
    it logs, so a metric is new if it is another tensor. Its value does not matter: it may be the same for a long time.
    """

    def __init__(self) -> None:
        self._reported: Mapping[str, Any] = {}  # refers to the tensors, so that no new tensor gets their memory

    def of(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Return the new ones of the metrics of a Trainer."""
        return {
            name: value
            for name, value in metrics.items()
            if name not in self._reported or not _is_same_tensor(value, self._reported[name])
        }

    def mark_reported(self, metrics: MutableMapping[str, Any]) -> None:
        """Note the present metrics of a Trainer, which are new no longer."""
        for name, value in metrics.items():
            if isinstance(value, Real):  # not logged, but written by hand; Python may have one object for equal numbers
                metrics[name] = torch.tensor(float(value), dtype=torch.float64)
        self._reported = dict(metrics)


def _is_same_tensor(value: Any, stored: Any) -> bool:
    """Return whether two metrics are one tensor; Lightning detaches it anew each time it is read."""
    if isinstance(value, torch.Tensor) and isinstance(stored, torch.Tensor):
        return value.untyped_storage().data_ptr() == stored.untyped_storage().data_ptr()
    return value is stored


def _facts_of_trainer(trainer: Any, module: Any) -> EngineFacts:
    """Return the run facts of a Trainer whose optimizers exist."""
    trainer.fit_loop.setup_data()  # Lightning would call it after the callbacks; its second call has no effect
    if not module.automatic_optimization:
        reason = messages.MANUAL_OPTIMIZATION
        size = batch_size_of(trainer.train_dataloader)
        return EngineFacts(
            call="PlanCallback",
            batch_size=size,
            processes=_replicas(trainer),
            why={"steps_per_epoch": reason, "total": reason},
            warns_of_metrics=True,
            fixed_sizes=() if size is None else ("batch_size",),
        )
    batches = trainer.num_training_batches
    total = trainer.estimated_stepping_batches
    why_epoch = "the training loader has no length"
    updates = _updates_of_changing_accumulation(trainer)
    if updates is not None:
        batches = 0
        total = updates
        why_epoch = messages.ACCUMULATION_CHANGES
    return EngineFacts(
        call="PlanCallback",
        batches=int(batches) if 0 < batches < float("inf") else None,
        accumulation=trainer.accumulate_grad_batches,
        batch_size=batch_size_of(trainer.train_dataloader),
        processes=_replicas(trainer),
        total=int(total) if 0 < total < float("inf") else None,
        why={
            "steps_per_epoch": why_epoch,
            "total": messages.NO_LENGTH_OF_RUN,
            "batch_size": "the training loader has no batch size",
        },
        warns_of_metrics=True,
    )


def _updates_of_changing_accumulation(trainer: Any) -> float | None:
    """Return the updates of a run whose accumulation a callback of Lightning changes; None if it does not."""
    plans = [
        callback.scheduling
        for callback in trainer.callbacks
        if type(callback).__name__ == "GradientAccumulationScheduler"
    ]
    batches = trainer.num_training_batches
    epochs = trainer.max_epochs
    if not plans or len(set(plans[0].values())) < 2 or not (0 < batches < float("inf") and epochs and epochs > 0):
        return None
    factors = [plans[0][max(begin for begin in plans[0] if begin <= epoch)] for epoch in range(epochs)]
    total: float = sum(-(-batches // factor) for factor in factors)
    return min(total, float(trainer.max_steps)) if trainer.max_steps > 0 else total


def _refuse_other_plans(schedulers: Sequence[Any], optimizers: Sequence[Any]) -> None:
    """Raise if the module returns a Scheduler of an optimizer, which the plan of the callback would replace.

    Raises:
        InvalidArgument: it returns one.
    """
    for scheduler in schedulers:
        if isinstance(scheduler, Scheduler) and any(
            optimizer is other for optimizer in scheduler.optimizers.values() for other in optimizers
        ):
            raise messages.plan_of_module()


def _evaluations_of(trainer: Any, module: Any, observe: str) -> int | None:
    """Return how often a run passes metrics to the plan; None if this is unknown.

    Args:
        trainer: the Trainer, whose data are set up.
        module: the module.
        observe: when metrics are passed, as in `PlanCallback`.
    """
    if observe == "validation" and not trainer.enable_validation:
        return 0
    batches = trainer.num_training_batches
    interval = trainer.val_check_batch
    every = trainer.check_val_every_n_epoch
    epochs = trainer.max_epochs
    accumulation = trainer.accumulate_grad_batches
    rest = 0
    if not 0 < batches < float("inf"):
        return None
    if trainer.max_steps > 0:
        if not module.automatic_optimization or _updates_of_changing_accumulation(trainer) is not None:
            return None
        whole, left = divmod(trainer.max_steps, -(-batches // accumulation))
        if not 0 < epochs <= whole:
            epochs = whole
            rest = left * accumulation  # the batches of the last epoch, which is not complete
    elif epochs < 0:
        return None
    if observe == "epoch":
        return int(epochs) + (rest > 0)
    if interval is None:  # the time determines when it validates
        return None
    if every is None:
        return int((epochs * batches + rest) // interval)
    count = epochs // every * (batches // interval)
    if (epochs + 1) % every == 0:
        count += rest // interval
    return int(count)


def _is_out_of_time(trainer: Any) -> bool:
    """Return whether a `Timer` of either of the two packages of Lightning, as with `max_time`, has ended the run."""
    limits = [callback.time_remaining() for callback in trainer.callbacks if type(callback).__name__ == "Timer"]
    return any(seconds is not None and seconds <= 0 for seconds in limits)


def _is_finetuning(callback: Any) -> bool:
    """Return whether a callback is a `BaseFinetuning`, of either of the two packages of Lightning."""
    return any(kind.__name__ == "BaseFinetuning" for kind in type(callback).__mro__)


def _replicas(trainer: Any) -> int:
    """Return the number of data shards. Ranks that share batches, as in tensor parallelism, are one shard."""
    sampling = trainer.distributed_sampler_kwargs  # None if there is one device
    return 1 if sampling is None else int(sampling["num_replicas"])


def _sum_by_trainer(trainer: Any, amount: torch.Tensor) -> torch.Tensor:
    """Return the sum of `amount` over all data shards; a shard on several ranks counts once."""
    strategy = trainer.strategy
    summed = strategy.reduce(amount.to(strategy.root_device), reduce_op="sum")
    total: torch.Tensor = summed // (trainer.world_size // _replicas(trainer))
    return total


if TYPE_CHECKING:
    PlanCallback = _LightningPlan
else:
    _bases = ("lightning.pytorch.Callback", "pytorch_lightning.Callback")
    __getattr__ = callbacks_on_demand(__name__, {"PlanCallback": _LightningPlan}, *_bases, library="lightning")


def __dir__() -> list[str]:
    return ["PlanCallback"]
