"""What is read from a plan file: the plan, or the place, the code and the path of each problem, and the line to write.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/files/test_answers.py` writes them.
"""

from pathlib import Path
from typing import Any

from paramsched import files as config
from paramsched.errors import ConfigError
from support import answers
from support.expressions import problem_of_file

FILE = Path(__file__).with_name("answers.yaml")


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the plan of its text or of its data, or with the problems."""
    question = {key: value for key, value in question.items() if key not in ("plan", "problems")}
    ((syntax, source),) = question.items()
    try:
        read = config.open_plan(source, None if syntax == "data" else syntax).loaded()
    except ConfigError as refusal:
        return {**question, "problems": [*map(problem_of_file, refusal.problems)]}
    return {**question, "plan": str(read.plan)}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
