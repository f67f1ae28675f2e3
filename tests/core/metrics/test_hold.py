"""Hold: equal to the published controllers, update by update."""

import copy
import json
import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from core.metrics.rule_properties import check_rule
from paramsched.core.metrics.metric_rules import HoldState, hold
from paramsched.errors import InvalidArgument
from support.replay import replay
from support.tables import table

VALUES = st.lists(
    st.floats(-1.0, 30.0) | st.sampled_from([0.0, 3.0, 6.0, 12.0, math.inf, -math.inf]), min_size=1, max_size=60
)


class AdaptiveKLController:
    """As in TRL until 0.11, in OpenRLHF and in verl (Ziegler et al. 2019, equation after (3))."""

    def __init__(self, init_kl_coef, target, horizon):
        self.value = init_kl_coef
        self.target = target
        self.horizon = horizon

    def update(self, current, n_steps):
        proportional_error = np.clip(current / self.target - 1, -0.2, 0.2)
        self.value *= 1 + proportional_error * n_steps / self.horizon


class PenaltyOfPPO:
    """The adaptive KL penalty of Schulman et al. 2017, section 4."""

    def __init__(self, beta, target):
        self.value = beta
        self.target = target

    def update(self, d):
        if d < self.target / 1.5:
            self.value /= 2
        elif d > self.target * 1.5:
            self.value *= 2


class RateOfRSL:
    """The schedule "adaptive" of rsl_rl's PPO."""

    def __init__(self, learning_rate, desired_kl):
        self.value = learning_rate
        self.desired_kl = desired_kl

    def update(self, kl):
        if kl > self.desired_kl * 2.0:
            self.value = max(1e-5, self.value / 1.5)
        elif kl < self.desired_kl / 2.0 and kl > 0.0:
            self.value = min(1e-2, self.value * 1.5)


class KLAdaptiveLR:
    """skrl's scheduler, with its defaults."""

    def __init__(self, lr, kl_threshold, min_lr=1e-6, max_lr=1e-2, kl_factor=2, lr_factor=1.5):
        self.value = lr
        self.kl_threshold = kl_threshold
        self.min_lr = min_lr
        self.max_lr = max_lr
        self._kl_factor = kl_factor
        self._lr_factor = lr_factor

    def update(self, kl):
        if kl > self.kl_threshold * self._kl_factor:
            self.value = max(self.value / self._lr_factor, self.min_lr)
        elif kl < self.kl_threshold / self._kl_factor:
            self.value = min(self.value * self._lr_factor, self.max_lr)


class AdaptiveEntropy:
    """The coefficient of TRL's `use_adaptive_entropy`, after Skywork-OR1."""

    def __init__(self, coef, target, delta, least, most):
        self.value = coef
        self.target = target
        self.delta = delta
        self.least = least
        self.most = most

    def update(self, entropy):
        if entropy <= self.target:
            self.value = min(self.value + self.delta, self.most)
        else:
            self.value = max(self.value - self.delta, self.least)


def assert_same_values(rule, base, controller, values, update=None):
    """Compare the values of a run with those of a controller that changes the value itself."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=base)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=1.0 * rule))
    for value in values:
        optimizer.step()
        scheduler.observe(kl=value)
        (update or controller.update)(value)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(controller.value, rel=1e-12)


@given(VALUES, st.sampled_from([(0.2, 6.0, 10_000, 256), (0.05, 0.1, 100, 100)]))
def test_a_gain_is_the_controller_of_ziegler(values, options):
    coef, target, horizon, steps = options
    original = AdaptiveKLController(coef, target, horizon)

    rule = hold("kl", at=target, gain=steps / horizon, nonfinite="count")
    assert_same_values(rule, coef, original, values, lambda kl: original.update(kl, steps))


@given(VALUES, st.sampled_from([0.01, 1.0, 6.0]))
def test_a_factor_is_the_penalty_of_ppo(values, target):
    rule = hold("kl", at=target, factor=2, bands=(1 / 1.5, 1.5), nonfinite="count")

    edges = {target / 1.5, target * 1.5}  # rounded differently
    assert_same_values(rule, 1.0, PenaltyOfPPO(1.0, target), [x for x in values if x > 0 and x not in edges])


@given(VALUES)
def test_a_factor_that_lowers_is_the_rate_of_rsl_rl(values):
    bounds = {"low": 1e-5 / 1e-3, "high": 1e-2 / 1e-3}
    rule = hold("kl", at=3.0, factor=1.5, when_high="lower", nonfinite="count", **bounds)

    assert_same_values(rule, 1e-3, RateOfRSL(1e-3, 3.0), values)


@given(VALUES, st.sampled_from([0.008, 3.0]))
def test_a_factor_that_lowers_is_the_rate_of_skrl_at_values_above_0(values, target):
    bounds = {"low": 1e-6 / 1e-3, "high": 1e-2 / 1e-3}
    rule = hold("kl", at=target, factor=1.5, when_high="lower", nonfinite="count", **bounds)

    assert_same_values(rule, 1e-3, KLAdaptiveLR(1e-3, target), [x for x in values if x > 0])


@pytest.mark.parametrize("start", [ps.Scheduler, ps.Values])
def test_a_value_of_0_or_less_moves_no_factor_and_is_reported_once(start):
    line = 'constant() * hold("kl", at=0.01, factor=1.5, when_high="lower", nonfinite="count")'
    group = {"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1.0}
    run = start(torch.optim.SGD([group]), line) if start is ps.Scheduler else ps.Values({"rate": line})

    with pytest.warns(ps.PlanWarning):
        run.observe(kl=0.0)
    for value in (-0.0, -0.001, -math.inf, 0.008, 0.0):
        run.observe(kl=value)  # without a second warning, which would be an error

    assert (run.value("lr") if start is ps.Scheduler else run["rate"]) == 1.0
    run.observe(kl=0.004)
    assert (run.value("lr") if start is ps.Scheduler else run["rate"]) == 1.5


@given(VALUES)
def test_a_sum_that_lowers_is_the_adaptive_entropy_of_trl(values):
    rule = hold("kl", at=3.0, add=0.005 / 0.1, when_high="lower", high=10.0, nonfinite="count")
    original = AdaptiveEntropy(0.1, 3.0, 0.005, 0.0, 1.0)

    state = rule.init()
    for value in values:
        if value == 3.0:  # TRL adds here
            continue
        state = rule.observe(state, value)
        original.update(value)
        assert rule.apply(state, 0.1) == pytest.approx(original.value, rel=1e-12, abs=1e-12)


@given(VALUES, st.sampled_from(["gain", "factor", "add"]))
def test_lowering_is_the_inverse_of_raising(values, form):
    up, down = (hold("kl", at=3.0, **{form: 1.5}, when_high=way, low=None) for way in ("raise", "lower"))
    for value in values:
        raised = up.observe(HoldState(10.0), value).multiple
        lowered = down.observe(HoldState(10.0), value).multiple
        assert raised + lowered == pytest.approx(20.0) if form != "factor" else raised * lowered == pytest.approx(100.0)


@table("options", [{"gain": 0.5}, {"factor": 2.0}, {"add": 0.5}, {"add": 0.5, "low": -3.0, "high": 1.5}])
def test_every_rule_of_metric_rules_is_kept(options):
    check_rule(hold("kl", at=0.5, **options))


def test_the_state_is_in_checkpoints_and_replayed_from_observations():
    def started():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        plan = ps.Plan(
            ps.Binding(ps.Target("beta", 0.2), 'constant() * hold("kl", at=1, gain=0.3)'), lr="linear()", total=9
        )
        return optimizer, ps.Scheduler(optimizer, plan)

    optimizer, scheduler = started()
    values = []
    kls = [3.0, 0.5, 1.1, 0.9, 7.0, 0.1]
    for kl in kls:
        optimizer.step()
        scheduler.observe(kl=kl)
        values.append(scheduler.value("beta"))
        if len(values) == 3:
            saved = json.loads(json.dumps(scheduler.state_dict())), copy.deepcopy(optimizer.state_dict())

    optimizer, resumed = started()
    optimizer.load_state_dict(saved[1])
    resumed.load_state_dict(saved[0])
    again = []
    for kl in kls[3:]:
        optimizer.step()
        resumed.observe(kl=kl)
        again.append(resumed.value("beta"))
    assert again == values[3:]
    assert replay(scheduler.plan, [(t + 1, {"kl": kl}) for t, kl in enumerate(kls)]) == scheduler.states


NUMBERS = (-0.5, 0.0, 0.5, 1.0, 2.0)
BANDS = ((-0.5, 1.0), (0.0, 1.0), (0.5, 0.5), (0.5, 2.0), (2.0, 0.5))


def allowed(at, low, high, gain=None, limit=None, factor=None, bands=None, add=None):
    """Return whether the documentation of `hold` allows these arguments, of which only one form is passed."""
    if gain is not None:
        is_valid = gain > 0 and limit > 0 and gain * limit < 1
    else:
        is_valid = add > 0 if factor is None else factor > 1 and 0 < bands[0] <= bands[1]
    return is_valid and low <= 1 <= high and (add is not None or (at > 0 and low >= 0))


@table(("form", "choices"), [(("gain", "limit"), (NUMBERS,)), (("factor", "bands"), (BANDS,)), (("add",), ())])
def test_the_arguments_that_are_accepted_are_those_of_the_documentation(form, choices):
    for numbers in product(NUMBERS, NUMBERS, NUMBERS, NUMBERS, *choices):
        options = dict(zip(("at", "low", "high", *form), numbers, strict=True))
        try:
            hold("kl", **options)
            accepted = True
        except InvalidArgument:
            accepted = False
        assert accepted == allowed(**options), options


@pytest.mark.parametrize(("form", "least"), [({"add": 0.75}, 0.0), ({"factor": 2.0}, 1e-300)])
def test_without_low_a_sum_ends_at_0_and_a_factor_never_does(form, least):
    rule = hold("kl", at=1.0, **form)
    state = HoldState()
    for _ in range(1100):
        state = rule.observe(state, 0.1)

    assert state.multiple >= least
    assert (state.multiple == 0.0) is (least == 0.0)
    assert rule.restore({"multiple": state.multiple}) == state
