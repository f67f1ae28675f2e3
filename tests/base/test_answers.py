"""What the helpers of messages, names and terminals return.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/base/test_answers.py` writes them.
"""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paramsched.base import codes, params, problem, terminal, words
from paramsched.base import params as ranges
from paramsched.core.calls import lazy_imports
from paramsched.core.curves import Curve
from paramsched.core.schedules import Level, Schedule
from paramsched.core.time import Duration, DurationLike
from support import answers
from support.expressions import answers_with

# The answers name parts of `show` and of `tools`.
pytestmark = [pytest.mark.package("show"), pytest.mark.package("tools")]

FILE = Path(__file__).with_name("answers.yaml")
MODULES = (
    *(
        codes,
        words,
        lazy_imports,
        words,
        words,
        params,
        problem,
        ranges,
        terminal,
    ),
)


def param(annotation: object, default: object = inspect.Parameter.empty) -> params.Param:
    """Return the parameter of a function that is annotated like this."""

    def function(x: Any) -> None: ...

    function.__annotations__["x"] = annotation
    function.__defaults__ = None if default is inspect.Parameter.empty else (default,)
    return params.params_of(function)["x"]


def kind_of(annotation: object) -> str:
    return param(annotation).kind


@dataclass(frozen=True)
class Plain:
    first: int


KINDS = (Curve, Duration, Level, Plain, Schedule)
NAMES = {name: value for module in MODULES for name, value in vars(module).items()}
NAMES |= {getattr(annotation, "__name__", "Level"): annotation for annotation in KINDS}
NAMES |= {"np": np, "param": param, "kind_of": kind_of, "ranges": ranges, "DurationLike": DurationLike}
answer_to = answers_with(NAMES)


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
