"""Diagnostics: what is wrong with a config or a plan, where, and what to write instead; paths, and lines of a text."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final

from paramsched.base.check_rules import CheckRule, Severity, check_rules
from paramsched.base.codes import SYNTAX, UNREADABLE

_EXCERPT = 72  # characters of a line that are shown


class TextEdit(NamedTuple):
    """A change of a text: characters `[begin, end)` are replaced by `text`."""

    begin: int
    end: int
    text: str


@final
@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A problem of a config or a plan: where it is, what was found, and what to write instead.

    Control characters are shown as escapes, so that a name cannot command the terminal.

    Args:
        path: of the entry, `$.groups.head.lr`; empty for the text as a whole.
        found: what was found.
        instead: what to write; empty where no simple change helps.
        span: the piece of the entry's text, as its first character and the one after its last.
        at_key: whether the name of the entry is meant, not its value.
        line, column: in the file, both from 1; None if unknown.
        excerpt: the line of the file. Without `line`, it is the whole text.
        code: the rule: `PS102`.
        replace: the wrong piece and the right one, where only one change can be meant.
        edit: the same change in the text of the file.
        entry: the key of an entry to write and its value as JSON, where `instead` is an entry of a file.
        format: the format to read the file by, where `instead` names one: a keyword in Python, an option of a command.
        file: as the user gave it; empty if unknown.
    """

    path: str
    found: str
    instead: str = ""
    span: tuple[int, int] | None = None
    at_key: bool = False
    line: int | None = None
    column: int | None = None
    excerpt: str | None = None
    code: str = UNREADABLE
    replace: tuple[str, str] | None = None
    edit: TextEdit | None = None
    entry: tuple[str, str] | None = None
    format: str | None = None
    file: str = ""

    def __post_init__(self) -> None:
        for name in ("path", "found", "instead"):
            object.__setattr__(self, name, printable(" ".join(getattr(self, name).split())))

    @property
    def rule(self) -> CheckRule:
        """The rule that the code stands for."""
        return check_rules()[self.code]

    @property
    def severity(self) -> Severity:
        """The severity of the rule: "error", "warning" or "info"."""
        return self.rule.severity

    @property
    def advice(self) -> str:
        """What to write: another name of `instead`."""
        return self.instead

    @property
    def fix(self) -> TextEdit | None:
        """The change that corrects the file: another name of `edit`."""
        return self.edit

    @property
    def message(self) -> str:
        """What was found and what to write."""
        return with_advice(self.found, self.instead)

    @property
    def path_and_message(self) -> str:
        """The message after its path, if it has one: `$.lr: expected a number, got true. Write 0.1`."""
        return f"{self.path}: {self.message}" if self.path else self.message

    @property
    def problem(self) -> str:
        """The message after its path, or after its line if it has no path."""
        if self.path or self.line is None:
            return self.path_and_message
        return f"line {self.line}: {self.message}"

    def __str__(self) -> str:
        severity = "" if self.severity == "error" else f"{self.severity}: "
        return f"{self.path}: {severity}{self.message}" if self.path else f"{severity}{self.problem}"

    def location(self, file: str | None = None) -> str:
        """The file, and the line and column if they are known: `plan.yaml:3:12`.

        >>> Diagnostic("$.lr", "expected a number, got true", line=3, column=12).location("plan.yaml")
        'plan.yaml:3:12'
        """
        numbers = [] if self.line is None else [self.line, self.column or 1]
        return ":".join([printable(self.file if file is None else file), *map(str, numbers)])

    @property
    def pointer(self) -> str:
        """The line of the file with a caret below the location; empty if they are unknown.

        >>> print(Diagnostic("", "", line=1, column=5, excerpt="lr: cosin()").pointer)
            lr: cosin()
                ^
        """
        if self.excerpt is None or self.column is None:
            return ""
        begin = max(0, min(self.column - 1 - _EXCERPT // 2, len(self.excerpt) - _EXCERPT))
        shown = self.excerpt[begin : begin + _EXCERPT]
        before = printable(shown[: self.column - 1 - begin])
        return f"    {printable(shown)}".rstrip() + f"\n    {' ' * len(before)}^"

    def as_data(self) -> dict[str, Any]:
        """Return the diagnostic as `paramsched check --json` prints it."""
        return {
            "plan": self.file,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "code": self.code,
            "rule": self.rule.name,
            "severity": self.severity,
            "message": self.message,
            "found": self.found,
            "advice": self.instead,
            "fix": self.edit and self.edit._asdict(),
        }


def with_advice(found: str, advice: str) -> str:
    """Return a sentence and the advice after it.

    >>> with_advice('unknown unit "epoks"; did you mean "epochs"?', 'Write "5 epochs"')
    'unknown unit "epoks"; did you mean "epochs"? Write "5 epochs"'
    """
    if not advice:
        return found
    return f"{found} {advice}" if found.endswith(("?", "!", ".")) else f"{found}. {advice}"


def printable(text: str, *, ascii: bool = False) -> str:
    r"""Write control characters as escapes, so that a group's name cannot command the terminal.

    >>> printable("head\x1b[31m"), printable("köpfe", ascii=True)
    ('head\\x1b[31m', 'k\\xf6pfe')
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return shown.encode("ascii", "backslashreplace").decode() if ascii else shown


def names_listed(names: Iterable[str], most: int = 20) -> str:
    r"""Names in a message: made safe, and no more of them than one reads.

    >>> names_listed(["lr", "a\x1b"]), names_listed("abc", most=2)
    ('lr, a\\x1b', 'a, b and 1 more')
    """
    known = [printable(name) for name in names]
    rest = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + rest


@final
@dataclass(frozen=True, slots=True)
class CallSite:
    """An argument of a call, as an error shows it: `cosine(to='x')`.

    Args:
        call: the name of the function.
        argument: the name of the argument.
        value: the text of the value. More arguments of the call may follow it.
        got: the text of a refused value. It is shown in place of `value` if that is "…".
        entry: True if the refused value is one entry of the argument, which is a list.
    """

    call: str
    argument: str
    value: str = "…"
    got: str = ""
    entry: bool = False

    def __str__(self) -> str:
        if not self.got or self.value != "…":
            shown = f"[{self.value}]" if self.entry and self.value == "…" else self.value
            return f"{self.call}({self.argument}={shown})" + (f" got {self.got}" if self.got else "")
        return f"{self.call}({self.argument}={f'[…, {self.got}, …]' if self.entry else self.got})"


_PLAIN_NAME: Final = re.compile(r"[\w.-]+(\[\d+\])?")
_MOST_SHOWN: Final = 60  # characters of a name that needs quotes

ROOT: Final = "$"
"""The config as a whole."""


def entry_path(*keys: object) -> str:
    """The path of an entry of the config, or of one further inside.

    >>> entry_path("lr"), entry_path("groups", "head", "lr")
    ('$.lr', '$.groups.head.lr')
    """
    return child_path(ROOT, *keys)


def child_path(path: str, *keys: object) -> str:
    """The path of an entry, or of one further inside: a name in a mapping, an index in a list.

    >>> child_path(ROOT, "lr", 1), child_path(ROOT, "betas[0]"), child_path(ROOT, "a key")
    ('$.lr[1]', '$.betas[0]', '$["a key"]')
    """
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]"
        elif _PLAIN_NAME.fullmatch(name := str(key)):
            path += f".{name}"
        else:
            path += f"[{json.dumps(name[:_MOST_SHOWN], ensure_ascii=False)}]"
    return path


def path_from_root(path: str) -> str:
    """What a path says after the root: the config may itself stand inside another one.

    >>> entry_path("param_scheduler") + path_from_root("$.lr[1]")
    '$.param_scheduler.lr[1]'
    """
    return path.removeprefix(ROOT)


CLOCK: Final = entry_path("clock")
HORIZON: Final = entry_path("horizon")
GROUPS: Final = entry_path("groups")
TARGETS: Final = entry_path("targets")
"""The entries of a native plan that are no fields."""


_BREAK = re.compile(r"\r\n|\r|\n")


@final
class TextLines:
    r"""The lines of a text: where each begins.

    >>> TextLines("lr: 1\nmomentum: 2").of(10)
    (2, 5)
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.begins = [0, *(found.end() for found in _BREAK.finditer(text))]

    def of(self, offset: int) -> tuple[int, int]:
        """The line and the column of a character, both from 1."""
        index = bisect_right(self.begins, min(max(offset, 0), len(self.text))) - 1
        return index + 1, offset - self.begins[index] + 1

    def line(self, number: int) -> str:
        """A line by its number, without its end."""
        begin = self.begins[number - 1]
        end = self.begins[number] if number < len(self.begins) else len(self.text)
        return self.text[begin:end].rstrip("\r\n")

    def fault(self, offset: int, found: str, instead: str = "", path: str = "") -> Diagnostic:
        """A diagnostic at a character."""
        line, column = self.of(offset)
        return Diagnostic(path, found, instead, line=line, column=column, excerpt=self.line(line), code=SYNTAX)

    def fault_in_line(self, number: int, column: int, found: str, instead: str = "") -> Diagnostic:
        """A diagnostic at a line and a column."""
        return self.fault(self.offset_of(number, column), found, instead)

    def offset_of(self, number: int, column: int) -> int:
        """The character at a line and a column, both from 1; what is behind the text counts as its end."""
        begin = self.begins[min(number, len(self.begins)) - 1]
        return min(begin + column - 1, len(self.text))
