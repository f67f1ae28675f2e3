"""The errors of single adapters, and the reasons why an engine does not know a run fact."""

from typing import Final

from paramsched.errors import InvalidArgument, MissingFact

_TWO_NAMES: Final = 'For example: optimizers=("critic", "generator")'


# ---------------------------------------------------------------- accelerate


def loader_not_prepared(processes: int) -> InvalidArgument:
    """Return the error for a loader that several processes share, and that is not prepared."""
    message = f"the loader is not prepared: its length is that of all {processes} processes together"
    advice = "Use loader = accelerator.prepare(loader) first"
    return InvalidArgument("accelerate.scheduler(…, loader)", message, advice)


BATCH_COUNTER: Final = "count = batch_counter(accelerator, scheduler, {}), and count(batch) before the step"
"""How batches are counted, with `{}` for the arguments."""


def no_whole_updates(batches: int, accumulation: int) -> str:
    """Return the reason for an epoch that has no whole number of updates."""
    return (
        f"an epoch of {batches} batches is not a multiple of accumulation={accumulation}, and sync_with_dataloader is "
        "off"
    )


# ---------------------------------------------------------------- pytorch-accelerated

AMOUNT_CALLBACK: Final = "Trainer(…, callbacks=[AmountCallback({})])"
"""How batches are counted, with `{}` for the arguments."""
NO_BATCH_SIZE: Final = "the Trainer has no placeholder for its batch size"
"""The reason for an unknown batch size."""


def other_class_of_scheduler(scheduler: object) -> InvalidArgument:
    """Return the error for a Trainer with another scheduler than that of a plan, or None."""
    scheduler_text = "no scheduler" if scheduler is None else f"another scheduler, {type(scheduler).__name__}"
    return InvalidArgument(
        "AmountCallback", f"the Trainer has {scheduler_text}", "Write create_scheduler_fn=scheduler(plan)"
    )


# ---------------------------------------------------------------- lightning


def unknown_time_of_metrics(observe: object) -> InvalidArgument:
    """Return the error for a name of no time at which metrics are passed."""
    return InvalidArgument(f"PlanCallback(observe={observe!r})", 'expected "validation" or "epoch"')


def drive_without_names(drive: str) -> InvalidArgument:
    """Return the error for a name in `drive` if the optimizers have no names."""
    return InvalidArgument(f"PlanCallback(drive={drive!r})", "the optimizers have no names", _TWO_NAMES)


def one_name(name: str) -> InvalidArgument:
    """Return the error for a text in place of the names of optimizers."""
    return InvalidArgument(_call_with_names(name), "expected several names, got str", f"Write optimizers=({name!r},)")


def name_twice(names: tuple[str, ...]) -> InvalidArgument:
    """Return the error for two optimizers with one name."""
    return InvalidArgument(_call_with_names(names), "two optimizers have the same name", _TWO_NAMES)


def other_number_of_optimizers(names: tuple[str, ...], count: int) -> InvalidArgument:
    """Return the error for more or fewer names than the module has optimizers."""
    example = tuple(f"optimizer_{index}" for index in range(count))
    return InvalidArgument(
        _call_with_names(names), f"the module has {count} optimizers", f"Write optimizers={example!r}"
    )


def _call_with_names(names: object) -> str:
    return f"PlanCallback(optimizers={names!r})"


def plan_of_module() -> InvalidArgument:
    """Return the error for a module with a Scheduler, whose plan that of the callback would replace."""
    message = "it returns a ps.Scheduler, and the plan of PlanCallback would replace its plan"
    return InvalidArgument("configure_optimizers", message, "Remove the Scheduler, or PlanCallback")


UPDATES_BEFORE: Final = "the Trainer has made %d updates %s: the plan starts at update %d"
"""The line of the log about a Trainer that has made updates before the plan."""
MANUAL_OPTIMIZATION: Final = "with manual optimization only the module knows when it steps"
ACCUMULATION_CHANGES: Final = (
    "GradientAccumulationScheduler changes the accumulation; use percent, updates, or clock: batches"
)
NO_LENGTH_OF_RUN: Final = "the Trainer has neither max_steps nor max_epochs with a loader that has a length"
"""The reason for an unknown total; above those for an unknown epoch."""


# ---------------------------------------------------------------- transformers


def planned_twice(name: str) -> InvalidArgument:
    """Return the error for a class of a Trainer that has a plan."""
    return InvalidArgument(f"planned({name}, …)", "it has a plan already", "Pass the Trainer without its plan")


def scheduler_of_deepspeed(call: str) -> InvalidArgument:
    """Return the error for a scheduler in the config of DeepSpeed."""
    message = "the config of DeepSpeed has a scheduler"
    return InvalidArgument(call, message, 'Remove "scheduler" from this config')


def other_scheduler(call: str, scheduler: object, advice: str) -> InvalidArgument:
    """Return the error for a scheduler of a Trainer that is not of its plan."""
    message = f"expected the Scheduler of the plan as trainer.lr_scheduler, got {type(scheduler).__name__}"
    return InvalidArgument(call, message, advice)


REPLACED_ARGUMENTS: Final = "%s: the plan replaces %s of the Trainer's arguments"
"""The line of the log about the arguments of the Trainer's own scheduler."""
CONTINUED: Final = "%s: %s. The plan continues at this update, with new states of the optimizer and of metric rules"
"""The line of the log about a checkpoint without a state of the plan."""


def checkpoint_without_plan(update: int) -> str:
    """Return the sentence about a resume without the states of the optimizer and of the plan."""
    return (
        f"the run continues after update {update:,} from a checkpoint without optimizer.pt or scheduler.pt, as with "
        "save_only_model"
    )


def amount_not_saved(call: str, update: int, unit: str, error: MissingFact) -> MissingFact:
    """Return the error for a plan that counts an amount, which a checkpoint without its state does not have."""
    message = f"{checkpoint_without_plan(update)}, and the number of {unit} consumed so far is unknown"
    advice = (
        "Resume from a checkpoint with these files. To begin the plan again, load the weights and train without "
        "resume_from_checkpoint"
    )
    return MissingFact(call, message, advice, fact=error.fact, example=error.example)
