"""Each part of a run can be deleted: a plain run, and each test that needs no deleted part, passes without it."""

import re
import shutil
from pathlib import Path

import pytest

from support.library_copies import LibraryCopy, copy_library

ROOT = Path(__file__).parents[3]
PARTS = {
    "amounts": ["amounts"],
    "ranks": ["agreement", "ranks"],
    "several": ["several"],
    "end": ["end", "pace"],
    "batches": ["batch_sizes", "batches"],
}
PLAIN = """
import torch, paramsched as ps
plan = ps.Plan(lr="warmup(2) >> cosine()", horizon=9)
def made():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    return optimizer, ps.Scheduler(optimizer, plan)
optimizer, scheduler = made()
optimizer.step()
other, again = made()
other.load_state_dict(optimizer.state_dict())
again.load_state_dict(scheduler.state_dict())
other.step()
assert again.t == 2
assert other.param_groups[0]["lr"] == ps.trace(plan, {"lr": 0.1})["lr"][2]
"""
TESTS = [f"tests/core/run/test_{name}.py" for name in (
    "contract", "copies", "counting", "groups", "history_values", "late_groups", "manual", "metrics",
    "resume_matrix", "seek_detach", "spoiled_groups", "state", "takeover", "tensors", "wrappers",
)]  # fmt: skip


def library_without(folder: Path, part: str) -> LibraryCopy:
    library = copy_library(folder)
    for name in PARTS[part]:
        (library / "core" / "run" / f"{name}.py").unlink()
    return LibraryCopy(folder)


@pytest.mark.long
@pytest.mark.heavy
@pytest.mark.parametrize("part", PARTS)
def test_a_plain_run_needs_no_part(part, tmp_path):
    ran = library_without(tmp_path, part).run("-c", PLAIN)

    assert ran.returncode == 0, ran.stderr


@pytest.mark.long
@pytest.mark.heavy
@pytest.mark.parametrize("part", PARTS)
def test_only_tests_of_a_deleted_part_fail(part, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")  # pytest cuts the reasons of failures at the width of the terminal
    copy = library_without(tmp_path, part)
    for folder in ("tests/core/run", "tests/support"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "conftest.py", "tests/conftest.py", "docs/explanation/how-it-works.md"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, tmp_path / file)

    ran = copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long and not heavy", "-ra", *TESTS)
    failed = re.findall(r"^(?:FAILED|ERROR|SUBFAILED.*?) (tests/.*)", ran.stdout, re.MULTILINE)
    failed = [one for one in failed if not re.search(r"contains \d+ failed subtests?$", one)]  # each has its own line

    assert " passed" in ran.stdout, ran.stdout[-3000:]
    assert [one for one in failed if not any(f"'paramsched.core.run.{name}'" in one for name in PARTS[part])] == []
