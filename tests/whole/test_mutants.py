"""`tests/planted_errors/mutants.py` plants one error at a time."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tests" / "planted_errors" / "mutants.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutants"] = module
    spec.loader.exec_module(module)
    return module


SOURCE = """LIMIT = 3

def f(x: int = 1) -> int:
    if x < 2 and not x == 5:
        x += 1
    return abs(x)

PAIR = [lambda x: x + 1, lambda x: x + 2]
"""


@pytest.fixture
def file(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "PACKAGE", tmp_path)
    tool.errors.cache_clear()
    (tmp_path / "one.py").write_text(SOURCE)
    return "one.py"


def test_each_planted_error_changes_one_line_and_is_valid_python(tool, file):
    original = ast.unparse(ast.parse(SOURCE)).split("\n")

    texts = [ast.unparse(tool.planted(error)) for error in tool.errors(file)]

    assert len({*texts}) == len(texts) >= 10
    for text in texts:
        ast.parse(text)
        assert text.split("\n")[:3] == original[:3]  # constants of the module, default values and types stay
        assert sum(a != b for a, b in zip(text.split("\n"), original, strict=True)) == 1


def test_the_key_of_an_error_is_unique_and_stays_when_code_above_changes(tool, file, tmp_path):
    keys = [error.key for error in tool.errors(file)]
    tool.errors.cache_clear()
    (tmp_path / file).write_text("def g(x):\n    return x + 7\n\n" + SOURCE)

    assert len({*keys}) == len(keys)
    assert {*keys} < {error.key for error in tool.errors(file)}


@pytest.mark.parametrize(
    ("statement", "change", "expected"),
    [("if x < 2", "x < 2  ->  x <= 2", [3, 3, 4]), ("lambda x: x + 2", "2  ->  3", [2, 3, 5])],
)
def test_an_error_replaces_the_code_of_one_function_in_this_process(tool, file, tmp_path, statement, change, expected):
    spec = importlib.util.spec_from_file_location("one", tmp_path / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    error = next(one for one in tool.errors(file) if one.change == change and one.statement.startswith(statement))

    assert tool.Live().replace(error)

    assert [function(2) for function in (module.f, *module.PAIR)] == expected


def test_the_list_of_errors_that_make_no_difference_has_a_reason_for_each_and_names_files_of_the_source(tool):
    assert all((ROOT / "src" / "paramsched" / file).exists() for file, *_ in tool.listed())
