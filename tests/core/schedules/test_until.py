"""`over="until 80%"`: a stage that ends at a time of its sequence."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan import Plan, resolve
from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.recipes import overlay
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument, Unresolved
from support.tables import table

RUN = Calendar(total=1000, steps_per_epoch=100, tokens_per_step=1000)


@table(
    ("line", "resolved"),
    [
        ('warmup("5%") >> cosine(over="until 80%") >> linear()', "warmup(50) >> cosine(over=750) >> linear(over=200)"),
        ('warmup("until 5%") >> cosine()', "warmup(50) >> cosine(over=950)"),
        ('warmup(9) >> step(5) + constant(over="until 200 steps")', "warmup(9) >> step(5) + constant(over=191)"),
        ('warmup(10) >> linear(over="until 100% - 50k tokens")', "warmup(10) >> linear(over=940)"),
        ('warmup(10) >> take(cosine(), "until 500 steps")', "warmup(10) >> take(cosine(over=990), 490)"),
        ('linear(over="until 80%")', "linear(over=800)"),
        ('warmup(10) >> cosine(over="until 80%") * 0.5', "warmup(10) >> cosine(over=790) * constant(0.5)"),
        ('warmup(10) >> clamp(cosine(over="until 80%"), 0.1)', "warmup(10) >> clamp(cosine(over=790), 0.1)"),
        ('warmup(10) >> shift(cosine(over="until 80%"), 90)', "warmup(10) >> shift(cosine(over=700), 90)"),
        ('warmup(10) >> skip(cosine(over="until 80%"), 10)', "warmup(10) >> skip(cosine(over=800), 10)"),
        ('warmup(10) >> window(cosine(over="until 80%"), 90)', "warmup(10) >> window(cosine(over=700), 90)"),
        ('warmup(10) >> window(cosine(over="until 80%"), 0, 900)', "warmup(10) >> window(cosine(over=800), end=900)"),
        (
            'warmup(10) >> (warmup(10) >> cosine(over="until 500 steps")) * 0.5 >> constant()',
            "warmup(10) >> (warmup(10) >> cosine(over=490)) * constant(0.5) >> constant()",
        ),
        ('warmup(10) >> linear(over="until 10 steps") >> cosine()', "warmup(10) >> linear(over=0) >> cosine(over=990)"),
        ('warmup(10) >> cosine() >> linear(over="10%")', "warmup(10) >> cosine(over=890) >> linear(over=100)"),
    ])  # fmt: skip
def test_until_ends_a_stage_at_a_time_of_its_sequence(line, resolved):
    assert str(resolve(parse(line), RUN)) == resolved
    assert str(parse(line)) == str(parse(str(parse(line))))


@given(
    st.lists(st.sampled_from(["0.07%", "7%", "3.3333%", "0.25 epochs", "0.5 steps", "1.7 steps"]), min_size=1),
    st.data(),
)
def test_end_times_give_the_same_boundaries_as_the_equivalent_lengths(lengths, data):
    run = Calendar(total=data.draw(st.integers(1, 4999)), steps_per_epoch=47)
    assume(sum(run.exact(Duration.of(length)) for length in lengths) <= run.horizon)
    ends = [sum((run.exact(Duration.of(one)) for one in lengths[:n]), Fraction(0)) for n in range(len(lengths) + 1)]
    by_length, by_end = constant(), constant()
    for number, (length, (_, end)) in enumerate(zip(lengths, pairwise(ends), strict=True)):
        end_text = f"until {end.numerator}/{end.denominator} steps"
        stages = (
            constant(float(number), length),
            constant(float(number), data.draw(st.sampled_from([length, end_text]))),
        )
        by_length, by_end = (
            one if not number else old >> one for old, one in zip((by_length, by_end), stages, strict=True)
        )

    expected, found = (resolve(whole >> cosine(), run) for whole in (by_length, by_end))

    assert found == expected


def test_a_plan_in_tokens_accepts_end_times_in_tokens():
    plan = ps.loads(
        """
clock: tokens
horizon: 300B tokens
lr: warmup("375M tokens") >> cosine(to=0.1, over="until 260B tokens") >> constant(0.1)
"""
    )

    lr = plan.resolve(Calendar()).bindings[0].schedule

    assert str(lr) == ('warmup("375000000 tokens") >> cosine(to=0.1, over="259625000000 tokens") >> constant(0.1)')
    for dialect in ("yaml", "json"):
        assert ps.loads(ps.dump(plan, format=dialect), format=dialect) == plan


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('warmup(100) >> cosine(over="until 5%")', "the stage would end at 50 updates, but it starts at 100 updates"),
        ('cosine() >> linear(over="until 80%")', "a stage after an open-ended stage needs a length"),
        (
            'warmup(5) >> constant() >> 0.5 * linear(over="until 80%")',
            "a stage after an open-ended stage needs a length",
        ),
        ('step("until 5%")', "is only valid as the length of a stage"),
        ('shift(linear(), "until 5%")', "is only valid as the length of a stage"),
        ('skip(linear(), "until 5%")', "is only valid as the length of a stage"),
        ('multistep(["until 5%"])', "is only valid as the length of a stage"),
        ('restarts(linear(), "until 5%")', "is only valid as the length of a stage"),
        ('every(linear(), "until 5%")', "is only valid as the length of a stage"),
        ('exponential(0.9, "until 5%")', "is only valid as the length of a stage"),
    ],
    ids=str,
)
def test_an_invalid_end_time_is_rejected(line, found):
    with pytest.raises(InvalidArgument, match=found):
        resolve(parse(line), RUN)


def test_until_is_rejected_for_the_length_of_a_run():
    with pytest.raises(InvalidArgument, match="a horizon is a length, not a position"):
        Plan(lr=cosine(), horizon="until 5 epochs")
    with pytest.raises(InvalidArgument, match=r"does not take `until`"):
        Calendar(total="until 5 epochs")


def test_until_is_rejected_in_an_overlay():
    with pytest.raises(InvalidArgument):
        overlay(warmup("until 5%"), cosine())


def test_an_end_time_is_a_distinct_kind_of_length():
    assert str(Duration.of("until  260B tokens")) == "until 260000000000 tokens"
    assert Duration.of("until 500 steps").written() == '"until 500 steps"'
    assert Duration.of(str(Duration.of("until 500 steps"))) == Duration.of("until 500 steps") != Duration.of(500)
    assert not Duration.of("until 500 steps").is_resolved
    with pytest.raises(Unresolved):
        linear(over="until 500 steps")(3)
    for text in ("until", "until 5", "until until 5%", "untill 5%", "until -5%"):
        with pytest.raises(InvalidArgument):
            Duration.of(text)


def test_the_length_of_a_sequence_is_the_sum_of_its_stages():
    whole = warmup("5%") >> linear(over="until 80%") >> constant(over=7)

    assert str(whole.length) == "7 steps + 80%"
    assert resolve(whole, RUN).length.updates == 807


def test_a_stage_until_a_time_equals_a_stage_of_that_length():
    times = np.arange(1001)

    by_time = resolve(warmup("5%") >> cosine(over="until 80%") >> constant(0.0), RUN)

    np.testing.assert_array_equal(by_time(times), (warmup(50) >> cosine(over=750) >> constant(0.0))(times))


def growing_run(steps):
    """Return the resolved stages of a run with growing batches, the last of which count updates, and its amounts."""
    sizes = ps.Binding(ps.Target("batch_size", 4.0), 'linear(1, 8, over="700 samples")')
    line = f'cosine() >> linear(1, 0.5, "{steps} steps") >> constant(0.4, "4 steps")'
    plan = Plan(sizes, lr=line, clock="samples", horizon="1000 samples")
    trace = ps.trace(plan, {"lr": 1.0})
    schedule = next(one.schedule for one in plan.resolve(Calendar()).bindings if one.name == "lr")
    lengths = [int(dict(stage.length.terms)["samples"]) for stage in schedule.stages]
    return lengths, trace.amounts.tolist(), trace["lr"].tolist()


@pytest.mark.parametrize("steps", [3, 10, 20, 30])
def test_stages_after_an_open_one_count_their_updates_where_they_run(steps):
    lengths, amounts, values = growing_run(steps)

    begins = [next(place for place, one in enumerate(amounts) if one >= at) for at in (lengths[0], sum(lengths[:2]))]
    assert sum(lengths) == 1000
    assert [begins[1] - begins[0], len(amounts) - begins[1]] == [steps, 4]
    assert values[-4:] == [0.4] * 4


def test_a_stage_that_no_start_makes_end_with_an_update_holds_its_last_level():
    lengths, _, values = growing_run(50)

    assert sum(lengths) == 1000
    assert values[-6:] == [0.5, 0.5, 0.4, 0.4, 0.4, 0.4]
