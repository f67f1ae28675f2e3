"""The record of one problem: where it is, what is wrong, and one example. Exceptions and diagnostics print it."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, final


class Place(NamedTuple):
    """A place in an input.

    Args:
        path: the config path of the entry, such as `$.lr.to`; empty for a line or a call.
        begin, end: the range in the text at that path; None for the entire entry.
        at_key: True if the key of the entry is meant, not its value.
        file: the name of the file; empty if unknown. Line and column are computed when the place is printed.
    """

    path: str = ""
    begin: int | None = None
    end: int | None = None
    at_key: bool = False
    file: str = ""


NOWHERE: Final = Place()
"""The place of a problem that is not in an input."""


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
    """One problem. It has the same words in an exception, in a report and on the command line.

    Args:
        code: the code of its rule, such as `PS104`; empty for a warning without a rule.
        found: the description: `expected a number, got true`, or `unknown argument "ovr"; did you mean "over"?`.
        place: the wrong word, argument or entry.
        site: the call or the argument as the user wrote it; empty for an entry of a file.
        call: the same as a `CallSite`, if it is an argument of a call.
        advice: one sentence: an example of the call, or what to do; empty if the description is enough.
        text: the line of text that contains the place.
        refused: the invalid value, for a caller that knows which argument it was.
    """

    code: str = ""
    found: str = ""
    place: Place = NOWHERE
    site: str = ""
    call: CallSite | None = None
    advice: str = ""
    text: str | None = None
    refused: object = field(default=None, compare=False)

    @property
    def summary(self) -> str:
        """The call and the description, without the advice."""
        return f"{self.site}: {self.found}" if self.site and self.found else self.site or self.found

    @property
    def span(self) -> tuple[int, int] | None:
        """The range of the wrong part in its text; None if the whole is wrong."""
        begin, end = self.place.begin, self.place.end
        return None if begin is None or end is None else (begin, end)

    def __str__(self) -> str:
        return with_advice(self.summary, self.advice)


def with_advice(found: str, advice: str) -> str:
    """Return the description of a problem, followed by the advice.

    >>> with_advice('unknown unit "epoks"; did you mean "epochs"?', 'For example: "5 epochs"')
    'unknown unit "epoks"; did you mean "epochs"? For example: "5 epochs"'
    """
    if not advice:
        return found
    return f"{found} {advice}" if found.endswith(("?", "!", ".")) else f"{found}. {advice}"
