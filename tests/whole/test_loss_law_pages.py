"""The tutorial on loss laws and the how-to on scaling rules: their code and commands run, in order."""

import warnings
from pathlib import Path

import pytest

from support.pages import DOCS, page_code


def printed_by(page):
    """Run the blocks of a page, and return what they print and the pictures that they write."""
    blocks = list(page_code.blocks((DOCS / page).read_text(encoding="utf-8")))
    with page_code.folder_of_page(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = page_code.Page.as_pasted(page, blocks)
        printed = [session.run(block) for block in blocks]
        return "".join([*printed, *(file.read_text(encoding="utf-8") for file in Path().glob("*.svg"))])


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            "tutorials/choose-a-schedule.md",
            [
                "mean error 0.0021",
                "about equal",
                "linear(over=",
                "bound",
                "predicted: 2.9368 (",
                "measured",
                "band of the gap",
            ],
        ),
        (
            "how-to/scaling.md",
            [
                "× 2 = √(B/B₀)   arXiv 2205.10287",
                "'weight_decay': 0.2",
                "1048576",
                "2,544 updates instead",
                "hidden: lr 0.003 -> 0.00075",
                "weight_decay 0.1 -> 0.4",
                "\n0.00075\n",
            ],
        ),
    ],
)
def test_the_code_of_the_page_prints_what_it_describes(page, expected):
    printed = printed_by(page)

    assert [one for one in expected if one not in printed] == []
