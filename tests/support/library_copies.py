"""A copy of the library with a worked example of CONTRIBUTING.md in it, and nothing else changed."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import final

ROOT = Path(__file__).parents[2]


def worked_example(mark: str) -> str:
    """The block of Python in CONTRIBUTING.md that has this text in it."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    (example,) = [block for block in blocks if mark in block]
    return example


@final
@dataclass(frozen=True)
class LibraryCopy:
    """The library, its laws and the helpers of the tests, in a folder of their own."""

    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Python with these arguments, in which the copy is the library."""
        path = os.pathsep.join([str(self.folder), str(self.folder / "tests")])
        return subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
        )


def copy_library(folder: Path) -> Path:
    """Copy the library into a folder, with what Python has compiled of it, so that no copy is compiled anew."""
    being_written = shutil.ignore_patterns("*.pyc.*")
    return shutil.copytree(ROOT / "src" / "paramsched", folder / "paramsched", ignore=being_written)


def library_with(folder: Path, file: str, example: str) -> LibraryCopy:
    """Copy the library into a folder, with one file more in it."""
    (copy_library(folder) / file).write_text(example)
    for source in ("tests/laws", "tests/support"):
        shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
    return LibraryCopy(folder)
