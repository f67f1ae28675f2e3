"""Every law of schedules, for a shape of your own."""

from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from paramsched._arrays import Array
from paramsched.errors import MissingDependency
from paramsched.plan import resolve
from paramsched.schedules import Schedule
from paramsched.testing import schedule_laws as laws
from paramsched.testing.broken_law import BrokenLaw
from paramsched.time import Calendar, Duration

_BASES = (0.1, 3e-4, 7.5)
_ARRAY_LAWS = {"torch": laws.torch_agrees, "jax": laws.jax_agrees}


def check_shape(
    shape: Callable[..., Schedule] | Schedule,
    calendar: Calendar | None = None,
    *,
    examples: int = 30,
    arguments: Mapping[str, Any] | None = None,
    arrays: Iterable[str] = ("torch",),
) -> None:
    """Check every law of schedules on a schedule, or on those that a shape makes of drawn arguments.

    The laws: many times give the value at each of them; a value hangs neither on their order nor on the others; it is
    finite; a shape that is affine is a multiple of base and a value, without absolute levels 0 at base 0; after its end
    it is held; breakpoints are in order; text reads back, a pickled copy is equal; to resolve twice is to resolve once;
    torch and JAX give the values of NumPy.

    Args:
        shape: a function that makes schedules, whose parameters are annotated; or one schedule.
        calendar: the facts of the run for one schedule, by default 1000 updates, 20 to the epoch.
        examples: how many schedules are drawn.
        arguments: a strategy of Hypothesis for each parameter whose annotation does not say what it takes.
        arrays: the libraries whose arrays are tried, of `"torch"` and `"jax"`; one that is not installed is left out.

    Raises:
        BrokenLaw: a law is not kept.
        MissingDependency: Hypothesis is not installed, and arguments are to be drawn.

    >>> from paramsched.schedules import exponential, from_function
    >>> check_shape(exponential(0.9))
    >>> check_shape(from_function(lambda t: 1 / (t - 5) if t != 5 else float("inf")))
    Traceback (most recent call last):
        ...
    paramsched.testing.broken_law.BrokenLaw: from_function(<function <lambda> at ...>) breaks a law: every value ...
      at t = 5, base 0.1: inf
    """
    tried = [_ARRAY_LAWS[name] for name in arrays if find_spec(name) is not None]
    if isinstance(shape, Schedule):
        run = Calendar(total=1000, steps_per_epoch=20) if calendar is None else calendar
        _check_schedule(shape, run, tried)
        return
    if find_spec("hypothesis") is None:
        raise MissingDependency("check_shape, for a function that makes schedules,", "hypothesis", "testing")
    from paramsched.testing.drawn_shapes import for_drawn_schedules

    for_drawn_schedules(shape, lambda one, run: _check_schedule(one, run, tried), examples, arguments or {})


def _check_schedule(written: Schedule, calendar: Calendar, array_laws: list[Callable[..., None]]) -> None:
    """Each law on one schedule."""
    resolved = resolve(written, calendar)
    total = 1000 if calendar.total is None else Duration.of(calendar.total).updates
    if resolve(resolved, calendar) != resolved:
        found = str(resolve(resolved, calendar))
        raise BrokenLaw("to resolve twice is to resolve once", resolved, "resolved again", found)
    for one in (written, resolved):
        laws.text_reads_back(one)
    if written.serializable:
        laws.copies_are_equal(resolved)
    laws.breakpoints_in_order(resolved, min(total, 5000))
    times = _telling_times(resolved, total)
    laws.nothing_of_nothing(resolved, times)
    for base in _BASES:
        laws.value_at_each_time(resolved, times, base)
        laws.order_and_company(resolved, times, base)
        laws.finite_values(resolved, times, base)
        laws.affine_in_base(resolved, times, base)
        laws.columns_say_the_value(resolved, times, base)
        laws.held_after_end(resolved, base)
    for law in array_laws:
        law(resolved, times, _BASES[0])


def _telling_times(schedule: Schedule, total: int) -> Array:
    """Whole times around what changes, over the whole run, and behind its end."""
    points = np.array(schedule.breakpoints(min(total, 5000))[:12])
    near = np.concatenate([points - 1, points, points + 1])
    everywhere = np.linspace(0, total + 3, 15).astype(np.int64)
    return np.unique(np.clip(np.concatenate([near, everywhere, [0, 1, 5, total]]), 0, None)).astype(np.int64)
