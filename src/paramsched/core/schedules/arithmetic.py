"""The operators `*`, `+`, `-`, `/` and `**`."""

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any, Final

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.number_checks import finite_number
from paramsched.core.schedules.clamp import minimum
from paramsched.core.schedules.constant import constant
from paramsched.core.schedules.evaluation import ONE, Base, product
from paramsched.core.schedules.guided import guided
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.registry import is_number, operator_builder
from paramsched.core.schedules.schedule import OPERATORS, Schedule, schedule_of
from paramsched.core.schedules.shape import of_each, of_one, plan, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.core.schedules.writing import CALL, NEGATIVE, POWER, PRODUCT, SUM, chain_text, in_brackets
from paramsched.errors import CallSite, InvalidArgument, shown


def _one_absolute(call: Schedule) -> None:
    operands = call.args["operands"]
    fixed = [one for one in operands if one.has_absolute]
    if len(fixed) > 1:
        others = [one for one in operands if not one.has_absolute]
        lower = minimum(*fixed)
        raise InvalidArgument(
            str(call),
            f"{len(fixed)} factors have absolute levels; only one factor may have one",
            example=f"{_product(*others, lower) if others else lower}",
        )


def _product_text(call: Schedule) -> str:
    first, *rest = operands = call.args["operands"]
    negative = first == _MINUS_ONE
    shown_ones = rest if negative else operands
    factors = [one for one in shown_ones if _is_factor(one)]
    # Two numbers beside each other would be read as one.
    is_alone = len(factors) == 1 and len(shown_ones) > 1
    texts = [
        f"{one.args['value']!r}" if is_alone and one is factors[0] else in_brackets(one, NEGATIVE) for one in shown_ones
    ]
    text = chain_text(texts, " * ".join)
    if not negative:
        return text
    return f"-({text})" if shown_ones and _is_factor(shown_ones[0]) else f"-{text}"  # -0.1 alone is a number


def _is_factor(part: Schedule) -> bool:
    """Return whether an operand of a product is written as a number: `0.1 * constant()`."""
    if part.kind != "constant" or part.args["over"] is not None or not isinstance(part.args["value"], float):
        return False
    return part.args["value"] >= 0 and part.args["value"] != 1


@planned(hidden=True, precedence=PRODUCT, text=_product_text, check=_one_absolute, joins="operands")
def _product(call: Schedule, span: Span, *operands: Schedule) -> Piece:
    """value(t) = a(t) * b(t) * …

    The operand with an absolute level is evaluated for base, and every other operand for a base of 1.
    """
    main = next((place for place, one in enumerate(operands) if one.has_absolute), 0)
    pieces = [plan(one, span) for one in operands]
    others = [piece for place, piece in enumerate(pieces) if place != main]

    def values(t: Array, base: Base) -> Array:
        return reduce(product, (piece.values(t, ONE) for piece in others), pieces[main].values(t, base))

    return of_each(call, pieces, values)


def _sum_text(call: Schedule) -> str:
    return chain_text([in_brackets(one, PRODUCT) for one in call.args["operands"]], _added)


def _added(operands: Sequence[str]) -> str:
    first, *rest = operands
    return first + "".join(f" - {one[1:]}" if one.startswith("-") else f" + {one}" for one in rest)


@planned(hidden=True, precedence=SUM, text=_sum_text, joins="operands")
def _sum(call: Schedule, span: Span, *operands: Schedule) -> Piece:
    """value(t) = a(t) + b(t) + …, each from the same base."""
    pieces = [plan(one, span) for one in operands]

    def values(t: Array, base: Base) -> Array:
        return reduce(operator.add, (piece.values(t, base) for piece in pieces))

    return of_each(call, pieces, values)


def _power_text(call: Schedule) -> str:
    return f"{in_brackets(call.args['schedule'], CALL)} ** {call.args['exponent']!r}"


def _no_absolute(call: Schedule) -> None:
    if call.args["schedule"].has_absolute:
        raise InvalidArgument(
            str(call),
            "it has an absolute level; a power needs multiples of base",
            "Use a multiple of base as the level",
        )


@planned(hidden=True, precedence=POWER, affine=True, text=_power_text, check=_no_absolute)
def _power(call: Schedule, span: Span, schedule: Schedule, exponent: float) -> Piece:
    """value(t) = base * factor(t) ** exponent, where the factor is the schedule's value for a base of 1.

    If the factor is below 0 and the exponent is not an integer, the value is nan.
    """
    piece = plan(schedule, span)

    def values(t: Array, base: Base) -> Array:
        return base.times(np.power(np.asarray(piece.values(t, ONE), dtype=np.float64, order="C"), exponent))

    return of_one(call, piece, values)


# ---------------------------------------------------------------- the operators

_MINUS_ONE: Final = constant(-1.0)


@operator_builder("product")
def make_product(*operands: Any) -> Any:
    """Implement `a * b * …`. All operands are joined at once, because joining them in pairs takes quadratic time."""
    rules = [
        rule for one in operands if isinstance(one, Schedule) and one.kind == "guided" for rule in one.metric_rules
    ]
    plain = [one.args["schedule"] if isinstance(one, Schedule) and one.kind == "guided" else one for one in operands]
    made = _joined_operands("product", *plain)
    return made if made is NotImplemented or not rules else guided(made, rules)


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
        site = f"({schedule}) / {shown(divisor)}"
        raise InvalidArgument(site, "its reciprocal is not finite", "Divide by a number other than 0")
    return schedule * (1.0 / number)


def _joined_operands(name: str, *parts: Any) -> Any:
    """Combine all operands; NotImplemented for an operand of a foreign type."""
    if not all(isinstance(one, (Schedule, Absolute)) or is_number(one) or isinstance(one, bool) for one in parts):
        return NotImplemented
    return OPERATORS[name].call(operands=tuple(schedule_of(one, one.__str__) for one in parts))
