"""Warn of schedulers that write what a plan writes too, before the first update."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, final

from paramsched.engines.torch_required import torch
from paramsched.core.base.problem import Problem
from paramsched.core.fields import Field
from paramsched.core.run.hooks import PlanHooks, hooks_on
from paramsched.core.run.scheduler import Scheduler
from paramsched.core.run.values import LR


@final
class Writer(NamedTuple):
    """A scheduler that writes a field of some groups."""

    name: str
    groups: Sequence[Any]
    field: Field = LR


def warn_of_other_schedulers(made: Scheduler, present: Iterable[Any], site: str) -> None:
    """Warn of each scheduler of torch that writes the lr of a group whose lr the plan writes.

    Another class may write any field, so it is reported when it has written a scheduled one.

    Args:
        made: the Scheduler of the plan.
        present: the schedulers of the engine.
        site: where the engine got them.
    """
    of_torch = [
        Writer(type(one).__name__, getattr(vars(one).get("optimizer"), "param_groups", ()))  # a wrapper may have none
        for one in present
        if isinstance(one, torch.optim.lr_scheduler.LRScheduler) and not isinstance(one, Scheduler)
    ]
    warn_of_writers(made.optimizers.values(), of_torch, site)


def warn_of_writers(optimizers: Iterable[Any], writers: Iterable[Writer], site: str) -> None:
    """Warn of each scheduler that writes a field of a group which a plan writes too.

    Args:
        optimizers: the optimizers, which may have plans.
        writers: the other schedulers.
        site: where the engine got them.
    """
    planned: dict[tuple[int, Field], PlanHooks] = {}
    for optimizer in optimizers:
        if (hooks := hooks_on(optimizer)) is not None:
            groups = optimizer.param_groups
            planned |= {
                (id(groups[index]), line.field): hooks for line in hooks.member.rows.lines for index in line.groups
            }
    for name, groups, field in writers:
        found = [hooks for group in groups if (hooks := planned.get((id(group), field))) is not None]
        if any(str(field) not in hooks.member.written_fields for hooks in found):
            for hooks in found:
                hooks.member.written_fields.add(str(field))  # so that its writes are not reported again
            text = (
                f"{name} also writes this optimizer. Remove it and its step(), because the plan writes the {field} of "
                "every update."
            )
            found[0].run.processes.warn(Problem(site=site, found=text))
