"""Finding: one thing that the check has to say of a plan."""

from dataclasses import dataclass
from typing import Any, final

from paramsched.config.checking.rule_table import CHECK_RULES, CheckRule, Severity
from paramsched.errors import Fault


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
        return Fault(self.path, self.found, self.advice, at_key=self.at_key, code=self.code, replace=self.replace)

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
