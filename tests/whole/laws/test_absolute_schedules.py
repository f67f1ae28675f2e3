"""`absolute(schedule)` has the values of the schedule for a base of 1 in exported code too."""

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import InvalidArgument, PlanError
from support import strategies
from support.strategies import every_shape

NOT_INSIDE = ("absolute", "rounded", "noam", "power_scheduler")
"""Shapes whose numbers are values already."""


@st.composite
def pairs(draw, name):
    """Draw a schedule of multiples, the same schedule around which `absolute` is written, and their run."""
    case = draw(strategies.cases(name=name, fixed=False, depth=2))
    try:
        written = ps.absolute(case.written)
    except InvalidArgument:  # it has absolute numbers of its own, such as those of rounded
        reject()
    return case, written


@every_shape(leave_out=(*NOT_INSIDE, "from_function"), most=3)
@given(st.data())
def test_it_is_exported_with_the_values_of_the_schedule(name, data):
    case, written = data.draw(pairs(name))
    assume(case.world.total <= 1000)
    functions = []
    for one, base in ((written, 0.1), (case.written, 1.0)):
        try:
            text = ps.to_python(ps.Plan(lr=one, horizon=case.world.total), case.world.calendar, bases=[{"lr": base}])
        except (PlanError, InvalidArgument):
            reject()
        names = {}
        exec(text, names)
        functions.append(names["SCHEDULES"]["lr"])
    own, plain = functions
    for t in range(0, case.world.total, max(1, case.world.total // 50)):
        assert own(t, 0.1) + 0.0 == pytest.approx(plain(t, 1.0) + 0.0, rel=1e-14, abs=0, nan_ok=True)
