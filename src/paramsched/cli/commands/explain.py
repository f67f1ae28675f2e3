"""`paramsched explain`: a plan in words, stage by stage."""

import click

from paramsched.cli._command import Command
from paramsched.cli._options import Facts, calendar_options, field_option, format_option, plan_argument


@click.command(
    "explain",
    cls=Command,
    short_help="Say in words what a plan does, and when.",
    examples=("paramsched explain plan.yaml --steps-per-epoch 500",),
)
@plan_argument()
@calendar_options
@field_option
@format_option
def command(plan: str, facts: Facts, field: str, format: str | None) -> None:
    """Say in words what PLAN does, stage by stage; with facts of the run also at which updates."""
    from paramsched.cli._explained import explained
    from paramsched.cli._plans import calendar_of, loaded_assuming, say_bases
    from paramsched.errors import MissingFact, Unresolved

    loaded, known = loaded_assuming(plan, format=format, field=field, facts=facts)
    read = loaded.plan
    try:
        calendar = calendar_of(known)
        resolved = read.resolve(calendar)
    except (MissingFact, Unresolved):
        if facts.given and facts.horizon is not None:
            raise
        calendar, resolved = None, None
    say_bases(loaded)
    click.echo(explained(read, resolved, None if calendar is None else calendar.updates_per_epoch, loaded.bases))
