"""What the check found, as text, JSON, SARIF 2.1.0, or the commands of a GitHub workflow."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import quote

from paramsched.config.checking.finding import CHECK_RULES, FilePlace, Finding, Severity

_LEVELS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "info": "note"}
"""What SARIF calls a severity."""
_COMMANDS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "info": "notice"}
"""What GitHub calls it."""


def findings_as_text(findings: Sequence[Finding]) -> str:
    """As people read it: the place, what it is, its code, and a caret below the place where that is known."""
    lines: list[str] = []
    for one in findings:
        path = f"{one.path}: " if one.path else ""
        severity = "" if one.severity == "error" else f"{one.severity}: "
        lines += [f"{one.place}: {path}{severity}{one.message} [{one.code}]", *filter(None, [one.pointer])]
    return "\n".join(lines)


def findings_as_json(findings: Sequence[Finding]) -> str:
    """A list of objects: plan, path, line, column, code, rule, severity, message, found, advice, fix."""
    return json.dumps([one.as_data() for one in findings], ensure_ascii=False)


def findings_as_sarif(findings: Sequence[Finding]) -> str:
    """A SARIF log of one run, with the rules that were broken."""
    codes = sorted({one.code for one in findings})
    driver = {
        "name": "paramsched",
        "version": version("paramsched"),
        "rules": [_sarif_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(one, codes.index(one.code)) for one in findings],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def findings_as_commands(findings: Sequence[Finding]) -> str:
    """Commands of a GitHub workflow, which become notes beside the lines of a change."""
    lines = []
    for one in findings:
        place = one.place or FilePlace("")
        where = {"file": place.file, "line": place.line, "col": place.column, "title": f"{one.code} {one.rule.name}"}
        given = ",".join(f"{key}={_escaped(str(value), ',:')}" for key, value in where.items() if value is not None)
        lines.append(f"::{_COMMANDS[one.severity]} {given}::{_escaped(one.message)}")
    return "\n".join(lines)


def _sarif_rule(code: str) -> dict[str, Any]:
    """What a code stands for."""
    rule = CHECK_RULES[code]
    return {
        "id": code,
        "name": rule.name,
        "shortDescription": {"text": rule.line},
        "fullDescription": {"text": rule.why},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _sarif_result(finding: Finding, index: int) -> dict[str, Any]:
    """One finding, with its place, and the change that mends it."""
    place = finding.place or FilePlace("")
    artifact = {"uri": quote(place.file.replace("\\", "/"))}
    region = {} if place.line is None else {"startLine": place.line, "startColumn": place.column or 1}
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
