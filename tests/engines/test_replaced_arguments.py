"""`planned` logs the arguments of the Trainer's scheduler that a plan replaces, and none that has its default."""

import logging

import pytest

from support.tables import table

pytest.importorskip("transformers")

import paramsched as ps
from engines.trainer_batches import trainer_of

PLAN = ps.Plan(lr="cosine()")


@table(
    ("options", "names"),
    [
        ({}, []),
        ({"learning_rate": 0.1, "max_steps": 4}, []),
        ({"lr_scheduler_type": "linear", "warmup_steps": 0}, []),
        ({"lr_scheduler_type": "cosine"}, ["lr_scheduler_type='cosine'"]),
        ({"lr_scheduler_type": "cosine", "warmup_steps": 5}, ["lr_scheduler_type='cosine'", "warmup_steps=5"]),
        (
            {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr": 1e-5}},
            ["lr_scheduler_type='cosine_with_min_lr'", "lr_scheduler_kwargs={'min_lr': 1e-05}"],
        ),
    ],
)
def test_arguments_that_a_plan_replaces_are_logged_once(options, names, tmp_path, caplog):
    caplog.clear()
    trainer_of(tmp_path, PLAN, **{"max_steps": 3, **options}).train()

    found = [one for one in caplog.records if one.name == "paramsched" and "the plan replaces" in one.getMessage()]
    assert [one.levelno for one in found] == [logging.WARNING] * bool(names)
    assert all(name in found[0].getMessage() for name in names)
