"""What is drawn: `paramsched show` and `paramsched plot`."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paramsched.cli._options import (
    STANDARD_OUTPUT,
    CalendarOptions,
    Command,
    aligned_rows,
    base_option,
    calendar_options,
    field_option,
    format_option,
    is_terminal,
    json_option,
    json_text,
    offer_files,
    other_option,
    plans_argument,
    run_options,
    tolerance_option,
    view_options,
    write_output,
)

if TYPE_CHECKING:
    from paramsched import show
    from paramsched.config import Loaded
    from paramsched.plan import Plan
    from paramsched.plan.run_amounts import RunAmounts


_MOST_PRINTED = 1_500_000  # values in JSON; a second


@click.command(
    "show",
    cls=Command,
    short_help="Draw plans in the terminal, or print values.",
    examples=(
        "paramsched show plan.yaml --steps-per-epoch 500 --base lr=0.1",
        "paramsched show 'warmup(\"5%\") >> cosine(to=0.1)' --horizon 10000",
        'paramsched show plan.yaml --steps-per-epoch 500 --at "10 epochs" --json',
        "paramsched show trunk.yaml at-6000.yaml at-8000.yaml",
        "paramsched show recipe:llama3-405b",
    ),
)
@plans_argument()
@calendar_options
@base_option
@field_option
@format_option
@click.option("--at", "times", multiple=True, metavar="TIME", help='Print the values at 250, "10 epochs", "50%".')
@click.option("--width", type=click.IntRange(24, 1000), help="Columns; by default the terminal's.")
@click.option("--height", type=click.IntRange(2, 200), default=9, show_default=True, help="Rows of each plot.")
@click.option("--ascii", "only_ascii", is_flag=True, help="Use only ASCII characters.")
@click.option("--color/--no-color", default=None, help="Use colors; by default in a terminal.")
@other_option
@run_options
@tolerance_option
@view_options
@json_option
def paramsched_show(
    plans: tuple[str, ...],
    facts: CalendarOptions,
    bases: tuple[str, ...],
    field: str,
    format: str | None,
    times: tuple[str, ...],
    width: int | None,
    height: int,
    only_ascii: bool,
    color: bool | None,
    other: str | None,
    used: tuple[str, ...],
    metrics: tuple[str, ...],
    tolerance: float | None,
    view: "show.View",
    as_json: bool,
) -> None:
    """Draw PLAN in the terminal: a panel for each field, breakpoints marked on its axis.

    Several plans share one axis: each that begins as one before it is drawn from where it leaves that one.
    """
    from paramsched import show
    from paramsched.cli._plan_input import loaded_with_facts
    from paramsched.cli._traces import runs_to_draw, too_many_values, trace_plan_inputs
    from paramsched.plan.trace import column_name

    if len(plans) > 1 and (times or as_json):
        raise click.UsageError(f"--at and --json print the values of one plan, and here are {len(plans)}")
    if times:
        read, known = loaded_with_facts(plans[0], format=format, field=field, facts=facts)
        click.echo(_values_at(read, known, bases, times, as_json))
        return
    drawn, over = trace_plan_inputs(plans, None if as_json else other, bases, format=format, field=field, facts=facts)
    if as_json:
        keys = drawn.keys()
        if (count := drawn.total * len(keys)) > _MOST_PRINTED:
            raise too_many_values(count, "print")
        groups = {group for _, group in keys} - {""}
        names = [key[0] if len(groups) < 2 else column_name(key) for key in keys]
        values = {
            name: [_finite_or_none(one) for one in drawn[key].tolist()] for name, key in zip(names, keys, strict=True)
        }
        click.echo(json_text({"total": drawn.total, "steps_per_epoch": drawn.steps_per_epoch, "values": values}))
        return
    terminal = is_terminal()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    colored = terminal and not plain if color is None else color
    columns = width or (shutil.get_terminal_size().columns if terminal else 80)
    try:
        "⣿".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):  # what cannot print one is drawn in ASCII
        only_ascii = True
    picture = show.text(
        drawn,
        width=max(columns, 24),
        height=height,
        ascii=only_ascii,
        color=colored,
        log=runs_to_draw(used, metrics, drawn, tolerance) or None,
        other=over,
        view=view,
    )
    click.echo(picture, color=colored)


def _values_at(
    loaded: "Loaded", facts: CalendarOptions, bases: tuple[str, ...], times: tuple[str, ...], as_json: bool
) -> str:
    """The values of a plan at single times, as a table or as JSON."""
    from dataclasses import replace
    from math import ceil

    from paramsched.cli._plan_input import calendar_for_picture, length_from_option
    from paramsched.cli._traces import echo_base_notes, groups_with_bases
    from paramsched.plan.resolve import amounts_of_run, counted_plan, updates_of_horizon

    calendar = calendar_for_picture(loaded.plan, facts, native=loaded.native)
    resolved = loaded.plan.resolve(calendar)
    run = amounts_of_run(resolved, calendar)
    total = updates_of_horizon(resolved, run)
    if total is not None:  # per cent are of it
        calendar = replace(calendar, total=total)
    at = [ceil(calendar.exact(length_from_option(time, "--at"))) for time in times]
    groups, _ = groups_with_bases(loaded, bases)
    echo_base_notes(loaded)
    columns = _values_by_column(counted_plan(resolved), groups, at, run)
    if as_json:
        values = {name: list(map(_finite_or_none, column)) for name, column in columns.items()}
        return json_text({"total": total, "at": at, "values": values})
    table = [["update", *columns]] + [
        [f"{time:,}", *(repr(column[index]) for column in columns.values())] for index, time in enumerate(at)
    ]
    return "\n".join(aligned_rows(table, right=len(table[0])))


def _values_by_column(
    counted: "Plan", groups: list[dict[str, Any]], at: list[int], run: "RunAmounts | None"
) -> dict[str, list[float]]:
    """The values of fields, groups and targets at some updates, by the column's name."""
    from paramsched.plan import Target, bind
    from paramsched.plan.binding import is_by_amount
    from paramsched.plan.optimizers import unique_labels
    from paramsched.plan.trace import column_name

    labels = unique_labels(groups)
    amounts = at if run is None else [run.amount_at(time) for time in at]
    columns: dict[str, list[float]] = {}
    for index, bounds in enumerate(bind(counted, groups)):
        for bound in bounds:
            name = bound.name if len(groups) == 1 else column_name((bound.name, labels[index]))
            base = bound.field.base(groups[index])
            columns[name] = [bound.schedule(time, base=base) for time in (amounts if bound.by_amount else at)]
    for binding in counted.bindings:
        if isinstance(binding.field, Target):
            times = amounts if is_by_amount(counted.clock, binding.name) else at
            columns[binding.name] = [binding.schedule(time, base=binding.field.initial) for time in times]
    return columns


def _finite_or_none(value: float) -> float | None:
    """JSON has no infinities."""
    return value if abs(value) < float("inf") else None


@click.command(
    "plot",
    cls=Command,
    short_help="Draw plans into an SVG, HTML or PNG file.",
    examples=(
        "paramsched plot plan.yaml -o plan.svg --steps-per-epoch 500",
        "paramsched plot plan.yaml -o run.html --used values.jsonl --base lr=0.1",
        "paramsched plot trunk.yaml at-6000.yaml at-8000.yaml -o tree.html",
    ),
)
@plans_argument()
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    shell_complete=offer_files,
    help="The picture: .svg, .html, .png or .pdf; - is standard output.",
)
@click.option("--to", metavar="NAME", help="svg, html, png or pdf; by default what the output's suffix says.")
@calendar_options
@base_option
@field_option
@format_option
@other_option
@view_options
@run_options
@tolerance_option
@click.option("--title", help="Heading of the page; by default the file's name.")
def paramsched_plot(
    plans: tuple[str, ...],
    output: str,
    to: str | None,
    facts: CalendarOptions,
    bases: tuple[str, ...],
    field: str,
    format: str | None,
    other: str | None,
    view: "show.View",
    used: tuple[str, ...],
    metrics: tuple[str, ...],
    tolerance: float | None,
    title: str | None,
) -> None:
    """Draw PLAN into a file; .html is a page of its own with values under the pointer.

    Several plans share one axis: each that begins as one before it is drawn from where it leaves that one.
    """
    from paramsched import show
    from paramsched.base.diagnostic import printable
    from paramsched.cli._plan_input import title_of_plans
    from paramsched.cli._traces import runs_to_draw, trace_plan_inputs

    draw = show.format_of_file(output if to is None else f"plan.{to}")
    if draw is None:
        kinds = ", ".join(suffix if to is None else suffix.removeprefix(".") for suffix in show.FORMATS)
        if to is not None:
            raise click.UsageError(f"--to {to}: unknown kind of picture. Write one of {kinds}")
        if output == STANDARD_OUTPUT:
            raise click.UsageError("--output -: the kind of picture is missing. Add --to svg")
        raise click.UsageError(
            f"--output {output}: the suffix must be one of {kinds}. Write --output {Path(output).with_suffix('.svg')}"
        )
    drawn, over = trace_plan_inputs(plans, other, bases, format=format, field=field, facts=facts)
    runs = runs_to_draw(used, metrics, drawn, tolerance)
    heading = printable(title or title_of_plans([*plans, *([] if other is None else [other])]))
    write_output(output, draw(drawn, title=heading, log=runs or None, other=over, view=view))
