"""The map of the library is correct: it lists each package, its files exist, and its tables match the code."""

import re
from pathlib import Path

import pytest

from paramsched.scheduler.updates import UNCOUNTED_STEPS

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "src" / "paramsched"
MAP = (ROOT / "docs" / "explanation" / "how-it-works.md").read_text(encoding="utf-8")
PAGES = {
    "docs/explanation/how-it-works.md": MAP,
    **{
        f"{package}/README.md": (LIBRARY / package / "README.md").read_text(encoding="utf-8")
        for package in ("runs", "scheduler", "compat")
    },
}


def test_every_package_has_a_line_on_the_map():
    packages = {file.parent.name for file in LIBRARY.glob("*/__init__.py")}

    assert set(re.findall(r"^\| `(\w+)/` \|", MAP, re.MULTILINE)) == packages


@pytest.mark.parametrize("page", PAGES)
def test_every_file_on_a_map_exists(page):
    beside = LIBRARY / page.split("/")[0] if page.endswith("README.md") else LIBRARY
    named = re.findall(r"`([\w/]+\.(?:py|md))`", PAGES[page])
    places = [beside, LIBRARY, ROOT, *(folder for folder in beside.iterdir() if folder.is_dir())]

    assert len(named) > 5
    assert [name for name in named if not any((place / name).is_file() for place in places)] == []


def test_the_table_of_skipped_steps_equals_the_one_in_the_code():
    rows = [f"| {step.name} | {step.seen_by} | {step.follows} |" for step in UNCOUNTED_STEPS]

    assert "\n".join(rows) in MAP
