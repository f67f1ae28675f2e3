"""ParamSchedulerHook: what moves MMEngine's schedulers. A Plan is driven by the optimizer's own step."""

from collections.abc import Iterator
from typing import Any, Literal

from paramsched.errors import Asked, InvalidArgument, nearest
from paramsched.runner.hooks.hook import Hook
from paramsched.runner.registry import HOOKS
from paramsched.runner.view import RunnerView
from paramsched.scheduler import Scheduler


@HOOKS.register_module()
class ParamSchedulerHook(Hook):
    """Tick schedulers after each batch or epoch, as MMEngine does; tell plateaus the metrics of a validation.

    Args:
        count: what a scheduler with `by_epoch=False` counts: `"batches"`, as MMEngine's do also while gradients are
            accumulated, or `"updates"`, those that happened.

    Raises:
        InvalidArgument: `count` is neither.

    Differs from MMEngine's in rows 18 and 25 of docs/compat/divergences.md: the option, and in a run by iterations
    schedulers by epoch tick after each pass over the loader.
    """

    priority = "LOW"

    def __init__(self, count: Literal["batches", "updates"] = "batches") -> None:
        if count not in ("batches", "updates"):
            raise InvalidArgument(
                Asked("ParamSchedulerHook", "count", f"{count!r}"),
                nearest(str(count), ("batches", "updates")),
                'Write count="updates"',
            )
        self.count = count
        self._updates: dict[str, int] = {}

    def before_train(self, runner: RunnerView) -> None:
        self._updates = {name: stepper.updates for name, stepper in runner.steppers.items()}

    def after_train_iter(
        self, runner: RunnerView, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        for name, scheduler in _schedulers_to_tick(runner):
            if not scheduler.by_epoch and (self.count == "batches" or self._has_updated(runner, name)):
                scheduler.step()
        self._updates = {name: stepper.updates for name, stepper in runner.steppers.items()}
        # A run by iterations has one epoch for its hooks; schedulers by epoch count passes over the loader (row 25).
        if runner.training.by_iterations and (runner.iter + 1) % runner.training.epoch_length == 0:
            _tick_by_epoch(runner)

    def after_train_epoch(self, runner: RunnerView) -> None:
        if not runner.training.by_iterations:
            _tick_by_epoch(runner)

    def after_val_epoch(self, runner: RunnerView, metrics: dict[str, Any] | None = None) -> None:
        if metrics is None:
            return
        for schedulers in runner.schedulers.values():
            for scheduler in schedulers:
                if isinstance(scheduler, Scheduler):
                    _tell_metrics(scheduler, metrics)
                elif scheduler.by_epoch and getattr(scheduler, "need_val_args", False):
                    scheduler.step(metrics)

    def _has_updated(self, runner: RunnerView, name: str) -> bool:
        return bool(runner.steppers[name].updates > self._updates.get(name, 0))


def _schedulers_to_tick(runner: RunnerView) -> Iterator[tuple[str, Any]]:
    """The schedulers that are ticked, and the name of their optimizer."""
    for name, schedulers in runner.schedulers.items():
        for scheduler in schedulers:
            if not isinstance(scheduler, Scheduler):
                yield name, scheduler


def _tick_by_epoch(runner: RunnerView) -> None:
    for _, scheduler in _schedulers_to_tick(runner):
        if scheduler.by_epoch:
            scheduler.step()


def _tell_metrics(scheduler: Scheduler, metrics: dict[str, Any]) -> None:
    """Tell a plan's rules what they watch."""
    watched = {rule.metric for rule in scheduler.states}
    for name in sorted(watched):
        if name not in metrics:
            raise InvalidArgument(
                f'plateau("{name}")',
                f"the validation computed no {name!r}; {nearest(name, metrics)}",
                "Watch one of these, or add a metric of that name to val_evaluator",
            )
    if watched:
        scheduler.observe(**{name: metrics[name] for name in watched})
