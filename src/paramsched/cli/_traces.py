"""The values of a given plan, and of those to be drawn beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paramsched._trace import Trace, trace
from paramsched.cli._base_values import groups_with_bases, say_base_notes
from paramsched.cli._calendars import assumed_fact, calendar_for_picture, known_length, with_facts_beside
from paramsched.cli._given_plan import loaded_with_assumed_epoch, names_a_file
from paramsched.cli._messages import say_note
from paramsched.cli._options import CalendarOptions, option_of
from paramsched.config import Loaded
from paramsched.plan import Plan
from paramsched.plan.resolve import amounts_of_run, updates_of_horizon

if TYPE_CHECKING:
    from paramsched import show

_MOST_VALUES = 25_000_000  # 200 MB; a picture has a thousand columns


def _trace_plan(loaded: Loaded, facts: CalendarOptions, bases: tuple[str, ...], beside: Sequence[Plan] = ()) -> Trace:
    """The values of a plan at every update."""
    plan = loaded.plan
    calendar = calendar_for_picture(plan, facts, native=loaded.native)
    groups, assumed = groups_with_bases(loaded, bases, beside)
    say_base_notes(loaded)
    resolved = plan.resolve(calendar)
    total = updates_of_horizon(resolved, amounts_of_run(resolved, calendar))
    count = 0 if total is None else total * max(len(groups), 1) * len({one.name for one in plan.bindings})
    if count > _MOST_VALUES:
        raise click.UsageError(
            f"{count:,} values are too many to draw. Give --at 1000 for single ones, or coarser facts."
        )
    found = trace(plan, groups, calendar)
    return found.with_assumed_bases(pair for pair in found.keys() if pair in assumed)


def trace_given_plans(
    given: Sequence[str],
    other: str | None,
    bases: tuple[str, ...],
    *,
    format: str | None = None,
    field: str = "lr",
    facts: CalendarOptions,
) -> "tuple[Trace | show.PlansTogether, Trace | None]":
    """What a picture is drawn of: the values of a plan, or of several together, and of one to compare with."""
    if other is not None and len(given) > 1:
        raise click.UsageError(f"--other compares with one plan, and here are {len(given)}. Write it as one more PLAN")
    read = [(one, format) for one in given] + ([] if other is None else [(other, None)])
    traces = _trace_plans(read, bases, field=field, facts=facts)
    if len(given) == 1:
        return traces[0], traces[1] if other is not None else None
    from paramsched import show

    return show.together(dict(zip(_plan_names(given), traces, strict=True))), None


def _plan_names(given: Sequence[str]) -> list[str]:
    """What each plan is called in a legend: the file's name, where only it has that, else what was given."""
    names = [Path(one).name if names_a_file(one) else one for one in given]
    chosen = [name if names.count(name) == 1 else whole for name, whole in zip(names, given, strict=True)]
    if twice := next((name for name in chosen if chosen.count(name) > 1), None):
        raise click.UsageError(f"{twice}: it is there twice. Give each plan once")
    return chosen


def _trace_plans(
    given: Sequence[tuple[str, str | None]], bases: tuple[str, ...], *, field: str, facts: CalendarOptions
) -> list[Trace]:
    """The values of some plans, each given with its format, over the same clock.

    A fact that is assumed for one is assumed for all, so that their curves can be compared. A plan without a length
    of its own is as long as the longest of the others.
    """
    known, plans = facts, list[Loaded]()
    for name, its_format in given:
        loaded, known = loaded_with_assumed_epoch(name, format=its_format, field=field, facts=known)
        plans.append(loaded)
    if len(plans) == 1:
        return [_trace_plan(plans[0], with_facts_beside(plans[0], known), bases)]
    # A horizon that was given is for plans without one; the first plan refuses two, as it does alone.
    told = [known, *(known if one.plan.horizon is None else replace(known, horizon=None) for one in plans[1:])]
    told = [with_facts_beside(plan, one) for plan, one in zip(plans, told, strict=True)]
    for fact, value in _assumed_facts(plans, told).items():
        say_note(f"no {option_of(fact)} given; taken to be {value:g}")
        more: dict[str, Any] = {fact: value}
        told = [replace(one, **more) for one in told]
    lengthless = [_says_no_length(plan.plan, one) for plan, one in zip(plans, told, strict=True)]
    drawn: dict[int, Trace] = {}
    # Plans that know their length are drawn first, for others may take it.
    for index in sorted(range(len(plans)), key=lambda at: lengthless[at]):
        if lengthless[index] and drawn:
            longest = max(one.total for one in drawn.values())
            whose = "the other plan's" if len(plans) == 2 else "that of the longest plan"
            say_note(f"no horizon given for {given[index][0]}; taken to be {whose}, {longest} updates")
            told[index] = replace(told[index], horizon=str(longest))
        drawn[index] = _trace_plan(plans[index], told[index], bases, [one.plan for one in plans])
    return [drawn[index] for index in range(len(plans))]


def _says_no_length(plan: Plan, facts: CalendarOptions) -> bool:
    return plan.horizon is None and facts.horizon is None and known_length(plan, facts) is None


def _assumed_facts(plans: Iterable[Loaded], told: Iterable[CalendarOptions]) -> dict[str, float]:
    """The facts that have to be assumed, each with the greatest of the values for the plans."""
    found: dict[str, float] = {}
    for one, facts in zip(plans, told, strict=True):
        assumed = assumed_fact(one.plan, facts, native=one.native)
        if assumed is not None:
            found[assumed[0]] = max(assumed[1], found.get(assumed[0], 0))
    return found
