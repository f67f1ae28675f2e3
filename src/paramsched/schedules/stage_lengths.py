"""How long the stages behind one are that takes what they leave, where that hangs on where they begin."""

from collections.abc import Sequence as Several
from fractions import Fraction

from paramsched.schedules.base import Schedule
from paramsched.schedules.span import Span

_ROUNDS = 50  # how often their begin is looked for anew


def lengths_up_to_end(stages: Several[Schedule], span: Span) -> list[Fraction | None]:
    """The exact lengths of stages that end with a span, each from where it begins.

    Where they begin hangs on how long they are, and so many updates are as long as what they take from there on.
    """
    if not span.calendar.varies or span.end is None:
        return [stage._exact_length(span) for stage in stages]
    begin = span.end
    for _ in range(_ROUNDS):
        lengths: list[Fraction | None] = []
        behind = begin
        for stage in stages:
            lengths.append(stage._exact_length(span.later(behind)))
            behind += lengths[-1] or 0
        found = max(span.end - (behind - begin), span.begin)
        if found == begin:
            break
        begin = found
    return lengths
