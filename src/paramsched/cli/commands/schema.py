"""`paramsched schema`: the JSON Schema of plan files."""

import click


@click.command("schema", short_help="Print the JSON Schema of plan files.")
def command() -> None:
    r"""Print the JSON Schema of a plan's file, for editors that complete and check; installed shapes are in it.

    \b
    paramsched schema > plan.schema.json
    """
    import json

    from paramsched.config import schema

    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
