"""Configs of NeMo Automodel and Megatron-Bridge, whose schedulers have Megatron's formulas."""

from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.compat.megatron import plans as dialect
from paramsched.core.base.user_warnings import DiagnosticWarning
from paramsched.errors import ConfigError, MissingFact, ParamschedError
from support.megatron_peer import AUTOMODEL, import_peer
from support.tables import table

LR, EPOCH = 3e-4, 57
CALENDAR = ps.Calendar(steps_per_epoch=EPOCH)


@st.composite
def configs(draw):
    """Return a config of Automodel and the length of its run in updates."""
    steps = draw(
        st.fixed_dictionaries({}, optional={"num_epochs": st.integers(1, 3), "max_steps": st.integers(30, 90)})
    )
    settings = {
        "lr_decay_style": st.sampled_from(["cosine", "linear", "constant", "inverse-square-root"]),
        "lr_warmup_steps": st.integers(0, 20),
        "min_lr": st.sampled_from([0.0, 1e-5]),
        "init_lr": st.sampled_from([0.0, 1e-6]),
    }
    total = min(steps.get("num_epochs", 10) * EPOCH, steps.get("max_steps", 10**9))
    scheduler = draw(st.fixed_dictionaries({}, optional=settings))
    assume(scheduler.get("lr_warmup_steps", 0) < total)
    return {"step_scheduler": steps, "lr_scheduler": scheduler, "optimizer": {"lr": LR}}, total


@given(made=configs())
def test_a_config_of_automodel_has_the_rate_of_its_scheduler_at_every_update(made):
    config, total = made
    own = {
        "lr_decay_style": "cosine",
        "init_lr": 0.1 * LR,
        "min_lr": 0.01 * LR,
        "lr_warmup_steps": min(1000, total // 10),
    }
    own |= config["lr_scheduler"]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler = import_peer(*AUTOMODEL).OptimizerParamScheduler(
        optimizer, max_lr=LR, lr_decay_steps=total, start_wd=0.0, end_wd=0.0, wd_incr_steps=total,
        wd_incr_style="constant", **own,
    )  # fmt: skip
    used = []
    for _ in range(total):
        used.append(optimizer.param_groups[0]["lr"])
        scheduler.step(1)

    found = ps.trace(dialect.to_plan(config, calendar=CALENDAR), {"lr": LR})["lr", 0]

    np.testing.assert_allclose(found, used, rtol=0, atol=1e-12 * LR)


@given(configs(), st.data())
def test_a_config_with_an_unusual_value_has_a_plan_or_an_error_of_the_library(made, data):
    config, _ = made
    section = data.draw(st.sampled_from(sorted(config)))
    key = data.draw(st.sampled_from(["max_steps", "num_epochs", "lr", "min_lr", "lr_warmup_steps", "lr_decay_steps"]))
    unusual = st.sampled_from([None, -1, 0.5, float("nan"), float("inf"), 1e308, 10**400, "", "x", [], {}, True])

    with suppress(ParamschedError):
        dialect.to_plan({**config, section: {**config[section], key: data.draw(unusual)}}, calendar=CALENDAR)


def test_the_defaults_of_automodel_are_shares_of_its_rate_and_of_its_run():
    config = {"step_scheduler": {"num_epochs": 2}, "lr_scheduler": {}, "optimizer": {"lr": 1e-3}}

    plan = dialect.to_plan(config, calendar=ps.Calendar(steps_per_epoch=100))

    assert str(plan) == "horizon: 200\nlr: linear(absolute(0.0001), 1.0, 20) >> cosine(to=absolute(1e-05), over=180)"
    with pytest.raises(MissingFact, match="steps_per_epoch"):
        dialect.to_plan(config)
    with pytest.warns(DiagnosticWarning, match="the run may end earlier, after 10 epochs"):
        assert dialect.to_plan({**config, "step_scheduler": {"max_steps": 50}}).horizon == ps.Duration.of(50)


BRIDGE = {
    "train": {"train_iters": 100, "global_batch_size": 8},
    "optimizer": {"lr": 3e-4, "min_lr": 3e-5},
    "scheduler": {"lr_warmup_iters": 20, "lr_decay_style": "cosine"},
}


def test_a_config_of_megatron_bridge_has_the_plan_of_megatron():
    flat = {name: value for section in BRIDGE.values() for name, value in section.items()}

    assert dialect.to_plan(BRIDGE) == dialect.to_plan(flat)
    assert dialect.bases_of(BRIDGE, None).groups[0]["lr"] == 3e-4


@table(
    ("config", "problem"),
    [
        ({**BRIDGE, "optimizer": {"lr": 3e-4}}, "$.optimizer.min_lr: Megatron-Bridge: it is missing"),
        ({**BRIDGE, "scheduler": {"lr_warmup_iters": 2}}, "$.scheduler.lr_decay_style: Megatron-Bridge: it is missing"),
        ({**BRIDGE, "scheduler": {**BRIDGE["scheduler"], "max_steps": 500}}, "$.scheduler.max_steps: Megatron-Bridge"),
        (
            {"step_scheduler": {}, "lr_scheduler": {"_target_": "x.Y"}, "optimizer": {"lr": 1}},
            "$.lr_scheduler: Automodel",
        ),
    ],
)
def test_what_a_recipe_or_another_scheduler_decides_is_refused_by_name(config, problem):
    with pytest.raises(ConfigError) as refused:
        dialect.to_plan(config, calendar=CALENDAR)

    assert any(one.startswith(problem) for one in refused.value.problems)


@table("data", ["--train-iters 9", {"lr_decay_style": "cosine"}, {**BRIDGE, "optimizer": {"lr": 3e-4}}])
def test_a_config_with_an_error_has_no_groups_and_no_bases(data):
    assert list(dialect.groups_of(data, None)) == []
    assert not dialect.bases_of(data, None).groups
