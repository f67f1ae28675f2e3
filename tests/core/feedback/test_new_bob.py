"""New-bob: the annealing of SpeechBrain, and absolute floors of plateau and new-bob."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.feedback import MetricRule, greedy, new_bob, plateau
from paramsched.core.schedules import absolute, parse
from paramsched.errors import InvalidArgument, StateError

METRICS = st.lists(st.sampled_from([0.0, 0.5, 0.99, 0.998, 1.0, 1.1]) | st.floats(0.0, 3.0), max_size=40)


def speechbrains(metrics, factor, threshold, patience):
    """Apply the formula of SpeechBrain step by step."""
    value, before, left = 1.0, None, patience
    for metric in metrics:
        if before is not None:
            improvement = 0 if before == 0 else (before - metric) / before
            if improvement < threshold:
                if left == 0:
                    value *= factor
                    left = patience
                else:
                    left -= 1
        before = metric
        yield value


def own_values(rule, metrics, value=1.0):
    state = rule.init()
    for metric in metrics:
        state = rule.observe(state, metric)
        yield rule.apply(state, value, value)


@given(METRICS, st.sampled_from([0.5, 0.9]), st.sampled_from([0.0, 0.0025, 0.1]), st.integers(0, 3))
def test_values_equal_speechbrain(metrics, factor, threshold, patience):
    rule = new_bob(factor=factor, threshold=threshold, patience=patience)

    assert list(own_values(rule, metrics)) == list(speechbrains(metrics, factor, threshold, patience))


def test_compared_with_the_best_value_a_recovery_is_not_an_improvement():
    losses = (1.0, 2.0, 1.5)

    assert list(own_values(new_bob(), losses)) == [1.0, 0.5, 0.5]
    assert list(own_values(new_bob(against="best"), losses)) == [1.0, 0.5, 0.25]


def test_a_higher_metric_can_be_better():
    assert list(own_values(new_bob(mode="max"), (0.5, 0.6, 0.6))) == [1.0, 1.0, 0.5]


@pytest.mark.parametrize(
    "rule",
    [
        new_bob(min=absolute(0.03)),
        plateau(patience=0, factor=0.5, min=absolute(0.03)),
    ],
    ids=["new_bob", "plateau"],
)
def test_a_floor_may_be_an_absolute_value(rule):
    assert list(own_values(rule, [1.0] * 4, 0.2)) == [0.2, 0.1, 0.05, 0.03]
    assert list(own_values(rule, [1.0] * 3, 0.01)) == [0.01] * 3


def test_nan_is_not_an_improvement_and_can_be_skipped():
    losses = (1.0, float("nan"), 0.5)

    assert list(own_values(new_bob(), losses)) == [1.0, 0.5, 0.5]
    assert list(own_values(new_bob(nonfinite="ignore"), losses)) == [1.0] * 3


@given(METRICS)
def test_a_saved_state_can_be_restored(metrics):
    rule = new_bob(patience=1)
    state = rule.init()
    for metric in metrics:
        state = rule.observe(state, metric)

    assert rule.restore(json.loads(json.dumps(asdict(state)))) == state


def test_an_invalid_state_is_rejected():
    with pytest.raises(StateError, match="must be at most 1"):
        new_bob().restore({"reference": None, "waited": 0, "factor": 2.0})


def test_its_text_reads_back_unchanged():
    text = 'constant() * new_bob("val_loss", min=absolute(1e-05))'
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("options", "message"), [({"factor": 2}, "less than 1"), ({"against": "last"}, "unknown against")]
)
def test_invalid_arguments_are_rejected(options, message):
    with pytest.raises(InvalidArgument, match=message):
        new_bob(**options)


@dataclass(frozen=True)
class SpikeState:
    last: float | None = None
    spikes: int = 0


@dataclass(frozen=True)
class Spikes(MetricRule[SpikeState]):
    """A user rule that halves the value after each spike of the metric."""

    metric: str
    above: float

    def init(self) -> SpikeState:
        return SpikeState()

    def observe(self, state: SpikeState, value: float) -> SpikeState:
        jumps = state.last is not None and value > self.above * state.last
        return SpikeState(value, state.spikes + jumps)

    def apply(self, state: SpikeState, value: Any, base: Any = 1.0) -> Any:
        return value if state.spikes == 0 else value * 0.5**state.spikes

    def restore(self, data: dict[str, Any]) -> SpikeState:
        return SpikeState(**data)


@pytest.mark.parametrize(
    "rule", [Spikes("loss", 2.0), new_bob("loss"), greedy("loss", patience=0, factor=0.5, window=2)]
)
def test_a_rule_drives_a_scheduler_and_its_state_continues_after_a_checkpoint(rule):
    def scheduled():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.2)
        return optimizer, ps.Scheduler(optimizer, ps.Plan(lr=ps.constant() * rule, horizon=50))

    optimizer, scheduler = scheduled()
    losses = [1.0, 3.0, 1.0, 9.0, 8.0, 8.0]
    state = rule.init()
    for loss in losses:
        scheduler.observe(loss=loss)
        state = rule.observe(state, loss)
        optimizer.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(rule.apply(state, 0.2, 0.2))
    saved = json.loads(json.dumps(scheduler.state_dict()))
    again, resumed = scheduled()
    resumed.load_state_dict(saved)
    assert resumed.states == scheduler.states
    assert again.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


def test_the_factor_falls_after_more_values_without_an_improvement_than_the_patience():
    rule = parse('constant() * new_bob("loss", patience=2)').metric_rules[0]
    state, factors = rule.init(), []
    for _ in range(8):
        state = rule.observe(state, 1.0)
        factors.append(state.factor)

    assert factors == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]
