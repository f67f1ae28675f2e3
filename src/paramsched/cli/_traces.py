"""The values of a given plan, and of one to be drawn beside it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import click

from paramsched._trace import Trace, trace
from paramsched.cli._base_values import groups_with_bases, say_base_notes
from paramsched.cli._calendars import assumed_fact, calendar_for_picture, length_of_plan
from paramsched.cli._given_plan import loaded_with_assumed_epoch
from paramsched.cli._messages import say_note
from paramsched.cli._options import CalendarOptions, option_of
from paramsched.config import Loaded
from paramsched.plan import Plan

_MOST_VALUES = 20_000_000  # 160 MB; a picture has a thousand columns


def _trace_plan(loaded: Loaded, facts: CalendarOptions, bases: tuple[str, ...]) -> Trace:
    """The values of a plan at every update."""
    plan = loaded.plan
    calendar = calendar_for_picture(plan, facts, native=loaded.native)
    groups, assumed = groups_with_bases(loaded, bases)
    say_base_notes(loaded)
    total = plan.resolve(calendar).horizon
    count = 0 if total is None else total.updates * max(len(groups), 1) * len({one.name for one in plan.bindings})
    if count > _MOST_VALUES:
        raise click.UsageError(
            f"{count:,} values are too many to draw. Give --at 1000 for single ones, or coarser facts."
        )
    found = trace(plan, groups, calendar)
    return found.with_assumed_bases(pair for pair in found.keys() if pair in assumed)


def trace_given_plans(
    given: str,
    other: str | None,
    bases: tuple[str, ...],
    *,
    format: str | None = None,
    field: str = "lr",
    facts: CalendarOptions,
) -> tuple[Trace, Trace | None]:
    """The values of a plan, and of one to be drawn beside it, over the same clock.

    A fact that is assumed for one is assumed for both, so that their curves can be compared. A plan without a length
    of its own is as long as the other one.
    """
    first, known = loaded_with_assumed_epoch(given, format=format, field=field, facts=facts)
    if other is None:
        return _trace_plan(first, known, bases), None
    second, known = loaded_with_assumed_epoch(other, field=field, facts=known)
    plans = (first, second)
    # A horizon that was given is for plans without one; the first plan refuses two, as it does alone.
    told = [known, known if second.plan.horizon is None else replace(known, horizon=None)]
    for fact, value in _assumed_facts(plans, told).items():
        say_note(f"no {option_of(fact)} given; taken to be {value:g}")
        more: dict[str, Any] = {fact: value}
        told = [replace(one, **more) for one in told]
    lengthless = [_says_no_length(plan.plan, one) for plan, one in zip(plans, told, strict=True)]
    drawn: dict[int, Trace] = {}
    # The plan that knows its length is drawn first, for the other one may take its length.
    for index in sorted((0, 1), key=lambda at: lengthless[at]):
        beside = drawn.get(1 - index)
        if lengthless[index] and beside is not None:
            say_note(
                f"no horizon given for {(given, other)[index]}; taken to be the other plan's, {beside.total} updates"
            )
            told[index] = replace(told[index], horizon=str(beside.total))
        drawn[index] = _trace_plan(plans[index], told[index], bases)
    return drawn[0], drawn[1]


def _says_no_length(plan: Plan, facts: CalendarOptions) -> bool:
    return plan.horizon is None and facts.horizon is None and length_of_plan(plan, facts) is None


def _assumed_facts(plans: Iterable[Loaded], told: Iterable[CalendarOptions]) -> dict[str, float]:
    """The facts that have to be assumed, each with the greater of the values for both plans."""
    found: dict[str, float] = {}
    for one, facts in zip(plans, told, strict=True):
        assumed = assumed_fact(one.plan, facts, native=one.native)
        if assumed is not None:
            found[assumed[0]] = max(assumed[1], found.get(assumed[0], 0))
    return found
