"""The picture of `paramsched audit --html` without a plan."""

import numpy as np

from paramsched import show
from paramsched.cli._options import WrongUsage
from paramsched.core.plan import Binding, Plan
from paramsched.core.plan.trace import trace
from paramsched.tools.audit import Recognition, Recognized, read_metrics
from paramsched.tools.audit.recognition.recognizing import ONE_PER_EPOCH
from paramsched.tools.records.log_values import Times


def page_of_recognition(found: Recognition, log: str) -> str:
    """Return an HTML page with the recognized schedules, the logged values and the metrics of the log."""
    shown = {
        name: (one, plan.resolve(ONE_PER_EPOCH)) for name, one in found.items() if (plan := one.nearest) is not None
    }
    if not shown:
        raise WrongUsage("--html", f"no schedule was found in {log}, so there is nothing to draw")
    bindings = [
        Binding(one.field, plan.bindings[0].schedule, place) for place, (one, plan) in enumerate(shown.values())
    ]
    updates = 1 + max(int(_times(one)[-1]) for one, _ in shown.values())
    horizon = max(plan.horizon.updates for _, plan in shown.values() if plan.horizon is not None)
    groups = [{"name": name, one.field: one.base} for name, (one, _) in shown.items()]
    curves = trace(Plan(*bindings, horizon=max(horizon, updates)), groups)
    keys = dict(zip(shown, curves.keys(), strict=True))
    used = {keys[name]: (_times(one), one.logged[1]) for name, (one, _) in shown.items()}
    measured = {one.name: (one.t, one.values) for one in read_metrics(log) if one.name not in found}
    run = show.LoggedRun("logged", used, measured, tolerance=1e-9)
    return show.html(curves, title=f"Schedule of {log}", log=run)


def _times(one: Recognized) -> Times:
    """Return the times at which the logged values are drawn.

    They are those of the schedule if the log is ahead of it, or if the schedule did not move at some updates. After a
    restart they are the updates, where the log and the schedule part.
    """
    clock = np.rint(one.clock).astype(np.int64)
    return clock if clock[0] >= 0 and bool(np.all(np.diff(clock) > 0)) else one.logged[0]
