"""Files of other programs: refused in three lines at most, or drawn for the user's number of updates."""

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
    ],
)
def test_a_file_of_another_program_is_refused_in_three_lines_at_most(tmp_path, text, named):
    (tmp_path / "args.yaml").write_text(text)

    found = CliRunner().invoke(main, ["show", str(tmp_path / "args.yaml")])

    assert found.exit_code == 1
    assert len(found.output.splitlines()) <= 3
    assert named in found.output
