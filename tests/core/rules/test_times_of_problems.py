"""The time and the extent of a problem in a trial run equal those of an evaluation of all updates."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.base.codes import BEYOND_TOTAL
from paramsched.core.rules.line import Line
from paramsched.core.rules.plan_check import check
from paramsched.core.rules.plan_rules import start_problems
from paramsched.core.rules.rules import PRACTICALLY_ZERO, check_rates
from paramsched.core.rules.trial_run import trial_run
from support.tables import table

UNIT = re.compile(r"(update|epoch) ([\d.]+)")


def curve(plan, run):
    (line,) = plan.bindings
    return Line(line, line.schedule).tried_in(run).curve


@given(st.integers(3_000, 60_000), st.floats(0.02, 0.05), st.sampled_from(["exponential(0.5, {})", "step({}, 0.25)"]))
def test_a_rate_is_nearly_0_from_the_first_update_on_that_an_evaluation_of_all_finds(total, share, shape):
    plan = ps.Plan(lr=shape.format(round(total * share)), total=total)

    (found,) = check_rates([curve(plan, trial_run(plan, ps.RunFacts()))])

    values = ps.trace(plan, {"lr": 1.0})["lr"]
    first = np.flatnonzero(values > PRACTICALLY_ZERO * values.max())[-1] + 1
    assert int(UNIT.search(found.message)[2]) == first


@table("line", ["linear(1, -1, 100)", "exponential(1.5, 1)", "step(1000, 1.5)"])
def test_a_problem_in_a_run_of_unknown_epochs_has_no_time(line):
    (found,) = check(ps.Plan(lr=line, total="10 epochs"))

    assert found.severity in ("error", "warning")
    assert "at a time that depends on steps_per_epoch" in found.message


REST = "skip(cosine(over=2000), 10)"


@table(
    ("line", "is_beyond"),
    [
        (REST, True),
        ("constant(over=10) >> cosine(over=2000)", True),
        (f"constant(over=10) >> {REST}", False),
        (f"constant(over=5) >> constant(over=5) >> {REST}", False),
        (f"constant(over=4) >> constant(over=3) >> constant(over=3) >> {REST}", False),
    ],
)
def test_only_a_stage_that_continues_a_longer_schedule_may_be_cut(line, is_beyond):
    plan = ps.Plan(lr=line, total=1000)

    found = {one.code for _, one in start_problems(plan, plan.resolve(), ps.RunFacts(), ())}

    assert (BEYOND_TOTAL in found) == is_beyond
