"""Which plans a run has followed, from the scheduler's state in a checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from paramsched._diff import Diff, diff
from paramsched._fault import printable
from paramsched.audit.checkpoint_file import choose_state, find_states, load_checkpoint
from paramsched.errors import InvalidArgument
from paramsched.plan import Plan
from paramsched.plan.binding import amount_clock
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class PlanSince:
    """A plan, and when it came into force.

    Args:
        update: the first that it gave the values of.
        amount: what had been consumed before it; None on the clock of updates.
        plan: the plan; None where it has no text, or one that cannot be read here.
        changes: from the plan before; None where one of the two is not known, and for the first.
    """

    update: int
    amount: float | None
    plan: Plan | None
    changes: Diff | None

    def __str__(self) -> str:
        unit = None if self.plan is None else amount_clock(self.plan.clock)
        amount = "" if self.amount is None else f" ({self.amount} {unit or 'consumed'})"
        what = self.plan if self.changes is None else self.changes
        text = _indented("(a plan without a text)" if what is None else str(what))
        return f"from update {self.update}{amount}:\n{text}"


def _indented(text: str) -> str:
    """Text of a checkpoint, which a terminal only prints, below a heading."""
    return "\n".join(f"  {printable(line)}" for line in text.splitlines())


def read_plan_history(file: str | Path, *, scheduler: str | None = None) -> tuple[PlanSince, ...]:
    """The plans of a run, the earliest first, each with what it changed.

    Args:
        file: a checkpoint in which a state of `ps.Scheduler` is, under any name.
        scheduler: which state, where there are several.

    Raises:
        UnreadableLog: torch cannot read it, or no state, or several, are in it.
        StateError: the state is spoiled.
        MissingDependency: torch is not installed.
    """
    path = Path(file)
    states = find_states(load_checkpoint(path), _is_scheduler_state, "scheduler")
    missing = "no state of a ps.Scheduler is in it", "Save scheduler.state_dict() in your checkpoints"
    state = states[choose_state(path, states, "--scheduler", scheduler, missing)]
    # The scheduler's own reader: what it would refuse is no history. With it comes torch, which the file needed too.
    from paramsched.scheduler.saved_state import plans_in_state

    plans, facts = plans_in_state(state)
    found: list[PlanSince] = []
    for update, amount, plan in plans:
        before = found[-1].plan if found else None
        changes = None if plan is None or before is None else _changes(before, plan, facts)
        found.append(PlanSince(update, amount, plan, changes))
    return tuple(found)


def _changes(before: Plan, after: Plan, facts: Calendar) -> Diff:
    """What differs, and from when on, where the facts of the present plan say it of both."""
    try:
        return diff(before, after, facts)
    except InvalidArgument:  # the earlier plan was for another run, say of another length
        return diff(before, after)


def _is_scheduler_state(one: Mapping[Any, Any]) -> bool:
    return {"version", "t", "plan", "calendar", "bases"} <= one.keys()
