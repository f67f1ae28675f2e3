"""EngineHandle: what the adapter of an engine asks a Scheduler, beside the methods for its user."""

from collections.abc import Iterator, Sequence
from math import isclose
from typing import Any, Final, NamedTuple, final

from paramsched.base.problem import Problem
from paramsched.core.groups.fields import Field
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.lines import BoundLine, by_group
from paramsched.core.plan.optimizers import flat_optimizers
from paramsched.core.plan.traces import Key
from paramsched.core.run.attached import AttachedOptimizer
from paramsched.core.run.group_entries import COUNT, GroupDict
from paramsched.core.run.messages import values as messages
from paramsched.core.run.observers import RunObserver
from paramsched.core.run.processes import Processes
from paramsched.core.run.reported import measure
from paramsched.core.run.scheduler import Scheduler
from paramsched.core.run.value_table import LR
from paramsched.core.schedules.anneals import stage_from_base
from paramsched.core.schedules.schedule import Schedule


class GroupLine(NamedTuple):
    """The line of a field of one group.

    Args:
        field: the field.
        group: the end of its name in `scalars()`; an empty string if there is one group.
        schedule: its schedule.
        clock: its clock.
        base: its base.
    """

    field: Field
    group: str
    schedule: Schedule
    clock: str
    base: float


_DIVISOR: Final = 10.0
"""Lightning's `unfreeze_and_add_param_group` divides the lr of the first group by it, unless it gets an lr."""


@final
class EngineHandle:
    """What an engine may ask a Scheduler, and tell it.

    Args:
        scheduler: the Scheduler.
    """

    __slots__ = ("_scheduler",)

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    @property
    def in_force(self) -> Scheduler:
        """The Scheduler that has replaced this one, such as in a callback that changes the plan; else this one."""
        scheduler = self._scheduler
        while scheduler._run.successor is not None:
            scheduler = scheduler._run.successor
        return scheduler

    @property
    def processes(self) -> Processes:
        """The processes that train together, which warn and log for all of them."""
        return self._scheduler._run.processes

    @property
    def is_attached(self) -> bool:
        """False after the Scheduler was detached."""
        return not self._scheduler._run.has_ended

    @property
    def is_manual(self) -> bool:
        """True if the user's code counts the updates."""
        return self._scheduler._run.arguments.drive == "manual"

    def values(self) -> dict[Key, float]:
        """Return the planned values of the next update by field and group; targets have the group ""."""
        return self._scheduler._values()

    def lines(self) -> Iterator[GroupLine]:
        """Yield the line of each field of each group, one optimizer after another."""
        names = flat_optimizers(
            {name: optimizer.param_groups for name, optimizer in self._scheduler.optimizers.items()}
        )
        for name, attached in self._scheduler._attached.items():
            for index, line, base in by_group(attached.table.lines):
                yield GroupLine(line.field, names[name][index], line.schedule, line.clock, base)

    def measured(self, **amount: Any) -> None:
        """Report the consumption of the next update, measured from its batches; that of the user takes precedence."""
        measure(self._scheduler._run, amount)

    def set_end_known(self, is_known: bool = True) -> None:
        """Note whether the end of the run was reported, or needs no report."""
        for observer in self._observers:
            observer.set_end_known(is_known)

    def take_over_metrics(self) -> None:
        """Note that the engine itself reports metrics that never arrive."""
        for observer in self._observers:
            observer.take_over("metrics")

    def take_over_unmoved(self) -> None:
        """Note that the engine itself reports why the plan does not move."""
        for observer in self._observers:
            observer.take_over("training")

    def idle_rules(self) -> list[MetricRule[Any]]:
        """Return the metric rules that have not observed their metric."""
        return [rule for observer in self._observers for rule in observer.idle_rules()]

    def problems_of_end(self, *, early: bool, unmoved_advice: str) -> list[Problem]:
        """Return the problems of a run at its end. None is reported again when the process ends.

        A plan may be longer than the run, may not have moved, or may have lines for groups that were never added.

        Args:
            early: True if the user's code ended the run on purpose, so that only a plan that has not moved is reported.
            unmoved_advice: the advice for a plan that has not moved.
        """
        return [
            problem
            for observer in self._observers
            for problem in observer.problems_of_end(early=early, unmoved_advice=unmoved_advice)
        ]

    @property
    def _observers(self) -> list[RunObserver]:
        return self._scheduler._run.state.observers

    def set_known_bases(self, *, of_code: bool, of_added: bool) -> None:
        """Note whether the groups have the bases of the user's code, now and if groups are added later."""
        for attached in self._scheduler._attached.values():
            attached.bases.has_added = of_added
            if not of_code:
                attached.bases.values = {}

    def keep_added_rates(self) -> None:
        """Write the base of each group that was added with a tenth of the lr of the first group.

        This lr was computed from that of the first group, whose line therefore has changed it already. An lr that was
        written is the base, and so is that of a group with a line of its own.
        """
        for name, attached in self._scheduler._attached.items():
            groups = self._scheduler._optimizers[name].param_groups
            added = [index for index, group in enumerate(groups) if COUNT not in group and "initial_lr" not in group]
            lines = attached.lines(groups) if added else ()
            first = next((line for line in lines if line.field == LR and 0 in line.groups), None)
            if first is not None and stage_from_base(first.schedule) is None:
                optional = {id(line.schedule) for line in attached.run.in_force.counted.bindings if line.optional}
                lines_of_lr = [line for line in lines if line.field == LR and id(line.schedule) not in optional]
                indices = [index for line in lines_of_lr for index in line.only(added).groups]
                self._keep_rates(attached, groups, first, indices)

    def _keep_rates(
        self, attached: AttachedOptimizer, groups: list[GroupDict], first: BoundLine, indices: Sequence[int]
    ) -> None:
        """Write the base of each of these groups whose lr is a tenth of that of the first group, with its line."""
        run = attached.run
        # A value is a multiple of the base plus what absolute levels add.
        (by_levels,) = first.values_of_one(run.times, 0.0, run.states)
        factor = first.values_of_one(run.times, 1.0, run.states)[0] - by_levels
        rate = float(groups[0]["lr"])
        labels = attached.scope.labels(groups)
        for index in indices:
            lr = groups[index]["lr"]
            if not isclose(lr, rate / _DIVISOR, rel_tol=1e-6):
                continue
            if lr > by_levels and factor > 0:
                groups[index]["initial_lr"] = (lr - by_levels) / factor
            elif lr == 0:  # before a warmup
                groups[index]["initial_lr"] = first.bases[first.groups.index(0)] / _DIVISOR
            else:
                continue  # its lr does not determine a base, so it is the base
            base = groups[index]["initial_lr"]
            self.processes.log(*messages.group_continues_from_rate(labels[index], run.t, lr, base))
