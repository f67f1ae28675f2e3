"""`paramsched history`: which plans a run has followed."""

import click

from paramsched.cli._options import Command, ExistingFile, json_option


@click.command(
    "history",
    cls=Command,
    short_help="Print the plans that a checkpoint's run has followed.",
    examples=(
        "paramsched history checkpoint.pt",
        "paramsched history checkpoint.pt --scheduler schedulers[0] --json",
    ),
)
@click.argument("checkpoint", metavar="CHECKPOINT", type=ExistingFile())
@click.option("--scheduler", metavar="NAME", help="Which scheduler's state, where the checkpoint has several.")
@json_option
def paramsched_history(checkpoint: str, scheduler: str | None, as_json: bool) -> None:
    """Print the plans that the run of CHECKPOINT has followed: the first one, then what each change changed, and when.

    CHECKPOINT is a file of torch.save in which scheduler.state_dict() is, under any name.
    """
    import dataclasses
    import json

    from paramsched.audit import UnreadableLog, read_plan_history

    try:
        plans = read_plan_history(checkpoint, scheduler=scheduler)
    except UnreadableLog as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        entries = [
            {
                "update": one.update,
                "amount": one.amount,
                "plan": None if one.plan is None else str(one.plan),
                "changes": None if one.changes is None else [dataclasses.asdict(change) for change in one.changes],
            }
            for one in plans
        ]
        click.echo(json.dumps(entries, ensure_ascii=False).encode("utf-8", "backslashreplace").decode())
    else:
        click.echo("\n".join(map(str, plans)))
