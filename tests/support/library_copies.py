"""A copy of the library with one added file, a worked example of docs/contributing/extend.md."""

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
    """Return the Python block in docs/contributing/extend.md that contains this text."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "contributing" / "extend.md").read_text(), re.DOTALL)
    (example,) = [block for block in blocks if mark in block]
    return example


@final
@dataclass(frozen=True)
class LibraryCopy:
    """A folder with a copy of the library, its laws and the helpers of the tests."""

    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python with these arguments and with the copy as the library."""
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
    """Copy the library into a folder, with its compiled files, so that Python need not compile it again."""
    being_written = shutil.ignore_patterns("*.pyc.*")
    return shutil.copytree(ROOT / "src" / "paramsched", folder / "paramsched", ignore=being_written)


def library_with(folder: Path, file: str, example: str) -> LibraryCopy:
    """Copy the library into a folder and add a file."""
    (copy_library(folder) / file).write_text(example)
    for source in ("tests/core/laws", "tests/support"):
        shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
    return LibraryCopy(folder)
