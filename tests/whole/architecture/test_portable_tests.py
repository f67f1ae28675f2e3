"""The tests of the core, of show and of tools need no training engine: `make portable` runs them without one."""

import ast
import tomllib
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement

from support.source import tree_of

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests"
MODULES = {"pytorch-ignite": "ignite", "hydra-core": "hydra", "scikit-learn": "sklearn"}
"""The modules of distributions with another name."""


def absent_modules():
    """Return the modules of the test environment that `make portable` does not install."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    names = {key: {Requirement(one).name for one in value if isinstance(one, str)} for key, value in groups.items()}
    absent = (names["run"] | names["test"] | names["peers"]) - names["portable"] - {"pip"}
    return {MODULES.get(name, name).replace("-", "_") for name in absent}


ABSENT = absent_modules()


def imports_of(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def is_code_of_the_module(part):
    return not isinstance(part, ast.FunctionDef | ast.ClassDef)


@cache
def needed_by(module):
    """Return the absent modules that the import of a module needs: itself, or those of a module of `support`."""
    if not module.startswith("support."):
        return {module.partition(".")[0]} & ABSENT
    path = TESTS / Path(*module.split(".")).with_suffix(".py")
    body = tree_of(path).body if path.exists() else []
    return {one for part in body if is_code_of_the_module(part) for name in imports_of(part) for one in needed_by(name)}


def skipped_without(part):
    """Return the modules whose absence skips a part of a file; all, if a parameter names them."""
    skipped = set()
    for node in ast.walk(part):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "importorskip":
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            skipped |= needed_by(name) if name else ABSENT
    return skipped


def test_portable_tests_are_skipped_without_the_engines_that_they_import():
    wrong = []
    for path in (path for room in ("core", "show", "tools") for path in sorted((TESTS / room).rglob("test_*.py"))):
        body = tree_of(path).body
        of_all = {one for part in body if is_code_of_the_module(part) for one in skipped_without(part)}
        for part in body:
            needed = {one for name in imports_of(part) for one in needed_by(name)}
            if missing := needed - of_all - skipped_without(part):
                wrong.append((f"{path.relative_to(TESTS)}:{part.lineno}", missing))

    assert wrong == []
