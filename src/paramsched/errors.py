"""The exceptions of the library.

ParamschedError
├── InvalidArgument (ValueError)
│   ├── InvalidTime
│   ├── Unresolved
│   ├── MissingFact
│   ├── UnreadableLog
│   ├── UnknownRecipe (KeyError)
│   ├── ParseError
│   ├── InvalidCall (TypeError)
│   ├── AssertedArgument (AssertionError)
│   ├── AmbiguousLevel
│   └── PlanError
│       ├── UnknownField (KeyError)
│       └── UnknownGroup (KeyError)
├── ConfigError (ValueError)
├── StateError (ValueError)
├── PlanChanged (ValueError)
├── MissingPackage (ImportError)
└── MissingDependency (ImportError)
"""

from argparse import ArgumentTypeError
from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar, Final, Self, final

from paramsched.base.codes import REFUSED_VALUE, SYNTAX, UNREADABLE, WRONG_ARGUMENT
from paramsched.base.problem import MOST_PROBLEMS, lines_for_notebook
from paramsched.base.problem import CallSite as CallSite
from paramsched.base.problem import Problem as Problem
from paramsched.base.words import did_you_mean as did_you_mean
from paramsched.base.words import printable_lines

_MOST_SHOWN: Final = 10
_MOST_OF_PROBLEMS: Final = 1_900
"""Characters of the problems that the message of an error lists, which has at most 2,000."""


class ParamschedError(ArgumentTypeError):
    """Base class of all exceptions that the library raises intentionally.

    It is an `argparse.ArgumentTypeError`, because of other errors argparse does not show the message: `type=ps.loads`.
    Control characters in a message are escaped, because names in it may be from a file, and a traceback shows it.

    Args:
        found: description of the problem.
        advice: what to do, in one sentence.

    The attribute `problem` is the record of both, which is printed. A `ConfigError` has several, in `problems`.
    """

    problem: Problem

    def __init__(self, found: str, advice: str = "") -> None:
        self.problem = Problem(found=found, advice=advice)
        super().__init__(*filter(None, (self.problem.found, self.problem.advice)))

    def __str__(self) -> str:
        return printable_lines(str(self.problem))

    def _render_traceback_(self) -> list[str]:
        return lines_for_notebook(self)


class InvalidArgument(ParamschedError, ValueError):
    """An invalid argument, with a description of the problem and an example.

    Args:
        site: the call as the user wrote it.
        found: description of the problem.
        advice: what to do, in one sentence.
        example: a valid value or call, from which the advice is made if it is empty.
        refused: the invalid value, for a caller that knows which argument it was.
        code: code of the problem that `paramsched check` reports; by default that of the class.
        text, span: a line of text and the range of its wrong part, `text[slice(*span)]`; None if there is no text.
        path: config path of the entry, such as `$.groups.head`; empty if unknown.

    The attribute `problem` is the record of all of these.
    """

    default_code: ClassVar[str] = REFUSED_VALUE

    def __init__(
        self,
        site: str | CallSite,
        found: str = "",
        advice: str = "",
        *,
        example: str = "",
        refused: object = None,
        code: str | None = None,
        text: str | None = None,
        span: tuple[int, int] | None = None,
        path: str = "",
    ) -> None:
        self.problem = Problem(
            path,
            found,
            advice or _example(example),
            span,
            code=code or self.default_code,
            site=str(site),
            call=site if isinstance(site, CallSite) else None,
            text=text,
            refused=refused,
        )
        Exception.__init__(self, self.problem.site, self.problem.found)

    def changed(self, *, site: str | CallSite | None = None, **data: Any) -> Self:
        """Return a copy whose problem is changed; `example` makes the advice. A `site` of text keeps the call."""
        if site is not None:
            data["site"] = str(site)
        if isinstance(site, CallSite):
            data["call"] = site
        if "example" in data:
            data["advice"] = _example(data.pop("example"))
        new = copy(self)
        new.problem = replace(self.problem, **data)
        new.args = (new.problem.site, new.problem.found)
        return new

    def located(self, text: str, begin: int, end: int) -> Self:
        """Return a copy with a range of a line of text, unless the error already has a narrower range."""
        return self if self.problem.span is not None else self.changed(text=text, span=(begin, end))


def _example(text: str) -> str:
    return f"For example: {text}" if text else ""


@final
class InvalidTime(InvalidArgument):
    """An invalid time: negative, not finite or not a number."""


@final
class Unresolved(InvalidArgument):
    """A call of a schedule that cannot be evaluated, because it contains a unit or a stage without length."""


@final
class MissingFact(InvalidArgument):
    """A required run fact is missing.

    Args:
        site, found, advice: as for InvalidArgument.
        fact: the argument of RunFacts that specifies it, such as `steps_per_epoch`.
        example: the text of an example value, such as `100`.
    """

    def __init__(
        self,
        site: str | CallSite,
        found: str = "",
        advice: str = "",
        *,
        fact: str = "total",
        example: str = "10_000",
        **data: Any,
    ) -> None:
        InvalidArgument.__init__(self, site, found, advice, example=f"{fact}={example}", **data)
        self.fact = fact
        self.example = example


@final
class UnreadableLog(InvalidArgument):
    """A log or a checkpoint that cannot be read with the specified arguments.

    Args:
        site, found, advice: as in `InvalidArgument`.
        option: the option of `paramsched audit` that the advice names, or None.
    """

    def __init__(
        self, site: str | CallSite, found: str = "", advice: str = "", *, option: str | None = None, **data: Any
    ) -> None:
        InvalidArgument.__init__(self, site, found, advice, **data)
        self.option = option


@final
class UnknownRecipe(InvalidArgument, KeyError):
    """An unknown name of a recipe."""


@final
class ParseError(InvalidArgument):
    """A text that is not a schedule."""

    default_code = SYNTAX


@final
class InvalidCall(InvalidArgument, TypeError):
    """Arguments that do not match a signature: an unknown name, too many or too few arguments."""

    default_code = WRONG_ARGUMENT


@final
class AssertedArgument(InvalidArgument, AssertionError):
    """A value that the other library's class rejects with `assert`. It is raised under `python -O` as well."""


@final
class AmbiguousLevel(InvalidArgument):
    """A start that is not written, after `constant(x)`: it could be x or the level that the stage has alone."""


class PlanError(InvalidArgument):
    """Bindings that contradict each other or do not match the optimizer.

    Args:
        site, found, advice, path: as for InvalidArgument.
    """


@final
class UnknownField(PlanError, KeyError):
    """A field that a selected group lacks, a field to change that the plan lacks, or a curve that a trace lacks."""


@final
class UnknownGroup(PlanError, KeyError):
    """A selector that does not match any group."""


@final
class ConfigError(ParamschedError, ValueError):
    """All problems of a config.

    Args:
        source: the name of the file or text.
        problems: problems, or one line of text for each.
    """

    def __init__(self, source: str, problems: Iterable[str | Problem]) -> None:
        self.source = source
        self.problems = tuple(
            Problem("", problem, code=UNREADABLE) if isinstance(problem, str) else problem for problem in problems
        )
        Exception.__init__(self, source, self.problems)

    @property
    def lines(self) -> tuple[str, ...]:
        """One line of text for each problem, with its path."""
        return tuple(problem.place_and_message for problem in self.problems)

    def __str__(self) -> str:
        texts = list[str]()
        for count, problem in enumerate(self.problems):
            text = problem.in_file(self.source)
            if texts and (count == _MOST_SHOWN or sum(map(len, [*texts, text])) > _MOST_OF_PROBLEMS):
                least = "at least " if len(self.problems) >= MOST_PROBLEMS else ""
                return "\n".join([*texts, f"… and {least}{len(self.problems) - count} more"])
            texts.append(text)
        return "\n".join(texts)


@final
class StateError(ParamschedError, ValueError):
    """A state that is foreign, truncated or corrupt. It was not loaded."""


@final
class PlanChanged(ParamschedError, ValueError):
    """The plan of a checkpoint differs from the code's plan, and `on_change` is "error". No value was written."""


@final
class MissingDependency(ParamschedError, ImportError):
    """An optional library is not installed.

    The advice installs that library itself. It must not name this package before its name is registered on the index:
    whoever registers the name could run code on the machine of a user who follows the advice.
    """

    def __init__(self, what: str, library: str, place: str = "") -> None:
        super().__init__(f"{what} needs {library}, which is not installed: pip install {place or library}")


class MissingPackage(ParamschedError, ImportError):
    """A folder of this library is not installed, such as `paramsched.checks`."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(f"{what} needs the package {package}, which is not installed")


def shown(value: object) -> str:
    """Return a value as a message of one line shows it: its repr, truncated; of a longer or failing repr, the type.

    >>> shown(0.1), shown(10**400), shown("a" * 100)
    ('0.1', 'an integer of 401 digits', "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...")
    """
    if isinstance(value, int) and abs(value) >= 10**40:
        digits = int(value.bit_length() * 0.30103)
        return f"an integer of {digits + (abs(value) >= 10**digits)} digits"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # a foreign class may raise anything
        text = "\n"
    if "\n" in text:
        return f"<{type(value).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."


def site_with_value(site: str | CallSite, value: object) -> str | CallSite:
    """Return the call with the invalid value in place of the "…" in it.

    >>> str(site_with_value(CallSite("cosine", "to"), "x")), site_with_value("absolute(…)", "x")
    ("cosine(to='x')", "absolute('x')")
    """
    if isinstance(site, CallSite):
        return replace(site, got=shown(value))
    return site.replace("…", shown(value)) if site.endswith("…)") else f"{site} got {shown(value)}"


def __dir__() -> list[str]:
    """Return the names of the exceptions, and of the problem that each has."""
    return sorted({"Problem", *(name for name, value in globals().items() if _is_exception(value))})


def _is_exception(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, ParamschedError)
