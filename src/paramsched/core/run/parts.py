"""What a run may have besides one plan, one optimizer and one process: the calls that reach it.

The package `runs` chooses the parts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from paramsched.core.run.group_keys import Group, History
from paramsched.core.run.messages import WORLD, Processes
from paramsched.core.run.protocols import Comparison, Consumption
from paramsched.core.run.run_state import Clock, ResolvedPlan, RunPosition
from paramsched.core.run.slots import LateGroups


@final
@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a run.

    Args:
        consumption: returns the source of consumption for a plan, the clock of an optimizer, and its groups; None if
            the plan is by updates.
        comparison: returns the comparison of the run of some groups with that of other processes.
        samples: returns the number of samples before a position; None if it is unknown.
        late_groups: as in `ps.Scheduler`.
        processes: the processes that train together.
    """

    consumption: Callable[[ResolvedPlan, Clock, list[Group]], Consumption | None]
    comparison: Callable[[list[Group]], Comparison]
    samples: Callable[[ResolvedPlan, History, RunPosition, RunPosition], int | None]
    late_groups: LateGroups = "base"
    processes: Processes = WORLD
