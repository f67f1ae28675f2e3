"""Codes that users write: in options, and in comments of a file that ignore diagnostics."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from paramsched.core.base.check_rules import CheckRule, check_rules
from paramsched.core.base.diagnostic import Diagnostic, TextLines
from paramsched.core.base.near_names import did_you_mean
from paramsched.errors import InvalidArgument
from paramsched.tools.check.codes import UNKNOWN_COMMENT


def rule_of_code(given: str) -> CheckRule:
    """Return a rule by its code or its name, in upper or lower case.

    >>> rule_of_code("ps201").name
    'beyond-horizon'
    """
    for rule in check_rules().values():
        if given.strip().lower() in (rule.code.lower(), rule.name):
            return rule
    names = [name for rule in check_rules().values() for name in (rule.code, rule.name)]
    near = did_you_mean(given.strip(), names) if len(given) > 5 else "codes are PS101, PS205 and so on"
    code = f"PS{given.strip()}"
    is_code = code in check_rules()
    write = code if is_code else "PS205"
    raise InvalidArgument(f'check rule "{given}"', f"unknown rule; {near}", example=write)


def codes_given(given: str) -> frozenset[str]:
    """Return the codes that a list selects: codes, names, and prefixes such as `PS2`, separated by commas or spaces.

    >>> sorted(codes_given("PS50, beyond-horizon"))[:2]
    ['PS201', 'PS501']
    """
    found: set[str] = set()
    for one in given.replace(",", " ").split():
        found |= {code for code in check_rules() if code.startswith(one.upper())} or {rule_of_code(one).code}
    return frozenset(found)


_COMMENT: Final = re.compile(r"#[ \t]*paramsched:[ \t]*ignore\b[ \t]*([\w, \t-]*)")


def without_silenced(found: Iterable[Diagnostic], text: str, file: str) -> Iterator[Diagnostic]:
    """Yield the diagnostics that no comment of the text ignores, and one for each comment with an unknown code."""
    lines = TextLines(text)
    by_line: dict[int, frozenset[str]] = {}
    everywhere: frozenset[str] = frozenset()
    for comment in _COMMENT.finditer(text):
        line, column = lines.of(comment.start())
        try:
            codes = codes_given(comment[1])
        except InvalidArgument as refusal:
            yield Diagnostic(
                "", refusal.problem.summary, refusal.instead, code=UNKNOWN_COMMENT, file=file, line=line, column=column
            )
            continue
        if lines.line(line)[: column - 1].strip():
            by_line[line] = codes
        else:
            everywhere |= codes
    for one in found:
        if one.code not in everywhere | by_line.get(one.line or 0, frozenset()):
            yield one
