"""The errors of times, bases and lengths when a schedule is evaluated or planned: one function for each mistake."""

from typing import Final

from paramsched.base.words import UNTIL_IS_AN_END, limit_text
from paramsched.errors import InvalidArgument, InvalidTime, Unresolved, shown

# ---------------------------------------------------------------- times

_USE_UPDATES: Final = "Use the number of completed updates: 0, 1, 2, …"


def time_is_not_a_number(time: object) -> InvalidTime:
    """Return the error for a bool or a text in place of a time."""
    return InvalidTime(f"time {time!r}", f"expected a number, got {type(time).__name__}", _USE_UPDATES)


def time_out_of_range(time: float) -> InvalidTime:
    """Return the error for a time that is negative or not finite."""
    return InvalidTime(f"time {time!r}", "must be finite and not negative", _USE_UPDATES)


def time_too_late(time: int, most: int) -> InvalidTime:
    """Return the error for a time that is larger than a clock counts."""
    site = f"time {time:.6g}" if time < 10**300 else "time"  # a larger one is not a float
    return InvalidTime(site, f"must be at most {limit_text(most)} updates", _USE_UPDATES)


def times_are_not_an_array(times: object) -> InvalidTime:
    """Return the error for lists of different lengths."""
    return InvalidTime(f"times {shown(times)}", "expected an array of numbers", _USE_UPDATES)


def times_are_not_numbers(dtype: object) -> InvalidTime:
    """Return the error for an array of something other than numbers."""
    return InvalidTime(f"times of dtype {dtype}", "expected numbers", _USE_UPDATES)


def times_out_of_range(first: object, last: object) -> InvalidTime:
    """Return the error for an array with a time that is negative or not finite."""
    return InvalidTime(f"times from {first} to {last}", "must be finite and not negative", _USE_UPDATES)


def times_too_late(last: object, most: int) -> InvalidTime:
    """Return the error for an array with a time that is larger than a clock counts."""
    return InvalidTime(f"times up to {last}", f"must be at most {limit_text(most)} updates", _USE_UPDATES)


# ---------------------------------------------------------------- bases

_USE_A_VALUE: Final = "Use the group's own value, for example 0.1"


def base_is_not_finite(base: float) -> InvalidArgument:
    """Return the error for a base that is NaN or infinite."""
    return InvalidArgument(f"base {base!r}", "must be finite", _USE_A_VALUE)


def bases_are_not_real(base: object, dtype: object) -> InvalidArgument:
    """Return the error for an array of bases that are not real numbers."""
    return InvalidArgument(f"base {base!r}"[:80], f"expected real numbers, got {dtype}", _USE_A_VALUE)


def bases_are_not_finite(base: object) -> InvalidArgument:
    """Return the error for an array with a base that is NaN or infinite."""
    return InvalidArgument(f"base {base!r}"[:80], "must be finite", _USE_A_VALUE)


def shapes_do_not_broadcast(times: tuple[int, ...], bases: tuple[int, ...]) -> InvalidArgument:
    """Return the error for arrays of times and bases of which NumPy makes no common shape."""
    message = f"expected shapes that broadcast, got times of shape {times} and bases of shape {bases}"
    return InvalidArgument("schedule(t, base)", message, "Use schedule(t[:, None], base)")


# ---------------------------------------------------------------- lengths in a run


def until_of_no_stage(length: str, alone: str) -> InvalidArgument:
    """Return the error for `until` in a length that is not that of a stage; `alone` is the length without it."""
    advice = f'Use over="{length}" of a stage, or "{alone}" here'
    return InvalidArgument(f'"{length}"', UNTIL_IS_AN_END, advice)


def until_after_open_stage(length: str) -> InvalidArgument:
    """Return the error for `until` in a stage whose start is unknown."""
    example = 'warmup("5%") >> cosine(over="until 80%") >> linear(start=0.1)'
    message = "a stage after an open-ended stage needs a length"
    return InvalidArgument(f'"{length}"', message, f'Write "until" in the open-ended stage: {example}')


def until_before_start(length: str, begins: str, ends: str) -> InvalidArgument:
    """Return the error for a stage that would end before it starts."""
    message = f"counted from the start of the sequence, the stage would end at {ends}, but it starts at {begins}"
    return InvalidArgument(f'"{length}"', message, "Use a later time, or shorten the stages before it")


def length_below_zero(length: object, count: str) -> InvalidArgument:
    """Return the error for a length such as `10% - 5 epochs` that is negative in this run."""
    message = f"the length resolves to {count}; it must not be negative"
    return InvalidArgument(f'length "{length}"', message, "Use a longer length")


def other_run_is_empty(length: object) -> InvalidArgument:
    """Return the error for a part of a run without updates."""
    message = "the run must be longer than 0"
    return InvalidArgument(f'of="{length}"', message, 'For example: of="20 epochs", or omit it')


def no_total(schedule: str) -> Unresolved:
    """Return the error for a schedule that needs the length of the run, which is unknown."""
    message = "it has no length of its own, and the length of the run is unknown"
    return Unresolved(schedule, message, "For example: total=10_000")


def lengths_of_operands_differ(schedule: str) -> Unresolved:
    """Return the error for the length of operands that only the run facts can compare."""
    message = "its operands' lengths are in different units"
    return Unresolved(schedule, message, "For example: ps.resolve(schedule, total=10_000).length")


def not_in_updates(schedule: str) -> Unresolved:
    """Return the error for a call of a schedule that was not resolved."""
    message = "it still has units or open-ended stages; resolve it first"
    return Unresolved(schedule, message, example="ps.resolve(schedule, total=10_000, steps_per_epoch=100)")


# ---------------------------------------------------------------- the breakpoints

_UNTIL: Final = "For example: .breakpoints(until=10_000)"


def breakpoints_without_end(schedule: str) -> InvalidArgument:
    """Return the error for all breakpoints of a schedule without an end."""
    return InvalidArgument(f"({schedule}).breakpoints()", "it has no end", _UNTIL)


def too_many_breakpoints(schedule: str, until: int, most: int) -> InvalidArgument:
    """Return the error for more breakpoints than are computed in a moment."""
    return InvalidArgument(f"({schedule}).breakpoints(until={until})", f"more than {most} points", _UNTIL)
