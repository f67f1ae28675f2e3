"""The rates that are suggested for losses over rates, and the picture of one of each kind.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/tools/range_test/test_answers.py` writes them anew;
read the diff.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paramsched.tools.range_test import RangeTest
from support import answers

FILE = Path(__file__).with_name("answers.yaml")
pytestmark = pytest.mark.package("show")


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the suggested rates, and the picture if the question has one."""
    has_picture = "picture" in question
    question = {key: value for key, value in question.items() if key not in ("rates", "picture")}
    losses = np.array(question["losses"], dtype=float)
    actual = RangeTest(np.geomspace(*question["from"], losses.size), losses, losses, question["ending"])
    rates = (actual.suggestion, actual.valley, actual.steepest, actual.minimum_tenth)
    shown = [None if rate is None else f"{rate:.6g}" for rate in rates]
    if not has_picture:
        return {**question, "rates": shown}
    picture = actual.text(question.get("width", 80), ascii=question.get("ascii", False))
    return {**question, "rates": shown, "picture": picture}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
