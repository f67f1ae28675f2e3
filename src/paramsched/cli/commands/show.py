"""`paramsched show`: a plan's curves in the terminal, its values at given times, or all of them as JSON."""

import os
import shutil
import sys
from typing import Any

import click

from paramsched.cli._command import Command
from paramsched.cli._options import (
    Facts,
    base_option,
    calendar_options,
    field_option,
    format_option,
    json_option,
    other_option,
    plan_argument,
)


@click.command(
    "show",
    cls=Command,
    short_help="Draw a plan in the terminal, or print its values.",
    examples=(
        "paramsched show plan.yaml --steps-per-epoch 500 --base lr=0.1",
        "paramsched show 'warmup(\"5%\") >> cosine(to=0.1)' --horizon 10000",
        'paramsched show plan.yaml --steps-per-epoch 500 --at "10 epochs" --json',
    ),
)
@plan_argument()
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
@json_option
def command(
    plan: str,
    facts: Facts,
    bases: tuple[str, ...],
    field: str,
    format: str | None,
    times: tuple[str, ...],
    width: int | None,
    height: int,
    only_ascii: bool,
    color: bool | None,
    other: str | None,
    as_json: bool,
) -> None:
    """Draw PLAN in the terminal: a panel for each field, breakpoints marked on its axis."""
    from paramsched import show
    from paramsched._trace import column_name
    from paramsched.cli._plans import loaded_assuming, traced_beside

    if times:
        read, known = loaded_assuming(plan, format=format, field=field, facts=facts)
        click.echo(_values(read, known, bases, times, as_json))
        return
    drawn, over = traced_beside(plan, None if as_json else other, bases, format=format, field=field, facts=facts)
    if as_json:
        keys = drawn.keys()
        groups = {group for _, group in keys} - {""}
        names = [key[0] if len(groups) < 2 else column_name(key) for key in keys]
        values = {name: [_finite(one) for one in drawn[key].tolist()] for name, key in zip(names, keys, strict=True)}
        click.echo(_json({"total": drawn.total, "steps_per_epoch": drawn.steps_per_epoch, "values": values}))
        return
    terminal = sys.stdout.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    colored = terminal and not plain if color is None else color
    columns = width or (shutil.get_terminal_size().columns if terminal else 80)
    picture = show.text(
        drawn,
        width=max(columns, 24),
        height=height,
        ascii=only_ascii or not _prints("⣿"),
        color=colored,
        other=over,
    )
    click.echo(picture, color=colored)


def _values(loaded: Any, facts: Facts, bases: tuple[str, ...], times: tuple[str, ...], as_json: bool) -> str:
    from math import ceil

    from paramsched._trace import column_name, unique_labels
    from paramsched.cli._plans import calendar_for, groups_for, length, say_bases
    from paramsched.plan import Target, bind

    calendar = calendar_for(loaded.plan, facts, native=loaded.native)
    resolved = loaded.plan.resolve(calendar)
    if resolved.horizon is not None:  # per cent are of it
        from dataclasses import replace

        calendar = replace(calendar, total=resolved.horizon.updates)
    at = [ceil(calendar.exact(length(time, "--at"))) for time in times]
    groups, _ = groups_for(loaded, bases)
    say_bases(loaded)
    labels = unique_labels(groups)
    curves: dict[str, list[float]] = {}
    for index, bounds in enumerate(bind(resolved, groups)):
        for bound in bounds:
            name = bound.name if len(groups) == 1 else column_name((bound.name, labels[index]))
            base = bound.field.base(groups[index])
            curves[name] = [bound.schedule(time, base=base) for time in at]
    for binding in resolved.bindings:
        if isinstance(binding.field, Target):
            curves[binding.name] = [binding.schedule(time, base=binding.field.initial) for time in at]
    if as_json:
        values = {name: [_finite(value) for value in row] for name, row in curves.items()}
        total = None if resolved.horizon is None else resolved.horizon.updates
        return _json({"total": total, "at": at, "values": values})
    table = [["update", *curves]] + [
        [f"{time:,}", *(repr(row[index]) for row in curves.values())] for index, time in enumerate(at)
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(cell.rjust(size) for cell, size in zip(row, widths, strict=True)) for row in table)


def _finite(value: float) -> float | None:
    """JSON has no infinities."""
    return value if abs(value) < float("inf") else None


def _json(data: object) -> str:
    import json

    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def _prints(character: str) -> bool:
    try:
        character.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
