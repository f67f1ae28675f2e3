"""What a run may have besides one plan, one optimizer and one process: the calls that reach it.

The package `runs` chooses the parts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, final

from paramsched.scheduler.group_keys import Group, History
from paramsched.scheduler.groups import Groups
from paramsched.scheduler.hooks import Found
from paramsched.scheduler.messages import WORLD, Processes
from paramsched.scheduler.protocols import Comparison, Consumption
from paramsched.scheduler.run import Beginning, Run, Wrapper
from paramsched.scheduler.run_state import ResolvedPlan, RunPosition

Numbers: TypeAlias = Callable[[Iterable[str], Mapping[str, int], int | None, str], dict[str, int]]


@final
@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a run.

    Args:
        plan_at: returns the plan for a start on the optimizers.
        consumption: returns the source of consumption for the plan in force of some groups; None if it is by updates.
        comparison: returns the comparison of some groups with those of other processes.
        numbers: returns the update of the next step of each optimizer, given the counts that they carry.
        new_run: returns a run that has computed its values and has not written them.
        watch: returns a function that wraps the function of a post-hook, for a run that was just bound.
        samples: returns the number of samples before a position; None if it is unknown.
        processes: the processes that train together.
    """

    plan_at: Callable[[Found], ResolvedPlan]
    consumption: Callable[[Groups, list[Group]], Consumption | None]
    comparison: Callable[[Groups, list[Group]], Comparison]
    numbers: Numbers
    new_run: Callable[[Beginning], Run]
    watch: Callable[[Run], Wrapper]
    samples: Callable[[ResolvedPlan, History, RunPosition, RunPosition], int | None]
    processes: Processes = WORLD


def chosen_before(in_force: ResolvedPlan, _found: Found) -> ResolvedPlan:
    """Return the plan, which does not depend on what a start finds."""
    return in_force


def not_watched(_run: Run) -> Wrapper:
    """Return a function that returns the function of a post-hook itself."""
    return lambda advance: advance
