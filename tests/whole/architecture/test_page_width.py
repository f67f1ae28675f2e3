"""Code on a page is at most as wide as the column. The build of the pages checks what it generates and prints, too."""

import re
from pathlib import Path

import pytest

from support.pages import of_the_docs
from support.tables import table

ROOT = Path(__file__).parents[3]
NOT_BUILT = ("_build", "_generated", "contributing")
DOCS = [page for page in (ROOT / "docs").rglob("*.md") if page.parent.name not in NOT_BUILT]
PAGES = sorted([ROOT / "README.md", *DOCS])
BLOCK = re.compile(r"^```.*?\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def width():
    """The module of the pages that defines the width; `docs` is no package."""
    return of_the_docs("page_width")[0]


@table("page", PAGES)
def test_no_line_of_code_is_wider_than_the_column(page, width):
    lines = [line for block in BLOCK.findall(page.read_text(encoding="utf-8")) for line in block.splitlines()]

    wide = [line for line in lines if len(line) > width.COLUMNS]
    assert wide == [], f"break these lines after {width.COLUMNS} characters: {wide}"


def test_a_long_line_of_a_plan_is_folded_and_is_the_same_plan(width):
    import paramsched as ps

    stages = " >> ".join(['cosine(to=absolute(1e-05), over="300 epochs")'] * 3)
    plan = ps.Plan(lr=f"shift({stages}, 1)", horizon="900 epochs")

    text = width.folded(plan)

    assert max(map(len, text.splitlines())) <= width.COLUMNS
    assert ps.loads(text) == plan
