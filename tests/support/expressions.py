"""Answers to expressions: the repr of each value, or the class, the code and the argument of the error."""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from paramsched.base.problem import Problem
from paramsched.errors import ConfigError, InvalidArgument, ParamschedError
from support.answers import facts_of

LIBRARY_ERRORS = (ParamschedError, TypeError, ValueError, AttributeError, LookupError, OSError)


def code_of(error: Exception) -> str:
    """Return the code of an error; "" if it has none."""
    return error.problem.code if isinstance(error, InvalidArgument) else ""


_EXAMPLE = re.compile(r"(?:[Ww]rite|For example:) (.+)$")
_PURPOSE = re.compile(r" to (?:continue|begin) [^,]+|,(?= or )")


def line_to_write(advice: str) -> str:
    """Return the Python that an advice ends with, such as `-> total=9` and `-> start=0.1 or to=0.1`; "" for words."""
    match = _EXAMPLE.search(_PURPOSE.sub("", advice))
    try:
        for fragment in match[1].split(" or ") if match else ():
            ast.parse(f"call({fragment})")
    except SyntaxError:
        match = None
    return f"-> {match[1]}" if match else ""


def example_of(error: Exception) -> str:
    """Return the numbers of the message of an error, and what to write; both arguments if two could be meant."""
    if not isinstance(error, InvalidArgument):
        return ""
    return " ".join(filter(None, [facts_of(error.problem.found), line_to_write(str(error.problem.advice))]))


_SCALAR = re.compile(r"np\.(?:float64|float32|int64|int32|str_)\(([^()]*)\)|np\.(True|False)_")


def plain_repr(value: object) -> str:
    """Return the repr of a value, with scalars of NumPy as before NumPy 2: `0.5` for `np.float64(0.5)`."""
    return _SCALAR.sub(lambda match: match[1] or match[2], repr(value))


def place_of(error: Exception) -> str:
    """Return the range of the text to which an error points, such as `5-9`; "" if it points to none."""
    span = error.problem.span if isinstance(error, InvalidArgument) else None
    return "" if span is None else f"{span[0]}-{span[1]}"


_LINE = re.compile(r"(?:[Ww]rite|For example:) (?!the )(.+?)(?:\. [A-Z].*)?$", re.DOTALL)


def problem_of_file(problem: Problem) -> str:
    """Return the place, the code, the path and the numbers of a problem, and the line to write; "" for words."""
    place = "" if problem.line is None else f"{problem.line}:{problem.column}"
    match = _LINE.search(problem.advice)
    parts = [place, problem.code, problem.path, facts_of(problem.found), f"-> {match[1]}" if match else ""]
    return " ".join(filter(None, parts))


def answers_with(names: Mapping[str, Any], examples: bool = False) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function that answers a question whose `line` may use these names.

    Args:
        names: the names.
        examples: True to add the place of an error in its text, its numbers and the line to write.
    """

    def answer_to(question: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"line": question["line"], "value": plain_repr(eval(question["line"], dict(names)))}
        except LIBRARY_ERRORS as error:
            reported = [type(error).__name__]
            if isinstance(error, InvalidArgument):
                reported += [error.problem.code, error.problem.argument or ""]
                reported += [place_of(error), example_of(error)] if examples else []
            elif isinstance(error, ConfigError) and examples:
                reported += map(problem_of_file, error.problems)
            return {"line": question["line"], "error": " ".join(filter(None, reported))}

    return answer_to
