"""What is answered to the name of another library's scheduler can be followed: each import, and each page."""

import re
from itertools import chain
from pathlib import Path

import pytest

from paramsched.core.schedules.text import NAMES_OF_LIBRARIES, answer_to_name

PAGES = [*(Path(__file__).parents[2] / "docs").glob("[ce]*/*.md")]
TITLES = {title for page in PAGES for title in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("name", sorted({*chain(*NAMES_OF_LIBRARIES.values())}))
def test_every_import_and_every_section_of_an_answer_exists(name):
    answer = answer_to_name(name)

    titles = re.findall(r'"(Coming from [^"]+)"', answer)
    assert titles
    assert set(titles) <= TITLES
    for line in re.findall(rf"from [\w.]+ import {name}", answer):
        exec(line, {})
