"""EngineHandle: what the adapter of an engine asks a Scheduler, beside the methods for its user."""

from collections.abc import Iterator
from math import isclose
from typing import Any, Final, NamedTuple, final

from paramsched.base.problem import Problem
from paramsched.core.feedback import MetricRule
from paramsched.core.fields import Field
from paramsched.core.plan.lines import by_group
from paramsched.core.plan.optimizers import flat_optimizers
from paramsched.core.plan.traces import Key
from paramsched.core.run.processes import Processes
from paramsched.core.run.scheduler import Scheduler
from paramsched.core.run.short import ShortRun, unmoved
from paramsched.core.run.state import COUNT
from paramsched.core.run.values import LR
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
        return self._scheduler._resume.processes

    @property
    def is_attached(self) -> bool:
        """False after the Scheduler was detached."""
        return not self._scheduler._run.released

    @property
    def is_manual(self) -> bool:
        """True if the user's code counts the updates."""
        return self._scheduler._run.drive == "manual"

    def values(self) -> dict[Key, float]:
        """Return the planned values of the next update by field and group; targets have the group ""."""
        return self._scheduler._values()

    def lines(self) -> Iterator[GroupLine]:
        """Yield the line of each field of each group, one optimizer after another."""
        names = flat_optimizers(
            {name: optimizer.param_groups for name, optimizer in self._scheduler.optimizers.items()}
        )
        for (_, member), its_names in zip(self._scheduler._members(), names.values(), strict=True):
            for index, line, base in by_group(member.rows.lines):
                yield GroupLine(line.field, its_names[index], line.schedule, line.clock, base)

    def measured(self, **amount: Any) -> None:
        """Report the consumption of the next update, measured from its batches; that of the user takes precedence."""
        self._scheduler._measured(**amount)

    def set_end_known(self, known: bool = True) -> None:
        """Note whether the end of the run was reported, or needs no report."""
        self._scheduler._run.end_is_known = known

    def take_over_metrics(self) -> None:
        """Note that the engine itself reports metrics that never arrive."""
        self._scheduler._run.warns_of_metrics = False

    def take_over_unmoved(self) -> None:
        """Note that the engine itself reports why the plan does not move."""
        self._scheduler._run.end_writes()

    def idle_rules(self) -> list[MetricRule[Any]]:
        """Return the metric rules that have not observed their metric."""
        return self._scheduler._run.idle_rules(self._scheduler._run.t)

    def problems_of_end(self, *, early: bool, unmoved_advice: str) -> list[Problem]:
        """Return the problems of a run at its end. None is reported again when the process ends.

        A plan may be longer than the run, may not have moved, or may have lines for groups that were never added.

        Args:
            early: True if the user's code ended the run on purpose, so that only a plan that has not moved is reported.
            unmoved_advice: the advice for a plan that has not moved.
        """
        run = self._scheduler._run
        message = "" if early else ShortRun(run).problem()
        missing = None if early or run.released or not run.has_moved else run.missing_groups()
        run.end_is_known, run.warns_of_groups = True, False
        problems = [] if (still := unmoved(run)) is None else [still.changed(advice=unmoved_advice)]
        if still is not None:
            self.take_over_unmoved()
        problems += [Problem(found=message)] if message else []
        return problems if missing is None else [*problems, missing]

    def set_known_bases(self, *, of_code: bool, of_added: bool) -> None:
        """Note whether the groups have the bases of the user's code, now and if groups are added later."""
        for _, member in self._scheduler._members():
            member.knows_added_bases = of_added
            if not of_code:
                member.code_bases = {}

    def keep_added_rates(self) -> None:
        """Write the base of each group that was added with a tenth of the lr of the first group.

        This lr was computed from that of the first group, whose line therefore has changed it already. An lr that was
        written is the base, and so is that of a group with a line of its own.
        """
        run = self._scheduler._run
        for groups, member in self._scheduler._members():
            added = [index for index, group in enumerate(groups) if COUNT not in group and "initial_lr" not in group]
            lines = member.lines(groups) if added else ()
            first = next((line for line in lines if line.field == LR and 0 in line.groups), None)
            if first is None or stage_from_base(first.schedule) is not None:
                continue
            optional = {id(line.schedule) for line in run.in_force.counted.bindings if line.optional}
            # A value is a multiple of the base plus what absolute levels add.
            (by_levels,) = first.values_of_one(run.times, 0.0, run.states)
            factor = first.values_of_one(run.times, 1.0, run.states)[0] - by_levels
            rate, labels = float(groups[0]["lr"]), member.labels(groups)
            for line in (line.only(added) for line in lines if line.field == LR and id(line.schedule) not in optional):
                for index in line.groups:
                    lr = groups[index]["lr"]
                    if not isclose(lr, rate / _DIVISOR, rel_tol=1e-6):
                        continue
                    if lr > by_levels and factor > 0:
                        groups[index]["initial_lr"] = (lr - by_levels) / factor
                    elif lr == 0:  # before a warmup
                        groups[index]["initial_lr"] = first.bases[first.groups.index(0)] / _DIVISOR
                    else:
                        continue  # its lr does not determine a base, so it is the base
                    self.processes.log(
                        "group %r was added at update %d with the lr %r: the plan continues from it, with the base %r",
                        labels[index], run.t, lr, groups[index]["initial_lr"],
                    )  # fmt: skip
