"""A schedule, or a line of a plan, as the function that others take: torch's `LambdaLR` a factor, optax a value."""

from dataclasses import dataclass
from typing import Any, final

from paramsched.base.calls import explain_wrong_keywords
from paramsched.base.near_names import did_you_mean
from paramsched.base.number_checks import finite_number
from paramsched.base.peer_words import line_in_code
from paramsched.errors import CallSite, InvalidArgument, PlanError, UnknownField, UnknownGroup, shown
from paramsched.feedback.base import MetricRule
from paramsched.plan import Binding, Plan, ScheduleLike, Target, resolve, selector_text
from paramsched.plan.binding import clock_of_field, is_by_amount
from paramsched.plan.group_matching import Overlap, overlap_of
from paramsched.schedules import Schedule, parse
from paramsched.schedules.leaves import schedule_of
from paramsched.schedules.neighbor_levels import scales_with_base
from paramsched.schedules.text.writing import short_line
from paramsched.time import Calendar


def handed_schedule(
    call: str, given: Plan | ScheduleLike | Any, calendar: Calendar | None, field: str | None, group: str | int | None
) -> tuple[Schedule, float | None]:
    """The one schedule that was given, with every length in updates; and a target's initial value.

    Args:
        call: the function that was called, for messages.
        given: a plan, a schedule, a number or a line of text.
        calendar: the facts of the run; None where all lengths are in updates.
        field: whose line of a plan is meant, a field or a target; None where there is one only.
        group: for which groups; None where the field has one line only.

    Raises:
        InvalidArgument: it reacts to metrics, is no schedule, or a line of a schedule is asked for.
        PlanError: a plan with several lines of which none is said, or one whose clock counts no updates.
        Unresolved: a unit or a stage without a length is left, and no calendar is given.
    """
    if isinstance(given, Plan):
        line = _chosen_line(call, given.resolve(Calendar() if calendar is None else calendar), field, group)
        _refuse_metric(call, line.schedule)
        return line.schedule, line.field.initial if isinstance(line.field, Target) else None
    if field is not None or group is not None:
        site = f"{call}({shown(given)}, field={field!r}, group={group!r})"
        raise InvalidArgument(site, "field and group choose a line of a plan; leave them out")
    schedule = parse(given) if isinstance(given, str) else given
    _refuse_metric(call, schedule)
    whole = schedule_of(schedule, lambda: f"{call}({shown(schedule)})")
    resolved = whole if calendar is None else resolve(whole, calendar)
    if not resolved.is_resolved:
        found = "a unit other than updates, or a stage without length, is left in it"
        line_to_write = (
            f"Write ps.{call}({line_in_code(short_line(whole))}, ps.Calendar(total=10_000, steps_per_epoch=100))"
        )
        raise InvalidArgument(f"{call}({short_line(whole)})", found, line_to_write)
    return resolved, None


def _refuse_metric(call: str, schedule: Any) -> None:
    if isinstance(schedule, MetricRule) or (isinstance(schedule, Schedule) and schedule.metric_rules):
        found = f"{short_line(schedule)} reacts to a metric, which a function of the update alone never hears"
        raise InvalidArgument(f"{call}(…)", found, "Write ps.Scheduler(optimizer, plan)")


def _chosen_line(call: str, plan: Plan, field: str | None, group: str | int | None) -> Binding:
    """The one line of a resolved plan that is meant."""
    names = list(dict.fromkeys(line.name for line in plan.bindings))
    site = f"{call}(plan{'' if field is None else f', field={field!r}'}{'' if group is None else f', group={group!r}'})"
    if field is None and len(names) > 1:
        raise PlanError(site, f"the plan has {', '.join(names)}, and a function is of one", f'Write field="{names[0]}"')
    name = names[0] if field is None else field
    lines = {line.groups: line for line in plan.bindings if line.name == name}
    if not lines:
        raise UnknownField(
            site, f"unknown field {shown(name)}; {did_you_mean(str(name), names)}", f'Write field="{names[0]}"'
        )
    if is_by_amount(plan.clock, name):
        found = f"{name} is on a clock of {clock_of_field(plan.clock, name)}, and a count of updates says nothing of it"
        raise PlanError(site, found, "Leave the plan's clock out: the calendar turns lengths into updates")
    if group is None and len(lines) == 1:
        return next(iter(lines.values()))
    others = [selector for selector in lines if selector is not None]
    there = (
        f"{name} has a line for {', '.join(map(selector_text, others))}"
        f"{' and one for all others, which any other name means' * (None in lines)}"
    )
    if group is None:
        named = [selector for selector in others if isinstance(selector, str | int)]
        choices = [f"group={named[0]!r}"] if named else []
        if None in lines and len(named) == len(others):  # a name without a line of its own
            choices.append(f"group={'others' if 'others' not in named else 'all others'!r} for the line of all others")
        raise PlanError(site, there, f"Write {', or '.join(choices)}" if choices else _BY_NAME)
    overlaps = {selector: overlap_of(group, selector) for selector in others}
    inside = next((selector for selector in others if overlaps[selector] is Overlap.INSIDE), None)
    if inside is None and (None not in lines or Overlap.UNKNOWN in overlaps.values()):
        raise UnknownGroup(site, f"{there}; none of them is surely that of {shown(group)}", _BY_NAME)
    return lines[inside]


_BY_NAME = 'Let the plan select groups by their names, and write group="head"'


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


@explain_wrong_keywords
def to_lambda(
    schedule: Plan | ScheduleLike,
    calendar: Calendar | None = None,
    *,
    base: float | None = None,
    field: str | None = None,
    group: str | int | None = None,
) -> LrLambda:
    """A schedule, or a line of a plan, as a function from the update to a multiple of base, for torch's `LambdaLR`.

    Wherever a library takes such a function: `LambdaLR(optimizer, ps.to_lambda("cosine(over=1000)"))`, also in
    Lightning's `configure_optimizers` and in the Trainer's `optimizers=(optimizer, scheduler)`. Each `step()` of the
    scheduler then counts as one update. The function can be pickled and copied, and adds nothing to a checkpoint.

    Args:
        schedule: a schedule, a number or a line of text; or a plan, of which the one line counts that it has, or that
            `field` and `group` say.
        calendar: the facts of the run, where a length is in another unit than updates, or left open.
        base: the learning rate that the factors will multiply; needed for values as they stand, `absolute(…)`. Base
            times factor is then the value but for one rounding. A target's is its initial value.
        field: whose line of a plan: a field, or the name of a target.
        group: of the lines of that field the one for these groups: a name, or what the plan selects them by. A name
            without a line of its own has the line of all others.

    Raises:
        InvalidArgument: it reacts to metrics, has a length left that is not in updates, or needs a base.
        PlanError: the plan has several lines and none is said, or no such line, or its clock counts no updates.

    >>> factor = to_lambda("warmup('10%') >> cosine(to=0.1)", Calendar(total=100))
    >>> factor(5), factor(10), factor(100)
    (0.5, 1.0, 0.1)
    >>> to_lambda("constant(absolute(0.25))", base=0.5)(0)
    0.5
    >>> plan = Plan(lr="warmup('10%') >> cosine(to=0.1)", weight_decay="linear(to=0.5)", horizon=100)
    >>> to_lambda(plan, field="weight_decay")(50)
    0.75
    """
    resolved, initial = handed_schedule("to_lambda", schedule, calendar, field, group)
    needs_base = resolved.has_absolute or not scales_with_base(resolved)
    if base is None and needs_base:
        base = initial
    if base is not None:
        number = finite_number(CallSite("to_lambda", "base"), base)
        if number == 0:
            raise InvalidArgument(CallSite("to_lambda", "base", "0"), "no factor makes another value of 0", "Write 0.1")
        return LrLambda(resolved, number)
    if needs_base:
        found = "its values are no multiples of base, so the factors depend on it: the lr of the optimizer"
        raise InvalidArgument(f"to_lambda({short_line(resolved)})", found, "Write base=0.1")
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


@explain_wrong_keywords
def to_optax(
    schedule: Plan | ScheduleLike,
    calendar: Calendar | None = None,
    *,
    base: float | None = None,
    field: str | None = None,
    group: str | int | None = None,
) -> OptaxSchedule:
    """A schedule, or a line of a plan, as a function from the count of updates to the value, for optax.

    `optax.adamw(learning_rate=ps.to_optax("warmup('5%') >> cosine()", ps.Calendar(total=10_000), base=3e-4))`. It
    is traced once: inside `jax.jit` the count may be an array of any shape, and is never read. Integer counts stay
    integers until a stage's begin is taken off, so a stage begins at its very update whatever the count; values are in
    JAX's default float, float64 where `jax_enable_x64` is on. A Python number gives a float.

    Args:
        schedule: a schedule, a number or a line of text; or a plan, of which the one line counts that it has, or that
            `field` and `group` say.
        calendar: the facts of the run, where a length is in another unit than updates, or left open.
        base: what multiples are of, the peak of the learning rate; where none is said 1.0, or a target's initial value.
        field: whose line of a plan: a field, or the name of a target.
        group: of the lines of that field the one for these groups: a name, or what the plan selects them by. A name
            without a line of its own has the line of all others.

    Raises:
        InvalidArgument: it reacts to metrics, or has a length left that is not in updates.
        PlanError: the plan has several lines and none is said, or no such line, or its clock counts no updates.

    >>> rate = to_optax("warmup('10%') >> cosine(to=0.1)", Calendar(total=100), base=0.5)
    >>> rate(5), rate(10), rate(100)
    (0.25, 0.5, 0.05)
    >>> to_optax(Plan(lr="linear()", horizon=100), base=0.5)(50)
    0.25
    """
    resolved, initial = handed_schedule("to_optax", schedule, calendar, field, group)
    multiples_of = base if base is not None else 1.0 if initial is None else initial
    return OptaxSchedule(resolved, finite_number(CallSite("to_optax", "base"), multiples_of))
