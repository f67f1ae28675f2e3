"""What a wrong call in Python is answered with: the error, and the line to write or an example.

The answers are in `python_calls.yaml`. `PYTHONPATH=tests python tests/core/schedules/test_python_calls.py` writes them.
"""

import re
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.errors import ParamschedError
from support import answers

# The answers name shapes and arguments of torch's reader, of `show` and of `tools`.
pytestmark = [pytest.mark.peer("torch"), pytest.mark.door("show"), pytest.mark.door("tools")]

FILE = Path(__file__).with_name("python_calls.yaml")


def names(call: str) -> dict[str, Any]:
    """Return what a call may use."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    plan = ps.Plan(lr="cosine()")
    known = {"ps": ps, "np": np, "torch": torch, "Fraction": Fraction, "optimizer": optimizer, "plan": plan}
    return known | {"scheduler": ps.Scheduler(optimizer, plan, total=9)} if "scheduler" in call else known


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a call with its error."""
    call = question["call"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            eval(call, names(call))
        except ParamschedError as error:
            # Without lists of all names, because other tests register some.
            text = re.sub(r"expected one of [\w, ]+ and \d+ more", "expected one of …", str(error))
            return {"call": call, "error": f"{type(error).__name__}: {text}"}
    return {"call": call, "error": None}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(one) for one in answers.read(FILE)])
