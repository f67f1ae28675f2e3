"""Configs of MMEngine in place of a plan: their values, which the schedulers give when they are run."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import click

from paramsched.cli._options import CommandOptions, runs_configs
from paramsched.cli._output import WrongUsage, echo_note, option_of
from paramsched.cli._run_facts import facts_from_options, length_from_option, names_a_file
from paramsched.core.base.entries import is_installed
from paramsched.core.base.problem import Problem
from paramsched.core.files.plan_files import SYNTAXES, PlanText, read_data
from paramsched.core.files.text_limits import read_bounded_text
from paramsched.core.plan import Binding, Plan
from paramsched.core.plan.forms import SUFFIXES
from paramsched.core.schedules.schedule import shape_of_name
from paramsched.core.time import Duration, RunFacts
from paramsched.errors import ConfigError, MissingDependency, MissingFact

if TYPE_CHECKING:
    from paramsched.show import RecordedCurves

_ASSUMED_EPOCH = 100
"""Iterations per epoch of a picture, if they are unknown."""
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


def config_in(given: str) -> Config | None:
    """Return the config of MMEngine in a file; None if the argument is something else, such as a plan.

    Raises:
        WrongUsage: it is a Python file, and `--run-config` was not passed.
        ConfigError: the file cannot be read.
    """
    if not names_a_file(given) or not is_installed("paramsched.mmengine"):
        return None
    from paramsched.mmengine.config_file import CONFIG_KEYS, load_config, runs_code

    path = Path(given)
    if path.suffix == ".py":
        if not runs_configs():
            raise _code_is_not_run(given)
        return Config(given, load_config(path), None)
    syntax = SUFFIXES.get(path.suffix.lower())
    if syntax is None or syntax == "toml":
        return None
    text = read_bounded_text(path)
    if not any(key in text for key in CONFIG_KEYS):
        return None
    data = None
    with suppress(ConfigError):  # the reader of plans reports it
        data = read_data(text, SYNTAXES[syntax], given)
    if not isinstance(data, Mapping) or not any(key in data for key in CONFIG_KEYS):
        return None
    if runs_code(path) and not runs_configs():
        raise _code_is_not_run(given)
    is_whole = "_base_" not in text and "{{" not in text
    return Config(given, load_config(path), PlanText(given, text, syntax) if is_whole else None)


def _code_is_not_run(given: str) -> WrongUsage:
    """Return the error of a config of MMEngine in Python, or with a base in Python."""
    from paramsched.mmengine.config_file import IS_CODE

    advice = f"To draw it, write paramsched show {shlex.quote(given)} --run-config"
    if click.get_current_context().info_name in _COMMANDS:
        advice = "Pass --run-config to run it, only for files that you trust"
    return WrongUsage(given, IS_CODE, advice)


def refuse_config(given: str) -> None:
    """Raise an error for a config of MMEngine in place of a plan."""
    if config_in(given) is not None:
        advice = f"To draw its values write paramsched show {shlex.quote(given)}"
        if click.get_current_context().info_name == "show":
            advice = "Leave --table and --groups out"
        raise WrongUsage(given, "it is a config of MMEngine, and this needs a plan", advice)


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
    epoch, total = options.facts.get("steps_per_epoch"), _total(options)
    try:
        try:
            return simulate(config.data, steps_per_epoch=epoch, total=total, bases=bases)
        except MissingFact as error:
            if not assumes_epoch or error.fact != "steps_per_epoch":
                raise error.changed(advice=f"For example: {option_of(error.fact)} {error.example}") from None
        echo_note(f"no --steps-per-epoch given; taken to be {_ASSUMED_EPOCH}")
        return simulate(config.data, steps_per_epoch=_ASSUMED_EPOCH, total=total, bases=bases)
    except ConfigError as error:
        raise ConfigError(config.name, config.placed(error.problems)) from error.__cause__


def _simulation() -> Any:
    """Return the module that runs schedulers, which needs torch."""
    try:
        return import_module("paramsched.mmengine.simulation")
    except ModuleNotFoundError as absent:
        if absent.name != "torch":
            raise
        raise MissingDependency("the schedulers of a config", "torch") from None


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
    found = [ceil(facts.exact(length_from_option(time, "--at"))) for time in times]
    for time, update in zip(times, found, strict=True):
        if update >= curves.total:
            last = f"the last one of the run is {curves.total - 1:,}"
            raise WrongUsage(f"--at {time}", last, f"For example: --at {curves.total - 1}")
    return found


def plan_of_curves(curves: "RecordedCurves") -> Plan:
    """Return a plan whose lines are tables of the values, to compare a log with them."""
    single = len({group for _, group in curves.keys()}) == 1
    lines = []
    for name, group in curves.keys():
        values = tuple(curves[name, group].tolist())  # more than a table may have in text
        table = shape_of_name("table").call(values=values, every=Duration.of(1), curve=None, absolute=True)
        lines.append(Binding(name, table, groups=None if single else group))
    return Plan(*lines, total=curves.total)
