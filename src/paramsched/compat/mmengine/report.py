"""What schedulers have to say at the end of a run, and what a log should hold."""

from collections.abc import Iterable

from paramsched.compat.mmengine import optimizers
from paramsched.compat.mmengine.base import _ParamScheduler
from paramsched.compat.mmengine.plateau import ReduceOnPlateauParamScheduler


def scheduled_values(schedulers: Iterable[_ParamScheduler]) -> dict[str, list[float]]:
    """The present value of every scheduled field in every group of the optimizer, for a log.

    MMEngine logs the first group's learning rate only (rows 29 and 30 of docs/compat/divergences.md).
    """
    values: dict[str, list[float]] = {}
    for scheduler in schedulers:
        optimizer = optimizers.raw(scheduler.optimizer) or scheduler.optimizer
        groups = optimizer.param_groups
        values[scheduler.param_name] = [float(optimizers.read(group, scheduler.param_name)) for group in groups]
    return values


def unmeasured(schedulers: Iterable[_ParamScheduler]) -> list[str]:
    """A line for each plateau that never saw a metric: cause and cure (row 13 of docs/compat/divergences.md)."""
    return [
        f"[{index}] {type(one).__name__} never received {one.monitor!r} and so never acted: it acts after validations "
        f"in its window [{one.begin}, {one.end}). Give the run a validation, or call step({{{one.monitor!r}: …}})"
        for index, one in enumerate(schedulers)
        if isinstance(one, ReduceOnPlateauParamScheduler) and one.last_metric is None
    ]
