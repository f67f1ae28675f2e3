"""The page that says which files to read for trust in a run lists those that a run executes."""

from pathlib import Path

import pytest

from support import programs
from support.example_runs import environment

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "explanation" / "how-it-works.md").read_text(encoding="utf-8")


@pytest.mark.heavy
def test_the_table_has_the_files_that_a_run_executes():
    ran = programs.run([str(ROOT / "tools" / "executed_files.py")], env=environment())
    assert ran.returncode == 0, ran.stderr
    _, _, *rows = ran.stdout.strip().splitlines()

    for row in rows:
        assert row in PAGE, "write it again: python tools/executed_files.py --write"
    assert "tools/" not in "".join(rows)
    assert "engines/" not in "".join(rows)
