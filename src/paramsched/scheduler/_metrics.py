"""What training reports: metrics by name, checked and made floats."""

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import torch

from paramsched.errors import InvalidArgument, nearest
from paramsched.feedback.base import MetricRule
from paramsched.scheduler._clock import RuleStates


def states_after(states: RuleStates, metrics: Mapping[str, Any]) -> dict[MetricRule[Any], Any]:
    """The states of metric rules when these metrics have been observed.

    Raises:
        InvalidArgument: a name that no rule watches, or a value that is no number.
    """
    watched = {rule.metric for rule in states}
    numbers = {}
    for name, value in metrics.items():
        if name not in watched:
            instead = nearest(name, watched) if watched else "the plan has no metric rule"
            raise InvalidArgument(f"observe({name}={value!r})", f"no rule watches {name!r}; {instead}")
        numbers[name] = _metric_as_float(name, value)
    return {
        rule: rule.observe(state, numbers[rule.metric]) if rule.metric in numbers else state
        for rule, state in states.items()
    }


def name_of_only_metric(rules: Iterable[MetricRule[Any]], metric: Any) -> str:
    """Which metric `step(metric)` means: that of the plan's only rule.

    Raises:
        InvalidArgument: there are several.
    """
    names = sorted(rule.metric for rule in rules)
    if len(names) > 1:
        raise InvalidArgument(
            f"scheduler.step({metric!r})",
            f"the plan has {len(names)} metric rules",
            f"Write scheduler.observe({', '.join(f'{name}=…' for name in sorted(set(names)))})",
        )
    return names[0]


def _metric_as_float(name: str, value: Any) -> float:
    """A metric as a float: a real number, or a tensor of one."""
    if isinstance(value, torch.Tensor) and value.ndim == 0 and value.dtype != torch.bool and not value.is_complex():
        return float(value.detach())
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise InvalidArgument(
                f"observe({name}=…)", "an integer beyond the numbers", f'Write observe({name}=float("inf"))'
            ) from None
    shape = f" of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else ""
    raise InvalidArgument(
        f"observe({name}=…)", f"a {type(value).__name__}{shape} is no number", f"Write observe({name}=float(value))"
    )
