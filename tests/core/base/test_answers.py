"""What the helpers of messages, names and terminals return.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/core/base/test_answers.py` writes them.
"""

import inspect
from pathlib import Path
from typing import Any

import numpy as np

from paramsched.core.base import (
    advise,
    check_rules,
    diagnostic,
    entry_text,
    frozen_values,
    near_names,
    node,
    params,
    problem,
    ranges,
    terminal,
)
from support import answers
from support.expressions import answers_with

FILE = Path(__file__).with_name("answers.yaml")
MODULES = (
    *(advise, check_rules, diagnostic, entry_text, frozen_values, near_names, node, params, problem, ranges, terminal),
)


def param(annotation: object, default: object = inspect.Parameter.empty) -> params.Param:
    """Return the parameter of a function that is annotated like this."""

    def function(x: Any) -> None: ...

    function.__annotations__["x"] = annotation
    function.__defaults__ = None if default is inspect.Parameter.empty else (default,)
    return params.params_of(function)["x"]


def kind_of(annotation: object) -> str:
    return param(annotation).kind


NAMES = {name: value for module in MODULES for name, value in vars(module).items()}
answer_to = answers_with(NAMES | {"np": np, "param": param, "kind_of": kind_of, "ranges": ranges})


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(one) for one in answers.read(FILE)])
