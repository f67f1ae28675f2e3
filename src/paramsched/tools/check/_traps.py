"""Checks for lines that are valid but often mean something else than intended, each with a line to write instead."""

from collections.abc import Iterator

from paramsched.core.base.codes import FLOOR_AS_VALUE, OTHERS_NAME
from paramsched.core.base.diagnostic import Diagnostic
from paramsched.core.feedback.base import Guided
from paramsched.core.fields import ELSEWHERE, KNOWN, KNOWN_ELSEWHERE, Field, known_field
from paramsched.core.plan import Binding, Target
from paramsched.core.rules.levels import Trap, unlikely_level
from paramsched.core.schedules import Anneal, Schedule
from paramsched.core.schedules.periods import one_cycle
from paramsched.core.schedules.sequence import stages_of

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
        trap = unlikely_level(binding, base, resolved)
        if trap is None and binding.name == "lr":
            trap = _floor_meant_as_value(schedule)
        if trap is not None:
            code, found, advice = trap
            yield Diagnostic(path, found, advice, code=code)


def _floor_meant_as_value(schedule: Schedule) -> Trap | None:
    """Return the trap of a decay that ends near 0. The floor of `one_cycle(…)` is its default, not a written one."""
    last = stages_of(schedule)[-1]
    if (
        isinstance(last, Anneal)
        and isinstance(last.to, float)
        and 0 < last.to <= _SMALL_FLOOR
        and last.to != _DEFAULT_FLOOR
    ):
        return (
            FLOOR_AS_VALUE,
            f"numbers are multiples of the group's own lr, so the lr ends at {last.to:g} × base",
            f"For an absolute value write absolute({last.to!r})",
        )
    return None


_DEFAULT_FLOOR = next(one.to for one in reversed(stages_of(one_cycle())) if isinstance(one, Anneal))
"""The floor that `one_cycle` has by default."""
