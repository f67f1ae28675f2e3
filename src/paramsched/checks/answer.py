"""The answer of a question about a line: a sentence with the values of the user, and a fragment to write."""

from fractions import Fraction
from typing import NamedTuple, final

from paramsched.core.time.duration import Duration


@final
class Answer(NamedTuple):
    """A probable mistake.

    Args:
        message: a sentence about the values of the line.
        advice: the argument, the number or the length to write in its place, or an example of it; or what to do.
        as_info: True if it is only a hint, because a fact that decides is unknown.
        code: the code of the problem; empty for that of the question.
    """

    message: str
    advice: str = ""
    as_info: bool = False
    code: str = ""


def in_unit(lengths: list[Duration], unit: str, replacement: str) -> str:
    """Return lengths with one unit in place of another: `"30 epochs", "60 epochs"`.

    >>> in_unit([Duration.of(30), Duration.of("5%")], "updates", "epochs")
    '"30 epochs"'
    """
    changed = [
        Duration(tuple([(replacement if term == unit else term, count) for term, count in length.terms]))
        for length in lengths
        if unit in dict(length.terms)
    ]
    return ", ".join(dict.fromkeys(length.written() for length in changed))


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
