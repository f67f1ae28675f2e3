"""The Runner from outside: its page, its command, its example, and the imports it needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import programs

pytestmark = pytest.mark.door("engines")

ROOT = Path(__file__).resolve().parents[3]
DIGITS = ROOT / "examples" / "digits"


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
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


def test_the_example_on_the_page_runs(tmp_path):
    page = (ROOT / "docs" / "engines" / "mmengine.md").read_text().partition("## The Runner")[2]
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]

    finished = python(tmp_path, "-c", code)

    assert finished.returncode == 0, finished.stderr
    used = [line["groups"][0]["lr"] for line in values(tmp_path / "runs" / "linear")]
    assert used[0] == pytest.approx(1e-4)
    assert used[49:240] == pytest.approx([0.1] * 191)
    assert used[-1] == pytest.approx(0.001)


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


def test_the_command_reports_every_error_and_does_not_train(short, tmp_path):
    short.write_text(short.read_text().replace("max_epochs=max_epochs", "max_epochs=-1").replace("lr=3e-3", "lr=-1"))

    refused = python(tmp_path, "-m", "paramsched.mmengine", str(short), "--work-dir", "refused")

    assert refused.returncode == 1
    assert "$.train_cfg.max_epochs: " in refused.stderr
    assert "$.optim_wrapper.optimizer.lr: " in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize("absent", ["accelerate", "tqdm"])
def test_a_missing_package_is_named_with_its_extra(tmp_path, absent):
    code = f"import sys; sys.modules[{absent!r}] = None; import paramsched.mmengine.runner"

    refused = python(tmp_path, "-c", code)

    assert f'{absent}, which is not installed: pip install "paramsched[run]"' in refused.stderr


@pytest.mark.door("cli")
def test_importing_the_library_does_not_import_accelerate(tmp_path):
    names = ("accelerate", "paramsched.mmengine.runner")
    code = f"import sys, paramsched.cli; sys.exit(any(n in sys.modules for n in {names}))"

    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
