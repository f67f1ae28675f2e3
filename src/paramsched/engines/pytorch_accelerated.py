"""pytorch-accelerated. Pass a function of the optimizer: `create_scheduler_fn=lambda o: ps.Scheduler(o, plan)`.

`scheduler(plan)` returns such a function for plans in epochs or percent, which gets its run facts from the Trainer.
`AmountCallback` counts batches, for plans by samples or tokens. `ResumeCallback` lets a run resume several times.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import paramsched.engines.torch_required  # noqa: F401  # reports that torch is missing
from paramsched.core.calls.checked_calls import with_short_errors
from paramsched.core.plan import SIZES_OF_BATCHES, PlanLike
from paramsched.core.run import Scheduler
from paramsched.engines import accelerate
from paramsched.engines.engine_facts import (
    AmountOf,
    EngineFacts,
    EngineOptions,
    PlanOptions,
    check_plan,
    options_of,
    with_named_options,
)
from paramsched.engines.messages import adapters as messages
from paramsched.engines.reporting import BatchAmounts, callbacks_on_demand
from paramsched.errors import MissingDependency


@with_named_options
@with_short_errors
def scheduler(plan: PlanLike, **options: Unpack[EngineOptions]) -> Callable[..., Scheduler]:
    """Return a function for `Trainer.train(create_scheduler_fn=…)`.

    The default total is `num_epochs`, in updates of one process. (The Trainer's `NUM_UPDATE_STEPS_PER_EPOCH` counts
    the updates of all processes together.) With `max_num_train_steps`, pass `total=…`, because
    the Trainer has no placeholder for it.

    Args:
        plan: the plan to apply, or as in `ps.Scheduler` its file, text or mapping.
        options: those that adapters share, `paramsched.engines.engine_facts.EngineOptions`, which include the run
            facts. The Trainer does not provide some of these, such as `batch_size`.

    Raises:
        MissingDependency: pytorch-accelerated is not installed.
    """
    check_plan("pytorch_accelerated.scheduler", plan)
    try:
        from pytorch_accelerated.trainer import TrainerPlaceholderValues as Placeholder
    except ImportError:
        raise MissingDependency("engines.pytorch_accelerated", "pytorch-accelerated") from None

    return partial(
        _attach_to,
        plan=plan,
        options=options_of("pytorch_accelerated.scheduler", scheduler, options),
        epochs=Placeholder.NUM_EPOCHS,
        steps_per_epoch=Placeholder.PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH,
        batches=Placeholder.TRAIN_DATALOADER_LEN,
    )


class _AmountCallback:
    """Counts samples or tokens, for a plan whose clock counts these, and reports the sum before each update.

    Args:
        amount_of: returns the number of samples, tokens or frames in a batch of one process. Default: the
            number of samples, times `tokens_per_sample` if the clock counts tokens.
        tokens_per_sample: the length of a sequence.

    Raises:
        MissingDependency: pytorch-accelerated is not installed.
    """

    def __init__(self, *, amount_of: AmountOf | None = None, tokens_per_sample: float | None = None) -> None:
        self._options = PlanOptions(tokens_per_sample=tokens_per_sample, amount_of=amount_of)
        self._amounts: BatchAmounts | None = None

    def on_training_run_start(self, trainer: Any, **keywords: Any) -> None:
        """Get the scheduler that the Trainer created for this run."""
        scheduler = _scheduler_of(trainer)
        self._amounts = accelerate.batch_amounts(trainer._accelerator, scheduler, self._options)

    def on_train_step_end(self, trainer: Any, batch: Any, step: int, **keywords: Any) -> None:
        """Count the batch after its loss was computed, and before the optimizer steps."""
        assert self._amounts is not None
        window = trainer.run_config.gradient_accumulation_steps
        batches = len(trainer._train_dataloader)
        self._amounts.count_batch(batch, ends_update=(step + 1) % window == 0 or step + 1 == batches)


class _ResumeCallback:
    """Lets a run resume several times.

    Without it, `save_training_state` writes one more file after each resume, and the next `resume_from` refuses them.

    Raises:
        MissingDependency: pytorch-accelerated is not installed.
    """

    def __init__(self) -> None:
        self._accelerator: Any = None

    def on_training_run_start(self, trainer: Any, **keywords: Any) -> None:
        """Let the Trainer register its scheduler once."""
        if self._accelerator is not trainer._accelerator:
            self._accelerator = trainer._accelerator
            self._accelerator.register_save_state_pre_hook(self._register_once)
            self._accelerator.register_load_state_pre_hook(self._register_once)

    def _register_once(self, *_: Any) -> None:
        """Keep one registration of each object, so that the number of files is the same after each resume.

        The Trainer of pytorch-accelerated 0.1.61 registers its scheduler at each load and each save.
        """
        registered = self._accelerator._custom_objects
        registered[:] = {id(item): item for item in registered}.values()


def _scheduler_of(trainer: Any) -> Scheduler:
    """Return the Scheduler that the Trainer created.

    Raises:
        InvalidArgument: it created another scheduler, or none.
    """
    scheduler: Any = getattr(trainer.scheduler, "scheduler", trainer.scheduler)  # inside of Accelerate's wrapper
    if not isinstance(scheduler, Scheduler):
        raise messages.other_class_of_scheduler(scheduler)
    return scheduler


def _attach_to(
    optimizer: Any, *, plan: PlanLike, options: PlanOptions, epochs: int, steps_per_epoch: int, batches: int
) -> Scheduler:
    """Attach the plan. The Trainer calls this function, with numbers in place of its placeholders."""
    smallest = -(-batches // steps_per_epoch)  # the smallest accumulation with this number of updates
    facts = EngineFacts(
        call="pytorch_accelerated.scheduler",
        batches=batches,
        accumulation=next(n for n in range(smallest, batches + 1) if -(-batches // n) == steps_per_epoch),
        total=epochs * steps_per_epoch,
        why={"batch_size": messages.NO_BATCH_SIZE},
        counter=messages.AMOUNT_CALLBACK,
        fixed_sizes=SIZES_OF_BATCHES,
    )
    return facts.attach(optimizer, plan, options)


if TYPE_CHECKING:
    AmountCallback = _AmountCallback
    ResumeCallback = _ResumeCallback
else:
    __getattr__ = callbacks_on_demand(
        __name__,
        {"AmountCallback": _AmountCallback, "ResumeCallback": _ResumeCallback},
        "pytorch_accelerated.callbacks.TrainerCallback",
        library="pytorch-accelerated",
    )


def __dir__() -> list[str]:
    return ["AmountCallback", "ResumeCallback", "scheduler"]
