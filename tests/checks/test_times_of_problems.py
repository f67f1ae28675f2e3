"""The time and the extent of a problem in a trial run equal those of an evaluation of all updates."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.base.codes import BEYOND_TOTAL
from paramsched.checks import check
from paramsched.checks.driver import probable_mistakes
from support.tables import table

UNIT = re.compile(r"(update|epoch) ([\d.]+)")


@given(st.integers(3_000, 60_000), st.floats(0.02, 0.05), st.sampled_from(["exponential(0.5, {})", "step({}, 0.25)"]))
def test_a_rate_is_nearly_0_from_the_first_update_on_that_an_evaluation_of_all_finds(total, share, shape):
    plan = ps.Plan(lr=shape.format(round(total * share)), total=total)

    (actual,) = [problem for _, problem in probable_mistakes(plan, ps.RunFacts(), lambda line: ())]

    values = ps.trace(plan, {"lr": 1.0})["lr"]
    first = np.flatnonzero(values > 1e-5 * values.max())[-1] + 1
    assert int(UNIT.search(actual.message)[2]) == first


@table("line", ["linear(1, -1, 100)", "exponential(1.5, 1)", "step(1000, 1.5)"])
def test_a_problem_in_a_run_of_unknown_epochs_has_no_time(line):
    (actual,) = check(ps.Plan(lr=line, total="10 epochs"))

    assert actual.severity in ("error", "warning")
    assert "at a time that depends on steps_per_epoch" in actual.message


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

    actual = {
        problem.code for _, problem in probable_mistakes(plan, ps.RunFacts(), lambda line: (), counted=plan.resolve())
    }

    assert (BEYOND_TOTAL in actual) == is_beyond


@table(("total", "codes"), [(1000, []), (None, ["PS211"])])
def test_the_epochs_of_a_plan_are_not_those_of_an_engine_with_another_total(total, codes):
    plan = ps.Plan(lr="warmup(2) >> cosine(to=0.1)", total=total)
    facts = ps.RunFacts(steps_per_epoch=10, total=None if total else 1000)

    problems = probable_mistakes(plan, facts, lambda line: (), counted=plan.resolve(facts=facts), counts_of_user=False)

    assert [problem.code for _, problem in problems] == codes
