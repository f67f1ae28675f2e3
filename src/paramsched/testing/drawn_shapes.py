"""Schedules that a shape makes of drawn arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from hypothesis import HealthCheck, given, note, reject, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from paramsched.errors import InvalidArgument
from paramsched.plan import resolve
from paramsched.schedules import Schedule, constant, cosine, exponential, linear, step, warmup
from paramsched.testing.drawing import Drawing, built, worlds
from paramsched.time import Calendar

_PARTS = (constant(0.5), linear(1.0, 0.1), cosine(over="20%"), exponential(0.9), step(10, 0.5), warmup(7) >> cosine())


def for_drawn_schedules(
    shape: Callable[..., Schedule],
    check: Callable[[Schedule, Calendar], None],
    examples: int,
    arguments: Mapping[str, Any],
) -> None:
    """Call a check with each of the schedules that a shape makes of drawn arguments, and the run it was drawn for.

    Raises:
        InvalidArgument: it makes no schedule, or refuses whatever is drawn.
        TypeError: a parameter whose annotation does not say what may be drawn.
    """
    name = getattr(shape, "__name__", str(shape))

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(st.data())
    def each(data: st.DataObject) -> None:
        world = data.draw(worlds())
        made = data.draw(built(shape, _DrawnArgument(Drawing(world, lambda: st.sampled_from(_PARTS)), arguments)))
        if not isinstance(made, Schedule):
            found = f"it made a {type(made).__name__}, no schedule"
            raise InvalidArgument(f"check_shape({name})", found, "Give a function that makes one")
        try:
            resolve(made, world.calendar)
        except InvalidArgument:  # stages longer than the run
            reject()
        note(f"{made} in a run of {world.total} updates, {world.epoch} to the epoch")
        check(made, world.calendar)

    try:
        each()
    except Unsatisfiable:
        found = "it refuses whatever is drawn for its parameters"
        line = "Give a strategy: arguments={'name': st.sampled_from([1, 2])}"
        raise InvalidArgument(f"check_shape({name})", found, line) from None


@final
@dataclass(frozen=True)
class _DrawnArgument:
    """A user's strategy for a parameter where there is one, else what its annotation asks for."""

    drawing: Drawing
    own: Mapping[str, Any]

    def __call__(self, name: str, hint: Any, default: Any, builder: Callable[..., Any]) -> Any:
        return self.own[name] if name in self.own else self.drawing(name, hint, default, builder)
