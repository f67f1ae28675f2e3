"""What the helpers of advice return: peers' names, checked numbers, corrected characters and example calls.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/core/advice/test_answers.py` writes them.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from paramsched.core.advice import calls, lookalikes, number_checks, peer_words, tried_names
from paramsched.core.schedules import Schedule, cosine, step
from support import answers
from support.expressions import answers_with

FILE = Path(__file__).with_name("answers.yaml")
MODULES = (calls, lookalikes, number_checks, peer_words, tried_names)


def refusal(check: Any, *arguments: Any, **named: Any) -> tuple[str, object, bool]:
    """Return the text of an error, its valid value, and whether its advice is an example."""
    try:
        check(*arguments, **named)
    except number_checks.InvalidArgument as error:
        return str(error), error.sample, error.is_example
    raise AssertionError("expected an error, got none")


def documented(text: str) -> Any:
    """Return a function with a docstring."""

    def function(plan: object, over: object = 5, *operands: object, groups: object, **named: object) -> None: ...

    function.__doc__ = text
    return function


class WithItem:
    """No array, although it has the method of one."""

    def item(self) -> float:
        return 0.5


SITE = number_checks.CallSite("f", "x")
NAMES = {name: value for module in MODULES for name, value in vars(module).items()}
NAMES |= {
    "np": np,
    "refusal": refusal,
    "documented": documented,
    "SITE": SITE,
    "cosine": cosine,
    "step": step,
    "WithItem": WithItem,
}
answer_to = answers_with(NAMES | {"Schedule": Schedule, "Literal": Literal})


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(one) for one in answers.read(FILE)])
