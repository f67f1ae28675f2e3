"""What the questions about a line have in common: a question returns the probable mistake that it finds, or None.

`base/rules.json` has the sentence and the example of each code.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final, NamedTuple, TypeAlias, final

from paramsched.base.problem import Problem
from paramsched.core.rules.curve import Curve, Line
from paramsched.core.schedules.schedule import Schedule


@final
class Found(NamedTuple):
    """A problem of a line, with the line to write in its place.

    Args:
        problem: the problem, with an advice that is right without the line.
        prefix: the words of the advice before the line.
        line: the line; None if there is none.
    """

    problem: Problem
    prefix: str = ""
    line: Line | None = None

    def with_line(self, line: Schedule) -> Problem:
        """Return the problem with an advice that ends with the line."""
        return self.problem.changed(advice=f"{self.problem.advice}{self.prefix} {line}")


Question: TypeAlias = Callable[[Curve], Found | None]
"""A question about one line."""

HIGH: Final = 0.5
"""The share of the peak from which on a rate is high."""
NEAR: Final = 1.25
"""Levels whose ratio is smaller are near: timm's cosine begins at 0.88 of its level after a warmup of a fifth."""
TINY_RUN: Final = 20
"""Updates of a run that only tries a program, which is not asked how its time is divided."""


def problem(
    curve: Curve, code: str, message: str, advice: str = "", *, prefix: str = "", line: Line | None = None, **more: Any
) -> Found:
    """Return a problem of a line. The advice ends with `prefix` and `line` if that line runs without this problem."""
    return Found(Problem(curve.path, message, advice, code=code, **more), prefix, line)


def whose(curve: Curve, base: float | None = None) -> str:
    """Return the words for the group of a base; empty if all groups have it.

    Args:
        curve: the line.
        base: the base; None for the one that describes the line.
    """
    base = curve.base if base is None else base
    if len(set(curve.bases)) < 2:
        return ""
    return next((f" of group {label!r}" for label, other in curve.groups if other == base), "")


def when(curve: Curve, time: int, *, of_all: bool = False) -> str:
    """Return a time of a run in words, with the length of the run if `of_all`."""
    run = curve.run
    if not run.to_scale:
        return "a time that depends on steps_per_epoch"
    if run.known or (run.epoch is None and "updates" in run.units):
        return f"update {time}" + f" of {curve.end}" * of_all
    if run.epoch is not None:
        return f"epoch {time / run.epoch:.3g}" + f" of {curve.end / run.epoch:g}" * of_all
    return f"{time / curve.end:.0%} of the run"


def updates_text(count: int) -> str:
    """Return a number of updates in words.

    >>> updates_text(1), updates_text(20)
    ('1 update', '20 updates')
    """
    return "1 update" if count == 1 else f"{count} updates"


def percent_text(share: Fraction) -> str:
    """Return a share in percent.

    >>> percent_text(Fraction(1, 8))
    '12.5%'
    """
    return f"{float(100 * share):.6g}%"


def number_text(value: Fraction | float) -> str:
    """Return a number of updates or epochs.

    >>> number_text(Fraction(5, 2)), number_text(Fraction(2_000_000))
    ('2.5', '2,000,000')
    """
    return f"{float(value):g}" if value < 10**6 else f"{float(value):,.0f}"
