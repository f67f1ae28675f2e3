"""Calls with their recorded values: a table in YAML beside the tests of a folder, `calls.yaml`.

An answer is the repr of the value, or the class, the code and the argument of the error. The first entry of a file
has the imports of its lines, and `examples: true` if errors have their place in the text, their numbers and the line to
write. After a change, write the file again and look at the diff:
`PYTHONPATH=tests python -m support.calls tests/core/curves/calls.yaml`.
"""

import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from support import answers
from support.expressions import answers_with


@cache
def _answer_to(file: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    names: dict[str, Any] = {}
    first = answers.read(file)[0]
    exec(first["imports"], names)
    return answers_with(names, examples=first.get("examples", False))


def answer_to(file: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Return a question with its answer; the entry with the imports is returned as it is."""
    if "imports" in question:
        return question
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _answer_to(file)(question)


def test_of(file: str) -> Callable[..., None]:
    """Return a test of the calls beside a test file."""
    calls = Path(file).with_name("calls.yaml")

    @answers.in_parts(calls, size=50)
    def test(places: list[int], subtests: Any) -> None:
        answers.check(calls, lambda question: answer_to(calls, question), places, subtests)

    return test


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        answers.write(path, [answer_to(path, question) for question in answers.read(path)])
