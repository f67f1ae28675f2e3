"""How the optimizers of a start begin: anew, or with what a checkpoint or an earlier Scheduler has left in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

from paramsched.core.plan.lines import RuleStates
from paramsched.core.plan.optimizers import scopes_of
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.arguments import Arguments
from paramsched.core.run.edits import EditedValue
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.history import History
from paramsched.core.run.hooks import PlanHooks
from paramsched.core.run.position import RunPosition, resume_position
from paramsched.core.run.record import NOTHING, RestoredOptimizer, SavedOptimizer
from paramsched.core.run.value_table import starting_lines


@final
@dataclass(frozen=True, slots=True)
class StartingRun:
    """How the optimizers of a start begin. Nothing was written yet.

    Args:
        arguments: those of the Scheduler.
        optimizers: the optimizers, by name.
        groups: the groups of each optimizer.
        restored: the plan, the lines with their bases, and the position of each optimizer.
        saved: what some of them carry.
        edits: the entries of these that were changed since the save.
        earlier: the hooks of earlier Schedulers, by the name of the optimizer.
        source: the name of the checkpoint from which the positions were read; None if there is none.
        plans: the history of the run that goes on, up to its last plan; None if the run is new.
        last_amount: the amount before its last update; None if it is unknown.
    """

    arguments: Arguments
    optimizers: Mapping[str, Any]
    groups: Mapping[str, list[GroupDict]]
    restored: Mapping[str, RestoredOptimizer]
    saved: Mapping[str, SavedOptimizer] = field(default_factory=dict)
    edits: Mapping[str, Sequence[EditedValue]] = field(default_factory=dict)
    earlier: Mapping[str, PlanHooks] = field(default_factory=dict)
    source: str | None = None
    plans: History | None = None
    last_amount: Amount | None = None


def new_beginning(
    arguments: Arguments, optimizers: Mapping[str, Any], groups: Mapping[str, list[GroupDict]], in_force: ResolvedPlan
) -> StartingRun:
    """Return how optimizers begin that carry nothing: at the update that the user named, or at the first one."""
    position = resume_position(in_force, RunPosition(arguments.start or 0), "the optimizer")
    states = {rule: rule.init() for rule in in_force.metric_rules}
    positions = dict.fromkeys(groups, position)
    restored = with_lines(RestoredOptimizer(NOTHING, in_force), groups, positions, states)
    return StartingRun(arguments, optimizers, groups, restored)


def with_lines(
    chosen: RestoredOptimizer,
    groups: Mapping[str, list[GroupDict]],
    positions: Mapping[str, RunPosition],
    states: RuleStates,
) -> dict[str, RestoredOptimizer]:
    """Return what each optimizer starts with whose groups have no record: its lines of the plan at a position."""
    plan = chosen.in_force
    return {
        name: replace(
            chosen, saved=NOTHING, scope=scope, lines=starting_lines(plan.counted, groups[name], scope=scope),
            position=positions[name], states=states,
        )
        for name, scope in scopes_of(plan.plan, plan.counted, groups).items()
    }  # fmt: skip
