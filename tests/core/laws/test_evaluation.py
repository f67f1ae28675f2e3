"""Law 1: one formula for times of any type and shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.schedules.affine import Affine
from paramsched.core.schedules.evaluation import columns, evaluate, values_by_base
from paramsched.errors import InvalidTime
from support import strategies
from support.laws import schedule_laws as laws
from support.strategies import Case, every_shape


def drawn_times(data: st.DataObject, case: Case, size: int = 8) -> np.ndarray:
    return np.array(data.draw(strategies.times(case, size)))


@every_shape()
@given(st.data())
def test_a_vector_of_times_gives_the_value_at_each_time(name, data):
    case = data.draw(strategies.cases(name=name, small=False))
    times, base = drawn_times(data, case), data.draw(strategies.bases())

    laws.value_at_each_time(case.resolved, times, base)


@every_shape()
@given(st.data())
def test_columns_have_the_same_bits_for_one_time(name, data):
    case = data.draw(strategies.cases(name=name, small=False))
    times, base = drawn_times(data, case), data.draw(strategies.bases())
    if case.resolved.affine:
        together = np.broadcast_to(columns(case.resolved, times).apply(base), times.shape)
        factor_at = case.resolved._factor_of_number()
        functions = [lambda t: columns(case.resolved, t)]
        functions += [] if factor_at is None else [lambda t: Affine(factor_at(t), None)]
        for of_one in functions:
            alone = [np.ravel(of_one(time).apply(base))[0] for time in times.tolist()]
            one_by_one, at_once = (np.asarray(values, float) + 0.0 for values in (alone, together))  # -0.0 is 0.0
            np.testing.assert_array_equal(one_by_one.view(np.int64), at_once.view(np.int64))


@given(strategies.cases(), strategies.bases(), st.randoms(use_true_random=False))
def test_a_value_does_not_depend_on_the_other_times_in_the_array(case, base, random):
    every = np.arange(case.world.total + 7)
    values = case.resolved(every, base)
    some = np.array(random.sample(range(every.size), k=min(every.size, 37)))

    laws.independent_of_order(case.resolved, every, base)
    np.testing.assert_array_equal(case.resolved(some, base), values[some])


@given(strategies.cases(), strategies.bases())
def test_long_arrays_give_the_same_values_as_their_blocks(case, base):
    long = np.resize(np.arange(case.world.total + 3), 40_000)

    np.testing.assert_array_equal(
        case.resolved(long, base), np.resize(case.resolved(np.arange(case.world.total + 3), base), 40_000)
    )


@given(strategies.cases(), strategies.bases(), st.integers(1, 9), st.data())
def test_values_have_the_same_bits_for_any_block_size(case, base, size, data):
    times = np.array(data.draw(st.lists(st.integers(0, case.world.total + 3), min_size=1, max_size=60)))
    if data.draw(st.booleans()):
        times = np.arange(times.size) + times[0]

    whole = evaluate(case.resolved, times, base)
    assert values_by_base(case.resolved, times)(base).tobytes() == whole.tobytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paramsched.core.schedules.evaluation._PIECE", size)
        in_pieces = evaluate(case.resolved, times, base)

    # Adding 0.0 removes the sign of zero, which is not defined for -0.0 times an absolute value.
    assert (in_pieces + 0.0).tobytes() == (whole + 0.0).tobytes()


@pytest.mark.parametrize("place", [0, 70_000, 99_999])
@pytest.mark.parametrize("wrong", [-1, 2 * 10**18])
def test_one_invalid_time_in_an_array_is_rejected(wrong, place):
    times = np.arange(100_000)
    times[place] = wrong

    with pytest.raises(InvalidTime, match=str(wrong)):
        ps.cosine(over=1000)(times)


@given(strategies.cases(), st.lists(strategies.bases(), min_size=1, max_size=4), st.data())
def test_bases_broadcast_with_times(case, bases, data):
    times = drawn_times(data, case, 3)

    table = case.resolved(times[:, None], np.array(bases))

    assert table.dtype == np.float64
    np.testing.assert_array_equal(table, [[case.resolved(t.item(), base) for base in bases] for t in times])


@given(strategies.cases(), st.sampled_from([np.float16, np.float32, np.float64]), st.data())
def test_the_result_has_the_dtype_of_a_floating_base_or_float64(case, dtype, data):
    times = drawn_times(data, case, 3)
    base = np.asarray(0.1, dtype=dtype)

    assert type(case.resolved(times[0].item(), 0.1)) is float
    assert case.resolved(times, 2).dtype == np.float64
    assert case.resolved(times, np.asarray(2)).dtype == np.float64
    with np.errstate(over="ignore"):  # a value of 1e30 is inf in float16
        assert case.resolved(times, base).dtype == dtype
        np.testing.assert_array_equal(case.resolved(times, base), case.resolved(times, float(base)).astype(dtype))
