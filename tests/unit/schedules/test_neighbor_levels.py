"""Levels from neighbors: `previous` and `following` are words until resolve puts them in as numbers."""

import pickle
from copy import deepcopy

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import Unresolved

RUN = ps.Calendar(total=10_000)


def resolved(text: str, total: int = 10_000) -> str:
    """The text of a schedule once it is resolved."""
    return str(ps.resolve(ps.parse(text), ps.Calendar(total=total)))


# ---- the words


def test_a_word_is_written_and_read_as_itself():
    written = ps.warmup("500 steps") >> ps.inverse_sqrt("500 steps") >> ps.linear(ps.previous, 0, over="10%")

    assert str(written) == 'warmup(500) >> inverse_sqrt(500) >> linear(previous, over="10%")'
    assert ps.parse(str(written)) == written
    assert hash(ps.parse(str(written))) == hash(written)


def test_the_words_are_values_of_their_own():
    assert (str(ps.previous), str(ps.following)) == ("previous", "following")
    assert ps.previous != ps.following
    assert pickle.loads(pickle.dumps(ps.previous)) == ps.previous == deepcopy(ps.previous)
    assert ps.linear(ps.previous) != ps.linear(ps.following)
    assert ps.linear(ps.previous) != ps.linear(1.0)


def test_a_plan_with_a_word_keeps_it_in_its_text_and_fingerprint():
    plan = ps.Plan(lr=ps.warmup(10) >> ps.linear(ps.previous, 0), horizon=100)

    assert str(plan) == "horizon: 100\nlr: warmup(10) >> linear(previous)"
    assert ps.Plan.of_text(plan.text) == plan
    assert plan.fingerprint != plan.resolve(ps.Calendar()).fingerprint


def test_a_schedule_with_a_word_left_is_not_called():
    written = ps.linear(1, 0.5, over=10) >> ps.linear(ps.previous, 0, over=10)

    assert not written.is_resolved
    with pytest.raises(Unresolved, match=r"previous or following is left in it.*Write ps\.resolve\(schedule"):
        written(3)
    with pytest.raises(Unresolved, match="previous or following"):
        written.breakpoints()


# ---- the stage before


@pytest.mark.parametrize(
    ("written", "put_in"),
    [
        ("linear(1, 0.3, 10) >> linear(previous, 0)", "linear(to=0.3, over=10) >> linear(0.3, over=9990)"),
        (
            "step(100, 0.5) >> linear(previous, 0, 9000)",
            "window(step(100, 0.5), end=1000) >> linear(0.0009765625, over=9000)",
        ),
        (
            "constant(0.5, 10) >> constant(previous, 10) >> constant(previous)",
            "constant(0.5, 10) >> constant(0.5, 10) >> constant(0.5)",
        ),
        (
            "constant(0.5, 10) >> 0.1 * linear(previous, 0)",
            "constant(0.5, 10) >> constant(0.1) * linear(0.5, over=9990)",
        ),
        (
            "0.1 * constant(0.5, 10) >> linear(previous, 0)",
            "constant(0.1) * constant(0.5, 10) >> linear(0.05, over=9990)",
        ),
        (
            "constant(absolute(3.0), 10) >> linear(previous, 0)",
            "constant(absolute(3.0), 10) >> linear(absolute(3.0), over=9990)",
        ),
        ("warmup(4) >> clamp(exponential(0.5), previous)", "warmup(4) >> clamp(exponential(0.5), 1.0)"),
        (
            "warmup(4, to=0.5) >> shift(linear(previous, 0, 10), 5)",
            "linear(0.0, 0.5, 4) >> shift(linear(0.5, over=10), 5)",
        ),
        ("constant(0.5, 10) >> cyclic(10, start=previous)", "constant(0.5, 10) >> cyclic(10, 10, 0.5)"),
        ("constant(0.5, 10) >> cosine_restarts(10, to=previous)", "constant(0.5, 10) >> cosine_restarts(10, to=0.5)"),
        (
            "constant(0.5, 10) >> piecewise([[0, previous], [10, 0.1]])",
            "constant(0.5, 10) >> constant(0.5, 10) >> constant(0.1)",
        ),
    ],
)
def test_previous_is_the_level_at_which_the_stage_before_ends(written, put_in):
    assert resolved(written) == put_in


def test_previous_is_half_of_base_and_a_value_where_the_stage_before_ends_at_both():
    half_way = "cosine(1, absolute(2.0), 100, index='(t+1)/(n+1)')"
    schedule = ps.resolve(ps.parse(f"window({half_way}, end=50) >> linear(previous, 0, 10)"), RUN)

    before, behind = schedule.stages

    assert isinstance(behind.start, ps.schedules.AffineLevel)
    assert [behind(0, base=base) for base in (0.0, 0.1, 7.0)] == [before(50, base=base) for base in (0.0, 0.1, 7.0)]


def test_a_stage_of_no_update_is_no_neighbor():
    assert resolved("constant(0.5, 10) >> constant(0.1, 0) >> linear(previous, 0)") == (
        "constant(0.5, 10) >> constant(0.1, 0) >> linear(0.5, over=9990)"
    )
    assert resolved('constant(0.5, 10) >> constant(0.1, "0.001 steps") >> linear(previous, 0)', 20) == (
        "constant(0.5, 10) >> constant(0.1, 1) >> linear(0.1, over=9)"
    )


def test_what_is_resolved_stays_as_it_is():
    once = ps.resolve(ps.parse("warmup(10) >> exponential(0.9) >> linear(previous, 0, 10)"), RUN)

    assert once.is_resolved
    assert ps.resolve(once, RUN) == once == ps.parse(str(once))


def test_a_metric_rule_stands_outside_and_the_level_is_that_of_the_plan():
    plan = ps.Plan(lr="(constant(0.5, 10) >> linear(previous, 0)) * plateau()", horizon=20)

    assert str(plan.resolve(ps.Calendar())) == (
        "horizon: 20\nlr: (constant(0.5, 10) >> linear(0.5, over=10)) * plateau()"
    )


@pytest.mark.parametrize("base", [1.0, 0.1, 3e-4, -0.5, 0.0])
@pytest.mark.parametrize(
    "before", ["inverse_sqrt(37)", "exponential(0.99)", "cosine(0.9, 0.17, 1000)", "noam(512, 40)"]
)
def test_the_new_stage_begins_at_the_float_at_which_the_one_before_ends(before, base):
    schedule = ps.resolve(ps.parse(f"window({before}, end=77) >> linear(previous, 0, 10)"), RUN)

    assert schedule(77, base) == schedule.stages[0](77, base)
    assert np.array_equal(schedule(np.arange(77), base), schedule.stages[0](np.arange(77), base))


# ---- refusals


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (
            "linear(previous)",
            "linear(previous): previous is the level of the stage before, and there is none. "
            "Write a number, 1.0 for base",
        ),
        (
            "linear(to=following)",
            "linear(to=following): following is the level of the stage behind, and there is none. "
            "Write a number, 1.0 for base",
        ),
        (
            "constant(0.5, 0) >> linear(previous, 0, 10)",
            "linear(previous, over=10): previous is the level of the stage before, "
            "and there is none. Write a number, 1.0 for base",
        ),
    ],
)
def test_a_word_without_a_stage_beside_it_is_refused(written, found):
    with pytest.raises(ps.InvalidArgument) as refusal:
        resolved(written)

    assert str(refusal.value) == found
