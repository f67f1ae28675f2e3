"""Guided: a schedule that is multiplied by metric rules."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from paramsched.core.schedules.schedule import OPERATORS, Schedule
from paramsched.core.schedules.shape import of_one, plan, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.core.schedules.writing import PRODUCT, in_brackets


def _text(call: Schedule) -> str:
    return " * ".join([in_brackets(call.args["schedule"], PRODUCT), *map(str, call.args["guides"])])


@planned(hidden=True, precedence=PRODUCT, text=_text)
def _guided(call: Schedule, span: Span, schedule: Schedule, guides: Any = ()) -> Piece:
    """A schedule multiplied by metric rules. When called, it returns the values of the schedule without the rules."""
    piece = plan(schedule, span)
    return of_one(call, piece, piece.values, guides=tuple(_resolved_rule(rule, span) for rule in guides))


def _resolved_rule(rule: Any, span: Span) -> Any:
    """Return a rule whose begin is a number of updates of the run, or a count of its clock if that is unknown."""
    begin = rule.begin
    if begin is None or begin.is_resolved:
        return rule
    return replace(rule, after=span.of_whole_run.units.time_of_run(begin))


def without_rules(schedule: Schedule) -> Schedule:
    """Return a schedule without the metric rules that it is multiplied by."""
    plain: Schedule = schedule.args["schedule"] if schedule.kind == "guided" else schedule
    return plain


def guided(schedule: Schedule, rules: Iterable[Any]) -> Schedule:
    """Return a schedule multiplied by metric rules."""
    return OPERATORS["guided"].call(schedule=schedule, guides=tuple(rules))
