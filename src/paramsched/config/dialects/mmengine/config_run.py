"""What a config of MMEngine and a calendar say of the run."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any, final

from paramsched.config.dialects.mmengine.config_values import bare_class_name, count_above_zero, refuse_unread
from paramsched.config.dialects.mmengine.run_length import RunLength
from paramsched.config.faults import Faults, child_path, entry_path
from paramsched.time import Calendar, Duration

_BY_EPOCH, _BY_ITERATION = "EpochBasedTrainLoop", "IterBasedTrainLoop"


@final
@dataclass(frozen=True, slots=True)
class ConfigRun:
    """What a config and a calendar say of the run.

    Args:
        length: in MMEngine's units.
        horizon: its length for a Plan.
        accumulation: batches to an update.
    """

    length: RunLength
    horizon: Duration | None
    accumulation: int


def run_of_config(whole: Mapping[str, Any], calendar: Calendar, faults: Faults) -> ConfigRun:
    """The length of the run: what the config says, else the calendar.

    Args:
        whole: the config, as far as there is one.
        calendar: what is known besides.
        faults: where counts that are none are noted.
    """
    epoch = calendar.updates_per_epoch
    accumulation = count_above_zero(
        whole.get("optim_wrapper"), entry_path("optim_wrapper"), "accumulative_counts", faults
    )
    accumulation = accumulation or calendar.accumulation or 1
    epochs, iterations = _train_length(whole.get("train_cfg"), faults)
    if iterations is not None:
        return ConfigRun(RunLength(epoch, None, iterations), Duration.of(iterations), accumulation)
    if epochs is not None:
        return ConfigRun(RunLength(epoch, epochs, None), Duration.of(f"{epochs} epochs"), accumulation)
    return _run_of_calendar(calendar, epoch, accumulation)


def _run_of_calendar(calendar: Calendar, epoch: int | None, accumulation: int) -> ConfigRun:
    """The length that a calendar says."""
    if calendar.total is None:
        return ConfigRun(RunLength(epoch), None, accumulation)
    total = Duration.of(calendar.total)
    exact = dict(total.terms)
    if set(exact) == {"epochs"}:  # kept as written
        return ConfigRun(RunLength(epoch, ceil(exact["epochs"]), None), total, accumulation)
    horizon = calendar.horizon
    assert horizon is not None
    if epoch is not None:
        epochs = ceil(Fraction(horizon, epoch))
        return ConfigRun(RunLength(epoch, epochs, None), Duration.of(horizon), accumulation)
    return ConfigRun(RunLength(None, None, horizon), Duration.of(horizon), accumulation)


def _train_length(train: Any, faults: Faults) -> tuple[int | None, int | None]:
    """Epochs and iterations of a train loop; MMEngine's own two take one of them each."""
    path = entry_path("train_cfg")
    refuse_unread(train, path, faults)
    if not isinstance(train, Mapping):
        return None, None
    epochs = count_above_zero(train, path, "max_epochs", faults)
    iterations = count_above_zero(train, path, "max_iters", faults)
    loop, by_epoch = bare_class_name(train.get("type")), train.get("by_epoch")
    if loop is not None and by_epoch is not None:
        faults.add(path, "it has both type and by_epoch, and MMEngine takes one", "Leave by_epoch out")
    if loop is None and isinstance(by_epoch, bool):
        loop = _BY_EPOCH if by_epoch else _BY_ITERATION
    if loop == _BY_EPOCH and "max_iters" in train:
        _refuse_length(path, loop, "max_iters", "max_epochs", _BY_ITERATION, faults)
    if loop == _BY_ITERATION and "max_epochs" in train:
        _refuse_length(path, loop, "max_epochs", "max_iters", _BY_EPOCH, faults)
    return epochs, iterations


def _refuse_length(path: str, loop: str, given: str, taken: str, other: str, faults: Faults) -> None:
    instead = f"Write {taken}=…, or dict(type='{other}', {given}=…)"
    faults.add(child_path(path, given), f"{loop} has no {given}", instead)
