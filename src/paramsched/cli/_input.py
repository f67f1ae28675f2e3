"""What a command reads: plans, configs and run facts."""

import errno
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import click

from paramsched import files as config
from paramsched.base.files import naming_errors
from paramsched.base.problem import Problem
from paramsched.base.words import RECIPE, closest, did_you_mean
from paramsched.cli._options import UNIT_FACTS, CommandOptions, runs_configs
from paramsched.cli._output import WrongUsage, echo_note, option_of
from paramsched.core.calls.lazy_imports import is_installed
from paramsched.core.plan import SUFFIXES, Bases, Binding, Plan, resolve_in_run, units_of_plan
from paramsched.core.schedules import SHAPES, shape_of_name
from paramsched.core.time import Duration, RunFacts
from paramsched.errors import ConfigError, InvalidArgument, MissingDependency, MissingFact, UnknownRecipe
from paramsched.files import (
    MOST_BYTES,
    Loaded,
    PlanText,
    open_plan,
    read_bounded_text,
    read_data,
    schedule_from_text,
)

if TYPE_CHECKING:
    from paramsched.show import RecordedCurves
    from paramsched.tools.recipes import Recipe


_NUMBER: Final = re.compile(r"\s*\d[\d_]*(e\d+)?\s*")


def names_a_file(argument: str) -> bool:
    """Return whether an argument names a file, rather than standard input, a recipe or a line of text."""
    return argument != "-" and os.path.exists(argument)  # noqa: PTH110  # Path.exists raises an error for a long text


def length_from_option(text: str, option: str) -> Duration:
    """Return the length that an option specifies. A plain number such as 10000 or 1e5 counts updates."""
    try:
        return Duration.of(f"{text} steps" if _NUMBER.fullmatch(text) else text)
    except InvalidArgument as error:
        example = "10000" if option == option_of("total") else "5%"
        write, _, meant = error.problem.advice.partition("Write ")
        advice = f"Write {option} {meant}" if meant and not write else f"For example: {option} {example}"
        raise WrongUsage(option, error.problem.summary, advice) from None


def total_from_options(options: CommandOptions) -> Duration | None:
    """Return the total that the options specify; None if there is none."""
    return None if options.total is None else length_from_option(options.total, option_of("total"))


def facts_from_options(options: CommandOptions, **assumed: Any) -> RunFacts:
    """Return the run facts that the options specify. The facts in `assumed` take precedence over the options."""
    total = total_from_options(options)
    try:
        return RunFacts(**{**options.facts, "total": total, **assumed})
    except MissingFact as error:
        # A total in epochs needs the length of an epoch.
        raise error.changed(site=f"{option_of('total')} {options.total}") from None
    except InvalidArgument as error:
        passed = {**options.facts, **assumed}
        site = " ".join(f"{option_of(name)} {shlex.quote(str(value))}" for name, value in passed.items())
        raise WrongUsage(site, error.problem.found, error.problem.advice) from None


def facts_if_known(options: CommandOptions) -> RunFacts | None:
    """Return the run facts that the options specify; None if no option is passed.

    A total that cannot be converted to updates is omitted.
    """
    if not options.facts:
        return None
    try:
        return facts_from_options(options)
    except MissingFact:
        return facts_from_options(options.with_facts(total=None))


# A file name has a suffix or a slash, and no brackets, unlike the text of a schedule.
_PATH = re.compile(r"[^()]*(\.[A-Za-z]\w*|[/\\][^()]*)")
_MISSPELLED_RECIPE = re.compile(r"recipes?(:|/|\[['\"]?)(?P<name>[\w.-]+)['\"]?\]?")  # recipes:NAME, recipes['NAME']
_ALL_RECIPES = "`paramsched recipes` lists all recipes"


@final
@dataclass(frozen=True, slots=True)
class PlanInput:
    """A plan passed to a command.

    Args:
        name: the argument: a file, "-" for standard input, "recipe:NAME" for a published recipe, or a line of text.
        loaded: the plan, with the optimizer's values and the run facts of a recipe.
        source: the text of the plan's file or of standard input; None for a line of text and for a recipe.
        options: the options of the command, with a run fact that was assumed.
    """

    name: str
    loaded: Loaded
    source: PlanText | None
    options: CommandOptions

    @property
    def complete_options(self) -> CommandOptions:
        """The options, with the run facts of a recipe."""
        return with_facts_beside(self.loaded, self.options)

    @property
    def plan(self) -> Plan:
        return self.loaded.plan

    def placed(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return the problems, each with its line and column in the file."""
        return tuple(problems) if self.source is None else self.source.placed(problems)


def text_of_plan_input(argument: str, format: str | None) -> PlanText | None:
    """Read the text of a plan from its file or standard input. Returns None for a recipe and a line of text."""
    if format is not None and format not in config.formats():
        names = config.formats()
        raise WrongUsage("", f'Unknown format "{format}"; {did_you_mean(format, names)}')
    if argument == "-":
        if sys.stdin is None:
            raise OSError(errno.EBADF, "it is closed", "standard input")
        with naming_errors("standard input"):
            data = sys.stdin.buffer.read(MOST_BYTES + 1)
        try:
            return PlanText("standard input", data.decode("utf-8-sig"), format or "yaml")
        except UnicodeDecodeError as error:
            raise OSError(errno.EILSEQ, f"byte {error.start} is not valid UTF-8", "standard input") from None
    if argument.startswith(RECIPE):
        return None
    if os.path.exists(argument):  # noqa: PTH110  # Path.exists raises an error for a long text
        refuse_config(argument)
        return open_plan(Path(argument), format)
    if _PATH.fullmatch(argument):
        raise FileNotFoundError(2, "no such file", argument)
    return None


def read_plan_input(argument: str, options: CommandOptions, *, source: PlanText | None = None) -> PlanInput:
    """Read a plan from a file, standard input, the published recipes or a line of text.

    If the text of the file or of standard input has been read already, it is `source`.
    """
    source = source or text_of_plan_input(argument, options.format)  # read once, because a pipe cannot be read again
    if source is None:
        return PlanInput(argument, _loaded_text(argument, options), None, options)
    facts_if_known(options)  # raises an error for invalid facts
    loaded = source.loaded()
    names = dict.fromkeys(binding.name for binding in loaded.plan.bindings)
    if options.field not in ("lr", *names):
        echo_note(f"--field {options.field}: {argument} schedules {', '.join(names)}")
    return PlanInput(argument, loaded, source, options)


def recipe_named(argument: str) -> "Recipe":
    """Return the recipe of an argument `recipe:NAME`."""
    name = argument.removeprefix(RECIPE)
    recipes_by_name = _recipes()
    try:
        return recipes_by_name[name]
    except KeyError as error:
        names = list(recipes_by_name)
        near = next((text for text in names if name and text.startswith(name)), None) or closest(name, names)
        message = f'no such recipe; did you mean "{near}"?' if near else "no such recipe"
        raise UnknownRecipe(argument, message, f"Write {RECIPE}{near}" if near else _ALL_RECIPES) from error


def _recipes() -> "Mapping[str, Recipe]":
    """Return the published recipes."""
    from paramsched.tools.recipes import recipes

    return recipes


_BASE: Final = re.compile(r"[A-Za-z_][\w.]*(\[\d+\])?(@[^=,]+)?=[-+.\d]+([eE][-+]?\d+)?")


def refuse_base(argument: str, options: CommandOptions) -> None:
    """Raise WrongUsage for a base in place of a plan: `--base` takes one value, with commas between several bases."""
    if options.bases and _BASE.fullmatch(argument):
        raise WrongUsage(argument, "expected a plan, got a base", f"Write --base {options.bases[-1]},{argument}")


def _loaded_text(argument: str, options: CommandOptions) -> Loaded:
    """Read a recipe or a line of text."""
    refuse_base(argument, options)
    facts_if_known(options)  # raises an error for invalid facts
    if argument.startswith(RECIPE):
        recipe = recipe_named(argument)
        total = total_from_options(options)
        plan = recipe.plan if total is None else Plan(*recipe.plan.as_written(), total=total, clock=recipe.plan.clock)
        return Loaded(plan, Bases(recipe.bases), facts=recipe.facts)
    names = list(_recipes())
    if argument in names:
        raise WrongUsage(argument, "no such file", f"Write {RECIPE}{argument}")
    if (misspelled := _MISSPELLED_RECIPE.fullmatch(argument)) is not None:
        near = next((text for text in names if text.startswith(misspelled["name"])), None)
        name = near or closest(misspelled["name"], names)
        raise WrongUsage(argument, "no such file", f"Write {RECIPE}{name}" if name else _ALL_RECIPES)
    if argument.isidentifier() and argument not in SHAPES:
        for suffix in (".yaml", ".yml", ".json"):
            if os.path.isfile(argument + suffix):  # noqa: PTH113  # as above
                raise WrongUsage(argument, "no such file", f"Write {argument}{suffix}")
    schedule = schedule_from_text(argument, options.field)
    return Loaded(Plan(Binding(options.field, schedule), total=total_from_options(options)))


def title_of_plans(arguments: Sequence[str]) -> str:
    """Return the title of a picture: the names of the plan files, or "Plan"."""
    names = [Path(text).name for text in arguments if names_a_file(text)]
    return ", ".join(names) or ("Plan" if len(arguments) == 1 else "Plans")


_ALTERNATIVES = {  # a fact passed as an option, and the facts of a recipe that it replaces
    "steps_per_epoch": ("batches_per_epoch",),
    "batches_per_epoch": ("steps_per_epoch",),
    "tokens_per_step": ("sequence_length",),
}


def with_facts_beside(loaded: Loaded, options: CommandOptions) -> CommandOptions:
    """Return the facts of the options, completed by those of a recipe or a checkpoint."""
    if loaded.facts is None:
        return options
    replaced = {alternative for fact in options.facts for alternative in _ALTERNATIVES.get(fact, ())}
    of_file = {name: getattr(loaded.facts, name) for name in UNIT_FACTS if name not in {"total", *replaced}}
    return options.with_facts(**{**of_file, **options.facts})


def facts_for_picture(plan: Plan, options: CommandOptions) -> RunFacts:
    """Return the run facts for a picture. A missing fact that only scales the time axis is assumed, with a note."""
    from paramsched.show.plan_curves import ASSUMED_TOTAL

    if plan.total is None and options.total is None:
        length = known_length(plan, options)
        if length is not None:
            return facts_from_options(options, total=length)
        # A plan in percent looks the same for every total.
        if units_of_plan(plan) <= {"percent"}:
            echo_note(f"no --total given; taken to be {ASSUMED_TOTAL} updates")
            return facts_from_options(options, total=ASSUMED_TOTAL)
        raise WrongUsage(
            "",
            "The length of the run is unknown",
            "For example: --total 10000, or --total '90 epochs' --steps-per-epoch 500",
        )
    assumed = assumed_fact(plan, options)
    if assumed is None:
        return facts_from_options(options)
    fact, value = assumed
    echo_note(f"no {option_of(fact)} given; taken to be {value:g}")
    return facts_from_options(options, **{fact: value})


def assumed_fact(plan: Plan, options: CommandOptions) -> tuple[str, float] | None:
    """Return the name of the run fact that a picture lacks, and a value to assume for it.

    Returns None unless exactly one fact is missing.
    """
    from paramsched.show.plan_curves import assumed_value

    total = total_from_options(options) or plan.total
    if total is None:
        return None
    units = (units_of_plan(plan) | {unit for unit, _ in total.terms}) - {"percent"}
    if units <= {"updates"}:  # no fact converts a length
        return None
    try:
        facts = facts_from_options(options)
        if resolve_in_run(plan, facts).total is not None:
            return None
    except InvalidArgument:
        pass
    # Lengths in a single unit keep their proportions for every number of updates per unit.
    if len(units) == 1 and "updates" not in units:
        ((unit, amount),) = total.terms
        fact, value = assumed_value(unit, float(amount))
        if fact not in options.facts and not (unit == "epochs" and options.has_epoch):
            return fact, value
    return None


def known_length(plan: Plan, options: CommandOptions) -> int | None:
    """Return the length in updates of a plan whose schedules all have a length, or None."""
    from paramsched.show.plan_curves import length_of_plan

    try:
        return length_of_plan(plan, facts_from_options(options))
    except (MissingFact, InvalidArgument):
        return None


_ASSUMED_EPOCH = 100
"""Iterations per epoch of a picture, if they are unknown."""
_CONFIG_KEYS = ("param_scheduler", "optim_wrapper", "_base_")
"""Keys of which a config of MMEngine has at least one, and a plan none."""
_COMMANDS = ("show", "check", "audit")
"""The commands that accept a config."""


@final
@dataclass(frozen=True, slots=True)
class Config:
    """A config of MMEngine.

    Args:
        name: the path of its file.
        data: its entries.
        source: its text, for the places of problems; None if the file is run or has bases.
    """

    name: str
    data: Mapping[str, Any]
    source: PlanText | None

    def placed(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return problems, each with its line and column if they are known."""
        return tuple(problems) if self.source is None else self.source.placed(problems)


def config_in(argument: str) -> Config | None:
    """Return the config of MMEngine in a file; None if the argument is something else, such as a plan.

    Raises:
        WrongUsage: it is a Python file, and `--run-config` was not passed.
        ConfigError: the file cannot be read.
    """
    if not names_a_file(argument) or not is_installed("paramsched.mmengine"):
        return None
    path = Path(argument)
    if path.suffix == ".py":
        if not runs_configs():
            raise _code_is_not_run(argument)
        return Config(argument, _distribution().load_config(path), None)
    syntax = SUFFIXES.get(path.suffix.lower())
    if syntax is None:
        return None
    text = read_bounded_text(path)
    if not any(key in text for key in _CONFIG_KEYS):
        return None
    data = None
    with suppress(ConfigError):  # the reader of plans reports it
        data = read_data(text, syntax, argument)
    if not isinstance(data, Mapping) or not any(key in data for key in _CONFIG_KEYS):
        return None
    if _distribution().runs_code(path) and not runs_configs():
        raise _code_is_not_run(argument)
    is_whole = "_base_" not in text and "{{" not in text
    return Config(argument, _distribution().load_config(path), PlanText(argument, text, syntax) if is_whole else None)


def _code_is_not_run(argument: str) -> WrongUsage:
    """Return the error of a config of MMEngine in Python, or with a base in Python."""
    advice = f"To draw it, write paramsched show {shlex.quote(argument)} --run-config"
    if click.get_current_context().info_name in _COMMANDS:
        advice = "Pass --run-config to run it, only for files that you trust"
    return WrongUsage(argument, _distribution().IS_CODE, advice)


def refuse_config(argument: str) -> None:
    """Raise an error for a config of MMEngine in place of a plan."""
    if config_in(argument) is not None:
        advice = f"To draw its values write paramsched show {shlex.quote(argument)}"
        if click.get_current_context().info_name == "show":
            advice = "Leave --groups out"
        raise WrongUsage(argument, "it is a config of MMEngine, and this needs a plan", advice)


def check_config(config: Config, options: CommandOptions) -> None:
    """Check the arguments of a config's schedulers.

    Raises:
        ConfigError: with the place of each problem.
    """
    try:
        _simulation().check_config(config.data, config.name, options.facts.get("steps_per_epoch"), _total(options))
    except ConfigError as error:
        raise ConfigError(error.source, config.placed(error.problems)) from error.__cause__


def curves_of_config(
    config: Config, options: CommandOptions, *, assumes_epoch: bool = False, paramwise: bool = True
) -> "RecordedCurves":
    """Return the values of a config's schedulers at each iteration.

    Args:
        config: the config.
        options: the run facts and the bases.
        assumes_epoch: True to assume the length of an epoch if it is needed, and print a note.
        paramwise: False to leave out the groups of `paramwise_cfg`.

    Raises:
        ConfigError: with the place of each problem.
        MissingFact: the length of the run or of an epoch is unknown.
    """
    simulate: Callable[..., RecordedCurves] = partial(_simulation().simulate_config, paramwise=paramwise)
    bases = _bases(options)
    if not config.data.get("optim_wrapper") and not bases:
        echo_note("no optim_wrapper and no --base; the initial values are taken to be 1")
    epoch = options.facts.get("steps_per_epoch")
    total = _total(options)
    try:
        try:
            return simulate(config.data, steps_per_epoch=epoch, total=total, bases=bases)
        except MissingFact as error:
            if not assumes_epoch or error.fact != "steps_per_epoch":
                location = f"{config.name}: {error.problem.site}"
                option = option_of(error.fact)
                raise error.changed(site=location, advice=f"For example: {option} {error.example}") from None
        echo_note(f"no --steps-per-epoch given; taken to be {_ASSUMED_EPOCH}")
        return simulate(config.data, steps_per_epoch=_ASSUMED_EPOCH, total=total, bases=bases)
    except ConfigError as error:
        raise ConfigError(config.name, config.placed(error.problems)) from error.__cause__


def _simulation() -> Any:
    """Return the module with the functions that run schedulers, which need torch."""
    try:
        import_module("torch")
    except ModuleNotFoundError as absent:
        if absent.name != "torch":
            raise
        raise MissingDependency("the schedulers of a config", "torch") from None
    return _distribution()


def _distribution() -> Any:
    """Return the module with what reads configs."""
    return import_module("paramsched.mmengine.runner_distribution")


def _total(options: CommandOptions) -> int | None:
    """Return the length of the run in iterations that the options specify; None if there is none."""
    facts = facts_from_options(options)
    return None if facts.total is None else ceil(facts.exact(Duration.of(facts.total)))


def _bases(options: CommandOptions) -> dict[str, float]:
    """Return the initial values of `--base` by field; a plain number is that of lr."""
    entries = [part for text in options.bases for part in text.split(",")]
    return {entry.rpartition("=")[0].strip() or "lr": float(entry.rpartition("=")[2]) for entry in entries}


def times_in_run(curves: "RecordedCurves", times: Iterable[str]) -> list[int]:
    """Return times such as `250`, `"3 epochs"` or `"50%"` in iterations.

    Raises:
        WrongUsage: a time is after the last iteration.
    """
    facts = RunFacts(total=curves.total, steps_per_epoch=curves.steps_per_epoch)
    updates = [ceil(facts.exact(length_from_option(time, "--at"))) for time in times]
    for time, update in zip(times, updates, strict=True):
        if update >= curves.total:
            last = f"the last one of the run is {curves.total - 1:,}"
            raise WrongUsage(f"--at {time}", last, f"For example: --at {curves.total - 1}")
    return updates


def plan_of_curves(curves: "RecordedCurves") -> Plan:
    """Return a plan whose lines are tables of the values, to compare a log with them."""
    single = len({group for _, group in curves.keys()}) == 1
    lines = []
    for name, group in curves.keys():
        values = tuple(curves[name, group].tolist())  # more than a table may have in text
        table = shape_of_name("table").call(values=values, every=Duration.of(1), curve=None, absolute=True)
        lines.append(Binding(name, table, groups=None if single else group))
    return Plan(*lines, total=curves.total)
