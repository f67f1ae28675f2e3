"""Comments that silence findings: `# paramsched: ignore PS205` behind a line, or for the whole file on its own line."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from paramsched.config.checking.finding import FilePlace, Finding
from paramsched.config.checking.rule_table import codes_given
from paramsched.config.checking.rules_of_files import UNKNOWN_COMMENT
from paramsched.config.text_lines import TextLines
from paramsched.errors import InvalidArgument

_COMMENT: Final = re.compile(r"#[ \t]*paramsched:[ \t]*ignore\b[ \t]*([\w, \t-]*)")


def without_silenced(findings: Iterable[Finding], text: str, file: str) -> Iterator[Finding]:
    """The findings that no comment of their text silences, and those about such comments.

    Args:
        findings: of the text, each with its place where it is known.
        text: the whole text.
        file: what it is called.
    """
    lines = TextLines(text)
    by_line: dict[int, frozenset[str]] = {}
    everywhere: frozenset[str] = frozenset()
    for comment in _COMMENT.finditer(text):
        line, column = lines.of(comment.start())
        try:
            codes = codes_given(comment[1])
        except InvalidArgument as refusal:
            place = FilePlace(file, line, column)
            yield Finding(UNKNOWN_COMMENT, "", f"{refusal.asked}: {refusal.found}", refusal.instead, place=place)
            continue
        if lines.line(line)[: column - 1].strip():
            by_line[line] = codes
        else:
            everywhere |= codes
    for finding in findings:
        line = 0 if finding.place is None or finding.place.line is None else finding.place.line
        if finding.code not in everywhere | by_line.get(line, frozenset()):
            yield finding
