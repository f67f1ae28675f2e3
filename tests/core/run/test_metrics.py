"""Targets outside the optimizer, and rules that react to metrics."""

import numpy as np
import pytest
import torch

import paramsched as ps
from support.tables import table
from support.updates import planned, probe, run, used

LINE = ps.linear(1.0, 0.0)
LOSS, ACCURACY = ps.plateau("loss", patience=0, factor=0.5), ps.plateau("accuracy", mode="max", patience=1, factor=0.25)
ONE = ps.Plan(lr=LINE * LOSS, horizon=20)
TWO = ps.Plan(lr=LINE * LOSS, weight_decay=ps.linear(1.0, 0.5) * ACCURACY, horizon=20)
LR = planned(ps.Plan(lr=LINE, horizon=20), {"lr": 0.1})


def test_a_target_receives_each_new_value():
    told = []
    plan = ps.Plan(ps.Binding(ps.Target("temperature", 2.0, told.append), ps.linear(1.0, 0.0)), horizon=4)
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, plan)

    found = []
    for _ in range(4):
        found.append(scheduler.value("temperature"))
        optimizer.step()

    assert told == [*found, 0.0] == [2.0, 1.5, 1.0, 0.5, 0.0]


def test_a_target_and_fields_move_together():
    told = []
    plan = ps.Plan(ps.Binding(ps.Target("temperature", 1.0, told.append), LINE), lr=LINE, horizon=20)
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, plan)

    run(optimizer, 5)
    scheduler.seek(2)
    run(optimizer, 2)

    assert used(optimizer) == LR[:5] + LR[2:4]
    assert told == pytest.approx([value * 10 for value in [*LR[:6], *LR[2:5]]])  # base 1.0, not 0.1


@pytest.mark.parametrize(
    "metric", [1, 1.0, torch.tensor(1.0), torch.tensor(1), torch.tensor(1.0, requires_grad=True), np.float32(1)]
)
def test_a_metric_is_a_number_or_a_tensor_without_dimensions(metric):
    scheduler = ps.Scheduler(probe(), ONE)

    for _ in range(2):
        scheduler.observe(loss=metric)

    assert scheduler.get_lr() == [0.05]


def test_a_value_rejected_by_one_rule_changes_no_rule():
    plan = ps.Plan(lr=LINE * LOSS, weight_decay=LINE * ps.plateau("val", nonfinite="raise"), horizon=20)
    scheduler = ps.Scheduler(probe(), plan)
    before = scheduler.states

    with pytest.raises(ps.errors.InvalidArgument, match="must be finite"):
        scheduler.observe(loss=1.0, val=float("nan"))

    assert scheduler.states == before


def test_tensors_follow_metrics():
    optimizer = probe({"lr": torch.tensor(0.5)}, {"lr": torch.tensor(0.25)})
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=ps.constant() * LOSS, horizon=20))

    for _ in range(2):
        scheduler.observe(loss=1.0)
    run(optimizer, 1)

    assert [used(optimizer, "lr", i) for i in range(2)] == [[0.25], [0.125]]


def logged(caplog):
    """Return the texts of the warnings about metric rules."""
    return [one.getMessage() for one in caplog.records if "was ever reported" in one.getMessage()]


@table(("at", "is_logged"), [(0, True), (50, True), (51, False)])
def test_a_rule_without_a_metric_is_logged_if_at_most_half_of_the_updates_precede_a_resume(at, is_logged, caplog):
    plan = ps.Plan(lr=LINE * LOSS, horizon=100)
    saved, optimizer = probe(), probe()
    ps.Scheduler(saved, plan)
    run(saved, at)
    ps.Scheduler(optimizer, plan)
    optimizer.load_state_dict(saved.state_dict())
    caplog.clear()

    run(optimizer, 100 - at)

    assert len(logged(caplog)) == is_logged


@table("plan", [ONE, ps.Plan(lr=LINE, clock="progress"), ps.Plan(lr=LINE, horizon="9 tokens", clock="tokens")])
def test_a_metric_passed_as_an_amount_is_answered_with_observe(plan):
    scheduler = ps.Scheduler(probe(), plan)

    for method in (scheduler.report, scheduler.consumed):
        with pytest.raises(
            ps.errors.InvalidArgument, match=r"the metric loss\. For example: scheduler\.observe\(loss=0\.25\)$"
        ):
            method(loss=0.25)


def test_a_value_that_is_not_a_number_is_logged_once_for_each_metric(caplog):
    rules = 'hold("kl", at=1.0, gain=0.1) * hold("loss", at=1.0, gain=0.1) * plateau("accuracy")'
    scheduler = ps.Scheduler(probe(), ps.Plan(lr=rules))
    run(scheduler.optimizer, 3)

    for metric in ("kl", "kl", "loss", "accuracy", "kl"):
        scheduler.observe(**{metric: float("nan")})

    texts = [one.getMessage() for one in caplog.records]
    assert [text.partition(". ")[0] for text in texts] == [f"{one} is NaN after 3 updates" for one in ("kl", "loss")]
