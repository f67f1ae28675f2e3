"""Pages for contributors name files that exist."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\n") if name]


@pytest.mark.parametrize(
    "page",
    tracked("CONTRIBUTING.md", "docs/contributing/*.md", "src/*.md", "tests/*.md"),
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_a_page_for_contributors_names_files_that_exist(page):
    files = {file.name for file in tracked()}
    named = re.findall(r"`([\w/.-]+\.py)`", page.read_text(encoding="utf-8"))

    assert [name for name in named if Path(name).name not in files] == []


def test_the_page_on_how_it_works_names_every_module_of_the_core():
    page = (ROOT / "docs/contributing/how-it-works.md").read_text(encoding="utf-8")
    core = ROOT / "src/paramsched/core"
    modules = {file.relative_to(core).as_posix() for file in tracked("src/paramsched/core/*.py")}
    named = {name.removeprefix("core/") for name in re.findall(r"`([\w/]+\.py)`", page)}

    assert {name for name in modules if not name.endswith("__init__.py")} - named == set()
