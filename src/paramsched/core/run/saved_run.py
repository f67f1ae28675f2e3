"""The run in the state that an optimizer has loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.history import History
from paramsched.core.run.position import RunPosition


@final
@dataclass(frozen=True, slots=True)
class SavedRun:
    """The run in a state that one of its optimizers has loaded, or had when another one loaded a state.

    Args:
        count: the update of the next step of the optimizer; None if its state has no count.
        position: the position of the run: at this update, or at the next one if the optimizer was behind.
        last_amount: the amount before the last update.
        feedback: the states of the metric rules, as in a record; None if they are unknown.
        history: the plans that were in force; None if the state has no record.
        is_loaded: False for the present run.
        replaced: pairs of (field, label of a group) and the base in the state, for which that of the code applies.
    """

    count: int | None
    position: RunPosition
    last_amount: Amount | None = None
    feedback: Mapping[str, dict[str, Any]] | None = None
    history: History | None = None
    is_loaded: bool = True
    replaced: tuple[tuple[tuple[str, str], float], ...] = ()

    def position_at(self, t: int) -> RunPosition:
        """Return the position at the update of the run, or at the previous one."""
        return self.position if self.position.t == t else RunPosition(t, self.last_amount)
