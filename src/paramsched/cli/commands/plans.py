"""The commands for plan files: `paramsched change`, `convert`, `diff` and `schema`."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from paramsched.cli._options import (
    BAD_PLAN,
    STANDARD_OUTPUT,
    Command,
    PlanOptions,
    base_option,
    column_option,
    echo,
    echo_note,
    format_option,
    json_option,
    named_columns,
    offer_files,
    offer_formats,
    plan_argument,
    plan_options,
    time_option,
    write_output,
)
from paramsched.core.base.diagnostic import json_text

if TYPE_CHECKING:
    from paramsched.cli._plan_input import PlanInput
    from paramsched.core.plan import Plan


_output_option = click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=offer_files,
    help="File to write. By default, or with -, standard output.",
)


_LOGS = (".csv", ".tsv", ".log")  # suffixes of logs, which no format of plans has


@click.command(
    "change",
    cls=Command,
    short_help="Change a plan from a given time onward.",
    examples=(
        "paramsched change plan.yaml --at 8000 --horizon 9000 'lr=linear(previous, 0)'",
        "paramsched change trunk.yaml --at 6000 --cooldown 1000 -o at-6000.yaml",
        "paramsched change plan.yaml --at 8000 --scale lr=0.5",
    ),
)
@plan_argument()
@click.argument("changes", metavar="[FIELD=SCHEDULE]...", nargs=-1)
@click.option("--at", required=True, metavar="TIME", help='Time of the change: 8000, "40 epochs", "80%".')
@click.option("--cooldown", metavar="LENGTH", help="Decrease lr to 0 over LENGTH, and end the run there.")
@click.option("--scale", "factors", multiple=True, metavar="FIELD=FACTOR", help="Multiply a field by a factor.")
@plan_options
@format_option
@click.option(
    "--to", metavar="NAME", shell_complete=offer_formats, help="Format to write. By default, the format of PLAN."
)
@_output_option
def paramsched_change(
    plan: str,
    changes: tuple[str, ...],
    at: str,
    cooldown: str | None,
    factors: tuple[str, ...],
    options: PlanOptions,
    to: str | None,
    output: str | None,
) -> None:
    """Print PLAN with a change from TIME on. All values before TIME stay the same, bit for bit.

    From TIME on, FIELD follows SCHEDULE. In SCHEDULE, `previous` is the level of the field at TIME. FIELD may name a
    group: lr@head=…. Fields that are not named continue as planned. --horizon is the new length of the run. The other
    facts are for configs that cannot be read without them. Comments in the file are not kept.
    """
    from dataclasses import replace

    from paramsched.cli._plan_input import (
        changes_from_arguments,
        factors_from_options,
        horizon_from_options,
        length_from_option,
        read_plan_input,
    )
    from paramsched.core.base.files import is_replaced, write_over_text
    from paramsched.core.files.plan_files import SYNTAXES, text_for_file
    from paramsched.core.plan.forms import SUFFIXES
    from paramsched.errors import InvalidArgument

    kinds = [bool(changes) or options.horizon is not None, cooldown is not None, bool(factors)]
    if sum(kinds) != 1:
        raise click.UsageError("Write exactly one of: FIELD=SCHEDULE (and --horizon), --cooldown, --scale")
    read = read_plan_input(plan, replace(options, horizon=None))
    when = length_from_option(at, "--at")
    length = None if cooldown is None else length_from_option(cooldown, "--cooldown")
    scales = factors_from_options(read.plan, factors)
    bindings, fields = changes_from_arguments(read.plan, changes)
    horizon = horizon_from_options(options)
    try:
        if length is not None:
            changed = read.plan.cooldown(when, length)
        elif scales:
            changed = read.plan.scale(when, **scales)
        else:
            changed = read.plan.change(when, *bindings, horizon=horizon, **fields)
    except InvalidArgument as error:
        raise error.changed(site=plan) from None  # in place of the call in Python
    _note_comments(read)
    own = "yaml" if read.source is None or read.source.format not in SYNTAXES else read.source.format
    by_suffix = output is not None and Path(output).suffix.lower() in SUFFIXES
    target = to or (None if by_suffix else own)
    _require_format(target)
    if (
        read.source is None
        or output is None
        or not is_replaced(Path(output))
        or os.path.realpath(plan) != os.path.realpath(output)
    ):
        _write_plan(changed, output, target)
    elif not write_over_text(Path(output), read.source.text, text_for_file(changed, Path(output), target)):
        raise click.ClickException(f"{plan}: another program has changed the file. Run the command again")


def _require_format(to: str | None, *others: str) -> None:
    """Raise an error for a format that is unknown or can only be read. `others` may be written too."""
    from paramsched.core import files as config
    from paramsched.core.base.near_names import did_you_mean
    from paramsched.core.files.plan_files import SYNTAXES

    if to is not None and to not in config.formats():
        raise click.UsageError(f"--to {to}: unknown format; {did_you_mean(to, (*SYNTAXES, *others))}")
    if to is not None and to not in (*SYNTAXES, "native"):
        raise click.UsageError(f"--to {to}: this format can only be read. Write --to yaml")


def _note_comments(read: "PlanInput") -> None:
    """Print a note if the comments of the file are lost, and print the notes of its reader."""
    if read.source is not None and read.source.has_comments:
        echo_note(f"the comments of {read.source.name} are not kept")
    for note in read.loaded.notes:
        echo_note(str(note))


def _write_plan(plan: "Plan", output: str | None, to: str | None) -> None:
    from paramsched.core import files as config

    if output is not None and output != STANDARD_OUTPUT:
        config.dump(plan, output, to)
        return
    text = config.dump(plan, None, to)
    echo(text, nl=not text.endswith("\n"))


@click.command(
    "convert",
    cls=Command,
    short_help="Write a plan in another format.",
    examples=(
        "paramsched convert plan.yaml --to toml",
        "paramsched convert config.py --steps-per-epoch 500 -o plan.yaml",
        "paramsched convert values.jsonl --from log -o replay.yaml",
        "paramsched convert plan.yaml --to python --steps-per-epoch 500 -o lr.py",
    ),
)
@plan_argument()
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
    help="Format to write: yaml, toml, json or python. By default, the suffix of FILE, or yaml.",
)
@click.option("--table", is_flag=True, help="With --from log: write the logged values, even if a formula has them.")
@column_option
@time_option
@_output_option
@base_option
@click.option("--torch", is_flag=True, help="With --to python: add make_scheduler, an LRScheduler of torch.")
@click.option("--test", metavar="FILE", shell_complete=offer_files, help="With --to python: write a pytest file too.")
@plan_options
def paramsched_convert(
    plan: str,
    options: PlanOptions,
    to: str | None,
    table: bool,
    columns: tuple[str, ...],
    time: str | None,
    output: str | None,
    torch: bool,
    test: str | None,
) -> None:
    """Convert PLAN to another format.

    Comments are not kept. If the file has comments, a note on standard error reports that.

    With --to python, the output is a Python module with a function for each line of PLAN. It needs neither paramsched
    nor NumPy. --base sets the default of the argument `base`. With --field, only that field is exported. `paramsched
    audit` compares the module with a plan.

    With --from log, PLAN is the log of a run, and the output is the schedule that it follows. If no formula has all
    logged values, or with --table, the output is a plan with the logged values; those of a long log are written to
    files next to the output. A log that counts epochs gives a plan in epochs, with --steps-per-epoch in updates.
    """
    from paramsched.cli._plan_input import calendar_from_options, read_plan_input
    from paramsched.core.base.files import is_replaced
    from paramsched.core.plan.forms import SUFFIXES
    from paramsched.tools.audit import plan_from_log, recognize

    if to is None and output in (None, STANDARD_OUTPUT):
        to = "yaml"
    if to == "python" or (to is None and Path(output or "").suffix == ".py"):
        chosen = click.get_current_context().get_parameter_source("field") is ParameterSource.COMMANDLINE
        read = read_plan_input(plan, options)
        _export(read, options.field if chosen else None, output, test, torch=torch)
        return
    for name, given in (("--base", options.bases), ("--torch", torch), ("--test", test)):
        if given:
            raise click.UsageError(f"{name}: only for Python code. Write --to python")
    _require_format(to, "python")
    if to is None and Path(output or "").suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"--output {output}: the suffix is not that of a known format. Write --to yaml")
    if options.format is None and Path(plan).suffix in _LOGS:
        raise click.UsageError(f"{plan}: expected a plan, got a log. Write paramsched convert {plan} --from log")
    if options.format == "log" or (options.format is None and plan.endswith(".jsonl")):
        if output is not None and (Path(output).suffix == ".csv" or os.path.realpath(output) == os.path.realpath(plan)):
            raise click.UsageError(
                f"--output {output}: the log or its table may have this name already. Write -o plan.yaml"
            )
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
        _note_comments(read)
        found = read.plan
    _write_plan(found, output, to)


def _export(read: "PlanInput", field: str | None, output: str | None, test: str | None, *, torch: bool) -> None:
    """Write a plan as a Python module, and its test."""
    from paramsched.cli._plan_input import calendar_from_options
    from paramsched.cli._traces import given_bases
    from paramsched.tools.export.companions import test_of
    from paramsched.tools.export.plan_lines import exported_plan
    from paramsched.tools.export.source import source_of

    if test is not None and output in (None, STANDARD_OUTPUT):
        raise click.UsageError(f"--test {test}: the test needs the file of the module. Write -o schedule.py")
    calendar = calendar_from_options(read.known)
    named = {
        name if group is None else f"{name}/{group}": value
        for (name, group), value in given_bases(read.plan, read.options.bases).items()
    }
    groups = read.loaded.bases.groups
    exported = exported_plan(read.name, read.plan, calendar, groups=groups, bases=named, field=field)
    module = source_of(exported, torch=torch)
    if read.source is not None:
        for note in read.loaded.notes:
            echo_note(str(note))
    if test is not None:
        beside = os.path.relpath(output or "", Path(test).parent)
        write_output(test, test_of(exported, Path(beside).as_posix()))
    write_output(output or STANDARD_OUTPUT, module)


@click.command(
    "diff",
    cls=Command,
    short_help="Print the differences between two plans.",
    examples=(
        "paramsched diff old.yaml new.yaml",
        "paramsched diff old.yaml new.yaml --steps-per-epoch 500 --json",
    ),
)
@plan_argument("before")
@plan_argument("after")
@plan_options
@format_option
@json_option
def paramsched_diff(before: str, after: str, options: PlanOptions, as_json: bool) -> None:
    """Print the changes from BEFORE to AFTER. Exit code 1 if there are any, like diff.

    With facts of the run, each change has the first update at which values differ, and the largest difference.
    """
    from paramsched.cli._plan_input import calendar_from_options, read_plan_input
    from paramsched.core.plan.diff import diff

    plans = [read_plan_input(given, options).plan for given in (before, after)]
    changes = diff(plans[0], plans[1], calendar_from_options(options) if options.facts else None)
    if as_json:
        echo(json_text([*map(asdict, changes)]))
    elif changes:
        echo(str(changes))
    if changes:
        click.get_current_context().exit(BAD_PLAN)


@click.command(
    "schema",
    cls=Command,
    short_help="Print the JSON Schema of plan files.",
    examples=("paramsched schema > plan.schema.json",),
)
def paramsched_schema() -> None:
    """Print the JSON Schema of plan files for editors, with the shapes of installed packages."""
    from paramsched.core.files import schema

    echo(json_text(schema(), indent=2))
