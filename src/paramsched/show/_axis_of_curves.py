"""The axis of time that some curves share."""

from collections.abc import Iterator, Sequence

import numpy as np

from paramsched.errors import InvalidArgument, MissingFact
from paramsched.plan.time_units import TimeUnit, even_unit
from paramsched.show._curves import Curves, CurvesInUnits, CurvesOnClock
from paramsched.show._time_axis import TimeAxis
from paramsched.show._view import TIME_UNITS, View
from paramsched.time import Calendar, Duration


def axis_of_curves(traces: Sequence[Curves], total: int, view: View) -> TimeAxis:
    """The axis of some curves that share it, up to an update.

    Raises:
        MissingFact: nothing tells the time in the unit that is asked for.
        InvalidArgument: the curves differ in it, or there is no room for a logarithm.
    """
    units = (even_unit("updates", total, 1.0), *_shared_units(traces, total))
    names = [one.name for one in units]
    if view.unit not in names:
        _refuse_unit(traces, view.unit)
    if view.log_time and total < 2:
        raise InvalidArgument("View(log_time=True)", f"the picture has {total} update", "Leave it out")
    second = _clock_of_axis(traces) or "epochs"
    return TimeAxis(units, view.unit, second if second in names else "", view.log_time)


def _units_of_curves(trace: Curves) -> tuple[TimeUnit, ...]:
    """The units that one source of curves can tell."""
    if isinstance(trace, CurvesInUnits):
        return trace.time_units()
    return (even_unit("epochs", trace.total, 1 / trace.steps_per_epoch),) if trace.steps_per_epoch else ()


def _shared_units(traces: Sequence[Curves], total: int) -> Iterator[TimeUnit]:
    """The units that tell the time of all curves: of several sources, those that all tell in the same way.

    One that tells no unit, such as recorded values, has no say.
    """
    found = [[one.until(total) for one in _units_of_curves(trace)] for trace in traces]
    telling = [some for some in found if some]
    for name in TIME_UNITS:
        units = [one for some in telling for one in some if one.name == name]
        ends = [one.amounts[-1] for one in units]
        alike = all(one.is_even for one in units) and np.allclose(ends, ends[:1], rtol=1e-12)
        if units and len(units) == len(telling) and (alike or len(traces) == 1):
            yield units[0]


def _clock_of_axis(traces: Sequence[Curves]) -> str:
    """What the clock of a plan that is drawn alone counts; "" where that is updates."""
    (*others, trace) = traces
    if not others and isinstance(trace, CurvesOnClock) and trace.horizon_amount is not None:
        return trace.clock
    return ""


def _refuse_unit(traces: Sequence[Curves], unit: str) -> None:
    """Say why no axis can be told in a unit."""
    if any(one.name == unit for trace in traces for one in _units_of_curves(trace)):
        raise InvalidArgument(
            f'View(unit="{unit}")', f"not all plans tell the same {unit} of an update", "Draw each alone"
        )
    Calendar().exact(Duration.of(f"1 {unit}"), asked=f'unit "{unit}"')  # it names the fact that is missing
    found = f"nothing says how many {unit} an update takes"  # one, where nobody says more
    raise MissingFact(f'unit "{unit}"', found, fact="accumulation", example="4")
