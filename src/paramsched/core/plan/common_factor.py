"""The common factor of the stages of a line, for the advice to write it outside of brackets."""

from collections.abc import Iterator
from typing import Any

from paramsched.core.feedback.base import Guided
from paramsched.core.schedules import Constant, Schedule
from paramsched.core.schedules.base import with_changed_fields
from paramsched.core.schedules.cuts import Skip, Take
from paramsched.core.schedules.leaves import Like
from paramsched.core.schedules.one_operand import Raised
from paramsched.core.schedules.pointwise import Product
from paramsched.core.schedules.restarts import Restarts
from paramsched.core.schedules.retimed import Every, Shift, Window
from paramsched.core.schedules.sequence import Sequence


def likes_in(schedule: Schedule) -> Iterator[Like]:
    """Yield every `like(…)` in a schedule."""
    if isinstance(schedule, Like):
        yield schedule
    for part in schedule.parts():
        yield from likes_in(part)


_RETIMING = (Sequence, Shift, Restarts, Window, Every, Take, Skip)  # a common factor may be outside of these


def advice_to_factor_out(schedule: Schedule) -> str:
    """Return the advice to multiply an entire line by a target, because `*` takes precedence over `>>`.

    >>> from paramsched.core.schedules import parse
    >>> advice_to_factor_out(parse('warmup(10) >> cosine() * like("batch_size") ** 0.5'))
    'Write (warmup(10) >> cosine()) * like("batch_size") ** 0.5'
    """
    if isinstance(schedule, Guided):
        rules = " * ".join(map(str, schedule.guides))
        return f"{advice_to_factor_out(schedule.schedule)} * {rules}"
    factors: dict[Schedule, None] = {}

    def without_factors(value: Any) -> Any:
        if isinstance(value, Product) or _is_factor(value):
            operands = value.operands if isinstance(value, Product) else (value,)
            factors.update(dict.fromkeys(filter(_is_factor, operands)))
            others = tuple(without_factors(one) for one in operands if not _is_factor(one))
            return Product(others) if len(others) > 1 else others[0] if others else Constant(1.0, None)
        return with_changed_fields(value, without_factors) if isinstance(value, (*_RETIMING, tuple)) else value

    rest = without_factors(schedule)
    if len(factors) != 1 or any(likes_in(rest)):
        return 'Multiply the entire line, with brackets: (warmup("5%") >> cosine()) * like("batch_size")'
    return f"Write {Product((rest, *factors))}"


def _is_factor(value: object) -> bool:
    """Return whether a value consists of `like(…)`, numbers and powers: `(like("batch_size") / 256) ** 0.5`."""
    if isinstance(value, Raised):
        return _is_factor(value.schedule)
    if isinstance(value, Product):
        return any(map(_is_factor, value.operands)) and all(
            isinstance(one, Constant) or _is_factor(one) for one in value.operands
        )
    return isinstance(value, Like)
