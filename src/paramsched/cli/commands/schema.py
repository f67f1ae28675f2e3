"""`paramsched schema`: the JSON Schema of plan files. Door: `core`."""

from typing import TYPE_CHECKING

import click

from paramsched.cli._options import (
    Command,
    echo,
)
from paramsched.core.base.diagnostic import json_text

if TYPE_CHECKING:
    pass


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
