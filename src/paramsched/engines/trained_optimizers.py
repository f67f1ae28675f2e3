"""The warning of an optimizer that an engine trains in place of the plan's."""

from collections.abc import Iterable, Iterator, Sequence
from operator import is_
from typing import Any, final

from paramsched.engines.torch_required import torch
from paramsched.core.base.problem import Problem
from paramsched.core.run.engine_handle import EngineHandle
from paramsched.core.run.hooks import hooks_on
from paramsched.core.run.scheduler import Scheduler

_INSIDE = ("optimizer", "_optimizer", "base_optimizer", "_base_optimizer")
"""The attributes in which wrappers of engines have their optimizer."""


@final
class TrainedOptimizers:
    """Compares the optimizers of an engine with those of its Schedulers, whenever the engine has other objects.

    Args:
        call: the user's call, for the message.
        schedulers: those of the plan.
    """

    def __init__(self, call: str, schedulers: Sequence[Scheduler]) -> None:
        self._call, self._schedulers = call, schedulers
        self._seen: list[Any] = []
        self._has_warned = False

    def check(self, present: Iterable[Any]) -> None:
        """Warn once if the engine does not train an optimizer of the plan any more, and trains one without a plan.

        Args:
            present: the optimizers of the engine, or its wrappers of them; called before or after each update.
        """
        if self._has_warned:
            return
        trained = [one for wrapper in present for one in _inside(wrapper)]  # a wrapper may get another optimizer
        if len(trained) == len(self._seen) and all(map(is_, trained, self._seen)):
            return
        self._seen = trained
        groups = {id(group) for one in trained for group in getattr(one, "param_groups", ())}
        other = [one for one in trained if isinstance(one, torch.optim.Optimizer) and hooks_on(one) is None]
        for scheduler in self._schedulers:
            for mine in scheduler.optimizers.values():
                is_trained = any(one is mine for one in trained) or any(id(one) in groups for one in mine.param_groups)
                if not is_trained and other and not EngineHandle(scheduler).is_manual:
                    self._warn(scheduler, mine, other[0])
                    return

    def _warn(self, scheduler: Scheduler, mine: Any, other: Any) -> None:
        self._has_warned, handle = True, EngineHandle(scheduler)
        handle.take_over_unmoved()  # that the plan does not move is a consequence
        one, planned = type(other).__name__, type(mine).__name__
        found = (
            f"from update {scheduler.t} on the engine trains another optimizer, {one}, than the plan's {planned}: no "
            "plan writes its values"
        )
        advice = f"Where it is constructed, write ps.Scheduler(optimizer, plan, t={scheduler.t})"
        handle.processes.warn(Problem(site=self._call, found=found, advice=advice))


def _inside(wrapper: Any) -> Iterator[Any]:
    """Yield a wrapper, and what is inside of it."""
    seen: list[Any] = []
    while wrapper is not None and not any(wrapper is one for one in seen):
        yield wrapper
        seen.append(wrapper)
        own = getattr(wrapper, "__dict__", {})
        wrapper = next((own[name] for name in _INSIDE if own.get(name) is not None), None)
