"""Combinations of schedules at one time.

Arithmetic, `clamp`, `minimum`, `maximum`, `rounded`, `absolute`, `as_factor`, `chain`, and `like` of another field.
"""

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import reduce
from typing import Annotated, Any, Final, Literal, TypeAlias, overload

import numpy as np

from paramsched.base.params import Positive, readable
from paramsched.core.calls.checked_calls import answering
from paramsched.core.calls.number_checks import finite_number, is_real_number
from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.anneals import constant
from paramsched.core.schedules.definition import CheckedArgument, NamedArgument, of_each, of_one, plan, planner
from paramsched.core.schedules.level import AbsoluteValue, Level, always_above
from paramsched.core.schedules.messages import combinations as messages
from paramsched.core.schedules.registry import operator_builder
from paramsched.core.schedules.schedule import (
    CALL,
    MOST_NESTED,
    NEGATIVE,
    OPERATORS,
    POWER,
    PRODUCT,
    SUM,
    Schedule,
    chain_text,
    in_brackets,
    schedule_of,
    short_line,
)
from paramsched.core.schedules.span import ONE, Base, PlannedSchedule, Span, for_base, product
from paramsched.errors import CallSite, shown


def _in_order(call: Schedule) -> None:
    schedule, low, high = call.args.values()
    if low is not None and high is not None and always_above(low, high):
        raise messages.low_above_high(low, high, str(clamp(schedule, high, low)))


@planner(affine=False, check=_in_order)
def clamp(
    call: Schedule, span: Span, schedule: Schedule, low: Level | None = None, high: Level | None = None
) -> PlannedSchedule:
    """Limit a schedule to a range.

    value(t) = min(max(schedule(t), low), high)

    Args:
        schedule: the schedule to limit.
        low: the lower limit, a multiple of base, `absolute(x)` or a sum of both. None sets no lower limit.
        high: the upper limit, likewise.

    Raises:
        InvalidArgument: `low` is above `high`.

    Source: torch `clamp`.

    >>> clamp(exponential(0.5), low=0.1)(10)
    0.1
    """
    planned = plan(schedule, span)

    def values(t: Array, base: Base) -> Array:
        limited = planned.values(t, base)
        if low is not None:
            limited = np.maximum(limited, _limit(low, base))
        return limited if high is None else np.minimum(limited, _limit(high, base))

    return of_one(call, planned, values)


def _limit(level: Level, base: Base) -> Array:
    if not isinstance(level, AbsoluteValue):
        return base.value * level
    return level.value if level.factor is None else base.value * level.factor + level.value


def _some_bounds(call: Schedule) -> None:
    if not call.args["operands"]:
        raise messages.no_operand(call.kind, f"{call.kind}(constant(0.1), cosine())")


@planner(affine=False, check=_some_bounds)
def minimum(call: Schedule, span: Span, *operands: Schedule | float) -> PlannedSchedule:
    """Take the smallest value of several schedules at each update.

    value(t) = min(a(t), b(t), …)

    Args:
        operands: schedules or numbers (multiples of base), at least one.

    Raises:
        InvalidArgument: there is no operand, or an operand is not a schedule.

    Source: NumPy `minimum`.

    >>> minimum(constant(0.5), linear(1, 0, over=10))(8)
    0.2
    """
    return _chosen(call, span, operands, np.minimum)


@planner(affine=False, check=_some_bounds)
def maximum(call: Schedule, span: Span, *operands: Schedule | float) -> PlannedSchedule:
    """Take the largest value of several schedules at each update.

    value(t) = max(a(t), b(t), …)

    Args:
        operands: schedules or numbers (multiples of base), at least one.

    Raises:
        InvalidArgument: there is no operand, or an operand is not a schedule.

    Source: NumPy `maximum`.

    >>> maximum(0.25, linear(1, 0, over=10))(8)
    0.25
    """
    return _chosen(call, span, operands, np.maximum)


def _chosen(
    call: Schedule, span: Span, operands: tuple[Any, ...], choose: Callable[[Array, Array], Array]
) -> PlannedSchedule:
    planned_parts = [plan(operand, span) for operand in operands]

    def values(t: Array, base: Base) -> Array:
        return reduce(choose, (planned.values(t, base) for planned in planned_parts))

    return of_each(call, planned_parts, values)


def _guided_text(call: Schedule) -> str:
    return " * ".join([in_brackets(call.args["schedule"], PRODUCT), *map(str, call.args["guides"])])


@planner(hidden=True, precedence=PRODUCT, text=_guided_text)
def _guided(call: Schedule, span: Span, schedule: Schedule, guides: Any = ()) -> PlannedSchedule:
    """A schedule multiplied by metric rules. When called, it returns the values of the schedule without the rules."""
    planned = plan(schedule, span)
    return of_one(call, planned, planned.values, guides=tuple(_resolved_rule(rule, span) for rule in guides))


def _resolved_rule(rule: Any, span: Span) -> Any:
    """Return a rule whose begin is a number of updates of the run, or a count of its clock if that is unknown."""
    begin = rule.begin
    if begin is None or begin.is_resolved:
        return rule
    return replace(rule, after=span.of_whole_run.clock.time_of_run(begin))


def without_rules(schedule: Schedule) -> Schedule:
    """Return a schedule without the metric rules that it is multiplied by."""
    plain: Schedule = schedule.args["schedule"] if schedule.kind == "guided" else schedule
    return plain


def guided(schedule: Schedule, rules: Iterable[Any]) -> Schedule:
    """Return a schedule multiplied by metric rules."""
    return OPERATORS["guided"].call(schedule=schedule, guides=tuple(rules))


def _one_absolute(call: Schedule, operands: Sequence[Schedule]) -> None:
    if sum(operand.has_absolute for operand in operands) > 1:
        factors = call.args["operands"]
        fixed = [factor for factor in factors if factor.has_absolute]
        multiples = [factor for factor in factors if not factor.has_absolute]
        lower = minimum(*fixed)
        meant = _product(*multiples, lower) if multiples else lower
        raise messages.several_absolute_factors(str(call), len(fixed), str(meant))


def _product_text(call: Schedule) -> str:
    operands = call.args["operands"]
    first, *rest = operands
    is_negative = first == _MINUS_ONE
    written = rest if is_negative else operands
    factors = [operand for operand in written if _is_written_as_number(operand)]
    # Two numbers beside each other would be read as one.
    is_alone = len(factors) == 1 and len(written) > 1
    texts = [
        f"{operand.args['value']!r}" if is_alone and operand is factors[0] else in_brackets(operand, NEGATIVE)
        for operand in written
    ]
    text = chain_text(texts, " * ".join)
    if not is_negative:
        return text
    return f"-({text})" if written and _is_written_as_number(written[0]) else f"-{text}"  # -0.1 alone is a number


def _is_written_as_number(schedule: Schedule) -> bool:
    """Return whether an operand of a product is written as a number: `0.1 * constant()`."""
    if (
        schedule.kind != "constant"
        or schedule.args["over"] is not None
        or not isinstance(schedule.args["value"], float)
    ):
        return False
    return schedule.args["value"] >= 0 and schedule.args["value"] != 1


@planner(hidden=True, precedence=PRODUCT, text=_product_text, check_operands=_one_absolute, joins="operands")
def _product(call: Schedule, span: Span, *operands: Schedule) -> PlannedSchedule:
    """value(t) = a(t) * b(t) * …

    The operand with an absolute level is evaluated for base, and every other operand for a base of 1.
    """
    main = next((index for index, operand in enumerate(operands) if operand.has_absolute), 0)
    planned_parts = [plan(operand, span) for operand in operands]
    factors = [planned for index, planned in enumerate(planned_parts) if index != main]

    def values(t: Array, base: Base) -> Array:
        return reduce(product, (planned.values(t, ONE) for planned in factors), planned_parts[main].values(t, base))

    return of_each(call, planned_parts, values)


def _sum_text(call: Schedule) -> str:
    return chain_text([in_brackets(operand, PRODUCT) for operand in call.args["operands"]], _added)


def _added(operands: Sequence[str]) -> str:
    first, *rest = operands
    return first + "".join(f" - {text[1:]}" if text.startswith("-") else f" + {text}" for text in rest)


@planner(hidden=True, precedence=SUM, text=_sum_text, joins="operands")
def _sum(call: Schedule, span: Span, *operands: Schedule) -> PlannedSchedule:
    """value(t) = a(t) + b(t) + …, each from the same base."""
    planned_parts = [plan(operand, span) for operand in operands]

    def values(t: Array, base: Base) -> Array:
        return reduce(operator.add, (planned.values(t, base) for planned in planned_parts))

    return of_each(call, planned_parts, values)


def _power_text(call: Schedule) -> str:
    return f"{in_brackets(call.args['schedule'], CALL)} ** {call.args['exponent']!r}"


def _no_absolute(call: Schedule) -> None:
    if call.args["schedule"].has_absolute:
        raise messages.power_of_absolute_level(str(call))


@planner(hidden=True, precedence=POWER, affine=True, text=_power_text, check=_no_absolute)
def _power(call: Schedule, span: Span, schedule: Schedule, exponent: float) -> PlannedSchedule:
    """value(t) = base * factor(t) ** exponent, where the factor is the schedule's value for a base of 1.

    If the factor is below 0 and the exponent is not an integer, the value is nan.
    """
    planned = plan(schedule, span)

    def values(t: Array, base: Base) -> Array:
        return base.times(np.power(np.asarray(planned.values(t, ONE), dtype=np.float64, order="C"), exponent))

    return of_one(call, planned, values)


# ---------------------------------------------------------------- the operators

_MINUS_ONE: Final = constant(-1.0)


@operator_builder("product")
def make_product(*operands: Any) -> Any:
    """Implement `a * b * …`. All operands are joined at once, because joining them in pairs takes quadratic time."""
    rules = [
        rule
        for operand in operands
        if isinstance(operand, Schedule) and operand.kind == "guided"
        for rule in operand.metric_rules
    ]
    plain = [
        operand.args["schedule"] if isinstance(operand, Schedule) and operand.kind == "guided" else operand
        for operand in operands
    ]
    result = _joined_operands("product", *plain)
    return result if result is NotImplemented or not rules else guided(result, rules)


@operator_builder("sum")
def make_sum(*operands: Any) -> Any:
    """Implement `a + b + …`."""
    return _joined_operands("sum", *operands)


@operator_builder("difference")
def make_difference(left: Any, right: Any) -> Any:
    """Implement `a - b`."""
    return make_sum(left, make_negative(schedule_of(right, lambda: f"{left} - {right}")))


@operator_builder("negative")
def make_negative(schedule: Schedule) -> Any:
    """Implement `-a`."""
    # Not simplified, not even `--a`, because the text of a product lists its factors and must read back as equal.
    return _joined_operands("product", -1.0, schedule)


@operator_builder("power")
def make_power(schedule: Schedule, exponent: Any) -> Any:
    """Implement `a ** 2`."""
    if not isinstance(exponent, (int, float, np.number)):
        return NotImplemented
    number = finite_number(CallSite("power", "exponent"), exponent)
    return _power(schedule_of(schedule, lambda: f"({schedule}) ** {shown(exponent)}"), number)


_LEAST_DIVISOR: Final = 2.0**-1022  # the reciprocal of a smaller one may overflow


@operator_builder("quotient")
def make_quotient(schedule: Schedule, divisor: Any) -> Any:
    """Implement `a / 2` as a product with the reciprocal."""
    if not isinstance(divisor, (int, float, np.number)):
        return NotImplemented
    number = finite_number(CallSite("quotient", "divisor"), divisor)
    if abs(number) < _LEAST_DIVISOR:
        raise messages.reciprocal_not_finite(schedule, divisor)
    return schedule * (1.0 / number)


@operator_builder("reciprocal")
def make_reciprocal(number: Any, schedule: Schedule) -> Any:
    """Implement `2 / a` as a product with the power of -1."""
    if not isinstance(number, (int, float, np.number)):
        return NotImplemented
    power = make_power(schedule, -1)
    return power if number == 1 else number * power


def _joined_operands(name: str, *parts: Any) -> Any:
    """Combine all operands; NotImplemented for an operand of a foreign type."""
    if not all(isinstance(part, (Schedule, AbsoluteValue, bool)) or is_real_number(part) for part in parts):
        return NotImplemented
    return OPERATORS[name].call(operands=tuple(schedule_of(part, part.__str__) for part in parts))


Direction: TypeAlias = Annotated[Literal["nearest", "down", "up"], NamedArgument("direction")]
"""The direction of rounding: to the nearest multiple (halves to the even one), down, or up."""

_ROUNDING_ERRORS: Final = 2.0**-48  # the relative error of a few operations in double precision

_ROUNDED: Final[dict[str, Any]] = {"nearest": np.round, "down": np.floor, "up": np.ceil}


@planner(affine=False, has_absolute=True)  # `to` is an absolute value
def rounded(
    call: Schedule, span: Span, schedule: Schedule, to: Positive = 1.0, way: Direction = "nearest"
) -> PlannedSchedule:
    """Round a schedule to multiples of a number.

    value(t) = to * round(schedule(t) / to), after base is applied

    Args:
        schedule: the schedule to round.
        to: the number whose multiples are used, above 0. It is an absolute value: 1 for integers, 16 for batch sizes
            that are multiples of 16.
        way: the direction: `"nearest"` (halves to the even multiple), `"down"` or `"up"`.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: GPT-3's batch size, Brown et al. 2020 (2005.14165).

    >>> growing = rounded(linear(16, 1600, over=99), 16)
    >>> growing(0), growing(1), growing(98), growing(99)
    (16.0, 32.0, 1584.0, 1600.0)
    """
    planned = plan(schedule, span)

    def values(t: Array, base: Base) -> Array:
        ratio = np.asarray(planned.values(t, base), dtype=np.float64) / to
        # A ratio within rounding errors of an integer or a half counts as that number. So a linear schedule reaches a
        # multiple at the right update: 15 / 22 * 22 is 15, even if it is rounded down.
        halves = np.round(ratio * 2.0) / 2.0
        ratio = np.where(np.abs(ratio - halves) <= _ROUNDING_ERRORS * np.abs(halves), halves, ratio)
        return _ROUNDED[way](ratio) * to

    return of_one(call, planned, values)


@planner(extent="open", affine=True, has_absolute=False)
def as_factor(call: Schedule, span: Span, schedule: Schedule, initial: float = 1.0) -> PlannedSchedule:
    """Use the value of a schedule as a factor of base, even if it has absolute levels or is rounded.

    value(t) = base * schedule(t, base=initial)

    Args:
        schedule: the schedule, planned for the run. Its end does not determine the length of a stage.
        initial: the base of this schedule, a finite number.

    Raises:
        InvalidArgument: `initial` is not finite.

    `plan.resolve` replaces `like("batch_size")` by `as_factor` of the schedule and the initial value of that target.

    Source: the square-root rule for learning rates of growing batches, Krizhevsky 2014 (1404.5997).

    >>> size = as_factor(stairs(1, 4, 3, over=30), 16)
    >>> rate = (size / 16) ** 0.5
    >>> size(30), rate(0, base=0.1), rate(30, base=0.1)
    (64.0, 0.1, 0.2)
    """
    return planned_factor(call, plan(schedule, span.whole(span.begin, span.run_end, None)), initial)


def planned_factor(call: Schedule, planned: PlannedSchedule, initial: float) -> PlannedSchedule:
    """Return a call of `as_factor` of which the schedule is planned."""

    def values(t: Array, base: Base) -> Array:
        return base.times(for_base(planned.schedule, planned.values, t, initial))

    return PlannedSchedule(call.with_args(schedule=planned.schedule), None, planned.held, values, planned.edges_and_end)


def _check(call: Schedule) -> None:
    inner: Schedule = call.args["schedule"]
    if inner.depth >= MOST_NESTED:
        raise messages.absolute_nested_too_deep(short_line(inner), MOST_NESTED)
    level = _level_inside(inner)
    if level:
        example = f"absolute({_with_plain_levels(inner)})"
        raise messages.level_is_a_value_already(short_line(inner), level, example)
    if inner.has_likes:
        raise messages.like_has_no_values(short_line(inner), _like_inside(inner))


def _text(call: Schedule) -> str:
    return f"absolute({call.args['schedule']})"


@planner(hidden=True, affine=True, has_absolute=True, check=_check, text=_text)
def _absolute(call: Schedule, span: Span, schedule: Schedule) -> PlannedSchedule:
    """value(t) = schedule(t, base=1), whatever the base is."""
    planned = plan(schedule, span)

    def values(t: Array, base: Base) -> Array:
        return product(for_base(planned.schedule, planned.values, t, 1.0), base.absolute_unit)

    return of_one(call, planned, values)


def _level_inside(value: Any) -> str:
    """Return the first absolute level in a schedule; empty if there is none."""
    if isinstance(value, AbsoluteValue) or (isinstance(value, Schedule) and value.kind == "absolute"):
        return str(value)
    if isinstance(value, Schedule) and value.has_absolute:
        if value.kind == "table":
            return "absolute=True"
        return next(filter(None, map(_level_inside, value.leaves)), "")
    return ""


def _with_plain_levels(value: Any) -> Any:
    """Return a schedule or an argument with each `absolute(x)` in it replaced by x."""
    if isinstance(value, AbsoluteValue):
        return (value.factor or 0.0) + value.value
    if not isinstance(value, Schedule):
        return value
    if value.kind == "absolute":
        return value.args["schedule"]
    return value.with_args(absolute=False) if value.kind == "table" else value.changed(_with_plain_levels)


def _like_inside(schedule: Schedule) -> Schedule:
    if schedule.kind == "like":
        return schedule
    return next(_like_inside(part) for part in schedule.parts() if part.has_likes)


@overload
def absolute(x: float) -> AbsoluteValue: ...
@overload
def absolute(x: Schedule) -> Schedule: ...
@readable
@answering
def absolute(x: float | Schedule) -> AbsoluteValue | Schedule:
    """Use numbers as values, not as multiples of base: `absolute(linear(0.85, 0.95))`, `cosine(to=absolute(1e-5))`.

    value(t) = x, or for a schedule value(t) = x(t, base=1)

    Args:
        x: a finite number, or a schedule whose numbers are all values. Every group of the optimizer gets these values,
            whatever its base is.

    A number is a level, to which a multiple of base may be added: `0.5 + absolute(2e-05)` is half of base plus 2e-05.
    As an entire line, a stage of a sequence or a factor of a product it means `constant(absolute(x))`.

    Raises:
        InvalidArgument: `x` is neither a finite number nor a schedule; or it is a schedule that contains `absolute(…)`
            or `like(…)`.

    >>> beta = absolute(linear(0.85, 0.95, over=10))
    >>> beta(0, base=0.9), beta(10, base=123.0)
    (0.85, 0.95)
    >>> linear(1.0, 0.5 + absolute(1.0), over=10)(10, base=4.0)
    3.0
    >>> print(warmup(100) >> absolute(3e-4))
    warmup(100) >> constant(absolute(0.0003))
    """
    if isinstance(x, Schedule):
        return OPERATORS["absolute"].call(schedule=x)  # which may have metric rules
    if is_real_number(x):
        return AbsoluteValue(x)
    raise messages.neither_number_nor_schedule(x)


def _some_factors(call: Schedule) -> None:
    if not call.args["operands"]:
        raise messages.no_operand("chain", "chain(warmup(100), step(1000))")


@planner(check=_some_factors)
def chain(call: Schedule, span: Span, *operands: Schedule) -> PlannedSchedule:
    """Use the output of each schedule as the base of the next.

    value(t) = b(t, base=a(t, base))

    Args:
        operands: one or more schedules, all evaluated at the same time t.

    Raises:
        InvalidArgument: there is no operand, or an operand is not a schedule.

    Source: torch `ChainedScheduler`, without its recursion.

    >>> chain(constant(0.5), linear(1.0, absolute(0.0), over=4))(2, base=8.0)
    2.0
    """
    planned_parts = [plan(operand, span) for operand in operands]

    def values(t: Array, base: Base) -> Array:
        for planned in planned_parts:
            base = Base(planned.values(t, base), base.absolute_unit)
        return base.value

    return of_each(call, planned_parts, values)


def _checked_name(_site: CallSite, field: Any) -> str:
    if isinstance(field, str) and field.strip():
        return field
    raise messages.not_a_followed_name(field)


FieldName: TypeAlias = Annotated[str, CheckedArgument(_checked_name)]
"""The name of a field or a target."""


@planner(extent="fills")
def like(call: Schedule, _span: Span, field: FieldName) -> PlannedSchedule:
    """Follow another field of the same group, or a target, scaled by this field's own base.

    value(t) = base * factor(t), with the factor of a field, or the value of a target

    Args:
        field: a field of the same plan, such as `"lr"`, without absolute levels and metric rules. Or a target, such as
            `"batch_size"`, without metric rules. If a field and a target have the same name, the field is followed.

    Raises:
        InvalidArgument: `field` is not text. At `plan.resolve`: the plan has no such field or target, or it cannot be
            followed.

    `plan.resolve` replaces `like(field)` by the schedule of `field`. In the schedule of one group, `like` of the same
    field follows the default schedule of that field: `lr: like("lr") * 0.1`. If a default schedule follows a field with
    separate schedules for some groups, it follows those schedules in those groups.

    The value of a target is used as a factor, even if the target has absolute levels. It belongs to a time of the run,
    so `like` of a target is allowed only where time counts from the start of the run, for example as a factor of the
    entire line. `like` of a target does not determine the length of a stage. A line and the target that it follows
    need the same clock.

    Source: decoupled weight decay that decreases with the learning rate, Loshchilov & Hutter 2019 (1711.05101).

    >>> print(Plan(lr=cosine(), weight_decay=like("lr"), total=100).resolve())
    total: 100
    lr: cosine(over=100)
    weight_decay: cosine(over=100)
    >>> size = Binding(Target("batch_size", 16), "stairs(1, 4, 3, over=30)")
    >>> plan = Plan(size, lr='like("batch_size") / 16', total=40)
    >>> rates = trace(plan, bases={"lr": 0.1})["lr"]
    >>> rates[0].item(), rates[30].item()
    (0.1, 0.4)
    """
    raise messages.like_outside_of_a_plan(str(call), field)


def _like_text(call: Schedule) -> str:
    return f'like("{call.args["name"]}")'


@planner(hidden=True, extent="open", affine=True, has_absolute=False, text=_like_text)
def _followed_target(
    _call: Schedule, span: Span, name: str, schedule: Schedule, initial: float, line: str, advice: str
) -> PlannedSchedule:
    """Replaces `like(name)` of a target: plans the schedule of the target for the whole run, as in its own line."""
    if span.restarted or span.begin:
        raise messages.target_at_another_time(name, line, advice, restarts=span.restarted)
    return planned_factor(as_factor(schedule, initial), plan(schedule, span.of_whole_run), initial)


def followed_target(name: str, schedule: Schedule, initial: float, line: str, advice: str) -> Schedule:
    """Return what replaces `like(name)` of a target in a line.

    Args:
        name: the target.
        schedule: the schedule of the target as written.
        initial: the base of the target.
        line: the line that follows the target, for errors.
        advice: the advice of the error for a `like` whose time does not count from the start of the run.
    """
    return OPERATORS["followed_target"].call(name=name, schedule=schedule, initial=initial, line=line, advice=advice)
