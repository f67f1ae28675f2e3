"""`paramsched check`: every problem of plans, before anything runs."""

from dataclasses import dataclass
from typing import Any, final

import click

from paramsched.cli._command import Command
from paramsched.cli._group import BAD_PLAN, BAD_USAGE, unreadable
from paramsched.cli._options import (
    Facts,
    calendar_options,
    field_option,
    format_option,
    json_option,
    offer_files,
    option_for_fact,
)
from paramsched.errors import Fault


@click.command(
    "check",
    cls=Command,
    short_help="Report every problem of plans.",
    examples=(
        "paramsched check plan.yaml",
        "paramsched check plan.yaml --steps-per-epoch 500 --json",
    ),
)
@click.argument("plans", metavar="PLAN...", nargs=-1, required=True, shell_complete=offer_files)
@calendar_options
@field_option
@format_option
@json_option
def command(plans: tuple[str, ...], facts: Facts, field: str, format: str | None, as_json: bool) -> None:
    """Report every problem of each PLAN at once; no fact of the run is needed.

    With facts every length is also turned into updates. Problems go to standard error, with --json as a list to
    standard output. Exit code 1 if there is an error; a warning is none. A missing file, or a fact that one of them
    needs and nobody gave, is told, the others are checked, and the exit code is 2.
    """
    import json

    found: list[tuple[str, Finding]] = []
    missing = False
    for given in plans:
        try:
            found += [(given, finding) for finding in _findings(given, facts, field, format)]
        except OSError as error:
            missing = True
            click.echo(unreadable(error), err=True)
    if as_json:
        click.echo(json.dumps([_as_data(given, finding) for given, finding in found], ensure_ascii=False))
    for given, finding in () if as_json else found:
        click.echo("\n".join(_lines(given, finding)), err=True)
    code = max((finding.exit_code for _, finding in found), default=0)
    click.get_current_context().exit(BAD_USAGE if missing else code)


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, how bad it is, and where.

    Args:
        severity: "error" or "warning".
        fault: what, and where.
        usage: whether the command line lacks something, and the plan may be good.
    """

    severity: str
    fault: Fault
    usage: bool = False

    @property
    def exit_code(self) -> int:
        """What a command ends with that found this."""
        return 0 if self.severity == "warning" else BAD_USAGE if self.usage else BAD_PLAN


def _findings(given: str, facts: Facts, field: str, format: str | None) -> list[Finding]:
    from paramsched.cli._plans import calendar_of, known_calendar, read_assuming
    from paramsched.config import check
    from paramsched.errors import ConfigError, InvalidArgument, MissingDependency, MissingFact

    try:
        read, known = read_assuming(given, format=format, field=field, facts=facts)
        found = check(read.plan, known_calendar(known), native=read.loaded.native)
        if facts.given and not any(one.severity == "error" for one in found):
            read.plan.resolve(calendar_of(facts))
    except ConfigError as error:
        return [Finding("error", fault) for fault in error.faults]
    except MissingFact as error:
        instead = f"Write {option_for_fact(error)}"
        return [Finding("error", Fault("", f"{error.asked}: {error.found}", instead), usage=True)]
    except InvalidArgument as error:
        asked = f"{error.asked}: {error.found}" if error.found else error.asked
        return [Finding("error", Fault("", asked, error.instead))]
    except MissingDependency as error:
        return [Finding("error", Fault("", str(error)), usage=True)]
    placed = read.placed(Fault(one.path, one.message) for one in found)
    return [Finding(one.severity, fault) for one, fault in zip(found, placed, strict=True)]


def _lines(given: str, finding: Finding) -> list[str]:
    fault = finding.fault
    warning = "warning: " if finding.severity == "warning" else ""
    path = f"{fault.path}: " if fault.path else ""
    line = f"{fault.place(given)}: {path}{warning}{fault.message}"
    return [line, *filter(None, [fault.pointer()])]


def _as_data(given: str, finding: Finding) -> dict[str, Any]:
    fault = finding.fault
    place = {"plan": given, "path": fault.path, "line": fault.line, "column": fault.column}
    return place | {"severity": finding.severity, "message": fault.message}
