"""`tools/mutants.py` plants one error at a time."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tools" / "mutants.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutants"] = module
    spec.loader.exec_module(module)
    return module


def test_each_planted_error_changes_one_place_and_is_valid_python(tool, tmp_path):
    file = tmp_path / "one.py"
    file.write_text(
        "LIMIT = 3\n\ndef f(x: int = 1) -> int:\n    if x < 2 and not x == 5:\n        x += 1\n    return abs(x)\n"
    )

    planted = list(tool.mutants(file))

    assert len({one.source for one in planted}) == len(planted) >= 10
    original = ast.unparse(ast.parse(file.read_text())).split("\n")
    for one in planted:
        ast.parse(one.source)
        assert one.source.split("\n")[:3] == original[:3]  # constants of the module, default values and types stay
        assert sum(a != b for a, b in zip(one.source.split("\n"), original, strict=True)) == 1
