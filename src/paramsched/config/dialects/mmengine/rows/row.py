"""A row of the table of MMEngine's schedulers: everything that the library knows of one of them.

The drop-in classes and the dialect read the same rows. Facts: MMEngine 0.10.7.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias, final

from paramsched.config.dialects.mmengine.rows.argument_checks import infinite_number_faults, window_faults
from paramsched.config.dialects.mmengine.rows.arguments import INF, Argument, ArgumentFault, Arguments
from paramsched.config.dialects.mmengine.rows.closed_form import ClosedForm, FormNeeds
from paramsched.config.dialects.mmengine.rows.written_part import WrittenPart
from paramsched.feedback.base import MetricRule
from paramsched.schedules import Schedule
from paramsched.schedules.rules import Rule

FoundArguments: TypeAlias = dict[str, Any] | None
"""The arguments that say a part of a plan, its window aside where a rule has one; None where the row cannot say it."""


RuleOfPlan: TypeAlias = Rule | MetricRule[Any]
"""What a plan says by rules: of a recurrence, or of a metric."""


def _nothing_follows(_: Arguments) -> dict[str, Any]:
    return {}


def _no_caution(_: Arguments, __: bool) -> Iterator[str]:
    return iter(())


def _no_run_fault(_: Arguments, __: int) -> Iterator[ArgumentFault]:
    return iter(())


@final
@dataclass(frozen=True, slots=True)
class SchedulerRow:
    """Everything that the library knows of one scheduler.

    Args:
        name: what its classes begin with: `Step` of `StepLR`.
        meaning: what it does, as a sentence that begins with a verb; `{it}` stands for the value it schedules.
        arguments: all, in positional order.
        faults: what is wrong with arguments.
        derived: arguments that follow from others, as attributes of a scheduler.
        rule: the kernel rule; None for the plateau, which reacts to a metric.
        schedule: the closed form on the window's own clock; None where there is none.
        from_rule: the arguments that say a rule.
        from_schedule: the arguments that say a part of a plan, with their window.
        metric_rule: what a plateau does to a field, from its arguments and the field's base.
        cautions: what is legal and hardly meant; the second argument says whether iterations are counted by request.
        run_faults: what is wrong where the window stops at the second argument.
        length_from: the arguments besides `end` that say its length; None where it needs no length.
        only_field: the one entry of the groups that it may schedule; None: any.
    """

    name: str
    meaning: str
    arguments: tuple[Argument, ...]
    faults: Callable[[Arguments], Iterable[ArgumentFault]]
    derived: Callable[[Arguments], dict[str, Any]] = _nothing_follows
    rule: Callable[[Arguments], Rule] | None = None
    schedule: Callable[[Arguments, FormNeeds], ClosedForm | None] | None = None
    from_rule: Callable[[RuleOfPlan, WrittenPart], FoundArguments] | None = None
    from_schedule: Callable[[Schedule, WrittenPart], FoundArguments] | None = None
    metric_rule: Callable[[Arguments, float | None], MetricRule[Any]] | None = None
    cautions: Callable[[Arguments, bool], Iterator[str]] = _no_caution
    run_faults: Callable[[Arguments, int], Iterator[ArgumentFault]] = _no_run_fault
    length_from: tuple[str, ...] | None = None
    only_field: str | None = None

    @property
    def counted(self) -> tuple[str, ...]:
        """The arguments that `convert_to_iter_based` multiplies, begin and end aside."""
        return tuple(argument.name for argument in self.arguments if argument.counted)

    def defaulted(self, given: Arguments) -> dict[str, Any]:
        """The arguments given, and the defaults of the others; an infinite `end` is none."""
        found = {one.name: one.default for one in self.arguments if not one.required} | dict(given)
        return found | {"end": INF} if found.get("end") == inf else found

    def complete(self, given: Arguments) -> dict[str, Any]:
        """All arguments, and what follows from them."""
        arguments = self.defaulted(given)
        return arguments | self.derived(arguments)

    def check(self, arguments: Arguments) -> Iterator[ArgumentFault]:
        """Everything that is wrong with complete arguments (before what follows from them is added)."""
        endless = list(infinite_number_faults(arguments))
        if endless:
            yield from endless
            return
        yield from window_faults(arguments)
        yield from self.faults(arguments)
