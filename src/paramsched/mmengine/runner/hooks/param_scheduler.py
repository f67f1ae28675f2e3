"""Hooks that step schedulers, and hooks of MMEngine that have no effect in this Runner."""

from typing import Any

from paramsched.core.base.near_names import did_you_mean
from paramsched.core.run import Scheduler
from paramsched.engines.trained_optimizers import TrainedOptimizers
from paramsched.errors import InvalidArgument
from paramsched.mmengine.registry import HOOKS
from paramsched.mmengine.runner._param_schedulers import distinct_schedulers
from paramsched.mmengine.runner.context import RunContext
from paramsched.mmengine.runner.hooks.hook import Hook


@HOOKS.register_module()
class ParamSchedulerHook(Hook):
    """Step schedulers after each batch or epoch, and plateau schedulers after each validation.

    Differs from MMEngine's hook: in a run whose length is in iterations, schedulers with `by_epoch=True` are stepped
    after each pass over the loader. A plan observes the metrics of the validations during the training, not those of
    `Runner.val()`.
    """

    priority = "LOW"

    def __init__(self) -> None:
        self._trained: TrainedOptimizers | None = None
        self._trains = False

    def before_train(self, runner: RunContext) -> None:
        plans = [one for one in distinct_schedulers(runner.schedulers) if isinstance(one, Scheduler)]
        self._trained = TrainedOptimizers("Runner", plans) if plans else None
        self._trains = True

    def after_train(self, runner: RunContext) -> None:
        self._trains = False

    def after_train_iter(
        self, runner: RunContext, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        if self._trained is not None:
            self._trained.check(one.optimizer for one in runner.steppers.values())
        _step_schedulers(runner, by_epoch=False)
        # A run by iterations is one epoch for hooks, but schedulers by epoch count passes over the loader.
        if runner.training.by_iterations and (runner.iter + 1) % runner.training.epoch_length == 0:
            _step_schedulers(runner, by_epoch=True)

    def after_train_epoch(self, runner: RunContext) -> None:
        if not runner.training.by_iterations:
            _step_schedulers(runner, by_epoch=True)

    def after_val_epoch(self, runner: RunContext, metrics: dict[str, Any] | None = None) -> None:
        if metrics is None:
            return
        for scheduler in distinct_schedulers(runner.schedulers):
            if not isinstance(scheduler, Scheduler):
                if scheduler.by_epoch and getattr(scheduler, "need_val_args", False):
                    scheduler.step(metrics)
                continue
            if not self._trains:
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


def _step_schedulers(runner: RunContext, *, by_epoch: bool) -> None:
    """Step the schedulers of MMEngine with this `by_epoch`; a plan counts the updates itself."""
    for schedulers in runner.schedulers.values():
        for scheduler in schedulers:
            if not isinstance(scheduler, Scheduler) and scheduler.by_epoch == by_epoch:
                scheduler.step()


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
