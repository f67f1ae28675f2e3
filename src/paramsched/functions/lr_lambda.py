"""A schedule as the function of torch's `LambdaLR`: from the update to a factor."""

from dataclasses import dataclass
from typing import Any, final

from paramsched._number_checks import finite_number
from paramsched.errors import Asked, InvalidArgument
from paramsched.functions.handed_schedule import handed_schedule
from paramsched.plan import ScheduleLike
from paramsched.schedules import Schedule
from paramsched.schedules.neighbor_levels import scales_with_base
from paramsched.schedules.text.writing import short_line
from paramsched.time import Calendar


@final
@dataclass(frozen=True)
class LrLambda:
    """factor(t) = schedule(t), or schedule(t, base) / base where the base is said.

    Args:
        schedule: every length in updates.
        base: what the factors will multiply; None where they are the same for any base.
    """

    # LambdaLR saves the `__dict__` of what it is given. Here that is empty: a checkpoint has the count alone, no object
    # that `weights_only` refuses, and the schedule is the one of the code.
    __slots__ = ("__dict__", "__weakref__", "base", "schedule")

    schedule: Schedule
    base: float | None

    def __call__(self, t: int) -> float:
        if self.base is None:
            return self.schedule(t)
        return self.schedule(t, self.base) / self.base

    def __reduce__(self) -> Any:
        return LrLambda, (self.schedule, self.base)

    def __repr__(self) -> str:
        return f"<to_lambda({short_line(self.schedule)})>"


def to_lambda(schedule: ScheduleLike, calendar: Calendar | None = None, *, base: float | None = None) -> LrLambda:
    """A schedule as a function from the update to a multiple of base, for torch's `LambdaLR`.

    Wherever a library takes such a function: `LambdaLR(optimizer, ps.to_lambda("cosine(over=1000)"))`, also in
    Lightning's `configure_optimizers` and in the Trainer's `optimizers=(optimizer, scheduler)`. Each `step()` of the
    scheduler then counts as one update. The function can be pickled and copied, and adds nothing to a checkpoint.

    Args:
        schedule: a schedule, a number or a line of text.
        calendar: the facts of the run, where a length is in another unit than updates, or left open.
        base: the learning rate that the factors will multiply; needed for values as they stand, `absolute(…)`. Base
            times factor is then the value but for one rounding.

    Raises:
        InvalidArgument: it reacts to metrics, has a length left that is not in updates, or needs a base.

    >>> factor = to_lambda("warmup('10%') >> cosine(to=0.1)", Calendar(total=100))
    >>> factor(5), factor(10), factor(100)
    (0.5, 1.0, 0.1)
    >>> to_lambda("constant(absolute(0.25))", base=0.5)(0)
    0.5
    """
    resolved = handed_schedule("to_lambda", schedule, calendar)
    if base is not None:
        number = finite_number(Asked("to_lambda", "base"), base)
        if number == 0:
            raise InvalidArgument(Asked("to_lambda", "base", "0"), "no factor makes another value of 0", "Write 0.1")
        return LrLambda(resolved, number)
    if resolved.has_absolute or not scales_with_base(resolved):
        found = "its values are no multiples of base, so the factors depend on it"
        raise InvalidArgument(f"to_lambda({short_line(resolved)})", found, "Write base=0.1, the lr of the optimizer")
    return LrLambda(resolved, None)
