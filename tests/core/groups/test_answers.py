"""What fields of a group return, and the errors of wrong ones.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/core/groups/test_answers.py` writes them.
"""

from pathlib import Path

import numpy as np

from paramsched.core.groups import fields
from support import answers
from support.expressions import answers_with

FILE = Path(__file__).with_name("answers.yaml")


def filled(name: str, group: dict[str, object], value: float) -> dict[str, object]:
    """Return the group after a value was written into a field."""
    fields.Field.of(name).fill(group, value)
    return group


answer_to = answers_with(vars(fields) | {"np": np, "filled": filled})


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
