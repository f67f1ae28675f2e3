"""A part of a plan that is to be written as a scheduler: where it acts, and the words for what cannot be said."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn, final

from paramsched.config.dialects.mmengine.rows.arguments import CONVERTED, INF
from paramsched.errors import PlanError
from paramsched.plan import Binding
from paramsched.schedules import Level
from paramsched.schedules.affine import Absolute
from paramsched.time import Duration

EPOCH, UPDATE = Duration.of("1 epoch"), Duration.of(1)


@final
@dataclass(frozen=True, slots=True)
class StretchedWindow:
    """The window of a part that goes from one level to another over a known length.

    Args:
        ticks: from the first value to the last.
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
        binding: it is a part of.
        horizon: the length of the run.
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
        raise PlanError(
            f"MMEngine cannot say {part} of {self.binding.name}", why, 'Write it in the native format: "yaml"'
        )


def whole_ticks(duration: Duration, what: str, written: str) -> tuple[int, bool]:
    """A length as a whole number of epochs or iterations, and whether it is epochs."""
    units = {unit for unit, _ in duration.terms}
    amount = sum((count for _, count in duration.terms), Fraction(0))
    if (not units <= {"epochs"} and not units <= {"updates"}) or amount.denominator != 1:
        raise PlanError(
            f"MMEngine cannot say {what} {written}",
            "it counts whole epochs or iterations",
            "Write ps.resolve(plan, calendar)",
        )
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
