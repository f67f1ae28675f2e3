"""Every error the library raises on purpose.

ParamschedError
├── InvalidArgument (ValueError)
│   ├── InvalidTime (ValueError)
│   ├── Unresolved (ValueError)
│   ├── MissingFact (ValueError)
│   ├── UnreadableTable (ValueError)
│   ├── UnknownRecipe (KeyError)
│   ├── ParseError (ValueError)
│   ├── InvalidCall (TypeError)
│   └── AssertedArgument (AssertionError)
├── PlanError (ValueError)
│   ├── UnknownField (KeyError)
│   └── UnknownGroup (KeyError)
├── ConfigError (ValueError)
├── StateError (ValueError)
├── PlanChanged (ValueError)
├── FolderInUse (RuntimeError)
└── MissingDependency (ImportError)
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from typing import Any, Self, final

from paramsched.base import codes
from paramsched.base.diagnostic import CallSite as CallSite
from paramsched.base.diagnostic import Diagnostic as Diagnostic
from paramsched.base.diagnostic import with_advice
from paramsched.base.near_names import did_you_mean

Fault = Diagnostic
"""The former name of `Diagnostic`."""

Asked = CallSite
"""The former name of `CallSite`."""


class ParamschedError(Exception):
    """The root: `except ps.errors.ParamschedError` catches whatever the library raises on purpose."""


class InvalidArgument(ParamschedError, ValueError):
    """An invalid argument: what was asked, what was found, and what to write instead.

    Args:
        site: the call as the user wrote it.
        found: what was found.
        instead: a line that can be pasted.
        sample: a valid value, where the function that refuses one does not know the whole call.
        refused: the value that is refused, where only the function that was called knows its argument.
        code: of the diagnostic that `paramsched check` reports; by default that of the class.
        replace: the wrong piece and the right one, where only one change can be meant.
        format: the format to read a file by, where that is the advice: a keyword in Python, an option of a command.
        command: the advice in a file or on the command line, if `instead` is Python code; None if `instead` applies.
        text, span: a line of text and the piece of it that is wrong, `text[slice(*span)]`; None otherwise.

    `call` is `site`, and `argument` the name in it, where an argument of a call is refused; None otherwise.
    """

    code: str = codes.REFUSED_VALUE

    def __init__(
        self,
        site: str | CallSite,
        found: str = "",
        instead: str = "",
        *,
        sample: object = None,
        refused: object = None,
        code: str | None = None,
        replace: tuple[str, str] | None = None,
        format: str | None = None,
        command: str | None = None,
        text: str | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        if format is not None and not instead:
            instead = f'Write format="{format}"'
        super().__init__(str(site), found, instead)
        self.site, self.found, self.instead = str(site), found, instead
        self.call = site if isinstance(site, CallSite) else None
        self.sample, self.refused, self.replace, self.format = sample, refused, replace, format
        self.command, self.text, self.span = command, text, span
        if code is not None:
            self.code = code

    @property
    def argument(self) -> str | None:
        """The name of the argument that is refused; None where the error is not about one."""
        return None if self.call is None else self.call.argument

    @property
    def asked(self) -> str:
        """Return `site`, by its former name."""
        return self.site

    @property
    def problem(self) -> str:
        """What was asked and what was found, without what to write."""
        return f"{self.site}: {self.found}" if self.found else self.site

    def changed(self, *, site: str | CallSite | None = None, **data: Any) -> Self:
        """Return the same error with other data; a text for `site` keeps `call`."""
        new = copy(self)
        if isinstance(site, CallSite):
            data["call"] = site
        if site is not None:
            data["site"] = str(site)
        vars(new).update(data)
        new.args = (new.site, new.found, new.instead)
        return new

    def at(self, text: str, begin: int, end: int) -> Self:
        """Return the same error with its piece of a line of text; a smaller piece that it has already is kept."""
        return self if self.span is not None else self.changed(text=text, span=(begin, end))

    def __str__(self) -> str:
        return with_advice(self.problem, self.instead)


@final
class InvalidTime(InvalidArgument):
    """A time that is negative, not finite or no number."""


@final
class Unresolved(InvalidArgument):
    """A schedule called while a unit, or a stage without length, is still in it."""


@final
class MissingFact(InvalidArgument):
    """A fact of the run that is needed, and nobody said.

    Args:
        asked, found, instead: as of every InvalidArgument.
        fact: the argument of a Calendar that says it: `steps_per_epoch`.
        example: a value of it, as one writes it: `100`.
    """

    def __init__(
        self,
        site: str | CallSite,
        found: str = "",
        instead: str = "",
        *,
        fact: str = "total",
        example: str = "10_000",
        **data: Any,
    ) -> None:
        InvalidArgument.__init__(self, site, found, instead or f"Write Calendar({fact}={example})", **data)
        self.fact, self.example = fact, example


@final
class UnreadableTable(InvalidArgument):
    """A file of values that is absent, holds no table, or not the one that a plan was written with."""


@final
class UnknownRecipe(InvalidArgument, KeyError):
    """A name that no published recipe has."""

    __str__ = InvalidArgument.__str__  # KeyError would print the repr of a tuple


@final
class ParseError(InvalidArgument):
    """A line of text that is no schedule."""

    code = codes.SYNTAX


@final
class InvalidCall(InvalidArgument, TypeError):
    """Arguments that a function does not take: a name it does not know, one too many, one missing."""

    code = codes.WRONG_ARGUMENT


@final
class AssertedArgument(InvalidArgument, AssertionError):
    """A value that the peer of a drop-in refuses by `assert`; unlike an `assert` it stays under `python -O`."""


class PlanError(InvalidArgument):
    """Bindings that contradict each other, or the optimizer they are attached to.

    Args:
        asked, found, instead: as of every InvalidArgument.
        path: the entry of a file that is meant, `$.groups.head`; empty if unknown.
    """

    def __init__(
        self, site: str | CallSite, found: str = "", instead: str = "", *, path: str = "", **data: Any
    ) -> None:
        InvalidArgument.__init__(self, site, found, instead, **data)
        self.path = path


@final
class UnknownField(PlanError, KeyError):
    """A selected group lacks a scheduled field, or a plan the field that is to change."""

    __str__ = InvalidArgument.__str__  # KeyError would print the repr of a tuple


@final
class UnknownGroup(PlanError, KeyError):
    """A selector that matches no group."""

    __str__ = InvalidArgument.__str__  # as above


@final
class ConfigError(ParamschedError, ValueError):
    """Every problem of a config at once.

    Args:
        source: the file or text that has them.
        problems: diagnostics, or a line for each: `$.path: what was found; what to write`.
    """

    def __init__(self, source: str, problems: Iterable[str | Diagnostic]) -> None:
        self.source = source
        self.diagnostics = tuple(Diagnostic("", one) if isinstance(one, str) else one for one in problems)
        super().__init__(source, self.diagnostics)

    @property
    def faults(self) -> tuple[Diagnostic, ...]:
        """Return `diagnostics`, by their former name."""
        return self.diagnostics

    @property
    def problems(self) -> tuple[str, ...]:
        """The diagnostics, a line each, with its path."""
        return tuple(one.problem for one in self.diagnostics)

    def __str__(self) -> str:
        lines: list[str] = []
        for one in self.diagnostics:
            lines += [f"{one.location(self.source)}: {one.path_and_message}", *filter(None, [one.pointer])]
        return "\n".join(lines)


@final
class StateError(ParamschedError, ValueError):
    """A state that is foreign, truncated or spoiled; nothing was changed."""


@final
class PlanChanged(ParamschedError, ValueError):
    """The plan of a checkpoint differs from the code's and `on_change="error"`; nothing was written."""


@final
class FolderInUse(ParamschedError, RuntimeError):
    """Another run writes to the folder; nothing was written.

    Args:
        folder: of the run.
        holder: the process that has it.
        file: the lock.
    """

    def __init__(self, folder: str, holder: str, file: str) -> None:
        super().__init__(folder, holder, file)
        self.folder, self.holder, self.file = folder, holder, file

    def __str__(self) -> str:
        return f"{self.folder}: {self.holder} runs in it (lock: {self.file}). Wait for its end, or give another folder"


@final
class MissingDependency(ParamschedError, ImportError):
    """An optional library is not installed; `extra` brings it, where we have one that does."""

    def __init__(self, what: str, library: str, extra: str | None = None) -> None:
        wanted = library if extra is None else f'"paramsched[{extra}]"'
        super().__init__(f"{what} needs {library}, which is not installed: pip install {wanted}")


def shown(value: object) -> str:
    """A value as a message shows it: by its repr where that is short; a message never fails over what it is about.

    >>> shown(0.1), shown(10**400), shown("a" * 100)
    ('0.1', 'an integer of 401 digits', "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...")
    """
    if isinstance(value, int) and abs(value) >= 10**40:
        digits = int(value.bit_length() * 0.30103)
        return f"an integer of {digits + (abs(value) >= 10**digits)} digits"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # whatever a foreign class raises
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."


def site_with_value(site: str | CallSite, value: object) -> str | CallSite:
    """Return the call with the refused value in place of its "…".

    >>> str(site_with_value(CallSite("cosine", "to"), "x")), site_with_value("absolute(…)", "x")
    ("cosine(to='x')", "absolute('x')")
    """
    if isinstance(site, CallSite):
        return replace(site, got=shown(value))
    return site.replace("…", shown(value)) if site.endswith("…)") else f"{site} got {shown(value)}"


asked_with_value = site_with_value
"""The former name of `site_with_value`."""


nearest = did_you_mean
"""The former name of `did_you_mean`."""
