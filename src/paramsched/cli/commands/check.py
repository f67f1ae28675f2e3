"""`paramsched check`: every problem of plans, before anything runs."""

from dataclasses import dataclass
from typing import Any, final

import click

from paramsched.cli._command import Command
from paramsched.cli._messages import BAD_PLAN, BAD_USAGE, file_problem
from paramsched.cli._options import (
    CalendarOptions,
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
def paramsched_check(
    plans: tuple[str, ...], facts: CalendarOptions, field: str, format: str | None, as_json: bool
) -> None:
    """Report every problem of each PLAN at once; no fact of the run is needed.

    With facts every length is also turned into updates. Problems go to standard error, with --json as a list to
    standard output. Exit code 1 if there is an error; a warning is none. A missing file, or a fact that one of them
    needs and nobody gave, is told, the others are checked, and the exit code is 2.
    """
    import json

    found: list[tuple[str, PlacedFinding]] = []
    missing = False
    for given in plans:
        try:
            found += [(given, finding) for finding in _findings_in(given, facts, field, format)]
        except OSError as error:
            missing = True
            click.echo(file_problem(error), err=True)
    if as_json:
        click.echo(json.dumps([_as_data(given, finding) for given, finding in found], ensure_ascii=False))
    for given, finding in () if as_json else found:
        click.echo("\n".join(_finding_lines(given, finding)), err=True)
    code = max((finding.exit_code for _, finding in found), default=0)
    click.get_current_context().exit(BAD_USAGE if missing else code)


@final
@dataclass(frozen=True, slots=True)
class PlacedFinding:
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


def _findings_in(given: str, facts: CalendarOptions, field: str, format: str | None) -> list[PlacedFinding]:
    """What is wrong with one plan, in the order of its text; with facts, in the run that they describe."""
    from paramsched.cli._calendars import calendar_from_options, calendar_if_known, with_facts_beside
    from paramsched.cli._given_plan import read_with_assumed_epoch
    from paramsched.config import check
    from paramsched.errors import ConfigError, InvalidArgument, MissingDependency, MissingFact

    try:
        read, known = read_with_assumed_epoch(given, format=format, field=field, facts=facts)
        found = check(read.plan, calendar_if_known(with_facts_beside(read.loaded, known)), native=read.loaded.native)
        if facts.given and not any(one.severity == "error" for one in found):
            read.plan.resolve(calendar_from_options(with_facts_beside(read.loaded, facts)))
    except ConfigError as error:
        return [PlacedFinding("error", fault) for fault in error.faults]
    except MissingFact as error:
        instead = f"Write {option_for_fact(error)}"
        return [PlacedFinding("error", Fault("", f"{error.asked}: {error.found}", instead), usage=True)]
    except InvalidArgument as error:
        asked = f"{error.asked}: {error.found}" if error.found else error.asked
        return [PlacedFinding("error", Fault("", asked, error.instead))]
    except MissingDependency as error:
        return [PlacedFinding("error", Fault("", str(error)), usage=True)]
    placed = read.placed(Fault(one.path, one.message) for one in found)
    return [PlacedFinding(one.severity, fault) for one, fault in zip(found, placed, strict=True)]


def _finding_lines(given: str, finding: PlacedFinding) -> list[str]:
    """A finding as people read it: its place, what it is, and a caret below the place where that is known."""
    fault = finding.fault
    warning = "warning: " if finding.severity == "warning" else ""
    path = f"{fault.path}: " if fault.path else ""
    line = f"{fault.place(given)}: {path}{warning}{fault.message}"
    return [line, *filter(None, [fault.pointer()])]


def _as_data(given: str, finding: PlacedFinding) -> dict[str, Any]:
    """A finding as programs read it."""
    fault = finding.fault
    place = {"plan": given, "path": fault.path, "line": fault.line, "column": fault.column}
    return place | {"severity": finding.severity, "message": fault.message}
