"""What schedulers have to say at the end of a run, and what a log should hold."""

from collections.abc import Iterable, Mapping
from typing import Any

from paramsched.compat.mmengine import optimizers
from paramsched.compat.mmengine.base import _ParamScheduler
from paramsched.compat.mmengine.plateau import ReduceOnPlateauParamScheduler


def scheduled_values(schedulers: Iterable[_ParamScheduler]) -> dict[str, list[float]]:
    """The present value of every scheduled field in every group of the optimizer, for a log.

    MMEngine logs the first group's learning rate only (rows 29 and 30 of docs/compat/divergences.md).
    """
    values: dict[str, list[float]] = {}
    for scheduler in schedulers:
        optimizer = optimizers.inner_optimizer(scheduler.optimizer) or scheduler.optimizer
        name = getattr(scheduler, "param_name", None)  # a user's class need not construct its base
        if name is not None:
            values[name] = [float(optimizers.present_value(group, name)) for group in optimizer.param_groups]
    return values


def unmeasured(schedulers: Iterable[_ParamScheduler]) -> list[str]:
    """A line for each plateau that never saw a metric: cause and cure (row 13 of docs/compat/divergences.md)."""
    return [
        f"[{index}] {type(one).__name__} never received {one.monitor!r} and so never acted: it acts after validations "
        f"in its window [{one.begin}, {one.end}). Give the run a validation, or call step({{{one.monitor!r}: …}})"
        for index, one in enumerate(schedulers)
        if isinstance(one, ReduceOnPlateauParamScheduler) and _never_measured(vars(one))
    ]


def _never_measured(held: Mapping[str, Any]) -> bool:
    """Whether a plateau saw no metric: ours keeps the last one, MMEngine's counts them, a user's may do neither."""
    if "last_metric" in held:
        return held["last_metric"] is None
    return "monitor" in held and held.get("last_step", 0) < 0
