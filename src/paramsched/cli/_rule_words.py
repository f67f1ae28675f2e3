"""What each rule of a recurrence does to the value it finds, in words: a writer for each class of rule."""

from collections.abc import Sequence
from functools import singledispatch

from paramsched.cli._schedule_words import cut_text
from paramsched.cli._stretch import Stretch
from paramsched.schedules.rules import Rule
from paramsched.schedules.rules.descents import CosineRestartsRule, CosineRule, PolynomialRule
from paramsched.schedules.rules.one_cycle import OneCycleRule
from paramsched.schedules.rules.scaling import ConstantRule, ExponentialRule, LinearRule, MultiStepRule, StepRule
from paramsched.schedules.rules.setting import AnnealRule, ScheduleRule
from paramsched.schedules.rules.table import TableRule
from paramsched.time import Duration


def rule_words(rule: Rule, where: Stretch) -> str:
    """What a rule does, and when.

    >>> from paramsched.schedules import rules
    >>> rule_words(rules.multistep([8, 11], by="epoch"), Stretch())
    '× 0.1 at epochs 8 and 11'
    """
    return _words_of(rule, where)


@singledispatch
def _words_of(rule: Rule, where: Stretch) -> str:
    """What is said of a rule that has no writer: its own line, and its window."""
    return f"{cut_text(str(rule))}{_rule_window(rule, where)}"


@_words_of.register
def _constant_rule_words(rule: ConstantRule, where: Stretch) -> str:
    over = _moving_ticks(rule)
    back = "" if over is None else f", taken back at {_times_of_ticks(rule, where, [over])}"
    return f"× {rule.factor:.6g} at {_times_of_ticks(rule, where, [0])}{back}"


@_words_of.register
def _linear_rule_words(rule: LinearRule, where: Stretch) -> str:
    moving = _while_moving(rule, where, _moving_ticks(rule))
    return f"scaled along a straight line, from {rule.start:.6g} to {rule.to:.6g}{moving}"


@_words_of.register
def _cosine_rule_words(rule: CosineRule, where: Stretch) -> str:
    moving = _while_moving(rule, where, _moving_ticks(rule))
    return f"falls along half a cosine wave towards {where.level(rule.to)}{moving}"


@_words_of.register
def _polynomial_rule_words(rule: PolynomialRule, where: Stretch) -> str:
    way = "in a straight line" if rule.power == 1 else f"as what is left of the time to the power {rule.power:.6g}"
    return f"falls {way} towards {where.level(rule.to)}{_while_moving(rule, where, _moving_ticks(rule))}"


@_words_of.register
def _periodic_rule_words(rule: ExponentialRule | StepRule, where: Stretch) -> str:
    every = rule.every if isinstance(rule, StepRule) else 1
    return f"× {rule.gamma:.6g} every {where.each(_length_of_ticks(rule, every))}{_rule_window(rule, where)}"


@_words_of.register
def _multi_step_rule_words(rule: MultiStepRule, where: Stretch) -> str:
    last = rule.last
    reached = sorted(one for one in rule.milestones if last is None or one <= last)
    if not reached:
        return f"× {rule.gamma:.6g} at no time: every milestone is past its window"
    return f"× {rule.gamma:.6g} at {_times_of_ticks(rule, where, reached)}"


@_words_of.register
def _cosine_restarts_rule_words(rule: CosineRestartsRule, where: Stretch) -> str:
    """Where it falls to, when it begins anew, and from how high: eight heights at most."""
    begins, at = [], 0.0
    for period in rule.periods:
        begins.append(at)
        at += period
    heights = ", ".join(f"{weight:.6g}" for weight in rule.weights[:8])
    last = rule.last
    seen = [int(begin) for begin in begins if last is None or begin <= last]
    anew = _times_of_ticks(rule, where, seen)
    return (
        f"falls along half a cosine wave to {where.level(rule.to)}, begun anew at {anew}, "
        f"each time from its weight × base ({heights})"
    )


@_words_of.register
def _one_cycle_rule_words(rule: OneCycleRule, where: Stretch) -> str:
    low = rule.peak / rule.div
    way = "half cosine waves" if rule.anneal == "cos" else "straight lines"
    back = f", back to {low:.6g}" if rule.three_phase else ""
    return (
        f"set along {way} from {low:.6g} up to {rule.peak:.6g} in the first {100 * rule.pct_start:.6g}%{back}, "
        f"then down to {low / rule.final_div:.6g}, values as they stand{_while_moving(rule, where, rule.total)}"
    )


@_words_of.register
def _anneal_rule_words(rule: AnnealRule, where: Stretch) -> str:
    return (
        f"goes from what it finds to {where.level(rule.to)} along {rule.curve}{_while_moving(rule, where, rule.over)}"
    )


@_words_of.register
def _schedule_rule_words(rule: ScheduleRule, where: Stretch) -> str:
    return f"set to what {rule.schedule} says, whatever it was{_rule_window(rule, where)}"


@_words_of.register
def _table_rule_words(rule: TableRule, where: Stretch) -> str:
    return f"follows a table{_while_moving(rule, where, len(rule.scale))}"


def _moving_ticks(rule: ConstantRule | LinearRule | CosineRule | PolynomialRule) -> float | None:
    """The ticks after which a rule has done its work: its own number, else the end of its window."""
    return rule.last if rule.over is None else rule.over


def _length_of_ticks(rule: Rule, count: float) -> Duration:
    """So many ticks of a rule's clock as a length."""
    whole = int(count)
    if rule.by == "epoch":
        return Duration.of(f"{whole} epochs")
    return Duration.of(whole * (rule.by if isinstance(rule.by, int) else 1))


def _times_of_ticks(rule: Rule, where: Stretch, ticks: Sequence[float]) -> str:
    """Ticks of a rule as points in time."""
    return where.from_begin([_length_of_ticks(rule, rule.begin + tick) for tick in ticks])


def _while_moving(rule: Rule, where: Stretch, ticks: float | None) -> str:
    """The ticks in which a rule moves the value, as far as its window lets it."""
    if ticks is None:
        return _rule_window(rule, where)
    last = rule.last
    moved = ticks if last is None else min(ticks, last)
    begin = where.after(_length_of_ticks(rule, rule.begin))
    if moved < 1:
        return f", at {_times_of_ticks(rule, where, [0])}"
    return f" over {where.part(begin, None).over(_length_of_ticks(rule, moved))}"


def _rule_window(rule: Rule, where: Stretch) -> str:
    """The window in which a rule acts."""
    begin = where.after(_length_of_ticks(rule, rule.begin))
    end = where.end if rule.end is None else where.after(_length_of_ticks(rule, rule.end))
    return where.part(begin, end).during()
