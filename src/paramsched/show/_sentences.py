"""What a picture says in words about what was planned, used and compared."""

from paramsched.show._drawable import Drawable, Floats, Key, Times
from paramsched.show._numbers import count, joined, listed, number


def log_note(differing: Times, compared: int) -> str:
    """How far a panel's log agrees with the plan."""
    if differing.size == 0:
        return f"used as planned at {count(compared)} of {count(compared)} updates"
    return f"used differs from planned at {count(differing.size)} of {count(compared)} updates: {listed(differing)}"


def other_note(differing: Times, compared: int) -> str:
    """How far two plans agree in a panel."""
    if differing.size == 0:
        return f"both plans agree at all {count(compared)} updates"
    return f"the plans differ at {count(differing.size)} of {count(compared)} updates: {listed(differing)}"


def summary(trace: Drawable) -> str:
    """The horizon in words: `460 updates · 20 epochs of 23`."""
    parts = [f"{count(trace.total)} update{'s' if trace.total > 1 else ''}"]
    if trace.steps_per_epoch:
        epochs = number(trace.total / trace.steps_per_epoch, 4)
        parts.append(f"{epochs} epoch{'s' if epochs != '1' else ''} of {count(trace.steps_per_epoch)}")
    return " · ".join(parts)


def verdict(
    differing: Times,
    trace: Drawable,
    used: dict[Key, tuple[Times, Floats]],
    other: Drawable | None,
) -> str:
    """One sentence over all panels; "" if nothing was compared."""
    if used:
        every = joined(times for times, _ in used.values()).size
        if other is None:
            return f"planned = used at {count(every - differing.size)} of {count(every)} updates"
    if other is not None:
        total = max(trace.total, other.total)
        return f"the plans agree at {count(total - differing.size)} of {count(total)} updates"
    return ""


_ASSUMED = "base 1 is assumed, and levels as they stand do not scale with it"
UNIT = "× base"
"""What an axis is in, whose base nobody said."""


def base_note(value: float | None, share: str) -> str:
    """From which base a curve is drawn.

    >>> base_note(0.1, "all"), base_note(None, "all"), base_note(None, "some")
    ('base 0.1', '× base: none is given', 'base 1 is assumed, and levels as they stand do not scale with it')
    """
    if share == "none":
        return "values as they stand, whatever the base"
    if value is not None:
        return f"base {number(value)}"
    return f"{UNIT}: none is given" if share == "all" else _ASSUMED
