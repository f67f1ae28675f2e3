"""Each page runs as a reader pastes it: every block in order, with only the set-up that the page shows."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from support import pages, programs
from support.pages import DOCS
from support.tables import table

pytestmark = pytest.mark.heavy
SHORT = {"tutorials", "explanation"}  # the build of the pages runs the others too


def groups() -> dict[str, list[Path]]:
    """Return the pages with code by folder."""
    found: dict[str, list[Path]] = {}
    for page in sorted(DOCS.rglob("*.md")):
        folder = page.relative_to(DOCS).parts[0]
        blocks = [] if folder.startswith("_") else pages.page_code.blocks(page.read_text(encoding="utf-8"))
        if any(block.language in {"python", "console"} for block in blocks):
            found.setdefault("" if folder == page.name else folder, []).append(page)
    return found


def cases() -> list[Any]:
    return [
        pytest.param(some, id=name, marks=[pytest.mark.long] * (name not in SHORT)) for name, some in groups().items()
    ]


@pytest.mark.parametrize("some", cases())
def test_every_block_of_a_page_runs_as_pasted(some, tmp_path, subtests):
    done = programs.run([pages.__file__, str(tmp_path / "found"), *map(str, some)])
    assert done.returncode == 0, done.stderr
    found = {page: rest for page, *rest in map(json.loads, (tmp_path / "found").read_text().splitlines())}

    for page in some:
        with subtests.test(page=str(page.relative_to(DOCS))):
            failure, absent = found[str(page)]
            assert not failure, failure
            if absent:
                pytest.skip(absent)


@table("page", sorted(DOCS.glob("[!_]*/*.md")))
def test_each_plan_on_a_page_is_valid(page):
    found = [one for one in pages.page_code.blocks(page.read_text(encoding="utf-8")) if one.language == "yaml"]
    for block in found:
        is_plan = re.search("^lr: [^0-9]", block.text, re.MULTILINE) and "table_file(" not in block.text
        if is_plan and block.file != "wrong.yaml":
            ps.loads(block.text)


@table("page", [*DOCS.glob("how-to/*.md"), *DOCS.glob("tutorials/*.md")])
def test_the_build_runs_the_commands_of_a_page(page):
    blocks = pages.page_code.blocks(page.read_text(encoding="utf-8"))
    unrun = [one.text for one in blocks if one.language == "sh" and "paramsched " in one.text]
    assert not unrun, f"write ```console, and $ in front of each command: {unrun}"


@table("page", sorted(DOCS.rglob("*.md")))
def test_no_code_of_a_page_is_hidden(page):
    assert "<!-- run" not in page.read_text(encoding="utf-8")


def test_a_page_that_needs_more_than_it_shows_fails(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nfirst = 1\n```\n\n<!-- not run: an output -->\n```python\nprint(second)\n```\n")

    failure, absent = pages.run_as_pasted(page)

    assert "name 'second' is not defined" in failure
    assert absent == ""
