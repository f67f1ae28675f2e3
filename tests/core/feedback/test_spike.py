"""Spike: a value far above the recent ones reduces the schedule, which then recovers."""

import json
import math
import statistics
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import InvalidArgument, StateError
from support.tables import table

LOSSES = st.lists(
    st.sampled_from([3.0, 3.0, 3.01, 2.99, 9.0, 50.0]) | st.floats(-10, 10) | st.just(float("nan")), max_size=60
)
OPTIONS = st.fixed_dictionaries(
    {
        "sigma": st.sampled_from([1.0, 4.0, 6.0]),
        "window": st.integers(2, 8),
        "factor": st.sampled_from([0.1, 0.5, 0.9]),
        "recover": st.integers(1, 6),
        "cooldown": st.integers(0, 4),
        "spread": st.sampled_from(["mad", "std"]),
        "mode": st.sampled_from(["min", "max"]),
        "min": st.sampled_from([0.0, 0.3]),
    }
)


def observed(rule, losses):
    state = rule.init()
    for loss in losses:
        state = rule.observe(state, loss)
    return state


def factors(rule, losses):
    state = rule.init()
    for loss in losses:
        state = rule.observe(state, loss)
        yield rule.apply(state, 1.0)


def expected_factors(losses, *, sigma, window, factor, recover, cooldown, spread, mode, min):
    """Return the factor after each value, from the whole history: an independent model."""
    known, reductions, found = [], [], []
    for index, x in enumerate(losses):
        before = known[-window:]
        spiked = not math.isfinite(x)
        if math.isfinite(x) and len(before) >= max(window // 2, 2 if spread == "std" else 1):
            if spread == "mad":
                m = statistics.median(before)
                w = max(1.4826 * statistics.median([abs(one - m) for one in before]), 0.001 * abs(m))
            else:
                m, w = np.mean(before), np.std(before, ddof=1)
            spiked = (x - m if mode == "min" else m - x) > sigma * w
        if math.isfinite(x):
            known.append(x)
        now = found[-1] if found else 1.0
        since = index - reductions[-1][0] if reductions else None
        if spiked and (since is None or since > cooldown):
            reductions.append((index, max(now * factor, min if min < now else now)))
            found.append(reductions[-1][1])
        elif since is None or since >= recover:
            found.append(1.0)
        else:
            low = reductions[-1][1]
            found.append(low + (1 - low) * since / recover)
    return found


@given(LOSSES, OPTIONS)
def test_factors_equal_those_computed_from_the_whole_history(losses, options):
    if options["spread"] == "std":  # the two formulas of the standard deviation round differently
        losses = [round(loss, 2) if math.isfinite(loss) else loss for loss in losses]
        options["sigma"] = options["sigma"] + 1 / 7

    found = list(factors(ps.spike(**options), losses))

    assert found == pytest.approx(expected_factors(losses, **options), rel=1e-12)


@table(
    ("options", "recent", "usual", "spike"),
    [
        ({}, [0.0] * 4, 0.0, 1e-9),
        ({}, [3.0] * 4, 3.0179, 3.0181),
        ({}, [-3.0] * 4, -2.9821, -2.9819),
        ({}, [2.0, 3.0, 3.0, 4.0], 7.44, 7.45),
        ({"mode": "max"}, [2.0, 3.0, 3.0, 4.0], -1.44, -1.45),
        ({"window": 2}, [3.0], 3.0179, 3.0181),
        ({"spread": "std"}, [3.0] * 4, 3.0, 3.0001),
        ({"spread": "std", "sigma": 1.5}, [3.0, 3.0, 3.2, 3.2], 3.273, 3.274),
        ({"spread": "std", "sigma": 2, "window": 2}, [9.0, 1.0, 3.0], 4.82, 4.83),
        ({"spread": "std", "sigma": 2, "window": 5}, [1.0, 3.0], 4.82, 4.83),
        ({}, [3.0] * 3, 1e9, math.inf),
        ({"spread": "std", "window": 2}, [3.0], 1e9, math.inf),
    ],
)
def test_a_spike_lies_above_its_limit(options, recent, usual, spike):
    rule = ps.spike(**{"window": 8, **options})
    state = observed(rule, recent)

    assert [state.spikes, *(rule.observe(state, value).spikes for value in (usual, spike))] == [0, 0, 1]


def test_a_spike_reduces_the_next_update_and_the_plan_returns_exactly():
    rule = ps.spike(window=4, recover=4, cooldown=0, factor=0.5)

    found = list(factors(rule, [3.0, 3.0, 9.0, 3.0, 3.0, 3.0, 3.0]))

    assert found == [1.0, 1.0, 0.5, 0.625, 0.75, 0.875, 1.0]
    assert rule.apply(observed(rule, [3.0, 3.0, 9.0, 3.0, 3.0, 3.0, 3.0]), 0.1 + 0.2) == 0.1 + 0.2


def test_a_second_spike_multiplies_the_current_factor_but_not_within_the_cooldown():
    losses = [3.0, 3.0, 3.0, 3.0, 9.0, 9.0, 9.0]

    assert list(factors(ps.spike(window=8, recover=10, cooldown=0), losses))[4:] == pytest.approx([0.5, 0.25, 0.125])
    assert list(factors(ps.spike(window=8, recover=10, cooldown=1), losses))[4:] == pytest.approx([0.5, 0.55, 0.275])
    assert observed(ps.spike(window=8, cooldown=50), losses).spikes == 3


def test_the_factor_does_not_fall_below_min():
    losses = [3.0] * 4 + [9.0] * 2

    assert list(factors(ps.spike(window=8, cooldown=0, min=0.4), losses))[-1] == 0.4


def test_falls_are_spikes_in_mode_max():
    assert observed(ps.spike("accuracy", mode="max", window=4), [0.9, 0.91, 0.1]).spikes == 1
    assert observed(ps.spike("accuracy", mode="max", window=4), [0.5, 0.51, 0.9]).spikes == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_spikes_or_ignored_or_errors(bad):
    losses = [3.0, bad, 3.0]

    counted = observed(ps.spike(window=4), losses)
    assert (counted.spikes, counted.recent) == (1, (3.0, 3.0))
    assert observed(ps.spike(window=4, nonfinite="ignore"), losses).spikes == 0
    with pytest.raises(InvalidArgument, match="must be finite"):
        observed(ps.spike(window=4, nonfinite="raise"), losses)


@pytest.mark.parametrize("spread", ["mad", "std"])
def test_very_large_values_do_not_overflow(spread):
    large = [1e308, -1e308, 1e308, 1e308, 1e308, -1e308]

    assert 0 <= observed(ps.spike(window=4, spread=spread), large).spikes <= 6
    assert observed(ps.spike(window=4, spread=spread), [3.0, 3.1, 1e300, 3.0, 3.1]).spikes == 1


def test_a_new_level_stops_being_a_spike_after_half_a_window():
    noise = 0.1 * np.random.default_rng(0).standard_normal(240)
    losses = np.concatenate([np.full(40, 3.0), np.full(200, 9.0)]) + noise

    assert 15 <= observed(ps.spike(window=32), losses.tolist()).spikes <= 17


def test_with_std_one_spike_hides_the_next_one():
    generator = np.random.default_rng(0)
    losses = [*(3 + 0.1 * generator.standard_normal(128)), 9.0, *(3 + 0.1 * generator.standard_normal(60)), 9.0]

    assert observed(ps.spike(spread="std", sigma=13), losses).spikes == 1
    assert observed(ps.spike(spread="mad", sigma=13), losses).spikes == 2


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("spread", "sigma", "most"), [("mad", 4, 2.5e-4), ("std", 4, 1e-4), ("mad", 5, 0.0), ("mad", 6, 0.0)]
)
def test_false_alarms_of_gaussian_losses_are_rare(spread, sigma, most):
    losses = (3 + 0.1 * np.random.default_rng(0).standard_normal(20_000)).tolist()
    rule = ps.spike(sigma=sigma, spread=spread, recover=1, cooldown=0)

    assert observed(rule, losses).spikes / 20_000 <= most


def test_a_falling_loss_gives_no_alarm():
    generator = np.random.default_rng(0)
    falling = 3 + 8 * np.exp(-np.arange(1000) / 200) + 0.05 * generator.standard_normal(1000)

    assert observed(ps.spike(), falling.tolist()).spikes == 0
    assert observed(ps.spike(), np.linspace(11, 3, 1000).tolist()).spikes == 0


@given(LOSSES, st.integers(0, 60))
def test_a_state_saved_as_json_continues_equally(losses, cut):
    rule = ps.spike(window=6, recover=5, cooldown=2)
    state = observed(rule, losses[:cut])

    restored = rule.restore(json.loads(json.dumps(asdict(state))))

    assert restored == state


@pytest.mark.parametrize(
    "wrong",
    [
        {"recent": [1.0] * 5},
        {"recent": 1.0},
        {"recent": [float("nan")]},
        {"low": 1.5},
        {"since": 9},
        {"since": -1},
        {"spikes": 0.5},
        {"more": 1},
    ],
    ids=str,
)
def test_a_wrong_state_is_refused(wrong):
    rule = ps.spike(window=4, recover=5, cooldown=2)

    assert rule.restore(asdict(rule.init()) | {"low": 1.0, "since": 5, "recent": [1] * 4}).recent == (1.0,) * 4
    with pytest.raises(StateError, match=r"^state of spike\(window=4, recover=5, cooldown=2\)"):
        rule.restore(asdict(rule.init()) | wrong)


@table(
    ("options", "message", "fix"),
    [
        ({"metric": ""}, "name of a metric", 'spike("val_loss")'),
        ({"sigma": 0}, "greater than 0", "0.1"),
        ({"window": 1}, "integer of at least 2", "window=3"),
        ({"factor": 1.0}, "less than 1", "factor=0.1"),
        ({"recover": 0}, "integer of at least 1", "recover=3"),
        ({"recover": "500 steps"}, "number of observations", "recover=500"),
        ({"window": "1 epoch"}, "number of observations", "window=3"),
        ({"cooldown": -1}, "integer of at least 0", "cooldown=1"),
        ({"spread": "mean"}, "unknown spread", "spread='mad'"),
        ({"mode": "up"}, "unknown mode", "mode='min'"),
        ({"min": 2.0}, "multiple of the planned value", "min=0.1"),
        ({"min": ps.absolute(1e-5)}, "expected a number", "min=0.0"),
        ({"nonfinite": "skip"}, "unknown nonfinite", "nonfinite='count'"),
    ],
)
def test_wrong_options_are_refused_with_a_correct_one(options, message, fix):
    with pytest.raises(InvalidArgument, match=message) as error:
        ps.spike(**options)

    assert fix in str(error.value) or error.value.is_example


def test_the_rule_is_text_and_joins_plateau():
    schedule = ps.parse('(warmup(10) >> cosine()) * spike("loss", recover=9) * plateau("val_loss")')

    assert ps.parse(str(schedule)) == schedule
    assert [rule.metric for rule in schedule.metric_rules] == ["loss", "val_loss"]


def test_replay_and_resume_give_the_values_of_an_uninterrupted_run():
    plan = ps.Plan(lr=ps.constant() * ps.spike(window=4, recover=6, cooldown=1), horizon=40)
    losses = [3.0, 3.1, 2.9, 3.0, 9.0, 3.0, 3.1, 8.0, 3.0, 3.0, 3.0, 3.0]

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = ps.Scheduler(optimizer, plan)
    whole = []
    for t, loss in enumerate(losses):
        if t == 6:
            saved = json.loads(json.dumps([optimizer.state_dict(), scheduler.state_dict()]))
        whole.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.observe(loss=loss)
    again = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    again.load_state_dict(saved[0])
    resumed_scheduler = ps.Scheduler(again, plan)
    resumed_scheduler.load_state_dict(saved[1])
    resumed = []
    for loss in losses[6:]:
        resumed.append(again.param_groups[0]["lr"])
        again.step()
        resumed_scheduler.observe(loss=loss)

    assert resumed == whole[6:]
    assert len(set(whole)) > 4
    events = [(t + 1, {"loss": loss}) for t, loss in enumerate(losses)]
    assert ps.replay(plan, events) == scheduler.states == resumed_scheduler.states


def test_the_factor_stays_1_after_the_recovery_during_a_longer_cooldown():
    rule = ps.spike(window=4, recover=2, cooldown=6)
    state = rule.init()
    factors = []
    for loss in (3.0, 3.1, 9.0, 3.0, 3.1, 3.0, 3.1, 3.0, 3.1):
        state = rule.observe(state, loss)
        factors.append(rule.apply(state, 1.0))

    assert factors == [1.0, 1.0, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]
