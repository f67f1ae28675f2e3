"""Checking one plan from the command line: with its run's evidence, mended where asked, in every form of output."""

import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any, Final, final
from urllib.parse import quote

from paramsched.base.check_rules import Severity
from paramsched.base.codes import (
    BEYOND_THE_PLAN,
    LOG_DIFFERS,
    METRIC_NOT_LOGGED,
    MISSING_FACT,
    REFUSED_VALUE,
    UNREADABLE,
)
from paramsched.base.diagnostic import HORIZON, Diagnostic, TextEdit, entry_path
from paramsched.base.files import is_replaced, write_whole_file
from paramsched.base.user_warnings import DiagnosticWarning
from paramsched.cli._options import CalendarOptions, echo_note, fault_for_command, option_for_fact
from paramsched.cli._plan_input import (
    PlanInput,
    calendar_from_options,
    calendar_if_known,
    names_a_file,
    read_with_default_epoch,
    text_of_plan_input,
    with_facts_beside,
)
from paramsched.config import check
from paramsched.config.plan_files import PlanText
from paramsched.errors import ConfigError, InvalidArgument, MissingDependency, MissingFact
from paramsched.lint.comments import without_silenced
from paramsched.lint.plan_check import binding_path
from paramsched.plan import Plan
from paramsched.time import Calendar, Duration


@final
@dataclass(frozen=True, slots=True)
class RunEvidence:
    """What a run has left behind.

    Args:
        checkpoint: a file that torch.save made, or None.
        log: of values, or None.
    """

    checkpoint: str | None
    log: str | None

    def groups(self) -> Sequence[Mapping[str, Any]]:
        """The param groups of the checkpoint; none without one."""
        from paramsched.audit.checkpoint_log import read_groups

        return () if self.checkpoint is None else read_groups(Path(self.checkpoint)).groups

    def findings(self, plan: Plan, calendar: Calendar | None) -> Iterator[Diagnostic]:
        """Where the run went on behind the plan, used other values, or never measured what a rule waits for."""
        from paramsched.audit.checkpoint_log import read_groups

        if self.checkpoint is not None:
            yield from _beyond_the_plan(plan, calendar, read_groups(Path(self.checkpoint)).updates, "checkpoint")
        if self.log is not None:
            yield from _of_log(self.log, plan, calendar or Calendar())
            yield from _never_logged(Path(self.log), plan)


def _of_log(log: str, plan: Plan, calendar: Calendar) -> Iterator[Diagnostic]:
    """Where a log differs from the plan, or goes on behind it."""
    from paramsched.audit import AmountColumn, compare_with_plan, read_log
    from paramsched.plan.binding import amount_clock

    fields = [one.name for one in plan.bindings if isinstance(one.field, str)]
    logged = read_log(log, fields, columns={}, amount=AmountColumn(amount_clock(plan.clock)))
    last = max((int(column.t.max()) for column in logged.columns if column.t.size), default=None)
    yield from _beyond_the_plan(plan, calendar, last, "log")
    report = compare_with_plan(logged, plan, calendar)
    if report.first is not None:
        one = report.first
        found = f"at update {one.t} the run used {one.field}={one.logged!r}, and the plan says {one.planned!r}"
        cause = f"Likely cause: {report.causes[0].text}" if report.causes else ""
        yield Diagnostic(entry_path(one.field), found, cause, code=LOG_DIFFERS)


def _never_logged(log: Path, plan: Plan) -> Iterator[Diagnostic]:
    """Yield the rules that wait for a metric that a log with metrics does not have."""
    from paramsched.audit import UnreadableLog, read_metrics

    waiting = [(binding_path(one), rule.metric) for one in plan.bindings for rule in one.schedule.metric_rules]
    measured = [one.name for one in read_metrics(log)] if waiting else []
    for path, metric in waiting:
        # The log may name it otherwise: `val_loss` is in `val/loss_epoch`.
        if not measured or any(_plain_name(metric) in _plain_name(name) for name in measured):
            continue
        with suppress(UnreadableLog):
            if read_metrics(log, names=[metric]):
                continue
        found = f"the rule waits for {metric}, and the log has {', '.join(measured)}"
        yield Diagnostic(path, found, "Write the name under which the metric is observed", code=METRIC_NOT_LOGGED)


def _plain_name(metric: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", metric.lower())


def _beyond_the_plan(plan: Plan, calendar: Calendar | None, updates: int | None, what: str) -> Iterator[Diagnostic]:
    """The run has more updates than the plan's horizon."""
    facts = calendar or Calendar()
    length = facts.total if plan.horizon is None else plan.horizon
    if updates is None or length is None:
        return
    try:
        horizon = ceil(facts.exact(Duration.of(length)))
    except (MissingFact, InvalidArgument):
        return
    if updates > horizon:
        found = f"the {what} is of update {updates}, and the plan ends at {horizon}"
        advice = "Say the horizon in updates of the optimizer: batches over accumulation, for all processes together"
        yield Diagnostic(HORIZON, found, advice, code=BEYOND_THE_PLAN)


@final
@dataclass(frozen=True, slots=True)
class CheckedPlan:
    """What was found in one plan.

    Args:
        findings: in the order of its text.
        text: that of its file, in which they were found; None where the plan is not a file or cannot be read.
        usage: whether the command line lacks something, and the plan may be good.
    """

    findings: tuple[Diagnostic, ...]
    text: str | None = None
    usage: bool = False


def checked_plan(
    given: str, *, facts: CalendarOptions, field: str, format: str | None, evidence: RunEvidence
) -> CheckedPlan:
    """Check a plan as it was given on the command line.

    Raises:
        OSError: a file that is not there.
    """
    source, usage = None, False
    try:
        source = text_of_plan_input(given, format)
        read, known, several = _read_with_cautions(given, facts, field, format, source)
        several += _findings_in(read, known, facts, evidence)
    except ConfigError as error:
        found = [replace(fault_for_command(one), file=given) for one in error.diagnostics]
    except MissingFact as error:
        advice = f"Write {option_for_fact(error)}"
        found, usage = [Diagnostic("", error.problem, advice, code=MISSING_FACT, file=given)], True
    except InvalidArgument as error:
        one = Diagnostic("", error.problem, error.instead, code=REFUSED_VALUE, format=error.format, file=given)
        found = [fault_for_command(one)]
    except MissingDependency as error:
        found, usage = [Diagnostic("", str(error), code=UNREADABLE, file=given)], True
    else:
        placed = sorted(read.placed(dict.fromkeys(several)), key=lambda one: one.line or 0)
        found = [replace(one, file=given) for one in placed]
    text = source.text if source is not None and names_a_file(given) else None
    return CheckedPlan(tuple(found if text is None else without_silenced(found, text, given)), text, usage)


def _read_with_cautions(
    given: str, facts: CalendarOptions, field: str, format: str | None, source: PlanText | None
) -> tuple[PlanInput, CalendarOptions, list[Diagnostic]]:
    """A plan, the facts, and what reading it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read, known = read_with_default_epoch(given, format=format, field=field, facts=facts, source=source)
    found: list[Diagnostic] = []
    for one in caught:
        if isinstance(one.message, DiagnosticWarning):
            found.append(one.message.diagnostic)
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return read, known, [*found, *read.loaded.notes]


def _findings_in(
    read: PlanInput, known: CalendarOptions, facts: CalendarOptions, evidence: RunEvidence
) -> Iterator[Diagnostic]:
    """What is wrong with a plan that could be read, in the run that the facts and the evidence describe.

    Args:
        known: the facts, with what was assumed to read it.
        facts: as they were given.

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


_MOST_ROUNDS = 10  # a change may show what stood behind it
_MARK = b"\xef\xbb\xbf"  # which some editors put before a text in UTF-8


def fix_file(given: str, find: Callable[[str], CheckedPlan]) -> None:
    """Change a plan's file as its findings ask for, until none asks any more.

    The changes are made in the text in which they were found. If the file has another text by then, they are found
    again.

    Args:
        given: the plan as on the command line; only a regular file is changed.
        find: gives what is wrong with it.

    Raises:
        OSError: it cannot be written.
    """
    if not names_a_file(given) or not is_replaced(Path(given)):
        return
    changed = 0
    for _ in range(_MOST_ROUNDS):
        checked = find(given)
        edits = edits_of(checked.findings)
        if checked.text is None or not edits:
            break
        old, new = checked.text.encode(), with_edits(checked.text, edits).encode()
        # Written only if the file still has the old text, with or without a mark before it.
        if any(write_whole_file(Path(given), mark + new, over=mark + old) for mark in (b"", _MARK)):
            changed += len(edits)
    if changed:
        echo_note(f"{given}: mended {changed} {'place' if changed == 1 else 'places'}")


def edits_of(findings: Iterable[Diagnostic]) -> tuple[TextEdit, ...]:
    """The changes that findings ask for, from left to right; of two that overlap the first."""
    chosen: list[TextEdit] = []
    edits = {finding.fix for finding in findings if finding.fix is not None}
    for edit in sorted(edits, key=lambda one: (one.begin, one.end, one.text)):
        if not chosen or edit.begin >= chosen[-1].end:
            chosen.append(edit)
    return tuple(chosen)


def with_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """A text with changes made in it.

    >>> with_edits("weight_decy: 1", [TextEdit(0, 11, "weight_decay")])
    'weight_decay: 1'
    """
    pieces: list[str] = []
    at = 0
    for edit in edits:
        pieces += [text[at : edit.begin], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


_LEVELS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "info": "note"}
"""What SARIF calls a severity."""
_COMMANDS: Final = _LEVELS | {"info": "notice"}
"""What GitHub calls it."""


def findings_as_text(findings: Sequence[Diagnostic]) -> str:
    """As people read it: the place, what it is, its code, and a caret below the place where that is known."""
    lines: list[str] = []
    for one in findings:
        path = f"{one.path}: " if one.path else ""
        severity = "" if one.severity == "error" else f"{one.severity}: "
        lines += [f"{one.location()}: {path}{severity}{one.message} [{one.code}]", *filter(None, [one.pointer])]
    return "\n".join(lines)


def findings_as_json(findings: Sequence[Diagnostic]) -> str:
    """A list of objects: plan, path, line, column, code, rule, severity, message, found, advice, fix."""
    return json.dumps([one.as_data() for one in findings], ensure_ascii=False)


def findings_as_sarif(findings: Sequence[Diagnostic]) -> str:
    """A SARIF log of one run, with the rules that were broken."""
    codes = sorted({one.code for one in findings})
    rules = [
        {
            "id": code,
            "name": rule.name,
            "shortDescription": {"text": rule.line},
            "fullDescription": {"text": rule.why},
            "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        }
        for code, rule in sorted({one.code: one.rule for one in findings}.items())
    ]
    run = {
        "tool": {"driver": {"name": "paramsched", "version": version("paramsched"), "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(one, codes.index(one.code)) for one in findings],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def findings_as_commands(findings: Sequence[Diagnostic]) -> str:
    """Commands of a GitHub workflow, which become notes beside the lines of a change."""
    lines = []
    for one in findings:
        where = {"file": one.file, "line": one.line, "col": one.column, "title": f"{one.code} {one.rule.name}"}
        given = ",".join(f"{key}={_escaped(str(value), ',:')}" for key, value in where.items() if value is not None)
        lines.append(f"::{_COMMANDS[one.severity]} {given}::{_escaped(one.message)}")
    return "\n".join(lines)


def _sarif_result(finding: Diagnostic, index: int) -> dict[str, Any]:
    """One finding, its place and its fix."""
    artifact = {"uri": quote(finding.file.replace("\\", "/"))}
    region = {} if finding.line is None else {"startLine": finding.line, "startColumn": finding.column or 1}
    physical: dict[str, Any] = {"artifactLocation": artifact, **({"region": region} if region else {})}
    location: dict[str, Any] = {"physicalLocation": physical}
    if finding.path:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.path}]
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [location],
    }
    if finding.fix is not None:
        region = {"charOffset": finding.fix.begin, "charLength": finding.fix.end - finding.fix.begin}
        replacement = {"deletedRegion": region, "insertedContent": {"text": finding.fix.text}}
        change = {"artifactLocation": artifact, "replacements": [replacement]}
        result["fixes"] = [{"description": {"text": finding.message}, "artifactChanges": [change]}]
    return result


def _escaped(text: str, more: str = "") -> str:
    """A text as GitHub's commands have it: per cent, ends of lines, and in their entries commas and colons."""
    return "".join(f"%{ord(one):02X}" if one in f"%\r\n{more}" else one for one in text)
