"""Answers to expressions: the repr of each value, or the class, the code and the argument of the error."""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from paramsched.errors import InvalidArgument, ParamschedError
from support.answers import facts_of

LIBRARY_ERRORS = (ParamschedError, TypeError, ValueError, AttributeError, LookupError, OSError)


def code_of(error: Exception) -> str:
    """Return the code of an error; "" if it has none."""
    return error.problem.code if isinstance(error, InvalidArgument) else ""


_EXAMPLE = re.compile(r"(?:[Ww]rite|For example:) (.+)$")


def example_of(error: Exception) -> str:
    """Return the numbers of the message of an error, and the Python that its advice ends with; "" for words."""
    if not isinstance(error, InvalidArgument):
        return ""
    match = _EXAMPLE.search(str(error.problem.advice))
    try:
        ast.parse(f"call({match[1]})" if match else "")
    except SyntaxError:
        match = None
    return " ".join(filter(None, [facts_of(error.problem.found), f"-> {match[1]}" if match else ""]))


_SCALAR = re.compile(r"np\.(?:float64|float32|int64|int32|str_)\(([^()]*)\)|np\.(True|False)_")


def plain_repr(value: object) -> str:
    """Return the repr of a value, with scalars of NumPy as before NumPy 2: `0.5` for `np.float64(0.5)`."""
    return _SCALAR.sub(lambda found: found[1] or found[2], repr(value))


def answers_with(names: Mapping[str, Any], examples: bool = False) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function that answers a question whose `line` may use these names; with the examples of errors."""

    def answer_to(question: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"line": question["line"], "value": plain_repr(eval(question["line"], dict(names)))}
        except LIBRARY_ERRORS as error:
            reported = [type(error).__name__]
            if isinstance(error, InvalidArgument):
                reported += [error.problem.code, error.problem.argument or "", example_of(error) if examples else ""]
            return {"line": question["line"], "error": " ".join(filter(None, reported))}

    return answer_to
