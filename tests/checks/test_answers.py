"""What the check finds in a plan on both sides of each limit: codes, places, numbers and the fragment to write.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/checks/test_answers.py` writes them.
"""

from pathlib import Path
from typing import Any

import yaml

import paramsched as ps
from paramsched import files as config
from paramsched.checks import check
from support import answers
from support.advice import shown

FILE = Path(__file__).with_name("answers.yaml")


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the problems of its plan."""
    question = {key: value for key, value in question.items() if key != "found"}
    plan, options = plan_of(question)
    return {**question, "found": [shown(problem) for problem in check(plan, **options)]}


def plan_of(question: dict[str, Any]) -> tuple[ps.Plan, dict[str, Any]]:
    """Return the plan of a question, and the arguments of `check`."""
    facts = ps.RunFacts(**question["facts"]) if "facts" in question else None
    options = {key: question[key] for key in ("groups",) if key in question}
    return config.loads(yaml.safe_dump(question["plan"])), {"facts": facts, **options}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
