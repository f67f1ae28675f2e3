"""Copies and pickles of a Scheduler."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from paramsched.core.plan.optimizers import ALONE
from paramsched.core.run.assembly import assembly_of, attach
from paramsched.core.run.group_keys import COUNT
from paramsched.core.run.plan_source import PlanSource
from paramsched.core.run.resume import Resume
from paramsched.core.run.run import Beginning, Run
from paramsched.core.run.run_state import ResolvedPlan
from paramsched.core.run.saved_state import restored_states, saved_states
from paramsched.core.run.start import Request
from paramsched.core.time import Calendar


def copied_state(run: Run, resume: Resume, optimizers: Mapping[str, Any], source: PlanSource) -> dict[str, Any]:
    """Return the state from which `run_of_copy` restores a copy; `source` has the file that it watches."""
    lead, clock = run.lead, run.clock
    return {
        "optimizers": dict(optimizers),
        "drive": run.drive,
        "plan": lead.in_force.plan,
        "calendar": lead.in_force.calendar,
        "on_change": resume.on_change,
        "bases": resume.bases,
        "code_bases": {name: dict(planned.code_bases) for name, planned in run.members.items()},
        "late_groups": lead.parts.late_groups,
        "begin": clock.start,
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


def run_of_copy(optimizers: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Request, PlanSource, Run]:
    """Restore a copied Scheduler from the dict of `copied_state`: return its arguments, its plan and its run."""
    names = () if ALONE in optimizers else tuple(optimizers)
    source: PlanSource = replace(state["source"], plan=state["plan"])
    resume = Resume(state["on_change"], processes=source.processes)
    request = Request(source.plan, state["drive"], resume, state["late_groups"], state["begin"], names)
    if state["alive"]:
        for name, position in state["positions"].items():
            # An update writes its count into the first group only, which may have become another one since.
            groups = optimizers[name].param_groups
            for group in [one for one in groups if COUNT in one] or groups:
                group[COUNT] = position.t
        run = attach(optimizers, replace(request, positions=state["positions"]), source, state["calendar"])
    else:
        run = _detached(optimizers, request, state)
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
    return request, source, run


def _detached(optimizers: Mapping[str, Any], request: Request, state: Mapping[str, Any]) -> Run:
    """Return the run of a Scheduler that was detached: its hooks are not registered."""
    calendar: Calendar = state["calendar"]
    assembly = assembly_of(request, PlanSource(request.plan), calendar)
    in_force = ResolvedPlan(request.plan, request.plan.resolve(calendar, request.names), calendar, request.names)
    groups = {name: one.param_groups for name, one in optimizers.items()}
    states = {rule: rule.init() for rule in in_force.resolved.metric_rules}
    run = assembly.new_run(
        Beginning(in_force, groups, state["positions"], states, request.drive, request.start, assembly.parts)
    )
    run.release()
    return run
