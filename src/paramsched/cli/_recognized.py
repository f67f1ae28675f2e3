"""The picture of `paramsched audit --html` without a plan."""

import click

from paramsched import show
from paramsched.audit import Recognition, read_metrics
from paramsched.plan import Binding, Plan
from paramsched.plan.trace import trace


def page_of_recognition(found: Recognition, log: str) -> str:
    """Return an HTML page with the recognized schedules, the logged values and the metrics of the log."""
    shown = {name: (one, plan) for name, one in found.items() if (plan := one.nearest) is not None}
    if not shown:
        raise click.UsageError(f"--html: no schedule was found in {log}, so there is nothing to draw")
    bindings = [
        Binding(one.field, plan.bindings[0].schedule, place) for place, (one, plan) in enumerate(shown.values())
    ]
    updates = 1 + max(int(one.logged[0][-1]) for one, _ in shown.values())
    horizon = max(plan.horizon.updates for _, plan in shown.values() if plan.horizon is not None)
    groups = [{"name": name, one.field: one.base} for name, (one, _) in shown.items()]
    curves = trace(Plan(*bindings, horizon=max(horizon, updates)), groups)
    keys = dict(zip(shown, curves.keys(), strict=True))
    used = {keys[name]: one.logged for name, (one, _) in shown.items()}
    measured = {one.name: (one.t, one.values) for one in read_metrics(log) if one.name not in found}
    run = show.LoggedRun("logged", used, measured, tolerance=1e-9)
    return show.html(curves, title=f"Schedule of {log}", log=run)
