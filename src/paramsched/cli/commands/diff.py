"""`paramsched diff`: the differences between two plans. Package: `core`."""

from dataclasses import asdict

import click

from paramsched.cli._options import (
    Command,
    CommandOptions,
    json_option,
    new_base_option,
    plan_argument,
    plan_options,
)
from paramsched.cli._output import BAD_PLAN, echo, echo_json


@click.command(
    "diff",
    cls=Command,
    short_help="Print the differences between two plans.",
    examples=(
        "paramsched diff old.yaml new.yaml",
        "paramsched diff old.yaml new.yaml --steps-per-epoch 500 --json",
        "paramsched diff old.yaml new.yaml --steps-per-epoch 500 --base lr=0.1",
    ),
)
@plan_argument("before")
@plan_argument("after")
@plan_options
@new_base_option(help="Bases with which values are compared: 0.1 (of lr), weight_decay=1e-2, lr@head=0.01.")
@json_option
def paramsched_diff(before: str, after: str, options: CommandOptions, as_json: bool) -> None:
    """Print the changes from BEFORE to AFTER. Exit code 1 if there are any, like diff.

    With facts of the run, each change has the first update at which values differ, and the largest difference. It is a
    multiple of base, or a value if the base is passed.
    """
    from paramsched.cli._input import facts_from_options, read_plan_input
    from paramsched.cli._traces import given_bases
    from paramsched.core.plan import diff

    plans = [read_plan_input(argument, options).plan for argument in (before, after)]
    bases = given_bases(plans[0], options.bases, plans[1:]).items()
    changes = diff(
        plans[0],
        plans[1],
        bases={field if group is None else f"{field} @ {group}": base for (field, group), base in bases},
        facts=facts_from_options(options) if options.facts else None,
    )
    if as_json:
        echo_json([*map(asdict, changes)])
    elif changes:
        echo(str(changes))
    if changes:
        click.get_current_context().exit(BAD_PLAN)
