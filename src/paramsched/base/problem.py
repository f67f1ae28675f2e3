"""The record of one problem, and the warnings that print one: where it is, what is wrong, and what to write."""

import re
import sys
import warnings
from bisect import bisect_right
from dataclasses import KW_ONLY, astuple, dataclass, field, fields, replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, final

from paramsched.base.codes import SYNTAX, CheckRule, Severity, rules_by_code
from paramsched.base.params import readable
from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.base.words import bounded, printable, printable_lines

if TYPE_CHECKING:
    from array import array

MOST_PROBLEMS: Final = 200
"""The problems of a file that are listed, because it may have a hundred thousand. Then the rest is hardly read."""
_EXCERPT: Final = 72  # characters of a line that are shown
MOST_OF_MESSAGE: Final = 1_400  # characters of the call, the description and the advice together, so that the message
_MOST_OF_SITE: Final = 300  # with its file, its path and the excerpt of the line has at most 2,000
_MOST_OF_ADVICE: Final = 500
_MOST_OF_PATH: Final = 160


@final
@dataclass(frozen=True, slots=True)
class CallSite:
    """An argument of a call, as an error shows it: `cosine(to='x')`.

    Args:
        call: the name of the function.
        argument: the name of the argument.
        value: the text of the value, which may be followed by further arguments of the call.
        got: the text of an invalid value. It replaces `value` if `value` is "…". Otherwise, it is shown after the call.
        entry: True if the argument is a list and `got` is one of its items.
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


@final
@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: where it is, what is wrong, and what to write. Exceptions, warnings and reports have one each.

    Control characters are escaped when it is printed, so that a name cannot send commands to the terminal.

    Args:
        path: config path of the entry, such as `$.groups.head.lr`; empty for a line, a call or an entire text.
        found: the description: `expected a number, got true`, or `unknown argument "ovr"; did you mean "over"?`.
        advice: one sentence: an example, or what to do; empty if the description is enough.
        span: start and end of the wrong part within the text of the entry or the call, as indices of a slice; None for
            all of it.
        at_key: True if the problem is the key of the entry, not its value.
        code: the code of its rule, such as `PS104`; empty for a warning without a rule.
        site: the call or the argument as the user wrote it; empty for an entry of a file.
        call: the same as a `CallSite`, if it is an argument of a call.
        line, column: position in the file, both starting at 1; None if unknown.
        text: the line of the file or of the call that contains the wrong part.
        file: name of the file as the user wrote it; empty if unknown.
        as_info: True if it is only a hint, because a fact that decides is unknown.
        refused: the invalid value, for a caller that knows which argument it was.
    """

    path: str = ""
    found: str = ""
    advice: str = ""
    span: tuple[int, int] | None = None
    at_key: bool = False
    _: KW_ONLY
    code: str = ""
    site: str = ""
    call: CallSite | None = None
    line: int | None = None
    column: int | None = None
    text: str | None = None
    file: str = ""
    as_info: bool = False
    refused: Any = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if 10 * (len(self.site) + len(self.found) + len(self.advice)) <= MOST_OF_MESSAGE:  # as in bounded
            return
        if len(printable(self.message)) > MOST_OF_MESSAGE:
            site = bounded(self.site, _MOST_OF_SITE)
            advice = bounded(self.advice, _MOST_OF_ADVICE)
            rest = MOST_OF_MESSAGE - len(printable(site)) - len(printable(advice)) - len(": . ")
            object.__setattr__(self, "site", site)
            object.__setattr__(self, "found", bounded(self.found, rest))
            object.__setattr__(self, "advice", advice)

    def __reduce__(self) -> Reduced:
        data = {item.name: getattr(self, item.name) for item in fields(self)}
        call = None if self.call is None else astuple(self.call)
        return pickled("Problem", {name: value for name, value in data.items() if value} | {"call": call})

    def changed(self, **data: Any) -> "Problem":
        """Return a copy with changed arguments."""
        return replace(self, **data)

    @property
    def argument(self) -> str | None:
        """The name of the invalid argument of a call; None if the problem is not about one."""
        return None if self.call is None else self.call.argument

    @property
    def rule(self) -> CheckRule:
        """The rule with this code. The code of another package, such as `ACME1`, is an error without a description."""
        return rules_by_code().get(self.code) or CheckRule(self.code, self.code.lower(), "error", "", "")

    @property
    def severity(self) -> Severity:
        """The severity of the rule: "error", "warning" or "info"."""
        return "info" if self.as_info else self.rule.severity

    @property
    def summary(self) -> str:
        """The call and the description, without the advice."""
        return f"{self.site}: {self.found}" if self.site and self.found else self.site or self.found

    @property
    def message(self) -> str:
        """The summary and the advice."""
        return with_advice(self.summary, self.advice)

    @property
    def before_advice(self) -> str:
        """The description with the separator that comes before the advice; only the description if there is none."""
        return with_advice(self.found, self.advice).removesuffix(self.advice)

    @property
    def path_and_message(self) -> str:
        """The message, preceded by the path if there is one: `$.lr: expected a number, got true. Write 0.1`."""
        return _one_line(f"{bounded(self.path, _MOST_OF_PATH)}: {self.message}" if self.path else self.message)

    def in_file(self, file: str) -> str:
        """Return the place in a file, the message, and the line of the file with a caret if it is known."""
        location = bounded(self.location(self.file or file), _MOST_OF_PATH)
        return printable_lines("\n".join(filter(None, [f"{location}: {self.path_and_message}", self.pointer])))

    @property
    def place_and_message(self) -> str:
        """The message, preceded by the path, or by the line number if there is no path."""
        if self.path or self.line is None:
            return self.path_and_message
        return f"line {self.line}: {self.path_and_message}"

    def __str__(self) -> str:
        """Return the message; that of an entry of a file with its place, and its severity if that is not an error."""
        if self.site or not (self.path or self.line):
            return self.message
        severity = "" if self.severity == "error" else f"{self.severity}: "
        if self.path:
            return _one_line(f"{bounded(self.path, _MOST_OF_PATH)}: {severity}{self.message}")
        return f"{severity}{self.place_and_message}"

    def __repr__(self) -> str:
        return f"<Problem {self}>"

    def location(self, file: str | None = None) -> str:
        """Return the file with the line and column if they are known: `plan.yaml:3:12`.

        >>> problem = "expected a number, got true"
        >>> Problem("$.lr", problem, line=3, column=12).location("plan.yaml")
        'plan.yaml:3:12'
        """
        numbers = [] if self.line is None else [self.line, self.column or 1]
        return ":".join([printable(self.file if file is None else file), *map(str, numbers)])

    @property
    def pointer(self) -> str:
        """The line of the file, and a second line with a caret below the column; empty if line or column is unknown.

        >>> print(Problem("", "", line=1, column=5, text="lr: cosin()").pointer)
            lr: cosin()
                ^
        """
        if self.text is None or self.column is None:
            return ""
        begin = max(0, min(self.column - 1 - _EXCERPT // 2, len(self.text) - _EXCERPT))
        shown = self.text[begin : begin + _EXCERPT]
        if len(printable(shown)) > 2 * _EXCERPT:  # most of it are escaped characters
            return ""
        before = printable(shown[: self.column - 1 - begin])
        return f"    {printable(shown)}".rstrip() + f"\n    {' ' * len(before)}^"

    def as_data(self) -> dict[str, Any]:
        """Return the problem as a dict with the keys that `paramsched check --json` prints."""
        return {
            "plan": self.file,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "code": self.code,
            "rule": self.rule.name,
            "severity": self.severity,
            "message": _one_line(self.message),
            "found": _one_line(self.found),
            "advice": _one_line(self.advice),
        }


def with_advice(message: str, advice: str) -> str:
    """Return the description of a problem, followed by the advice.

    >>> with_advice('unknown unit "epoks"; did you mean "epochs"?', 'For example: "5 epochs"')
    'unknown unit "epoks"; did you mean "epochs"? For example: "5 epochs"'
    """
    if not advice:
        return message
    return f"{message} {advice}" if message.endswith(("?", "!", ".")) else f"{message}. {advice}"


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


_BREAK = re.compile(r"\r\n|\r|\n")


@final
class TextLines:
    r"""The lines of a text, with the offset at which each line starts.

    >>> TextLines("lr: 1\nmomentum: 2").of(10)
    (2, 5)
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.begins = [0, *(match.end() for match in _BREAK.finditer(text))]
        self._last = 0, ""  # the last line that was asked for: its problems share it, because it may have a megabyte

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

    def problem_at(self, offset: int, message: str, advice: str = "", path: str = "") -> Problem:
        """Return a problem with the line and the column of an offset."""
        line, column = self.of(offset)
        return Problem(path, message, advice, line=line, column=column, text=self.line(line), code=SYNTAX)

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
        from array import array  # only texts that are not ASCII need it

        text = "" if self.text.isascii() else self.text
        return array("l", accumulate(len(one.encode("utf-8", "surrogatepass")) for one in text))


_PASSED_OVER = {"paramsched", "torch"}
"""Packages whose frames are skipped: this one, and torch, which calls its hooks and schedulers."""


def pass_over(package: str) -> None:
    """Skip the frames of a package that is a part of this library, and a distribution of its own."""
    _PASSED_OVER.add(package)


class PlanWarning(UserWarning):
    """A probable mistake in a plan, a config or a run: the category of every warning of this library.

    `problem` has its code and its place.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.filterwarnings("error", category=PlanWarning)  # as with strict=True
    """

    def __init__(self, problem: Problem) -> None:
        UserWarning.__init__(self, problem)
        self.problem = problem

    def __reduce__(self) -> Reduced:
        return pickled("PlanWarning", self.problem)

    def __str__(self) -> str:
        if self.problem.path and not self.problem.site:
            return self.problem.path_and_message
        message = self.problem.message
        return printable_lines(f"{message} [{self.problem.code}]" if self.problem.code else message)

    def _render_traceback_(self) -> list[str]:
        return lines_for_notebook(self)


readable(PlanWarning, PlanWarning.__init__)
restores("PlanWarning")(PlanWarning)


@restores("Problem")
def _restored(data: dict[str, Any]) -> Problem:
    call = data.pop("call")
    return Problem(**data, call=None if call is None else CallSite(*call))


def lines_for_notebook(error: BaseException) -> list[str]:
    """Return the lines that IPython prints for an error: the frames of the user's code, and the message.

    IPython calls `_render_traceback_` of an exception, and prints the frames of this library too without it.
    """
    import traceback  # only errors in a notebook need it

    hidden = {*_PASSED_OVER, "IPython"}
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").split(".")[0] not in hidden
    ]
    lines = [*traceback.StackSummary.extract(iter(frames)).format(), *traceback.format_exception_only(error)]
    return "".join(lines).splitlines()


def warn_user(about: Problem, category: type[Warning] = PlanWarning) -> None:
    """Issue a warning at the innermost frame outside of this library and torch. Its text is the printed problem."""
    level = 2
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in _PASSED_OVER:
        level = level + 1
        frame = frame.f_back
    if category is PlanWarning:
        warnings.warn(PlanWarning(about), stacklevel=level)
    else:
        warnings.warn(str(PlanWarning(about)), category, stacklevel=level)
