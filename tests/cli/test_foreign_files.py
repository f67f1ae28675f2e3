"""Files of other programs: refused in three lines at most, or drawn for the user's number of updates."""

import re

import pytest
from click.testing import CliRunner

from paramsched.cli import main

YOLO = """\
task: detect
mode: train
epochs: 50
lr0: 0.01
lrf: 0.01
momentum: 0.937
weight_decay: 0.0005
warmup_epochs: 3.0
cos_lr: false
"""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (YOLO, "found task, mode, epochs, lr0"),
        ("_BASE_: a.yaml\nSOLVER:\n  BASE_LR: 0.1\n", "found _BASE_, SOLVER"),
        ("SOLVER:\n  BASE_LR: 0.1\n  MAX_ITER: 900\n", "found SOLVER."),
        ("learning_rate: 2e-5\nlr_scheduler_type: cosine\nnum_train_epochs: 1\n", "transformers"),
    ],
)
def test_a_file_of_another_program_is_refused_in_three_lines_at_most(tmp_path, text, named):
    (tmp_path / "args.yaml").write_text(text)

    found = CliRunner().invoke(main, ["show", str(tmp_path / "args.yaml")])

    assert found.exit_code == 1
    assert len(found.output.splitlines()) <= 3
    assert named in found.output


@pytest.mark.parametrize("epochs", ["num_train_epochs: 1\n", "num_train_epochs: 3\n", ""])
def test_the_total_of_the_user_beats_the_epochs_of_the_file(tmp_path, epochs):
    (tmp_path / "hf.yaml").write_text(f"learning_rate: 2e-5\nlr_scheduler_type: cosine\n{epochs}")

    options = ["--format", "transformers", "--total", "128"]
    found = CliRunner().invoke(main, ["show", str(tmp_path / "hf.yaml"), *options])

    assert found.exit_code == 0
    assert re.search(r"updates  0 .* 128$", found.output, re.MULTILINE)
    assert "taken to be" not in found.output


@pytest.mark.parametrize("epochs", [2, 3])  # 2 divide the total, 3 do not
def test_an_audit_takes_the_total_of_the_user_too(tmp_path, epochs):
    (tmp_path / "hf.yaml").write_text(f"learning_rate: 0.5\nlr_scheduler_type: linear\nnum_train_epochs: {epochs}\n")
    (tmp_path / "log.csv").write_text("step,lr\n" + "".join(f"{t},{0.5 * (1 - t / 8)}\n" for t in range(8)))

    files = [str(tmp_path / "log.csv"), "--plan", str(tmp_path / "hf.yaml")]
    found = CliRunner().invoke(main, ["audit", *files, "--format", "transformers", "--total", "8"])

    assert (found.exit_code, found.output.split("\n")[0]) == (0, "8 of 8 values are as planned")
