"""Seven doors: the core names no other door, and passes its tests without them; each of the six can be deleted.

A test file of a door may use another door; without that one it is skipped.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.source import tree_of
from support.tables import table

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "src" / "paramsched"
SIX = ("cli", "compat", "engines", "mmengine", "show", "tools")
CORE = [file.relative_to(ROOT).as_posix() for top in (LIBRARY, ROOT / "tests") for file in (top / "core").rglob("*.py")]


HOMES = {
    alias.asname or alias.name: node.module
    for node in ast.walk(ast.parse((LIBRARY / "__init__.py").read_text(encoding="utf-8")))
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}
"""The module of each name of the top level."""


def doors_named_in(tree: ast.Module) -> Iterator[str]:
    """Yield the modules of other doors that a file imports, also inside functions and for types."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ps":
            names = [HOMES.get(node.attr) or f"paramsched.{node.attr}"]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            names = [node.value]
        yield from (name for name in names if name.startswith(tuple(f"paramsched.{door}." for door in SIX)))
        yield from (name for name in names if name in {f"paramsched.{door}" for door in SIX})


def test_src_has_the_seven_doors_and_no_other_folder():
    folders = {path.name for path in LIBRARY.iterdir() if any(path.rglob("*.py"))}
    files = {path.name for path in LIBRARY.iterdir() if path.is_file()}

    assert folders == {*SIX, "core"}
    assert files == {"__init__.py", "__main__.py", "errors.py", "extend.py", "py.typed", "shapes.py"}


@table("file", CORE)
def test_no_file_of_the_core_or_of_its_tests_names_another_door(file):
    found = list(doors_named_in(tree_of(ROOT / file)))

    assert found == [], f"{file}: move what needs {found} to the door"


def copy_without(folder: Path, *doors: str) -> Path:
    """Copy what git tracks, without some doors and their tests."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    left_out = tuple(f"{top}/{door}/" for door in doors for top in ("src/paramsched", "tests"))
    for name in filter(None, listed.split("\n")):
        if not name.startswith(left_out) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def failures_in(folder: Path, *tests: str) -> str:
    """Run tests in a copy. Return the lines of the output that name a failure, and its end."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-q", "-m", "not long and not heavy", *tests],
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "HYPOTHESIS_PROFILE": "glance"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.findall(r"^(?:FAILED|ERROR|SUBFAILED|E  ).*", ran.stdout, re.MULTILINE)
    return "\n".join([*failed, ran.stdout[-500:]]) if ran.returncode else ""


@pytest.mark.long
@pytest.mark.heavy
def test_the_core_passes_its_tests_without_the_other_doors(tmp_path):
    assert failures_in(copy_without(tmp_path, *SIX), "src", "tests/core") == ""


@pytest.mark.long
@pytest.mark.heavy
@pytest.mark.parametrize("door", [*SIX, "compat/megatron"])
def test_without_one_door_the_others_pass(door, tmp_path):
    others = [f"tests/{other}" for other in ("core", *SIX) if other not in (door, "cli")]

    assert failures_in(copy_without(tmp_path, door), "src", *others) == ""
