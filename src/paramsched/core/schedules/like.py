"""Like: a reference to another line of the plan; and the target that a line follows in its place."""

from typing import Annotated, Any, TypeAlias

from paramsched.core.schedules.as_factor import as_factor, planned_factor
from paramsched.core.schedules.schedule import OPERATORS, Schedule
from paramsched.core.schedules.shape import Check, plan, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.errors import CallSite, InvalidArgument, PlanError, Unresolved, shown


def _checked_name(_site: CallSite, field: Any) -> str:
    if isinstance(field, str) and field.strip():
        return field
    found = "expected the name of a field or a target"
    raise InvalidArgument(CallSite("like", "field", shown(field)), found, example='like("lr")')


FieldName: TypeAlias = Annotated[str, Check(_checked_name)]
"""The name of a field or a target."""


@planned(extent="fills")
def like(call: Schedule, _span: Span, field: FieldName) -> Piece:
    """Follow another field of the same group, or a target, scaled by this field's own base.

    value(t) = base * factor(t), with the factor of a field, or the value of a target

    Args:
        field: a field of the same plan, such as `"lr"`, without absolute levels and metric rules. Or a target, such as
            `"batch_size"`, without metric rules. If a field and a target have the same name, the field is followed.

    Raises:
        InvalidArgument: `field` is not text. At `plan.resolve`: the plan has no such field or target, or it cannot be
            followed.

    `plan.resolve` replaces `like(field)` by the schedule of `field`. In the schedule of one group, `like` of the same
    field follows the default schedule of that field: `lr: like("lr") * 0.1`. If a default schedule follows a field with
    separate schedules for some groups, it follows those schedules in those groups.

    The value of a target is used as a factor, even if the target has absolute levels. It belongs to a time of the run,
    so `like` of a target is allowed only where time counts from the start of the run, for example as a factor of the
    entire line. `like` of a target does not determine the length of a stage. A line and the target that it follows
    need the same clock.

    Source: decoupled weight decay that decreases with the learning rate, Loshchilov & Hutter 2019 (1711.05101).

    >>> print(Plan(lr=cosine(), weight_decay=like("lr"), total=100).resolve())
    total: 100
    lr: cosine(over=100)
    weight_decay: cosine(over=100)
    >>> size = Binding(Target("batch_size", 16), "stairs(1, 4, 3, over=30)")
    >>> plan = Plan(size, lr='like("batch_size") / 16', total=40)
    >>> rates = trace(plan, bases={"lr": 0.1})["lr"]
    >>> rates[0].item(), rates[30].item()
    (0.1, 0.4)
    """
    found = f"it follows {field} of a plan, but it is not in a plan"
    raise Unresolved(str(call), found, f"For example: Plan({field}=cosine(), weight_decay={call})")


def _text(call: Schedule) -> str:
    return f'like("{call.args["name"]}")'


@planned(hidden=True, extent="open", affine=True, has_absolute=False, text=_text)
def _followed_target(
    _call: Schedule, span: Span, name: str, schedule: Schedule, initial: float, line: str, advice: str
) -> Piece:
    """Replaces `like(name)` of a target: plans the schedule of the target for the whole run, as in its own line."""
    if span.restarted or span.begin:
        clock = "restarts" if span.restarted else "does not start with the run"
        found = f"the clock of this part {clock}, but a target has its value at a time of the run"
        raise PlanError(f'like("{name}") in {line}', found, advice)
    return planned_factor(as_factor(schedule, initial), plan(schedule, span.of_whole_run), initial)


def followed_target(name: str, schedule: Schedule, initial: float, line: str, advice: str) -> Schedule:
    """Return what replaces `like(name)` of a target in a line.

    Args:
        name: the target.
        schedule: the schedule of the target as written.
        initial: the base of the target.
        line: the line that follows the target, for errors.
        advice: the advice of the error for a `like` whose time does not count from the start of the run.
    """
    return OPERATORS["followed_target"].call(name=name, schedule=schedule, initial=initial, line=line, advice=advice)
