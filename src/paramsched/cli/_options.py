"""Options that several commands share."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, final

import click
from click.shell_completion import CompletionItem

from paramsched.errors import MissingFact
from paramsched.time.calendar import CLOCKS

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


def _import_for_option(context: click.Context, parameter: click.Parameter, modules: tuple[str, ...]) -> None:  # noqa: ARG001  # click's
    """Import the user's modules, from the folder in which the command is called or from what is installed."""
    here = str(Path.cwd())
    for module in modules:
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
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
other_option = click.option("--other", metavar="PLAN", shell_complete=offer_files, help="Another plan to draw over it.")
