"""The example of the page on consumption prints the documented output."""

import doctest
from pathlib import Path

import paramsched as ps

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "growing-batch.md"


def test_the_example_on_the_page_prints_the_documented_output():
    text = PAGE.read_text(encoding="utf-8").replace("```", "")

    results = doctest.DocTestRunner().run(
        doctest.DocTestParser().get_doctest(text, {"ps": ps}, PAGE.name, str(PAGE), 0)
    )

    assert (results.attempted, results.failed) == (7, 0)
