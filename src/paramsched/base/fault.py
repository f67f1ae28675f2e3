"""Fault: one thing that is wrong with a config, and where it stands; what an error is about; their text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from paramsched.base.fault_codes import UNREADABLE

_EXCERPT = 72  # characters of a line that are shown


@final
@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a config: where it is, what was found, what to write instead.

    Characters that a terminal would obey are written as escapes.

    Args:
        path: where in the config, `$.groups.head.lr`; empty where the text as a whole is meant.
        found: what was found.
        instead: what to write.
        span: the piece that is meant, where the path leads to a line of text: its first character, and the one behind
            its last.
        at_key: whether the name is meant, not the value behind it.
        line, column: in the file, both from 1; None where nothing says them. Without a line the excerpt is the
            whole text.
        excerpt: the line of the file.
        code: of what kind it is: `PS102`.
        replace: what of the piece that is meant is to be changed, and into what, where only one thing can be meant.
        edit: the same in the file: its first character, the one behind its last, and what to put there.
        entry: the key of the entry to write and its value as JSON, where the advice is an entry of a file.
        format: the format to read the file by, where that is the advice: a keyword in code, an option of a command.
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
    edit: tuple[int, int, str] | None = None
    entry: tuple[str, str] | None = None
    format: str | None = None

    def __post_init__(self) -> None:
        for name in ("path", "found", "instead"):
            object.__setattr__(self, name, printable(" ".join(getattr(self, name).split())))

    @property
    def message(self) -> str:
        """What was found and what to write."""
        return f"{self.found}. {self.instead}" if self.instead else self.found

    @property
    def path_and_message(self) -> str:
        """What stands behind the file's name wherever a fault is shown: `$.lr: true is no number. Write 0.1`."""
        return f"{self.path}: {self.message}" if self.path else self.message

    def __str__(self) -> str:
        if self.path or self.line is None:
            return self.path_and_message
        return f"line {self.line}: {self.message}"

    def place(self, source: str) -> str:
        """The file, and the line and column if they are known: `plan.yaml:3:12`.

        >>> Fault("$.lr", "true is no number", line=3, column=12).place("plan.yaml")
        'plan.yaml:3:12'
        """
        numbers = [] if self.line is None else [self.line, self.column or 1]
        return ":".join([printable(source), *map(str, numbers)])

    def pointer(self) -> str:
        """The line of the file with a caret below the place; empty where they are not known.

        >>> print(Fault("", "", line=1, column=5, excerpt="lr: cosin()").pointer())
            lr: cosin()
                ^
        """
        if self.excerpt is None or self.column is None:
            return ""
        begin = max(0, min(self.column - 1 - _EXCERPT // 2, len(self.excerpt) - _EXCERPT))
        shown = self.excerpt[begin : begin + _EXCERPT]
        before = printable(shown[: self.column - 1 - begin])
        return f"    {printable(shown)}".rstrip() + f"\n    {' ' * len(before)}^"


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
class Asked:
    """An argument of a call, as an error shows it: `cosine(to=…) got 'x'`.

    Args:
        value: the text of the value; more of the call may stand behind it.
        got: the text of the value, where it is told behind the call.
        entry: whether an entry of the argument is meant, which is a list.
    """

    call: str
    argument: str
    value: str = "…"
    got: str = ""
    entry: bool = False

    def __str__(self) -> str:
        before = "an entry of " if self.entry else ""
        behind = f" got {self.got}" if self.got else ""
        return f"{before}{self.call}({self.argument}={self.value}){behind}"
