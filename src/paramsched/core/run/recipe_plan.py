"""The rules for a recipe as the plan of a run: its run facts and its bases do not apply, and a difference is logged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from paramsched.core.fields import Group
from paramsched.core.plan import Plan
from paramsched.core.plan.forms import PublishedPlan
from paramsched.core.plan.optimizers import ALONE, scopes_of
from paramsched.core.plan.resolve import bind, counted_plan
from paramsched.core.run.messages import Processes
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.evaluation import depends_on_base
from paramsched.core.schedules.writing import short_line
from paramsched.core.time import Calendar
from paramsched.errors import MissingFact, PlanError


def with_number_of_recipe(refusal: MissingFact, recipe: PublishedPlan) -> MissingFact:
    """Return the error with the number that the recipe has for the missing fact."""
    calendar = recipe.calendar
    facts = {one.name: getattr(calendar, one.name) for one in fields(calendar)}
    if calendar.tokens_per_step is None and calendar.batch_size and calendar.sequence_length:
        facts["tokens_per_step"] = calendar.batch_size * calendar.sequence_length
    if (number := facts.get(refusal.fact)) is None:
        return refusal
    instead = f"Use {refusal.fact}={number!r}, as in the recipe"
    return MissingFact(refusal.site, refusal.found, instead, fact=refusal.fact, example=repr(number))


def differing_bases(recipe: PublishedPlan, plan: Plan, calendar: Calendar, optimizers: Mapping[str, Any]) -> list[str]:
    """Return a text for each planned field whose base in the optimizer is not the base in the recipe.

    Args:
        recipe: the recipe.
        plan: its plan in this run.
        calendar: the run facts.
        optimizers: the optimizers by name.

    Raises:
        PlanError: a schedule depends on a base that differs, and also has absolute levels.
    """
    named = {} if ALONE in optimizers else dict(optimizers)
    plan = counted_plan(plan.resolve(calendar, tuple(named)))
    source = _bases_by_field(plan, {ALONE: recipe.bases})
    found = []
    for field, lines in _bases_by_field(plan, {name: one.param_groups for name, one in optimizers.items()}).items():
        published = dict.fromkeys(base for base, _ in source[field])
        other = {base: schedule for base, schedule in lines if base not in published and _depends_on_base(schedule)}
        if not other:
            continue
        before, after = (" and ".join(map(repr, bases)) for bases in (published, other))
        for schedule in other.values():
            if schedule.has_absolute:
                raise PlanError(
                    f"recipe:{recipe.name}: {field}",
                    f"{short_line(schedule)} has an absolute level, so it belongs to the base {before}, got {after}",
                    f'Use the base {before}, or pass ps.recipes["{recipe.name}"].plan, a plan like any other',
                )
        found.append(f"{field} is {before} in the source and {after} in the optimizer, which applies")
    return found


def log_differing_bases(recipe: PublishedPlan, differences: Iterable[str], processes: Processes) -> None:
    """Log one warning for all fields."""
    if text := "; ".join(differences):
        processes.log("recipe:%s: %s", recipe.name, text)


def _bases_by_field(plan: Plan, groups: Mapping[str, Sequence[Group]]) -> dict[str, list[tuple[float, Schedule]]]:
    """Return a dict from each planned field to the bases of its groups, with their schedules."""
    found: dict[str, list[tuple[float, Schedule]]] = {}
    for name, scope in scopes_of(plan, plan, groups).items():
        for group, bounds in zip(groups[name], bind(plan, groups[name], scope), strict=True):
            for bound in bounds:
                found.setdefault(bound.name, []).append((bound.field.base(group), bound.schedule))
    return found


def _depends_on_base(schedule: Schedule) -> bool:
    """Return whether the base has an effect; a schedule that is not resolved counts as such."""
    if not schedule.has_absolute or not schedule.is_resolved:
        return True
    times = np.unique(np.geomspace(1, 10**7, 200).astype(np.int64)) - 1
    return depends_on_base(schedule, times)
