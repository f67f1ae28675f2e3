"""Diff: what changed between two plans, when, and by how much."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.plan.diff import diff
from paramsched.core.plan.resolve import counted_plan
from paramsched.core.schedules.anneal import linear, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.core.time import Calendar
from support.tables import table

RATES = {"updates": 1, "tokens": 7, "seconds": 0.25}
FACTS = Calendar(tokens_per_step=7, seconds_per_step=0.25)
LEVELS = (-1.0, 0.0, 0.5, 1.0)


@st.composite
def plans(draw, names):
    """Draw a plan of fields on one of the clocks of `RATES`, for a run of up to 40 updates."""
    clocks = {name: draw(st.sampled_from([*RATES])) for name in names}
    amounts = {*clocks.values()} - {"updates"}
    if len(amounts) > 1:
        clocks = dict.fromkeys(names, amounts.pop())
    lines = {}
    for name, clock in clocks.items():
        start, to = draw(st.sampled_from(LEVELS)), draw(st.sampled_from(LEVELS))
        over = draw(st.integers(1, 20)) * RATES[clock]
        lines[name] = f'linear({start}, {to}, over="{over} {clock}") >> constant({draw(st.sampled_from(LEVELS))})'
    return Plan(**lines, horizon=draw(st.integers(21, 40)), clock=clocks)


def differences(plans, name):
    """Return the differences of the values of a field, update by update."""
    columns = []
    for plan in plans:
        clock = plan.clock if isinstance(plan.clock, str) else plan.clock.get(name, "updates")
        (schedule,) = (one.schedule for one in counted_plan(plan.resolve(FACTS)).bindings if one.name == name)
        columns.append([schedule(t * RATES[clock]) for t in range(max(one.horizon.updates for one in plans))])
    return np.abs(np.subtract(*columns))


@given(st.lists(st.sampled_from(["lr", "eps", "alpha"]), min_size=1, unique=True), st.data())
def test_a_change_is_that_of_the_values_update_by_update(names, data):
    both = data.draw(plans(names)), data.draw(plans(names))

    found = {change.name: change for change in diff(*both, FACTS)}

    for name in names:
        lines = [next(str(one.schedule) for one in plan.bindings if one.name == name) for plan in both]
        apart = differences(both, name)
        assert (name in found) == (lines[0] != lines[1])
        if name in found:
            expected = (
                (int(np.flatnonzero(apart)[0]), apart.max(), "updates") if apart.any() else (None, None, "updates")
            )
            assert (found[name].when, found[name].by, found[name].unit) == expected


@given(st.integers(1, 9_999), st.sampled_from(LEVELS[:3]))
def test_a_change_on_a_clock_of_unknown_amounts_is_found_at_its_exact_time(at, to):
    for clock, length, end, when in (
        ("tokens", f"{at} tokens", "10000 tokens", at),
        ("seconds", f"{at / 1000} seconds", "10 seconds", at / 1000),
        ("progress", f"{at / 100}%", None, at / 10_000),
    ):
        before, after = (
            Plan(lr=line, clock=clock, horizon=end)
            for line in ("constant()", f'constant(1.0, "{length}") >> constant({to})')
        )

        for change in diff(before, after, Calendar()), diff(after, before, Calendar()):
            assert [(one.when, one.by, one.unit) for one in change] == [(when, 1.0 - to, clock)]


def test_a_targets_initial_value_is_a_change():
    a, b = (Plan(Binding(Target("x", initial), "constant(0.5)")) for initial in (1.0, 2.0))

    assert [(change.what, change.before, change.after) for change in diff(a, b)] == [
        ("x", "1.0 * constant(0.5)", "2.0 * constant(0.5)")
    ]


def test_a_calendar_adds_the_time_and_size_of_a_change():
    a = Plan(lr=warmup("50%") >> constant(1.0))
    b = Plan(lr=warmup("50%") >> constant(0.25))

    (change,) = diff(a, b, Calendar(total=10))

    assert (change.when, change.by) == (5, 0.75)
    assert "from update 5, by up to 0.75 x base" in str(change)


def test_without_a_horizon_a_change_has_the_time_at_which_it_starts():
    (change,) = diff(Plan(lr=linear(over=10)), Plan(lr=linear(over=20)), Calendar())

    assert (change.when, change.by) == (1, 0.5)


@table("clock", ["tokens", {"lr": "tokens"}])
def test_with_unknown_consumption_a_change_has_its_time_on_its_own_clock(clock):
    before = Plan(lr="constant()", clock=clock, horizon="300B tokens")
    after = Plan(lr='constant(1.0, "123456789012 tokens") >> constant(0.5)', clock=clock, horizon="300B tokens")
    (change,) = diff(before, after, Calendar())

    assert (change.when, change.unit, change.by) == (123456789012, "tokens", 0.5)
    assert str(change).endswith("[from 123456789012 tokens, by up to 0.5 x base]")


@table("at", [0, 1, 2, 77_777, 11_999_999])
def test_the_first_different_update_of_a_long_run_is_found_without_computing_all(at):
    before = Plan(lr=constant(), horizon=12_000_000)
    after = Plan(lr=constant(1.0, at) >> constant(0.25), horizon=12_000_000)
    (change,) = diff(before, after, Calendar())

    assert (change.when, change.unit, change.by) == (at, "updates", 0.75)


def test_a_change_of_text_alone_has_no_time():
    (change,) = diff(Plan(lr=linear(over=10)), Plan(lr=linear(over="100%")), Calendar(total=10))

    assert (change.when, change.by) == (None, None)
