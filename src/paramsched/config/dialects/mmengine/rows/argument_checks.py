"""Checks of arguments that several schedulers share, and what several rules are made of."""

from collections.abc import Iterator
from math import ceil, isfinite
from numbers import Real
from typing import Any, Final

from paramsched.config.dialects.mmengine.rows.arguments import CONVERTED, Argument, ArgumentFault, Arguments
from paramsched.schedules.affine import Absolute, Level, absolute

FLOOR_ARGUMENT: Final = Argument("eta_min", None, "floor, as a value")
FLOOR_RATIO_ARGUMENT: Final = Argument(
    "eta_min_ratio", None, "floor, as a multiple of the base value; instead of `eta_min`"
)


def is_finite(number: object) -> bool:
    """Whether it is a number that a float holds."""
    try:
        return is_real_number(number) and isfinite(number)  # type: ignore[arg-type]  # it is a number
    except OverflowError:
        return False


def is_real_number(value: object) -> bool:
    """Whether it is a real number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def infinite_number_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    """Numbers that no curve can be drawn with: nan, infinity, more than a float holds."""
    for name, value in arguments.items():
        numbers = [one for one in (value if isinstance(value, (list, tuple)) else [value]) if is_real_number(one)]
        if not all(map(is_finite, numbers)):
            yield ArgumentFault(name, f"{name} is no finite number")


def window_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    """What is wrong with begin, end and last_step."""
    for name in ("begin", "end"):
        if not is_real_number(arguments[name]):
            yield ArgumentFault(name, f"{name}={arguments[name]!r} is no number", TypeError)
            return
    begin, end, last = arguments["begin"], arguments["end"], arguments["last_step"]
    if end <= begin:
        message = f"end should be larger than begin, but got begin={begin}, end={end}"
        yield ArgumentFault(
            "end", message, instead=f"Write end={begin + 1} or more, or leave the scheduler out: the run is over"
        )
    if not isinstance(last, int) or isinstance(last, bool) or last < -1:
        yield ArgumentFault("last_step", f"last_step={last!r} is not an integer from -1 on", AssertionError)


def number_faults(arguments: Arguments, *names: str) -> Iterator[ArgumentFault]:
    """Which of these arguments are no numbers."""
    for name in names:
        if not is_real_number(arguments[name]):
            yield ArgumentFault(name, f"{name}={arguments[name]!r} is no number", TypeError)


def factor_faults(arguments: Arguments, name: str) -> Iterator[ArgumentFault]:
    """What is wrong with a factor in [0, 1]."""
    value = arguments[name]
    if not is_real_number(value):
        yield ArgumentFault(name, f"{name}={value!r} is no number", TypeError)
    elif not 0 <= value <= 1:
        instead = "Write 1 or less, as MMEngine wants it; a native plan may say constant(2.5)"
        yield ArgumentFault(name, f"{name}={value!r} should be between 0 and 1", instead=instead)


def floor_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    """What is wrong with `eta_min` and `eta_min_ratio`, each by itself."""
    for name in (FLOOR_ARGUMENT.name, FLOOR_RATIO_ARGUMENT.name):
        if arguments[name] is not None:
            yield from number_faults(arguments, name)


def floor_level(arguments: Arguments) -> Level:
    """The floor of a cosine: a value, or a multiple of the base."""
    ratio = arguments.get("eta_min_ratio")
    return absolute(arguments["eta_min"] or 0.0) if ratio is None else float(ratio)


def floor_arguments(level: Level) -> dict[str, Any]:
    """`eta_min` or `eta_min_ratio`, whichever says this floor."""
    return {"eta_min": level.value} if isinstance(level, Absolute) else {"eta_min_ratio": level}


def window_of_rule(arguments: Arguments) -> dict[str, Any]:
    """The window of a scheduler as that of a kernel rule."""
    return {
        "begin": ceil(arguments["begin"]),
        "end": ceil(arguments["end"]),
        "by": "epoch" if arguments["by_epoch"] else "update",
    }


def ticks_in_window(arguments: Arguments) -> dict[str, Any]:
    """`total_iters`, the length of a shape that is stretched over its window."""
    return {"total_iters": arguments["end"] - arguments["begin"] - 1}


def int_if_whole(number: Any) -> Any:
    """A length as an int where it is a whole number, else as a float."""
    return int(number) if number == int(number) else float(number)


def one_tick_caution(arguments: Arguments, factor: float) -> Iterator[str]:
    """A window of one tick multiplies once and never gives it back: row 3 of docs/compat/divergences.md."""
    if arguments["end"] - arguments["begin"] == 1 and not arguments.get(CONVERTED, False):
        cure = "write convert_to_iter_based=True" if arguments["by_epoch"] else "make the window longer"
        yield (
            f"the window [{arguments['begin']}, {arguments['end']}) has one tick: "
            f"the value is multiplied by {factor:g} there and stays so for ever; {cure}"
        )
