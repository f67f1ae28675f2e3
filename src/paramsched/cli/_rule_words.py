"""What each rule of a recurrence does to the value it finds, in words: a writer for each class of rule."""

from collections.abc import Sequence
from functools import singledispatch

from paramsched.cli._stretch import Stretch
from paramsched.schedules.rules import Rule
from paramsched.schedules.rules.descents import CosineRestartsRule, CosineRule, PolynomialRule
from paramsched.schedules.rules.one_cycle import OneCycleRule
from paramsched.schedules.rules.scaling import ConstantRule, ExponentialRule, LinearRule, MultiStepRule, StepRule
from paramsched.schedules.rules.setting import AnnealRule, ScheduleRule
from paramsched.schedules.rules.table import TableRule
from paramsched.time import Duration

_MOST_TEXT = 200  # characters of a rule


def rule_words(rule: Rule, where: Stretch) -> str:
    """What a rule does, and when.

    >>> from paramsched.schedules import rules
    >>> rule_words(rules.multistep([8, 11], by="epoch"), Stretch())
    '× 0.1 at epochs 8 and 11'
    """
    return described(rule, where)


@singledispatch
def described(rule: Rule, where: Stretch) -> str:
    """What is said of a rule that has no writer: its own line, and its window."""
    text = str(rule)
    short = text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"
    return f"{short}{_window(rule, where)}"


@described.register
def _(rule: ConstantRule, where: Stretch) -> str:
    over = rule.last if rule.over is None else rule.over
    back = "" if over is None else f", taken back at {_at(rule, where, [over])}"
    return f"× {rule.factor:.6g} at {_at(rule, where, [0])}{back}"


@described.register
def _(rule: LinearRule, where: Stretch) -> str:
    over = rule.last if rule.over is None else rule.over
    return f"scaled along a straight line, from {rule.start:.6g} to {rule.to:.6g}{_over(rule, where, over)}"


@described.register
def _(rule: ExponentialRule, where: Stretch) -> str:
    return f"× {rule.gamma:.6g} every {_each(rule, where, 1)}{_window(rule, where)}"


@described.register
def _(rule: StepRule, where: Stretch) -> str:
    return f"× {rule.gamma:.6g} every {_each(rule, where, rule.every)}{_window(rule, where)}"


@described.register
def _(rule: MultiStepRule, where: Stretch) -> str:
    last = rule.last
    reached = sorted(one for one in rule.milestones if last is None or one <= last)
    if not reached:
        return f"× {rule.gamma:.6g} at no time: every milestone is past its window"
    return f"× {rule.gamma:.6g} at {_at(rule, where, reached)}"


@described.register
def _(rule: CosineRule, where: Stretch) -> str:
    over = rule.last if rule.over is None else rule.over
    return f"falls along half a cosine wave towards {where.level(rule.to)}{_over(rule, where, over)}"


@described.register
def _(rule: PolynomialRule, where: Stretch) -> str:
    over = rule.last if rule.over is None else rule.over
    way = "in a straight line" if rule.power == 1 else f"as what is left of the time to the power {rule.power:.6g}"
    return f"falls {way} towards {where.level(rule.to)}{_over(rule, where, over)}"


@described.register
def _(rule: CosineRestartsRule, where: Stretch) -> str:
    begins, at = [], 0.0
    for period in rule.periods:
        begins.append(at)
        at += period
    heights = ", ".join(f"{weight:.6g}" for weight in rule.weights[:8])
    last = rule.last
    seen = [int(begin) for begin in begins if last is None or begin <= last]
    return (
        f"falls along half a cosine wave to {where.level(rule.to)}, begun anew at {_at(rule, where, seen)}, "
        f"each time from its weight × base ({heights})"
    )


@described.register
def _(rule: OneCycleRule, where: Stretch) -> str:
    low = rule.peak / rule.div
    way = "half cosine waves" if rule.anneal == "cos" else "straight lines"
    back = f", back to {low:.6g}" if rule.three_phase else ""
    return (
        f"set along {way} from {low:.6g} up to {rule.peak:.6g} in the first {100 * rule.pct_start:.6g}%{back}, "
        f"then down to {low / rule.final_div:.6g}, values as they stand{_over(rule, where, rule.total)}"
    )


@described.register
def _(rule: AnnealRule, where: Stretch) -> str:
    return f"goes from what it finds to {where.level(rule.to)} along {rule.curve}{_over(rule, where, rule.over)}"


@described.register
def _(rule: ScheduleRule, where: Stretch) -> str:
    return f"set to what {rule.schedule} says, whatever it was{_window(rule, where)}"


@described.register
def _(rule: TableRule, where: Stretch) -> str:
    return f"follows a table{_over(rule, where, len(rule.scale))}"


def _tick(rule: Rule, count: float) -> Duration:
    """So many ticks of a rule's clock as a length."""
    whole = int(count)
    if rule.by == "epoch":
        return Duration.of(f"{whole} epochs")
    return Duration.of(whole * (rule.by if isinstance(rule.by, int) else 1))


def _at(rule: Rule, where: Stretch, ticks: Sequence[float]) -> str:
    return where.from_begin([_tick(rule, rule.begin + tick) for tick in ticks])


def _each(rule: Rule, where: Stretch, ticks: int) -> str:
    return where.each(_tick(rule, ticks))


def _over(rule: Rule, where: Stretch, ticks: float | None) -> str:
    """The ticks in which a rule moves the value, as far as its window lets it."""
    if ticks is None:
        return _window(rule, where)
    last = rule.last
    moved = ticks if last is None else min(ticks, last)
    begin = where.after(_tick(rule, rule.begin))
    if moved < 1:
        return f", at {_at(rule, where, [0])}"
    return f" over {where.part(begin, None).over(_tick(rule, moved))}"


def _window(rule: Rule, where: Stretch) -> str:
    begin = where.after(_tick(rule, rule.begin))
    end = where.end if rule.end is None else where.after(_tick(rule, rule.end))
    return where.part(begin, end).during()
