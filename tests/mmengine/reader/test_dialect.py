"""Plans read from MMEngine's configs against real MMEngine."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import paramsched as ps
from paramsched.mmengine import reader as mmengine
from support import mmengine_peer as peer
from support.tables import table

CALENDAR = ps.Calendar(total=f"{peer.EPOCHS} epochs", steps_per_epoch=peer.LENGTH)


def planned(plan, kind, groups):
    """Return the values of a plan: a row per update, a column per field and group, unscheduled ones included."""
    optimizer = peer.optimizer_of(kind, groups)
    trace = ps.trace(plan, optimizer, CALENDAR)
    rows = np.tile(peer.present(optimizer), (trace.total, 1))
    for index, field in enumerate(peer.FIELDS):
        for group in range(groups):
            if (field, group) in trace:
                rows[:, index * groups + group] = trace[field, group]
    return rows


def with_ends(configs):
    """Add an end derived from the run's length, in the unit of each scheduler."""
    ends = {True: peer.EPOCHS, False: peer.EPOCHS * peer.LENGTH}
    return [{"end": ends[one.get("by_epoch", True)], **one} for one in configs]


@given(peer.lists())
def test_the_plan_of_a_list_has_mmengines_values(drawn):
    configs, kind, groups = drawn
    expected = peer.peer_values(configs, kind, groups)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = mmengine.to_plan(configs, calendar=CALENDAR)

    peer.assert_same(planned(plan, kind, groups), expected, kind, groups)


EACH = [
    ("Constant", {}),
    ("Constant", {"factor": 0.5}),
    ("CosineAnnealing", {"T_max": 6}),
    ("CosineAnnealing", {"T_max": 6, "eta_min": 0.01}),
    ("CosineAnnealing", {"eta_min_ratio": 0.1}),
    ("CosineRestart", {"periods": [2, 4], "restart_weights": [1, 0.5], "eta_min": 0.01}),
    ("CosineRestart", {"periods": [3, 3, 2], "restart_weights": [1, 0.7, 2], "eta_min_ratio": 0.1}),
    ("Exponential", {"gamma": 0.8}),
    ("Linear", {}),
    ("Linear", {"start_factor": 0.1, "end_factor": 0.7}),
    ("MultiStep", {"milestones": [1, 4, 4], "gamma": 0.5}),
    ("OneCycle", {"eta_max": 0.5}),
    ("OneCycle", {"eta_max": 0.5, "anneal_strategy": "linear", "three_phase": True, "pct_start": 0.4}),
    ("OneCycle", {"eta_max": 0.5, "div_factor": 10.0, "final_div_factor": 100.0}),
    ("Poly", {}),
    ("Poly", {"power": 2.0, "eta_min": 0.01}),
    ("Step", {"step_size": 2, "gamma": 0.5}),
]
WINDOWS = [
    {},
    {"begin": 3, "end": 9},
    {"by_epoch": False, "end": 7},
    {"by_epoch": False, "begin": 4},
    {"begin": 1.5, "end": 7.5},
    {"convert_to_iter_based": True, "begin": 1, "end": 9},
]


@table(("curve", "arguments"), EACH)
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("family", ["LR", "Momentum"])
def test_each_class_in_each_window_has_mmengines_values(family, window, curve, arguments):
    if (curve == "OneCycle" and (family == "Momentum" or window.get("begin"))) or (
        curve == "Exponential" and "convert_to_iter_based" in window
    ):
        return
    configs = [{"type": curve + family, **arguments, **window}]
    if curve == "OneCycle":
        configs[0].pop("end", None)
    expected = peer.peer_values(configs, "SGD", 2)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = mmengine.to_plan(configs, calendar=CALENDAR)

    peer.assert_same(planned(plan, "SGD", 2), expected, "SGD", 2)


@table(("curve", "arguments"), EACH)
@pytest.mark.parametrize("warm", [{"by_epoch": False, "end": 6}, {"end": 3}], ids=str)
def test_each_class_after_a_warmup_has_mmengines_values(warm, curve, arguments):
    if curve == "OneCycle":  # it writes its own levels
        return
    configs = [{"type": "LinearLR", "start_factor": 0.1, **warm}, {"type": f"{curve}LR", **arguments}]
    expected = peer.peer_values(configs, "SGD", 2)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = mmengine.to_plan(configs, calendar=CALENDAR)

    peer.assert_same(planned(plan, "SGD", 2), expected, "SGD", 2)


WRONG = [
    ({"type": "ConstantLR", "factor": -1}, "factor"),
    ({"type": "LinearLR", "start_factor": 2}, "start_factor"),
    ({"type": "CosineAnnealingLR", "eta_min": 0.1, "eta_min_ratio": 0.1}, "eta_min_ratio"),
    ({"type": "CosineRestartLR", "periods": [1], "restart_weights": [1, 2], "eta_min": 0}, "restart_weights"),
    ({"type": "CosineRestartLR", "periods": [0, 1], "restart_weights": [1, 2], "eta_min": 0}, "periods"),
    ({"type": "CosineRestartLR", "periods": [1], "restart_weights": [1]}, "eta_min"),
    ({"type": "OneCycleLR", "eta_max": "high"}, "eta_max"),
    ({"type": "OneCycleLR", "eta_max": 0.1, "total_steps": -3}, "total_steps"),
    ({"type": "OneCycleLR", "eta_max": 0.1, "anneal_strategy": "exp"}, "anneal_strategy"),
    ({"type": "OneCycleLR", "eta_max": 0.1, "three_phase": "no"}, "three_phase"),
    ({"type": "OneCycleLR", "eta_max": 0.1, "div_factor": 0}, "div_factor"),
    ({"type": "OneCycleMomentum", "eta_max": 0.1}, "type"),
    ({"type": "OneCycleParamScheduler", "param_name": "momentum", "eta_max": 0.1}, "param_name"),
    ({"type": "ReduceOnPlateauLR", "factor": 1.0}, "factor"),
    ({"type": "ReduceOnPlateauLR", "threshold": -1}, "threshold"),
    ({"type": "ReduceOnPlateauLR", "rule": "min"}, "rule"),
    ({"type": "ReduceOnPlateauLR", "threshold_rule": "x"}, "threshold_rule"),
    ({"type": "ReduceOnPlateauLR", "by_epoch": False}, "by_epoch"),
    ({"type": "ReduceOnPlateauLR", "min_value": "low"}, "min_value"),
    ({"type": "StepLR", "step_size": 1, "last_step": -2}, "last_step"),
    ({"type": "StepLR", "step_size": 1, "convert_to_iter_based": True, "by_epoch": False}, "convert_to_iter_based"),
    ({"type": "StepLR"}, "step_size"),
    ({"type": "StepLR", "step_size": 1, "gama": 0.5}, "gama"),
    ({"type": "PolyLR", "power": "x"}, "power"),
    ({"step_size": 1}, "type"),
    ({"type": 3, "step_size": 1}, "type"),
]


@table(("config", "name"), WRONG)
def test_each_wrong_argument_is_one_error_at_its_place(config, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ps.errors.ConfigError) as refusal:
            mmengine.to_plan([{"type": "ExponentialLR", "gamma": 0.9}, config], calendar=CALENDAR)

    assert [problem.split(":")[0] for problem in refusal.value.problems] == [f"$[1].{name}"]


@given(peer.lists())
def test_a_list_read_without_an_epoch_length_has_mmengines_values_once_it_is_known(drawn):
    configs, kind, groups = drawn
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            plan = mmengine.to_plan({"param_scheduler": with_ends(configs), "train_cfg": {"max_epochs": peer.EPOCHS}})
        except ps.errors.MissingFact:
            reject()
    least = [int(found[1]) for one in told if (found := re.search(r"from (\d+) iterations", str(one.message)))]
    if max(least, default=1) > peer.LENGTH:
        reject()

    peer.assert_same(planned(plan, kind, groups), peer.peer_values(with_ends(configs), kind, groups), kind, groups)


@table("end", [2.5, 0.75, 1.125, 3.0])
@pytest.mark.parametrize("curve", ["Linear", "Constant", "Poly"])
@pytest.mark.parametrize("length", [5, 6, 8, 50])
def test_a_fraction_of_an_epoch_is_truncated_to_iterations_as_in_mmengine(curve, end, length):
    config = {"type": f"{curve}LR", "begin": 0, "end": end, "by_epoch": True, "convert_to_iter_based": True}
    facts = ps.Calendar(steps_per_epoch=length)
    plan = mmengine.to_plan({"param_scheduler": config, "train_cfg": {"max_epochs": 4}})
    optimizer = peer.optimizer_of("SGD", 1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built = peer.built_by_peer([config], optimizer, 4, length)
        expected = peer.run(built, optimizer, 4, length)[:, 0]

    np.testing.assert_allclose(ps.trace(plan, {"lr": 0.1}, facts)["lr"], expected, rtol=1e-12)


def test_schedulers_by_optimizer_select_their_groups():
    config = {
        "generator": [{"type": "StepLR", "step_size": 2}],
        "discriminator": [{"type": "ExponentialLR", "gamma": 0.5}],
    }

    plan = mmengine.to_plan(config, calendar=CALENDAR)

    assert {binding.groups: str(binding.schedule) for binding in plan.bindings} == {
        "generator": 'step("2 epochs")',
        "discriminator": 'every(exponential(0.5, "1 epoch"), "1 epoch")',
    }


def test_a_peak_per_group_becomes_a_binding_per_group():
    config = {"type": "OneCycleLR", "eta_max": [0.1, 0.5]}
    plan = mmengine.to_plan(config, calendar=CALENDAR)

    peer.assert_same(planned(plan, "SGD", 2), peer.peer_values([config], "SGD", 2), "SGD", 2)


def test_a_plateau_becomes_a_metric_rule_with_a_floor_as_a_multiple_of_base():
    config = {
        "param_scheduler": {"type": "ReduceOnPlateauLR", "monitor": "acc", "rule": "greater", "min_value": 0.001},
        "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1}},
        "train_cfg": {"max_epochs": 5},
        "val_cfg": {},
    }

    (rule,) = mmengine.to_plan(config).metric_rules

    assert (rule.metric, rule.mode, rule.min, rule.eps) == ("acc", "max", 0.01, 1e-7)


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"type": "ReduceOnPlateauLR", "begin": 2}, r"\$"),
        ({"type": "ReduceOnPlateauLR", "min_value": 0.1}, r"\$\.min_value"),
        ({"type": "OneCycleLR", "eta_max": 0.1, "total_steps": 3}, r"\$\.total_steps"),
        ({"type": "StepLR", "step_size": 1, "last_step": 3}, r"\$\.last_step"),
        ({"type": "StepParamScheduler", "step_size": 1}, r"\$\.param_name"),
        ([], r"\$"),
        ({}, r"\$"),
        (3, r"\$"),
        ({"train_cfg": {"max_epochs": 3}}, r"\$"),
        ({"a": {"type": "StepLR", "step_size": 0}}, r"\$\.a\.step_size"),
    ],
)
def test_an_invalid_config_is_rejected_with_its_location(config, path):
    with pytest.raises(ps.errors.ConfigError, match=path + ":"):
        mmengine.to_plan(config, calendar=CALENDAR)


@given(peer.lists(), st.data())
def test_every_error_is_reported_with_its_location(drawn, data):
    configs, _, _ = drawn
    spoiled = []
    for index, config in enumerate(configs):
        name = data.draw(st.sampled_from(sorted(set(config) - {"convert_to_iter_based", "begin"})))
        configs[index] = {**config, name: {"type": "NoLR", "by_epoch": "yes"}.get(name, {"not": "this"})}
        spoiled.append(f"$[{index}].{name}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ps.errors.ConfigError) as refusal:
            mmengine.to_plan(configs, calendar=CALENDAR)

    told = {problem.split(":")[0] for problem in refusal.value.problems}
    assert told == set(spoiled)
