"""The fragments that an advice says to write."""

import re

from paramsched.base.problem import Problem
from support import answers

_FRAGMENT = re.compile(r"(?:[Ww]rite|[Ff]or example:?|of the run:) (.+)$")


def fragment_of(advice: str) -> str:
    """Return what an advice says to write; empty if it has only words.

    >>> fragment_of("For the value 1e-05 write to=absolute(1e-05)"), fragment_of("Keep each milestone once, in order")
    ('to=absolute(1e-05)', '')
    """
    match = _FRAGMENT.search(advice)
    return match[1] if match else ""


def shown(problem: Problem) -> str:
    """Return the code and the path of a problem, the numbers of its message, and the fragment to write."""
    code = f"{problem.code}{' as info' * problem.as_info}{' of the key' * problem.at_key}"
    fragment = fragment_of(problem.advice)
    parts = [code, problem.path, answers.facts_of(problem.found), f"-> {fragment}" if fragment else ""]
    return " ".join(filter(None, parts))
