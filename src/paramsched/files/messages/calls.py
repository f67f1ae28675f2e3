"""The errors of `load`, `loads` and `dump`: their arguments, and texts that are not the plan that was meant."""

import os
import shlex
from collections.abc import Iterable, Sequence
from errno import ENOENT
from pathlib import Path
from typing import Final

from paramsched.base.codes import NOTHING_PLANNED
from paramsched.base.problem import Problem
from paramsched.base.words import did_you_mean, names_listed, printable, shortened_text
from paramsched.errors import InvalidArgument, PlanError, shown

_FORMAT: Final = 'format="yaml"'


# ---------------------------------------------------------------- the arguments of load, loads and dump


def text_as_path(text: str) -> FileNotFoundError:
    """Return the error for the text of a plan in place of a path."""
    message = "no file has this name; for the text of a plan, write ps.loads(text)"
    return FileNotFoundError(ENOENT, message, shortened_text(text))


def no_such_file(file: Path, near: Path | None) -> FileNotFoundError:
    """Return the error for a missing file, with the name of a near one."""
    message = f"expected the path of a plan file; no file in {file.absolute().parent} has this name"
    if near is not None:
        message += f'; did you mean "{near}"?'
    return FileNotFoundError(ENOENT, printable(message), str(file))


def neither_text_nor_mapping(value: object) -> InvalidArgument:
    """Return the error for a value in place of the text of a plan."""
    message = f"expected text or a mapping, got {type(value).__name__}"
    return InvalidArgument(f"loads({value!r:.40})", message, "Write ps.load(path)")


def path_as_text(path: str | os.PathLike[str]) -> InvalidArgument:
    """Return the error for a path in place of the text of a plan."""
    return InvalidArgument(f"loads({path!r})", "expected the text of a plan, got a path", f"Write ps.load({path!r})")


def unknown_format(name: object, formats: Iterable[str]) -> InvalidArgument:
    """Return the error for an unknown name of a format."""
    message = f"unknown format; {did_you_mean(str(name), formats)}"
    return InvalidArgument(f"format={shown(name)}", message, example=_FORMAT)


def cannot_be_written(file: Path, written: Sequence[str], *, has_other_suffix: bool) -> InvalidArgument:
    """Return the error for a suffix of no format that can be written.

    Args:
        file: the file.
        written: the suffixes of the formats that can be written.
        has_other_suffix: True if the suffix is that of another known kind of file.
    """
    message = "the name has no suffix"
    if file.suffix:
        message = f"a plan cannot be written as {file.suffix.lower()}"
    example = file.with_suffix(".yaml").name if has_other_suffix else _FORMAT
    return InvalidArgument(str(file), f"{message}; expected one of {', '.join(written)}", example=example)


def unknown_suffix(file: Path, suffixes: Iterable[str], command: str | None) -> InvalidArgument:
    """Return the error for a suffix of no format, with the command of `paramsched` that reads such a file."""
    message = f"unknown suffix {file.suffix!r}" if file.suffix else "the name has no suffix"
    advice = f"For example: {_FORMAT}"
    if command is not None:
        advice = f"Write paramsched {command} {shlex.quote(str(file))}"
    return InvalidArgument(str(file), f"{message}; expected one of {', '.join(suffixes)}", advice)


def name_is_reserved(name: str) -> PlanError:
    """Return the error for a field whose name is that of another entry of a plan file."""
    return PlanError(f"dump(plan): field {name!r}", "plan files reserve this name", "Schedule it in code")


def text_cannot_be_read(lines: Iterable[str]) -> InvalidArgument:
    """Return the error for a plan whose text has problems."""
    return InvalidArgument("dump(plan)", "; ".join(lines), "Make the plan smaller, or register its shapes")


def text_gives_another_plan() -> InvalidArgument:
    """Return the error for a plan with a name that means something else in a text."""
    message = "reading the text gives another plan, because a name in the plan is also the name of something else"
    return InvalidArgument("dump(plan)", message, "Rename the function, shape or group")


# ---------------------------------------------------------------- a text that is not the plan that was meant


def comma_in_braces(problem: Problem) -> Problem:
    """Return the problem of a bracket that is not closed, because a comma inside of braces ends the text."""
    advice = 'Write quotes around it: {lr: "linear(1, 0)"}'
    return problem.changed(found="inside of { } a comma ends a text", advice=advice)


def no_entry_of_a_plan(names: Iterable[object]) -> Problem:
    """Return the problem of a file of which no entry belongs to a plan."""
    message = f"no entry belongs to a plan; found {names_listed(map(str, names), 4)}"
    return Problem("", message, 'For example: lr: warmup("5%") >> cosine()', code=NOTHING_PLANNED)
