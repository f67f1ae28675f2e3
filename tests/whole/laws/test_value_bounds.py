"""All values of a schedule are inside of its bounds, for every base between two numbers.

These tests need further doors.
"""

import paramsched as ps
from paramsched.core.plan.value_ranges import range_of, stays_inside
from paramsched.core.schedules.affine import Bounds
from paramsched.tools.recipes import recipes
from support.tables import table


@table("name", sorted({*recipes} - {"palm-540b"}))  # whose beta approaches 1
def test_the_bounds_of_published_recipes_decide_so_that_a_start_evaluates_none_of_their_lines(name):
    recipe = recipes[name]
    resolved = recipe.plan.resolve(facts=recipe.facts)

    for line in resolved.bindings:
        allowed = None if isinstance(line.field, ps.Target) else range_of(line.name)
        assert allowed is None or stays_inside(line.schedule, allowed, Bounds(0.1, 0.9)), line
