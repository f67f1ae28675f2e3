"""What each function of `ps.scaling` returns: the new values with their lines and notes, or the error.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/tools/scaling/test_answers.py` writes them anew; read
the diff.
"""

import re
from pathlib import Path
from typing import Any

import paramsched as ps
from support import answers

FILE = Path(__file__).with_name("answers.yaml")


def rounded(text: str) -> str:
    """Return a text whose numbers have at most 12 digits, because the last ones depend on the C library."""
    return re.sub(r"\d+\.\d{6,}(?:e[-+]\d+)?", lambda found: f"{float(found[0]):.12g}", text)


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the result of its call."""
    call = question["call"]
    try:
        result = eval(call, {"ps": ps, **vars(ps.scaling)})  # ours
    except ps.ParamschedError as error:
        return {"call": call, "error": f"{type(error).__name__}: {error}"}
    values = {name: getattr(result, name) for name in ("values", "bases") if hasattr(result, name)}
    return {"call": call, "prints": rounded(str(result)), **{name: rounded(repr(one)) for name, one in values.items()}}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(one) for one in answers.read(FILE)])
