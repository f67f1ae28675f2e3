"""pytorch-accelerated. It takes a function of the optimizer: `create_scheduler_fn=lambda o: ps.Scheduler(o, plan)`.

`scheduler(plan)` is such a function for plans in epochs or per cent, its facts filled in by the Trainer.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from paramsched.engines.engine_facts import EngineFacts, PlanOptions
from paramsched.errors import MissingDependency
from paramsched.plan import Plan
from paramsched.scheduler.on_change import OnChange
from paramsched.scheduler.scheduler import Scheduler
from paramsched.time import Calendar


def scheduler(
    plan: Plan,
    *,
    calendar: Calendar | None = None,
    tokens_per_sample: float | None = None,
    on_change: OnChange = "new",
) -> Callable[..., Scheduler]:
    """What `Trainer.train(create_scheduler_fn=…)` takes.

    The horizon is `num_epochs` of the Trainer's epochs, in updates of one process. (The Trainer's own
    `NUM_UPDATE_STEPS_PER_EPOCH` counts the updates of all processes together.) With `max_num_train_steps` give
    `calendar=ps.Calendar(total=…)`: the Trainer has no placeholder for it.

    Args:
        plan: what is applied.
        calendar: facts that win over the engine's, or that it does not have: `total`, `batch_size`.
        tokens_per_sample: the length of a sequence, for plans in tokens.
        on_change: as in `ps.Scheduler`.

    Raises:
        MissingDependency: pytorch-accelerated is not installed.
    """
    try:
        from pytorch_accelerated.trainer import TrainerPlaceholderValues as Placeholder
    except ImportError:
        raise MissingDependency("engines.pytorch_accelerated", "pytorch-accelerated", "pytorch-accelerated") from None

    return partial(
        _attach_to,
        plan=plan,
        options=PlanOptions(calendar=calendar, tokens_per_sample=tokens_per_sample, on_change=on_change),
        epochs=Placeholder.NUM_EPOCHS,
        steps_per_epoch=Placeholder.PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH,
        batches=Placeholder.TRAIN_DATALOADER_LEN,
    )


def _attach_to(
    optimizer: Any, *, plan: Plan, options: PlanOptions, epochs: int, steps_per_epoch: int, batches: int
) -> Scheduler:
    """What the Trainer calls, with numbers where placeholders were."""
    known = EngineFacts(
        call="pytorch_accelerated.scheduler",
        batches=batches,
        accumulation=_batches_per_update(batches, steps_per_epoch),
        total=epochs * steps_per_epoch,
        why={"batch_size": "the Trainer has no placeholder for its batch size"},
    )
    return known.attach(optimizer, plan, options)


def _batches_per_update(batches: int, steps: int) -> int:
    """The smallest accumulation that makes `steps` updates of `batches` batches: the Trainer does not tell its own."""
    return next(n for n in range(-(-batches // steps), batches + 1) if -(-batches // n) == steps)
