"""Damaged MMEngine configs as dicts are simulated, or give an error of the library."""

import inspect
import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.mmengine import simulate
from paramsched.mmengine.schedulers.families import SCHEDULER_CLASSES

NUMBERS = st.one_of(
    st.integers(-3, 50),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.sampled_from([10**400, -(10**400), math.inf, math.nan, 1e308, 0.5, True]),
)
ODD = st.recursive(
    st.one_of(NUMBERS, st.none(), st.text(max_size=4), st.sampled_from(["lr", "StepLR", int, math, b"x", 1j])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)
NAMES = (
    "type", "begin", "end", "by_epoch", "convert_to_iter_based", "milestones", "gamma", "step_size", "T_max", "eta_min",
    "eta_min_ratio", "start_factor", "end_factor", "factor", "power", "periods", "restart_weights", "eta_max",
    "total_steps", "pct_start", "param_name", "last_step", "verbose", "monitor", "patience", "min_value", "threshold",
)  # fmt: skip
KINDS = st.sampled_from([*SCHEDULER_CLASSES, "OneCycleMomentum"])
ENTRIES = st.one_of(NUMBERS, st.lists(NUMBERS, max_size=3), st.booleans(), ODD)
SCHEDULERS = st.builds(
    lambda kind, more: {"type": kind, **more}, KINDS, st.dictionaries(st.sampled_from(NAMES[1:]), ENTRIES, max_size=5)
)
OPTIMIZERS = st.dictionaries(st.sampled_from(["type", "lr", "momentum", "betas", "weight_decay"]), ENTRIES, max_size=4)
WHOLE = st.fixed_dictionaries(
    {
        "param_scheduler": st.one_of(
            SCHEDULERS, st.lists(SCHEDULERS, max_size=3), st.dictionaries(st.text(), SCHEDULERS)
        )
    },
    optional={
        "train_cfg": st.one_of(
            ODD,
            st.dictionaries(st.sampled_from(["type", "by_epoch", "max_epochs", "max_iters"]), ENTRIES, max_size=3),
        ),
        "optim_wrapper": st.one_of(
            ODD,
            st.fixed_dictionaries(
                {"optimizer": OPTIMIZERS}, optional={"accumulative_counts": ENTRIES, "paramwise_cfg": ODD}
            ),
        ),
        "auto_scale_lr": st.dictionaries(st.sampled_from(["enable", "base_batch_size"]), ENTRIES),
        "default_hooks": ODD,
    },
)
FACTS = st.sampled_from([{}, {"steps_per_epoch": 7}, {"steps_per_epoch": 7, "total": 100}])


CURVES = [name.removesuffix("LR") for name in SCHEDULER_CLASSES if name.endswith("LR")]
ARGUMENTS = {curve: [*inspect.signature(SCHEDULER_CLASSES[f"{curve}LR"]).parameters][1:] for curve in CURVES}
GOOD = {
    "CosineRestart": {"periods": [2, 3], "restart_weights": [1, 1], "eta_min": 0},
    "Exponential": {"gamma": 0.9},
    "MultiStep": {"milestones": [2, 3]},
    "OneCycle": {"eta_max": 0.1},
    "Step": {"step_size": 2},
}
"""The arguments that a curve cannot be without."""


@st.composite
def damaged_once(draw):
    """Draw a config that is valid except for one number."""
    curve = draw(st.sampled_from(CURVES))
    name = draw(st.sampled_from(ARGUMENTS[curve]))
    number = draw(st.sampled_from([10**400, -(10**400), math.inf, -math.inf, math.nan, 10**25, -1, 0, 1e308, 2.5]))
    value = draw(st.sampled_from([number, [number]]))
    convert = {"convert_to_iter_based": True} if draw(st.booleans()) else {}
    scheduler = {"type": f"{curve}LR", **GOOD.get(curve, {}), **convert, name: value}
    train = draw(st.sampled_from([{"max_epochs": 5}, {"max_epochs": 5}, {"max_epochs": number}, {"max_iters": number}]))
    return {"param_scheduler": [scheduler, {"type": "LinearLR", "end": 3}], "train_cfg": train}


@pytest.mark.parametrize("curve", CURVES)
def test_every_argument_may_be_any_number_without_a_traceback(curve):
    for name in ARGUMENTS[curve]:
        for number in (10**400, math.inf, -math.inf, math.nan, 10**25, 1e308, -1):
            scheduler = {"type": f"{curve}LR", **GOOD.get(curve, {}), name: number}
            simulated_or_refused({"param_scheduler": scheduler, "train_cfg": {"max_epochs": 5}}, {"steps_per_epoch": 3})


@given(damaged_once(), FACTS)
def test_a_config_with_one_wrong_number_is_simulated_or_an_error_of_the_library(data, facts):
    simulated_or_refused(data, facts)


@given(st.one_of(WHOLE, SCHEDULERS, ODD), FACTS)
def test_a_damaged_config_is_simulated_or_an_error_of_the_library(data, facts):
    simulated_or_refused(data, facts)


def simulated_or_refused(data, facts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            curves = simulate(data, **facts)
        except ps.errors.ParamschedError:
            return

    assert len(curves["lr", 0]) <= 2_000_000
