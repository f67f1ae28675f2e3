"""Reading the plan that stands on the command line: a file, standard input, or a line of text."""

import errno
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import click

from paramsched import config, recipe_book
from paramsched.cli._calendars import calendar_if_known, length_from_option
from paramsched.cli._messages import say_note
from paramsched.cli._options import CalendarOptions
from paramsched.config import Bases, Loaded
from paramsched.config.faults import Faults
from paramsched.config.plan_files import PlanText, read_plan_text
from paramsched.config.schedule_text import ShapeNames, read_schedule_line
from paramsched.config.text_limits import MOST_BYTES
from paramsched.errors import ConfigError, Fault, MissingFact
from paramsched.near_names import did_you_mean
from paramsched.plan import Binding, Plan

# What is meant as a file: it has a suffix or a slash, and no brackets as the text of a schedule has.
_PATH = re.compile(r"[^()]*(\.[A-Za-z]\w*|[/\\][^()]*)")
_RECIPE = "recipe:"
_SHORT_EPOCH = 100  # updates of an epoch, for a config that cannot be read without


@final
@dataclass(frozen=True, slots=True)
class GivenPlan:
    """A plan as it was given on the command line, and what was read.

    Args:
        name: a file, "-" for standard input, "recipe:" with the name of a published one, or a line of text.
        loaded: the plan, with the optimizer's values that stand beside it.
        source: the text of its file, or of standard input; None for a line of text and for a recipe.
    """

    name: str
    loaded: Loaded
    source: PlanText | None

    @property
    def plan(self) -> Plan:
        return self.loaded.plan

    def placed(self, faults: Iterable[Fault]) -> tuple[Fault, ...]:
        """The same faults, each with its line and column in the file."""
        return tuple(faults) if self.source is None else self.source.placed(faults)


def plan_of(given: str, *, format: str | None = None, field: str = "lr", facts: CalendarOptions | None = None) -> Plan:
    """Read a plan from a file, standard input, the published recipes or a line of text."""
    return read_given_plan(given, format=format, field=field, facts=facts).plan


def read_given_plan(
    given: str, *, format: str | None = None, field: str = "lr", facts: CalendarOptions | None = None
) -> GivenPlan:
    """Read a plan, with what its file says of the optimizer and where each entry stands."""
    if format is not None and format not in config.formats():
        raise click.UsageError(f'No such format "{format}"; {did_you_mean(format, config.formats())}')
    calendar = calendar_if_known(facts)
    if given == "-":
        source = PlanText(f"{format or 'yaml'} text", _standard_input(), format or "yaml")
        return GivenPlan(given, source.loaded(calendar=calendar), source)
    if given.startswith(_RECIPE):
        recipe = recipe_book.recipes[given.removeprefix(_RECIPE)]
        return GivenPlan(given, Loaded(recipe.plan, Bases(recipe.bases, "recipe"), facts=recipe.calendar), None)
    if os.path.exists(given):  # noqa: PTH110  # unlike Path.exists it takes a text of any length
        source = read_plan_text(given, format)
        return GivenPlan(given, source.loaded(calendar=calendar), source)
    if _PATH.fullmatch(given):
        raise FileNotFoundError(2, "no such file", given)
    faults = Faults()
    schedule = read_schedule_line(given, "", ShapeNames(), faults)
    if schedule is None:
        raise ConfigError(field, [_place_in_line(given, fault) for fault in faults.found()])
    horizon = None if facts is None or facts.horizon is None else length_from_option(facts.horizon, "--horizon")
    return GivenPlan(given, Loaded(Plan(Binding(field, schedule), horizon=horizon)), None)


def read_with_assumed_epoch(
    given: str, *, format: str | None = None, field: str = "lr", facts: CalendarOptions
) -> tuple[GivenPlan, CalendarOptions]:
    """Read a plan, and add to the facts what had to be assumed for that.

    Some configs cannot be read without the length of an epoch: one is assumed, and a note is printed.
    """
    try:
        return read_given_plan(given, format=format, field=field, facts=facts), facts
    except MissingFact:
        if facts.steps_per_epoch or facts.batches_per_epoch:
            raise
        say_note(f"no --steps-per-epoch given; taken to be {_SHORT_EPOCH}")
        more = replace(facts, steps_per_epoch=_SHORT_EPOCH)
        return read_given_plan(given, format=format, field=field, facts=more), more


def loaded_with_assumed_epoch(
    given: str, *, format: str | None = None, field: str = "lr", facts: CalendarOptions
) -> tuple[Loaded, CalendarOptions]:
    """As `read_with_assumed_epoch`, without the places in the file."""
    read, known = read_with_assumed_epoch(given, format=format, field=field, facts=facts)
    return read.loaded, known


def _place_in_line(text: str, fault: Fault) -> Fault:
    """The same fault with its column in the line of text that was given."""
    if fault.span is None:
        return fault
    return replace(fault, column=fault.span[0] + 1, excerpt=" ".join(text.splitlines()))


def names_a_file(given: str) -> bool:
    """Whether a plan was given as a file, not as standard input or a line of text."""
    return given != "-" and os.path.exists(given)  # noqa: PTH110  # unlike Path.exists it takes a text of any length


def title_of_plans(given: Sequence[str]) -> str:
    """The title of a picture: the names of the files, if there are some."""
    names = [Path(one).name for one in given if names_a_file(one)]
    return ", ".join(names) or ("Plan" if len(given) == 1 else "Plans")


def _standard_input() -> str:
    """What standard input says; what is no text is told as a file that cannot be read."""
    data = sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, f"byte {error.start} is no UTF-8", "standard input") from None
