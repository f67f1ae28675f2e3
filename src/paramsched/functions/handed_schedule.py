"""The schedule that is handed to another library: a function of the update alone."""

from typing import Any

from paramsched.errors import InvalidArgument, shown
from paramsched.feedback.base import MetricRule
from paramsched.plan import Plan, ScheduleLike, resolve
from paramsched.schedules import Schedule, parse
from paramsched.schedules.arguments import schedule_of
from paramsched.schedules.text.writing import short_line
from paramsched.time import Calendar


def handed_schedule(call: str, given: ScheduleLike | Any, calendar: Calendar | None) -> Schedule:
    """What was given, with every length in updates.

    Args:
        call: the function that was called, for messages.
        given: a schedule, a number or a line of text.
        calendar: the facts of the run; None where all lengths are in updates.

    Raises:
        InvalidArgument: it reacts to metrics, is a whole plan, or no schedule.
        Unresolved: a unit or a stage without a length is left, and no calendar is given.
    """
    schedule = parse(given) if isinstance(given, str) else given
    if isinstance(schedule, Plan):
        line = f"Write {{one.name: ps.{call}(one.schedule) for one in plan.resolve(calendar).bindings}}"
        raise InvalidArgument(f"{call}(plan)", "a plan, which may have several schedules", line)
    if isinstance(schedule, MetricRule) or (isinstance(schedule, Schedule) and schedule.metric_rules):
        found = f"{short_line(schedule)} reacts to a metric, which a function of the update alone never hears"
        raise InvalidArgument(f"{call}(…)", found, "Write ps.Scheduler(optimizer, plan), and scheduler.observe(…)")
    whole = schedule_of(schedule, lambda: f"{call}({shown(schedule)})")
    resolved = whole if calendar is None else resolve(whole, calendar)
    if not resolved.is_resolved:
        found = "a unit other than updates, or a stage without length, is left in it"
        line = f"Write ps.{call}(schedule, ps.Calendar(total=10_000, steps_per_epoch=100))"
        raise InvalidArgument(f"{call}({short_line(whole)})", found, line)
    return resolved
