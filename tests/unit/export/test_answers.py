"""The code of a plan, line by line. Each export compares itself with the plan, so the values are right too.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/unit/export/test_answers.py` writes them anew; read
the diff.
"""

from pathlib import Path
from typing import Any

import paramsched as ps
from paramsched.errors import InvalidArgument
from support import answers

FILE = Path(__file__).with_name("answers.yaml")


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the code of its plan, without the docstring of the module, or the error."""
    question = {key: value for key, value in question.items() if key not in ("code", "error")}
    facts = {"horizon": 100, **question.get("facts", {})}
    plan = ps.config.loads(question["plan"])
    try:
        text = ps.to_python(
            plan
            if plan.horizon is not None or "total" in facts
            else ps.Plan(*plan.as_written(), horizon=facts["horizon"], clock=plan.clock),
            ps.Calendar(**{key: value for key, value in facts.items() if key != "horizon"}),
            bases=question.get("bases"),
            torch=question.get("torch", False),
        )
    except InvalidArgument as error:
        return {**question, "error": str(error)}
    return {**question, "code": text.partition('\n"""\n')[2].strip() + "\n"}


def test_answers(subtests):
    answers.check(FILE, answer_to, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(one) for one in answers.read(FILE)])
