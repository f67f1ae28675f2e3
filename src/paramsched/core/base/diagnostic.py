"""Diagnostics of configs and plans, config paths, and the lines of a text."""

import json
import re
import sys
import warnings
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate
from math import isfinite
from typing import Any, Final, final

from paramsched.core.base.codes import SYNTAX, UNREADABLE, CheckRule, Severity, check_rules
from paramsched.core.base.problem import Place, Problem, with_advice

_EXCERPT = 72  # characters of a line that are shown


@final
@dataclass(frozen=True, slots=True, init=False)
class Diagnostic:
    """A problem in a config or a plan: its location and a message.

    Control characters are escaped, so that a name cannot send commands to the terminal.

    Args:
        path: config path of the entry, such as `$.groups.head.lr`; empty for the entire text.
        found: description of the problem.
        instead: the advice: an example, or what to do; empty if the description is enough.
        span: start and end of the wrong part within the text of the entry, as indices of a slice.
        at_key: True if the diagnostic is about the key of the entry, not its value.
        line, column: position in the file, both starting at 1; None if unknown.
        excerpt: the line of the file; the entire text if `line` is None.
        code: code of the rule, such as `PS102`.
        file: name of the file as the user wrote it; empty if unknown.
        as_warning: True if the user asked for a warning in place of an error.

    The attribute `problem` is the record of all that is not the position in a file.
    """

    problem: Problem
    line: int | None
    column: int | None
    excerpt: str | None
    as_warning: bool

    def __init__(
        self,
        path: str,
        found: str,
        instead: str = "",
        span: tuple[int, int] | None = None,
        at_key: bool = False,
        *,
        line: int | None = None,
        column: int | None = None,
        excerpt: str | None = None,
        code: str = UNREADABLE,
        file: str = "",
        as_warning: bool = False,
    ) -> None:
        begin, end = span or (None, None)
        place = Place(_one_line(path), begin, end, at_key, file)
        set_field = object.__setattr__
        set_field(self, "problem", Problem(code, _one_line(found), place, advice=_one_line(instead)))
        set_field(self, "line", line)
        set_field(self, "column", column)
        set_field(self, "excerpt", excerpt)
        set_field(self, "as_warning", as_warning)

    def __repr__(self) -> str:
        return f"<Diagnostic {self}>"

    def changed(self, **data: Any) -> "Diagnostic":
        """Return a copy with changed arguments."""
        mine = self.problem
        given: dict[str, Any] = {"path": mine.place.path, "found": mine.found, "instead": mine.advice}
        given |= {"span": mine.span, "at_key": mine.place.at_key, "file": mine.place.file}
        given |= {"code": mine.code, "line": self.line, "column": self.column}
        given |= {"excerpt": self.excerpt, "as_warning": self.as_warning}
        return Diagnostic(**(given | data))

    @property
    def path(self) -> str:
        """The config path of the entry."""
        return self.problem.place.path

    @property
    def found(self) -> str:
        """The description of the problem."""
        return self.problem.found

    @property
    def instead(self) -> str:
        """The advice: an example, or what to do."""
        return self.problem.advice

    @property
    def span(self) -> tuple[int, int] | None:
        """The range of the wrong part within the text of the entry."""
        return self.problem.span

    @property
    def at_key(self) -> bool:
        """True if the diagnostic is about the key of the entry."""
        return self.problem.place.at_key

    @property
    def code(self) -> str:
        """The code of the rule."""
        return self.problem.code

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.problem.place.file

    @property
    def rule(self) -> CheckRule:
        """The rule with this code. The code of another package, such as `ACME1`, is an error without a description."""
        return check_rules().get(self.code) or CheckRule(self.code, self.code.lower(), "error", "", "")

    @property
    def severity(self) -> Severity:
        """The severity of the rule: "error", "warning" or "info"."""
        return "warning" if self.as_warning else self.rule.severity

    @property
    def message(self) -> str:
        """The problem and the advice."""
        return with_advice(self.found, self.instead)

    @property
    def path_and_message(self) -> str:
        """The message, preceded by the path if there is one: `$.lr: expected a number, got true. Write 0.1`."""
        return f"{self.path}: {self.message}" if self.path else self.message

    @property
    def place_and_message(self) -> str:
        """The message, preceded by the path, or by the line number if there is no path."""
        if self.path or self.line is None:
            return self.path_and_message
        return f"line {self.line}: {self.message}"

    def __str__(self) -> str:
        severity = "" if self.severity == "error" else f"{self.severity}: "
        return f"{self.path}: {severity}{self.message}" if self.path else f"{severity}{self.place_and_message}"

    def location(self, file: str | None = None) -> str:
        """Return the file with the line and column if they are known: `plan.yaml:3:12`.

        >>> problem = "expected a number, got true"
        >>> Diagnostic("$.lr", problem, line=3, column=12).location("plan.yaml")
        'plan.yaml:3:12'
        """
        numbers = [] if self.line is None else [self.line, self.column or 1]
        return ":".join([printable(self.file if file is None else file), *map(str, numbers)])

    @property
    def pointer(self) -> str:
        """The line of the file, and a second line with a caret below the column; empty if line or column is unknown.

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
        """Return the diagnostic as a dict with the keys that `paramsched check --json` prints."""
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
        }


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def printable(text: str, *, ascii: bool = False) -> str:
    r"""Escape control characters, so that the name of a group cannot send commands to the terminal.

    >>> printable("head\x1b[31m"), printable("köpfe", ascii=True)
    ('head\\x1b[31m', 'k\\xf6pfe')
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return shown.encode("ascii", "backslashreplace").decode() if ascii else shown


def json_text(data: object, *, indent: int | None = None, allow_nan: bool = True) -> str:
    r"""Return JSON in which every character that is not printable is escaped, for a terminal.

    With `allow_nan`, a number that is not finite becomes null, because JSON has none. Without it, ValueError is raised.

    >>> print(json_text({"köpfe": "\x9b31m\u202e\n"}))
    {"köpfe": "\u009b31m\u202e\n"}
    """
    dumps = partial(json.dumps, indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        text = dumps(data)
    except ValueError:
        if not allow_nan:
            raise
        text = dumps(_with_nulls(data))
    return _NOT_ASCII.sub(lambda one: one[0] if one[0].isprintable() else json.dumps(one[0])[1:-1], text)


def _with_nulls(data: object) -> object:
    """Return data for JSON with None in place of each number that is not finite."""
    if isinstance(data, Mapping):
        return {key: _with_nulls(one) for key, one in data.items()}
    if isinstance(data, (list, tuple)):
        return list(map(_with_nulls, data))
    return None if isinstance(data, float) and not isfinite(data) else data


_NOT_ASCII: Final = re.compile(r"[^ -~\n]")


def printable_lines(text: str) -> str:
    """Escape control characters in each line of a text."""
    return "\n".join(map(printable, text.split("\n")))


def names_listed(names: Iterable[str], most: int = 20) -> str:
    r"""Return names separated by commas, for a message. Names after the first `most` are only counted.

    Control characters are escaped.

    >>> names_listed(["lr", "a\x1b"]), names_listed("abc", most=2)
    ('lr, a\\x1b', 'a, b and 1 more')
    """
    known = [printable(name) for name in names]
    rest = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + rest


_PLAIN_NAME: Final = re.compile(r"[\w.-]+(\[\d+\])?")
_MOST_INDEX: Final = 10**40  # Python converts no integer of more than 4,300 digits to text
_MOST_SHOWN: Final = 60  # characters of a name that needs quotes

ROOT: Final = "$"
"""The path of the entire config."""


def entry_path(*keys: object) -> str:
    """Return the path of an entry from the root of the config.

    >>> entry_path("lr"), entry_path("groups", "head", "lr")
    ('$.lr', '$.groups.head.lr')
    """
    return child_path(ROOT, *keys)


def child_path(path: str, *keys: object) -> str:
    """Return the path of an entry inside the entry at `path`. Keys are names in mappings or indices in lists.

    >>> child_path(ROOT, "lr", 1), child_path(ROOT, "betas[0]"), child_path(ROOT, "a key")
    ('$.lr[1]', '$.betas[0]', '$["a key"]')
    """
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]" if abs(key) < _MOST_INDEX else "[…]"
        elif _PLAIN_NAME.fullmatch(name := str(key)):
            path += f".{name}"
        else:
            path += f"[{json.dumps(name[:_MOST_SHOWN], ensure_ascii=False)}]"
    return path


def path_from_root(path: str) -> str:
    """Return a path without the leading "$", to append it to the path of an entry that contains the entire config.

    >>> entry_path("param_scheduler") + path_from_root("$.lr[1]")
    '$.param_scheduler.lr[1]'
    """
    return path.removeprefix(ROOT)


CLOCK: Final = entry_path("clock")
HORIZON: Final = entry_path("horizon")
GROUPS: Final = entry_path("groups")
TARGETS: Final = entry_path("targets")
"""The path of the targets in a native plan."""


_BREAK = re.compile(r"\r\n|\r|\n")


@final
class TextLines:
    r"""The lines of a text, with the offset at which each line starts.

    >>> TextLines("lr: 1\nmomentum: 2").of(10)
    (2, 5)
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.begins = [0, *(found.end() for found in _BREAK.finditer(text))]
        self._last = 0, ""  # the last line that was asked for: its diagnostics share it, because it may have a megabyte

    def of(self, offset: int) -> tuple[int, int]:
        """Return the pair (line number, column) of an offset, both starting at 1."""
        index = bisect_right(self.begins, offset) - 1
        return index + 1, offset - self.begins[index] + 1

    def line(self, number: int) -> str:
        """Return a line by its number, without its line break."""
        if self._last[0] != number:
            begin = self.begins[number - 1]
            end = self.begins[number] if number < len(self.begins) else len(self.text)
            self._last = number, self.text[begin:end].rstrip("\r\n")
        return self._last[1]

    def fault(self, offset: int, found: str, instead: str = "", path: str = "") -> Diagnostic:
        """Return a diagnostic with the line and the column of an offset."""
        line, column = self.of(offset)
        return Diagnostic(path, found, instead, line=line, column=column, excerpt=self.line(line), code=SYNTAX)

    def fault_in_line(self, number: int, column: int, found: str, instead: str = "") -> Diagnostic:
        """Return a diagnostic with a line and a column, both starting at 1."""
        return self.fault(self.offset_of(number, column), found, instead)

    def offset_of(self, number: int, column: int) -> int:
        """Return the offset of a line and a column, both starting at 1. It is at most the length of the text."""
        begin = self.begins[min(number, len(self.begins)) - 1]
        return min(begin + column - 1, len(self.text))

    def offset_of_node(self, number: int, column: int) -> int:
        r"""Return the offset of a line and a column as Python's parser counts: columns from 0, in bytes of UTF-8.

        It does not scan the text, because it is asked for each node of a tree.

        >>> TextLines("a\nß + b").offset_of_node(2, 5)
        6
        """
        if not self._byte_ends:
            return self.offset_of(number, column + 1)
        begin = self.offset_of(number, 1)
        before = self._byte_ends[begin - 1] if begin else 0
        return bisect_right(self._byte_ends, before + column)

    @cached_property
    def _byte_ends(self) -> "array[int]":
        """The end of each character in bytes of UTF-8; empty if the text is ASCII."""
        text = "" if self.text.isascii() else self.text
        return array("l", accumulate(len(one.encode("utf-8", "surrogatepass")) for one in text))


_PASSED_OVER = ("paramsched", "torch")
"""Packages whose frames are skipped: this one, and torch, which calls its hooks and schedulers."""


class PlanWarning(UserWarning):
    """A probable mistake in a plan, a config or a run: the category of every warning of this library.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.filterwarnings("error", category=PlanWarning)  # as with strict=True
    """


@final
class DiagnosticWarning(PlanWarning):
    """A warning about an entry of a config. `diagnostic` contains its location and code."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        PlanWarning.__init__(self, diagnostic)
        self.diagnostic = diagnostic

    def __str__(self) -> str:
        return self.diagnostic.path_and_message


def plan_warning(problem: Problem) -> PlanWarning:
    """Return the warning about a problem; its text is the printed problem with its code."""
    return PlanWarning(printable_lines(f"{problem} [{problem.code}]" if problem.code else str(problem)))


def warn_user(about: Problem | Diagnostic, category: type[Warning] = PlanWarning) -> None:
    """Issue a warning at the innermost frame outside of this library and torch. Its text is the printed problem."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in _PASSED_OVER:
        level, frame = level + 1, frame.f_back
    if isinstance(about, Diagnostic):
        warnings.warn(DiagnosticWarning(about), stacklevel=level)
    else:
        warnings.warn(str(plan_warning(about)), category, stacklevel=level)
