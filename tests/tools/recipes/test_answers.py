"""The recipes that are most similar to a plan.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/tools/recipes/test_answers.py` writes them anew; read
the diff.
"""

from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from paramsched.tools.recipes import nearest_recipes
from support import answers

FILE = Path(__file__).with_name("answers.yaml")
pytestmark = pytest.mark.door("show")


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the nearest recipes and their distances."""
    question = {key: value for key, value in question.items() if key not in ("nearest", "error")}
    bases = question.get("bases", {"lr": 1e-3})
    try:
        field, calendar = question.get("field", "lr"), ps.Calendar(**question.get("facts", {}))
        groups = bases if isinstance(bases, list) else [bases]
        found = nearest_recipes(ps.loads(question["plan"]), calendar, groups, field=field)
        few = [f"{one.recipe.name} {one.distance:.5f}" for one in (*found[:3], *found[-1:])]
        return {**question, "nearest": [*few, len(found)]}
    except ps.ParamschedError as error:
        return {**question, "error": f"{type(error).__name__}: {error}"}


@answers.in_parts(FILE)
def test_answers(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


if __name__ == "__main__":
    answers.write(FILE, [answer_to(one) for one in answers.read(FILE)])
