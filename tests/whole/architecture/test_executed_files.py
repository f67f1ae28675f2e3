"""The page that says which files to read for trust in a run lists those that a run executes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "explanation" / "how-it-works.md").read_text(encoding="utf-8")


def test_the_table_has_the_files_that_a_run_executes():
    ran = subprocess.run(
        [sys.executable, "tools/executed_files.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    _, _, *rows = ran.stdout.strip().splitlines()

    for row in rows:
        assert row in PAGE, "write it again: python tools/executed_files.py --write"
    assert "tools/" not in "".join(rows)
    assert "engines/" not in "".join(rows)
