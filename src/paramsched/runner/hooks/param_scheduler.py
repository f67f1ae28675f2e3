"""Hooks that step schedulers, and hooks of MMEngine that have no effect in this Runner."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from torch.optim import Optimizer

from paramsched.base.near_names import did_you_mean
from paramsched.compat.pytorch_accelerated import replace_trainer_placeholder_values
from paramsched.errors import CallSite, InvalidArgument
from paramsched.runner._param_schedulers import distinct_schedulers
from paramsched.runner.hooks.hook import Hook
from paramsched.runner.metrics import HOOKS
from paramsched.runs import Scheduler

if TYPE_CHECKING:
    from paramsched.runner.runner import Runner


@HOOKS.register_module()
class ParamSchedulerHook(Hook):
    """Step schedulers after each batch or epoch, and plateau schedulers after each validation.

    Args:
        count: when schedulers with `by_epoch=False` are stepped: after all `"batches"` (default), as in MMEngine, or
            only after completed `"updates"`.

    Raises:
        InvalidArgument: if `count` is neither `"batches"` nor `"updates"`.

    Differs from MMEngine's hook: the argument `count` is new. In a run whose length is in iterations, schedulers with
    `by_epoch=True` are stepped after each pass over the loader (docs/compat/divergences.md, MMEngine 18 and 25).
    """

    priority = "LOW"

    def __init__(self, count: Literal["batches", "updates"] = "batches") -> None:
        if count not in ("batches", "updates"):
            raise InvalidArgument(
                CallSite("ParamSchedulerHook", "count", f"{count!r}"),
                did_you_mean(str(count), ("batches", "updates")),
                'Write count="updates"',
            )
        self.count = count
        self._updates: dict[str, int] = {}

    def before_train(self, runner: "Runner") -> None:
        self._updates = {name: stepper.updates for name, stepper in runner.steppers.items()}

    def after_train_iter(
        self, runner: "Runner", batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        for name, scheduler in _schedulers_to_tick(runner):
            has_updated = runner.steppers[name].updates > self._updates.get(name, 0)
            if not scheduler.by_epoch and (self.count == "batches" or has_updated):
                scheduler.step()
        self._updates = {name: stepper.updates for name, stepper in runner.steppers.items()}
        # A run by iterations is one epoch for hooks, but schedulers by epoch count passes over the loader
        # (docs/compat/divergences.md, MMEngine 25).
        if runner.training.by_iterations and (runner.iter + 1) % runner.training.epoch_length == 0:
            _tick_by_epoch(runner)

    def after_train_epoch(self, runner: "Runner") -> None:
        if not runner.training.by_iterations:
            _tick_by_epoch(runner)

    def after_val_epoch(self, runner: "Runner", metrics: dict[str, Any] | None = None) -> None:
        if metrics is None:
            return
        for scheduler in distinct_schedulers(runner.schedulers):
            if not isinstance(scheduler, Scheduler):
                if scheduler.by_epoch and getattr(scheduler, "need_val_args", False):
                    scheduler.step(metrics)
                continue
            watched = {rule.metric for rule in scheduler.states}
            missing = sorted(watched - metrics.keys())
            if missing:
                raise InvalidArgument(
                    f'plateau("{missing[0]}")',
                    f"the validation did not compute {missing[0]!r}; {did_you_mean(missing[0], metrics)}",
                    "Monitor one of these, or add a metric of that name to val_evaluator",
                )
            if watched:
                scheduler.observe(**{name: metrics[name] for name in watched})


def _schedulers_to_tick(runner: "Runner") -> Iterator[tuple[str, Any]]:
    for name, schedulers in runner.schedulers.items():
        for scheduler in schedulers:
            if not isinstance(scheduler, Scheduler):
                yield name, scheduler


def _tick_by_epoch(runner: "Runner") -> None:
    for _, scheduler in _schedulers_to_tick(runner):
        if scheduler.by_epoch:
            scheduler.step()


@HOOKS.register_module()
class UpdateSchedulerHook(Hook):
    """Build a scheduler as pytorch-accelerated's `Trainer` does, and step it after each completed update.

    `Runner(custom_hooks=[UpdateSchedulerHook(CosineLrScheduler.create_scheduler_fn(num_warmup_epochs=5))], …)`

    `step()` is called without arguments. It is not called while gradients accumulate, nor for an update that a scaler
    skipped. The scheduler's state is saved in the checkpoints. Placeholders for the epochs of the run, the updates per
    epoch and the lengths of loaders are replaced.

    Args:
        create_scheduler_fn: a function of the optimizer that returns an object with `step`, `state_dict` and
            `load_state_dict`: a scheduler of pytorch-accelerated or torch, or one of our drop-ins.
        optimizer: the name of the optimizer whose updates count, if there are several.

    Raises:
        InvalidArgument: if `create_scheduler_fn` is not callable.

    Source: pytorch-accelerated `Trainer.train(create_scheduler_fn=…)`.
    """

    priority = "LOW"

    def __init__(self, create_scheduler_fn: Callable[[Optimizer], Any], optimizer: str = "") -> None:
        if not callable(create_scheduler_fn):
            raise InvalidArgument(
                f"UpdateSchedulerHook({create_scheduler_fn!r})",
                "expected a function of the optimizer",
                "Write CosineLrScheduler.create_scheduler_fn(), or lambda optimizer: StepLR(optimizer, 30)",
            )
        self.create_scheduler_fn, self.optimizer = create_scheduler_fn, optimizer
        self.scheduler: Any = None
        self._updates = 0

    def before_run(self, runner: "Runner") -> None:
        if runner.train_loop is None:
            return
        facts = runner.facts
        assert facts is not None  # the training is prepared before the hook is called
        updates = facts.calendar_for(self.optimizer).updates_per_epoch
        trainer = SimpleNamespace(  # the attributes of pytorch-accelerated's Trainer that placeholders read
            run_config=SimpleNamespace(
                num_epochs=runner.max_epochs,
                num_update_steps_per_epoch=updates * runner.accelerator.num_processes,
                num_local_update_steps_per_epoch=updates,
            ),
            _train_dataloader=range(facts.epoch_length),
            _eval_dataloader=() if runner.val_loop is None else runner.val_loop.dataloader,
        )
        create = replace_trainer_placeholder_values(trainer, self.create_scheduler_fn)
        self.scheduler = create(runner.steppers[self.optimizer].optimizer)

    def before_train(self, runner: "Runner") -> None:
        self._updates = runner.steppers[self.optimizer].updates

    def after_train_iter(
        self, runner: "Runner", batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        updates = runner.steppers[self.optimizer].updates
        if updates > self._updates:
            self.scheduler.step()
        self._updates = updates

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the scheduler."""
        return {} if self.scheduler is None else dict(self.scheduler.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the scheduler, which is built before the checkpoint is loaded."""
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state)


@HOOKS.register_module()
class RuntimeInfoHook(Hook):
    """A hook without effect, because the LoggerHook reports the progress of the run."""

    priority = "VERY_HIGH"


@HOOKS.register_module()
class IterTimerHook(Hook):
    """A hook without effect, because the progress bar shows the time."""


@HOOKS.register_module()
class DistSamplerSeedHook(Hook):
    """A hook without effect, because Accelerate seeds the order of the samples of each epoch."""
