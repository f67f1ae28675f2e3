"""Report the present values of schedulers, and plateau schedulers without a metric."""

from collections.abc import Iterable
from typing import Any

from paramsched.mmengine.schedulers.base import _ParamScheduler
from paramsched.mmengine.schedulers.optimizers import inner_optimizer, present_value


def scheduled_values(schedulers: Iterable[_ParamScheduler]) -> dict[str, list[float]]:
    """Return a dict from each scheduled entry to its present values, one per group, for logging.

    MMEngine logs the first group's learning rate only.
    """
    values: dict[str, list[float]] = {}
    for scheduler in schedulers:
        optimizer = inner_optimizer(scheduler.optimizer) or scheduler.optimizer
        name = getattr(scheduler, "param_name", None)  # a user's class may skip the constructor of its base
        if name is not None:
            values[name] = [float(present_value(group, name)) for group in optimizer.param_groups]
    return values


def unmeasured(schedulers: Iterable[Any]) -> list[str]:
    """Return a message for each plateau scheduler that never received a metric.

    MMEngine reports nothing in this case.
    """
    never = []
    for index, one in enumerate(schedulers):
        if any(cls.__name__ == "ReduceOnPlateauParamScheduler" for cls in type(one).__mro__):  # MMEngine's class too
            held = vars(one)  # MMEngine's own class does not store the last metric
            unseen = held["last_metric"] is None if "last_metric" in held else held.get("last_step", 0) < 0
            if unseen and "monitor" in held:
                never.append(
                    f"[{index}] {type(one).__name__} never received {one.monitor!r} and never acted. It acts after "
                    f"validations in its window [{one.begin}, {one.end}). Add a validation to the run, or call "
                    f"step({{{one.monitor!r}: …}})"
                )
    return never
