"""A command works with the options that its error message suggests."""

import json
import shlex

import pytest
from click.testing import CliRunner

from paramsched.cli import main
from paramsched.cli._output import file_problem
from support.tables import table

PLAN = 'lr: warmup("5%") >> cosine(to=0.1)\n'
GROUPS = "lr: 1.0\ngroups:\n  head: {lr: constant(0.5)}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "groups.yaml").write_text(GROUPS)
    (tmp_path / "log.csv").write_text("step,stage,my rate\n" + "".join(f"{t},warm,{t / 4}\n" for t in range(4)))
    (tmp_path / "heads.csv").write_text("learning_rate,lr_1\n1,0.5\n")
    rows = [{"t": t, "optimizer": name, "groups": [{"lr": t / 4}]} for t in range(4) for name in ("disc", "gen")]
    (tmp_path / "two.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def call(words):
    return CliRunner().invoke(main, words, prog_name="paramsched")


@pytest.mark.parametrize(
    ("line", "wrong", "printed"),
    [
        ("show plan.yaml --total 9 --format yml", "yml", 'did you mean "yaml"?'),
        ("convert plan.yaml --to jsn", "jsn", 'did you mean "json"?'),
        ("show plan.yaml --total 9 --base l=0.1", "l=0.1", 'did you mean "lr"?'),
        ("show groups.yaml --total 9 --base lr@haed=0.1", "haed", 'did you mean "head"?'),
        ("audit log.csv --plan plan.yaml --total 4 --column 'lr=my rat'", "my rat", 'did you mean "my rate"'),
    ],
)
def test_a_suggested_name_is_valid(line, wrong, printed):
    refused = call(shlex.split(line))

    assert refused.exit_code == 2
    assert printed in refused.stderr
    offered = printed.split('"')[1]
    right = wrong.replace("l=", f"{offered}=") if "=" in wrong else offered
    assert call(shlex.split(line.replace(wrong, right))).exit_code in (0, 1)


def test_every_listed_image_format_can_be_drawn(folder):
    pytest.importorskip("matplotlib")
    output = call(["show", "plan.yaml", "--total", "9", "-o", "plan.gif"]).stderr

    suffixes = output.rpartition("Use one of ")[2].strip().split(", ")

    assert len(suffixes) == 4
    for suffix in suffixes:
        assert call(["show", "plan.yaml", "--total", "9", "-o", f"plan{suffix}"]).exit_code == 0
        assert (folder / f"plan{suffix}").stat().st_size > 1000


@table(
    ("error", "message"),
    [
        (OSError(2, "no such file", "plan.yml"), 'plan.yml: no such file; did you mean "plan.yaml"?'),
        (OSError(2, "no such file", "pln.yaml"), 'pln.yaml: no such file; did you mean "plan.yaml"?'),
        (OSError(2, "no such file", "./run.toml"), "./run.toml: no such file"),
        (OSError(2, "no such file", "gone/plan.yml"), "gone/plan.yml: no such file"),
        (OSError(13, "Permission denied", "plan.yml"), "plan.yml: Permission denied"),
        (OSError(2, "No such file or directory"), "the current folder: No such file or directory"),
        (OSError(28, "No space left on device"), "standard output: No space left on device"),
    ],
)
def test_only_a_missing_file_is_compared_with_the_files_beside_it(error, message):
    assert file_problem(error) == message
