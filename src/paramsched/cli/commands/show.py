"""`paramsched show`: draw plans in the terminal or into a file, or print values. Package: `show`."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import click

from paramsched.base.terminal import table_rows
from paramsched.base.words import json_text
from paramsched.cli._options import (
    Command,
    CommandOptions,
    base_option,
    command_line,
    json_option,
    plan_options,
    plans_argument,
    tolerance_option,
)
from paramsched.cli._output import (
    STANDARD_OUTPUT,
    WrongUsage,
    echo,
    echo_note,
    terminal_width,
    uses_color,
    write_output,
)
from paramsched.core.time import CLOCKS

if TYPE_CHECKING:
    from paramsched import show
    from paramsched.cli._input import Config, PlanInput
    from paramsched.cli._traces import RunTimes


_TIME_UNITS = (CLOCKS[0], "epochs", *CLOCKS[1:])
_MOST_PRINTED = 1_500_000  # values as JSON; they take a second


@final
@dataclass(frozen=True, slots=True)
class Drawing:
    """The plans and runs of a picture, as they were passed to a command."""

    plans: tuple[str, ...]
    options: CommandOptions
    other: str | None
    used: tuple[str, ...]
    metrics: tuple[str, ...]
    tolerance: float | None
    branches: bool
    view: "show.View"

    def data(self) -> "tuple[show.Curves, dict[str, Any]]":
        """Return the values to draw, and the keyword arguments of the function that draws them."""
        from paramsched.cli._traces import runs_to_draw, trace_plan_inputs

        curves, other_curves = trace_plan_inputs(self.plans, self.options, self.other, branches=self.branches)
        runs = runs_to_draw(self.used, self.metrics, curves, self.tolerance)
        return curves, {"log": runs or None, "other": other_curves, "view": self.view}

    def file(self, output: str, title: str | None = None) -> str | bytes:
        """Return the content of a picture's file, in the format of its suffix."""
        from paramsched import show
        from paramsched.base.words import printable
        from paramsched.cli._input import title_of_plans

        draw = _format_of_picture(output)
        curves, more = self.data()
        heading = printable(title or title_of_plans([*self.plans, *([] if self.other is None else [self.other])]))
        if draw is show.html:
            return show.html(curves, title=heading, facts={"command": command_line()}, **more)
        return draw(curves, title=heading, **more)


def drawing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the plans and the options of a picture. The command receives them as `drawing`, a `Drawing`."""

    @wraps(command)
    def with_drawing(**options: Any) -> Any:
        from paramsched import show

        view = show.View(options.pop("log"), options.pop("unit"))
        arguments = {field.name: options.pop(field.name) for field in fields(Drawing) if field.name != "view"}
        return command(drawing=Drawing(**arguments, view=view), **options)

    # In reverse order, because click lists the option that is added last at the top of the help page.
    for option in (
        tolerance_option,
        click.option("--unit", type=click.Choice(_TIME_UNITS), default="updates", help="Unit of the time axis."),
        click.option(
            "--log/--linear", default=None, help="Use logarithmic or linear value axes. By default, the values decide."
        ),
        click.option(
            "--metric",
            "metrics",
            multiple=True,
            metavar="COLUMN",
            help="Column of the logs to draw below the plan. By default, columns named like a loss or an accuracy.",
        ),
        click.option(
            "--used",
            multiple=True,
            metavar="[NAME=]LOG",
            help="Log of a run, values.jsonl or a CSV file: draw its values over the plan. May be repeated.",
        ),
        click.option(
            "--branches", is_flag=True, help="Draw each further plan from the update where it leaves an earlier one."
        ),
        click.option("--other", metavar="PLAN", help="Another plan to draw over PLAN."),
        base_option,
        plan_options,
        plans_argument(),
    ):
        with_drawing = option(with_drawing)
    return with_drawing


@click.command(
    "show",
    cls=Command,
    short_help="Draw plans in the terminal or into a file, or print values.",
    examples=(
        "paramsched show plan.yaml --steps-per-epoch 500 --base lr=0.1",
        "paramsched show 'warmup(\"5%\") >> cosine(to=0.1)' --total 10000",
        'paramsched show plan.yaml --steps-per-epoch 500 --at "10 epochs" --json',
        "paramsched show plan.yaml --steps-per-epoch 500 --base 0.1 -o values.csv",
        "paramsched show trunk.yaml late=at-8000.yaml",
        "paramsched show trunk.yaml at-6000.yaml at-8000.yaml --branches",
        "paramsched show plan.yaml --groups --steps-per-epoch 500 --at 50%",
        "paramsched show plan.yaml -o plan.svg --steps-per-epoch 500",
        "paramsched show plan.yaml -o run.html --used values.jsonl --base lr=0.1",
        "paramsched show trunk.yaml at-6000.yaml at-8000.yaml --branches -o tree.html",
        "paramsched show recipe:llama3-405b",
    ),
)
@click.option("--at", "times", multiple=True, metavar="TIME", help='Print values at TIME: 250, "10 epochs" or "50%".')
@click.option("--groups", "as_groups", is_flag=True, help="Print the values of each group, and what decides them.")
@click.option(
    "--width",
    type=click.IntRange(24, 1000),
    metavar="N",
    help="Width in columns. By default, the width of the terminal.",
)
@click.option(
    "--height", type=click.IntRange(2, 200), metavar="N", default=9, show_default=True, help="Rows of each plot."
)
@click.option("--ascii", "only_ascii", is_flag=True, help="Use only ASCII characters.")
@click.option("--color/--no-color", default=None, help="Use colors. By default, only in a terminal.")
@json_option
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Draw into FILE: .svg, .html, .png or .pdf. Into .csv, or - for standard output, write a table of all values.",
)
@click.option("--title", help="Heading of an .html page. By default, the name of the plan's file.")
@drawing_options
def paramsched_show(
    drawing: Drawing,
    times: tuple[str, ...],
    as_groups: bool,
    width: int | None,
    height: int,
    only_ascii: bool,
    color: bool | None,
    as_json: bool,
    output: str | None,
    title: str | None,
) -> None:
    """Draw PLAN in the terminal, or into FILE: a panel for each field, with breakpoints marked on the axis.

    An .html file is a self-contained page that shows the values under the pointer.

    Several plans share one axis, each with the name of its file, or that of NAME=PLAN.

    With --groups, the base, the value and its multiple of base are printed for each optimizer and group, with the file
    and the line of the entries that decide them.
    """
    prints = bool(times) or as_json or as_groups
    if len(drawing.plans) > 1 and prints:
        raise WrongUsage("", f"--at and --json print the values of one plan, but {len(drawing.plans)} were passed")
    if output is not None and prints:
        raise WrongUsage("", "--at and --json print values; --output writes a file", "Leave one of the two out")
    if title is not None and output is None:
        raise WrongUsage(f"--title {title}", "it is for the picture in a file", "Write --output plan.html")
    if output is not None:
        is_table = output == STANDARD_OUTPUT or output.lower().endswith(".csv")
        write_output(output, _table_of_values(drawing) if is_table else drawing.file(output, title))
        return
    if prints:
        echo(_printed_values(drawing, times, as_groups=as_groups, as_json=as_json))
        return
    try:
        "⣿".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):  # the output cannot represent braille characters
        only_ascii = True

    from paramsched import show

    colored = uses_color() if color is None else color
    columns = width or terminal_width() or 80
    curves, more = drawing.data()
    picture = show.text(curves, width=max(columns, 24), height=height, ascii=only_ascii, color=colored, **more)
    click.echo(picture, color=colored)


def _printed_values(drawing: Drawing, times: tuple[str, ...], *, as_groups: bool, as_json: bool) -> str:
    """Return the values of a plan at single times, of its groups, or at every update."""
    from paramsched.cli._input import config_in, read_plan_input

    plan = drawing.plans[0]
    config = config_in(plan) if times and not as_groups else None
    if config is not None:
        return _config_at(config, times, drawing.options, as_json=as_json)
    if as_groups:
        return _groups(read_plan_input(plan, drawing.options), times, as_json=as_json)
    if times:
        return _values_at(read_plan_input(plan, drawing.options), times, as_json=as_json)
    return _all_values(drawing)


def _table_of_values(drawing: Drawing) -> str:
    """Return the values of a plan as CSV: a row for each update, a column for each field and group."""
    from paramsched.cli._input import read_plan_input
    from paramsched.cli._traces import values_to_write

    if len(drawing.plans) > 1 or drawing.other is not None or drawing.used:
        raise WrongUsage("--output", "a table has the values of one plan", "Pass one PLAN, or draw into a .svg file")
    return values_to_write(read_plan_input(drawing.plans[0], drawing.options)).csv_text()


def _groups(read: "PlanInput", times: tuple[str, ...], *, as_json: bool) -> str:
    """Return the values of each group, as a table or as JSON."""
    from paramsched.cli._traces import echo_plan_notes, group_table, values_of_groups

    echo_plan_notes(read.loaded)
    rows = list(values_of_groups(read, times))
    return json_text([row.as_data() for row in rows]) if as_json else group_table(rows)


def _all_values(drawing: Drawing) -> str:
    """Return the values of a plan at every update as JSON."""
    from paramsched.cli._traces import named_traces, too_many_values, trace_plan_inputs

    curves, _ = trace_plan_inputs(drawing.plans, drawing.options)
    traces = named_traces(curves, drawing.plans[0])
    count = sum(trace.total * len(trace.keys()) for trace in traces.values())
    if count > _MOST_PRINTED:
        raise too_many_values(count, "print")
    groups: list[dict[str, Any]] = []
    for trace in traces.values():
        values = {_name_of_curve(trace, key): trace[key].tolist() for key in trace.keys()}
        groups.append({"total": trace.total, "steps_per_epoch": trace.steps_per_epoch, "values": values})
    if len(groups) == 1:
        return json_text(groups[0])
    return json_text({"plans": [{"plan": name, **data} for name, data in zip(traces, groups, strict=True)]})


def _values_at(read: "PlanInput", times: tuple[str, ...], *, as_json: bool) -> str:
    """Return the values of a plan at single times, as a table or as JSON."""
    from paramsched.cli._traces import echo_plan_notes, groups_with_bases, times_of_run

    run = times_of_run(read.plan, read.complete_options, times)
    groups, _ = groups_with_bases(read.loaded, read.options.bases)
    echo_plan_notes(read.loaded)
    if run.total is not None and max(run.updates) > run.total:
        echo_note(f"update {max(run.updates):,} is after the end of the run of {run.total:,} updates")
    return _printed_columns(_values_by_column(run, groups), run.updates, run.total, as_json=as_json)


def _config_at(config: "Config", times: tuple[str, ...], options: CommandOptions, *, as_json: bool) -> str:
    """Return the values of a config of MMEngine at single times, as a table or as JSON."""
    from paramsched.cli._input import curves_of_config, times_in_run

    curves = curves_of_config(config, options, assumes_epoch=True)
    updates = times_in_run(curves, times)
    columns = {_name_of_curve(curves, key): curves[key][updates].tolist() for key in curves.keys()}
    return _printed_columns(columns, updates, curves.total, as_json=as_json)


def _name_of_curve(curves: "show.Curves", key: tuple[str, str | int]) -> str:
    """Return the name of a field, with its group if the curves are those of several."""
    from paramsched.core.plan import column_name

    return key[0] if len({group for _, group in curves.keys()} - {""}) < 2 else column_name(key)


def _printed_columns(
    columns: Mapping[str, Sequence[float]], updates: Sequence[int], total: int | None, *, as_json: bool
) -> str:
    """Return the values at single times, as a table or as JSON."""
    if as_json:
        return json_text({"total": total, "at": list(updates), "values": columns})
    table = [["update", *columns]] + [
        [f"{time:,}", *(repr(column[index]) for column in columns.values())] for index, time in enumerate(updates)
    ]
    return "\n".join(table_rows(table, right=len(table[0])))


def _values_by_column(run: "RunTimes", groups: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Return a dict from column name to the values at the times, with a column per field, group and target."""
    from paramsched.core.plan import Target, bind, column_name, unique_labels

    labels = unique_labels(groups)
    columns: dict[str, list[float]] = {}
    for index, bounds in enumerate(bind(run.plan, groups)):
        for bound in bounds:
            name = bound.name if len(groups) == 1 else column_name((bound.name, labels[index]))
            base = bound.field.base(groups[index])
            columns[name] = [bound.schedule(time, base=base) for time in run.times[bound.clock]]
    for binding in run.plan.bindings:
        if isinstance(binding.field, Target):
            times = run.times[run.plan.clock]
            columns[binding.name] = [binding.schedule(time, base=binding.field.initial) for time in times]
    return columns


def _format_of_picture(output: str) -> "show.PictureFormat":
    """Return the function that draws pictures in the format of the file's suffix.

    Raises:
        UsageError: the suffix is that of no known format.
    """
    from paramsched import show

    draw = show.format_of_file(output)
    if draw is not None:
        return draw
    named = Path(output) if Path(output).name else Path(output, "plan")
    message = f"the suffix must be one of {', '.join(show.FORMATS)}"
    raise WrongUsage(f"--output {output}", message, f"Write --output {named.with_suffix('.svg')}")
