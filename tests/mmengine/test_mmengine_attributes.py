"""Attributes that a user changes between two steps of a MMEngine drop-in act as in MMEngine."""

import copy
from collections import Counter

import mmengine.optim.scheduler as peers
import torch

from paramsched.mmengine import schedulers as ours
from support.tables import table

STEPS, CHANGED_AT = 14, 4
WINDOW = {"begin": 1, "end": 11}
# The arguments of each class, and the attributes to set.
CLASSES = {
    "Constant": ({"factor": 0.5}, [{"factor": 0.25}, {"total_iters": 7}]),
    "CosineAnnealing": ({"T_max": 9, "eta_min": 0.01}, [{"T_max": 12}, {"eta_min": 0.02}]),
    "CosineAnnealing with a ratio": ({"T_max": 9, "eta_min_ratio": 0.1}, [{"eta_min_ratio": 0.3}]),
    "CosineRestart": (
        {"periods": [4, 6], "restart_weights": [1.0, 0.5], "eta_min": 0.01},
        [
            {"periods": [5, 7], "cumulative_periods": [5, 12]},
            {"restart_weights": [0.8, 0.4]},
            {"eta_min": 0.03},
            {"eta_min_ratio": 0.2, "eta_min": None},
        ],
    ),
    "Exponential": ({"gamma": 0.8}, [{"gamma": 0.7}]),
    "Linear": (
        {"start_factor": 0.2, "end_factor": 0.9},
        [{"start_factor": 0.4}, {"end_factor": 0.7}, {"total_iters": 12}],
    ),
    "MultiStep": ({"milestones": [2, 6], "gamma": 0.5}, [{"milestones": Counter([3, 5, 5])}, {"gamma": 0.3}]),
    "Poly": ({"eta_min": 0.01, "power": 2.0}, [{"eta_min": 0.02}, {"power": 1.5}, {"total_iters": 12}]),
    "Step": ({"step_size": 3, "gamma": 0.5}, [{"step_size": 2}, {"gamma": 0.4}]),
}
EVERY = [{"begin": 6}, {"end": 8}, {"last_step": 2}, {"param_name": "momentum"}, {"base_values": [0.2, 0.3]}]


def sgd():
    groups = [
        {"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr, "momentum": m} for lr, m in ((0.5, 0.9), (0.1, 0.8))
    ]
    return torch.optim.SGD(groups, lr=0.1)


def run(library, name, act):
    """Return the values of both groups after each step, where `act(scheduler)` acts between two steps."""
    optimizer = sgd()
    arguments = CLASSES[name][0]
    scheduler = getattr(library, name.split()[0] + "ParamScheduler")(optimizer, "lr", **arguments, **WINDOW)
    rows = []
    for step in range(STEPS):
        if step == CHANGED_AT:
            scheduler = act(scheduler) or scheduler
        rows.append([group[field] for group in scheduler.optimizer.param_groups for field in ("lr", "momentum")])
        rows.append(scheduler.get_last_value())
        scheduler.optimizer.step()
        scheduler.step()
    return rows


def setting(attributes):
    def act(scheduler):
        assert attributes.keys() <= vars(scheduler).keys()
        vars(scheduler).update(copy.copy(attributes))

    return act


@table(("name", "attributes"), [(name, one) for name, (_, own) in CLASSES.items() for one in (*own, *EVERY)])
def test_an_attribute_that_is_set_acts_from_the_next_step_on(name, attributes):
    expected = run(peers, name, setting(attributes))

    found = run(ours, name, setting(attributes))

    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def edited(scheduler):
    scheduler.milestones[3] += 2
    del scheduler.milestones[6]


@table(
    ("name", "act"),
    [
        ("MultiStep", edited),
        ("CosineRestart", lambda one: one.restart_weights.__setitem__(1, 0.25)),
        ("Linear", lambda one: one.base_values.__setitem__(0, 3.0)),
        ("CosineRestart", lambda one: one.base_values.__setitem__(0, 3.0)),
        ("Step", lambda one: one.optimizer.param_groups[1].update(lr=7.0)),
        ("Poly", lambda one: one.optimizer.param_groups[1].update(lr=7.0)),
        ("Linear", lambda one: setattr(one, "last_step", one.last_step - 1)),
    ],
)
def test_a_list_that_is_edited_in_place_acts_from_the_next_step_on(name, act):
    expected = run(peers, name, act)

    found = run(ours, name, act)

    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@table("attributes", [{"verbose": True}, {"optimizer": None}])
def test_a_later_verbose_and_a_later_optimizer_act_too(attributes, capsys):
    def act(scheduler):
        vars(scheduler).update({key: value or sgd() for key, value in attributes.items()})

    expected = run(peers, "Step", act)
    capsys.readouterr()
    found = run(ours, "Step", act)

    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert capsys.readouterr().out.count("Adjusting parameter value of group") == (12 if "verbose" in attributes else 0)
