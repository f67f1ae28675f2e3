"""What each reader answers to a config: the plan or the errors, and all that it reports besides.

The answers are in `answers.yaml` in the folder of each library.
`PYTHONPATH=tests python tests/whole/peers/test_answers.py` writes them anew; read the diff.
"""

import re
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from paramsched.core.files.known_dialects import KnownDialect, dialect_named
from support import answers

TESTS = Path(__file__).parents[2]
FILES = {
    **{file.parent.name: file for file in sorted((TESTS / "compat").glob("*/answers.yaml"))},
    "mmengine": TESTS / "mmengine" / "reader" / "answers.yaml",
}


def answer_to(dialect: KnownDialect, question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the answer of a reader: what `ps.open_plan(…).loaded()` asks it for."""
    answer = {key: question[key] for key in ("config", "facts", "base") if key in question}
    data, calendar = question["config"], ps.Calendar(**question["facts"]) if "facts" in question else None
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        if dialect.recognizes is not None and not dialect.recognizes(data):
            answer["recognized"] = False
        try:
            answer["plan"] = str(dialect.plan_of(data, calendar=calendar, base=question.get("base")))
            bases = dialect.bases_of(data, calendar)
            answer["bases"] = [str(dict(group)) for group in bases.groups]
            answer["origin"], answer["remarks"] = bases.origin, [*bases.notes]
            answer["facts in it"] = str(dialect.facts_of(data)) if dialect.facts_of else None
            answer["notes"] = [str(one) for one in dialect.notes_of(data)] if dialect.notes_of else None
            answer["groups"] = [str(one) for one in dialect.groups_of(data, calendar)] if dialect.groups_of else None
        except ps.errors.ConfigError as error:
            answer["errors"] = [f"{one.code} {one}" for one in error.diagnostics]
        except ps.errors.MissingFact as error:
            answer["missing"] = str(error)
    answer["warnings"] = [*dict.fromkeys(str(one.message) for one in warned)]
    return {key: value for key, value in answer.items() if key == "config" or value not in ([], "", "None", None)}


@pytest.mark.parametrize("name", FILES)
def test_answers(name, subtests):
    answers.check(FILES[name], partial(answer_to, dialect_named(name)), subtests)


def test_the_plans_that_errors_suggest_can_be_read():
    suggested = [
        line[1]
        for file in FILES.values()
        for answer in answers.read(file)
        for error in answer.get("errors", ())
        if (line := re.search(r"(?:Write|Use|For example)[^:]*:? ?(lr: .+\(.+)$", error))
    ]

    for line in suggested:
        assert str(ps.loads(line)).startswith("lr")
    assert len(suggested) > 10


if __name__ == "__main__":
    for name, file in FILES.items():
        answers.write(file, [answer_to(dialect_named(name), one) for one in answers.read(file)])
