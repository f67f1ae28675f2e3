"""Where plans depart from each other and from recipes, and the recipes that are most similar to a plan.

The answers are in `answers.yaml`. `PYTHONPATH=tests python tests/tools/recipes/test_answers.py` writes them anew; read
the diff.
"""

from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from paramsched.tools.recipes import nearest_recipes
from paramsched.tools.recipes.departures import departures
from support import answers

FILE = Path(__file__).with_name("answers.yaml")
pytestmark = pytest.mark.door("show")


def run_of(text: str, facts: dict[str, Any], bases: Any) -> Any:
    if text.startswith("recipe:"):
        return ps.recipes[text.removeprefix("recipe:")].trace()
    return ps.trace(ps.loads(text), bases, ps.Calendar(**facts))


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with its departures, or the nearest recipes with their distances."""
    question = {key: value for key, value in question.items() if key not in ("rows", "nearest", "error")}
    bases = question.get("bases", {"lr": 1e-3})
    try:
        if "plans" in question:
            facts = question.get("facts", [{}, {}])
            runs = [run_of(text, one, bases) for text, one in zip(question["plans"], facts, strict=True)]
            rows = [f"{one.what}: {one.plan} | {one.recipe} | {one.departs}" for one in departures(*runs)]
            return {**question, "rows": rows}
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
