"""Copies and pickles of a Scheduler: what they hold, and the hooks of a copy on its optimizer."""

from collections.abc import Mapping
from typing import Any

from paramsched.scheduler._attach import AttachRequest, attach_plan, detached_hooks
from paramsched.scheduler._clock import Standing
from paramsched.scheduler._hooks import PlanHooks
from paramsched.scheduler._resume import Resume
from paramsched.scheduler._state import restored_states, saved_states


def copied_state(hooks: PlanHooks, optimizer: Any) -> dict[str, Any]:
    """What a copy needs of a Scheduler's hooks; the Scheduler adds `drive`."""
    planned, clock = hooks.planned, hooks.planned.clock
    assert isinstance(hooks.loading, Resume)
    return {
        "optimizer": optimizer,
        "plan": planned.in_force.plan,
        "calendar": planned.in_force.calendar,
        "on_change": hooks.loading.on_change,
        "late_groups": planned.late_groups,
        "begin": clock.begin,
        "alive": not hooks.released,
        "t": clock.t,
        "amounts": (clock.amount, clock.said, clock.last_amount),
        "feedback": [saved_states(clock.states), saved_states(clock.used)],
        "acknowledged": clock.acknowledged,
        "history": planned.history,
    }


def hooks_of_copy(state: Mapping[str, Any]) -> tuple[AttachRequest, PlanHooks]:
    """What the copy was asked to do, and its hooks: attached to its optimizer, unless the first one was detached."""
    optimizer, resume = state["optimizer"], Resume(state["on_change"], state["optimizer"])
    late_groups, begin = state.get("late_groups", "base"), state.get("begin")  # absent in pickles of before
    amount, said, last_amount = state.get("amounts", (None, None, None))
    standing = Standing(state["t"], amount, said)
    request = AttachRequest(state["plan"], state["drive"], resume, late_groups, begin)
    hooks = (
        attach_plan(optimizer, request, state["calendar"])
        if state["alive"]
        else detached_hooks(optimizer, request, state["calendar"], standing)
    )
    planned, clock = hooks.planned, hooks.planned.clock
    now, used = (restored_states(one, planned.in_force.resolved.metric_rules) for one in state["feedback"])
    planned.history = state.get("history", planned.history)
    clock.said, clock.last_amount = None, last_amount
    planned.say(said)
    clock.states = used
    clock.change(now)
    if state["alive"]:
        planned.rewrite()
    if not state["acknowledged"]:
        clock.acknowledged_at = -1  # its engine had not called step() yet
    return request, hooks
