"""The page on levels: its example is run, and every line of its table is read."""

import doctest
import re
from pathlib import Path

import pytest

import paramsched as ps

PAGE = Path(__file__).parents[3] / "docs" / "levels.md"
TEXT = PAGE.read_text(encoding="utf-8")
LEVELS = re.findall(r"^\| `([^`]+)` \|", TEXT, re.MULTILINE)


def test_its_example_prints_what_it_says():
    examples = doctest.DocTestParser().get_doctest(TEXT.replace("```", ""), {"ps": ps}, "levels.md", str(PAGE), 0)

    assert len(examples.examples) == 3
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples).failed == 0


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_of_its_table_stands_where_a_level_stands(level):
    whole = ps.resolve(ps.parse(f"constant(0.5, 5) >> linear({level}, 0, 5) >> constant(0.5)"), ps.Calendar(total=100))

    assert whole(5, base=2.0) == {"0.1": 0.2, "absolute(2e-05)": 2e-05, "0.5 + absolute(2e-05)": 1.00002}.get(
        level, 1.0
    )


def test_what_it_says_of_overlay_and_of_rules_is_read():
    for line in re.findall(r"`((?:overlay|\()[^`]+)`", TEXT):
        assert str(ps.parse(line)).count("following") + str(ps.parse(line)).count("previous") == 1
