"""A schedule as a schedule of optax: from the count to the value."""

from dataclasses import dataclass
from typing import Any, final

from paramsched._number_checks import finite_number
from paramsched.errors import Asked
from paramsched.functions.handed_schedule import handed_schedule
from paramsched.plan import ScheduleLike
from paramsched.schedules import Schedule
from paramsched.schedules.text.writing import short_line
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True, weakref_slot=True, repr=False)
class OptaxSchedule:
    """value(count) = schedule(count, base).

    Args:
        schedule: every length in updates.
        base: what its multiples are of.
    """

    schedule: Schedule
    base: float

    def __call__(self, count: Any) -> Any:
        return self.schedule(count, self.base)

    def __repr__(self) -> str:
        return f"<to_optax({short_line(self.schedule)}, base={self.base!r})>"


def to_optax(schedule: ScheduleLike, calendar: Calendar | None = None, *, base: float = 1.0) -> OptaxSchedule:
    """A schedule as a function from the count of updates to the value, for optax.

    `optax.adamw(learning_rate=ps.to_optax("warmup('5%') >> cosine()", ps.Calendar(total=10_000), base=3e-4))`. It
    is traced once: inside `jax.jit` the count may be an array of any shape, and is never read. Integer counts stay
    integers until a stage's begin is taken off, so a stage begins at its very update whatever the count; values are in
    JAX's default float, float64 where `jax_enable_x64` is on. A Python number gives a float.

    Args:
        schedule: a schedule, a number or a line of text.
        calendar: the facts of the run, where a length is in another unit than updates, or left open.
        base: what multiples are of, the peak of the learning rate.

    Raises:
        InvalidArgument: it reacts to metrics, or has a length left that is not in updates.

    >>> rate = to_optax("warmup('10%') >> cosine(to=0.1)", Calendar(total=100), base=0.5)
    >>> rate(5), rate(10), rate(100)
    (0.25, 0.5, 0.05)
    """
    resolved = handed_schedule("to_optax", schedule, calendar)
    return OptaxSchedule(resolved, finite_number(Asked("to_optax", "base"), base))
