"""Options shared by several commands, the group of all commands, and messages on standard error."""

import errno
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import partial, wraps
from importlib import import_module
from io import TextIOWrapper
from math import isfinite
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar, cast, final

import click

from paramsched.core.base.diagnostic import printable, printable_lines
from paramsched.core.base.entries import is_installed
from paramsched.core.base.files import near_file, write_whole_file
from paramsched.core.base.near_names import closest
from paramsched.core.base.params import Param, params_of_record
from paramsched.core.base.problem import Problem
from paramsched.core.base.terminal import Line, plain_text, table_rows, terminal_text
from paramsched.core.time.calendar import Facts, meant_clock
from paramsched.core.time.duration import UNIT_NAMES
from paramsched.errors import (
    ConfigError,
    MissingDependency,
    MissingFact,
    ParamschedError,
    UnreadableLog,
)

_Function = TypeVar("_Function", bound=Callable[..., Any])
PLAN_SUFFIXES: Final = (".yaml", ".yml", ".toml", ".json")
"""The suffixes of plan files."""


@final
@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The options with which a command reads plans.

    Args:
        facts: the run facts that were passed. The total is text.
        bases, field, format: the values of these options.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    bases: tuple[str, ...] = ()
    field: str = "lr"
    format: str | None = None

    def with_facts(self, **facts: Any) -> "PlanOptions":
        """Return the options with changed facts; None removes a fact."""
        known = {**self.facts, **facts}
        return replace(self, facts={name: value for name, value in known.items() if value is not None})

    @property
    def horizon(self) -> str | None:
        """The length of the run, as text; None if it was not passed."""
        return self.facts.get("total")

    @property
    def has_epoch(self) -> bool:
        """True if the length of an epoch was passed."""
        return "steps_per_epoch" in self.facts or "batches_per_epoch" in self.facts


UNIT_FACTS: Final = params_of_record(Facts)
"""The run facts that are options, by their names in Python."""


@final
class WrongUsage(click.UsageError):
    """Wrong arguments of a command. The message is the printed problem.

    Args:
        site: the argument, such as `--at 5`; empty if the problem is not about one.
        found: the description of the problem.
        instead: the advice.
        ctx: the context of the command.
    """

    def __init__(self, site: str, found: str, instead: str = "", *, ctx: click.Context | None = None) -> None:
        self.problem = Problem(site=site, found=found, advice=instead)
        click.UsageError.__init__(self, str(self.problem), ctx)


column_option = click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=NAME",
    help="Column of a log that has a field: lr=rate, lr@head=lr_1 for one group.",
)
time_option = click.option(
    "--time", metavar="NAME", help="Column of a log that counts its updates from 0, or its epochs if so named."
)


def named_columns(columns: tuple[str, ...]) -> dict[str, str]:
    """Return a dict from each field, or `field@group`, to the column that --column names."""
    named: dict[str, str] = {}
    for column in columns:
        place, equals, its_name = column.partition("=")
        if not equals or not place or not its_name:
            instead = 'For example: --column lr=learning_rate, or --column "lr@head=lr_1"'
            raise WrongUsage(f"--column {column}", "expected FIELD=NAME", instead)
        named[place] = its_name
    return named


def option_of(fact: str) -> str:
    """Return the option of the running command that passes an argument of Python, such as a run fact.

    If the option has several names, it is the name that the user wrote.

    >>> option_of("steps_per_epoch"), option_of("total")
    ('--steps-per-epoch', '--horizon')
    """
    if fact in UNIT_FACTS:
        return _written_name(_names_of_option(UNIT_FACTS[fact]))
    return f"--{fact.replace('_', '-')}"


def _names_of_option(fact: Param) -> list[str]:
    """Return the names of the option for a run fact."""
    return [f"--{name.replace('_', '-')}" for name in (*fact.other_names, fact.name)]


def _written_name(names: Sequence[str]) -> str:
    """Return the name of an option that the user wrote last, as click uses the last one; else its first name."""
    context = click.get_current_context(silent=True)
    arguments = () if context is None else context.meta.get(_ARGUMENTS, ())
    return next((one for one in (text.partition("=")[0] for text in reversed(arguments)) if one in names), names[0])


def arguments_of_command() -> Sequence[str]:
    """Return the arguments of the running command, as the user wrote them."""
    arguments: Sequence[str] = click.get_current_context().meta[_ARGUMENTS]
    return arguments


_ARGUMENTS = "paramsched.arguments"


@final
class FactOption(click.Option):
    """An option for a run fact."""

    @classmethod
    def of(cls, fact: Param) -> Callable[[_Function], _Function]:
        """Return the option that the declaration of a run fact describes."""
        about = fact.marker("doc")
        shown: dict[str, Any] = {"metavar": "NUMBER", "type": float, "help": f"{about}."}
        if fact.kind == "count":
            shown |= {"metavar": "N", "type": Count(min=fact.marker("ge"), sample=fact.marker("example"))}
        elif fact.kind == "length":
            shown |= {"metavar": "LENGTH", "type": str, "help": f'{about}: 10000, "90 epochs".'}
        return click.option(fact.name, *_names_of_option(fact), cls=cls, **shown)


@final
class ConfigOption(click.Option):
    """An option for configs of other libraries."""


SECTIONS = {
    click.Option: "Options",
    FactOption: "Facts of the run",
    ConfigOption: "Reading configs of other libraries",
}
"""The sections of a help page, in order, by the class of their options."""


def plan_options(command: _Function) -> _Function:
    """Add the options of run facts and of the field of a line. The command receives `options`, a `PlanOptions`.

    They include those of `base_option` and `format_option`, if the command has them.
    """

    @wraps(command)
    def with_options(*args: Any, **given: Any) -> Any:
        facts = {name: given.pop(name) for name in UNIT_FACTS}
        own = {one.name: given.pop(one.name) for one in fields(PlanOptions) if one.name in given}
        return command(*args, options=PlanOptions(**own).with_facts(**facts), **given)

    config_option = partial(click.option, cls=ConfigOption)

    # In reverse order, because click lists the option that is added last at the top of the help page.
    for option in (
        config_option(
            "--import",
            "modules",
            multiple=True,
            metavar="MODULE",
            expose_value=False,
            callback=_import_for_option,
            help="Import MODULE first; it may register your own shapes or schedulers. May be repeated.",
        ),
        config_option(
            "--run-config",
            is_flag=True,
            expose_value=False,
            callback=lambda context, _, value: context.meta.update({_RUN_CONFIG: value}),
            help="Execute an MMEngine config in MMEngine instead of reading it. Only for files you trust.",
        ),
        *map(FactOption.of, reversed([*UNIT_FACTS.values()])),
        click.option(
            "--field", default="lr", show_default=True, metavar="NAME", help="Field that a line of text schedules."
        ),
    ):
        with_options = option(with_options)
    return with_options  # type: ignore[return-value]  # the wrapper takes the options as keywords


_RUN_CONFIG = "paramsched.run_config"


def runs_configs() -> bool:
    """Return whether `--run-config` was passed."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_RUN_CONFIG))


def _import_for_option(context: click.Context, parameter: click.Parameter, modules: tuple[str, ...]) -> None:  # noqa: ARG001  # click's
    """Import the user's modules from the current folder or from the installed packages."""
    for module in modules:
        here = str(Path.cwd())
        # Search the current folder first, as `python -m` does and a console script does not.
        sys.path.insert(0, here)
        try:
            import_module(module)
        except Exception as error:  # noqa: BLE001  # the user's module may raise anything
            raise WrongUsage(f"--import {module}", f"{type(error).__name__}: {error}") from None
        finally:
            sys.path.remove(here)
    if modules and "mmengine.registry" in sys.modules:
        import_module("paramsched.mmengine.schedulers")  # so that schedulers registered in MMEngine are found


@final
class ExistingFile(click.Path):
    """The path of an existing file. A missing file is reported like that of a plan.

    Args:
        or_folder: also accept a folder.
    """

    def __init__(self, *, or_folder: bool = False) -> None:
        click.Path.__init__(self, exists=True, dir_okay=or_folder)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not Path(value).exists():  # also False for a name that no file can have
            raise FileNotFoundError(errno.ENOENT, "no such file", value)
        return click.Path.convert(self, value, param, ctx)


@final
class Count(click.IntRange):
    """An integer of at least `min`. The error for another value shows the option with `sample`."""

    def __init__(self, min: int, max: int | None = None, *, sample: int = 100) -> None:
        click.IntRange.__init__(self, min, max)
        self.sample = sample

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return click.IntRange.convert(self, value, param, ctx)
        except click.BadParameter:
            limits = f"of at least {self.min}" if self.max is None else f"from {self.min} to {self.max}"
            option = "" if param is None else f" {param.opts[0]}"
            self.fail(f"expected an integer {limits}, got {value}. For example:{option} {self.sample}", param, ctx)


@final
class NearChoice(click.Choice[str]):
    """One of several words. The error for another word names the one that is probably meant."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return click.Choice.convert(self, value, param, ctx)
        except click.BadParameter as error:
            near = closest(str(value), self.choices) or meant_clock(value)
            if param is None or near not in self.choices:
                raise
            raise click.BadParameter(f"{error.message} Write {param.opts[0]} {near}", ctx, param) from None


offer_files: Final = click.Path().shell_complete
"""Complete file names in the shell."""


def plan_argument(name: str = "plan") -> Callable[[_Function], _Function]:
    """Return a decorator for the argument of one plan."""
    return click.argument(name, metavar=name.upper(), required=True, shell_complete=offer_files)


at_option = click.option(
    "--at",
    type=Count(min=0),
    metavar="N",
    help="Number of completed updates, for a checkpoint that does not contain it.",
)


def plans_argument() -> Callable[[_Function], _Function]:
    """Return a decorator for the argument of one or more plans."""
    return click.argument("plans", metavar="PLAN...", nargs=-1, required=True, shell_complete=offer_files)


format_option = click.option(
    "--format",
    metavar="NAME",
    help="Format of the file: yaml, toml, json or the name of a library. By default, its suffix decides.",
)


def check_numbers_of_bases(given: tuple[str, ...], context: click.Context | None = None) -> None:
    """Raise an error for a base that is not a number."""
    for entry in (part for text in given for part in text.split(",")):
        name, _, number = entry.rpartition("=")
        value = None
        with suppress(ValueError):
            value = float(number)
        if value is not None and isfinite(value):
            continue
        word = "" if name.strip() or value is not None else (re.match(r"[^\W\d][\w.@[\]]*", number) or [""])[0]
        meant = re.search(r"[0-9.]+(e-?[0-9]+)?", number[len(word) :])
        field = name.strip() or word or "lr"
        example = f"For example: --base {field}={meant[0] if meant else 0.1}"
        raise WrongUsage(f"--base {entry}", f'expected a finite number, got "{number}"', example, ctx=context)


def _checked_bases(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Check bases before a PLAN that is a number is refused: `--base lr 0.1`."""
    del option
    check_numbers_of_bases(given, context)
    return given


new_base_option = partial(click.option, "--base", "bases", multiple=True, callback=_checked_bases, metavar="VALUES")
base_option = new_base_option(
    help="Bases that schedules multiply: 0.1 (of lr), lr=0.1,weight_decay=1e-2, lr@head=0.01. By default 1.",
)
tolerance_option = click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Relative difference up to which a logged value counts as planned. By default 1e-9, and 0 (bit for bit) for "
    "logs that paramsched wrote.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


_Result = TypeVar("_Result")

BAD_PLAN, BAD_USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


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
    except (MissingFact, MissingDependency) as error:
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
    lead = "Error: "  # which click prints
    return click.UsageError(fitting(lead + message, err=True).removeprefix(lead), context)


def problem_text(error: ParamschedError | OSError | click.UsageError) -> str:
    """Return the message of an error. It may contain control characters, which `echo` escapes."""
    if isinstance(error, click.UsageError):
        return error.format_message()
    if isinstance(error, OSError) and not isinstance(error, ParamschedError):
        return file_problem(error)
    if isinstance(error, ConfigError):
        return str(ConfigError(error.source, error.diagnostics))
    return str(error.problem)


def file_problem(error: OSError) -> str:
    """Convert an OSError into a message of one line."""
    # An error without a file name means: the current folder was removed, or standard output cannot be written.
    unnamed = "the current folder" if isinstance(error, FileNotFoundError) else "standard output"
    near = near_file(Path(str(error.filename))) if isinstance(error, FileNotFoundError) and error.filename else None
    advice = f'; did you mean "{near}"?' if near else ""
    return printable(f"{error.filename or unnamed}: {error.strerror or error}{advice}")


def _end_with(message: str, code: int) -> NoReturn:
    with suppress(OSError):  # standard error may be full or closed; the exit code still reports the error
        click.echo(fitting(message, err=True), err=True)
    sys.exit(code)


def is_terminal(*, err: bool = False) -> bool:
    """Return whether standard output or error is a terminal. If a shell closed it with `>&-`, `sys.stdout` is None."""
    stream = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty()


def terminal_width(*, err: bool = False) -> int | None:
    """Return the columns of the terminal of standard output or error; None if it is not a terminal."""
    if not is_terminal(err=err):
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size((sys.stderr if err else sys.stdout).fileno()).columns or _COLUMNS
    except OSError:
        return _COLUMNS


_COLUMNS = 80  # of a terminal that does not report its size


def uses_color(*, err: bool = False) -> bool:
    """Return whether standard output or error is a terminal with colors."""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return is_terminal(err=err) and not plain


def aligned_rows(rows: Sequence[Sequence[str]], *, right: int = 0, indent: int = 0) -> list[str]:
    """Return the rows of a table for standard output. A terminal gets rows that fit, to the right of `indent`."""
    width = terminal_width()
    return table_rows(rows, right=right, width=None if width is None else width - indent)


STANDARD_OUTPUT = "-"
"""The argument of --output for standard output."""


def write_output(output: str, content: str | bytes) -> None:
    """Write the result of a command to the file of --output, or to standard output, always in UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    if output == STANDARD_OUTPUT:
        click.echo(data, nl=False)
    else:
        write_whole_file(Path(output), data)


def echo_note(text: str) -> None:
    """Print a note on standard error: an assumption, or the origin of a value."""
    echo(f"note: {text}", err=True)


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print text. Control characters are escaped, because names in it may be of a file or a user."""
    click.echo(fitting(text, err=err), err=err, nl=nl)


def echo_data(text: str) -> None:
    """Print data for a program, such as JSON: the lines are not broken."""
    click.echo(printable_lines(text))


def fitting(text: str, *, err: bool = False) -> str:
    """Return text with escaped control characters; for a terminal, in lines that fit."""
    width = terminal_width(err=err)
    return printable_lines(text) if width is None else terminal_text([[(text, None)]], width, color=False)


def echo_lines(lines: Iterable[Line], *, err: bool = False) -> None:
    """Print lines with styles. A terminal shows the styles, and gets lines that fit."""
    width = terminal_width(err=err)
    if width is None:
        echo(plain_text(lines), err=err)
    else:
        click.echo(terminal_text(lines, width, color=uses_color(err=err)), err=err, color=True)


@final
class Command(click.Command):
    """A command with examples.

    Args:
        examples: command lines. Help prints them unchanged, and tests run them.
    """

    def __init__(self, *arguments: Any, examples: Iterable[str], **options: Any) -> None:
        click.Command.__init__(self, *arguments, **options)
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)  # a copy, because click removes each argument that it parses
        ctx.meta[_ARGUMENTS] = given
        lengths = ("--at", *_names_of_option(UNIT_FACTS["total"]))
        for option, number, unit in zip(given, given[1:], given[2:], strict=False):
            if option in lengths and unit in UNIT_NAMES and number.replace(".", "").isdigit():
                raise WrongUsage("", "A length of two words needs quotes", f'Write {option} "{number} {unit}"', ctx=ctx)
        try:
            return click.Command.parse_args(self, ctx, args)
        except click.NoSuchOption as error:
            advice = self._advice(ctx, error.option_name, given)
            raise WrongUsage("", f'No such option "{error.option_name}".', advice.strip(), ctx=ctx) from None
        except click.MissingParameter as error:
            example = f"For example: {self.examples[0]}"
            raise WrongUsage("", error.format_message(), example, ctx=ctx) from None
        except click.UsageError as error:
            plan = next((one for one in given[1:] + given[:1] if Path(one).suffix in PLAN_SUFFIXES), None)
            takes_plan = any("--plan" in one.opts for one in self.get_params(ctx))
            if type(error) is not click.UsageError or plan is None or not takes_plan or "--plan" in given:
                raise
            advice = f"--plan {shlex.quote(plan)}"
            if plan == given[0]:  # the plan in place of the log
                advice = f"paramsched {ctx.info_name} {shlex.join(given[1:])} {advice}"
            raise WrongUsage("", error.format_message(), f"Write {advice}", ctx=ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Errors are converted here because their advice names options of this command."""
        return run_guarded(lambda: click.Command.invoke(self, ctx))

    def _advice(self, ctx: click.Context, option: str, given: list[str]) -> str:
        """Return advice to write the option that an unknown option probably means, with its value; empty if unclear."""
        own = [name for one in self.get_params(ctx) for name in (*one.opts, *one.secondary_opts) if name[:2] == "--"]
        near = closest(option, own)
        return f' Did you mean "{near}"?' if near else ""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options by section."""
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        shown = [(one, record) for one in options if (record := one.get_help_record(ctx)) is not None]
        for kind, title in SECTIONS.items():
            rows = [record for one, record in shown if type(one) is kind]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"  {line}\n")


_COMMAND_ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("lint", "validate", "verify", "test"), "paramsched check PLAN"),
    **dict.fromkeys(("view", "print", "display", "trace", "list"), "paramsched show PLAN"),
    **dict.fromkeys(("draw", "graph", "figure", "picture", "render", "plot"), "paramsched show PLAN -o plan.svg"),
    "cmp": "paramsched diff PLAN",
    **dict.fromkeys(("export", "import", "translate"), "paramsched convert PLAN"),
    **dict.fromkeys(("train", "start", "run"), "python -m paramsched.mmengine CONFIG"),
    "history": "paramsched resume CHECKPOINT --history",
    **dict.fromkeys(("find", "search"), "paramsched recipes WORDS"),
    **dict.fromkeys(("describe", "explain"), "paramsched show PLAN --table"),
    "version": "paramsched --version",
}
"""A dict from commands that people try to the line to write, with the user's arguments in place of the capitals."""

_SAMPLES = {"PLAN": "plan.yaml", "CONFIG": "config.yaml", "CHECKPOINT": "checkpoint.pt", "WORDS": "language"}


def line_for_alias(command: str, arguments: Sequence[str]) -> str:
    """Return the line to write for a command that does not exist.

    >>> line_for_alias("history", ["last.pt", "--json"]), line_for_alias("plot", ["a b.yaml", "-o", "a.png"])
    ('paramsched resume last.pt --json --history', "paramsched show 'a b.yaml' -o a.png")
    >>> line_for_alias("plot", [])
    'paramsched show plan.yaml -o plan.svg'
    """
    line = _COMMAND_ALIASES[command]
    if (found := re.search(r"\b[A-Z]+\b", line)) is None:
        return line
    given = shlex.join(arguments) or _SAMPLES[found[0]]
    if {"-o", "--output"} & {*arguments}:
        line = line.removesuffix(" -o plan.svg")
    return line.replace(found[0], given)


_DOORS: Mapping[str, str] = {
    **dict.fromkeys(("convert", "diff"), "core"),
    **dict.fromkeys(("audit", "check", "recipes", "resume"), "tools"),
    **dict.fromkeys(("edit", "show"), "show"),
}
"""A dict from each command to its door. A command without its door does not exist."""


class Commands(click.Group):
    """The group of all commands. `show` is the function `paramsched_show` of the file `commands/show.py`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(name for name, door in _DOORS.items() if is_installed(f"paramsched.{door}"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        found = getattr(import_module(f"paramsched.cli.commands.{cmd_name}"), f"paramsched_{cmd_name}")
        return cast(click.Command, found)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            near = closest(args[0], known)
            if args[0] == "help":
                advice = f"Write {' '.join(['paramsched', *(one for one in args[1:2] if one in known), '--help'])}"
            elif args[0] in _COMMAND_ALIASES:
                advice = f"Write {line_for_alias(args[0], args[1:])}"
            elif Path(args[0]).suffix in PLAN_SUFFIXES:
                advice = f"For example: {shlex.join(['paramsched', 'show', *args])}"
            else:
                advice = f"Known: {', '.join(known)}." if near is None else f'Did you mean "{near}"?'
            raise WrongUsage("", f'No such command "{args[0]}"', advice, ctx=ctx)
        return click.Group.resolve_command(self, ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return run_guarded(lambda: click.Group.parse_args(self, ctx, args))

    def invoke(self, ctx: click.Context) -> Any:
        return run_guarded(lambda: click.Group.invoke(self, ctx))
