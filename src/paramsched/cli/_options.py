"""Options that several commands share, the group of commands, and what is printed beside its result."""

import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from difflib import SequenceMatcher
from functools import wraps
from importlib import import_module
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast, final

import click
from click.shell_completion import CompletionItem

from paramsched.base.diagnostic import Diagnostic, printable, with_advice
from paramsched.base.files import write_whole_file
from paramsched.base.near_names import closest
from paramsched.base.peer_words import LENGTHS_OF_RUN, OTHER_NAMES, meant_argument, own_name
from paramsched.errors import ConfigError, InvalidArgument, MissingDependency, MissingFact, ParamschedError
from paramsched.fields import KNOWN
from paramsched.time.calendar import CLOCKS

if TYPE_CHECKING:
    from paramsched.plan.diff import Change

_Function = TypeVar("_Function", bound=Callable[..., Any])
_TIME_UNITS = (CLOCKS[0], "epochs", *CLOCKS[1:])


@final
@dataclass(frozen=True, slots=True)
class CalendarOptions:
    """The facts of a Calendar as they were given on the command line; None for those that were not."""

    horizon: str | None = None
    steps_per_epoch: int | None = None
    batches_per_epoch: int | None = None
    accumulation: int | None = None
    batch_size: int | None = None
    tokens_per_step: float | None = None
    seconds_per_step: float | None = None
    sequence_length: int | None = None
    frames_per_step: float | None = None

    @property
    def given(self) -> bool:
        """Whether any fact was given."""
        return any(getattr(self, field.name) is not None for field in fields(self))


def option_of(fact: str) -> str:
    """The option for a fact of a Calendar.

    >>> option_of("steps_per_epoch"), option_of("total")
    ('--steps-per-epoch', '--horizon')
    """
    return "--horizon" if fact == "total" else f"--{fact.replace('_', '-')}"


def option_for_fact(error: MissingFact) -> str:
    """The option to write for a missing fact, with a value as an example.

    >>> option_for_fact(MissingFact("horizon", fact="total", example="10_000"))
    '--horizon 10000'
    """
    return f"{option_of(error.fact)} {error.example.replace('_', '')}"


def calendar_options(command: _Function) -> _Function:
    """Options for every fact of a Calendar; the command receives them as `facts`."""

    @wraps(command)
    def with_facts(*args: Any, **options: Any) -> Any:
        given = {field.name: options.pop(field.name) for field in fields(CalendarOptions)}
        return command(*args, facts=CalendarOptions(**given), **options)

    above_zero = click.IntRange(min=1)
    # From the last to the first: click lists the option that is added last at the top of the help page.
    for option in (
        click.option(
            "--import",
            "modules",
            multiple=True,
            metavar="MODULE",
            expose_value=False,
            callback=_import_for_option,
            help="Import a module before, which registers shapes or schedulers of your own; it may be given twice.",
        ),
        click.option(
            "--run-config",
            is_flag=True,
            expose_value=False,
            callback=lambda context, _, value: context.meta.update({_RUN_CONFIG: value}),
            help="Execute a config of MMEngine in MMEngine instead of reading it; only for files you trust.",
        ),
        click.option("--frames-per-step", type=float, help="Frames of an environment that one update sees."),
        click.option("--sequence-length", type=above_zero, help="Tokens in one sample."),
        click.option("--seconds-per-step", type=float, help="Seconds that one update takes."),
        click.option("--tokens-per-step", type=float, help="Tokens that one update sees."),
        click.option("--batch-size", type=above_zero, help="Samples in one batch."),
        click.option("--accumulation", type=above_zero, help="Batches to an update."),
        click.option("--batches-per-epoch", type=above_zero, help="Batches in one epoch."),
        click.option("--steps-per-epoch", type=above_zero, help="Optimizer updates in one epoch."),
        click.option("--horizon", "--total", metavar="LENGTH", help='How long the run is: 10000, "90 epochs".'),
    ):
        with_facts = option(with_facts)
    return with_facts  # type: ignore[return-value]  # it takes the same options


def run_options(command: _Function) -> _Function:
    """Options for the logs of runs; the command receives them as `used` and `metrics`."""
    for option in (
        click.option(
            "--metric",
            "metrics",
            multiple=True,
            metavar="COLUMN",
            help="Column of the logs to draw below; by default those called like a loss or an accuracy.",
        ),
        click.option(
            "--used",
            multiple=True,
            metavar="[NAME=]LOG",
            shell_complete=offer_files,
            help="Draw what a run used over its plan: values.jsonl, a CSV; may be given for several runs.",
        ),
    ):
        command = option(command)
    return command


def view_options(command: _Function) -> _Function:
    """Options for the axes of a picture; the command receives them as `view`."""

    @wraps(command)
    def with_view(*args: Any, **options: Any) -> Any:
        from paramsched import show

        chosen = {name: options.pop(name) for name in ("log", "log_time", "unit")}
        return command(*args, view=show.View(**chosen), **options)

    for option in (
        click.option("--unit", type=click.Choice(_TIME_UNITS), default="updates", help="Unit of the axis of time."),
        click.option("--log-time", is_flag=True, help="A logarithmic axis of time; it begins behind the first update."),
        click.option(
            "--log/--linear", default=None, help="Logarithmic or linear axes of values; by default as the values ask."
        ),
    ):
        with_view = option(with_view)
    return with_view  # type: ignore[return-value]  # it takes the same options


_RUN_CONFIG = "paramsched.run_config"


def runs_configs() -> bool:
    """Return whether `--run-config` was passed."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_RUN_CONFIG))


def _import_for_option(context: click.Context, parameter: click.Parameter, modules: tuple[str, ...]) -> None:  # noqa: ARG001  # click's
    """Import the user's modules, from the folder of the call or from what is installed."""
    for module in modules:
        here = str(Path.cwd())
        # As `python -m` does, which a console script does not: the current folder is looked in first.
        sys.path.insert(0, here)
        try:
            import_module(module)
        except Exception as error:  # noqa: BLE001  # whatever a module of a user's raises
            raise click.UsageError(f"--import {module}: {type(error).__name__}: {error}") from None
        finally:
            sys.path.remove(here)
    if modules and "mmengine.registry" in sys.modules:
        import_module("paramsched.compat.mmengine")  # which looks in MMEngine's registries


@final
class ExistingFile(click.Path):
    """The path of a file that exists; a name that no file can have is refused like a missing one."""

    def __init__(self) -> None:
        click.Path.__init__(self, exists=True, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return click.Path.convert(self, value, param, ctx)
        except ValueError:
            self.fail(f"no file can have the name {value!r}", param, ctx)


def offer_files(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Let the shell offer files."""
    return [CompletionItem(typed, type="file")]


def offer_formats(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Let the shell offer the names of formats."""
    from paramsched import config

    return [CompletionItem(name) for name in config.formats() if name.startswith(typed)]


def plan_argument(name: str = "plan") -> Callable[[_Function], _Function]:
    """The argument that is a file or a line of text."""
    return click.argument(name, metavar=name.upper(), shell_complete=offer_files)


def plans_argument() -> Callable[[_Function], _Function]:
    """The argument that is one plan, or several."""
    return click.argument("plans", metavar="PLAN...", nargs=-1, required=True, shell_complete=offer_files)


format_option = click.option(
    "--format",
    shell_complete=offer_formats,
    metavar="NAME",
    help="Format of the file: yaml, toml, json or a dialect; by default what its suffix says.",
)
field_option = click.option(
    "--field", default="lr", show_default=True, metavar="NAME", help="Field that a line of text is for."
)
base_option = click.option(
    "--base",
    "bases",
    multiple=True,
    metavar="VALUES",
    help="Values that schedules are multiples of: 0.1 (lr's), lr=0.1,weight_decay=1e-2, lr@head=0.01. By default 1.",
)
tolerance_option = click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="SHARE",
    help="By how much of the planned value a logged one may differ and count as planned: by default 1e-9, and 0, every "
    "bit, for what paramsched logged.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
other_option = click.option("--other", metavar="PLAN", shell_complete=offer_files, help="Another plan to draw over it.")


_Result = TypeVar("_Result")

BAD_PLAN, BAD_USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


def run_guarded(run: Callable[[], _Result]) -> _Result:
    """Run a command. An error that a user can cause ends in one message and an exit code, without a traceback.

    Each warning is printed once, as a line on standard error.
    """
    said: set[str] = set()

    def show_once(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in said:
            said.add(str(message))
            click.echo(f"warning: {message}", err=True)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = show_once
            return run()
    except click.UsageError as error:  # click prints it, and ends with its exit code
        raise click.UsageError(_printable_lines(error.format_message()), error.ctx) from None
    except MissingFact as error:
        if error.call is not None and error.call.call == "Calendar":
            error = error.changed(site=option_of(error.call.argument))
        _end_with(f"{error.problem}. Write {option_for_fact(error)}", BAD_USAGE)
    except MissingDependency as error:
        _end_with(str(error), BAD_USAGE)
    except ParamschedError as error:
        message = str(error)
        if isinstance(error, ConfigError):
            message = str(ConfigError(error.source, map(fault_for_command, error.diagnostics)))
        elif isinstance(error, InvalidArgument) and error.format is not None:  # the command has an option for it
            option = "--to" if _has_option("--to") else "--format"
            message = with_advice(error.problem, f"Write {option} {error.format}")
        _end_with(message, BAD_PLAN)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and error.filename is None:
            # The reader of our output has gone. Python would complain again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(BROKEN_PIPE)
        _end_with(file_problem(error), BAD_USAGE)
    except KeyboardInterrupt:
        _end_with("Interrupted.", INTERRUPTED)


def fault_for_command(fault: Diagnostic) -> Diagnostic:
    """A fault with the option of the running command where it advises another format."""
    if fault.format is None:
        return fault
    return replace(fault, instead=f"Give {'--from' if _has_option('--from') else '--format'} {fault.format}")


def _has_option(name: str) -> bool:
    """Whether the running command has an option."""
    context = click.get_current_context(silent=True)
    if context is None:
        return False
    command = context.command
    if isinstance(command, click.Group):
        command = command.get_command(context, context.invoked_subcommand or "") or command
    return any(name in one.opts for one in command.params)


def file_problem(error: OSError) -> str:
    """What is wrong with a file, in a line."""
    # Errors of files have their names. Two kinds are left: the current folder was removed, or what is printed is lost.
    unnamed = "the current folder" if isinstance(error, FileNotFoundError) else "standard output"
    return printable(f"{error.filename or unnamed}: {error.strerror or error}")


def _printable_lines(text: str) -> str:
    """A message that a terminal only prints: what a user gave stands in it, and may hold control characters."""
    return "\n".join(map(printable, text.splitlines()))


def _end_with(message: str, code: int) -> NoReturn:
    with suppress(OSError):  # standard error may be full or have lost its reader; the code says it still
        click.echo(_printable_lines(message), err=True)
    sys.exit(code)


def json_text(data: object) -> str:
    """Data as one line of JSON; what is no character, as in the name of a file, is an escape."""
    import json

    return json.dumps(data, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def change_as_data(change: "Change") -> dict[str, Any]:
    """A change of a plan for JSON, which has no infinities: they are told as text."""
    by = change.by if change.by is None or isfinite(change.by) else repr(change.by)
    return asdict(change) | {"by": by}


def aligned_rows(rows: Sequence[Sequence[str]], *, right: int = 0) -> list[str]:
    """Return the rows of a table with equally wide columns; the first `right` ones are aligned to the right.

    >>> aligned_rows([("lr", "0.1"), ("momentum", "0.95")], right=1)
    ['      lr  0.1', 'momentum  0.95']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place < right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def is_terminal() -> bool:
    """Whether standard output is a terminal; it is None if the shell has closed it, by >&-."""
    return sys.stdout is not None and sys.stdout.isatty()


STANDARD_OUTPUT = "-"
"""As the argument of --output."""


def write_output(output: str, content: str | bytes) -> None:
    """Write what a command has made to the file of --output, or to standard output."""
    if output == STANDARD_OUTPUT:
        click.echo(content, nl=False)
    else:
        write_whole_file(Path(output), content.encode() if isinstance(content, str) else content)


def echo_note(text: str) -> None:
    """Say on standard error what was assumed, or where a value comes from."""
    click.echo(f"note: {text}", err=True)


@final
class Command(click.Command):
    """A command with examples.

    Args:
        examples: lines as one types them; help shows them as they are, and tests run them.
    """

    def __init__(self, *arguments: Any, examples: Iterable[str] = (), **options: Any) -> None:
        click.Command.__init__(self, *arguments, **options)
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)  # click takes them out one by one
        try:
            return click.Command.parse_args(self, ctx, args)
        except click.BadParameter as error:
            option = error.param
            if option is not None and isinstance(option.type, click.Choice):
                values = [value.partition("=")[2] for value in given if value.partition("=")[0] in option.opts]
                values += [value for before, value in pairwise(given) if before in option.opts]
                choices = [str(one) for one in option.type.choices]
                for value in values:
                    near = _OTHER_CHOICES.get(value, closest(value, choices))
                    if value not in choices and near in choices:
                        message = f"{error.message} Write {option.opts[0]} {near}"
                        raise click.BadParameter(message, error.ctx, option) from None
            raise
        except click.NoSuchOption as error:
            advice = self._advice(ctx, error.option_name, given)
            raise click.UsageError(f'No such option "{error.option_name}".{advice}', ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its errors are worded while its own options are known."""
        return run_guarded(lambda: click.Command.invoke(self, ctx))

    def _advice(self, ctx: click.Context, option: str, given: list[str]) -> str:
        """The option of this command that an unknown one was meant to be, with its value."""
        own = [name for one in self.get_params(ctx) for name in (*one.opts, *one.secondary_opts) if name[:2] == "--"]
        index = next((place for place, one in enumerate(given) if one.split("=")[0] == option), len(given))
        _, equals, value = "".join(given[index : index + 1]).partition("=")
        value = value if equals else "".join(given[index + 1 : index + 2])
        key = option.lstrip("-").replace("-", "_").lower()
        if (unit := LENGTHS_OF_RUN.get(key)) is not None and "--horizon" in own:
            length = f'"{value} {unit}"' if unit and value.replace(".", "").isdigit() else value
            return f" Write --horizon {length or 10000}"
        field = key if key in KNOWN else OTHER_NAMES.get(key)
        if field is not None and "--base" in own:
            return f" Write --base {field}={value or 0.1}"
        begun = [name for name in own if key and name.startswith(f"--{key.replace('_', '-')}")]
        fact = meant_argument(key, [name[2:].replace("-", "_") for name in own])
        meant = next((name for name in _OTHER_OPTIONS.get(key, ()) if name in own), None)
        meant = meant or (begun[0] if len(begun) == 1 else None)
        meant = meant or (None if fact is None else f"--{fact.replace('_', '-')}")
        if meant is None:
            return ""
        known = meant in begun or key in _OTHER_OPTIONS or own_name(key, [meant[2:].replace("-", "_")]) is not None
        if not known and SequenceMatcher(None, meant, option).ratio() < 0.7:
            return ""
        takes = any(meant in one.opts and not getattr(one, "is_flag", False) for one in self.get_params(ctx))
        value = shlex.quote(value) if takes and value and not value.startswith("-") else ""
        return f" Write {meant} {value}".rstrip()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"  {line}\n")


_OTHER_CHOICES: Mapping[str, str] = {
    **dict.fromkeys(("step", "steps", "iteration", "iterations", "iters", "update"), "updates"),
    **dict.fromkeys(("s", "sec", "secs", "second"), "seconds"),
}


_OTHER_OPTIONS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("out", "save", "o", "file", "output_file"), ("--output",)),
    **dict.fromkeys(("fmt", "type"), ("--format", "--from")),
    "format": ("--to",),
    "to_format": ("--to",),
    "quiet": (),
    "groups": ("--base",),
    "log_scale": ("--log",),
    "logscale": ("--log",),
    "total_steps": ("--horizon",),
    "world_size": ("--processes",),
    "ckpt": ("--checkpoint",),
    "factor": ("--scale",),
    "extend": ("--horizon",),
    "output_format": ("--to",),
    "tol": ("--tolerance",),
    "spe": ("--steps-per-epoch",),
    "batch": ("--batch-size",),
}
"""What others call an option, and ours."""

_OTHER_COMMANDS = {
    **dict.fromkeys(("lint", "validate", "verify", "test"), "check"),
    **dict.fromkeys(("view", "print", "display", "trace", "list"), "show"),
    **dict.fromkeys(("draw", "graph", "figure", "picture", "render"), "plot"),
    **dict.fromkeys(("compare", "cmp"), "diff"),
    **dict.fromkeys(("export", "import", "translate"), "convert"),
    **dict.fromkeys(("train", "start"), "run"),
    "search": "find",
    "edit": "change",
    "describe": "explain",
}

_HOMES = {
    **dict.fromkeys(("change", "convert", "diff", "explain", "schema"), "of_plans"),
    **dict.fromkeys(("find", "recipes"), "of_recipes"),
    **dict.fromkeys(("audit", "check", "history", "run"), "of_runs"),
    **dict.fromkeys(("plot", "show"), "of_pictures"),
}


class Commands(click.Group):
    """The commands in the folder `commands`, each in the file that the table names, as `paramsched_show`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _HOMES:
            return None
        found = getattr(import_module(f"paramsched.cli.commands.{_HOMES[cmd_name]}"), f"paramsched_{cmd_name}")
        return cast(click.Command, found)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            near = _OTHER_COMMANDS.get(args[0]) or closest(args[0], known)
            advice = f"Known: {', '.join(known)}." if near is None else f'Did you mean "{near}"?'
            raise click.UsageError(f'No such command "{args[0]}". {advice}', ctx)
        return click.Group.resolve_command(self, ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return run_guarded(lambda: click.Group.parse_args(self, ctx, args))

    def invoke(self, ctx: click.Context) -> Any:
        return run_guarded(lambda: click.Group.invoke(self, ctx))
