"""Seven packages: the core passes its tests without the others; each of the six can be deleted, and so can `packages/`.

A test file of a package may use another package; without that one it is skipped.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "src" / "paramsched"
SIX = ("cli", "compat", "engines", "mmengine", "show", "tools")
WITHOUT_THE_RUNNER = """
import sys

class Hidden:
    def find_spec(self, name, *_):
        if name == "paramsched_runner":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""
"""Code of a `sitecustomize.py`: the environment of the tests has the second distribution installed."""


def test_src_has_its_packages_and_no_other_folder():
    folders = {path.name for path in LIBRARY.iterdir() if any(path.rglob("*.py"))}
    files = {path.name for path in LIBRARY.iterdir() if path.is_file()}

    assert folders == {*SIX, "base", "core", "checks", "files"}
    assert files == {"__init__.py", "__main__.py", "errors.py", "extend.py", "py.typed", "shapes.py"}


def copy_without(folder: Path, *packages: str) -> Path:
    """Copy what git tracks, without some packages and their tests."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    left_out = tuple(f"{top}{package}/" for package in packages for top in ("src/paramsched/", "tests/", ""))
    for name in filter(None, listed.split("\n")):
        if not name.startswith(left_out) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def failures_in(folder: Path, *tests: str) -> str:
    """Run tests in a copy. Return the lines of the output that name a failure, and its end."""
    paths = [str(folder / "src"), str(folder / "packages" / "runner" / "src")]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-q", "-m", "not long and not heavy", *tests],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "HYPOTHESIS_PROFILE": "glance"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.findall(r"^(?:FAILED|ERROR|SUBFAILED|E  ).*", ran.stdout, re.MULTILINE)
    return "\n".join([*failed, ran.stdout[-500:]]) if ran.returncode else ""


@pytest.mark.long
@pytest.mark.heavy
def test_the_core_passes_its_tests_without_the_other_packages(tmp_path):
    assert failures_in(copy_without(tmp_path, *SIX), "src", "tests/base", "tests/core") == ""


@pytest.mark.long
@pytest.mark.heavy
@pytest.mark.parametrize("package", [*SIX])
def test_without_one_package_the_others_pass(package, tmp_path):
    folders = [f"tests/{name}" for name in ("base", "core", *SIX) if name not in (package, "cli")]

    assert failures_in(copy_without(tmp_path, package), "src", "packages", *folders) == ""


@pytest.mark.long
@pytest.mark.heavy
def test_without_the_second_distribution_the_rest_passes(tmp_path):
    folder = copy_without(tmp_path, "packages")
    (folder / "src" / "sitecustomize.py").write_text(WITHOUT_THE_RUNNER, encoding="utf-8")

    assert failures_in(folder, "src/paramsched", *(f"tests/{name}" for name in ("base", "core", *SIX))) == ""
