"""The page on lengths and levels, on levels: run its example and parse every line of its table."""

import doctest
import re
from pathlib import Path

import paramsched as ps
from support.tables import table

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "lengths-and-levels.md"
TEXT = PAGE.read_text(encoding="utf-8").partition("\n## Levels\n")[2].partition("\n## Clocks\n")[0]
LEVELS = re.findall(r"^\| `([^`]+)` \|", TEXT, re.MULTILINE)


def test_the_example_of_the_page_prints_the_documented_output():
    examples = doctest.DocTestParser().get_doctest(TEXT.replace("```", ""), {"ps": ps}, PAGE.name, str(PAGE), 0)

    assert len(examples.examples) == 5
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples).failed == 0


@table("level", LEVELS)
def test_each_level_in_the_table_of_the_page_is_accepted(level):
    whole = ps.resolve(ps.parse(f"constant(0.5, 5) >> linear({level}, 0, 5) >> constant(0.5)"), ps.Calendar(total=100))

    assert whole(5, base=2.0) == {"0.1": 0.2, "absolute(2e-05)": 2e-05, "0.5 + absolute(2e-05)": 1.00002}.get(
        level, 1.0
    )


def test_the_overlay_and_rule_examples_of_the_page_can_be_parsed():
    for line in re.findall(r"`((?:overlay|\()[^`]+)`", TEXT):
        assert str(ps.parse(line)).count("following") + str(ps.parse(line)).count("previous") == 1
