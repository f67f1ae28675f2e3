"""The base class of the rows in the table of MMEngine's schedulers, with the data that rows exchange with plans.

The drop-in classes and the dialect read the same rows. A *step* (`tick` in the code) is one call of a scheduler's
`step`: an epoch if `by_epoch` is true, else an iteration. Source: MMEngine 0.10.7.
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
"""MMEngine's `end` of a window without an end."""

CONVERTED: Final = "convert_to_iter_based"
"""The argument of a scheduler with counts in epochs that steps once per iteration.

It stays among the arguments until the length of an epoch is known and the counts can be converted.
"""

Arguments: TypeAlias = Mapping[str, Any]
"""All arguments of one scheduler by name."""


@final
@dataclass(frozen=True, slots=True)
class InvalidSchedulerArgument:
    """An invalid argument of a scheduler.

    Args:
        argument: the name of the argument.
        message: the description of the error.
        kind: the built-in exception that MMEngine raises.
        instead: the advice for a config.
    """

    argument: str
    message: str
    kind: type[Exception] = ValueError
    instead: str = ""


WINDOW_ARGUMENTS: Final[Mapping[str, Argument]] = {
    "begin": Argument(0, meaning="first epoch (iteration) of the window"),
    "end": Argument(INF, meaning="end of the window, exclusive: `begin <= t < end`"),
    "last_step": Argument(-1, meaning="continue as if `last_step + 1` active steps had been made"),
    "by_epoch": Argument(
        True, meaning="True if counts are epochs and `step` is called once per epoch; False for iterations"
    ),
    "verbose": Argument(False, meaning="print a line for each group and change"),
}
"""The arguments that all schedulers share."""


def is_finite(number: object) -> bool:
    """Return whether the value is a number that a finite float can represent."""
    try:
        return is_real_number(number) and isfinite(number)  # type: ignore[arg-type]  # it is a number
    except OverflowError:
        return False


def is_real_number(value: object) -> bool:
    """Return whether the value is a real number, which True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def each_number(value: Any) -> Sequence[Any]:
    """Return the entries of a list, or a tuple with the value itself."""
    return value if isinstance(value, (list, tuple)) else (value,)


def number_errors(arguments: Arguments, *names: str) -> Iterator[InvalidSchedulerArgument]:
    """Yield an error for each of these arguments that is not a number."""
    for name in names:
        if not is_real_number(arguments[name]):
            yield InvalidSchedulerArgument(name, f"expected a number, got {name}={arguments[name]!r}", TypeError)


@final
@dataclass(frozen=True, slots=True)
class ClosedForm:
    """A scheduler as a schedule whose time starts with the scheduler's window.

    Args:
        schedule: the closed form.
        multiplies: True if it multiplies the current value by factors that do not depend on that value. False if it
            moves the value to a floor.
        ends_itself: True if the schedule stays at its last value after the window, so the plan need not end it there.
        cut_at_end: True if the schedule applies until the end of the window. False if it applies until the start of the
            window's last step.
        undone: True if the value after the window equals the value before it.
        to_base: True if the floor is a multiple of the base. This is exact only if the window starts at the base.
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
    """Converts the counts in a scheduler's config (`begin`, `end`, `T_max`, milestones) to lengths of a schedule.

    Args:
        in_epochs: True if its counts are epochs.
        converted: True if it steps once per iteration although its counts are epochs.
    """

    in_epochs: bool
    converted: bool

    @property
    def stepwise(self) -> bool:
        """True if its values change between epochs only."""
        return self.in_epochs and not self.converted

    def count(self, ticks: float) -> DurationLike:
        """Return a count of the config as a length."""
        return f"{int(ticks)} epochs" if self.in_epochs else int(ticks)

    def last(self, ticks: float) -> DurationLike:
        """Return the length from the start of a window of `ticks` steps to the start of its last step."""
        if not self.converted:
            return self.count(ticks - 1)
        # MMEngine rounds `ticks * epoch_length` down. Lengths of a schedule are rounded up, so the fraction is
        # subtracted.
        count = Fraction(ticks)
        return f"{float(count):.15g} epochs - {float(2 - Fraction(1, count.denominator)):.15g} steps"

    @property
    def one(self) -> DurationLike:
        """The length of one step."""
        return 1 if self.converted else self.count(1)

    def changing(self, schedule: Schedule) -> Schedule:
        """Return a smooth schedule, which changes between epochs only if the scheduler steps once per epoch."""
        return every(schedule, "epoch") if self.stepwise else schedule


@final
@dataclass(frozen=True, slots=True)
class FormNeeds:
    """The conditions under which a closed form must be exact.

    Args:
        ticks: the unit of the scheduler's steps.
        size: the length of the scheduler's window, in the unit of `ticks`.
        endless: True if the window has no end.
        alone: True if no other scheduler changes the field.
        run: the length of the run in the unit of `ticks`; None if it is unknown.
        any_floor: True if a floor may be a multiple of the base.
    """

    ticks: SchedulerTicks
    size: float
    endless: bool
    alone: bool
    run: int | None
    any_floor: bool

    @property
    def single(self) -> bool:
        """True if the window has one step."""
        return self.size == 1 and not self.ticks.converted


MMENGINE = PeerExporter("MMEngine")
EPOCH, UPDATE = Duration.of("1 epoch"), Duration.of(1)


@final
@dataclass(frozen=True, slots=True)
class StretchedWindow:
    """The window of a part of a plan that moves from one level to another over a known length.

    Args:
        ticks: the length of the part, in steps.
        window: the window's begin, end and unit as arguments.
        fills_window: True if the part ends with the window.
        open_window: `window`, without its end if that is the end of the run.
    """

    ticks: int
    window: dict[str, Any]
    fills_window: bool
    open_window: dict[str, Any]


@final
@dataclass(frozen=True, slots=True)
class WrittenPart:
    """The context of a part of a plan that is converted to schedulers.

    Args:
        binding: the binding that contains the part.
        horizon: the horizon of the plan.
        begin: the first step of the part.
        stop: the step before the last one of the part; None if the part lasts to the end of the run.
        stepwise: True if the part changes between epochs only.
        level: the level at the start of the part.
        stretched: the window of the part, if it moves between two levels over a known length.
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
        """True if the part covers the entire run."""
        return self.begin == Duration.of(0) and self.stop is None and not self.stepwise

    def ticks(self, duration: Duration) -> tuple[int, bool]:
        """Return a length as a number of epochs or iterations, and whether it is in epochs."""
        return whole_ticks(duration, "length", f'"{duration}" of {self.binding}')

    def first_tick(self, by_epoch: bool) -> int:
        """Return the begin of the part's window, in epochs if `by_epoch`, else in iterations."""
        begin, in_epochs = self.ticks(self.begin)
        if begin and in_epochs != by_epoch:
            self.refuse(self.binding.schedule, "a window must have the unit of the scheduler's counts")
        return begin

    def window(self, by_epoch: bool, *, one_more: bool) -> dict[str, Any]:
        """Return the part's window as arguments; if `one_more`, add one step, as the last step has an effect."""
        begin = self.first_tick(by_epoch)
        if self.stop is None:
            return window_arguments(begin, None, by_epoch)
        # A window in epochs that MMEngine converts to iterations ends one iteration before the end of an epoch.
        if by_epoch and (end := whole_epochs(self.stop + UPDATE)):
            return window_arguments(begin, end, True, converted=True)
        return window_arguments(begin, self.ticks(self.stop)[0] + one_more, by_epoch)

    def bounds_by_epoch(self) -> bool:
        """Return whether the part's window is in epochs, for a shape whose arguments contain no unit."""
        bounds = [bound for bound in (self.begin, self.stop) if bound is not None and bound.terms]
        return self.ticks(bounds[0])[1] if bounds else self.stepwise

    def refuse(self, part: object, why: str) -> NoReturn:
        """Raise the error for a part that MMEngine cannot express."""
        MMENGINE.refuse(f"{part} of {self.binding.name}", why)


def whole_ticks(duration: Duration, what: str, written: str) -> tuple[int, bool]:
    """Return a length as a number of epochs or iterations, and whether it is in epochs.

    Args:
        duration: the length.
        what: the name of the length, for the error.
        written: the length as text, for the error.
    """
    units = {unit for unit, _ in duration.terms}
    amount = sum((count for _, count in duration.terms), Fraction(0))
    if (not units <= {"epochs"} and not units <= {"updates"}) or amount.denominator != 1:
        found = "lengths must be an integer number of epochs or iterations"
        MMENGINE.refuse(f"{what} {written}", found, "Write ps.resolve(plan, calendar)", format="yaml")
    return int(amount), units == {"epochs"}


def whole_epochs(duration: Duration) -> int | None:
    """Return a length as a number of epochs, or None if it is not an integer; a length of 0 is 0 epochs."""
    amounts = dict(duration.terms)
    count = amounts.pop("epochs", Fraction(0))
    return int(count) if not amounts and count.denominator == 1 else None


def window_arguments(begin: int, end: int | None, by_epoch: bool, *, converted: bool = False) -> dict[str, Any]:
    """Return a window as arguments, without those that are MMEngine's default."""
    window: dict[str, Any] = {} if by_epoch else {"by_epoch": False}
    if begin:
        window["begin"] = begin
    if end is not None and end < INF:
        window["end"] = end
    return {**window, CONVERTED: True} if converted else window


def describe_level(level: Level) -> str:
    """Return a level as text for a message."""
    return str(level) if isinstance(level, Absolute) else f"{level:g} times base"


FoundArguments: TypeAlias = dict[str, Any] | None
"""The arguments that express a part of a plan, or None if the row cannot. The window of a rule is not among them."""


RuleOfPlan: TypeAlias = Rule | MetricRule[Any]
"""A rule in a plan: a part of a recurrence, or a metric rule."""


class SchedulerRow:
    """A scheduler of MMEngine: its arguments, their checks, and its conversion to a plan and back.

    Attributes:
        name: the common prefix of its classes, `Step` for `StepLR`.
        meaning: its description, which begins with a verb; `{it}` is replaced by the scheduled value.
        arguments: its arguments, in MMEngine's order.
        counted: the arguments besides `begin` and `end` that `convert_to_iter_based` multiplies.
        length_from: the arguments besides `end` that determine its length; None if it needs no length.
        only_field: the only field that it can schedule; None for any field.
        reacts_to_metric: True if it has a metric rule instead of a rule of a recurrence.
    """

    name: ClassVar[str] = ""
    meaning: ClassVar[str] = ""
    arguments: ClassVar[Mapping[str, Argument]] = {}
    counted: ClassVar[tuple[str, ...]] = ()
    length_from: ClassVar[tuple[str, ...] | None] = None
    only_field: ClassVar[str | None] = None
    reacts_to_metric: ClassVar[bool] = False

    def own_errors(self, arguments: Arguments) -> Iterable[InvalidSchedulerArgument]:
        """Return the errors in the arguments that are specific to this scheduler."""
        return ()

    def derived(self, arguments: Arguments) -> dict[str, Any]:
        """Return the attributes of a scheduler that are computed from its arguments."""
        return {}

    def rule(self, arguments: Arguments) -> Rule:
        """Return the rule of a recurrence."""
        raise NotImplementedError

    def metric_rule(self, arguments: Arguments, base: float | None) -> MetricRule[Any]:
        """Return the metric rule for a field with this base."""
        raise NotImplementedError

    def schedule(self, arguments: Arguments, needs: FormNeeds) -> ClosedForm | None:
        """Return the closed form, with time counted from the start of the window; None if there is none."""
        return None

    def from_rule(self, rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
        """Return the arguments that express a rule of a plan, without its window."""
        return None

    def from_schedule(self, schedule: Schedule, part: WrittenPart) -> FoundArguments:
        """Return the arguments that express a part of a plan, with its window."""
        return None

    def warnings(self, arguments: Arguments, *, converted_from_epochs: bool) -> Iterable[str]:
        """Return warnings for arguments that are valid but probably a mistake."""
        return ()

    def run_errors(self, arguments: Arguments, stop: int) -> Iterable[InvalidSchedulerArgument]:
        """Return the errors of a window that ends at `stop`."""
        return ()

    def defaulted(self, arguments: Arguments) -> dict[str, Any]:
        """Add the defaults of missing arguments; replace an infinite `end` by `INF`."""
        found = {name: one.default for name, one in self.arguments.items() if one.default is not ...} | dict(arguments)
        return found | {"end": INF} if found.get("end") == inf else found

    def complete(self, arguments: Arguments) -> dict[str, Any]:
        """Return all arguments with the attributes that are computed from them."""
        arguments = self.defaulted(arguments)
        return arguments | self.derived(arguments)

    def check(self, arguments: Arguments) -> Iterator[InvalidSchedulerArgument]:
        """Yield the errors in complete arguments, before the computed attributes are added."""
        infinite = [
            InvalidSchedulerArgument(name, f"{name} must be finite")
            for name, value in arguments.items()
            if not all(map(is_finite, filter(is_real_number, each_number(value))))
        ]
        if infinite:
            yield from infinite
            return
        unreadable = next(number_errors(arguments, "begin", "end"), None)
        begin, end, last = arguments["begin"], arguments["end"], arguments["last_step"]
        if unreadable is not None:
            yield unreadable
        else:
            if end <= begin:
                message = f"end should be larger than begin, but got begin={begin}, end={end}"
                instead = f"Write end={begin + 1} or more, or leave the scheduler out if the run ends before it"
                yield InvalidSchedulerArgument("end", message, instead=instead)
            if not isinstance(last, int) or isinstance(last, bool) or last < -1:
                message = f"expected an integer of at least -1, got last_step={last!r}"
                yield InvalidSchedulerArgument("last_step", message, AssertionError)
        yield from self.own_errors(arguments)
