"""The choice of the parts of a run, by the plan's clock, the run facts and the optimizers.

A part is imported in the branch that needs it, so that a plain run does without all of them.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, final

from paramsched.core.plan.run_amounts import ReportedProgress
from paramsched.core.run.group_keys import Group, History
from paramsched.core.run.hooks import require_hooks
from paramsched.core.run.messages import COMPARED_EVERY, Processes
from paramsched.core.run.parts import Parts
from paramsched.core.run.plan_source import PlanSource, Resolver
from paramsched.core.run.protocols import Comparison, Consumption
from paramsched.core.run.run import Run, one_number, run_of_one
from paramsched.core.run.run_state import Clock, ResolvedPlan, RuleStates, RunPosition
from paramsched.core.run.start import Assembly, Numbers, Request, start, unwrapped
from paramsched.core.time import Calendar
from paramsched.errors import ParamschedError

if TYPE_CHECKING:
    from paramsched.core.run.job_end import JobEnd
    from paramsched.core.run.rank_agreement import RunAgreement


def attach(
    optimizers: Mapping[str, Any],
    request: Request,
    source: PlanSource,
    calendar: Calendar,
    call: str = "",
    job_end: "JobEnd | None" = None,
) -> Run:
    """Attach a plan to optimizers; the other arguments are those of `assembly_of`.

    Raises:
        ParamschedError: the plan cannot be attached. The optimizers are unchanged.
    """
    if request.drive != "manual":
        for name, optimizer in optimizers.items():
            require_hooks(optimizer, name)
    return start(optimizers, request, assembly_of(request, source, calendar, call, job_end))


def assembly_of(
    request: Request, source: PlanSource, calendar: Calendar, call: str = "", job_end: "JobEnd | None" = None
) -> Assembly:
    """Return what a run starts with, and its parts. The plan is resolved now.

    Args:
        request: the arguments of the Scheduler.
        source: the plan and its file.
        calendar: the run facts.
        call: the start of the call that passes the run facts, for messages. Default: the constructor.
        job_end: the end of the job before that of the plan, or None.

    Raises:
        ParamschedError: the plan cannot be resolved.
    """
    names = request.names
    resolver = Resolver(source, calendar, names, call)
    in_force = resolver.resolved(request.plan, source.note)
    _ = in_force.total  # raises now if an update is planned to consume nothing
    numbers: Numbers = one_number
    new_run = run_of_one
    if names:
        from paramsched.core.run.several import run_of_several, starting_numbers

        numbers, new_run = starting_numbers, run_of_several
    wrap = unwrapped if job_end is None else job_end.begin
    processes = source.processes
    consumption = partial(consumption_of, processes=processes, counted_by=source.counted_by)
    parts = Parts(
        consumption, partial(comparison_of, processes=processes), samples_before, request.late_groups, processes
    )
    return Assembly(in_force, numbers, new_run, wrap, parts, counts_of_user=source.engine_total is None)


def consumption_of(
    in_force: ResolvedPlan, clock: Clock, groups: list[Group], *, processes: Processes, counted_by: str
) -> Consumption | None:
    """Return the source of consumption for a plan; `counted_by` as in `PlanSource`."""
    amounts = in_force.amounts
    if amounts is None:
        return None
    if isinstance(amounts, ReportedProgress):
        from paramsched.core.run.progress import ProgressSource

        return ProgressSource(in_force, clock, groups, processes)
    from paramsched.core.run.consumption import ConsumptionSource

    return ConsumptionSource(in_force, clock, groups, processes, counted_by)


def samples_before(in_force: ResolvedPlan, history: History, start: RunPosition, at: RunPosition) -> int | None:
    """Return the number of samples before a position, for a checkpoint; None if the sizes of batches are unknown.

    Args:
        in_force: the plan in force.
        history: the plans of the run.
        start: a position before which this number is known.
        at: the position.
    """
    if in_force.calendar.batch_size is None and not any(one.name == "batch_size" for one in in_force.plan.bindings):
        return None
    from paramsched.core.run.batch_sizes import samples_at

    try:
        return samples_at(in_force, history, start, at)
    except ParamschedError:  # the sizes follow a metric, for example
        return None


def comparison_of(groups: list[Group], *, processes: Processes) -> Comparison:
    """Return the comparison with other processes, which may start later."""
    return RunComparison(groups, processes)


@final
class RunComparison:
    """Compares runs as `RunAgreement` does, once there are several processes; the arguments are those of it.

    A process group may be initialized after a Scheduler is constructed, so comparisons ask again.
    """

    __slots__ = ("_agreement", "_given", "_next")

    def __init__(self, groups: Sequence[Mapping[str, Any]], processes: Processes) -> None:
        self._given = groups, processes
        self._agreement: RunAgreement | None = None
        self._next = 0  # the update at which it is asked again whether there are several processes

    def compare(self, t: int, in_force: ResolvedPlan, states: RuleStates) -> None:
        """Compare the run with those of the other processes, if a comparison is due after `t` completed updates."""
        if self._agreement is None:
            if t < self._next:
                return
            if not self._given[1].several:
                self._next = t + COMPARED_EVERY
                return
            from paramsched.core.run.rank_agreement import RunAgreement

            self._agreement = RunAgreement(*self._given)
        self._agreement.compare(t, in_force, states)
