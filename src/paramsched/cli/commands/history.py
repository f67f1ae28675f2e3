"""`paramsched history`: the plans of a checkpoint's run. Door: `tools`."""

import click

from paramsched.cli._options import (
    Command,
    checkpoint_argument,
    echo,
    json_option,
    scheduler_option,
)
from paramsched.core.base.diagnostic import json_text


@click.command(
    "history",
    cls=Command,
    short_help="Print the plans that a checkpoint's run has followed.",
    examples=(
        "paramsched history checkpoint.pt",
        "paramsched history checkpoint.pt --scheduler schedulers[0] --json",
    ),
)
@checkpoint_argument
@scheduler_option
@json_option
def paramsched_history(checkpoint: str, scheduler: str | None, as_json: bool) -> None:
    """Print the plans that the run of CHECKPOINT has followed: the first plan, then each change with its time.

    CHECKPOINT contains scheduler.state_dict(), under any name. Its formats are those of `paramsched resume`.
    """
    from dataclasses import asdict

    from paramsched.tools.audit import read_plan_history

    plans = read_plan_history(checkpoint, scheduler=scheduler)
    if as_json:
        entries = [
            {
                "update": one.update,
                "amount": one.amount,
                "plan": None if one.plan is None else str(one.plan),
                "changes": None if one.changes is None else [*map(asdict, one.changes)],
            }
            | ({} if one.note is None else {"note": one.note})
            | ({"bases": one.bases} if one.bases else {})
            for one in plans
        ]
        echo(json_text(entries))
    else:
        echo("\n".join(map(str, plans)))
