"""A copy of the library, from which a test deletes a folder."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import final

ROOT = Path(__file__).parents[2]


@final
@dataclass(frozen=True)
class LibraryCopy:
    """A folder with a copy of the library, its properties and the helpers of the tests."""

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
