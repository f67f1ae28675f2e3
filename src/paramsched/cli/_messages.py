"""What the command line prints beside its result: errors as one message with an exit code, warnings, notes."""

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import click

from paramsched._fault import printable
from paramsched.cli._options import option_for_fact
from paramsched.errors import MissingDependency, MissingFact, ParamschedError

_Result = TypeVar("_Result")

BAD_PLAN, BAD_USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


def run_guarded(run: Callable[[], _Result]) -> _Result:
    """Run a command. An error that a user can cause ends in one message and an exit code, without a traceback."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _show_each_once()
            return run()
    except click.UsageError as error:  # click prints it, and ends with its exit code
        raise click.UsageError(_printable_lines(error.format_message()), error.ctx) from None
    except MissingFact as error:
        _end_with(f"{error.asked}: {error.found}. Write {option_for_fact(error)}", BAD_USAGE)
    except MissingDependency as error:
        _end_with(str(error), BAD_USAGE)
    except ParamschedError as error:
        _end_with(str(error), BAD_PLAN)
    except BrokenPipeError:
        # The reader of our output has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        _end_with(file_problem(error), BAD_USAGE)
    except KeyboardInterrupt:
        _end_with("Interrupted.", INTERRUPTED)


def file_problem(error: OSError) -> str:
    """What is wrong with a file, in a line."""
    what = f"{error.filename}: " if error.filename else ""
    return printable(f"{what}{error.strerror or error}")


def _show_each_once() -> Callable[..., None]:
    """Print each warning on standard error as a line of its own; one that comes again is left out."""
    said: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in said:
            said.add(str(message))
            click.echo(f"warning: {message}", err=True)

    return show


def _printable_lines(text: str) -> str:
    """A message that a terminal only prints: what a user gave stands in it, and may hold control characters."""
    return "\n".join(map(printable, text.splitlines()))


def _end_with(message: str, code: int) -> NoReturn:
    """Print an error and leave."""
    click.echo(_printable_lines(message), err=True)
    sys.exit(code)


def say_note(text: str) -> None:
    """Say on standard error what was assumed, or where a value comes from."""
    click.echo(f"note: {text}", err=True)
