"""A plan in words. What is said of a shape is the first line of its own documentation, so a new one has words too."""

import inspect
from collections.abc import Iterator

from paramsched import curves
from paramsched.config import NO_BASES, Bases
from paramsched.curves import Curve
from paramsched.feedback.base import Guided
from paramsched.fields import Field
from paramsched.plan import Binding, Plan, Target, selector_text
from paramsched.schedules import Absolute, Anneal, Constant, Level, Schedule
from paramsched.schedules._text import _BUILDERS
from paramsched.schedules.pointwise import Product, Sum
from paramsched.schedules.recurrence import Recurrence
from paramsched.schedules.retimed import Chain
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.window import Window

_STEP = "  "
_MOST_TEXT = 200  # characters of a rule


def explained(
    plan: Plan, resolved: Plan | None = None, steps_per_epoch: int | None = None, bases: Bases = NO_BASES
) -> str:
    """Say in words what a plan does.

    Args:
        plan: as written.
        resolved: the same plan in updates, if its units can be converted.
        steps_per_epoch: updates in an epoch, if known.
        bases: the optimizer's values that stand beside the plan, if they do.

    >>> from paramsched.time import Calendar
    >>> plan = Plan(lr="warmup('5%') >> cosine(to=0.1)")
    >>> print(explained(plan, plan.resolve(Calendar(total=1000))))
    The run is 1,000 updates long.
    <BLANKLINE>
    lr: warmup("5%") >> cosine(to=0.1)
      updates 0 to 49: warmup("5%"): from 0 to base, in a straight line
      updates 50 to 999: cosine(to=0.1): from base to 0.1 x base, along curves.cosine
      then held
    """
    total = None if resolved is None or resolved.horizon is None else resolved.horizon.updates
    lines = [_run(plan, total, steps_per_epoch)]
    others = plan.bindings if resolved is None else resolved.bindings
    for binding, known in zip(plan.bindings, others, strict=True):
        lines += ["", _head(binding), *_base(binding, bases)]
        lines += _words(binding.schedule, None if resolved is None else known.schedule, 0, total, _STEP)
        lines += [f"{_STEP}then held"] if total is not None else []
    return "\n".join(lines)


def _run(plan: Plan, total: int | None, steps_per_epoch: int | None) -> str:
    if total is None:
        if plan.horizon is None:
            return "Nothing says how long the run is."
        return (
            f"The run is {plan.horizon} long."
            if not plan.horizon.is_resolved
            else f"The run is {plan.horizon} updates long."
        )
    epochs = f", {total / steps_per_epoch:.6g} epochs of {steps_per_epoch:,}" if steps_per_epoch else ""
    return f"The run is {total:,} updates long{epochs}."


def _head(binding: Binding) -> str:
    if isinstance(binding.field, Target):
        return f"{binding.name}, outside the optimizer, base {binding.field.initial!r}: {binding.schedule}"
    place = "" if binding.groups is None else f" of group {selector_text(binding.groups)}"
    return f"{binding.name}{place}: {binding.schedule}"


def _base(binding: Binding, bases: Bases) -> Iterator[str]:
    """The value that the schedule is a multiple of, where it is known: the words speak of "x base"."""
    if isinstance(binding.field, Target):
        return
    field = Field.of(binding.name)
    name = binding.groups if isinstance(binding.groups, str) else None
    values = {group.get("name"): bases.value(group, field) for group in ([bases.of(name)] if name else bases.groups)}
    known = {label: value for label, value in values.items() if value is not None}
    said = ", ".join(f"{value:.6g}" + (f" ({label})" if label and not name else "") for label, value in known.items())
    if known:
        yield f"{_STEP}base: {said}, from {bases.origin}"


def _words(schedule: Schedule, resolved: Schedule | None, begin: int, end: int | None, indent: str) -> Iterator[str]:
    """Lines for a schedule that begins at update `begin` of the run and has until `end`."""
    match schedule:
        case Guided(schedule=inner, guides=rules):
            known = resolved.schedule if isinstance(resolved, Guided) else None
            yield from _words(inner, known, begin, end, indent)
            for rule in rules:
                yield f"{indent}times {rule}: {_documented(rule)}"
        case Sequence(stages=stages):
            yield from _stages(stages, resolved, begin, end, indent)
        case Product(operands=operands):
            yield from _several("the product of", operands, resolved, begin, end, indent)
        case Sum(operands=operands):
            yield from _several("the sum of", operands, resolved, begin, end, indent)
        case Chain(operands=operands):
            yield from _several(
                "one after another on what the one before gives", operands, resolved, begin, end, indent
            )
        case Window(schedule=inner):
            known = resolved if isinstance(resolved, Window) else None
            yield f"{indent}{_documented(schedule)}"
            first = begin if known is None else begin + known.begin.updates
            last = end if known is None or known.end is None else begin + known.end.updates
            yield from _words(inner, None if known is None else known.schedule, first, last, indent + _STEP)
        case Recurrence(rules=rules):
            yield f"{indent}{_documented(schedule)}"
            for one in rules:
                yield f"{indent}{_STEP}{_cut(str(one))}: {_documented(one)}"
        case _:
            yield f"{indent}{_when(begin, end) if resolved is not None else ''}{schedule}: {_said(schedule)}"


def _stages(
    stages: tuple[Schedule, ...], resolved: Schedule | None, begin: int, end: int | None, indent: str
) -> Iterator[str]:
    known = resolved.stages if isinstance(resolved, Sequence) else None
    begins = resolved._begins() if isinstance(resolved, Sequence) else None
    for index, stage in enumerate(stages):
        if known is None or begins is None:
            yield from _words(stage, None, begin, None, indent)
            continue
        first = begin + begins[index]
        last = begin + begins[index + 1] if index + 1 < len(begins) else end
        length = known[index].length
        if index + 1 == len(begins) and length is not None and end is not None:
            last = min(end, first + length.updates)
        if last is not None and last <= first:
            yield f"{indent}{stage}: no update is left for it"
        else:
            yield from _words(stage, known[index], first, last, indent)


def _several(
    what: str, operands: tuple[Schedule, ...], resolved: Schedule | None, begin: int, end: int | None, indent: str
) -> Iterator[str]:
    yield f"{indent}{what}"
    known = resolved.operands if isinstance(resolved, (Product, Sum, Chain)) else (None,) * len(operands)
    for operand, other in zip(operands, known, strict=True):
        yield from _words(operand, other, begin, end, indent + _STEP)


def _when(begin: int, end: int | None) -> str:
    if end is None:
        return f"from update {begin:,} on: "
    return f"update {begin:,}: " if end - begin == 1 else f"updates {begin:,} to {end - 1:,}: "


def _said(schedule: Schedule) -> str:
    match schedule:
        case Anneal(start=start, to=to, curve=curve):
            return f"from {_level(start)} to {_level(to)}, {_way(curve)}"
        case Constant(value=value):
            return f"held at {_level(value)}"
    return _documented(schedule)


def _level(level: Level) -> str:
    if isinstance(level, Absolute):
        return f"{level.value:.6g} as it stands" if level.value else "0"
    return "base" if level == 1 else "0" if level == 0 else f"{level:.6g} x base"


def _way(curve: Curve) -> str:
    return "in a straight line" if curve == curves.linear else f"along {curve}"


def _cut(text: str) -> str:
    """A table of thousands of numbers, shortly."""
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"


def _documented(value: object) -> str:
    """The first line of what the shape's builder says of itself."""
    found = _BUILDERS.get(type(value))
    line = (inspect.getdoc(found[1]) or "").partition("\n")[0] if found else ""
    return line.rstrip(".:") or type(value).__name__
