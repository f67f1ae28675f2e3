"""The plans that a saved state tells of."""

from typing import Any

from paramsched.plan import Plan
from paramsched.scheduler._state import plan_of_text, read_scheduler_state
from paramsched.time import Calendar


def plans_in_state(state: Any) -> tuple[list[tuple[int, float | None, Plan | None]], Calendar]:
    """The plans that were in force, each with its first update and the amount before it; the facts of the last.

    A plan is None where it has no text, or one that cannot be read here.

    Raises:
        StateError: the state is foreign, truncated or spoiled.
    """
    read = read_scheduler_state(state)
    entries = read.history.entries
    return [(entry.update, entry.amount, plan_of_text(entry.text)[0]) for entry in entries], read.calendar
