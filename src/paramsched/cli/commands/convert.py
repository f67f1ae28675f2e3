"""`paramsched convert`: write a plan in another format. Door: `core`."""

from pathlib import Path

import click

from paramsched.cli._options import (
    STANDARD_OUTPUT,
    Command,
    PlanOptions,
    WrongUsage,
    base_option,
    plan_argument,
    plan_options,
    write_output,
)
from paramsched.cli._plan_output import note_comments, output_option, require_format, write_plan


@click.command(
    "convert",
    cls=Command,
    short_help="Convert a plan to another format.",
    examples=(
        "paramsched convert plan.toml --to yaml",
        "paramsched convert config.py --steps-per-epoch 500 -o plan.yaml",
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
    options: PlanOptions,
    to: str | None,
    output: str | None,
) -> None:
    """Convert PLAN to another format.

    Comments are not kept. If the file has comments, a note on standard error reports that.

    With --to csv, the output is a table of all values: a row for each update, a column for each field and group, and
    numbers that a program reads back bit for bit. --base sets the bases.
    """
    from paramsched.cli._plan_input import read_plan_input
    from paramsched.core.plan.forms import SUFFIXES

    if to is None and output in (None, STANDARD_OUTPUT):
        to = "yaml"
    if to == "csv" or (to is None and Path(output or "").suffix == ".csv"):
        write_output(output or STANDARD_OUTPUT, _values(plan, options))
        return
    if options.bases:
        raise WrongUsage("--base", "it is for a table of values", "Write --to csv")
    require_format(to, "csv")
    if to is None and Path(output or "").suffix.lower() not in SUFFIXES:
        raise WrongUsage(f"--output {output}", "the suffix is not that of a known format", "Write --to yaml")
    read = read_plan_input(plan, options)
    note_comments(read)
    write_plan(read.plan, output, to)


def _values(plan: str, options: PlanOptions) -> str:
    """Return the table of all values of a plan."""
    from paramsched.cli._plan_input import read_plan_input
    from paramsched.cli._traces import values_to_write

    return values_to_write(read_plan_input(plan, options)).csv_text()
