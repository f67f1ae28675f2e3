"""Copies and pickles of a Scheduler."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from paramsched.core.plan.optimizers import ALONE
from paramsched.core.run.arguments import Request
from paramsched.core.run.group_keys import COUNT
from paramsched.core.run.plan_source import PlanSource
from paramsched.core.run.resume import Resume
from paramsched.core.run.run import Run
from paramsched.core.run.run_state import Choices
from paramsched.core.run.saved_state import restored_states, saved_states
from paramsched.core.run.start import new_run, start


def copied_state(run: Run, resume: Resume, optimizers: Mapping[str, Any], source: PlanSource) -> dict[str, Any]:
    """Return the state from which `run_of_copy` restores a copy."""
    lead, clock = run.lead, run.clock
    return {
        "optimizers": dict(optimizers),
        "drive": run.drive,
        "plan": lead.in_force.plan,
        "calendar": lead.in_force.calendar,
        "on_change": resume.on_change,
        "bases": resume.bases,
        "code_bases": {name: dict(planned.code_bases) for name, planned in run.members.items()},
        "late_groups": clock.choices.late_groups,
        "begin": clock.choices.start,
        "alive": not clock.released,
        "amounts": (clock.reported, clock.is_measured, clock.last_amount),
        "positions": {name: run.position_at(number) for name, number in run.numbers.items()},
        "feedback": [saved_states(clock.states), saved_states(clock.used)],
        "acknowledged": clock.acknowledged,
        "told_of_end": clock.told_of_end,
        "counts_from": clock.counts_from,
        "history": clock.history,
        "source": source,
    }


def run_of_copy(optimizers: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Request, Run]:
    """Restore a copied Scheduler from the dict of `copied_state`: return its arguments and its run."""
    names = () if ALONE in optimizers else tuple(optimizers)
    source: PlanSource = replace(state["source"], plan=state["plan"])
    resume = Resume(state["on_change"], processes=source.processes)
    choices = Choices(state["drive"], state["late_groups"], state["begin"], source.processes, source.counted_by)
    request = Request(source, resume, choices, names, positions=state["positions"])
    if state["alive"]:
        for name, position in state["positions"].items():
            # An update writes its count into the first group only, which may have become another one since.
            groups = optimizers[name].param_groups
            for group in [one for one in groups if COUNT in one] or groups:
                group[COUNT] = position.t
        run = start(optimizers, request, state["calendar"])
    else:  # its hooks are not registered
        in_force, groups = (
            request.resolved(state["calendar"]),
            {name: one.param_groups for name, one in optimizers.items()},
        )
        states = {rule: rule.init() for rule in in_force.resolved.metric_rules}
        run = new_run(request, in_force, groups, state["positions"], states)
        run.release()
    resume.bases = state["bases"]  # not before, because the copied groups hold a count, as those of a checkpoint do
    for name, planned in run.members.items():
        planned.code_bases = state["code_bases"][name]
    lead, clock = run.lead, run.clock
    now, used = (restored_states(one, lead.in_force.resolved.metric_rules) for one in state["feedback"])
    clock.history, clock.told_of_end = state["history"], state["told_of_end"]
    clock.reported, clock.is_measured, clock.last_amount = state["amounts"]
    clock.counts_from = state["counts_from"]
    clock.states = used
    clock.change(now)
    if state["alive"]:
        run.rewrite()
    if state.get("may_end_early"):
        source.processes.log(
            "a copy of a Scheduler ends with its plan: stop_before and stop_on belong to the Scheduler and the job for "
            "which they were passed. For the copied optimizer, construct "
            'ps.Scheduler(optimizer, scheduler.plan, stop_on="SIGTERM")'
        )
    if not state["acknowledged"]:
        clock.acknowledged_at = -1  # the engine has not called step() yet
    return request, run
