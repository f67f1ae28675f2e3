"""`paramsched change`: change a plan from a time on. Door: `core`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramsched.cli._options import (
    Command,
    PlanOptions,
    WrongUsage,
    echo_note,
    format_option,
    plan_argument,
    plan_options,
)
from paramsched.cli._plan_output import note_comments, output_option, require_format, write_plan

if TYPE_CHECKING:
    from collections.abc import Container

    from paramsched.core.plan import Plan
    from paramsched.core.time import Duration


@click.command(
    "change",
    cls=Command,
    short_help="Change a plan from a given time onward.",
    examples=(
        "paramsched change plan.yaml --at 8000 --horizon 9000 'lr=linear(previous, 0)'",
        "paramsched change trunk.yaml --at 6000 --cooldown 1000 -o at-6000.yaml",
        "paramsched change plan.yaml --at 8000 --scale lr=0.5",
    ),
)
@plan_argument()
@click.argument("changes", metavar="[FIELD=SCHEDULE]...", nargs=-1)
@click.option("--at", required=True, metavar="TIME", help='Time of the change: 8000, "40 epochs", "80%".')
@click.option("--cooldown", metavar="LENGTH", help="Decrease lr to 0 over LENGTH, and end the run there.")
@click.option("--scale", "factors", multiple=True, metavar="FIELD=FACTOR", help="Multiply a field by a factor.")
@plan_options
@format_option
@click.option("--to", metavar="NAME", help="Format to write. By default, the format of PLAN.")
@output_option
def paramsched_change(
    plan: str,
    changes: tuple[str, ...],
    at: str,
    cooldown: str | None,
    factors: tuple[str, ...],
    options: PlanOptions,
    to: str | None,
    output: str | None,
) -> None:
    """Print PLAN with a change from TIME on. All values before TIME stay the same, bit for bit.

    From TIME on, FIELD follows SCHEDULE. In SCHEDULE, `previous` is the level of the field at TIME. FIELD may name a
    group: lr@head=…. Fields that are not named continue as planned. --horizon is the new length of the run. The other
    facts are for configs that cannot be read without them. Comments in the file are not kept.
    """
    from paramsched.cli._plan_input import (
        changes_from_arguments,
        factors_from_options,
        horizon_from_options,
        length_from_option,
        read_plan_input,
    )
    from paramsched.core.base.files import is_replaced, write_over_text
    from paramsched.core.files.plan_files import WRITERS, text_for_file
    from paramsched.core.plan.forms import SUFFIXES
    from paramsched.errors import InvalidArgument

    kinds = [bool(changes) or options.horizon is not None, cooldown is not None, bool(factors)]
    if sum(kinds) != 1:
        raise WrongUsage("", "Pass exactly one of: FIELD=SCHEDULE (and --horizon), --cooldown, --scale")
    read = read_plan_input(plan, options.with_facts(total=None))
    when = length_from_option(at, "--at")
    length = None if cooldown is None else length_from_option(cooldown, "--cooldown")
    scales = factors_from_options(read.plan, factors)
    bindings, fields = changes_from_arguments(read.plan, changes)
    horizon = horizon_from_options(options)
    try:
        if length is not None:
            changed = read.plan.cooldown(when, length)
        elif scales:
            changed = read.plan.scale(when, **scales)
        else:
            changed = read.plan.change(when, *bindings, horizon=horizon, **fields)
    except InvalidArgument as error:
        raise error.changed(site=plan) from None  # in place of the call in Python
    note_comments(read)
    if options.horizon is not None:
        _note_kept_values(read.plan, changed, when, {*fields, *(one.name for one in bindings)})
    own = "yaml" if read.source is None or read.source.format not in WRITERS else read.source.format
    by_suffix = output is not None and Path(output).suffix.lower() in SUFFIXES
    target = to or (None if by_suffix else own)
    require_format(target)
    if (
        read.source is None
        or output is None
        or not is_replaced(Path(output))
        or os.path.realpath(plan) != os.path.realpath(output)
    ):
        write_plan(changed, output, target)
    elif not write_over_text(Path(output), read.source.text, text_for_file(changed, Path(output), target)):
        raise click.ClickException(f"{plan}: another program has changed the file. Run the command again")


def _note_kept_values(before: "Plan", after: "Plan", at: "Duration", changed: "Container[str]") -> None:
    """Print a note for the fields that keep their last value in a part of a longer run."""
    from paramsched.core.plan.changes import is_later
    from paramsched.core.schedules.cuts import depends_on_horizon
    from paramsched.core.time import Duration

    end, new_end = before.horizon, after.horizon
    if end is None or new_end is None or not is_later(new_end, end):
        return
    is_extended = any(is_later(at, one, or_at=True) for one in (end, Duration.of("100%")))
    notes: dict[str, None] = {}
    for line in before.bindings:
        if not depends_on_horizon(line.schedule):
            continue
        if line.name not in changed and not is_extended:  # who extends a run at its end wants the last values
            advice = f"no schedule was passed for it. For example: '{line.name}=linear(previous, 0)'"
            notes[f"{line.name} keeps its last value from {end} to {new_end}; {advice}"] = None
        elif line.name in changed and is_later(at, end):
            notes[f"{line.name} keeps its last value from {end} to {at}, where its new schedule begins"] = None
    for note in notes:
        echo_note(note)
