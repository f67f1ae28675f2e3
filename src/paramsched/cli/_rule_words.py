"""What each rule of a recurrence does to the value it finds, in words: a writer for each class of rule."""

from collections.abc import Sequence
from functools import singledispatch

from paramsched.cli._active_time import ActiveTime
from paramsched.cli._schedule_words import cut_text
from paramsched.schedules.rules import Rule
from paramsched.schedules.rules.base import TableRule
from paramsched.schedules.rules.descents import CosineRestartsRule, CosineRule, OneCycleRule, PolynomialRule
from paramsched.schedules.rules.scaling import (
    AnnealRule,
    ConstantRule,
    ExponentialRule,
    LinearRule,
    MultiStepRule,
    ScheduleRule,
    StepRule,
)
from paramsched.time import Duration


def rule_words(rule: Rule, when: ActiveTime) -> str:
    """What a rule does, and when.

    >>> from paramsched.schedules import rules
    >>> rule_words(rules.multistep([8, 11], by="epoch"), ActiveTime())
    '× 0.1 at epochs 8 and 11'
    """
    return _words_of(rule, when)


@singledispatch
def _words_of(rule: Rule, when: ActiveTime) -> str:
    return f"{cut_text(str(rule))}{_rule_window(rule, when)}"


@_words_of.register
def _constant_rule_words(rule: ConstantRule, when: ActiveTime) -> str:
    over = _moving_ticks(rule)
    back = "" if over is None else f", taken back at {_times_of_ticks(rule, when, [over])}"
    return f"× {rule.factor:.6g} at {_times_of_ticks(rule, when, [0])}{back}"


@_words_of.register
def _linear_rule_words(rule: LinearRule, when: ActiveTime) -> str:
    moving = _while_moving(rule, when, _moving_ticks(rule))
    return f"scaled along a straight line, from {rule.start:.6g} to {rule.to:.6g}{moving}"


@_words_of.register
def _cosine_rule_words(rule: CosineRule, when: ActiveTime) -> str:
    moving = _while_moving(rule, when, _moving_ticks(rule))
    return f"falls along half a cosine wave towards {when.level_text(rule.to)}{moving}"


@_words_of.register
def _polynomial_rule_words(rule: PolynomialRule, when: ActiveTime) -> str:
    way = "in a straight line" if rule.power == 1 else f"as what is left of the time to the power {rule.power:.6g}"
    return f"falls {way} towards {when.level_text(rule.to)}{_while_moving(rule, when, _moving_ticks(rule))}"


@_words_of.register
def _periodic_rule_words(rule: ExponentialRule | StepRule, when: ActiveTime) -> str:
    every = rule.every if isinstance(rule, StepRule) else 1
    return f"× {rule.gamma:.6g} every {when.period_text(_length_of_ticks(rule, every))}{_rule_window(rule, when)}"


@_words_of.register
def _multi_step_rule_words(rule: MultiStepRule, when: ActiveTime) -> str:
    last = rule.last
    reached = sorted(one for one in rule.milestones if last is None or one <= last)
    if not reached:
        return f"× {rule.gamma:.6g} at no time: every milestone is past its window"
    return f"× {rule.gamma:.6g} at {_times_of_ticks(rule, when, reached)}"


@_words_of.register
def _cosine_restarts_rule_words(rule: CosineRestartsRule, when: ActiveTime) -> str:
    """Where it falls to, when it begins anew, and from which heights (eight of them at most)."""
    begins, at = [], 0.0
    for period in rule.periods:
        begins.append(at)
        at += period
    heights = ", ".join(f"{weight:.6g}" for weight in rule.weights[:8])
    last = rule.last
    seen = [int(begin) for begin in begins if last is None or begin <= last]
    anew = _times_of_ticks(rule, when, seen)
    return (
        f"falls along half a cosine wave to {when.level_text(rule.to)}, begun anew at {anew}, "
        f"each time from its weight × base ({heights})"
    )


@_words_of.register
def _one_cycle_rule_words(rule: OneCycleRule, when: ActiveTime) -> str:
    low = rule.peak / rule.div
    way = "half cosine waves" if rule.anneal == "cos" else "straight lines"
    back = f", back to {low:.6g}" if rule.three_phase else ""
    return (
        f"set along {way} from {low:.6g} up to {rule.peak:.6g} in the first {100 * rule.pct_start:.6g}%{back}, "
        f"then down to {low / rule.final_div:.6g}, values as they stand{_while_moving(rule, when, rule.total)}"
    )


@_words_of.register
def _anneal_rule_words(rule: AnnealRule, when: ActiveTime) -> str:
    level, moving = when.level_text(rule.to), _while_moving(rule, when, rule.over)
    return f"goes from what it finds to {level} along {rule.curve}{moving}"


@_words_of.register
def _schedule_rule_words(rule: ScheduleRule, when: ActiveTime) -> str:
    return f"set to what {rule.schedule} says, whatever it was{_rule_window(rule, when)}"


@_words_of.register
def _table_rule_words(rule: TableRule, when: ActiveTime) -> str:
    return f"follows a table{_while_moving(rule, when, len(rule.scale))}"


def _moving_ticks(rule: ConstantRule | LinearRule | CosineRule | PolynomialRule) -> float | None:
    return rule.last if rule.over is None else rule.over


def _length_of_ticks(rule: Rule, count: float) -> Duration:
    whole = int(count)
    if rule.by == "epoch":
        return Duration.of(f"{whole} epochs")
    return Duration.of(whole * (rule.by if isinstance(rule.by, int) else 1))


def _times_of_ticks(rule: Rule, when: ActiveTime, ticks: Sequence[float]) -> str:
    return when.own_times_text([_length_of_ticks(rule, rule.begin + tick) for tick in ticks])


def _while_moving(rule: Rule, when: ActiveTime, ticks: float | None) -> str:
    """The time in which a rule moves the value: the window may end before the rule has finished."""
    if ticks is None:
        return _rule_window(rule, when)
    last = rule.last
    moved = ticks if last is None else min(ticks, last)
    begin = when.end_after(_length_of_ticks(rule, rule.begin))
    if moved < 1:
        return f", at {_times_of_ticks(rule, when, [0])}"
    return f" over {when.part(begin, None).range_text(_length_of_ticks(rule, moved))}"


def _rule_window(rule: Rule, when: ActiveTime) -> str:
    begin = when.end_after(_length_of_ticks(rule, rule.begin))
    end = when.end if rule.end is None else when.end_after(_length_of_ticks(rule, rule.end))
    return when.part(begin, end).during_text()
