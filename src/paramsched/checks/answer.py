"""The answer of a question about a line: a sentence with the values of the user, and a fragment to write."""

from collections.abc import Container
from fractions import Fraction
from typing import NamedTuple, final

from paramsched.checks.curve import Curve
from paramsched.core.time.duration import Duration


@final
class Answer(NamedTuple):
    """A probable mistake.

    Args:
        found: a sentence about the values of the line.
        advice: the argument, the number or the length to write in its place, or an example of it; or what to do.
        as_info: True if it is only a hint, because a fact that decides is unknown.
        code: the code of the problem; empty for that of the question.
    """

    found: str
    advice: str = ""
    as_info: bool = False
    code: str = ""


def absolute_levels(curve: Curve, levels: Container[float]) -> str:
    """Return the arguments or numbers with which some written levels of a line are values.

    `to=absolute(1e-05)` for the end of a decay without a length, else `absolute(0.0003)` for each number. A `geometric`
    has two values or none, and a product at most one factor with values. 0 is the same value as multiple.
    """
    parts = [part for part in curve.parts if any(level and level in levels for _, level in part.levels)]
    if curve.parts[0].kind in ("product", "chain") and len(parts) > 1:
        return "absolute(…) around the line"
    written = [(part, name, level) for part in parts for name, level in part.levels if level and level in levels]
    names = {name for _, name, _ in written}
    fragments = list[str]()
    for part, _, level in written:
        is_open = part.kind == "geometric" and part.written.args["start"] is None
        if is_open and curve.base is not None:
            fragments.append(f"start=absolute({curve.base!r})")
        named = "to=" * (names == {"to"} and part.written.args.get("over") is None)
        fragments.append("absolute=True" if part.kind == "table" else f"{named}absolute({level!r})")
    return ", ".join(dict.fromkeys(fragments))


def in_unit(lengths: list[Duration], unit: str, other: str) -> str:
    """Return lengths with one unit in place of another: `"30 epochs", "60 epochs"`.

    >>> in_unit([Duration.of(30), Duration.of("5%")], "updates", "epochs")
    '"30 epochs"'
    """
    changed = [
        Duration(tuple([(other if term == unit else term, count) for term, count in length.terms]))
        for length in lengths
        if unit in dict(length.terms)
    ]
    return ", ".join(dict.fromkeys(length.written() for length in changed))


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
