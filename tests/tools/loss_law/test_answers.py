"""Losses, bounds and cooldowns that the laws predict, with six digits; warnings, and errors of calls.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/tools/loss_law/test_answers.py` writes them anew; read
the diff.
"""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import paramsched as ps
from paramsched.tools.loss_law.inputs import losses_of
from paramsched.tools.loss_law.multi_power import terms_at
from support import answers
from support.loss_curves import AUTHORS, law_of

FILE = Path(__file__).with_name("answers.yaml")


def rates(line: str, updates: int) -> Any:
    return ps.trace(ps.Plan(lr=line, horizon=updates), {"lr": 3e-4})["lr", 0]


def terms(rates: Any, at: list[int]) -> list[Any]:
    """Return the losses at some updates, and the sums of their derivatives by the constants."""
    found = terms_at(rates, np.array(at))
    losses, slopes = found.losses(AUTHORS["100M"])
    return [*losses.tolist(), *slopes.sum(axis=1).tolist()]


def rounded(text: str) -> str:
    """Return a text whose numbers have at most six digits, because the last ones depend on the processor."""
    return re.sub(r"\d+\.\d{4,}(?:e[-+]?\d+)?", lambda found: f"{float(found[0]):.6g}", text)


def text_of(result: Any) -> str:
    if isinstance(result, ps.loss_law.Prediction):
        pairs = zip(result.t.tolist(), result.loss.tolist(), strict=True)
        return f"{result}; {result.t.size} points; {list(pairs)[:: max(result.t.size // 4, 1)]}"
    if isinstance(result, tuple) and all(isinstance(one, np.ndarray) for one in result):
        return str([one.tolist() for one in result])
    return f"{result}" if isinstance(result, ps.loss_law.Difference) else repr(result)


KNOWN = {"np": np, "ps": ps, "law": law_of(), "rates": rates, "terms": terms, "losses_of": losses_of}


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the result of its call, and the warnings."""
    call = question["call"]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            answer = {"gives": rounded(text_of(eval(call, KNOWN)))}  # ours
        except ps.ParamschedError as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
    told = [rounded(str(one.message)) for one in found if issubclass(one.category, UserWarning)]
    return {"call": call, **answer, **({"warns": told} if told else {})}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(one) for one in answers.read(FILE)])
