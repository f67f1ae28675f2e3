"""Warnings that are errors (`python -W error`): a start writes nothing before them, and an update is complete."""

import copy
import warnings

import pytest
import torch

import paramsched as ps
from support.updates import group, planned

TOTAL = 10
PLAN = ps.Plan(lr="linear()", horizon=TOTAL)


@pytest.fixture(autouse=True)
def errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def sgd(lr=0.1):
    return torch.optim.SGD([group(lr=lr)])


def stepped(**entries):
    optimizer = torch.optim.AdamW([group(**entries)], lr=0.1)
    optimizer.step()
    optimizer.step()
    return optimizer


def with_warmup():
    return torch.optim.SGD([group(lr=0.1, warmup_steps=5)])


def decayed_in_part():
    return torch.optim.AdamW([group(weight_decay=0.1), group(weight_decay=0.0)], lr=0.1)


STARTS = {
    "an end that looks like a rate": (sgd, ps.Plan(lr="cosine(to=1e-8)", horizon=TOTAL), {}),
    "a base of 0": (lambda: sgd(0.0), PLAN, {}),
    "two warmups": (with_warmup, ps.Plan(lr="warmup(5) >> constant()", horizon=TOTAL), {}),
    "a decay that one group has": (
        decayed_in_part,
        ps.Plan(weight_decay="linear(1, absolute(0.4))", horizon=TOTAL),
        {},
    ),
    "an unknown position": (stepped, PLAN, {}),
    "bases of another scheduler": (stepped, PLAN, {"t": 2}),
    "a run that is over": (lambda: stepped(initial_lr=0.1), PLAN, {"t": TOTAL + 1}),
}


@pytest.mark.parametrize("name", STARTS)
def test_a_start_that_warns_has_changed_nothing(name):
    make, plan, given = STARTS[name]
    optimizer = make()
    before = [copy.copy(one) for one in optimizer.param_groups]
    entries = {key: len(value) for key, value in vars(optimizer).items() if key.endswith("_hooks")}

    with pytest.raises(UserWarning):
        ps.Scheduler(optimizer, plan, **given)

    assert optimizer.param_groups == before
    assert {key: len(value) for key, value in vars(optimizer).items() if key.endswith("_hooks")} == entries


def by_hooks(plan, **given):
    optimizer = sgd()
    return ps.Scheduler(optimizer, plan, **given), [optimizer], optimizer.step


def by_hand(plan, **given):
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, plan, drive="manual", **given)
    return scheduler, [optimizer], scheduler.step


def of_several(drive):
    def begin(plan, **given):
        both = {"a": sgd(), "b": sgd(0.2)}
        scheduler = ps.Scheduler(both, plan, drive=drive, **given)

        def step():
            raised = []
            for one in (both["b"], both["a"]):
                try:
                    one.step()
                except UserWarning as error:
                    raised.append(error)
            if drive == "manual":
                scheduler.step()
            if raised:
                raise raised[0]

        return scheduler, [*both.values()], step

    return begin


BEGINS = {
    "hooks": by_hooks, "by hand": by_hand, "shared": of_several("optimizer"), "driven by one": of_several("a"),
    "several by hand": of_several("manual"),
}  # fmt: skip
PLANS = {
    "updates": (PLAN, {}),
    "amounts": (ps.Plan(lr="linear()", clock="tokens", horizon="1000 tokens"), {"tokens_per_step": 100}),
    "a target": (ps.Plan(ps.Binding(ps.Target("dropout", 0.5), "linear()"), lr="linear(1, 0.5)", horizon=TOTAL), {}),
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("begin", BEGINS)
def test_the_update_that_tells_the_end_of_the_plan_is_complete(begin, plan):
    plan, facts = PLANS[plan]
    scheduler, optimizers, step = BEGINS[begin](plan, **facts)
    raised = []
    for update in range(1, TOTAL + 40):
        try:
            step()
        except UserWarning as warned:
            raised.append((update, "[PS406]" in str(warned)))
        assert scheduler.t == update
        for one in optimizers:
            assert one.param_groups[0]["paramsched_t"] == update
            assert one.state_dict()["param_groups"][0]["paramsched_t"] == update

    assert raised == [(TOTAL + 1, True)]


@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("begin", BEGINS)
def test_the_update_that_tells_an_external_write_is_complete(begin, tensor):
    scheduler, optimizers, step = BEGINS[begin](PLAN)
    expected = planned(PLAN, {"lr": 0.1})
    (optimizer, *_) = optimizers
    raised = []
    for update in range(1, 5):
        optimizer.param_groups[0]["lr"] = torch.tensor(0.7) if tensor else 0.7
        try:
            step()
        except UserWarning as warned:
            raised.append((update, str(warned).startswith("lr of group")))
        assert scheduler.t == optimizer.param_groups[0]["paramsched_t"] == update
        assert optimizer.param_groups[0]["lr"] == expected[update]

    assert raised == [(1, True)]


def test_a_load_that_warns_has_loaded():
    optimizer, saved = torch.optim.AdamW([group()], lr=0.1), stepped().state_dict()
    scheduler = ps.Scheduler(optimizer, PLAN)
    optimizer.step()

    with pytest.raises(UserWarning, match="no update count"):
        optimizer.load_state_dict(saved)

    assert (scheduler.t, optimizer.param_groups[0]["paramsched_t"], optimizer.param_groups[0]["lr"]) == (0, 0, 0.1)
