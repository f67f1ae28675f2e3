"""Seesaw: a batch that grows in stairs, and a rate that falls by the square root of them."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan.resolve import counted_plan
from paramsched.errors import InvalidArgument
from paramsched.tools.scaling import seesaw
from support.tables import table

FACTS = ps.Calendar(sequence_length=1024)


def plan_of(lr, horizon="1B tokens", clock="tokens"):
    return ps.Plan(lr=lr, clock=clock, horizon=horizon)


def test_the_plan_of_the_example():
    found = seesaw(plan_of("cosine()"), batch=256, largest=1024)

    expected = ps.Plan(
        ps.Binding(
            ps.Target("batch_size", 1.0),
            'constant(256, over="until 500000000 tokens") >> constant(512, over="until 666666667 tokens")'
            " >> constant(1024)",
        ),
        lr='constant(1, over="until 500000000 tokens") >> constant(0.7071067811865476, "until 666666667 tokens")'
        ' >> 2.0 * skip(cosine(over="1000000000 tokens"), "666666667 tokens")',
        clock="tokens",
        horizon="1000000000 tokens",
    )
    assert found == expected


@pytest.mark.parametrize(("largest", "share"), [(512, 0.75), (1024, 2 / 3)])
def test_a_cosine_needs_fewer_updates(largest, share):
    updates = ps.trace(seesaw(plan_of("cosine()"), batch=256, largest=largest), {"lr": 1e-3}, FACTS).total

    assert updates / (1e9 / 256 / 1024) == pytest.approx(share, abs=5e-4)


def lines_of(plan):
    """Return the schedules of a plan by name, as functions of the amount."""
    return {one.name: one.schedule for one in counted_plan(plan.resolve(ps.Calendar())).bindings}


DECAYS = st.sampled_from(
    ["cosine()", "cosine(to=0.1)", "linear()", "geometric(1, 0.01)", "constant(over='30%') >> linear()"]
)


@given(DECAYS, st.sampled_from([0, 5, 30]), st.integers(1, 5), st.integers(2, 3), st.integers(2, 64))
def test_rate_and_batch_are_those_of_the_definition(decay, warmup, steps, factor, batch):
    horizon, text = 10_000, f'warmup("{warmup}%") >> {decay}' if warmup else decay
    plan = plan_of(text, f"{horizon} samples", "samples")
    times = np.arange(horizon)
    old = lines_of(plan)["lr"](times)
    found = seesaw(plan, batch=batch, largest=batch * factor**steps, factor=factor)

    lines = lines_of(found)
    passed = sum((old <= factor**-k) & (times > np.argmax(old)) for k in range(1, steps + 1))
    levels = np.maximum.accumulate(passed)  # the number of cuts that the rate has passed
    stairs = np.where(levels == levels[-1], old * np.sqrt(float(factor) ** levels), float(factor) ** (-levels / 2))
    expected = np.where(times <= np.argmax(old), old, stairs)

    assert np.array_equal(lines["batch_size"](times), batch * factor**levels)
    assert lines["lr"](times) == pytest.approx(expected, rel=1e-9)


def test_the_last_stair_meets_the_decay_without_a_jump():
    found = seesaw(plan_of("cosine()", "100000 samples", "samples"), batch=8, largest=32)
    rate = lines_of(found)["lr"]

    assert rate(66_666) == sqrt(0.5)
    assert rate(66_667) == pytest.approx(0.5, abs=1e-4)


def test_steep_rates_pass_several_cuts_at_once():
    plan = plan_of('constant(over="50%") >> constant(0.1)', "1000 samples", "samples")

    found = {one.name: str(one.schedule) for one in seesaw(plan, batch=8, largest=64).bindings}

    assert found["batch_size"] == 'constant(8.0, "until 500 samples") >> constant(64.0)'


def test_absolute_levels_stay_absolute():
    plan = plan_of("linear(absolute(0.01), absolute(0.0))", "1000 samples", "samples")

    found = seesaw(plan, batch=8, largest=16)

    assert str(found.bindings[0].schedule).startswith('constant(absolute(0.01), "until 500 samples") >> ')


def test_the_group_of_the_line_is_kept():
    plan = ps.Plan(ps.Binding("lr", "linear()", groups="head"), clock="samples", horizon="1000 samples")

    assert str(seesaw(plan, batch=8, largest=16).bindings[0]).startswith("lr @ head: constant(")


def test_lengths_in_other_units_need_the_calendar():
    plan = plan_of('warmup("100 steps") >> cosine()')

    found = seesaw(plan, batch=256, largest=512, calendar=ps.Calendar(batch_size=256, sequence_length=1024))

    assert "until 513" in str(found.bindings[0].schedule)


BATCH_PLANNED = ps.Plan(
    ps.Binding(ps.Target("batch_size", 8.0), 1.0), lr="cosine()", clock="samples", horizon="1000 samples"
)


@table(
    ("plan", "options", "message", "fix"),
    [
        (ps.Plan(lr="cosine()", horizon=100), {}, "must count tokens or samples", 'clock="tokens"'),
        (ps.Plan(lr="cosine()", horizon="1h", clock="seconds"), {}, "must count tokens or samples", "clock="),
        (BATCH_PLANNED, {}, "has a batch_size already", "Remove batch_size"),
        (
            ps.Plan(lr="cosine()", weight_decay="constant()", clock="samples", horizon="1000 samples"),
            {},
            "a plan for lr alone",
            "Remove the other lines",
        ),
        (plan_of(ps.cosine() * ps.plateau("loss")), {}, "without metric rules", "metric rules"),
        (plan_of('cosine_restarts("100M tokens")'), {}, "rises after its peak", "only decays"),
        (plan_of("linear(-1, 0)"), {}, "never above 0", "cosine()"),
        (plan_of("constant(0)"), {}, "never above 0", "cosine()"),
        (plan_of("cosine(to=0.6)"), {}, "never falls to 1/2", "longer decay"),
        (plan_of("cosine()"), {"largest": 511}, "at least 2 × batch", "largest=512"),
        (plan_of("cosine()"), {"batch": 0}, "integer of at least 1", "batch"),
        (plan_of("cosine()"), {"factor": 1}, "integer of at least 2", "factor"),
        (ps.Plan(lr='cosine(over="9 tokens")', clock="tokens"), {}, "length of the run is unknown", "horizon="),
        (plan_of('constant(over="50%") >> linear(1.0, absolute(0.0))'), {}, "some levels are absolute", "multiples"),
        (3, {}, "expected a plan, got int", "absolute(3)"),
    ],
)
def test_plans_that_the_method_does_not_cover_are_refused(plan, options, message, fix):
    with pytest.raises(InvalidArgument, match=message) as error:
        seesaw(plan, **{"batch": 256, "largest": 1024} | options)

    assert fix in str(error.value)


@pytest.mark.parametrize(("factor", "largest", "sizes"), [(2, 31, [8, 16]), (2, 32, [8, 16, 32]), (3, 72, [8, 24, 72])])
def test_the_batch_grows_up_to_the_largest_and_starts_at_the_first(factor, largest, sizes):
    plan = ps.Plan(lr="linear()", clock="samples", horizon="1000 samples")

    found = seesaw(plan, batch=8, largest=largest, factor=factor)

    resolved = counted_plan(found.resolve(ps.Calendar()))
    counted = next(one.schedule for one in resolved.bindings if one.name == "batch_size")
    starts = [0, *(round(1000 * (1 - 1 / factor**power)) for power in range(1, len(sizes)))]
    assert [counted(at) for at in starts] == sizes
    assert [counted(at - 1) for at in starts[1:]] == sizes[:-1]
    assert found.horizon == plan.horizon
    assert found.clock == "samples"


def test_a_plan_by_tokens_plans_a_batch_in_samples():
    plan = ps.Plan(lr="linear()", clock="tokens", horizon="1000 tokens")

    assert [one.name for one in seesaw(plan, batch=8, largest=16).targets] == ["batch_size"]
