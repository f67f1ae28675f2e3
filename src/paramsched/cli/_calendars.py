"""From the options of the command line to a Calendar; what a picture may assume where a fact is missing."""

import re
from dataclasses import replace
from typing import Any

import click

from paramsched.cli._messages import say_note
from paramsched.cli._options import CalendarOptions, option_of
from paramsched.config import Loaded
from paramsched.config.plan_files import units_of_plan
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.plan import Plan
from paramsched.plan.resolve import known_total
from paramsched.show.assumed_facts import ASSUMED_TOTAL, assumed_value, length_of_plan
from paramsched.time import Calendar, Duration

_FACTS = tuple(name for name in CalendarOptions.__dataclass_fields__ if name != "horizon")
_SAY_THE_SAME = {  # a fact that is given, and those it stands in for
    "steps_per_epoch": ("batches_per_epoch",),
    "batches_per_epoch": ("steps_per_epoch",),
    "tokens_per_step": ("sequence_length",),
}
_NUMBER = re.compile(r"\s*\d[\d_]*(e\d+)?\s*")
_ASSUMED_EPOCH = 1_000  # updates of an epoch that a config counts beside updates


def length_from_option(text: str, option: str) -> Duration:
    """A length on the command line: a number, 10000 or 1e5, counts updates."""
    try:
        return Duration.of(f"{text} steps" if _NUMBER.fullmatch(text) else text)
    except InvalidArgument as error:
        raise click.UsageError(f"{option}: {error}") from None


def calendar_from_options(facts: CalendarOptions, **assumed: Any) -> Calendar:
    """The Calendar that the options describe."""
    given = {name: getattr(facts, name) for name in CalendarOptions.__dataclass_fields__ if name != "horizon"}
    total = None if facts.horizon is None else length_from_option(facts.horizon, "--horizon")
    try:
        return Calendar(**({"total": total} | given | assumed))
    except MissingFact as error:
        error.ask(f"--horizon {facts.horizon}")  # a horizon in epochs needs the length of one
        raise
    except InvalidArgument as error:
        said = {option_of(name): getattr(facts, name) for name in CalendarOptions.__dataclass_fields__}
        options = " ".join(f"{option} {value}" for option, value in said.items() if value is not None)
        raise click.UsageError(f"{options}: {error.found}") from None


def calendar_if_known(facts: CalendarOptions | None) -> Calendar | None:
    """The Calendar that the options describe, without a horizon that cannot be converted; None without options."""
    if facts is None or not facts.given:
        return None
    try:
        return calendar_from_options(facts)
    except MissingFact:
        return calendar_from_options(replace(facts, horizon=None))


def with_facts_beside(loaded: Loaded, facts: CalendarOptions) -> CalendarOptions:
    """The facts on the command line, and those that stand beside a plan where the command line says nothing."""
    if loaded.facts is None:
        return facts
    given = {name for name in _FACTS if getattr(facts, name) is not None}
    hidden = {fact for one in given for fact in _SAY_THE_SAME.get(one, ())}
    beside = {name: getattr(loaded.facts, name) for name in _FACTS if name not in given | hidden}
    return replace(facts, **beside)


def calendar_for_picture(plan: Plan, facts: CalendarOptions, *, native: bool = True) -> Calendar:
    """The Calendar for a picture. Where a fact is missing that only stretches the picture, assume one and print a note.

    The length of an epoch is also assumed for a config of another library, which counts both epochs and iterations.
    """
    horizon = plan.horizon if facts.horizon is None else length_from_option(facts.horizon, "--horizon")
    used = units_of_plan(plan) | ({unit for unit, _ in horizon.terms} if horizon is not None else set())
    if horizon is None:
        known = known_length(plan, facts)
        if known is not None:
            return calendar_from_options(facts, total=known)
        # Per cent draw the same picture whatever the length, so any length will do.
        if used <= {"percent"}:
            say_note(f"no --horizon given; taken to be {ASSUMED_TOTAL} updates")
            return calendar_from_options(facts, total=ASSUMED_TOTAL)
        raise click.UsageError(
            "Nothing says how long the run is. Give --horizon 10000, or --horizon '90 epochs' --steps-per-epoch 500."
        )
    assumed = assumed_fact(plan, facts, native=native)
    if assumed is None:
        return calendar_from_options(facts)
    fact, value = assumed
    say_note(f"no {option_of(fact)} given; taken to be {value:g}")
    return calendar_from_options(facts, **{fact: value})


def assumed_fact(plan: Plan, facts: CalendarOptions, *, native: bool) -> tuple[str, float] | None:
    """The one fact that is missing for a picture, with a value to assume; None if none is missing, or several are."""
    horizon = plan.horizon if facts.horizon is None else length_from_option(facts.horizon, "--horizon")
    if horizon is None or _says_the_length(plan, facts):
        return None
    others = (units_of_plan(plan) | {unit for unit, _ in horizon.terms}) - {"percent"}
    epoch = facts.steps_per_epoch or facts.batches_per_epoch
    # All lengths in one unit keep their proportions whatever a unit is in updates.
    if len(others) == 1 and "updates" not in others:
        ((unit, amount),) = horizon.terms
        fact, value = assumed_value(unit, float(amount))
        if getattr(facts, fact) is None and not (unit == "epochs" and epoch):
            return fact, value
    if not native and others == {"epochs", "updates"} and not epoch:
        return "steps_per_epoch", _ASSUMED_EPOCH
    return None


def _says_the_length(plan: Plan, facts: CalendarOptions) -> bool:
    """Whether the facts say how many updates the run has, so that none is to be assumed."""
    try:
        calendar = calendar_from_options(facts)
        return known_total(plan.resolve(calendar), calendar) is not None
    except InvalidArgument:
        return False


def known_length(plan: Plan, facts: CalendarOptions) -> int | None:
    """The length of a plan all of whose schedules have one, with the facts of the command line."""
    try:
        return length_of_plan(plan, calendar_from_options(facts))
    except (MissingFact, InvalidArgument):
        return None
