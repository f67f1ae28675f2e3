"""`paramsched plot`: a plan's curves as a picture in a file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramsched.cli._options import (
    CalendarOptions,
    Command,
    base_option,
    calendar_options,
    field_option,
    format_option,
    offer_files,
    other_option,
    plans_argument,
    run_options,
    view_options,
)

if TYPE_CHECKING:
    from paramsched import show


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
    help="The picture: .svg, .html, .png or .pdf.",
)
@calendar_options
@base_option
@field_option
@format_option
@other_option
@view_options
@run_options
@click.option("--title", help="Heading of the page; by default the file's name.")
def paramsched_plot(
    plans: tuple[str, ...],
    output: str,
    facts: CalendarOptions,
    bases: tuple[str, ...],
    field: str,
    format: str | None,
    other: str | None,
    view: "show.View",
    used: tuple[str, ...],
    metrics: tuple[str, ...],
    title: str | None,
) -> None:
    """Draw PLAN into a file; .html is a page of its own with values under the pointer.

    Several plans share one axis: each that begins as one before it is drawn from where it leaves that one.
    """
    from paramsched import show
    from paramsched._fault import printable
    from paramsched.cli._given_plan import title_of_plans
    from paramsched.cli._traces import runs_to_draw, trace_given_plans
    from paramsched.config.text_limits import write_whole_file

    draw = show.format_of_file(output)
    if draw is None:
        raise click.UsageError(
            f"--output {output}: the suffix says the kind of picture. Write one of {', '.join(show.FORMATS)}"
        )
    drawn, over = trace_given_plans(plans, other, bases, format=format, field=field, facts=facts)
    runs = runs_to_draw(used, metrics, drawn)
    heading = printable(title or title_of_plans([*plans, *([] if other is None else [other])]))
    write_whole_file(Path(output), draw(drawn, title=heading, log=runs or None, other=over, view=view))
