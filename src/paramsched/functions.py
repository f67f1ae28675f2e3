"""A schedule as the function that another library takes: a factor for torch's `LambdaLR`, a schedule of optax."""

from dataclasses import dataclass
from typing import Any, final

from paramsched._number_checks import finite_number
from paramsched.errors import Asked, InvalidArgument, shown
from paramsched.feedback.base import MetricRule
from paramsched.plan import Plan, ScheduleLike, resolve
from paramsched.schedules import Schedule, parse
from paramsched.schedules.leaves import schedule_of
from paramsched.schedules.neighbor_levels import scales_with_base
from paramsched.schedules.text.writing import short_line
from paramsched.time import Calendar


def handed_schedule(call: str, given: ScheduleLike | Any, calendar: Calendar | None) -> Schedule:
    """What was given, with every length in updates.

    Args:
        call: the function that was called, for messages.
        given: a schedule, a number or a line of text.
        calendar: the facts of the run; None where all lengths are in updates.

    Raises:
        InvalidArgument: it reacts to metrics, is a whole plan, or no schedule.
        Unresolved: a unit or a stage without a length is left, and no calendar is given.
    """
    schedule = parse(given) if isinstance(given, str) else given
    if isinstance(schedule, Plan):
        line = f"Write {{one.name: ps.{call}(one.schedule) for one in plan.resolve(calendar).bindings}}"
        raise InvalidArgument(f"{call}(plan)", "a plan, which may have several schedules", line)
    if isinstance(schedule, MetricRule) or (isinstance(schedule, Schedule) and schedule.metric_rules):
        found = f"{short_line(schedule)} reacts to a metric, which a function of the update alone never hears"
        raise InvalidArgument(f"{call}(…)", found, "Write ps.Scheduler(optimizer, plan), and scheduler.observe(…)")
    whole = schedule_of(schedule, lambda: f"{call}({shown(schedule)})")
    resolved = whole if calendar is None else resolve(whole, calendar)
    if not resolved.is_resolved:
        found = "a unit other than updates, or a stage without length, is left in it"
        line = f"Write ps.{call}(schedule, ps.Calendar(total=10_000, steps_per_epoch=100))"
        raise InvalidArgument(f"{call}({short_line(whole)})", found, line)
    return resolved


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
