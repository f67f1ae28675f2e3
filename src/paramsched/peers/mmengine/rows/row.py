"""A row of the table of MMEngine's schedulers, and the part of a plan that is to be written by it.

The drop-in classes and the dialect read the same rows. Facts: MMEngine 0.10.7.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Any, NoReturn, TypeAlias, final

from paramsched.config.peer_arguments import PeerWords
from paramsched.feedback.base import MetricRule
from paramsched.peers.mmengine.rows.arguments import (
    CONVERTED,
    INF,
    Argument,
    ArgumentFault,
    Arguments,
    ClosedForm,
    FormNeeds,
    infinite_number_faults,
    window_faults,
)
from paramsched.plan import Binding
from paramsched.schedules import Level, Schedule
from paramsched.schedules.affine import Absolute
from paramsched.schedules.rules import Rule
from paramsched.time import Duration

MMENGINE_WORDS = PeerWords("MMEngine")
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
        MMENGINE_WORDS.refuse(f"{part} of {self.binding.name}", why, 'Write it in the native format: "yaml"')


def whole_ticks(duration: Duration, what: str, written: str) -> tuple[int, bool]:
    """A length as a whole number of epochs or iterations, and whether it is epochs."""
    units = {unit for unit, _ in duration.terms}
    amount = sum((count for _, count in duration.terms), Fraction(0))
    if (not units <= {"epochs"} and not units <= {"updates"}) or amount.denominator != 1:
        found = "it counts whole epochs or iterations"
        MMENGINE_WORDS.refuse(f"{what} {written}", found, "Write ps.resolve(plan, calendar)")
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


@final
@dataclass(frozen=True, slots=True)
class SchedulerRow:
    """Everything that the library knows of one scheduler.

    Args:
        name: what its classes begin with: `Step` of `StepLR`.
        meaning: what it does, as a sentence that begins with a verb; `{it}` stands for the value it schedules.
        derived: arguments that follow from others, as attributes of a scheduler.
        rule: the kernel rule; None for the plateau, which reacts to a metric.
        schedule: the closed form on the window's own clock; None where there is none.
        from_schedule: the arguments that say a part of a plan, with their window.
        metric_rule: what a plateau does to a field, from its arguments and the field's base.
        cautions: what is legal and hardly meant; the second argument says whether iterations are counted by request.
        run_faults: what is wrong where the window stops at the second argument.
        length_from: the arguments besides `end` that say its length; None where it needs no length.
        only_field: the one entry of the groups that it may schedule; None: any.
    """

    name: str
    meaning: str
    arguments: tuple[Argument, ...]
    faults: Callable[[Arguments], Iterable[ArgumentFault]]
    derived: Callable[[Arguments], dict[str, Any]] = lambda _: {}
    rule: Callable[[Arguments], Rule] | None = None
    schedule: Callable[[Arguments, FormNeeds], ClosedForm | None] | None = None
    from_rule: Callable[[RuleOfPlan, WrittenPart], FoundArguments] | None = None
    from_schedule: Callable[[Schedule, WrittenPart], FoundArguments] | None = None
    metric_rule: Callable[[Arguments, float | None], MetricRule[Any]] | None = None
    cautions: Callable[[Arguments, bool], Iterable[str]] = lambda _, __: ()
    run_faults: Callable[[Arguments, int], Iterable[ArgumentFault]] = lambda _, __: ()
    length_from: tuple[str, ...] | None = None
    only_field: str | None = None

    @property
    def counted(self) -> tuple[str, ...]:
        """The arguments that `convert_to_iter_based` multiplies, begin and end aside."""
        return tuple(argument.name for argument in self.arguments if argument.counted)

    def defaulted(self, given: Arguments) -> dict[str, Any]:
        """The arguments given, and the defaults of the others; an infinite `end` is none."""
        found = {one.name: one.default for one in self.arguments if not one.required} | dict(given)
        return found | {"end": INF} if found.get("end") == inf else found

    def complete(self, given: Arguments) -> dict[str, Any]:
        """All arguments, and what follows from them."""
        arguments = self.defaulted(given)
        return arguments | self.derived(arguments)

    def check(self, arguments: Arguments) -> Iterator[ArgumentFault]:
        """Everything that is wrong with complete arguments (before what follows from them is added)."""
        endless = list(infinite_number_faults(arguments))
        if endless:
            yield from endless
            return
        yield from window_faults(arguments)
        yield from self.faults(arguments)
