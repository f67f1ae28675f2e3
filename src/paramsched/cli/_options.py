"""Options shared by several commands, and the group of all commands."""

import shlex
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial, wraps
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeVar, cast, final

import click

from paramsched.base.foreign_names import name_here
from paramsched.base.params import Param, params_of_record
from paramsched.base.words import did_you_mean
from paramsched.cli._output import WrongUsage, option_of, run_guarded
from paramsched.core.calls.lazy_imports import is_installed
from paramsched.core.time import UNIT_NAMES, Facts

_Function = TypeVar("_Function", bound=Callable[..., Any])


@final
@dataclass(frozen=True, slots=True)
class CommandOptions:
    """The options with which a command reads plans.

    Args:
        facts: the run facts that were passed. The total is text.
        bases, field, format: the values of these options.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    bases: tuple[str, ...] = ()
    field: str = "lr"
    format: str | None = None

    def with_facts(self, **facts: Any) -> "CommandOptions":
        """Return the options with changed facts; None removes a fact."""
        changed = {**self.facts, **facts}
        return replace(self, facts={name: value for name, value in changed.items() if value is not None})

    @property
    def total(self) -> str | None:
        """The length of the run, as text; None if it was not passed."""
        return self.facts.get("total")

    @property
    def has_epoch(self) -> bool:
        """True if the length of an epoch was passed."""
        return "steps_per_epoch" in self.facts or "batches_per_epoch" in self.facts


UNIT_FACTS: Final = params_of_record(Facts)
"""The run facts that are options, by their names in Python."""


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
        field_name, equals, its_name = column.partition("=")
        if not equals or not field_name or not its_name:
            instead = 'For example: --column lr=learning_rate, or --column "lr@head=lr_1"'
            raise WrongUsage(f"--column {column}", "expected FIELD=NAME", instead)
        named[field_name] = its_name
    return named


@final
class FactOption(click.Option):
    """An option for a run fact."""

    @classmethod
    def of(cls, fact: Param) -> Callable[[_Function], _Function]:
        """Return the option that the declaration of a run fact describes."""
        about = fact.marker("doc")
        shown: dict[str, Any] = {"metavar": "NUMBER", "type": float, "help": f"{about}."}
        if fact.kind == "count":
            shown |= {"metavar": "N", "type": click.IntRange(min=fact.marker("ge"))}
        elif fact.kind == "length":
            shown |= {"metavar": "LENGTH", "type": str, "help": f'{about}: 10000, "90 epochs".'}
        return click.option(fact.name, option_of(fact.name), cls=cls, **shown)


@final
class ConfigOption(click.Option):
    """An option for configs of MMEngine."""


SECTIONS = {
    click.Option: "Options",
    FactOption: "Facts of the run",
    ConfigOption: "Configs of MMEngine, and your own modules",
}
"""The sections of a help page, in order, by the class of their options."""
_SHARED = (FactOption, ConfigOption)
"""The sections whose options most commands have: the help of all commands describes them once."""


def plan_options(command: _Function) -> _Function:
    """Add the options of run facts and of the field of a line. The command receives `options`, a `CommandOptions`.

    They include those of `base_option`, if the command has them.
    """

    @wraps(command)
    def with_options(*args: Any, **values: Any) -> Any:
        facts = {name: values.pop(name) for name in UNIT_FACTS}
        of_plan = {option.name: values.pop(option.name) for option in fields(CommandOptions) if option.name in values}
        return command(*args, options=CommandOptions(**of_plan).with_facts(**facts), **values)

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
            help="Run an MMEngine config in Python. Only for files you trust.",
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
        if module.endswith(".py"):
            name = Path(module).with_suffix("")
            inside = not name.is_absolute() and ".." not in name.parts
            dotted = ".".join(name.parts) if inside else name.name
            where = "" if inside else f" in the folder {name.parent}"
            raise WrongUsage(f"--import {module}", "expected a module, got a file", f"Write --import {dotted}{where}")
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
    """The path of an existing file; a folder too if `or_folder`. A name that no file can have is not one."""

    def __init__(self, *, or_folder: bool = False) -> None:
        click.Path.__init__(self, exists=True, dir_okay=or_folder)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return click.Path.convert(self, value, param, ctx)
        except ValueError:
            self.fail(f"{value!r} is not the name of a file", param, ctx)


def plan_argument(name: str = "plan") -> Callable[[_Function], _Function]:
    """Return a decorator for the argument of one plan."""
    return click.argument(name, metavar=name.upper(), required=True)


def plans_argument() -> Callable[[_Function], _Function]:
    """Return a decorator for the argument of one or more plans."""
    return click.argument("plans", metavar="PLAN...", nargs=-1, required=True)


def check_numbers_of_bases(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Return the bases as they were passed. Raise an error for one that is not a number."""
    for entry in (part for text in entries for part in text.split(",")):
        number = entry.rpartition("=")[2]
        try:
            is_number = isfinite(float(number))
        except ValueError:
            is_number = False
        if not is_number:
            raise WrongUsage(
                f"--base {entry}", f'expected a finite number, got "{number}"', "For example: --base lr=0.1"
            )
    return entries


new_base_option = partial(
    click.option,
    "--base",
    "bases",
    multiple=True,
    callback=lambda context, option, texts: check_numbers_of_bases(texts),  # noqa: ARG005  # click's
    metavar="VALUES",
)
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


def _answer_to_option(option: str) -> str:
    """Return what an option that is an argument of another library is here; empty if it is not one."""
    here = name_here("", option.lstrip("-").replace("-", "_"))
    return here or ""


_WORDS: Final = "paramsched.words"


def command_line() -> str:
    """Return the line of the shell that called the present command."""
    context = click.get_current_context()
    return shlex.join(["paramsched", str(context.info_name), *context.meta[_WORDS]])


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
        words = list(args)  # a copy, because click removes each argument that it parses
        ctx.meta[_WORDS] = words
        lengths = ("--at", option_of("total"))
        for option, number, unit in zip(words, words[1:], words[2:], strict=False):
            if option in lengths and unit in UNIT_NAMES and number.replace(".", "").isdigit():
                raise WrongUsage("", "A length of two words needs quotes", f'Write {option} "{number} {unit}"', ctx=ctx)
        try:
            return click.Command.parse_args(self, ctx, args)
        except click.NoSuchOption as error:
            if advice := _answer_to_option(error.option_name):
                raise WrongUsage("", f"No such option {error.option_name}", advice, ctx=ctx) from None
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Errors are converted here because their advice names options of this command."""
        return run_guarded(lambda: click.Command.invoke(self, ctx))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options by section."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        shown = [(option, record) for option in options if (record := option.get_help_record(ctx)) is not None]
        for option_class, title in SECTIONS.items():
            rows = [record for option, record in shown if type(option) is option_class]
            if rows and option_class in _SHARED:
                with formatter.section(f"{title}, described by `{ctx.find_root().info_name} --help`"):
                    names = ", ".join(option.split()[0] for option, _ in rows)
                    lines = textwrap.wrap(names, formatter.width - 2, break_on_hyphens=False)
                    formatter.write("".join(f"  {line}\n" for line in lines))
            elif rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"  {line}\n")


_PACKAGES: Mapping[str, str] = {
    **dict.fromkeys(("check", "diff"), "core"),
    **dict.fromkeys(("audit", "recipes"), "tools"),
    "show": "show",
}
"""A dict from each command to its package. A command without its package does not exist."""


class Commands(click.Group):
    """The group of all commands. `show` is the function `paramsched_show` of the file `commands/show.py`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(name for name, package in _PACKAGES.items() if is_installed(f"paramsched.{package}"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = getattr(import_module(f"paramsched.cli.commands.{cmd_name}"), f"paramsched_{cmd_name}")
        return cast(click.Command, command)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options, the commands, and the options that most commands share."""
        click.Group.format_options(self, ctx, formatter)
        check = self.get_command(ctx, "check")  # the command of the core, which always exists
        assert check is not None
        for option_class in _SHARED:
            options = [param for param in check.get_params(ctx) if type(param) is option_class]
            with formatter.section(f"{SECTIONS[option_class]}, options of the commands above"):
                formatter.write_dl(
                    [record for option in options if (record := option.get_help_record(ctx)) is not None]
                )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        names = self.list_commands(ctx)
        # click suggests no name of a command that is not loaded, and only from 8.4 on.
        if name not in names and not name.startswith("-") and not ctx.resilient_parsing:
            raise WrongUsage("", f'No such command "{name}"; {did_you_mean(name, names)}', ctx=ctx)
        return click.Group.resolve_command(self, ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return run_guarded(lambda: click.Group.parse_args(self, ctx, args))

    def invoke(self, ctx: click.Context) -> Any:
        return run_guarded(lambda: click.Group.invoke(self, ctx))
