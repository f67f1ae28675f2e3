"""The normal form of a plan's bindings: one for each field and selector, in one order."""

from collections.abc import Iterable
from typing import Any

from paramsched.errors import InvalidArgument, PlanError
from paramsched.feedback.base import Guided
from paramsched.plan.binding import Binding, Target
from paramsched.schedules import Schedule, chain
from paramsched.schedules.retimed import Chain

_MOST_CHAINS = 40


def normal_bindings(given: Iterable[Binding]) -> tuple[Binding, ...]:
    """One binding for each field and selector, in one order: lr first, defaults before selections, targets last."""
    merged: dict[tuple[Any, ...], Binding] = {}
    for binding in given:
        key = place_of(binding)
        before = merged.get(key)
        if before is None:
            merged[key] = binding
        elif isinstance(binding.field, Target):
            raise PlanError(f"target {binding.name!r}", "it is there twice", "Give each target one binding")
        else:
            merged[key] = Binding(binding.field, _chained_schedule(before.schedule, binding.schedule), binding.groups)

    def place(key: tuple[Any, ...]) -> tuple[Any, ...]:
        target, name, groups = key
        kind = 0 if groups is None else 1 if isinstance(groups, int) else 2 if isinstance(groups, str) else 3
        return target, name != "lr", name, kind, groups if kind in (1, 2) else 0

    return tuple(merged[key] for key in sorted(merged, key=place))


def checked_binding(one: object) -> Binding:
    """What was given to a plan as a binding.

    Raises:
        InvalidArgument: it is none.
    """
    if isinstance(one, Binding):
        return one
    raise InvalidArgument(
        f"Plan({one!r})", "no Binding", 'Write Plan(lr=cosine()), or Plan(Binding("betas[0]", cosine()))'
    )


def place_of(binding: Binding) -> tuple[Any, ...]:
    """What a plan has one binding for: a target, or a field and a selector."""
    return isinstance(binding.field, Target), binding.name, binding.groups


def _chained_schedule(first: Schedule, second: Schedule) -> Schedule:
    rules = (*first.metric_rules, *second.metric_rules)
    bare = [one.schedule if isinstance(one, Guided) else one for one in (first, second)]
    # One chain in the other, as it has always been written; where that would be too deep, one long chain.
    deep = bare[0].depth >= _MOST_CHAINS and isinstance(bare[0], Chain)
    both = chain(*bare[0].operands, bare[1]) if deep and isinstance(bare[0], Chain) else chain(*bare)
    return Guided(both, rules) if rules else both
