"""`paramsched schema`: the JSON Schema of plan files."""

import click

from paramsched.cli._options import Command


@click.command(
    "schema",
    cls=Command,
    short_help="Print the JSON Schema of plan files.",
    examples=("paramsched schema > plan.schema.json",),
)
def paramsched_schema() -> None:
    """Print the JSON Schema of a plan's file, for editors that complete and check; installed shapes are in it."""
    import json

    from paramsched.config import schema

    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
