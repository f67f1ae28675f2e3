"""The way to a first plan that trains, the README's first screen and the first tutorial, uses few new words."""

import re

from support.pages import DOCS

ORDINARY = {"schedule", "warmup", "decay", "engine", "start", "curve"}
"""Terms of the glossary that every user of torch knows, or that are plain English on the way."""


def terms():
    """Return the terms of the glossary."""
    text = (DOCS / "reference" / "glossary.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return {term.strip() for cell in cells for term in cell.split(",")} - {"term", "---"}


def prose_of_the_way():
    """Return the text, without code, that a reader meets before the first plan trains."""
    first_screen = (DOCS.parent / "README.md").read_text(encoding="utf-8").partition("## Why not")[0]
    tutorial = (DOCS / "tutorials" / "first-plan.md").read_text(encoding="utf-8").partition("## 4.")[0]
    return re.sub(r"^```.*?^```$|\]\([^)]*\)", "", first_screen + tutorial, flags=re.MULTILINE | re.DOTALL)


def test_the_way_to_a_first_plan_that_trains_has_at_most_four_new_words():
    prose = prose_of_the_way()

    new = {term for term in terms() - ORDINARY if re.search(rf"\b{re.escape(term)}s?\b", prose)}
    assert {"plan", "base"} <= new
    assert len(new) <= 4, f"explain fewer words, or use plain ones: {sorted(new)}"


def test_the_way_to_a_first_plan_that_trains_is_short():
    assert 200 < len(prose_of_the_way().split()) <= 300
