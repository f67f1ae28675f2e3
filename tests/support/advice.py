"""The lines that an advice says to write, so that a test can paste them."""

import re
from contextlib import suppress
from typing import Any

from paramsched.base.problem import Problem
from paramsched.core.plan import Binding, Plan
from paramsched.core.rules import binding_path, check
from paramsched.core.schedules import Schedule, parse
from paramsched.core.time import RunFacts
from paramsched.errors import ParamschedError
from support import answers

_JOINS = r" to (?:continue|begin)[^,]*?(?:, or |$)|, or | or "


def advised_lines(advice: str) -> list[str]:
    """Return the lines of an advice `Write A …, or B …`.

    >>> advised_lines("Write linear(start=0.1) or linear(to=0.1)")
    ['linear(start=0.1)', 'linear(to=0.1)']
    """
    text = re.sub(r"^Write (the level, for example )?", "", advice)
    return [line for line in re.split(_JOINS, text) if line]


_LINE = re.compile(r"(?:write|Write|For example:|Shorten the warmup:|of the run:|above 0:) ([^ ].*)$")


def line_of(advice: str) -> Schedule | None:
    """Return the line that the advice of a rule ends with; None if it has none.

    >>> print(line_of('Shorten the warmup: warmup("5%")'), line_of("Remove it, or write a longer length"))
    warmup("5%") None
    """
    match = _LINE.search(advice)
    with suppress(ParamschedError):
        return None if match is None else parse(match[1])
    return None


def shown(problem: Problem) -> str:
    """Return the code and the path of a problem, the numbers of its message, and the line that its advice ends with."""
    kind = f"{problem.code}{' as info' * problem.as_info}{' of the key' * problem.at_key}"
    line = line_of(problem.advice)
    parts = [kind, problem.path, answers.facts_of(problem.found), "" if line is None else f"-> {line}"]
    return " ".join(filter(None, parts))


def pasted_lines(plan: Plan, facts: RunFacts | None = None, **options: Any) -> list[tuple[Problem, bool]]:
    """Return each problem of a plan that advises a line, and whether that line is right in place of its own.

    It is right if the plan still has no error when it is resolved, and if the line does not have the problem again.
    """
    pasted = list[tuple[Problem, bool]]()
    for problem in check(plan, facts=facts, **options):
        line = line_of(problem.advice)
        places = [place for place, binding in enumerate(plan.bindings) if binding_path(binding) == problem.path]
        if line is None or len(places) != 1:
            continue
        lines = [*plan.bindings]
        own = lines[places[0]]
        lines[places[0]] = Binding(own.field, line, own.groups, own.optional)
        other = Plan(*lines, total=plan.total, clock=plan.clock)
        again = [(one.code, one.path) for one in check(other, facts=facts, **options)]
        is_right = (problem.code, problem.path) not in again and (_runs(other, facts) or not _runs(plan, facts))
        pasted.append((problem, is_right))
    return pasted


def _runs(plan: Plan, facts: RunFacts | None) -> bool:
    with suppress(ParamschedError):
        plan.resolve(facts=facts or RunFacts())
        return True
    return False
