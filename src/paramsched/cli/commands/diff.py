"""`paramsched diff`: what changed between two plans."""

import click

from paramsched.cli._options import (
    BAD_PLAN,
    CalendarOptions,
    Command,
    calendar_options,
    field_option,
    format_option,
    json_option,
    plan_argument,
)


@click.command(
    "diff",
    cls=Command,
    short_help="Print what differs between two plans.",
    examples=(
        "paramsched diff old.yaml new.yaml",
        "paramsched diff old.yaml new.yaml --steps-per-epoch 500 --json",
    ),
)
@plan_argument("before")
@plan_argument("after")
@calendar_options
@field_option
@format_option
@json_option
def paramsched_diff(
    before: str, after: str, facts: CalendarOptions, field: str, format: str | None, as_json: bool
) -> None:
    """Print the changes from BEFORE to AFTER; exit code 1 if there are any, like diff.

    With facts of the run each change also says from which update on values differ, and by how much.
    """
    import dataclasses
    import json

    from paramsched._diff import diff
    from paramsched.cli._given_plan import calendar_from_options, plan_of

    plans = [plan_of(given, format=format, field=field, facts=facts) for given in (before, after)]
    changes = diff(plans[0], plans[1], calendar_from_options(facts) if facts.given else None)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(change) for change in changes], ensure_ascii=False))
    elif changes:
        click.echo(str(changes))
    if changes:
        click.get_current_context().exit(BAD_PLAN)
