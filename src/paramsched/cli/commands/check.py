"""`paramsched check`: every problem of plans, before anything runs."""

from typing import Any

import click

from paramsched.cli._group import BAD_PLAN
from paramsched.cli._options import Facts, calendar_options, field_option, format_option, json_option


@click.command("check", short_help="Report every problem of plans.")
@click.argument("plans", metavar="PLAN...", nargs=-1, required=True)
@calendar_options
@field_option
@format_option
@json_option
def command(plans: tuple[str, ...], facts: Facts, field: str, format: str | None, as_json: bool) -> None:
    r"""Report every problem of each PLAN at once; no fact of the run is needed.

    With facts every length is also turned into updates. Problems go to standard error, with --json as a list to
    standard output. Exit code 1 if there is an error; a warning is none.

    \b
    paramsched check plan.yaml
    paramsched check plan.yaml --steps-per-epoch 500 --json
    """
    import json

    found = [problem for given in plans for problem in _problems(given, facts, field, format)]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    for problem in () if as_json else found:
        warning = "warning: " if problem["severity"] == "warning" else ""
        place = f"{problem['path']}: " if problem["path"] else ""
        click.echo(f"{problem['plan']}: {place}{warning}{problem['message']}", err=True)
    if any(problem["severity"] == "error" for problem in found):
        click.get_current_context().exit(BAD_PLAN)


def _problems(given: str, facts: Facts, field: str, format: str | None) -> list[dict[str, Any]]:
    from paramsched.cli._plans import calendar_of, loaded_assuming
    from paramsched.config import Finding, check
    from paramsched.errors import ConfigError, InvalidArgument, MissingFact

    findings: list[Finding] = []
    try:
        loaded, known = loaded_assuming(given, format=format, field=field, facts=facts)
        plan = loaded.plan
        findings += check(plan, calendar_of(known) if known.given else None)
        if facts.given and not any(finding.severity == "error" for finding in findings):
            plan.resolve(calendar_of(facts))
    except ConfigError as error:
        findings += [_finding(problem) for problem in error.problems]
    except MissingFact:
        raise
    except InvalidArgument as error:
        findings.append(Finding("error", "", str(error)))
    return [{"plan": given, "path": one.path, "severity": one.severity, "message": one.message} for one in findings]


def _finding(problem: str) -> Any:
    from paramsched.config import Finding

    path, colon, message = problem.partition(": ")
    return Finding("error", path, message) if colon and path.startswith("$") else Finding("error", "", problem)
