"""The report of `paramsched audit` without a plan, and its picture."""

from collections.abc import Mapping

import click

from paramsched.audit import Recognition, UnreadableLog, read_metrics, recognize
from paramsched.base.diagnostic import json_text
from paramsched.cli._options import BAD_PLAN, echo, problem_text, write_output


def report_schedule(
    log: str,
    columns: Mapping[str, str],
    time: str | None,
    optimizer: str | None,
    *,
    as_json: bool,
    strict: bool,
    page: str | None,
) -> None:
    """Print the schedule that a log follows and the notes about its run.

    Args:
        log: the path of the log.
        columns, time, optimizer: as in `recognize`.
        as_json: print JSON.
        strict: exit with code 1 if there is a note.
        page: the file of an HTML page with the logged and the recognized values; None for none.
    """
    try:
        found = recognize(log, columns=columns, time=time, optimizer=optimizer)
    except UnreadableLog as error:
        raise click.UsageError(problem_text(error)) from None
    if page is not None:
        write_output(page, _page(found, log))
    echo(json_text(found.as_data()) if as_json else str(found))
    if not found.complete or (strict and found.notes):
        click.get_current_context().exit(BAD_PLAN)


def _page(found: Recognition, log: str) -> str:
    """Return an HTML page with the recognized schedules, the logged values and the metrics of the log."""
    from paramsched import show
    from paramsched.plan import Binding, Plan
    from paramsched.plan.trace import trace

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
