"""The units of time of a run: each converts updates like a count of what they consume, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.tables import table

GROUP = {"lr": 0.1}
RAMP = ps.Binding(ps.Target("batch_size", 1.0), "stairs(2, 9, rises=5, over=20)")
ACCUMULATION = ps.Binding(ps.Target("accumulation", 1.0), "stairs(1, 4, rises=3, over=12)")
RUNS = {
    "by updates": (
        ps.Plan(lr=1.0, horizon=30),
        {"steps_per_epoch": 10, "batch_size": 4, "sequence_length": 8, "seconds_per_step": 0.5},
        {"epochs": 0.1, "samples": 4, "tokens": 32, "seconds": 0.5},
    ),
    "accumulation": (ps.Plan(lr=1.0, horizon=30), {"accumulation": 3, "batch_size": 4}, {"samples": 12, "batches": 3}),
    "a growing batch": (ps.Plan(RAMP, lr=1.0, horizon=30), {"sequence_length": 8}, {"samples": None, "tokens": None}),
    "growing accumulation": (
        ps.Plan(ACCUMULATION, lr=1.0, horizon=30), {"batches_per_epoch": 7}, {"epochs": None, "batches": None},
    ),
    "an amount": (ps.Plan(lr=1.0, clock="samples", horizon="101 samples"), {"batch_size": 4}, {"samples": None}),
    "one update": (ps.Plan(lr=1.0, horizon=1), {"batch_size": 4}, {"samples": 4}),
}  # fmt: skip


def consumed(plan, facts, name):
    """Return the amount of a unit before each update, and after the last one."""
    shown = ps.trace(plan, GROUP, ps.Calendar(**facts))
    sizes = {target: np.rint(shown[target]) if target in shown else np.ones(shown.total)
             for target in ("batch_size", "accumulation")}  # fmt: skip
    factors = {"samples": 1, "tokens": 8, "batches": 1, "epochs": 1 / 7}
    each = sizes["batch_size"] * sizes["accumulation"] * factors[name]
    return np.concatenate([[0.0], np.cumsum(each)])


@table("name", RUNS)
def test_each_unit_converts_updates_like_a_count(name):
    plan, facts, rates = RUNS[name]
    trace = ps.trace(plan, GROUP, ps.Calendar(**facts))
    units = {unit.name: unit for unit in trace.time_units()}
    updates = np.arange(trace.total + 1)

    assert units.keys() == rates.keys()
    for unit, rate in rates.items():
        found = units[unit]
        if name == "an amount":  # the last of the 26 updates is longer than the horizon
            expected = np.minimum(updates * 4.0, 101.0)
        else:
            expected = consumed(plan, facts, unit) if rate is None else updates * float(rate)
        np.testing.assert_allclose(found.at(updates), expected, rtol=1e-12)
        np.testing.assert_allclose(found.update_of(expected), updates, rtol=1e-12)
        assert found.at(0.5 * (updates[-1] + updates[-2])) == pytest.approx(0.5 * (expected[-1] + expected[-2]))
        assert found.is_even == (name in ("by updates", "accumulation", "one update"))


@table("name", RUNS)
def test_a_longer_run_continues_with_the_last_rate(name):
    plan, facts, _ = RUNS[name]
    trace = ps.trace(plan, GROUP, ps.Calendar(**facts))

    for unit in trace.time_units():
        end, before = unit.at(trace.total).item(), unit.at(trace.total - 1).item()
        longer = unit.until(trace.total + 10)
        assert longer.at(trace.total + 10) == pytest.approx(end + 10 * (end - before))
        assert longer.at(trace.total - 1) == pytest.approx(before)
        assert longer.name == unit.name
        assert unit.until(trace.total).at(trace.total) == end


@given(st.integers(1, 90), st.sampled_from([1, 4, 7]), st.booleans())
def test_the_unit_of_the_clock_ends_at_the_horizon(horizon, size, grows):
    batch = ps.Binding(ps.Target("batch_size", 1.0), 'stairs(2, 9, rises=5, over="40 samples")')
    plan = ps.Plan(*[batch] * grows, lr=1.0, clock="samples", horizon=f"{horizon} samples")
    trace = ps.trace(plan, GROUP, ps.Calendar(batch_size=size))
    (unit,) = trace.time_units()

    updates, expected = np.arange(trace.total + 1), np.append(trace.amounts, horizon)

    assert trace.amounts[-1] < horizon <= trace.amounts[-1] + (9 if grows else size)
    np.testing.assert_allclose(unit.at(updates), expected, rtol=1e-12)
    np.testing.assert_allclose(unit.update_of(expected), updates, rtol=1e-12)
