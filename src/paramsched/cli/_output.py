"""What a command prints: messages and tables."""

import os
import re
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn, TypeVar, final

import click

from paramsched.base.files import near_file, write_whole_file
from paramsched.base.params import params_of_record
from paramsched.base.problem import Problem
from paramsched.base.words import json_text, printable, printable_lines
from paramsched.core.time import Facts
from paramsched.errors import ConfigError, MissingDependency, MissingFact, ParamschedError, UnreadableLog, Unresolved


@final
class WrongUsage(click.UsageError):
    """Wrong arguments of a command. The message is the printed problem.

    Args:
        site: the argument, such as `--at 5`; empty if the problem is not about one.
        message: the description of the problem.
        advice: what to do, in one sentence.
        ctx: the context of the command.
    """

    def __init__(self, site: str, message: str, advice: str = "", *, ctx: click.Context | None = None) -> None:
        self.problem = Problem(site=site, found=message, advice=with_options(advice))
        click.UsageError.__init__(self, str(self.problem), ctx)


_Result = TypeVar("_Result")

BAD_PLAN = 1
BAD_USAGE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
STANDARD_OUTPUT = "-"


def run_guarded(run: Callable[[], _Result]) -> _Result:
    """Run a command. An error that a user can cause prints one message and sets the exit code, without a traceback.

    Each warning is printed once, as a line on standard error.
    """
    printed: set[str] = set()

    def show_once(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in printed:
            printed.add(str(message))
            echo(f"warning: {message}", err=True)

    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # because a console such as cp1252 lacks some characters
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = show_once
            return run()
    except click.UsageError as error:  # click prints the message and sets the exit code
        raise _usage_error(problem_text(error), error.ctx) from None
    except UnreadableLog as error:
        raise _usage_error(problem_text(error), None) from None
    except (MissingFact, Unresolved, MissingDependency) as error:
        _end_with(problem_text(error), BAD_USAGE)
    except ParamschedError as error:
        _end_with(problem_text(error), BAD_PLAN)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and error.filename is None:
            # The process that read our output has ended. Python would report that again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(BROKEN_PIPE)
        _end_with(problem_text(error), BAD_USAGE)
    except KeyboardInterrupt:
        _end_with("Interrupted.", INTERRUPTED)


def _usage_error(message: str, context: click.Context | None) -> click.UsageError:
    return click.UsageError(printable_lines(message), context)


def problem_text(error: ParamschedError | OSError | click.UsageError) -> str:
    """Return the message of an error. It may contain control characters, which `echo` escapes."""
    if isinstance(error, click.UsageError):
        return error.format_message()
    if isinstance(error, OSError) and not isinstance(error, ParamschedError):
        return file_problem(error)
    if isinstance(error, ConfigError):
        return str(ConfigError(error.source, error.problems))
    return str(problem_with_options(error))


def problem_with_options(error: ParamschedError) -> Problem:
    """Return the problem of an error. Advice that is a keyword in Python is an option here."""
    problem = error.problem
    if isinstance(error, Unresolved):
        return problem.changed(advice="For example: --total 10_000")
    if not isinstance(error, MissingFact):
        return problem.changed(advice=with_options(problem.advice))
    options = options_of_facts()
    text, separator, names = problem.found.partition(_KNOWN)
    listed = ", ".join(options.get(name, name) for name in names.split(", "))
    advice = problem.advice
    argument = f"{error.fact}={error.example}"
    if error.fact in options and argument in advice:  # also in a call, which a command line cannot contain
        advice = f"For example: {options[error.fact]} {error.example}"
    return problem.changed(found=text + separator + listed, advice=advice)


def option_of(fact: str) -> str:
    """Return the option that passes a run fact.

    >>> option_of("steps_per_epoch")
    '--steps-per-epoch'
    """
    return f"--{fact.replace('_', '-')}"


def options_of_facts() -> dict[str, str]:
    """Return a dict from each run fact to its option."""
    return {name: option_of(name) for name in params_of_record(Facts)}


def with_options(advice: str) -> str:
    """Return advice with options in place of keywords in Python. A call in Python is not changed.

    >>> with_options("For example: batch_size=256"), with_options("Pass one of steps_per_epoch and batches_per_epoch")
    ('For example: --batch-size 256', 'Pass one of --steps-per-epoch and --batches-per-epoch')
    """
    if "(" in advice:
        return advice
    for name, option in options_of_facts().items():
        advice = re.sub(rf"\b{name}=(?=[\w\"'])", f"{option} ", advice)
        advice = re.sub(rf"(?<!-)\b{name}\b", option, advice) if "_" in name else advice
    return advice


_KNOWN = "these are known: "  # before the run facts that are known, in the error for a missing one


def file_problem(error: OSError) -> str:
    """Convert an OSError into a message of one line."""
    # An error without a file name means: the current folder was removed, or standard output cannot be written.
    unnamed = "the current folder" if isinstance(error, FileNotFoundError) else "standard output"
    near = near_file(Path(str(error.filename))) if isinstance(error, FileNotFoundError) and error.filename else None
    advice = f'; did you mean "{near}"?' if near else ""
    return printable(f"{error.filename or unnamed}: {error.strerror or error}{advice}")


def _end_with(message: str, code: int) -> NoReturn:
    with suppress(OSError):  # standard error may be full or closed; the exit code still reports the error
        click.echo(printable_lines(message), err=True)
    sys.exit(code)


def is_terminal() -> bool:
    """Return whether standard output is a terminal. If a shell closed it with `>&-`, `sys.stdout` is None."""
    return sys.stdout is not None and sys.stdout.isatty()


def terminal_width() -> int | None:
    """Return the columns of the terminal of standard output; None if it is not a terminal."""
    if not is_terminal():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _COLUMNS
    except OSError:
        return _COLUMNS


_COLUMNS = 80  # of a terminal that does not report its size


def uses_color() -> bool:
    """Return whether standard output is a terminal with colors."""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return is_terminal() and not plain


def write_output(output: str, content: str | bytes) -> None:
    """Write the result of a command to the file of --output, always in UTF-8; text also to standard output."""
    if output == STANDARD_OUTPUT and isinstance(content, str):
        click.echo(content, nl=False)
        return
    write_whole_file(Path(output), content.encode() if isinstance(content, str) else content)


def echo_note(text: str) -> None:
    """Print a note on standard error: an assumption, or the origin of a value."""
    echo(f"note: {text}", err=True)


def echo(text: str, *, err: bool = False) -> None:
    """Print text. Control characters are escaped, because names in it may be of a file or a user."""
    click.echo(printable_lines(text), err=err)


def echo_json(data: object) -> None:
    """Print data for a program."""
    echo(json_text(data))
