"""`paramsched convert`: a plan in another format."""

from pathlib import Path

import click

from paramsched.cli._command import Command
from paramsched.cli._options import (
    CalendarOptions,
    calendar_options,
    field_option,
    offer_files,
    offer_formats,
    plan_argument,
)


@click.command(
    "convert",
    cls=Command,
    short_help="Write a plan in another format.",
    examples=(
        "paramsched convert plan.yaml --to toml",
        "paramsched convert config.py --steps-per-epoch 500 -o plan.yaml",
    ),
)
@plan_argument()
@click.option(
    "--from",
    "source",
    metavar="NAME",
    shell_complete=offer_formats,
    help="Format of PLAN; by default what its suffix says.",
)
@click.option(
    "--to",
    metavar="NAME",
    shell_complete=offer_formats,
    help="yaml, toml, json or a dialect; by default what the output's suffix says.",
)
@click.option(
    "-o", "--output", metavar="FILE", shell_complete=offer_files, help="The file to write; by default standard output."
)
@calendar_options
@field_option
def paramsched_convert(
    plan: str, source: str | None, to: str | None, output: str | None, facts: CalendarOptions, field: str
) -> None:
    """Say in one format what PLAN says in another.

    Comments of a file are not kept; where there are some, a note on standard error says so.
    """
    from paramsched import config
    from paramsched.cli._given_plan import read_given_plan
    from paramsched.config.file_formats import SUFFIXES
    from paramsched.near_names import did_you_mean

    if to is None and output is None:
        raise click.UsageError("Nothing says the format to write. Give --to yaml, or -o plan.yaml")
    if to is not None and to not in config.formats():
        raise click.UsageError(f"--to {to}: no such format; {did_you_mean(to, config.formats())}")
    if to is None and Path(output or "").suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"--output {output}: its suffix says no format. Give --to yaml")
    read = read_given_plan(plan, format=source, field=field, facts=facts)
    if read.source is not None and read.source.has_comments:
        click.echo(f"note: the comments of {read.source.name} are not kept", err=True)
    text = config.dump(read.plan, output, to)
    if text is not None:
        click.echo(text, nl=not text.endswith("\n"))
