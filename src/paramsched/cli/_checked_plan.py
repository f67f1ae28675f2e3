"""Checking one plan from the command line: what cannot be read, what is hardly meant, and what comments silence."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import final

from paramsched._fault_codes import MISSING_FACT, REFUSED_VALUE, UNREADABLE
from paramsched.cli._calendars import calendar_from_options, calendar_if_known, with_facts_beside
from paramsched.cli._given_plan import GivenPlan, names_a_file, read_with_assumed_epoch
from paramsched.cli._options import CalendarOptions, option_for_fact
from paramsched.cli._run_evidence import RunEvidence
from paramsched.config import check
from paramsched.config.checking.finding import FilePlace, Finding, finding_of_fault, without_silenced
from paramsched.config.plan_files import read_plan_text
from paramsched.errors import ConfigError, InvalidArgument, MissingDependency, MissingFact
from paramsched.user_warnings import PlanCaution


@final
@dataclass(frozen=True, slots=True)
class CheckedPlan:
    """What was found in one plan.

    Args:
        findings: in the order of its text.
        usage: whether the command line lacks something, and the plan may be good.
    """

    findings: tuple[Finding, ...]
    usage: bool = False


def checked_plan(
    given: str, *, facts: CalendarOptions, field: str, format: str | None, evidence: RunEvidence
) -> CheckedPlan:
    """Check a plan as it was given on the command line.

    Raises:
        OSError: a file that is not there.
    """
    place = FilePlace(given)
    try:
        read, known, several = _read_with_cautions(given, facts, field, format)
        several += _findings_in(read, known, facts, evidence)
    except ConfigError as error:
        return CheckedPlan(_not_silenced(given, format, [finding_of_fault(one, given) for one in error.faults]))
    except MissingFact as error:
        found, instead = f"{error.asked}: {error.found}", f"Write {option_for_fact(error)}"
        return CheckedPlan((Finding(MISSING_FACT, "", found, instead, place=place),), usage=True)
    except InvalidArgument as error:
        found = f"{error.asked}: {error.found}" if error.found else str(error.asked)
        return CheckedPlan((Finding(REFUSED_VALUE, "", found, error.instead, place=place),))
    except MissingDependency as error:
        return CheckedPlan((Finding(UNREADABLE, "", str(error), place=place),), usage=True)
    faults = read.placed(one.as_fault() for one in dict.fromkeys(several))
    placed = sorted((finding_of_fault(one, given) for one in faults), key=_line_of_finding)
    return CheckedPlan(_not_silenced(given, format, placed))


def _read_with_cautions(
    given: str, facts: CalendarOptions, field: str, format: str | None
) -> tuple[GivenPlan, CalendarOptions, list[Finding]]:
    """A plan, the facts, and what reading it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read, known = read_with_assumed_epoch(given, format=format, field=field, facts=facts)
    found: list[Finding] = []
    for one in caught:
        if isinstance(one.message, PlanCaution):
            found.append(Finding(one.message.code, one.message.path, one.message.found))
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return read, known, found


def _findings_in(
    read: GivenPlan, known: CalendarOptions, facts: CalendarOptions, evidence: RunEvidence
) -> Iterator[Finding]:
    """What is wrong with a plan that could be read, in the run that the facts and the evidence describe.

    Args:
        read: the plan.
        known: the facts, with what was assumed to read it.
        facts: as they were given.
        evidence: a checkpoint, a log.

    Raises:
        MissingFact: a length cannot be converted, though facts are given.
    """
    loaded = read.loaded
    calendar = calendar_if_known(with_facts_beside(loaded, known))
    groups = evidence.groups()
    whole = bool(groups)
    found = check(read.plan, calendar, native=loaded.native, groups=groups or loaded.bases.groups, whole=whole)
    yield from (one if loaded.native else replace(one, path=loaded.entry) for one in found)
    if any(one.severity == "error" for one in found):
        return
    if facts.given:
        read.plan.resolve(calendar_from_options(with_facts_beside(loaded, facts)))
    yield from evidence.findings(read.plan, calendar)


def _not_silenced(given: str, format: str | None, found: Iterable[Finding]) -> tuple[Finding, ...]:
    """What no comment in the plan's file silences."""
    if not names_a_file(given):
        return tuple(found)
    try:
        text = read_plan_text(given, format).text
    except (ConfigError, InvalidArgument):  # it is told already
        return tuple(found)
    return tuple(without_silenced(found, text, given))


def _line_of_finding(finding: Finding) -> int:
    return 0 if finding.place is None or finding.place.line is None else finding.place.line
