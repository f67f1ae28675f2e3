"""Simulate a built scheduler: ours, torch's, MMEngine's, timm's or pytorch-accelerated's, on a copy."""

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from paramsched._trace import groups_of, unique_labels
from paramsched.errors import InvalidArgument
from paramsched.fields import Field, Group, numeric
from paramsched.show._curves import Key, RecordedCurves, curves_from_values

Metrics: TypeAlias = Sequence[float] | Callable[[int, Sequence[Group]], float]
"""What a metric-driven scheduler is told after update t: a number for each, or a function of t and the groups."""


def simulate(
    scheduler: Any,
    updates: int,
    *,
    metrics: Metrics | None = None,
    steps_per_epoch: int | None = None,
) -> RecordedCurves:
    """Record what a built scheduler does: a value, a step, the next value, and so on, on a copy.

    Neither the scheduler nor its optimizer is touched; parameters and the optimizer's state are not copied. Recorded
    are lr and every other numeric field that changes.

    Args:
        scheduler: any object with an optimizer and a `step`: of torch, MMEngine, timm, pytorch-accelerated, or ours.
        updates: how many values to record, at least 1; the unit is whatever its `step` counts.
        metrics: for a scheduler that reacts to a metric: a sequence, or a function of the update and the groups
            (`lambda t, groups: groups[0]["lr"]` feeds the lr itself).
        steps_per_epoch: steps in an epoch, for the time axis.

    Raises:
        InvalidArgument: no number of updates, no optimizer, or too few metrics.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> halving = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> simulate(halving, 5)["lr", 0].tolist()
    [1.0, 1.0, 0.5, 0.5, 0.25]
    >>> optimizer.param_groups[0]["lr"]
    1.0
    """
    if isinstance(updates, bool) or not isinstance(updates, int) or updates < 1:
        raise InvalidArgument(f"simulate(…, {updates!r})", "not a number of updates", "Write simulate(s, 100)")
    if metrics is not None and not callable(metrics) and len(metrics) < updates - 1:
        raise InvalidArgument(
            f"simulate(…, {updates}, metrics=…)", f"{len(metrics)} metrics for {updates - 1} steps", "Give as many"
        )
    twin = _copy_of_scheduler(scheduler)
    groups = groups_of(twin.optimizer)
    labels = unique_labels(groups)
    places = {(name, labels[i]): (Field.of(name), i) for i, group in enumerate(groups) for name in numeric(group)}
    values: dict[Key, list[float]] = {key: [] for key in sorted(places, key=lambda key: (key[0] != "lr", key[0]))}
    step = _step_function(twin)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peers warn that no optimizer step came before theirs; here none is meant to
        for t in range(updates):
            for key, column in values.items():
                field, index = places[key]
                column.append(float(field.read(groups[index])))
            if t + 1 < updates:
                step(t + 1, _metric_after(metrics, t, groups))
    moving = {key: column for key, column in values.items() if key[0] == "lr" or len(set(column)) > 1}
    lines = dict.fromkeys(moving, type(scheduler).__name__)
    return curves_from_values(moving, steps_per_epoch=steps_per_epoch, lines=lines)


def _copy_of_scheduler(scheduler: Any) -> Any:
    """A copy of a scheduler with an optimizer of its own; parameters and the optimizer's state stay shared."""
    optimizer = getattr(scheduler, "__dict__", {}).get("optimizer")
    if optimizer is None:
        raise InvalidArgument(
            f"simulate({type(scheduler).__name__}, …)", "it holds no optimizer", "Pass a built scheduler"
        )
    shared: dict[int, Any] = {}
    for group in groups_of(optimizer):
        shared |= {id(parameter): parameter for parameter in group.get("params", ())}
    state = getattr(optimizer, "state", None)
    if isinstance(state, dict):
        shared[id(state)] = state
    return copy.deepcopy(scheduler, shared)


def _metric_after(metrics: Metrics | None, t: int, groups: Sequence[Group]) -> float | None:
    """The metric that the scheduler gets after update t; None if it takes none."""
    if metrics is None:
        return None
    return float(metrics(t, groups)) if callable(metrics) else float(metrics[t])


def _step_function(scheduler: Any) -> Callable[[int, float | None], None]:
    """How a scheduler is stepped, by the family it comes from."""
    family = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(scheduler).__mro__}

    def plain(_: int, metric: float | None) -> None:
        scheduler.step() if metric is None else scheduler.step(metric)

    def counted(t: int, metric: float | None) -> None:
        scheduler.step_update(t) if metric is None else scheduler.step_update(t, metric)

    def timm(t: int, metric: float | None) -> None:
        per_epoch = getattr(scheduler, "t_in_epochs", True)
        step = scheduler.step if per_epoch else scheduler.step_update
        step(t) if metric is None else step(t, metric)

    def mmengine(_: int, metric: float | None) -> None:
        scheduler.step() if metric is None else scheduler.step({scheduler.monitor: metric})

    if "timm.Scheduler" in family:
        return timm
    if any(name.endswith("._ParamScheduler") for name in family):
        return mmengine
    stateless = any(name.endswith(".SchedulerBase") for name in family)
    if stateless and not any(name.endswith(".StatefulSchedulerBase") for name in family):
        return counted
    if "paramsched.Scheduler" in family:

        def seek(t: int, metric: float | None) -> None:
            scheduler.seek(t) if metric is None else (scheduler.seek(t), scheduler.step(metric))

        return seek
    return plain
