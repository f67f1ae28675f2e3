"""`make quick` stays quick: tests that start a process or load a compiler are marked and skipped."""

import ast
from collections.abc import Iterator
from pathlib import Path

from support.tables import table

TESTS = Path(__file__).parents[2]
QUICK = sorted(file for file in (TESTS / "core").rglob("test_*.py") if file.parent.name != "run")
STARTERS = {"subprocess", "multiprocessing"}


def names_in(function: ast.FunctionDef) -> set[str]:
    """Return the names that a function uses, including the names of modules it imports."""
    used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    imported = {
        alias.name.split(".")[0] for node in ast.walk(function) if isinstance(node, ast.Import) for alias in node.names
    }
    return used | imported


def unmarked(tree: ast.Module) -> Iterator[str]:
    """Yield unmarked tests that use one of the starters, directly or through a function of their file."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    starters = STARTERS | {
        one.name for one in functions if not one.name.startswith("test_") and names_in(one) & STARTERS
    }
    for one in functions:
        is_marked = any("heavy" in ast.unparse(mark) for mark in one.decorator_list)
        if one.name.startswith("test_") and names_in(one) & starters and not is_marked:
            yield one.name


@table("file", QUICK)
def test_a_test_that_starts_a_process_or_a_compiler_is_marked_heavy(file):
    text = file.read_text(encoding="utf-8")

    names = [] if "pytestmark = pytest.mark.heavy" in text else list(unmarked(ast.parse(text)))
    assert names == [], f"add @pytest.mark.heavy to {names} in {file.relative_to(TESTS)}"


def test_a_test_that_starts_a_process_through_a_helper_function_is_found():
    text = "def run():\n    subprocess.run([])\ndef test_it():\n    run()\ndef test_other():\n    pass\n"

    assert list(unmarked(ast.parse(text))) == ["test_it"]
