"""`paramsched check`: what is wrong with plans, and what is hardly meant, before anything runs."""

from typing import Any

import click

from paramsched.cli._options import (
    BAD_PLAN,
    BAD_USAGE,
    CalendarOptions,
    Command,
    ExistingFile,
    calendar_options,
    field_option,
    file_problem,
    format_option,
    json_option,
    offer_files,
)


def _explain(context: click.Context, parameter: click.Parameter, value: str | None) -> None:  # noqa: ARG001  # click's
    """Print what codes stand for, and leave."""
    if value is None:
        return
    from paramsched.config.checking.finding import CHECK_RULES, rule_as_text

    codes = _codes("--explain", value)
    click.echo("\n\n".join(rule_as_text(rule) for code, rule in CHECK_RULES.items() if code in codes))
    context.exit()


@click.command(
    "check",
    cls=Command,
    short_help="Find what is wrong with plans.",
    examples=(
        "paramsched check plan.yaml",
        "paramsched check plan.yaml --steps-per-epoch 500 --json",
        "paramsched check plan.yaml --fix",
        "paramsched check --explain PS211",
    ),
)
@click.argument("plans", metavar="PLAN...", nargs=-1, required=True, shell_complete=offer_files)
@calendar_options
@field_option
@format_option
@click.option("--checkpoint", type=ExistingFile(), help="Checkpoint whose groups and fields the plan is for.")
@click.option("--log", type=ExistingFile(), help="Log of a run that should have followed the plan.")
@click.option("--select", metavar="CODES", help="Tell only these: PS205, PS3, long names; commas between them.")
@click.option("--ignore", metavar="CODES", help="Do not tell these.")
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
@click.option("--fix", is_flag=True, help="Mend what only one thing can be meant by, and tell the rest.")
@click.option(
    "--output-format",
    type=click.Choice(("text", "json", "sarif", "github")),
    default="text",
    show_default=True,
    help="How findings are told.",
)
@json_option
@click.option(
    "--explain",
    metavar="CODE",
    is_eager=True,
    expose_value=False,
    callback=_explain,
    help="Say what a code stands for, with an example, and leave.",
)
def paramsched_check(
    plans: tuple[str, ...],
    facts: CalendarOptions,
    field: str,
    format: str | None,
    checkpoint: str | None,
    log: str | None,
    select: str | None,
    ignore: str | None,
    strict: bool,
    fix: bool,
    output_format: str,
    as_json: bool,
) -> None:
    """Find what is wrong with each PLAN, and what is hardly meant; no fact of the run is needed.

    With facts every length is also turned into updates. Findings go to standard error, as JSON, SARIF or GitHub's
    commands to standard output. A comment `# paramsched: ignore PS205` silences a code behind its line, on a line of
    its own in the whole file.

    Exit code 1 if there is an error, with --strict also for a warning. A missing file, or a fact that one of them
    needs and nobody gave, is told, the others are checked, and the exit code is 2.
    """
    from paramsched.cli._checked_plan import RunEvidence, checked_plan, fix_file
    from paramsched.config.checking.finding import CHECK_RULES, Finding

    told = (_codes("--select", select) if select else frozenset(CHECK_RULES)) - _codes("--ignore", ignore or "")
    evidence = RunEvidence(checkpoint, log)
    found: list[Finding] = []
    usage = False

    def check_one(given: str) -> tuple[Finding, ...]:
        nonlocal usage
        checked = checked_plan(given, facts=facts, field=field, format=format, evidence=evidence)
        usage = usage or checked.usage
        return tuple(one for one in checked.findings if one.code in told)

    for given in plans:
        try:
            if fix:
                fix_file(given, format, check_one)
            found += check_one(given)
        except OSError as error:
            usage = True
            click.echo(file_problem(error), err=True)
    _tell(found, "json" if as_json else output_format)
    worst = {one.severity for one in found}
    bad = "error" in worst or (strict and "warning" in worst)
    click.get_current_context().exit(BAD_USAGE if usage else BAD_PLAN if bad else 0)


def _codes(option: str, given: str) -> frozenset[str]:
    """The codes that an option names."""
    from paramsched.config.checking.finding import codes_given
    from paramsched.errors import InvalidArgument

    try:
        return codes_given(given)
    except InvalidArgument as error:
        raise click.UsageError(f"{option} {given}: {error.found}. {error.instead}") from None


def _tell(found: list[Any], output_format: str) -> None:
    """Print findings: text to standard error, what programs read to standard output."""
    from paramsched.cli import _finding_formats as formats

    match output_format:
        case "json":
            click.echo(formats.findings_as_json(found))
        case "sarif":
            click.echo(formats.findings_as_sarif(found))
        case "github":
            if found:
                click.echo(formats.findings_as_commands(found))
        case _:
            if found:
                click.echo(formats.findings_as_text(found), err=True)
