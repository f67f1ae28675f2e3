"""What the reader of a library answers to each config of its `answers.yaml`: the plan or the errors, and all notes."""

import warnings
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from paramsched.core.files.known_dialects import KnownDialect, dialect_named

import paramsched as ps
from paramsched.core.base.problem import PlanWarning, Problem
from support import answers


def _text(one: Problem) -> str:
    """Return the code and the path of a diagnostic, and whether its location is the key."""
    at_key = " (at the key)" if one.at_key else ""
    return f"{one.code} {one.path}{at_key}"


def answer_to(dialect: KnownDialect, question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with the answer of a reader: what `ps.extend.open_plan(…).loaded()` asks it for."""
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
            answer["notes"] = [_text(one) for one in dialect.notes_of(data)] if dialect.notes_of else None
            answer["groups"] = [str(one) for one in dialect.groups_of(data, calendar)] if dialect.groups_of else None
        except ps.errors.ConfigError as error:
            answer["errors"] = [_text(one) for one in error.diagnostics]
        except ps.errors.MissingFact as error:
            answer["missing"] = error.fact
    messages = (one.message for one in warned)
    texts = (_text(one.problem) if isinstance(one, PlanWarning) and one.problem.path else str(one) for one in messages)
    answer["warnings"] = [*dict.fromkeys(texts)]
    return {key: value for key, value in answer.items() if key == "config" or value not in ([], "", "None", None)}


def _answers_of(file: Path) -> partial[dict[str, Any]]:
    """Return the function of the library in whose folder a file is."""
    library = next(one for one in reversed(file.parent.parts) if one != "reader")
    return partial(answer_to, dialect_named(library))


def check(file: Path, places: Iterable[int], subtests: pytest.Subtests) -> None:
    """Report each of these configs of a file whose answer has changed."""
    answers.check(file, _answers_of(file), places, subtests)


def write(file: Path) -> None:
    """Write the answers of a file anew."""
    answers.write(file, [*map(_answers_of(file), answers.read(file))])
