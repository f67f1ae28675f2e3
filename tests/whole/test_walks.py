"""The lines that an attach, a step, a save and a load execute do not grow; the page "How it works" has their number."""

import json
import re
import sys
from pathlib import Path

import pytest

from support import programs

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "contributing" / "how-it-works.md"
ROW = re.compile(r"^\| (.*?) \| ([\d,]+) \| (\d+) \| (.*) \|$", re.MULTILINE)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="other versions of Python count other lines")
def test_no_walk_is_longer_than_on_the_page():
    shown = {name: (int(lines.replace(",", "")), int(files)) for name, lines, files, _ in ROW.findall(PAGE.read_text())}
    done = programs.run([str(ROOT / "tools" / "executed_files.py"), "--walks"])
    assert done.returncode == 0, done.stderr

    found = {name: (one["lines"], one["files"]) for name, one in json.loads(done.stdout).items()}

    assert found.keys() == shown.keys()
    assert {name: one for name, one in found.items() if one[0] > shown[name][0] or one[1] > shown[name][1]} == {}
