"""Answers to expressions: the repr of each value, or the error. The questions are lines of Python."""

from collections.abc import Callable, Mapping
from typing import Any

from paramsched.errors import ParamschedError

LIBRARY_ERRORS = (ParamschedError, TypeError, ValueError, AttributeError, LookupError, OSError)


def answers_with(names: Mapping[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function that answers a question whose `line` may use these names."""

    def answer_to(question: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"line": question["line"], "value": repr(eval(question["line"], dict(names)))}
        except LIBRARY_ERRORS as error:
            return {"line": question["line"], "error": f"{type(error).__name__}: {error}"}

    return answer_to
