"""Resume from a state of one of torch's schedulers, which has the position of a run without a plan."""

from collections.abc import Mapping
from typing import Any

from paramsched.core.plan.lines import GroupField
from paramsched.core.run.group_entries import GroupDict, is_finite_number
from paramsched.core.run.history import History
from paramsched.core.run.messages import resumes as messages
from paramsched.core.run.position import TORCH, RunPosition, resume_position
from paramsched.core.run.ranges import refuse_values_outside
from paramsched.core.run.record import NOTHING, RestoredOptimizer
from paramsched.core.run.resume import with_chosen_bases
from paramsched.core.run.run import Run
from paramsched.core.run.steps import updates_in_state
from paramsched.core.run.value_table import ValueTable


def load_torch_state(run: Run, count: int, state: Mapping[str, Any], optimizer: Any) -> None:
    """Resume from a state of one of torch's schedulers, whose count of steps is `at`."""
    (attached,) = run.attached.values()
    in_force = run.in_force
    groups: list[GroupDict] = optimizer.param_groups
    taken = updates_in_state(optimizer)
    t = count if taken is None else taken
    bases = _by_group(state.get("base_lrs"), len(groups))
    kept = {
        (index, "lr"): float(base)
        for (index, _), base in bases.items()
        if is_finite_number(base) and id(groups[index]) not in attached.bases.initial  # that is the base already
    }
    lines = tuple(line.with_bases(kept) for line in attached.table.lines)
    position = resume_position(in_force, RunPosition(t), "the state of torch's scheduler", run.state.position)
    restored = RestoredOptimizer(NOTHING, in_force, lines=lines, position=position, states=run.state.states)
    restored = with_chosen_bases(restored, attached, groups, run.arguments.on_base)
    lines = restored.lines
    refuse_values_outside(in_force, lines, attached.scope.labels(groups), position.times)
    table = ValueTable(in_force.counted, lines, groups, position.times, run.state.states, end=in_force.total)
    rates = _by_group(state.get("_last_lr"), len(groups)) if 0 < t == count else {}
    for observer in run.state.observers:
        observer.loading_of_torch(restored, rates)
    run.processes.log(*messages.resumed_from_torch(count, t))
    run.move(position, TORCH)
    attached.t = run.t
    run.history.plans = History((run.entry(),))
    run.bind()
    attached.bind(groups, table)


def _by_group(values: Any, groups: int) -> dict[GroupField, Any]:
    """Return the values of lr in a state of one of torch's schedulers, by group; none if their number differs."""
    is_list = isinstance(values, (list, tuple)) and len(values) == groups
    return {(index, "lr"): value for index, value in enumerate(values if is_list else [])}
