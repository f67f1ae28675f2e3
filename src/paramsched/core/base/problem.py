"""The record of one problem: what is wrong where, and what to write instead.

Exceptions, diagnostics, warnings and the command line have one, and print it. The advice has no language: a `Printer`
turns it into text.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, final

from paramsched.core.base.entry_text import entry_text
from paramsched.core.base.node import NOWHERE, Place


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


class Entry(NamedTuple):
    """An entry of a file: its key, and its value as JSON."""

    key: str
    value: str


class Option(NamedTuple):
    """An argument: `steps_per_epoch=100` in Python, `--steps-per-epoch 100` on the command line.

    Args:
        name: the name of the argument.
        value: the text of its value in Python.
        call: the function that has it, such as `Calendar`; empty if the user knows.
        python: the advice in Python, if it is not this argument alone.
    """

    name: str
    value: str
    call: str = ""
    python: str = ""


class Sentence(NamedTuple):
    """Advice that is no text to write.

    Args:
        python: the sentence for code in Python.
        elsewhere: the sentence for a file and for the command line, if it is another.
        option: the option of the command line that the sentence names, if any.
        fact: the run fact whose option `elsewhere` names; the command line shows the name that the user wrote.
        entries: entries of the file, which replace the `{}` of the sentence in the syntax of the file.
    """

    python: str
    elsewhere: str = ""
    option: str | None = None
    fact: str = ""
    entries: tuple[Entry, ...] = ()


class Advice(NamedTuple):
    """What to write in place of something wrong.

    Args:
        what: the text of a line, call or argument; an entry of a file; an argument; or a sentence.
        is_example: True if its values may differ from those that the user wants. Otherwise, it is a promise: it is
            complete, keeps every number and name of the user, and is valid.
    """

    what: str | Entry | Option | Sentence
    is_example: bool = False

    @property
    def lead(self) -> str:
        """The first words of the advice."""
        return "For example:" if self.is_example else "Write"


@final
@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. Exceptions, diagnostics and warnings print it.

    Args:
        code: the code of its rule, such as `PS104`; empty for a warning without a rule.
        found: the description, without the advice: `unknown argument "ovr"; did you mean "over"?`.
        place: the wrong word, argument or entry.
        site: the call or the argument as the user wrote it; empty for an entry of a file.
        call: the same as a `CallSite`, if it is an argument of a call.
        advice: what to write instead; None if no simple change solves the problem.
        replace: the wrong text and its replacement, if the correction is unambiguous.
        text: the line of text that contains the place.
        sample: a valid value. A caller that knows the entire call can suggest the call with this value.
        refused: the invalid value, for a caller that knows which argument it was.
    """

    code: str = ""
    found: str = ""
    place: Place = NOWHERE
    site: str = ""
    call: CallSite | None = None
    advice: Advice | None = None
    replace: tuple[str, str] | None = None
    text: str | None = None
    sample: object = field(default=None, compare=False)
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
        return with_advice(self.summary, advice_text(self))


Printer: TypeAlias = Callable[[Problem, str], str]
"""A function that returns the advice of a problem as text, for a syntax such as `"yaml"` or `"python"`."""


def advice_text(problem: Problem, syntax: str = "python") -> str:
    """Return the advice of a problem as a sentence, for code in Python or for a file.

    >>> advice = Advice(Option("steps_per_epoch", "100", "Calendar"), is_example=True)
    >>> advice_text(Problem("PS001", "the length of an epoch is unknown", advice=advice))
    'For example: Calendar(steps_per_epoch=100)'
    """
    advice = problem.advice
    if advice is None:
        return ""
    match advice.what:
        case Sentence(text, entries=(_, *_) as entries):
            return text.format(*(entry_text(key, value, syntax) for key, value in entries))
        case Sentence(python, elsewhere):
            return python if syntax == "python" else elsewhere or python
        case Option(python=python) if python:
            return python
        case Entry(key, value):
            return f"{advice.lead} {entry_text(key, value, syntax)}"
    text = written_text(advice)
    if syntax == "json" and problem.span is not None:
        text = text.replace('"', "'")  # a line is quoted text in JSON
    return f"{advice.lead} {text}"


def written_text(advice: Advice) -> str:
    """Return the text to write in Python; empty if the advice is a sentence or an entry of a file."""
    match advice.what:
        case str(text):
            return text
        case Option(name, value, call, python) if not python:
            return f"{call}({name}={value})" if call else f"{name}={value}"
    return ""


def with_advice(found: str, advice: str) -> str:
    """Return the description of a problem, followed by the advice.

    >>> with_advice('unknown unit "epoks"; did you mean "epochs"?', 'Write "5 epochs"')
    'unknown unit "epoks"; did you mean "epochs"? Write "5 epochs"'
    """
    return f"{before_advice(found)}{advice}" if advice else found


def before_advice(found: str) -> str:
    """Return the description of a problem as a sentence that the advice follows."""
    return f"{found} " if found.endswith(("?", "!", ".")) else f"{found}. "
