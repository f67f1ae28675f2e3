"""`paramsched convert`: write a plan in another format. Package: `core`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramsched.cli._options import Command, CommandOptions, base_option, output_option, plan_argument, plan_options
from paramsched.cli._output import STANDARD_OUTPUT, WrongUsage, echo_data, echo_note, echo_yaml, write_output

if TYPE_CHECKING:
    from paramsched.cli._input import PlanInput
    from paramsched.core.plan import Plan


@click.command(
    "convert",
    cls=Command,
    short_help="Convert a plan to another format.",
    examples=(
        "paramsched convert plan.toml --to yaml",
        "paramsched convert plan.yaml --steps-per-epoch 500 --base 0.1 -o values.csv",
    ),
)
@plan_argument()
@click.option(
    "--from",
    "format",
    metavar="NAME",
    help="Format of PLAN. By default, the suffix of PLAN.",
)
@click.option(
    "--to",
    metavar="NAME",
    help="Format to write: yaml, json, or csv for a table of values. By default, the suffix of FILE, or yaml.",
)
@output_option
@base_option
@plan_options
def paramsched_convert(
    plan: str,
    options: CommandOptions,
    to: str | None,
    output: str | None,
) -> None:
    """Convert PLAN to another format.

    Comments are not kept. If the file has comments, a note on standard error reports that.

    With --to csv, the output is a table of all values: a row for each update, a column for each field and group, and
    numbers that a program reads back bit for bit. --base sets the bases.
    """
    from paramsched.cli._input import read_plan_input
    from paramsched.core.plan import SUFFIXES

    if to is None and output in (None, STANDARD_OUTPUT):
        to = "yaml"
    if to == "csv" or (to is None and Path(output or "").suffix == ".csv"):
        write_output(output or STANDARD_OUTPUT, _values(plan, options))
        return
    if options.bases:
        raise WrongUsage("--base", "it is for a table of values", "Write --to csv")
    _require_format(to)
    if to is None and Path(output or "").suffix.lower() not in SUFFIXES:
        raise WrongUsage(f"--output {output}", "the suffix is not that of a known format", "Write --to yaml")
    read = read_plan_input(plan, options)
    _note_comments(read)
    _write_plan(read.plan, output, to)


def _values(plan: str, options: CommandOptions) -> str:
    """Return the table of all values of a plan."""
    from paramsched.cli._input import read_plan_input
    from paramsched.cli._traces import values_to_write

    return values_to_write(read_plan_input(plan, options)).csv_text()


def _require_format(to: str | None) -> None:
    """Raise an error for a format that is unknown or can only be read."""
    from paramsched.base.words import did_you_mean
    from paramsched.core import files as config
    from paramsched.core.files import WRITERS

    if to is not None and to not in config.formats():
        known = (*WRITERS, "csv")
        raise WrongUsage(f"--to {to}", f"unknown format; {did_you_mean(to, known)}")
    if to is not None and to not in WRITERS:
        raise WrongUsage(f"--to {to}", "this format can only be read", "Write --to yaml")


def _note_comments(read: "PlanInput") -> None:
    """Print a note if the comments of the file are lost."""
    if read.source is not None and read.source.has_comments:
        echo_note(f"the comments of {read.source.name} are not kept")


def _write_plan(plan: "Plan", output: str | None, to: str | None) -> None:
    """Write a plan to the file of --output, or to standard output."""
    from paramsched.core import files as config

    if output is not None and output != STANDARD_OUTPUT:
        config.dump(plan, output, to)
        return
    text = config.dump(plan, None, to)
    if to in (None, "yaml"):
        echo_yaml(text)
    else:
        echo_data(text.removesuffix("\n"))
