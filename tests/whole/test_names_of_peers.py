"""What is answered to the name of another library's scheduler can be followed: each import, and each page."""

import re
from itertools import chain
from pathlib import Path

import pytest

from paramsched.core.schedules.text import NAMES_OF_LIBRARIES, answer_to_name

PAGES = Path(__file__).parents[2] / "docs" / "coming_from"
TITLES = [path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for path in PAGES.glob("*.md")]


@pytest.mark.parametrize("name", sorted({*chain(*NAMES_OF_LIBRARIES.values())}))
def test_every_import_and_every_page_of_an_answer_exists(name):
    answer = answer_to_name(name)

    titles = re.findall(r'"(Coming from [^"]+)"', answer)
    assert titles
    assert set(titles) <= set(TITLES)
    for line in re.findall(rf"from [\w.]+ import {name}", answer):
        exec(line, {})
