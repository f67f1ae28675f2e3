"""`paramsched check`: report mistakes in plans. Package: `core`."""

import click

from paramsched.cli._options import (
    Command,
    CommandOptions,
    ExistingFile,
    base_option,
    json_option,
    plan_options,
    plans_argument,
)
from paramsched.cli._output import BAD_PLAN, BAD_USAGE, WrongUsage, echo, echo_note, file_problem


def _explain(context: click.Context, parameter: click.Parameter, value: str | None) -> None:  # noqa: ARG001  # click's
    """Print the rules of the codes passed with --explain, and exit."""
    if value is None:
        return
    from paramsched.base import codes

    explained = _codes("--explain", value)
    echo("\n\n".join(str(rule) for code, rule in codes.rules_by_code().items() if code in explained))
    context.exit()


@click.command(
    "check",
    cls=Command,
    short_help="Check plans for errors and likely mistakes.",
    examples=(
        "paramsched check plan.yaml",
        "paramsched check plan.yaml --steps-per-epoch 500 --json",
        "paramsched check --explain PS211",
    ),
)
@plans_argument()
@plan_options
@base_option
@click.option("--log", type=ExistingFile(), help="Log of a run of the plan.")
@click.option(
    "--select",
    metavar="CODES",
    help="Report only these codes: PS205, PS3 (a prefix), or rule names, separated by commas.",
)
@click.option("--ignore", metavar="CODES", help="Do not report these codes.")
@click.option("--strict", is_flag=True, help="Exit with code 1 for warnings too.")
@json_option
@click.option(
    "--explain",
    metavar="CODE",
    is_eager=True,
    expose_value=False,
    callback=_explain,
    help="Explain a code with an example, and exit.",
)
def paramsched_check(
    plans: tuple[str, ...],
    options: CommandOptions,
    log: str | None,
    select: str | None,
    ignore: str | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Report errors and likely mistakes in each PLAN. No facts of the run are needed.

    With facts, lengths are also checked in updates of the run. Problems are printed to standard error; JSON goes to
    standard output.

    Exit code 1 for an error, with --strict also for a warning; 2 if a file or a required fact is missing. The other
    plans are checked anyway.
    """
    from dataclasses import replace

    from paramsched.base.problem import Problem
    from paramsched.cli._lint_output import (
        CheckedPlan,
        checked_plan,
        problems_as_json,
        problems_as_text,
    )

    selected = _codes("--select", select) if select else None
    ignored = _codes("--ignore", ignore or "")
    problems: list[Problem] = []
    usage = False

    def check_one(argument: str) -> CheckedPlan:
        checked = checked_plan(argument, options, log=log)
        kept = (problem for problem in checked.problems if selected is None or problem.code in selected)
        return replace(checked, problems=tuple(problem for problem in kept if problem.code not in ignored))

    for plan in plans:
        try:
            checked = check_one(plan)
            problems += checked.problems
            usage = usage or checked.usage
            if not as_json and checked.problems:
                echo(problems_as_text(checked.problems), err=True)
            elif not as_json:
                echo(f"{plan}: no problems found")
            if checked.note and not as_json:
                echo_note(f"{plan}: {checked.note}")
        except OSError as error:
            usage = True
            echo(file_problem(error), err=True)
    if as_json:
        echo(problems_as_json(problems))
    worst = {problem.severity for problem in problems}
    bad = "error" in worst or (strict and "warning" in worst)
    code = BAD_PLAN if bad else 0
    click.get_current_context().exit(BAD_USAGE if usage else code)


def _codes(option: str, argument: str) -> frozenset[str]:
    """Return the codes that an option names."""
    from paramsched.checks import codes_given
    from paramsched.errors import InvalidArgument

    try:
        return codes_given(argument)
    except InvalidArgument as error:
        raise WrongUsage(f"{option} {argument}", error.problem.found, error.problem.advice) from None
