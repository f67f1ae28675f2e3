"""`paramsched convert`: write a plan in another format. Door: `core`; logs: `tools`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramsched.cli._options import (
    STANDARD_OUTPUT,
    Command,
    PlanOptions,
    WrongUsage,
    base_option,
    column_option,
    echo_note,
    named_columns,
    offer_formats,
    plan_argument,
    plan_options,
    time_option,
    write_output,
)
from paramsched.cli._plan_output import note_comments, output_option, require_format, write_plan
from paramsched.core.base.diagnostic import json_text

if TYPE_CHECKING:
    pass


_LOGS = (".csv", ".tsv", ".log")  # suffixes of logs, which no format of plans has


@click.command(
    "convert",
    cls=Command,
    short_help="Convert a plan to another format.",
    examples=(
        "paramsched convert plan.yaml --to toml",
        "paramsched convert config.py --steps-per-epoch 500 -o plan.yaml",
        "paramsched convert values.jsonl --from log -o replay.yaml",
        "paramsched convert plan.yaml --steps-per-epoch 500 --base 0.1 -o values.csv",
        "paramsched convert --to schema -o plan.schema.json",
    ),
)
@plan_argument(required=False)
@click.option(
    "--from",
    "format",
    metavar="NAME",
    shell_complete=offer_formats,
    help="Format of PLAN, or log for the log of a run. By default, the suffix of PLAN.",
)
@click.option(
    "--to",
    metavar="NAME",
    shell_complete=offer_formats,
    help="Format to write: yaml, toml, json, or csv for a table of values; schema without PLAN. By default, the suffix "
    "of FILE, or yaml.",
)
@click.option("--table", is_flag=True, help="With --from log: write the logged values, even if a formula has them.")
@column_option
@time_option
@output_option
@base_option
@plan_options
def paramsched_convert(
    plan: str | None,
    options: PlanOptions,
    to: str | None,
    table: bool,
    columns: tuple[str, ...],
    time: str | None,
    output: str | None,
) -> None:
    """Convert PLAN to another format.

    Comments are not kept. If the file has comments, a note on standard error reports that.

    With --to csv, the output is a table of all values: a row for each update, a column for each field and group, and
    numbers that a program reads back bit for bit. --base sets the bases.

    With --from log, PLAN is the log of a run, and the output is the schedule that it follows. If no formula has all
    logged values, or with --table, the output is a plan with the logged values; those of a long log are written to
    files next to the output. A log that counts epochs gives a plan in epochs, with --steps-per-epoch in updates.

    With --to schema, and without PLAN, the output is the JSON Schema of plan files for editors, with the shapes of
    installed packages.
    """
    if to == "schema":
        _write_schema(plan, output)
        return
    if plan is None:
        raise click.MissingParameter(param_hint="'PLAN'", param_type="argument")
    from paramsched.cli._plan_input import calendar_from_options, read_plan_input
    from paramsched.core.base.files import is_replaced
    from paramsched.core.plan.forms import SUFFIXES

    if to is None and output in (None, STANDARD_OUTPUT):
        to = "yaml"
    if to == "csv" or (to is None and Path(output or "").suffix == ".csv" and options.format != "log"):
        write_output(output or STANDARD_OUTPUT, _values(plan, options))
        return
    if options.bases:
        raise WrongUsage("--base", "it is for a table of values", "Write --to csv")
    require_format(to, "csv", "schema")
    if to is None and Path(output or "").suffix.lower() not in SUFFIXES:
        raise WrongUsage(f"--output {output}", "the suffix is not that of a known format", "Write --to yaml")
    if options.format is None and Path(plan).suffix in _LOGS:
        raise WrongUsage(plan, "expected a plan, got a log", f"Write paramsched convert {plan} --from log")
    if options.format == "log" or (options.format is None and plan.endswith(".jsonl")):
        if output is not None and (Path(output).suffix == ".csv" or os.path.realpath(output) == os.path.realpath(plan)):
            raise WrongUsage(
                f"--output {output}", "the log or its table may have this name already", "Write -o plan.yaml"
            )
        from paramsched.tools.audit import plan_from_log, recognize

        to_file = output is not None and output != STANDARD_OUTPUT and is_replaced(Path(output))
        named = named_columns(columns)
        recognized = None if table else recognize(plan, columns=named, time=time)
        formula = None if recognized is None else recognized.plan()
        if recognized is not None and formula is not None:
            logged = ", ".join(f"{name}={one.base!r}" for name, one in recognized.items())
            echo_note(f"the values are those of the log with the base {logged}")
            for note in recognized.notes:
                echo_note(note.message)
        tables = Path(output or "").parent if to_file else None
        found = formula or plan_from_log(plan, columns=named, time=time, tables=tables)
        if options.facts:
            found = found.resolve(calendar_from_options(options))
    else:
        read = read_plan_input(plan, options)
        note_comments(read)
        found = read.plan
    write_plan(found, output, to)


def _values(plan: str, options: PlanOptions) -> str:
    """Return the table of all values of a plan."""
    from paramsched.cli._plan_input import read_plan_input
    from paramsched.cli._traces import values_to_write

    return values_to_write(read_plan_input(plan, options)).csv_text()


def _write_schema(plan: str | None, output: str | None) -> None:
    """Write the JSON Schema of plan files."""
    from paramsched.core.files import schema

    if plan is not None:
        raise WrongUsage(
            "--to schema",
            "it is the schema of all plan files",
            f"Leave out {plan}. Write paramsched convert --to schema",
        )
    write_output(output or STANDARD_OUTPUT, json_text(schema(), indent=2) + "\n")
