"""What the functions that all metric rules share return: metrics, comparisons, reductions and saved states.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/core/metrics/test_answers.py` writes them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paramsched.core.metrics import metric_rules
from paramsched.core.metrics.metric_rules import plateau
from paramsched.core.schedules import cosine
from paramsched.errors import StateError
from support import answers
from support.expressions import answers_with

FILE = Path(__file__).with_name("answers.yaml")


@dataclass(frozen=True)
class State:
    count: int
    best: float | None
    value: float


def state(**changes: object) -> str:
    """Return "valid", or the error of a saved state with these changes; a value of `...` is left out."""
    data = {"count": 1, "best": 0.5, "value": 0.5, **changes}
    data = {name: value for name, value in data.items() if value is not ...}
    try:
        metric_rules.require_state("rule", data, State, ("best",))
    except StateError as error:
        return str(error)
    return "valid"


NAMES = vars(metric_rules) | {"np": np, "plateau": plateau, "cosine": cosine, "state": state, "State": State}
answer_to = answers_with(NAMES)


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
