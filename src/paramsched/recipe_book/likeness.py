"""Which recipes are like a plan: their curves over a run of length 1, each divided by its greatest value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any, final

import numpy as np

from paramsched._arrays import Floats
from paramsched._trace import trace
from paramsched.errors import InvalidArgument
from paramsched.fields import label
from paramsched.plan import Plan, bind
from paramsched.plan.amounts import counted_plan
from paramsched.plan.plan_clock import UPDATES
from paramsched.recipe_book.book import recipes
from paramsched.recipe_book.recipe import Recipe
from paramsched.time import Calendar

_POINTS = 200


@final
@dataclass(frozen=True, slots=True)
class Likeness:
    """How far a recipe's curve is from another.

    Args:
        recipe: the recipe.
        distance: the mean difference of the two curves, each at most 1: 0 for the same, near 1 for opposites.
    """

    recipe: Recipe
    distance: float


def nearest_recipes(
    plan: Plan, calendar: Calendar, groups: Sequence[Mapping[str, Any]], *, field: str = "lr"
) -> tuple[Likeness, ...]:
    """All recipes that schedule the field, the nearest first.

    The length of a run, its peak and its units do not count; only the shape does.

    Args:
        plan: what is looked for.
        calendar: the facts of its run.
        groups: param groups with the bases of its fields; the first group counts.
        field: which of its curves is compared.

    Raises:
        InvalidArgument: the plan does not schedule the field, or has no horizon.

    >>> from paramsched.schedules import linear, overlay, warmup
    >>> plan = Plan(lr=overlay(warmup("1%"), linear()), horizon=1000)
    >>> nearest_recipes(plan, Calendar(), [{"lr": 0.1}])[0].recipe.name
    'bert-base'
    """
    asked = curve_on_unit_run(plan, calendar, groups, field)
    if asked is None:
        raise InvalidArgument(
            f"nearest_recipes(field={field!r})",
            "the plan does not schedule it for the first group, or says no horizon",
            f"Write a plan with {field} and horizon",
        )
    found = [(one, _curve_of_recipe(one.name, field)) for one in recipes.values()]
    distances = [Likeness(one, float(np.abs(asked - curve).mean())) for one, curve in found if curve is not None]
    return tuple(sorted(distances, key=lambda one: (one.distance, one.recipe.name)))


def curve_on_unit_run(plan: Plan, calendar: Calendar, groups: Sequence[Mapping[str, Any]], field: str) -> Floats | None:
    """A field of the first group in the middle of 200 equal parts of the run, divided by its greatest value.

    None where the field is not scheduled, or nothing says how long the run is.
    """
    resolved = plan.resolve(calendar)
    if resolved.horizon is None:
        return None
    counted = counted_plan(resolved)
    bound = next((one for one in bind(counted, list(groups))[0] if one.name == field), None)
    if bound is None:
        return None
    ((unit, amount),) = resolved.horizon.terms
    if bound.by_amount == (unit == UPDATES):  # the field's clock is not the horizon's
        values = trace(plan, list(groups), calendar)[field, label(groups[0], 0)]
        curve = np.abs(values[np.array(_middles(len(values)))])
    else:
        base = bound.field.base(groups[0])
        curve = np.abs(np.array([bound.schedule(t, base=base) for t in _middles(ceil(amount))]))
    most: float = curve.max()
    shaped: Floats = curve / most if most > 0 else curve
    return shaped


def _middles(length: int) -> list[int]:
    """The times in the middle of equal parts of a run."""
    return [length * (2 * part + 1) // (2 * _POINTS) for part in range(_POINTS)]


@cache
def _curve_of_recipe(name: str, field: str) -> Floats | None:
    recipe = recipes[name]
    return curve_on_unit_run(recipe.plan, recipe.calendar, recipe.bases, field)
