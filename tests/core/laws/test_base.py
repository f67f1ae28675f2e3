"""Law 2: schedules are affine in base, and the assumptions of the scheduler's fast path."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.schedules.evaluation import columns
from support import strategies
from support.laws import schedule_laws as laws
from support.strategies import every_shape


@every_shape(leave_out=strategies.NOT_AFFINE)
@given(st.data())
def test_a_schedule_is_affine_in_base(name, data):
    case = data.draw(strategies.cases(name=name, affine=True))
    times = np.arange(min(case.world.total + 3, 200))
    base = data.draw(st.sampled_from([0.1, 3e-4, -2.0, 7.5]))

    laws.affine_in_base(case.resolved, times, base)
    assert case.resolved.affine


@every_shape(leave_out=strategies.NOT_AFFINE)
@given(st.data())
def test_without_an_offset_base_multiplies_the_factors_bit_for_bit(name, data):
    case = data.draw(strategies.cases(name=name, affine=True))
    times = np.arange(min(case.world.total + 3, 200))
    base = data.draw(strategies.bases())
    value = columns(case.resolved, times)

    if value.offset is None:
        np.testing.assert_array_equal(case.resolved(times, base), base * case.resolved(times))


@given(strategies.cases(fixed=False, affine=True), strategies.bases())
def test_without_an_absolute_level_there_is_no_offset(case, base):
    times = np.arange(min(case.world.total + 3, 200))

    if not case.resolved.has_absolute and "one_cycle" not in str(case.resolved):
        assert columns(case.resolved, times).offset is None
        laws.zero_at_base_zero(case.resolved, times)


@given(strategies.cases(affine=True), strategies.bases())
def test_the_value_equals_the_sum_of_its_columns(case, base):
    times = np.arange(min(case.world.total + 3, 200))

    laws.columns_match_values(case.resolved, times, base)


@given(strategies.cases(affine=True))
def test_a_schedule_times_a_number_multiplies_its_values(case):
    times = np.arange(min(case.world.total + 3, 100))

    np.testing.assert_array_equal((case.resolved * 2.0)(times, 0.3), case.resolved(times, 0.3) * 2.0)
