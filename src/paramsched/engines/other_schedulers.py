"""The warning of schedulers that an engine steps besides a plan, before the first update."""

from collections.abc import Iterable
from typing import Any

from paramsched.engines.torch_required import torch
from paramsched.core.base.problem import Problem
from paramsched.core.run.block import LR
from paramsched.core.run.scheduler import Scheduler


def warn_of_other_schedulers(made: Scheduler, present: Iterable[Any], site: str) -> None:
    """Warn of each scheduler of torch that writes the lr of a group whose lr the plan writes.

    Another class may write any field, so it is reported when it has written a scheduled one.

    Args:
        made: the Scheduler of the plan.
        present: the schedulers of the engine.
        site: where the engine got them.
    """
    planned = {
        id(groups[index]): part.written_fields
        for groups, part in made._members()
        for line in part.block.lines
        for index in line.groups
        if line.field == LR
    }
    for one in present:
        if isinstance(one, torch.optim.lr_scheduler.LRScheduler) and not isinstance(one, Scheduler):
            groups = getattr(vars(one).get("optimizer"), "param_groups", ())  # a wrapper may have no optimizer
            told = [planned[id(group)] for group in groups if id(group) in planned]
            if any(str(LR) not in fields for fields in told):
                for fields in told:
                    fields.add(str(LR))  # so that its writes are not reported again
                made._resume.processes.warn(Problem(site=site, found=WRITTEN_BY.format(type(one).__name__)))


WRITTEN_BY = "{} also writes this optimizer. Remove it and its step(), because the plan writes the lr of every update."
