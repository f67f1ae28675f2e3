"""Unused entries that look like schedule settings are reported; other entries are not."""

import warnings

import pytest

from paramsched import config
from paramsched.base.user_warnings import DiagnosticWarning
from paramsched.errors import ConfigError
from support.tables import table

MEGATRON = {"train_iters": 9, "lr": 0.1}
TIMM = {"sched": "cosine", "epochs": 9}
COMPOSER = {"max_duration": "10ba", "scheduler": {"name": "ConstantScheduler"}}
FVCORE = {"MAX_ITER": 9000, "BASE_LR": 0.1}
TITAN = {"training": {"steps": 100}, "lr_scheduler": {"warmup_steps": 3}}


@table(
    ("name", "data", "path"),
    [
        ("composer", {**COMPOSER, "lr_warmup": "3ba"}, "$.lr_warmup"),
        ("composer", {"parameters": {**COMPOSER, "t_warmup": "3ba"}}, "$.parameters.t_warmup"),
        ("fvcore", {"SOLVER": {**FVCORE, "LR_DECAY_EPOCHS": 3}}, "$.SOLVER.LR_DECAY_EPOCHS"),
        (
            "torchtitan",
            {**TITAN, "training": {"steps": 9, "warmup_steps": 2}},
            "$.training.warmup_steps",
        ),
    ],
)
def test_an_entry_that_looks_like_a_setting_and_is_not_used_is_reported(name, data, path):
    with pytest.warns(DiagnosticWarning) as caught:
        config.loads(data, name)

    assert caught[0].message.diagnostic.path == path
    assert "the plan is read without it" in str(caught[0].message)


@table(
    ("name", "data"),
    [
        ("composer", {**COMPOSER, "eval_interval": "5ba", "algorithms": {"seq_length_warmup": {}}, "optimizer": {}}),
        ("composer", {"scheduler": {"name": "ConstantScheduler"}, "step_schedulers_every_batch": True}),
        ("fvcore", {"SOLVER": {**FVCORE, "BIAS_LR_FACTOR": 1.0, "WEIGHT_DECAY_NORM": 0.0, "BACKBONE_MULTIPLIER": 0.1}}),
        ("fvcore", {"SOLVER": {**FVCORE, "BASE_LR_MULTIPLIER": 2, "BASE_LR_MULTIPLIER_NAMES": ["head"]}}),
        ("megatron", {**MEGATRON, "adlr_autoresume": True, "iter_per_epoch": 1250, "straggler_ctrlr_port": 1}),
        ("megatron", {**MEGATRON, "micro_batch_size": 4, "wandb_entity": "x"}),
        ("timm", {**TIMM, "use_multi_epochs_loader": True, "train_size_schedule": "progressive"}),
        (
            "torchtitan",
            {**TITAN, "optimizer": {"lr": 0.1, "weight_decay": 0.1, "beta1": 0.9}, "checkpoint": {"interval": 5}},
        ),
    ],
)
def test_an_entry_of_another_program_is_not_reported(name, data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config.loads(data, name)


def test_the_error_in_a_toml_job_has_its_line():
    with pytest.raises(ConfigError, match=r'torchtitan text:4:1: .* did you mean "warmup_steps"'):
        config.loads("[training]\nsteps = 10\n[lr_scheduler]\nwarmp_steps = 3\n", "torchtitan")
