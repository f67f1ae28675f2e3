"""A row of the table of MMEngine's schedulers, its arguments, and the part of a plan that is to be written by it.

The drop-in classes and the dialect read the same rows. Facts: MMEngine 0.10.7.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isfinite
from numbers import Real
from typing import Any, ClassVar, Final, NoReturn, TypeAlias, final

from paramsched.config.arguments import Argument
from paramsched.config.peer_exports import PeerExporter
from paramsched.feedback.base import MetricRule
from paramsched.plan import Binding
from paramsched.schedules import Schedule, every
from paramsched.schedules.affine import Absolute, Level
from paramsched.schedules.rules import Rule
from paramsched.time import Duration, DurationLike

INF: Final = 10**9
"""What MMEngine writes for a window without end."""

CONVERTED: Final = "convert_to_iter_based"
"""Marks arguments that are in epochs and tick by iteration, until the length of an epoch is known."""

Arguments: TypeAlias = Mapping[str, Any]
"""The arguments of one scheduler by name, all of them there."""


@final
@dataclass(frozen=True, slots=True)
class ArgumentFault:
    """What is wrong with an argument, the built-in error MMEngine raises for it, and what to write in a config."""

    argument: str
    message: str
    kind: type[Exception] = ValueError
    instead: str = ""


WINDOW_ARGUMENTS: Final[Mapping[str, Argument]] = {
    "begin": Argument(0, meaning="first epoch (iteration) of the window"),
    "end": Argument(INF, meaning="where the window stops; `begin <= t < end`"),
    "last_step": Argument(-1, meaning="continue as if `last_step + 1` active steps had been made"),
    "by_epoch": Argument(True, meaning="whether counts are epochs (and `step` is called once an epoch) or iterations"),
    "verbose": Argument(False, meaning="write a line for each group and change"),
}
"""What every scheduler takes besides its own arguments."""


def is_finite(number: object) -> bool:
    """Whether it is a number that a float holds."""
    try:
        return is_real_number(number) and isfinite(number)  # type: ignore[arg-type]  # it is a number
    except OverflowError:
        return False


def is_real_number(value: object) -> bool:
    """Whether it is a real number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def each_number(value: Any) -> Sequence[Any]:
    """The entries of a list; what is none is the only one."""
    return value if isinstance(value, (list, tuple)) else (value,)


def number_faults(arguments: Arguments, *names: str) -> Iterator[ArgumentFault]:
    """Which of these arguments are no numbers."""
    for name in names:
        if not is_real_number(arguments[name]):
            yield ArgumentFault(name, f"{name}={arguments[name]!r}: expected a number", TypeError)


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


MMENGINE = PeerExporter("MMEngine")
EPOCH, UPDATE = Duration.of("1 epoch"), Duration.of(1)


@final
@dataclass(frozen=True, slots=True)
class StretchedWindow:
    """The window of a part that goes from one level to another over a known length.

    Args:
        window: begin, end and unit as arguments.
        whole: whether it ends with the window.
        open_window: the window without its end, where that is the end of the run.
    """

    ticks: int
    window: dict[str, Any]
    whole: bool
    open_window: dict[str, Any]


@final
@dataclass(frozen=True, slots=True)
class WrittenPart:
    """Where a part of a plan acts.

    Args:
        begin: its first tick.
        stop: its last tick but one; None: to the end of the run.
        stepwise: whether it changes by epochs only.
        level: the multiple of the base that it finds.
        stretched: its window, for a part with two levels and a length.
    """

    binding: Binding
    horizon: Duration | None
    begin: Duration = Duration.of(0)  # noqa: RUF009  # a frozen value
    stop: Duration | None = None
    stepwise: bool = False
    level: Level = 1.0
    stretched: StretchedWindow | None = None

    @property
    def everywhere(self) -> bool:
        """Whether it acts in the whole run."""
        return self.begin == Duration.of(0) and self.stop is None and not self.stepwise

    def ticks(self, duration: Duration) -> tuple[int, bool]:
        """A length as a whole number of epochs or iterations, and whether it is epochs."""
        return whole_ticks(duration, "length", f'"{duration}" of {self.binding}')

    def first_tick(self, by_epoch: bool) -> int:
        """Where its window begins, in the unit of its counts."""
        begin, theirs = self.ticks(self.begin)
        if begin and theirs != by_epoch:
            self.refuse(self.binding.schedule, "its window has the unit of its counts")
        return begin

    def window(self, by_epoch: bool, *, one_more: bool) -> dict[str, Any]:
        """Its window as arguments; `one_more` where its last tick is one that still acts."""
        begin = self.first_tick(by_epoch)
        if self.stop is None:
            return window_arguments(begin, None, by_epoch)
        return window_arguments(begin, self.ticks(self.stop)[0] + one_more, by_epoch)

    def bounds_by_epoch(self) -> bool:
        """Whether its window is in epochs, where the shape in it does not say."""
        bounds = [bound for bound in (self.begin, self.stop) if bound is not None and bound.terms]
        return self.ticks(bounds[0])[1] if bounds else self.stepwise

    def refuse(self, part: object, why: str) -> NoReturn:
        """Raise the error that names what cannot be said."""
        MMENGINE.refuse(f"{part} of {self.binding.name}", why)


def whole_ticks(duration: Duration, what: str, written: str) -> tuple[int, bool]:
    """A length as a whole number of epochs or iterations, and whether it is epochs."""
    units = {unit for unit, _ in duration.terms}
    amount = sum((count for _, count in duration.terms), Fraction(0))
    if (not units <= {"epochs"} and not units <= {"updates"}) or amount.denominator != 1:
        found = "it counts whole epochs or iterations"
        MMENGINE.refuse(f"{what} {written}", found, "Write ps.resolve(plan, calendar)", format="yaml")
    return int(amount), units == {"epochs"}


def whole_epochs(duration: Duration) -> int | None:
    """A length as a whole number of epochs; None where it is none. Nothing is none of any unit, so it is."""
    amounts = dict(duration.terms)
    count = amounts.pop("epochs", Fraction(0))
    return int(count) if not amounts and count.denominator == 1 else None


def window_arguments(begin: int, end: int | None, by_epoch: bool, *, converted: bool = False) -> dict[str, Any]:
    """A window as arguments; what MMEngine takes by default is left out."""
    window: dict[str, Any] = {} if by_epoch else {"by_epoch": False}
    if begin:
        window["begin"] = begin
    if end is not None and end < INF:
        window["end"] = end
    return {**window, CONVERTED: True} if converted else window


def level_in_words(level: Level) -> str:
    """A level for a message."""
    return str(level) if isinstance(level, Absolute) else f"{level:g} times base"


FoundArguments: TypeAlias = dict[str, Any] | None
"""The arguments that say a part of a plan, its window aside where a rule has one; None where the row cannot say it."""


RuleOfPlan: TypeAlias = Rule | MetricRule[Any]
"""What a plan says by rules: of a recurrence, or of a metric."""


class SchedulerRow:
    """Everything that the library knows of one scheduler.

    Attributes:
        name: what its classes begin with: `Step` of `StepLR`.
        meaning: what it does, as a sentence that begins with a verb; `{it}` stands for the value it schedules.
        arguments: those it takes, in MMEngine's order.
        counted: the arguments that `convert_to_iter_based` multiplies, begin and end aside.
        length_from: the arguments besides `end` that give its length; None if it needs no length.
        only_field: the one entry of the groups that it may schedule; None: any.
        reacts_to_metric: whether it has a metric rule, and no rule of the kernel.
    """

    name: ClassVar[str] = ""
    meaning: ClassVar[str] = ""
    arguments: ClassVar[Mapping[str, Argument]] = {}
    counted: ClassVar[tuple[str, ...]] = ()
    length_from: ClassVar[tuple[str, ...] | None] = None
    only_field: ClassVar[str | None] = None
    reacts_to_metric: ClassVar[bool] = False

    def diagnostics(self, given: Arguments) -> Iterable[ArgumentFault]:
        """Everything that is wrong with its own arguments."""
        return ()

    def derived(self, given: Arguments) -> dict[str, Any]:
        """Arguments that follow from others, as attributes of a scheduler."""
        return {}

    def rule(self, given: Arguments) -> Rule:
        """The rule of the kernel."""
        raise NotImplementedError

    def metric_rule(self, given: Arguments, base: float | None) -> MetricRule[Any]:
        """What it does to a field with this base when it is told a metric."""
        raise NotImplementedError

    def schedule(self, given: Arguments, needs: FormNeeds) -> ClosedForm | None:
        """The closed form on the clock of the window; None if there is none."""
        return None

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        """The arguments that give a rule of a plan, without its window."""
        return None

    def from_schedule(self, schedule: Schedule, part: WrittenPart) -> FoundArguments:
        """The arguments that give a part of a plan, with their window."""
        return None

    def cautions(self, given: Arguments, *, converted_from_epochs: bool) -> Iterable[str]:
        """What is legal and hardly meant."""
        return ()

    def run_faults(self, given: Arguments, stop: int) -> Iterable[ArgumentFault]:
        """What is wrong if the window stops at `stop`."""
        return ()

    def defaulted(self, given: Arguments) -> dict[str, Any]:
        """The arguments given, and the defaults of the others; an infinite `end` is none."""
        found = {name: one.default for name, one in self.arguments.items() if one.default is not ...} | dict(given)
        return found | {"end": INF} if found.get("end") == inf else found

    def complete(self, given: Arguments) -> dict[str, Any]:
        """All arguments, and what follows from them."""
        arguments = self.defaulted(given)
        return arguments | self.derived(arguments)

    def check(self, arguments: Arguments) -> Iterator[ArgumentFault]:
        """Yield everything that is wrong with complete arguments, before what follows from them is added."""
        endless = [
            ArgumentFault(name, f"{name} must be finite")
            for name, value in arguments.items()
            if not all(map(is_finite, filter(is_real_number, each_number(value))))
        ]
        if endless:
            yield from endless
            return
        unreadable = next(number_faults(arguments, "begin", "end"), None)
        begin, end, last = arguments["begin"], arguments["end"], arguments["last_step"]
        if unreadable is not None:
            yield unreadable
        else:
            if end <= begin:
                message = f"end should be larger than begin, but got begin={begin}, end={end}"
                instead = f"Write end={begin + 1} or more, or leave the scheduler out: the run is over"
                yield ArgumentFault("end", message, instead=instead)
            if not isinstance(last, int) or isinstance(last, bool) or last < -1:
                yield ArgumentFault("last_step", f"last_step={last!r} is not an integer from -1 on", AssertionError)
        yield from self.diagnostics(arguments)
