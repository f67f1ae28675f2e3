"""The arguments of MMEngine's schedulers, their checks, and what a closed form has to hold for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isfinite
from numbers import Real
from typing import Any, Final, TypeAlias, final

from paramsched.schedules import Schedule, every
from paramsched.schedules.affine import Absolute, Level, absolute
from paramsched.time import DurationLike

INF: Final = 10**9
"""What MMEngine writes for a window without end."""

CONVERTED: Final = "convert_to_iter_based"
"""Marks arguments that are in epochs and tick by iteration, until the length of an epoch is known."""

Arguments: TypeAlias = Mapping[str, Any]
"""The arguments of one scheduler by name, all of them there."""


@final
@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its name, its default, what it means, and whether it counts epochs or iterations."""

    name: str
    default: Any
    meaning: str
    counted: bool = False

    @property
    def required(self) -> bool:
        return self.default is ...


@final
@dataclass(frozen=True, slots=True)
class ArgumentFault:
    """What is wrong with an argument, the built-in error MMEngine raises for it, and what to write in a config."""

    argument: str
    message: str
    kind: type[Exception] = ValueError
    instead: str = ""


WINDOW_ARGUMENTS: Final = (
    Argument("begin", 0, "first epoch (iteration) of the window"),
    Argument("end", INF, "where the window stops; `begin <= t < end`"),
    Argument("last_step", -1, "continue as if `last_step + 1` active steps had been made"),
    Argument("by_epoch", True, "whether counts are epochs (and `step` is called once an epoch) or iterations"),
    Argument("verbose", False, "write a line for each group and change"),
)
"""What every scheduler takes besides its own arguments."""


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
        if not all(map(is_finite, filter(is_real_number, each_number(value)))):
            yield ArgumentFault(name, f"{name} is no finite number")


def window_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    """What is wrong with begin, end and last_step."""
    for fault in number_faults(arguments, "begin", "end"):
        yield fault
        return
    begin, end, last = arguments["begin"], arguments["end"], arguments["last_step"]
    if end <= begin:
        message = f"end should be larger than begin, but got begin={begin}, end={end}"
        yield ArgumentFault(
            "end", message, instead=f"Write end={begin + 1} or more, or leave the scheduler out: the run is over"
        )
    if not isinstance(last, int) or isinstance(last, bool) or last < -1:
        yield ArgumentFault("last_step", f"last_step={last!r} is not an integer from -1 on", AssertionError)


def each_number(value: Any) -> Sequence[Any]:
    """The entries of a list; what is none is the only one."""
    return value if isinstance(value, (list, tuple)) else (value,)


def number_faults(arguments: Arguments, *names: str) -> Iterator[ArgumentFault]:
    """Which of these arguments are no numbers."""
    for name in names:
        if not is_real_number(arguments[name]):
            yield ArgumentFault(name, f"{name}={arguments[name]!r} is no number", TypeError)


def factor_faults(arguments: Arguments, *names: str) -> Iterator[ArgumentFault]:
    """What is wrong with factors in [0, 1]."""
    instead = "Write 1 or less, as MMEngine wants it; a native plan may say constant(2.5)"
    for name in names:
        yield from number_faults(arguments, name)
        if is_real_number(arguments[name]) and not 0 <= arguments[name] <= 1:
            yield ArgumentFault(name, f"{name}={arguments[name]!r} should be between 0 and 1", instead=instead)


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


@final
@dataclass(frozen=True, slots=True)
class ClosedForm:
    """A scheduler as a schedule on the clock of its window.

    Args:
        multiplies: whether it multiplies the value it finds, whatever that is; else it carries it to a floor.
        ends_itself: whether it holds its last value after the window by itself.
        cut_at_end: whether it is cut off at the window's end, not at the begin of its last tick.
        undone: whether it leaves the value as it found it.
        to_base: whether its floor is a multiple of the base, which is right only where the value found is the base.
    """

    schedule: Schedule
    multiplies: bool = True
    ends_itself: bool = False
    cut_at_end: bool = False
    undone: bool = False
    to_base: bool = False


@final
@dataclass(frozen=True, slots=True)
class SchedulerTicks:
    """The ticks of a scheduler as lengths of a schedule.

    Args:
        in_epochs: whether its counts are epochs.
        converted: whether it ticks by iteration though its counts are epochs.
    """

    in_epochs: bool
    converted: bool

    @property
    def stepwise(self) -> bool:
        """Whether its values change between epochs only."""
        return self.in_epochs and not self.converted

    def count(self, ticks: float) -> DurationLike:
        """So many counts of the config."""
        return f"{int(ticks)} epochs" if self.in_epochs else int(ticks)

    def last(self, ticks: float) -> DurationLike:
        """The begin of the last tick of so many counts."""
        if not self.converted:
            return self.count(ticks - 1)
        # `int(ticks * length)` cuts a part of a tick off; our lengths are rounded up, from less by that part.
        whole = Fraction(ticks)
        return f"{float(whole):.15g} epochs - {float(2 - Fraction(1, whole.denominator)):.15g} steps"

    @property
    def one(self) -> DurationLike:
        """A single tick."""
        return 1 if self.converted else self.count(1)

    def changing(self, schedule: Schedule) -> Schedule:
        """A smooth schedule as the ticks read it."""
        return every(schedule, "epoch") if self.stepwise else schedule


@final
@dataclass(frozen=True, slots=True)
class FormNeeds:
    """What a closed form has to hold for.

    Args:
        size: of its window, in counts.
        alone: whether no other scheduler changes the field.
        run: the length of the run in counts, where it is known.
        any_floor: whether a floor may be a multiple of the base.
    """

    ticks: SchedulerTicks
    size: float
    endless: bool
    alone: bool
    run: int | None
    any_floor: bool

    @property
    def single(self) -> bool:
        """Whether the window has one tick."""
        return self.size == 1 and not self.ticks.converted
