"""Shapes that begin and end at base, so that they change nothing."""

from collections.abc import Iterator

from paramsched.core.base.codes import NO_CHANGE
from paramsched.core.base.problem import Problem
from paramsched.core.rules.line import Line
from paramsched.core.schedules import Anneal
from paramsched.core.schedules.anneal import CosineWave
from paramsched.core.schedules.periods import CosineRestarts, Cyclic, Stairs
from paramsched.core.time import Duration


def idle_problems(line: Line) -> Iterator[Problem]:
    """Yield a diagnostic for the first shape that begins at base, its default, and ends there.

    Reason: `to` is the level at the end, so `cosine(to=1.0)` holds base. Two other levels that are equal were written
    as a pair, such as `linear(0.1, 0.1)`.
    """
    for part in line.inside:
        if _holds_base(part):
            found = f"{part} begins and ends at 1 × base, so it changes nothing"
            yield Problem(line.path, found, "Write another level, such as to=0.1, or constant()", code=NO_CHANGE)
            return


def _holds_base(part: object) -> bool:
    match part:
        case Anneal(over=Duration(terms=())):  # it has no updates
            return False
        case Anneal(start=1.0, to=1.0) | Stairs(start=1.0, to=1.0) | CosineWave(start=1.0, to=1.0):
            return True
        case Cyclic(start=1.0, to=1.0, gamma=1.0) | CosineRestarts(to=1.0, gamma=1.0, to_gamma=1.0):
            return True
    return False
