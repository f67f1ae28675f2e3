"""The group of commands: found by their files, loaded when called; and what errors look like."""

import os
import sys
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, TypeVar

import click

from paramsched._printable import printable
from paramsched.cli._options import option_for_fact
from paramsched.errors import MissingDependency, MissingFact, ParamschedError

_FOLDER = Path(__file__).with_name("commands")
_Result = TypeVar("_Result")

BAD_PLAN, BAD_USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


class Commands(click.Group):
    """The commands in the folder `commands`: each file has a `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(module.name for module in iter_modules([str(_FOLDER)]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"paramsched.cli.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            close = get_close_matches(args[0], known, n=1)
            meant = f'Did you mean "{close[0]}"?' if close else f"Known: {', '.join(known)}."
            raise click.UsageError(f'No such command "{args[0]}". {meant}', ctx)
        return click.Group.resolve_command(self, ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return guarded(lambda: click.Group.parse_args(self, ctx, args))

    def invoke(self, ctx: click.Context) -> Any:
        return guarded(lambda: click.Group.invoke(self, ctx))


def guarded(run: Callable[[], _Result]) -> _Result:
    """Run a command; what a user can cause ends in one message and an exit code, without a traceback."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _once()
            return run()
    except click.UsageError as error:  # click prints it, and ends with its exit code
        raise click.UsageError(_printable_lines(error.format_message()), error.ctx) from None
    except MissingFact as error:
        _fail(f"{error.asked}: {error.found}. Write {option_for_fact(error)}", BAD_USAGE)
    except MissingDependency as error:
        _fail(str(error), BAD_USAGE)
    except ParamschedError as error:
        _fail(str(error), BAD_PLAN)
    except BrokenPipeError:
        # Whoever read has gone; the interpreter would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        _fail(unreadable(error), BAD_USAGE)
    except KeyboardInterrupt:
        _fail("Interrupted.", INTERRUPTED)
    raise AssertionError("every branch left")


def unreadable(error: OSError) -> str:
    """What is wrong with a file, in a line."""
    what = f"{error.filename}: " if error.filename else ""
    return printable(f"{what}{error.strerror or error}")


def _once() -> Callable[..., None]:
    """What a reader of configs warns of is said on stderr as a line of its own, the same thing once."""
    said: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in said:
            said.add(str(message))
            click.echo(f"warning: {message}", err=True)

    return show


def _printable_lines(text: str) -> str:
    """What a user gave stands in a message; a terminal must not obey it."""
    return "\n".join(map(printable, text.splitlines()))


def _fail(message: str, code: int) -> None:
    click.echo(_printable_lines(message), err=True)
    sys.exit(code)
