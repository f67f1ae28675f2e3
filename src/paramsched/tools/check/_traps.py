"""Checks for lines that are valid but often mean something else than intended, each with a line to write instead."""

from collections.abc import Iterator
from fractions import Fraction

from paramsched.core.base.codes import LEVEL_AS_VALUE
from paramsched.core.base.diagnostic import Diagnostic
from paramsched.core.feedback.base import Guided
from paramsched.core.fields import ELSEWHERE, KNOWN, KNOWN_ELSEWHERE, Field, known_field
from paramsched.core.plan import Binding, Target
from paramsched.core.plan.levels import Trap, unlikely_level
from paramsched.core.schedules import Anneal, Constant, Level, Schedule
from paramsched.core.schedules.cyclic import one_cycle
from paramsched.core.schedules.pointwise import Product, Sum
from paramsched.core.schedules.restarts import Restarts
from paramsched.core.schedules.sequence import Sequence, stages_of
from paramsched.core.schedules.staircases import MultiStep
from paramsched.core.schedules.text.writing import short_line
from paramsched.core.time import Duration
from paramsched.tools.check.codes import BINDS_FIRST, COUNTED_FROM_STAGE, FLOOR_AS_VALUE, OTHERS_NAME, SHARE_OF_RUN

_SMALL_FLOOR = 1e-4
"""A decay that ends at such a small multiple of base probably means an absolute value."""


def traps_in_binding(
    binding: Binding,
    path: str,
    base: float | None = None,
    resolved: Schedule | None = None,
) -> Iterator[Diagnostic]:
    """Yield a warning for each name and schedule in a binding that probably means something else than intended.

    Args:
        binding: the binding.
        path: its location.
        base: the base of its field; None if unknown.
        resolved: its schedule in a run.

    >>> print(*traps_in_binding(Binding("learning_rate", "cosine()"), "$.learning_rate"))
    $.learning_rate: warning: torch's optimizers have no field "learning_rate". Did you mean "lr"?
    """
    schedule = binding.schedule.schedule if isinstance(binding.schedule, Guided) else binding.schedule
    traps: list[Trap] = []
    if not isinstance(binding.field, Target):
        if (ours := known_field(binding.name) or ELSEWHERE.get(binding.name.lower())) is not None:
            found = f'torch\'s optimizers have no field "{binding.name}"'
            yield Diagnostic(path, found, f'Did you mean "{ours}"?', code=OTHERS_NAME, at_key=True)
        elif binding.name == "betas":
            yield Diagnostic(
                path, '"betas" is a pair of numbers', "For example: betas[0]", code=OTHERS_NAME, at_key=True
            )
        elif Field.of(binding.name).key not in (*KNOWN, *KNOWN_ELSEWHERE):
            found = f'torch\'s optimizers have no field "{binding.name}"; a group without it raises an error'
            target = f"{{{binding.name}: {{initial: 1.0, schedule: {schedule}}}}}"
            instead = f"Use the name of an optimizer field; or, outside the optimizer, targets: {target}"
            yield Diagnostic(path, found, instead, code=OTHERS_NAME, at_key=True)
        if (unlikely := unlikely_level(binding, base, resolved)) is not None:
            traps.append(unlikely)
        elif binding.name == "lr":
            traps += _floor_meant_as_value(schedule)
    is_told = any(code == LEVEL_AS_VALUE for code, _, _ in traps)
    for part in _parts_of_schedule(schedule):
        if isinstance(part, Sequence):
            traps += _counted_from_the_stage(part)
            traps += () if is_told else _bound_before_the_sequence(part)
        elif isinstance(part, Restarts):
            traps += _shares_of_the_run(part)
    yield from (Diagnostic(path, found, advice, code=code) for code, found, advice in dict.fromkeys(traps))


def _floor_meant_as_value(schedule: Schedule) -> Iterator[Trap]:
    """Yield a trap for a decay that ends near 0. The floor of `one_cycle(…)` is its own default, not a written one."""
    last = stages_of(schedule)[-1]
    if (
        isinstance(last, Anneal)
        and isinstance(last.to, float)
        and 0 < last.to <= _SMALL_FLOOR
        and last.to != _DEFAULT_FLOOR
    ):
        yield (
            FLOOR_AS_VALUE,
            f"numbers are multiples of the group's own lr, so the lr ends at {last.to:g} × base",
            f"For an absolute value write absolute({last.to!r})",
        )


def _counted_from_the_stage(schedule: Sequence) -> Iterator[Trap]:
    """Yield a trap for milestones after a warmup, which count from the end of the warmup.

    `warmup("5 epochs") >> multistep(["30 epochs"])` drops at epoch 35.
    """
    if len(schedule.stages) != 2:
        return
    first, last = schedule.stages
    if not (isinstance(first, Anneal) and first.over is not None and isinstance(last, MultiStep) and last.milestones):
        return
    if _end_levels(first)[1] != 1.0 or not first.over.terms:
        return
    meant, found = last.milestones[0], first.over + last.milestones[0]
    yield (
        COUNTED_FROM_STAGE,
        f"times inside a stage count from its start: the first milestone is {_time_in_words(found)} of the run, "
        f"not {_time_in_words(meant)}",
        f"To count from the start of the run write {first} * {last}",
    )


def _bound_before_the_sequence(schedule: Sequence) -> Iterator[Trap]:
    """Yield a trap if an operator was probably meant for an entire sequence, but applies to one stage.

    `warmup(5) >> cosine() + 0.1` adds to the cosine only: `*`, `+` and `-` bind more tightly than `>>`.
    """
    stages = schedule.stages
    for place in (0, len(stages) - 1):
        stage = stages[place]
        if not isinstance(stage, (Product, Sum)) or len(stage.operands) != 2:
            continue
        if sum(isinstance(one, (Product, Sum)) for one in stages) > 1:
            return
        numbers = [one for one in stage.operands if isinstance(one, Constant) and one.over is None]
        neighbors = stages[:2] if place == 0 else stages[-2:]
        left, right = _end_levels(neighbors[0])[1], _end_levels(neighbors[1])[0]
        if len(numbers) != 1 or left is None or right is None or left == right:
            continue
        (number,) = numbers
        (alone,) = (one for one in stage.operands if one is not number)
        sign = "*" if isinstance(stage, Product) else "+"
        whole = " >> ".join(str(alone if one is stage else one) for one in stages)
        yield (
            BINDS_FIRST,
            f"{sign} binds more tightly than >>: {number} applies to {short_line(alone)} only, and the value jumps "
            f"from {left:g} to {right:g} × base",
            f"To apply it to the entire sequence write ({whole}) {sign} {number}",
        )


def _shares_of_the_run(schedule: Restarts) -> Iterator[Trap]:
    """Yield a trap for percentages inside `restarts`, which refer to the run and not to a cycle.

    In `restarts(warmup("10%") >> cosine(), "10%")`, the warmup takes the entire cycle.
    """
    for part in _parts_of_schedule(schedule.schedule):
        length = part.length if isinstance(part, (Anneal, Constant)) else None
        if length is None or [unit for unit, _ in length.terms] != ["percent"]:
            continue
        if schedule.every is None or len(schedule.every.terms) != 1:
            continue
        ((unit, cycle),) = schedule.every.terms
        share = length.terms[0][1]
        if unit == "percent" and share < cycle:
            continue
        meant = Duration(((unit, Fraction(cycle * share / 100)),))
        try:
            written = meant.written()
        except ArithmeticError:
            continue
        yield (
            SHARE_OF_RUN,
            f'percentages inside restarts(…) refer to the run: "{length}" is not {length} of a cycle',
            f"For {length} of a cycle write {written}",
        )


def _parts_of_schedule(schedule: Schedule) -> Iterator[Schedule]:
    yield schedule
    for part in schedule.parts():
        yield from _parts_of_schedule(part)


def _end_levels(schedule: Schedule) -> tuple[float | None, float | None]:
    """Return the first and the last level as multiples of base, with None for a level that is not such a multiple."""
    match schedule:
        case Anneal(start=start, to=to):
            return _relative_level(start), _relative_level(to)
        case Constant(value=value):
            return _relative_level(value), _relative_level(value)
        case Product(operands=(left, right)):
            (a, b), (c, d) = _end_levels(left), _end_levels(right)
            return None if a is None or c is None else a * c, None if b is None or d is None else b * d
        case Sum(operands=(left, right)):
            (a, b), (c, d) = _end_levels(left), _end_levels(right)
            return None if a is None or c is None else a + c, None if b is None or d is None else b + d
    return None, None


def _relative_level(level: Level) -> float | None:
    return level if isinstance(level, float) else None


def _time_in_words(time: Duration) -> str:
    if [unit for unit, _ in time.terms] == ["epochs"]:
        return f"at epoch {str(time).split(' ', maxsplit=1)[0]}"
    return f"at update {time.updates}" if time.is_resolved else f"at {time}"


_DEFAULT_FLOOR = _end_levels(stages_of(one_cycle())[-1])[1]
"""The floor that `one_cycle` has by default."""
