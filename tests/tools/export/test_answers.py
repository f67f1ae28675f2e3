"""The code of a plan, line by line. Each export compares itself with the plan, so the values are right too.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/tools/export/test_answers.py` writes them anew; read
the diff.
"""

import re
from pathlib import Path
from typing import Any

import paramsched as ps
from paramsched.errors import InvalidArgument
from support import answers

FILE = Path(__file__).with_name("answers.yaml")


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the code of its plan, and the facts and the number of updates in its docstring."""
    question = {key: question[key] for key in ("plan", "facts", "bases", "torch", "long") if key in question}
    plan = ps.loads(question["plan"])
    if plan.horizon is None and "facts" not in question:
        plan = ps.Plan(*plan.as_written(), horizon=100, clock=plan.clock)
    try:
        text = ps.to_python(
            plan,
            ps.Calendar(**question.get("facts", {})),
            bases=question.get("bases"),
            torch=question.get("torch", False),
        )
    except InvalidArgument as error:
        return {**question, "error": str(error)}
    about, _, code = text.partition('\n"""\n')
    facts, checked = re.search(r"\nfacts: ([^\n]*)\nchecked: ([^,]*),", about).groups()
    title = about.partition("\n")[0].replace(ps.__version__, "VERSION").removeprefix('"""')
    exact = "" if "math." in code else f"; {re.search('largest difference (.*)', about)[1]}"
    return {**question, "title": title, "written": f"{facts}; {checked}{exact}", "code": code.strip() + "\n"}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(one) for one in answers.read(FILE)])
