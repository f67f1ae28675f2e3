"""Writing plans: the option --output, and the formats of `paramsched convert`."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from paramsched.cli._options import (
    STANDARD_OUTPUT,
    WrongUsage,
    echo_data,
    echo_note,
    offer_files,
    terminal_width,
)

if TYPE_CHECKING:
    from paramsched.cli._plan_input import PlanInput
    from paramsched.core.plan import Plan


output_option = click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=offer_files,
    help="File to write. By default, or with -, standard output.",
)


def require_format(to: str | None, *others: str) -> None:
    """Raise an error for a format that is unknown or can only be read. `others` may be written too."""
    from paramsched.core import files as config
    from paramsched.core.base.near_names import did_you_mean
    from paramsched.core.files.plan_files import WRITERS

    if to is not None and to not in config.formats():
        known = (*WRITERS, *others)
        raise WrongUsage(f"--to {to}", f"unknown format; {did_you_mean(to, known)}")
    if to is not None and to not in (*WRITERS, "native"):
        raise WrongUsage(f"--to {to}", "this format can only be read", "Write --to yaml")


def note_comments(read: "PlanInput") -> None:
    """Print a note if the comments of the file are lost, and print the notes of its reader."""
    if read.source is not None and read.source.has_comments:
        echo_note(f"the comments of {read.source.name} are not kept")
    for note in read.loaded.notes:
        echo_note(str(note))


def write_plan(plan: "Plan", output: str | None, to: str | None) -> None:
    from paramsched.core import files as config

    if output is not None and output != STANDARD_OUTPUT:
        config.dump(plan, output, to)
        return
    text = config.dump(plan, None, to)
    if to in (None, "yaml", "native"):
        echo_yaml(text)
    else:
        echo_data(text.removesuffix("\n"))


def echo_yaml(text: str, comments: Sequence[str] = ()) -> None:
    """Print the text of a plan, below comments. A terminal gets lines that fit, which YAML reads as the same plan."""
    from paramsched.core.files.yaml_text import folded_yaml

    width = terminal_width()
    if width is not None:
        rows = [wrap(one, max(width - 4, 1), break_long_words=False, break_on_hyphens=False) for one in comments]
        comments = ["\n#   ".join(row) for row in rows]
        text = folded_yaml(text, width)
    echo_data("\n".join([*(f"# {one}" for one in comments), text.rstrip("\n")]))
