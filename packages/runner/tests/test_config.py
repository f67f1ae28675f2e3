# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""The config of a Runner: its arguments, advice for wrong ones, and files."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from paramsched.errors import ConfigError, ParamschedError
from paramsched.mmengine.runner import Hook, Runner
from support import programs
from support.runner_configs import GOOD, good
from support.runner_jobs import WithTrainStep, loader, network
from support.tables import table

WRONG: dict[str, Any] = {
    "$.model": 3,
    "$.work_dir": 3,
    "$.train_cfg.max_epochs": 2.5,
    "$.train_cfg.val_interval": 0,
    "$.train_cfg.val_begin": "1",
    "$.optim_wrapper.accumulative_counts": 0,
    "$.optim_wrapper.clip_grad": 3,
    "$.param_scheduler[0].start_factor": 3.0,
    "$.param_scheduler[1].eta_min": "low",
    "$.default_hooks.checkpoint.interval": 0,
    "$.default_hooks.checkpoint.max_keep_ckpts": "two",
    "$.default_hooks.logger.interval": 0.5,
    "$.custom_hooks[0].interval": -1,
    "$.custom_hooks[0].priority": "LOWER",
    "$.auto_scale_lr.base_batch_size": 0,
    "$.auto_scale_lr.enable": 1,
    "$.randomness.seed": "one",
    "$.randomness.deterministic": None,
    "$.randomness.diff_rank_seed": 2,
    "$.resume": "yes",
    "$.on_change": "newer",
    "$.loss": 3,
}
"""Wrong values whose problems do not hide each other, by path."""


def steps(path: str) -> list[str | int]:
    """Return the keys of a path such as `$.a[1].b`."""
    actual: list[str | int] = []
    for key in path.removeprefix("$.").split("."):
        name, _, index = key.partition("[")
        actual += [name] + ([int(index[:-1])] if index else [])
    return actual


def corrupted(*paths: str) -> dict[str, Any]:
    """Return a valid config with invalid values at these paths."""
    config = {**copy.deepcopy({k: v for k, v in GOOD.items() if k not in ("model", "loss")}),
              "model": GOOD["model"], "loss": GOOD["loss"]}  # fmt: skip
    for path in paths:
        *way, last = steps(path)
        place = config
        for step in way:
            place = place[step]
        place[last] = WRONG[path]
    return config


def problems(config: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        Runner(**config)
    return list(refusal.value.lines)


def leaves(config: Any, path: str = "$") -> list[str]:
    if isinstance(config, dict) and config:
        return [leaf for name, value in config.items() for leaf in leaves(value, f"{path}.{name}")]
    if isinstance(config, list):
        return [leaf for index, value in enumerate(config) for leaf in leaves(value, f"{path}[{index}]")]
    return [path]


@given(st.sets(st.sampled_from(list(WRONG)), min_size=2))
def test_all_errors_are_reported_at_once(paths):
    actual = problems(corrupted(*paths))

    for path in paths:
        assert any(line.startswith(f"{path}: ") for line in actual), (path, actual)
    assert len(actual) == len(paths), actual


@given(
    st.sampled_from([p for p in leaves(GOOD) if p.count(".") > 1 and not p.endswith(".type")]),
    st.sampled_from(["x", "_", "s"]),
)
def test_a_misspelled_entry_is_an_error_that_suggests_the_right_one(path, letter):
    *way, last = steps(path)
    if not isinstance(last, str):
        return
    config = corrupted()
    place: Any = config
    for step in way:
        place = place[step]
    if not isinstance(place, dict):
        return
    place[last + letter] = place.pop(last)

    assert any(last + letter in line for line in problems(config))


def test_an_error_prevents_training_and_creates_no_files(tmp_path):
    model = network()
    before = copy.deepcopy(model.state_dict())
    config = corrupted("$.train_cfg.max_epochs") | {"model": model, "work_dir": tmp_path / "run"}

    problems(config)

    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert not (tmp_path / "run").exists()


@table(
    ("changes", "said"),
    [
        (dict(model=WithTrainStep()), "$.loss: WithTrainStep has its own train_step"),
        (dict(model=WithTrainStep(), loss=None, val_evaluator=None), "$.val_evaluator: it is missing"),
        (dict(loss=lambda output: output.sum()), "$.loss: a function does not take (output, target)"),
        (dict(train_dataloader=iter([1])), "$.train_dataloader: expected a loader with a length"),
        (dict(optim_wrapper=dict(optimizer=dict(type="Adamm", lr=0.1))), "Write type='Adam'"),
        (dict(amount_of=len, tokens_per_sample=4), "$.amount_of: tokens_per_sample also sets the amount"),
    ],
)
def test_incompatible_settings_are_reported(changes, said):
    assert said in "\n".join(problems({**corrupted(), **changes}))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.py", None, "it cannot be read: no such file"),
        ("folder.py", "folder", "it cannot be read: not a regular file"),
        ("config.py", b"\xff\xfe model = 3", "not valid UTF-8"),
    ],
)
def test_a_config_file_that_cannot_be_read_is_named(name, content, message, tmp_path):
    file = tmp_path / name
    if content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match=rf"{name}.*{message}"):
        Runner.from_cfg(file)


class Broken:
    """A loader whose length raises an error."""

    def __iter__(self):
        return iter(())

    def __len__(self):
        raise RuntimeError("the index is damaged")


def test_an_error_that_a_users_object_raises_in_the_checks_is_a_problem():
    with pytest.raises(ConfigError) as refusal:
        Runner(**{**GOOD, "train_dataloader": Broken()})

    assert [f"{problem.path}: {problem.found}" for problem in refusal.value.problems] == [
        "$.train_dataloader: checking it raised RuntimeError: the index is damaged"
    ]


def test_a_config_file_reports_unsupported_and_misspelled_entries(tmp_path):
    file = tmp_path / "config.py"
    file.write_text(
        "_base_ = []\n"
        "import os\n"
        "model = dict(type='nobodys')\n"
        "train_cfg = dict(max_epochs=len(os.environ['PATH']) * 0 + 3)\n"
        "param_schduler = dict(type='StepLR', step_size=3)\n"
        "my_own_constant = 3\n"
    )

    with pytest.raises(ConfigError) as refusal:
        Runner.from_cfg(file)

    paths = {problem.path for problem in refusal.value.problems}
    assert {"$.model.type", "$.param_schduler"} <= paths
    assert not {"$.my_own_constant", "$.train_cfg.max_epochs"} & paths


class Unreadable(list):
    """A dataset whose files are missing."""

    def __init__(self, folder):
        raise OSError(f"{folder} is missing")


@pytest.mark.parametrize("mode", ["train", "val"])
def test_a_dataset_that_cannot_be_built_is_reported_before_anything_is_written(mode, tmp_path):
    config = good() | {"work_dir": tmp_path / "run", "model": network()}
    config[f"{mode}_dataloader"] = dict(dataset=dict(type=Unreadable, folder="digits"), batch_size=2)
    runner = Runner(**config)

    with pytest.raises(ConfigError, match=rf"\$\.{mode}_dataloader\.dataset: Unreadable: digits is missing"):
        runner.train()
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore:accumulative_counts")
def test_the_dataset_of_a_test_is_built_by_the_test(tmp_path):
    config = good() | {"work_dir": tmp_path / "run", "model": network()}
    config["test_dataloader"] = dict(dataset=dict(type=Unreadable, folder="digits"), batch_size=2)
    runner = Runner(**config)

    runner.train()
    with pytest.raises(ConfigError, match=r"\$\.test_dataloader\.dataset: Unreadable: digits is missing"):
        runner.test()


class Doubled(list):
    """A dataset that is a list and overrides its samples."""

    def __getitem__(self, index):
        return 2 * super().__getitem__(index), 0


def test_a_dataset_that_is_a_list_is_used_unchanged(tmp_path):
    seen = []

    class Looking(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            seen.extend(data_batch[0][:, 0].tolist())

    samples = Doubled(torch.full((64,), float(index)) for index in range(4))
    settings = dict(model=network(), work_dir=tmp_path, loss=nn.functional.cross_entropy, custom_hooks=[Looking()])
    loop = dict(train_dataloader=dict(dataset=samples, batch_size=2), train_cfg=dict(max_epochs=1))
    Runner(**settings, **loop, optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1))).train()

    assert seen == [0.0, 2.0, 4.0, 6.0]


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


ROOT = Path(__file__).resolve().parents[3]


DIGITS = ROOT / "examples" / "digits"


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    folders = [str(ROOT / folder) for folder in ("src", "packages/runner/src")]
    paths = [*folders, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    return programs.run(arguments, env=environment, cwd=folder)


def values(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "values.jsonl").read_text().splitlines()]


@pytest.fixture
def short(tmp_path):
    """The example's config with three epochs, beside the modules it imports."""
    for name in ("parts.py", "digits.py", "model.py"):
        (tmp_path / name).write_text((DIGITS / name).read_text())
    config = tmp_path / "config.py"
    text = (DIGITS / "mmengine_config.py").read_text()
    config.write_text(text.replace("max_epochs = 20", "max_epochs = 3").replace("end=10", "end=3"))
    return config


@pytest.mark.package("engines")
def test_the_example_on_the_page_runs(tmp_path):
    page = (ROOT / "docs" / "engines" / "mmengine.md").read_text().partition("## The Runner")[2]
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]

    finished = python(tmp_path, "-c", code)

    assert finished.returncode == 0, finished.stderr
    used = [line["groups"][0]["lr"] for line in values(tmp_path / "runs" / "linear")]
    assert used[0] == pytest.approx(1e-4)
    assert used[49:240] == pytest.approx([0.1] * 191)
    assert used[-1] == pytest.approx(0.001)


@pytest.mark.package("engines")
def test_the_command_trains_from_a_config_or_a_plan_and_resumes(short, tmp_path):
    plan = 'lr: warmup("10%") >> cosine(to=0.01)'

    first = python(tmp_path, "-m", "paramsched.mmengine", str(short), "--work-dir", "first")
    second = python(tmp_path, "-m", "paramsched.mmengine", str(short), "--work-dir", "second", "--plan", plan)
    again = python(
        tmp_path, "-m", "paramsched.mmengine", str(short), "--work-dir", "second", "--plan", plan, "--resume"
    )

    for finished in (first, second, again):
        assert finished.returncode == 0, finished.stderr
    assert len(values(tmp_path / "first")) == len(values(tmp_path / "second")) == 3 * 45
    assert values(tmp_path / "second")[0]["groups"][0]["lr"] == 0
    assert set(values(tmp_path / "first")[0]["groups"][0]) == {"lr", "momentum"}


@pytest.mark.package("engines")
@pytest.mark.long
def test_the_command_trains_from_a_plan_in_tokens(short, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text('clock: tokens\nlr: warmup("50000 tokens") >> cosine(to=0.01)\n')
    by_plan = ["-m", "paramsched.mmengine", str(short), "--plan", str(plan), "--work-dir"]

    refused = python(tmp_path, *by_plan, "refused")
    short.write_text(short.read_text() + "\ntokens_per_sample = 64\n")
    finished = python(tmp_path, *by_plan, "run")

    assert refused.returncode != 0
    assert "For example: Runner(..., tokens_per_sample=1024)" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert finished.returncode == 0, finished.stderr
    assert [line["tokens"] for line in values(tmp_path / "run")[:3]] == [0, 64 * 32, 2 * 64 * 32]


@pytest.mark.package("engines")
def test_the_command_reports_every_error_and_does_not_train(short, tmp_path):
    short.write_text(short.read_text().replace("max_epochs=max_epochs", "max_epochs=-1").replace("lr=3e-3", "lr=-1"))

    refused = python(tmp_path, "-m", "paramsched.mmengine", str(short), "--work-dir", "refused")

    assert refused.returncode == 1
    assert "$.train_cfg.max_epochs: " in refused.stderr
    assert "$.optim_wrapper.optimizer: " in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "refused").exists()


@pytest.mark.package("engines")
@pytest.mark.parametrize("absent", ["accelerate", "tqdm"])
def test_a_missing_package_is_named(tmp_path, absent):
    code = f"import sys; sys.modules[{absent!r}] = None; import paramsched.mmengine.runner"

    refused = python(tmp_path, "-c", code)

    assert f"{absent}, which is not installed: pip install {absent}" in refused.stderr


@pytest.mark.package("engines")
@pytest.mark.package("cli")
def test_importing_the_library_does_not_import_accelerate(tmp_path):
    names = ("accelerate", "paramsched_runner.runner")
    code = f"import sys, paramsched.cli; sys.exit(any(n in sys.modules for n in {names}))"

    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
