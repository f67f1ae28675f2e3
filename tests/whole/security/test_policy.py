"""The policy of .github/SECURITY.md: reading a file has no other effect, whatever the file contains."""

import json
import os
from pathlib import Path

import pytest

from support import programs

TESTS = Path(__file__).parents[2]


def used(folder, *arguments):
    """Use every command and public function on hostile inputs in a process with an audit hook."""
    program = str(TESTS / "whole" / "security" / "audited_uses.py")
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "COLUMNS": "80"}
    ran = programs.run([program, str(folder / "used"), *map(str, arguments)], environment)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.heavy
def test_no_use_of_a_hostile_input_has_another_effect(tmp_path):
    actual = used(tmp_path, 43)

    assert actual["unknown"] == [], "add them to tests/whole/security/audited_uses.py"
    assert actual["violations"] == []
    assert actual["uses"] > 400


@pytest.mark.long
@pytest.mark.parametrize(("every", "generated"), [(1, 0), (3, 600)])
def test_no_use_of_any_hostile_input_has_another_effect(tmp_path, every, generated):
    assert used(tmp_path, every, generated, 1)["violations"] == []
