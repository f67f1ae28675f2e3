"""All values of a schedule are inside of its bounds, for every base between two numbers."""

import re
import warnings
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan.value_ranges import range_of
from paramsched.core.schedules.affine import Bounds
from paramsched.core.schedules.evaluation import evaluate
from paramsched.errors import PlanError
from support import strategies
from support.examples import at_most
from support.updates import probe

BASES = st.sampled_from([0.0, 1e-8, 0.1, 0.9, 1.0, 10.0, -0.5])


@strategies.every_shape(most=20)
@given(st.data())
def test_values_are_inside_of_the_bounds(name, data):
    case = data.draw(strategies.cases(name=name, depth=2))
    low, high = sorted(data.draw(st.tuples(BASES, BASES)))
    bounds = case.resolved.bounds(Bounds(low, high))
    if bounds is None:
        return
    times = np.unique([*np.arange(200), *np.linspace(0, 2 * case.world.total, 200).astype(np.int64)])
    for base in (low, low + 0.3 * (high - low), high):
        values = evaluate(case.resolved, times, base)
        values = values[np.isfinite(values)]
        rounding = 1e-9 * max([1.0, *(abs(one) for one in (*bounds, *values) if np.isfinite(one))])
        assert (values >= bounds.low - rounding).all(), (bounds, base)
        assert (values <= bounds.high + rounding).all(), (bounds, base)


def test_the_bounds_of_a_decay_are_its_levels():
    line = ps.resolve(ps.parse("warmup(10) >> cosine(to=absolute(1e-5))"), ps.Calendar(total=100))

    assert line.bounds(Bounds(0.1, 0.3)) == (0.0, 0.3)


@at_most(60)
@given(st.data(), st.sampled_from(["lr", "betas[0]"]))
def test_a_start_is_refused_exactly_if_a_value_of_the_run_is_outside_with_the_first_such_update(data, field):
    case = data.draw(strategies.cases(depth=2))
    base = {"lr": 0.1, "betas[0]": 0.9}[field]
    optimizer, allowed = probe({"lr": 0.1, "betas": (0.9, 0.999)}), range_of(field)
    outside = np.flatnonzero(allowed.outside(evaluate(case.resolved, np.arange(case.world.total), base), base))
    plan = ps.Plan(ps.Binding(field, case.written), horizon=case.world.total)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ps.Scheduler(optimizer, plan, calendar=replace(case.world.calendar, total=None))
            found = None
        except PlanError as refused:
            found = int(re.search(r"at update (\d+)", str(refused))[1])

    assert found == (outside[0] if outside.size else None)
