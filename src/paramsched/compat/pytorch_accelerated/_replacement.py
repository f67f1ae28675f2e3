"""Replace placeholders in a partial by what a trainer knows."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any

from paramsched.compat.pytorch_accelerated._placeholders import (
    OPERATION_OF_SIGN,
    Expression,
    TrainerPlaceholderValues,
    is_library_placeholder,
    read_placeholder,
    unreplaced_error,
)

_VALUE_IN_TRAINER: dict[TrainerPlaceholderValues, Callable[[Any], int]] = {
    TrainerPlaceholderValues.NUM_EPOCHS: attrgetter("run_config.num_epochs"),
    TrainerPlaceholderValues.NUM_UPDATE_STEPS_PER_EPOCH: attrgetter("run_config.num_update_steps_per_epoch"),
    TrainerPlaceholderValues.PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH: attrgetter(
        "run_config.num_local_update_steps_per_epoch"
    ),
    TrainerPlaceholderValues.TRAIN_DATALOADER_LEN: lambda trainer: len(trainer._train_dataloader),
    TrainerPlaceholderValues.EVAL_DATALOADER_LEN: lambda trainer: len(trainer._eval_dataloader),
}


def replace_trainer_placeholder_values(trainer: Any, instance: Any) -> Any:
    """A partial with its placeholders, by keyword or by position, replaced by the trainer's numbers.

    Anything but a partial comes back as it is, and so does an argument that is no placeholder, whatever its attributes.

    Differs from pytorch-accelerated: nothing is given to `eval`, and placeholders by position are replaced (rows 11 and
    12 of `docs/compat/divergences.md`).

    >>> from types import SimpleNamespace
    >>> trainer = SimpleNamespace(run_config=SimpleNamespace(num_epochs=5))
    >>> replace_trainer_placeholder_values(trainer, partial(print, (TrainerPlaceholderValues.NUM_EPOCHS + 2) * 3))()
    21
    """
    if not isinstance(instance, partial):
        return instance
    arguments = (_replaced_argument(trainer, value) for value in instance.args)
    keywords = {name: _replaced_argument(trainer, value) for name, value in instance.keywords.items()}
    return partial(instance.func, *arguments, **keywords)


def refuse_placeholders(call: str, **arguments: object) -> None:
    """Refuse placeholders where the numbers themselves are needed.

    Raises:
        InvalidArgument: it names the placeholder.
    """
    for name, value in arguments.items():
        if isinstance(value, (TrainerPlaceholderValues, Expression)) or is_library_placeholder(value):
            raise unreplaced_error(value, f"{call}({name}=…)")


def _replaced_argument(trainer: Any, value: Any) -> Any:
    """An argument with the trainer's numbers in the place of placeholders."""
    match value:
        case TrainerPlaceholderValues():
            return _VALUE_IN_TRAINER[value](trainer)
        case Expression():
            return OPERATION_OF_SIGN[value.sign](
                _replaced_argument(trainer, value.left), _replaced_argument(trainer, value.right)
            )
        case _ if is_library_placeholder(value):
            return _replaced_argument(trainer, read_placeholder(value.value))
        case _:
            return value
