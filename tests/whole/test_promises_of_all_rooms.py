"""A promise is kept in every room: what stands after "Write" is pasted, and the command or the file then works.

Each command and each dialect has a mistake here; a new one without a mistake fails. Calls in Python are in
`test_advice.py`, rules of `paramsched check` in `tests/tools/check/test_check_rules.py`, which list all of them too.
"""

import ast
import copy
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.core.files import loads
from paramsched.core.files.known_dialects import dialect_names
from paramsched.errors import ConfigError
from support.source import tree_of

COMMANDS = {
    "audit": ("audit log.csv --columns lr=rate --plan plan.yaml --base lr=0.1", "--columns lr=rate"),
    "change": ("change plan.yaml lr='linear(previous, 0)' --at 40 --extend 170", "--extend 170"),
    "check": ("check plan.yaml --spe 17", "--spe 17"),
    "compare": ("compare plan.yaml other.yaml --max-steps 90", "--max-steps 90"),
    "convert": ("convert plan.yaml --to yamll", "--to yamll"),
    "diff": ("diff plan.yaml othr.yaml", "othr.yaml"),
    "recipes": ("recipes --like plan.yml --base lr=0.1", "plan.yml"),
    "resume": ("resume ckpt.pt --plan plan.yml", "plan.yml"),
    "show": ("show plan.yaml --epochs 9 --steps-per-epoch 10", "--epochs 9"),
}
"""A command line with a mistake, and its wrong part, which the text after "Write" replaces."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text("horizon: 90\nlr: cosine(to=0.31)\n")
    (tmp_path / "rates.csv").write_text("step,lr\n" + "".join(f"{t},{0.1 - t / 1000}\n" for t in range(90)))
    (tmp_path / "other.yaml").write_text("horizon: 90\nlr: linear(1, 0.17)\n")
    (tmp_path / "log.csv").write_text("step,rate\n" + "".join(f"{t},{0.1 - t / 1000}\n" for t in range(90)))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    ps.Scheduler(optimizer, "plan.yaml")
    torch.save(optimizer.state_dict(), tmp_path / "ckpt.pt")


@pytest.mark.parametrize("name", sorted(main.list_commands(None)))
@pytest.mark.usefixtures("folder")
def test_a_mistake_in_a_command_line_is_mended_by_its_promise(name):
    line, wrong = COMMANDS[name]

    refused = CliRunner().invoke(main, shlex.split(line))
    promised = re.search(r"Write (.+)$", refused.output.strip().splitlines()[-1])
    assert promised is not None, refused.output
    done = CliRunner().invoke(main, shlex.split(line.replace(wrong, promised[1])))

    assert done.exit_code in (0, 1), done.output
    assert "No such option" not in done.output


@pytest.mark.parametrize(
    ("line", "wrong", "right"),
    [
        ("show plan.yaml --format yml", "--format yml", "--format yaml"),
        ("change plan.yaml --at 40 --lr 'linear(to=0.7)'", "--lr 'linear(to=0.7)'", "'lr=linear(to=0.7)'"),
        ("audit log.csv", "log.csv", "log.csv --column lr=rate"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_name_with_one_reading_is_promised(line, wrong, right):
    refused = CliRunner().invoke(main, shlex.split(line))
    assert refused.output.strip().endswith(f"Write {right.removeprefix('log.csv ')}")
    assert CliRunner().invoke(main, shlex.split(line.replace(wrong, right))).exit_code == 0


@pytest.mark.usefixtures("folder")
def test_a_plan_in_place_of_a_log_is_answered_with_the_option_for_plans():
    output = CliRunner().invoke(main, ["audit", "plan.yaml"]).output
    assert output.strip().endswith("For example: paramsched audit log.csv --plan plan.yaml")


DIALECTS = {
    "deepspeed": (
        {"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 0.1, "warmup_num_stepss": 9}}},
        {"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 0.1, "warmup_num_steps": 9}}},
    ),
    "megatron": (
        {"lr": 0.1, "lr_decay_style": "cosin", "train_iters": 90},
        {"lr": 0.1, "lr_decay_style": "cosine", "train_iters": 90},
    ),
    "megatron_0_17": (
        {"lr": 0.1, "lr_decay_style": "cosin", "train_iters": 90},
        {"lr": 0.1, "lr_decay_style": "cosine", "train_iters": 90},
    ),
    "mmengine": (
        {"param_scheduler": [{"type": "StepLR", "step_size": 3, "gama": 0.31, "by_epoch": False}]},
        {"param_scheduler": [{"type": "StepLR", "step_size": 3, "gamma": 0.31, "by_epoch": False}]},
    ),
    "native": ({"lr": {"cosine": {"ovr": 31}}}, {"lr": {"cosine": {"over": 31}}}),
    "timm": ({"sched": "cosin", "epochs": 9}, {"sched": "cosine", "epochs": 9}),
    "torch": ({"StepLR": {"step_siz": 31}}, {"StepLR": {"step_size": 31}}),
    "transformers": (
        {"lr_scheduler_type": "cosin", "max_steps": 90},
        {"lr_scheduler_type": "cosine", "max_steps": 90},
    ),
}
"""Data with a mistake, and the data that are meant."""


def mended(data, diagnostic):
    """Return data with the promise of a diagnostic: another name of a key, or another entry."""
    data, keys = copy.deepcopy(data), [int(a) if a else b for a, b in re.findall(r"\[(\d+)\]|\.(\w+)", diagnostic.path)]
    if diagnostic.replace is not None:
        inside = next(one for one in entries_of(data) if keys[-1] in one)
        inside[diagnostic.replace[1]] = inside.pop(diagnostic.replace[0])
        return data
    key, value = diagnostic.entry
    next(one for one in entries_of(data) if key in one)[key] = json.loads(value)
    return data


def entries_of(data):
    """Yield the mappings in data."""
    if isinstance(data, dict):
        yield data
    for one in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from entries_of(one)


@pytest.mark.parametrize("name", dialect_names())
def test_a_misspelled_entry_of_a_file_is_mended_by_its_promise(name):
    wrong, right = DIALECTS[name]

    with pytest.raises(ConfigError) as refusal:
        loads(wrong, format=name)
    (diagnostic,) = refusal.value.diagnostics

    assert not diagnostic.is_example
    assert loads(mended(wrong, diagnostic), format=name) == loads(right, format=name)


SOURCE = Path(ps.__file__).parent
NOT_PASTED = re.compile(
    r"\bWrite (an?|the|one|each|names?|exactly|both|these|this|your|its|it|no|numbers?|only|all|several|them|with) "
    r"|\bWrite [^.]*\b(NAME|PATH|PLAN|FIELD|FILE|VALUE|NUMBER|SCHEDULE)\b"
    r"|\bWrite (?:(?!For example|Write ).)*?(\d|…|\.\.\.|, or | in place of | instead of | for | without )"
)
"""Text after "Write" that nobody can paste or nobody wrote: a sentence, a name to replace, an omission, a number."""
TWO_READINGS = ("which has two readings", "schedules are not compared", "give the optimizers names")
"""Errors that show both readings after "Write", and one whose line contains a loop."""


def texts_of(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a file with their lines, without docstrings. Values inside a text are left out."""
    tree = tree_of(file)
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            yield node.lineno, "".join(part.value for part in node.values if isinstance(part, ast.Constant))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def test_what_stands_after_write_can_be_pasted():
    found, excepted = [], []
    for file in sorted(SOURCE.rglob("*.py")):
        for line, text in texts_of(file):
            if NOT_PASTED.search(text):
                near = " ".join(file.read_text(encoding="utf-8").splitlines()[max(line - 5, 0) : line + 2])
                is_excepted = any(one in near for one in TWO_READINGS)
                (excepted if is_excepted else found).append(f"{file.relative_to(SOURCE)}:{line}: {text}")
    assert found == []
    assert len(excepted) == len(TWO_READINGS), excepted
    assert all(map(NOT_PASTED.search, ("Write one of cosine, linear", "Write --column lr=NAME", "Write over=5")))
    assert not any(map(NOT_PASTED.search, ("Write cosine(to=)", "Write at=[]. For example: at=[8000]")))
