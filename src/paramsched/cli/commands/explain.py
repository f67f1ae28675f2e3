"""`paramsched explain`: a plan in words, stage by stage."""

import click

from paramsched.cli._options import (
    CalendarOptions,
    Command,
    calendar_options,
    field_option,
    format_option,
    plan_argument,
)


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
def paramsched_explain(plan: str, facts: CalendarOptions, field: str, format: str | None) -> None:
    """Say in words what PLAN does, stage by stage; with facts of the run also at which updates."""
    from paramsched.cli._given_plan import calendar_from_options, loaded_with_assumed_epoch, with_facts_beside
    from paramsched.cli._plan_words import plan_in_words
    from paramsched.cli._traces import say_base_notes
    from paramsched.errors import MissingFact, Unresolved
    from paramsched.plan.resolve import known_total

    loaded, known = loaded_with_assumed_epoch(plan, format=format, field=field, facts=facts)
    read = loaded.plan
    try:
        calendar = calendar_from_options(with_facts_beside(loaded, known))
        resolved = read.resolve(calendar)
    except (MissingFact, Unresolved):
        if facts.given and facts.horizon is not None:
            raise
        calendar, resolved = None, None
    say_base_notes(loaded)
    epoch = None if calendar is None else calendar.updates_per_epoch
    total = None if resolved is None or calendar is None else known_total(resolved, calendar)
    click.echo(plan_in_words(read, resolved, epoch, loaded.bases, total))
