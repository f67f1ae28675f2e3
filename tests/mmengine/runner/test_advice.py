# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""The lines that errors of the Runner suggest work."""

from __future__ import annotations

import re
import warnings

import pytest
from torch import nn

from paramsched.errors import ParamschedError
from paramsched.mmengine.runner import DATASETS, HOOKS, METRICS, MODELS, Hook, Metric, Runner
from support.runner_configs import DATASET, good
from support.runner_jobs import loader, network

"""Entries, and a value each that is refused with a line to write."""


def put(config, path, value):
    *way, last = path.split(".")
    for step in way:
        config = config[step]
    config[last] = value


@pytest.mark.parametrize("registry", ["MODELS", "DATASETS", "METRICS", "HOOKS"])
def test_the_suggested_registry_accepts_the_class(registry, request):
    kinds = {
        "MODELS": "model",
        "DATASETS": "train_dataloader.dataset",
        "METRICS": "val_evaluator",
        "HOOKS": "custom_hooks",
    }
    bases = {"MODELS": nn.Linear, "DATASETS": None, "METRICS": Metric, "HOOKS": Hook}
    name = f"Mine{registry}"
    config = good() | {"loss": nn.functional.cross_entropy}
    arguments = {"in_features": 64, "out_features": 10} if registry == "MODELS" else {}
    found = dict(type=name, **arguments)
    put(config, kinds[registry], [found] if registry == "HOOKS" else found)
    with pytest.raises(ParamschedError) as refusal:
        Runner(**config)
    decorator = re.search(r"Put (@\w+\.register_module\(\)) above your class", str(refusal.value))[1]
    assert decorator.startswith(f"@{registry}.")

    names = {
        "MODELS": MODELS,
        "DATASETS": DATASETS,
        "METRICS": METRICS,
        "HOOKS": HOOKS,
        "Base": bases[registry],
        "DATA": DATASET,
    }
    body = f"def {name}(): return DATA" if registry == "DATASETS" else f"class {name}(Base): pass"
    exec(f"{decorator}\n{body}", names)

    Runner(**config)


def run(folder, **settings):
    runner = Runner(
        model=network(),
        work_dir=folder,
        train_dataloader=loader(4),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1), accumulative_counts=2),
        param_scheduler=dict(type="LinearLR", by_epoch=False, end=4),
        loss=nn.functional.cross_entropy,
        **settings,
    )
    runner.train()
    return runner


@pytest.mark.filterwarnings("ignore:accumulative_counts")
def test_a_run_with_a_lost_log_resumes_as_the_error_suggests(tmp_path):
    run(tmp_path / "run")
    (tmp_path / "run" / "values.jsonl").unlink()
    with pytest.raises(ParamschedError, match=r"default_hooks=dict\(logger=None\)"):
        run(tmp_path / "run", resume=True)

    assert run(tmp_path / "run", resume=True, default_hooks=dict(logger=None)).iter == 8


def test_the_line_that_counts_updates_removes_the_warning(tmp_path):
    with pytest.warns(UserWarning, match="accumulative_counts=2") as said:
        run(tmp_path / "batches")
    line = re.search(r"write (default_hooks=.*?), or pass", str(said[0].message))[1]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(tmp_path / "updates", **eval(f"dict({line})"))  # a line of our own
