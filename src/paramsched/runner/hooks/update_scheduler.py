"""UpdateSchedulerHook: a scheduler that is stepped after every update, such as pytorch-accelerated's."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from torch.optim import Optimizer

from paramsched.compat.pytorch_accelerated import replace_trainer_placeholder_values
from paramsched.errors import InvalidArgument
from paramsched.runner.hooks.hook import Hook
from paramsched.runner.registry import HOOKS
from paramsched.runner.view import RunnerView


@HOOKS.register_module()
class UpdateSchedulerHook(Hook):
    """Build a scheduler as pytorch-accelerated's `Trainer` does, and step it after each update that happened.

    `Runner(custom_hooks=[UpdateSchedulerHook(CosineLrScheduler.create_scheduler_fn(num_warmup_epochs=5))], …)`

    It is stepped without arguments, not while gradients accumulate and not for an update that a scaler skipped; its
    state is in the checkpoints. Placeholders stand for epochs of the run, updates of an epoch, and loaders' lengths.

    Args:
        create_scheduler_fn: takes the optimizer and gives an object with `step`, `state_dict` and `load_state_dict`:
            pytorch-accelerated's, torch's, or one of our drop-ins.
        optimizer: whose updates count, where there are several.

    Raises:
        InvalidArgument: not callable.

    Source: pytorch-accelerated `Trainer.train(create_scheduler_fn=…)`.
    """

    priority = "LOW"

    def __init__(self, create_scheduler_fn: Callable[[Optimizer], Any], optimizer: str = "") -> None:
        if not callable(create_scheduler_fn):
            raise InvalidArgument(
                f"UpdateSchedulerHook({create_scheduler_fn!r})",
                "not a function of the optimizer",
                "Write CosineLrScheduler.create_scheduler_fn(), or lambda optimizer: StepLR(optimizer, 30)",
            )
        self.create_scheduler_fn, self.optimizer = create_scheduler_fn, optimizer
        self.scheduler: Any = None
        self._updates = 0

    def before_run(self, runner: RunnerView) -> None:
        if runner.train_loop is None:
            return
        stepper = runner.steppers[self.optimizer]
        trainer = _trainer_for(runner, self.optimizer)
        self.scheduler = replace_trainer_placeholder_values(trainer, self.create_scheduler_fn)(stepper.optimizer)

    def before_train(self, runner: RunnerView) -> None:
        self._updates = runner.steppers[self.optimizer].updates

    def after_train_iter(
        self, runner: RunnerView, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        updates = runner.steppers[self.optimizer].updates
        if updates > self._updates:
            self.scheduler.step()
        self._updates = updates

    def state_dict(self) -> dict[str, Any]:
        """The scheduler's own."""
        return {} if self.scheduler is None else dict(self.scheduler.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the scheduler; it is built before the checkpoint is read."""
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state)


def _trainer_for(runner: RunnerView, name: str) -> SimpleNamespace:
    """A stand-in for pytorch-accelerated's Trainer, from which placeholders read the numbers of this run."""
    facts = runner.facts
    assert facts is not None  # the hook is called once the training is prepared
    updates = facts.calendar_for(name).updates_per_epoch
    return SimpleNamespace(
        run_config=SimpleNamespace(
            num_epochs=runner.max_epochs,
            num_update_steps_per_epoch=updates * runner.accelerator.num_processes,
            num_local_update_steps_per_epoch=updates,
        ),
        _train_dataloader=range(facts.epoch_length),
        _eval_dataloader=() if runner.val_loop is None else runner.val_loop.dataloader,
    )
