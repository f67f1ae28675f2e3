"""Between an engine and a plan: values for its loggers, its metrics for the plan's rules, classes with its base."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, final

from paramsched._trace import column_name, unique_labels
from paramsched.scheduler.scheduler import Scheduler
from paramsched.user_warnings import warn_user


def values_by_column(scheduler: Scheduler) -> dict[str, float]:
    """The values of the coming update by column names, for a logger: `lr`, or `lr[head]` of several groups."""
    values = scheduler.values()
    several = len(scheduler.optimizer.param_groups) > 1
    return {column_name(key) if several else key[0]: value for key, value in values.items()}


def first_lr_column(scheduler: Scheduler) -> str:
    """The column of the first group's lr, for engines that log that rate under a name of their own."""
    groups = scheduler.optimizer.param_groups
    return column_name(("lr", unique_labels(groups)[0])) if len(groups) > 1 else "lr"


@final
class MetricRelay:
    """Hands the metrics an engine reports to the rules of a plan, and says at the end which never came.

    Args:
        call: what the user wrote, for the warning: `PlanCallback`.
    """

    def __init__(self, call: str) -> None:
        self._call = call
        self._seen: set[str] = set()
        self._reported: set[str] = set()

    def tell(self, scheduler: Scheduler, metrics: Mapping[str, Any]) -> None:
        """Observe those of the metrics that a rule watches."""
        self._reported |= metrics.keys()
        found = {rule.metric: metrics[rule.metric] for rule in scheduler.plan.metric_rules if rule.metric in metrics}
        if found:
            self._seen |= found.keys()
            scheduler.observe(**found)

    def finish(self, scheduler: Scheduler) -> None:
        """Warn of metrics that were watched and never reported."""
        missed = sorted({rule.metric for rule in scheduler.plan.metric_rules} - self._seen)
        if missed:
            warn_user(
                f"{self._call}: the plan watches {', '.join(missed)}, which was never reported; reported were: "
                f"{', '.join(sorted(self._reported)) or 'none'}. Name one of these in plateau(…)."
            )


def make_class(name: str, module: str, *bases: type[Any], doc: str | None = None) -> type[Any]:
    """A class of this name in a module, with these bases; its docstring is that of the first unless given."""
    text = bases[0].__doc__ if doc is None else doc
    return type(name, bases, {"__doc__": text, "__module__": module, "__qualname__": name})


def classes_on_demand(module: str, makers: Mapping[str, Callable[[], type[Any]]]) -> Callable[[str], type[Any]]:
    """The `__getattr__` of a module that makes each of these classes once.

    `__getattr__ = classes_on_demand(__name__, {"PlanCallback": make_plan_callback})`
    """

    @cache
    def find_class(name: str) -> type[Any]:
        if name not in makers:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return makers[name]()

    return find_class
