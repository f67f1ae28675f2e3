"""The base class of the rows in the table of MMEngine's schedulers.

A *step* (`tick` in the code) is one call of a scheduler's
`step`: an epoch if `by_epoch` is true, else an iteration. Source: MMEngine 0.10.7.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from numbers import Real
from typing import Any, ClassVar, Final, TypeAlias, final

from paramsched.core.base.codes import REFUSED_VALUE
from paramsched.core.base.problem import Problem
from paramsched.core.files.arguments import Argument
from paramsched.core.schedules.rules import Rule

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
        problem: the problem; its advice is for a config.
        kind: the built-in exception that MMEngine raises.
    """

    argument: str
    problem: Problem
    kind: type[Exception]


def invalid(
    argument: str, found: str, kind: type[Exception] = ValueError, *, instead: str = ""
) -> InvalidSchedulerArgument:
    """Return an invalid argument, described by `found`; `instead` is the advice for a config."""
    return InvalidSchedulerArgument(argument, Problem(code=REFUSED_VALUE, found=found, advice=instead), kind)


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
            yield invalid(name, f"expected a number, got {name}={arguments[name]!r}", TypeError)


class SchedulerRow:
    """A scheduler of MMEngine: its arguments, their checks, and its rule.

    Attributes:
        name: the common prefix of its classes, `Step` for `StepLR`.
        meaning: its description, which begins with a verb; `{it}` is replaced by the scheduled value.
        arguments: its arguments, in MMEngine's order.
        counted: the arguments besides `begin` and `end` that `convert_to_iter_based` multiplies.
        length_from: the arguments besides `end` that determine its length; None if it needs no length.
        only_field: the only field that it can schedule; None for any field.
        reacts_to_metric: True if it has a metric rule instead of a rule of steps.
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
        """Return the attributes of a scheduler that are computed from its arguments.

        They are `total_iters`, the length of a shape that spans its window, if only `end` determines the length.
        """
        return {"total_iters": arguments["end"] - arguments["begin"] - 1} if self.length_from == () else {}

    def rule(self, arguments: Arguments) -> Rule:
        """Return the rule by which it steps."""
        raise NotImplementedError

    def warnings(self, arguments: Arguments, *, converted_from_epochs: bool) -> Iterable[str]:
        """Return warnings for arguments that are valid but probably a mistake."""
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
            invalid(name, f"{name} must be finite")
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
                instead = f"Use end={begin + 1} or more, or leave the scheduler out if the run ends before it"
                yield invalid("end", message, instead=instead)
            if not isinstance(last, int) or isinstance(last, bool) or last < -1:
                message = f"expected an integer of at least -1, got last_step={last!r}"
                yield invalid("last_step", message, AssertionError)
        yield from self.own_errors(arguments)
