"""The form of a schedule and of a metric rule in a pickle: its text, and what a text cannot contain."""

from collections.abc import Callable, Mapping
from typing import Any

from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.core.curves.curve import Curve
from paramsched.core.schedules.combinators import followed_target
from paramsched.core.schedules.level import AbsoluteValue
from paramsched.core.schedules.messages import user_shapes as messages
from paramsched.core.schedules.schedule import Schedule, Shape, shape_of_name, values_inside
from paramsched.core.schedules.text import parse_own, parse_value

_FOLLOWED = "followed_target"  # its text is that of `like`, without the schedule of the target


def reduced(schedule: Schedule) -> Reduced:
    """Return the text of a schedule, the modules of its shapes, and by name its curves and parts without a text.

    Raises:
        PicklingError: the function of a shape has been defined again.
    """
    modules: dict[str, str] = {}
    curves: dict[Curve, str] = {}
    parts: dict[Schedule, str] = {}
    for value in values_inside(schedule):
        if isinstance(value, Curve) and value.name is None:
            curves.setdefault(value, f"unnamed_{len(curves)}")
        if not isinstance(value, Schedule):
            continue
        if not value.shape.is_registered:
            raise messages.defined_again(value.kind)
        if value.shape.function is not None:
            modules[value.kind] = value.shape.function.__module__
        if value.kind == _FOLLOWED:
            parts.setdefault(value, f"part_{len(parts)}")
    text = str(_named(schedule, curves, parts) if curves or parts else schedule)
    return pickled(
        "parse",
        text,
        modules,
        {name: curve for curve, name in curves.items()},
        {name: tuple(part.args.values()) for part, name in parts.items()},
    )


def _named(value: Any, curves: Mapping[Curve, str], parts: Mapping[Schedule, str]) -> Any:
    """Return an argument for its text only: with names in place of the curves and parts without a text."""
    if isinstance(value, tuple):
        return tuple(_named(item, curves, parts) for item in value)
    if isinstance(value, Curve) and value in curves:
        return Curve(curves[value], (), value.rise, value.fall, monotone=value.monotone)
    if not isinstance(value, Schedule):
        return value
    if value in parts:
        return Schedule(Shape(parts[value], {}, value.shape.plan, text=_call_by_name), {})
    return Schedule(value.shape, {key: _named(argument, curves, parts) for key, argument in value.args.items()})


def _call_by_name(schedule: Schedule) -> str:
    return f"{schedule.kind}()"


@restores("parse")
def _restored(
    text: str, modules: Mapping[str, str], curves: Mapping[str, Curve], parts: Mapping[str, tuple[Any, ...]]
) -> Schedule:
    for name, module in modules.items():
        shape_of_name(name, module)
    followed = {name: _constant(followed_target(*arguments)) for name, arguments in parts.items()}
    return parse_own(text, followed, curves)


def _constant(schedule: Schedule) -> Callable[[], Schedule]:
    def build() -> Schedule:
        return schedule

    return build


@restores("rule")
def _restored_rule(text: str) -> Any:
    return parse_value(text)


@restores("absolute")
def _restored_level(value: float, factor: float | None) -> AbsoluteValue:
    return AbsoluteValue(value, factor)
