"""Finding: one thing that the check has to say of a plan; its rule, its comment that silences it, its fix."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from paramsched.base.near_names import did_you_mean
from paramsched.config.checking.rules_of_runs import RULES_OF_FILES, RULES_OF_RUNS, UNKNOWN_COMMENT
from paramsched.config.checking.rules_of_runs import CheckRule as CheckRule
from paramsched.config.checking.rules_of_runs import Severity as Severity
from paramsched.config.checking.rules_of_values import RULES_OF_TIMES, RULES_OF_VALUES
from paramsched.config.faults import GROUPS, TARGETS, child_path, entry_path
from paramsched.config.text_limits import TextLines
from paramsched.errors import Fault, InvalidArgument
from paramsched.plan import Binding, Target

CHECK_RULES: Final[Mapping[str, CheckRule]] = {
    rule.code: rule for rule in (*RULES_OF_FILES, *RULES_OF_TIMES, *RULES_OF_VALUES, *RULES_OF_RUNS)
}
"""By its code. `paramsched check --explain` and the documentation show this table."""


def rule_of_code(given: str) -> CheckRule:
    """A rule by its code or its name, in capitals or not.

    >>> rule_of_code("ps201").name
    'beyond-horizon'
    """
    for rule in CHECK_RULES.values():
        if given.strip().lower() in (rule.code.lower(), rule.name):
            return rule
    names = [name for rule in CHECK_RULES.values() for name in (rule.code, rule.name)]
    near = did_you_mean(given.strip(), names) if len(given) > 5 else "codes are PS101, PS205 and so on"
    raise InvalidArgument(f'check rule "{given}"', f"there is none; {near}", "Write PS205")


def codes_given(given: str) -> frozenset[str]:
    """Codes as one selects them: whole ones, names, and beginnings such as `PS2`, with commas or blanks between them.

    >>> sorted(codes_given("PS60, beyond-horizon"))[:2]
    ['PS201', 'PS601']
    """
    found: set[str] = set()
    for one in given.replace(",", " ").split():
        begun = {code for code in CHECK_RULES if code.startswith(one.upper())}
        found |= begun or {rule_of_code(one).code}
    return frozenset(found)


@final
@dataclass(frozen=True, slots=True)
class FilePlace:
    """A place in a file; line and column count from 1, and are None where nothing says them.

    >>> str(FilePlace("plan.yaml", 3, 12))
    'plan.yaml:3:12'
    """

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return Fault("", "", line=self.line, column=self.column).place(self.file)


@final
@dataclass(frozen=True, slots=True)
class TextEdit:
    """A change of a text: what stands in characters `[begin, end)` becomes `text`."""

    begin: int
    end: int
    text: str


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a plan that its author wants to know.

    Args:
        code: which rule found it: `PS205`.
        path: where, as in a file: `$.groups.head.lr`.
        found: what was found.
        advice: what to write; "" where nothing simple helps.
        at_key: whether the name is meant, not the value behind it.
        replace: what of the name or the value is to be changed into what, where only one thing can be meant.
        place: in the file; None for a plan that is in none.
        pointer: the line of the file with a caret below the place; "" where they are not known.
        fix: the change that mends it; None where it is not safe to make.
    """

    code: str
    path: str
    found: str
    advice: str = ""
    at_key: bool = False
    replace: tuple[str, str] | None = None
    place: FilePlace | None = None
    pointer: str = ""
    fix: TextEdit | None = None

    @property
    def rule(self) -> CheckRule:
        """What the code stands for."""
        return CHECK_RULES[self.code]

    @property
    def severity(self) -> Severity:
        """An error no run can go with; a warning is for a plan that runs, but hardly as meant; or only to be known."""
        return self.rule.severity

    @property
    def message(self) -> str:
        """What was found, and what to write."""
        return f"{self.found}. {self.advice}" if self.advice else self.found

    def __str__(self) -> str:
        return f"{self.path}: {'' if self.severity == 'error' else f'{self.severity}: '}{self.message}"

    def as_fault(self) -> Fault:
        """The same as a fault, which can be looked for in a text."""
        line, column = (None, None) if self.place is None else (self.place.line, self.place.column)
        return Fault(
            self.path,
            self.found,
            self.advice,
            at_key=self.at_key,
            line=line,
            column=column,
            code=self.code,
            replace=self.replace,
        )

    def as_data(self) -> dict[str, Any]:
        """As programs read it."""
        place = self.place or FilePlace("")
        edit = self.fix and {"begin": self.fix.begin, "end": self.fix.end, "text": self.fix.text}
        return {
            "plan": place.file,
            "path": self.path,
            "line": place.line,
            "column": place.column,
            "code": self.code,
            "rule": self.rule.name,
            "severity": self.severity,
            "message": self.message,
            "found": self.found,
            "advice": self.advice,
            "fix": edit,
        }


def finding_of_fault(fault: Fault, file: str) -> Finding:
    """What was found at a place of a file."""
    fix = None if fault.edit is None else TextEdit(*fault.edit)
    place = FilePlace(file, fault.line, fault.column)
    return Finding(
        fault.code, fault.path, fault.found, fault.instead, fault.at_key, fault.replace, place, fault.pointer(), fix
    )


def rule_as_text(rule: CheckRule) -> str:
    """A rule as a terminal shows it.

    >>> from paramsched.config.checking.finding import rule_of_code
    >>> print(rule_as_text(rule_of_code("PS404")))
    PS404 name-as-index (warning)
    A group's name is a number, which looks like an index.
    The text "3" selects the group that is called 3; the fourth group is [3].
    <BLANKLINE>
    Wrong:
        groups: {'3': {lr: 0.1}}
    Right:
        groups: {'[3]': {lr: 0.1}}
    """
    lines = [f"{rule.code} {rule.name} ({rule.severity})", rule.line, rule.why]
    if rule.wrong:
        lines += ["", "Wrong:" if not rule.options else f"Wrong, with {' '.join(rule.options)}:"]
        lines += [f"    {line}" for line in rule.wrong.splitlines()]
        lines += ["Right:", *(f"    {line}" for line in rule.right.splitlines())]
    return "\n".join(lines)


def edits_of(findings: Iterable[Finding]) -> tuple[TextEdit, ...]:
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


_COMMENT: Final = re.compile(r"#[ \t]*paramsched:[ \t]*ignore\b[ \t]*([\w, \t-]*)")


def without_silenced(findings: Iterable[Finding], text: str, file: str) -> Iterator[Finding]:
    """The findings that no comment of their text silences, and those about such comments."""
    lines = TextLines(text)
    by_line: dict[int, frozenset[str]] = {}
    everywhere: frozenset[str] = frozenset()
    for comment in _COMMENT.finditer(text):
        line, column = lines.of(comment.start())
        try:
            codes = codes_given(comment[1])
        except InvalidArgument as refusal:
            place = FilePlace(file, line, column)
            yield Finding(UNKNOWN_COMMENT, "", refusal.problem, refusal.instead, place=place)
            continue
        if lines.line(line)[: column - 1].strip():
            by_line[line] = codes
        else:
            everywhere |= codes
    for finding in findings:
        line = 0 if finding.place is None or finding.place.line is None else finding.place.line
        if finding.code not in everywhere | by_line.get(line, frozenset()):
            yield finding


def selector_path(binding: Binding) -> str:
    """Where a file has the groups of a binding.

    >>> selector_path(Binding("lr", 0.1, groups="head"))
    '$.groups.head'
    """
    return child_path(GROUPS, binding.groups) if isinstance(binding.groups, (str, int)) else binding_path(binding)


def binding_path(binding: Binding) -> str:
    """Where a file has a binding.

    >>> binding_path(Binding("lr", 0.1, groups="head"))
    '$.groups.head.lr'
    """
    if isinstance(binding.field, Target):
        return child_path(TARGETS, binding.name, "schedule")
    if isinstance(binding.groups, (str, int)):
        return child_path(GROUPS, binding.groups, binding.name)
    return entry_path(binding.name)
