"""The exceptions of the library.

ParamschedError
├── InvalidArgument (ValueError)
│   ├── InvalidTime (ValueError)
│   ├── Unresolved (ValueError)
│   ├── MissingFact (ValueError)
│   ├── UnreadableTable (ValueError)
│   ├── UnreadableLog (ValueError)
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

from paramsched.core.base.codes import REFUSED_VALUE, SYNTAX, WRONG_ARGUMENT
from paramsched.core.base.diagnostic import CallSite as CallSite
from paramsched.core.base.diagnostic import Diagnostic as Diagnostic
from paramsched.core.base.diagnostic import printable_lines, with_advice
from paramsched.core.base.near_names import did_you_mean as did_you_mean


def _advice(write: str, *, is_example: bool) -> str:
    return write and f"{'For example:' if is_example else 'Write'} {write}"


class ParamschedError(Exception):
    """Base class of all exceptions that the library raises intentionally.

    Control characters in a message are escaped, because names in it may be from a file, and a traceback shows it.
    """

    def __str__(self) -> str:
        return printable_lines(Exception.__str__(self))


class InvalidArgument(ParamschedError, ValueError):
    """An invalid argument, with a description of the problem and a line to write instead.

    Args:
        site: the call as the user wrote it.
        found: description of the problem.
        instead: the advice as a sentence. It is made of `write` if that is passed.
        write: the text to write in place of the wrong argument, call or line.
        is_example: True if the values of `write` may differ from those that the user wants.
        sample: a valid value. A caller that knows the entire call can suggest the call with this value.
        refused: the invalid value, for a caller that knows which argument it was.
        code: code of the diagnostic that `paramsched check` reports; by default that of the class.
        replace: the wrong text and its replacement, if the correction is unambiguous.
        format: name of the format in which `instead` suggests to read a file, if any. Users pass it as the keyword
            argument `format` in Python, and as an option on the command line.
        command: the advice for a file or the command line, if `instead` is Python code; None to show `instead` there.
        text, span: a line of text and the range of its wrong part, `text[slice(*span)]`; None if there is no text.

    `call` is `site` as a `CallSite`, and `argument` the name of its argument. Both are None if the error is not about
    an argument of a call.
    """

    code: str = REFUSED_VALUE

    def __init__(
        self,
        site: str | CallSite,
        found: str = "",
        instead: str = "",
        *,
        write: str = "",
        is_example: bool = False,
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
            write = f'format="{format}"'
        instead = instead or _advice(write, is_example=is_example)
        super().__init__(str(site), found, instead)
        self.site, self.found, self.instead, self.write, self.is_example = str(site), found, instead, write, is_example
        self.call = site if isinstance(site, CallSite) else None
        self.sample, self.refused, self.replace, self.format = sample, refused, replace, format
        self.command, self.text, self.span = command, text, span
        if code is not None:
            self.code = code

    @property
    def argument(self) -> str | None:
        """The name of the invalid argument; None if the error is not about one."""
        return None if self.call is None else self.call.argument

    @property
    def problem(self) -> str:
        """The call and the description of the problem, without the advice."""
        return f"{self.site}: {self.found}" if self.found else self.site

    def changed(self, *, site: str | CallSite | None = None, **data: Any) -> Self:
        """Return a copy with changed attributes. If the new `site` is text, the attribute `call` is unchanged."""
        new = copy(self)
        if "write" in data:
            data = {"is_example": False, **data}
            data["instead"] = _advice(data["write"], is_example=data["is_example"])
        elif "instead" in data:
            data["write"] = ""
        if isinstance(site, CallSite):
            data["call"] = site
        if site is not None:
            data["site"] = str(site)
        vars(new).update(data)
        new.args = (new.site, new.found, new.instead)
        return new

    def at(self, text: str, begin: int, end: int) -> Self:
        """Return a copy with a range of a line of text, unless the error already has a narrower range."""
        return self if self.span is not None else self.changed(text=text, span=(begin, end))

    def __str__(self) -> str:
        return printable_lines(with_advice(self.problem, self.instead))


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
        site, found, instead: as for InvalidArgument.
        fact: the argument of Calendar that specifies it, such as `steps_per_epoch`.
        example: the text of an example value, such as `100`.
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
        write = "" if instead else f"Calendar({fact}={example})"
        InvalidArgument.__init__(self, site, found, instead, write=write, is_example=bool(write), **data)
        self.fact, self.example = fact, example


@final
class UnreadableTable(InvalidArgument):
    """A table file that is missing, is not a table, or is not the file that the plan was written with."""


@final
class UnreadableLog(InvalidArgument):
    """A log or a checkpoint that cannot be read with the specified arguments.

    Args:
        site, found, instead: as in `InvalidArgument`.
        option: the option of `paramsched audit` that `instead` names, or None.
    """

    def __init__(
        self, site: str | CallSite, found: str = "", instead: str = "", *, option: str | None = None, **data: Any
    ) -> None:
        InvalidArgument.__init__(self, site, found, instead, **data)
        self.option = option


@final
class UnknownRecipe(InvalidArgument, KeyError):
    """An unknown name of a recipe."""

    __str__ = InvalidArgument.__str__  # KeyError would print the repr of a tuple


@final
class ParseError(InvalidArgument):
    """A text that is not a schedule."""

    code = SYNTAX


@final
class InvalidCall(InvalidArgument, TypeError):
    """Arguments that do not match a signature: an unknown name, too many or too few arguments."""

    code = WRONG_ARGUMENT


@final
class AssertedArgument(InvalidArgument, AssertionError):
    """A value that the peer of a drop-in rejects with `assert`. It is raised under `python -O` as well."""


class PlanError(InvalidArgument):
    """Bindings that contradict each other or do not match the optimizer.

    Args:
        site, found, instead: as for InvalidArgument.
        path: config path of the entry, such as `$.groups.head`; empty if unknown.
    """

    def __init__(
        self, site: str | CallSite, found: str = "", instead: str = "", *, path: str = "", **data: Any
    ) -> None:
        InvalidArgument.__init__(self, site, found, instead, **data)
        self.path = path


@final
class UnknownField(PlanError, KeyError):
    """A field that a selected group lacks, a field to change that the plan lacks, or a curve that a trace lacks."""

    __str__ = InvalidArgument.__str__  # KeyError would print the repr of a tuple


@final
class UnknownGroup(PlanError, KeyError):
    """A selector that does not match any group."""

    __str__ = InvalidArgument.__str__  # as above


@final
class ConfigError(ParamschedError, ValueError):
    """All problems of a config.

    Args:
        source: the name of the file or text.
        problems: diagnostics, or one line of text for each.
    """

    def __init__(self, source: str, problems: Iterable[str | Diagnostic]) -> None:
        self.source = source
        self.diagnostics = tuple(Diagnostic("", one) if isinstance(one, str) else one for one in problems)
        super().__init__(source, self.diagnostics)

    @property
    def problems(self) -> tuple[str, ...]:
        """One line of text for each diagnostic, with its path."""
        return tuple(one.problem for one in self.diagnostics)

    def __str__(self) -> str:
        lines: list[str] = []
        for one in self.diagnostics:
            lines += [f"{one.location(one.file or self.source)}: {one.path_and_message}", *filter(None, [one.pointer])]
        return printable_lines("\n".join(lines))


@final
class StateError(ParamschedError, ValueError):
    """A state that is foreign, truncated or corrupt. It was not loaded."""


@final
class PlanChanged(ParamschedError, ValueError):
    """The plan of a checkpoint differs from the code's plan, and `on_change` is "error". No value was written."""


@final
class FolderInUse(ParamschedError, RuntimeError):
    """Another run writes to the folder, so no file was written.

    Args:
        folder: the folder of the run.
        holder: description of the process that uses the folder.
        file: the lock file.
    """

    def __init__(self, folder: str, holder: str, file: str) -> None:
        super().__init__(folder, holder, file)
        self.folder, self.holder, self.file = folder, holder, file

    def __str__(self) -> str:
        used = f"{self.folder}: {self.holder} is using it (lock: {self.file})"
        return printable_lines(f"{used}. Wait for it, or use another folder")


@final
class MissingDependency(ParamschedError, ImportError):
    """An optional library is not installed. `extra` is the extra of this package that installs it, if there is one."""

    def __init__(self, what: str, library: str, extra: str | None = None) -> None:
        wanted = library if extra is None else f'"paramsched[{extra}]"'
        super().__init__(f"{what} needs {library}, which is not installed: pip install {wanted}")


def shown(value: object) -> str:
    """Return a value as a message shows it: its repr, truncated. A failing repr does not raise.

    >>> shown(0.1), shown(10**400), shown("a" * 100)
    ('0.1', 'an integer of 401 digits', "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...")
    """
    if isinstance(value, int) and abs(value) >= 10**40:
        digits = int(value.bit_length() * 0.30103)
        return f"an integer of {digits + (abs(value) >= 10**digits)} digits"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # a foreign class may raise anything
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."


def site_with_value(site: str | CallSite, value: object) -> str | CallSite:
    """Return the call with the invalid value in place of the "…" in it.

    >>> str(site_with_value(CallSite("cosine", "to"), "x")), site_with_value("absolute(…)", "x")
    ("cosine(to='x')", "absolute('x')")
    """
    if isinstance(site, CallSite):
        return replace(site, got=shown(value))
    return site.replace("…", shown(value)) if site.endswith("…)") else f"{site} got {shown(value)}"
