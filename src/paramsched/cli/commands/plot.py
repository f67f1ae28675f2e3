"""`paramsched plot`: a plan's curves as a picture in a file."""

from io import BytesIO
from pathlib import Path
from typing import Any

import click

from paramsched.cli._command import Command
from paramsched.cli._options import (
    Facts,
    base_option,
    calendar_options,
    field_option,
    format_option,
    offer_files,
    other_option,
    plan_argument,
)

_KINDS = (".svg", ".html", ".png", ".pdf")


@click.command(
    "plot",
    cls=Command,
    short_help="Draw a plan into an SVG, HTML or PNG file.",
    examples=("paramsched plot plan.yaml -o plan.svg --steps-per-epoch 500",),
)
@plan_argument()
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
@click.option("--title", help="Heading of the page; by default the file's name.")
def command(
    plan: str,
    output: str,
    facts: Facts,
    bases: tuple[str, ...],
    field: str,
    format: str | None,
    other: str | None,
    title: str | None,
) -> None:
    """Draw PLAN into a file; .html is a page of its own with values under the pointer."""
    from paramsched._printable import printable
    from paramsched.cli._plans import title_of, traced_beside
    from paramsched.config.whole_files import write_whole_file

    kind = Path(output).suffix.lower()
    if kind not in _KINDS:
        raise click.UsageError(
            f"--output {output}: the suffix says the kind of picture. Write one of {', '.join(_KINDS)}"
        )
    drawn, over = traced_beside(plan, other, bases, format=format, field=field, facts=facts)
    write_whole_file(Path(output), _picture(kind, drawn, over, printable(title or title_of(plan))))


def _picture(kind: str, drawn: Any, over: Any, title: str) -> str | bytes:
    from paramsched import show
    from paramsched.errors import MissingDependency

    if kind == ".svg":
        return show.svg(drawn, other=over)
    if kind == ".html":
        return show.html(drawn, title=title, other=over)
    try:
        import matplotlib as mpl
    except ImportError:
        raise MissingDependency(f"A {kind} file", "matplotlib", "plot") from None
    mpl.use("Agg")  # a file needs no window
    figure: Any = show.axes(drawn, other=over)[0].figure
    data = BytesIO()
    figure.savefig(data, format=kind[1:])
    return data.getvalue()
