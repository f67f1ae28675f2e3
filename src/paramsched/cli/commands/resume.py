"""`paramsched resume`: what a resume from a checkpoint will do. Package: `tools`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from paramsched.base.words import json_text
from paramsched.cli._completion import offer_plans
from paramsched.cli._options import (
    Command,
    CommandOptions,
    ExistingFile,
    at_option,
    format_option,
    json_option,
    new_base_option,
    plan_options,
)
from paramsched.cli._output import BAD_PLAN, WrongUsage, echo_data, echo_lines

if TYPE_CHECKING:
    from paramsched.errors import StateError


@click.command(
    "resume",
    cls=Command,
    short_help="Print what a resume from a checkpoint will do.",
    examples=(
        "paramsched resume checkpoint.pt",
        "paramsched resume checkpoint.pt --plan plan.yaml",
        "paramsched resume checkpoint.pt --plan plan.yaml --on-change checkpoint --json",
        "paramsched resume checkpoint.pt --base lr=5e-4",
        "paramsched resume checkpoint.pt --history",
    ),
)
@click.argument("checkpoint", metavar="CHECKPOINT", type=ExistingFile(or_folder=True))
@click.option(
    "--plan",
    "-p",
    metavar="PLAN",
    shell_complete=offer_plans,
    help="Plan to resume with: a file, recipe:NAME, or one line of text. By default, the plan in CHECKPOINT.",
)
@plan_options
@format_option
@click.option(
    "--optimizer",
    "optimizers",
    multiple=True,
    metavar="[NAME=]PATH",
    help="Path of the optimizer's state, if CHECKPOINT has several. For several optimizers under one plan, one option "
    "for each: muon=optimizers[0].",
)
@click.option("--scheduler", metavar="NAME", help="Name of the scheduler's state, if the checkpoint has several.")
@at_option
@click.option(
    "--on-change",
    "choices",
    multiple=True,
    metavar="[FIELD=]CHOICE",
    help="Plan to use if it differs from the checkpoint's: new, checkpoint or error. By default new. May be repeated "
    "with a field: lr=checkpoint.",
)
@new_base_option(
    help='Bases in the code, to resume with on_base="code": lr=5e-4, lr@head=5e-4. By default, those of CHECKPOINT.',
)
@click.option(
    "--updates", type=click.IntRange(1, 100_000), default=3, show_default=True, metavar="N", help="Updates to print."
)
@click.option("--history", is_flag=True, help="Print the plans that the run has followed, each change with its time.")
@json_option
def paramsched_resume(
    checkpoint: str,
    plan: str | None,
    options: CommandOptions,
    optimizers: tuple[str, ...],
    scheduler: str | None,
    at: int | None,
    choices: tuple[str, ...],
    updates: int,
    history: bool,
    as_json: bool,
) -> None:
    """Print what a resume from CHECKPOINT will do: the values of the next updates, and all changes and warnings.

    The values are computed by the code that resumes, so the resumed run uses them bit for bit. CHECKPOINT is a file
    of torch.save with the states under any names, a checkpoint of Lightning, or a folder of the Hugging Face Trainer,
    Accelerate or torch.distributed.checkpoint. No code in it is executed.

    With --history, print instead the plans that the run of CHECKPOINT has followed: the first plan, then each change
    with its time.

    Exit code 1 if the plan or a value of the next update differs from the checkpoint, or if the resume is refused; 2 if
    CHECKPOINT cannot be read.
    """
    if history:
        context = click.get_current_context()
        needless = [
            max(param.opts, key=len)
            for param in context.command.params
            if context.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
            and param.name not in ("checkpoint", "scheduler", "history", "as_json", "modules")
        ]
        if needless:
            named = shlex.quote(checkpoint)
            raise WrongUsage(
                "",
                "--history prints plans, and resumes nothing",
                f"Leave out {', '.join(needless)}. Write paramsched resume {named} --history",
            )
        _print_history(checkpoint, scheduler, as_json=as_json)
        return
    from dataclasses import asdict, replace

    from paramsched.cli._input import facts_from_options, read_plan_input, with_facts_beside
    from paramsched.cli._traces import given_bases
    from paramsched.core.files import Loaded
    from paramsched.errors import StateError
    from paramsched.tools.records.checkpoint_files import load_checkpoint

    by_field = {field: choice for one in choices for field, equals, choice in [one.partition("=")] if equals}
    on_change: Any = by_field or (choices[0] if choices else "new")
    kinds = ("new", "checkpoint", "error")
    if len(by_field or choices[:1]) != len(choices) or not {*(by_field.values() or [on_change])} <= {*kinds}:
        message = f"expected one of {', '.join(kinds)}, or one of them for each field"
        raise WrongUsage(f"--on-change {' '.join(choices)}", message, "Write --on-change new")
    try:
        loaded = load_checkpoint(Path(checkpoint))
        from paramsched.tools.records.resume import predict_resume  # imports torch, which the checkpoint needs anyway
        from paramsched.tools.records.saved_run import read_saved_run

        run = read_saved_run(loaded, optimizers=optimizers, scheduler=scheduler, at=at)
        if plan is None:
            own, known = run.own_plan()
            read = Loaded(own, facts=known)
        else:
            read, known = read_plan_input(plan, options).loaded, None
        facts = facts_from_options(with_facts_beside(read, options))
        if known is not None and options.total is None:
            facts = replace(facts, total=known.total)
        report = predict_resume(
            run,
            read.plan,
            facts,
            on_change=on_change,
            bases=given_bases(read.plan, options.bases, groups=run.labels),
            updates=updates,
            compared_with=facts if options.facts else None,
        )
    except StateError as error:
        raise _wrong_state(checkpoint, error) from None
    result = report.result
    if as_json:
        data = {
            "checkpoint": checkpoint,
            "format": run.checkpoint.format,
            "update": result.update,
            "clock": result.clock,
            "amount": result.amount,
            "optimizer": run.optimizer,
            "scheduler": run.scheduler,
            "rows": [*map(asdict, result.values)],
            "changes": [*map(asdict, report.changes)],
            "ignored": [*map(asdict, run.ignored)],
            "differs": result.differs,
            "problems": [{"severity": severity, "message": text} for severity, text in report.problems],
        }
        echo_data(json_text(data))
    else:
        echo_lines(report.lines())
    if result.differs:
        click.get_current_context().exit(BAD_PLAN)


def _wrong_state(checkpoint: str, error: "StateError") -> WrongUsage:
    """Return the error for a checkpoint whose state cannot be loaded; the state's own error does not name the file."""
    return WrongUsage(checkpoint, error.problem.summary, error.problem.advice)


def _print_history(checkpoint: str, scheduler: str | None, *, as_json: bool) -> None:
    """Print the plans that the run of a checkpoint has followed."""
    from dataclasses import asdict

    from paramsched.errors import StateError
    from paramsched.tools.audit import read_plan_history

    try:
        plans = read_plan_history(checkpoint, scheduler=scheduler)
    except StateError as error:
        raise _wrong_state(checkpoint, error) from None
    if as_json:
        entries = [
            {
                "update": plan.update,
                "amount": plan.amount,
                "plan": None if plan.plan is None else str(plan.plan),
                "changes": None if plan.changes is None else [*map(asdict, plan.changes)],
            }
            | ({"bases": plan.bases} if plan.bases else {})
            | ({"left_out": plan.left_out} if plan.left_out else {})
            for plan in plans
        ]
        echo_data(json_text(entries))
    else:
        echo_lines([line for plan in plans for line in plan.lines()])
