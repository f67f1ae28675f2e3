"""`paramsched change`: a plan that goes on otherwise from a time on."""

from pathlib import Path

import click

from paramsched.cli._options import (
    CalendarOptions,
    Command,
    calendar_options,
    field_option,
    format_option,
    offer_files,
    offer_formats,
    plan_argument,
)


@click.command(
    "change",
    cls=Command,
    short_help="Change a plan from a time on.",
    examples=(
        "paramsched change plan.yaml --at 8000 --horizon 9000 'lr=linear(previous, 0)'",
        "paramsched change trunk.yaml --at 6000 --cooldown 1000 -o at-6000.yaml",
        "paramsched change plan.yaml --at 8000 --scale lr=0.5",
    ),
)
@plan_argument()
@click.argument("changes", metavar="[FIELD=SCHEDULE]...", nargs=-1)
@click.option("--at", required=True, metavar="TIME", help='When: 8000, "40 epochs", "80%".')
@click.option("--cooldown", metavar="LENGTH", help="Bring lr down to 0 in this time, and end there.")
@click.option("--scale", "factors", multiple=True, metavar="FIELD=FACTOR", help="Multiply a field.")
@calendar_options
@format_option
@field_option
@click.option("--to", metavar="NAME", shell_complete=offer_formats, help="Format to write; by default that of PLAN.")
@click.option("-o", "--output", metavar="FILE", shell_complete=offer_files, help="The file to write.")
def paramsched_change(
    plan: str,
    changes: tuple[str, ...],
    at: str,
    cooldown: str | None,
    factors: tuple[str, ...],
    facts: CalendarOptions,
    format: str | None,
    field: str,
    to: str | None,
    output: str | None,
) -> None:
    """Print PLAN with another course from TIME on; before it every value stays as it is, bit for bit.

    A field follows the SCHEDULE that is given, in which previous is the level it has at that time; lr@head=… is for
    one group. What is not named goes on as it was planned. --horizon is how long the run is from now on, and facts are
    for configs that cannot be read without. Comments of a file are not kept.
    """
    from dataclasses import replace

    from paramsched import config
    from paramsched.cli._given_plan import (
        changes_from_arguments,
        factors_from_options,
        length_from_option,
        read_given_plan,
    )
    from paramsched.cli._options import say_note
    from paramsched.config.file_formats import SUFFIXES
    from paramsched.near_names import did_you_mean

    kinds = [bool(changes) or facts.horizon is not None, cooldown is not None, bool(factors)]
    if sum(kinds) != 1:
        raise click.UsageError("Give one of: FIELD=SCHEDULE (and --horizon), --cooldown, --scale")
    if to is not None and to not in config.formats():
        raise click.UsageError(f"--to {to}: no such format; {did_you_mean(to, config.formats())}")
    read = read_given_plan(plan, format=format, field=field, facts=replace(facts, horizon=None))
    when = length_from_option(at, "--at")
    if cooldown is not None:
        changed = read.plan.cooldown(when, length_from_option(cooldown, "--cooldown"))
    elif factors:
        changed = read.plan.scale(when, **factors_from_options(factors))
    else:
        bindings, fields = changes_from_arguments(read.plan, changes)
        length = None if facts.horizon is None else length_from_option(facts.horizon, "--horizon")
        changed = read.plan.change(when, *bindings, horizon=length, **fields)
    if read.source is not None and read.source.has_comments:
        say_note(f"the comments of {read.source.name} are not kept")
    own = "yaml" if read.source is None else read.source.format
    by_suffix = output is not None and Path(output).suffix.lower() in SUFFIXES
    text = config.dump(changed, output, to or (None if by_suffix else own))
    if text is not None:
        click.echo(text, nl=not text.endswith("\n"))
