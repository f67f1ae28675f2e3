"""`paramsched convert`: a plan in another format."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramsched.cli._options import (
    CalendarOptions,
    Command,
    calendar_options,
    field_option,
    offer_files,
    offer_formats,
    plan_argument,
)

if TYPE_CHECKING:
    from paramsched.cli._given_plan import GivenPlan
    from paramsched.plan import Plan


@click.command(
    "convert",
    cls=Command,
    short_help="Write a plan in another format.",
    examples=(
        "paramsched convert plan.yaml --to toml",
        "paramsched convert config.py --steps-per-epoch 500 -o plan.yaml",
        "paramsched convert values.jsonl --from log -o replay.yaml",
    ),
)
@plan_argument()
@click.option(
    "--from",
    "source",
    metavar="NAME",
    shell_complete=offer_formats,
    help="Format of PLAN, or log for the log of a run; by default what its suffix says.",
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

    With --from log PLAN is the log of a run, and what is written does again what that run did. Values of a long log
    stand in files beside the output.
    """
    from paramsched import config
    from paramsched.audit import plan_from_log
    from paramsched.cli._given_plan import read_given_plan
    from paramsched.config.file_formats import SUFFIXES
    from paramsched.near_names import did_you_mean

    if to is None and output is None:
        raise click.UsageError("Nothing says the format to write. Give --to yaml, or -o plan.yaml")
    if to is not None and to not in config.formats():
        raise click.UsageError(f"--to {to}: no such format; {did_you_mean(to, config.formats())}")
    if to is None and Path(output or "").suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"--output {output}: its suffix says no format. Give --to yaml")
    if source == "log" or (source is None and plan.endswith(".jsonl")):
        folder = None if output is None else Path(output).parent
        found = plan_from_log(plan, tables=folder)
    else:
        found = _plan_and_note(read_given_plan(plan, format=source, field=field, facts=facts))
    text = config.dump(found, output, to)
    if text is not None:
        click.echo(text, nl=not text.endswith("\n"))


def _plan_and_note(read: "GivenPlan") -> "Plan":
    """The plan, and a note of what is not kept of its file."""
    if read.source is not None and read.source.has_comments:
        click.echo(f"note: the comments of {read.source.name} are not kept", err=True)
    return read.plan
