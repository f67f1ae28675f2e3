"""The page on what an update consumes says what happens: its example is run."""

import doctest
from pathlib import Path

import paramsched as ps

PAGE = Path(__file__).parents[3] / "docs" / "consumed.md"


def test_the_example_of_the_page_prints_what_it_says():
    text = PAGE.read_text(encoding="utf-8").replace("```", "")

    results = doctest.DocTestRunner().run(
        doctest.DocTestParser().get_doctest(text, {"ps": ps}, PAGE.name, str(PAGE), 0)
    )

    assert (results.attempted, results.failed) == (7, 0)
