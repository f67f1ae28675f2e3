"""Law 1: one formula for times of any type and shape."""

import numpy as np
import pytest
import torch
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
            np.testing.assert_array_equal(np.array(alone).view(np.int64), together.astype(np.float64).view(np.int64))


FAR = 2**25 + 3  # float32 does not distinguish neighboring integers of this size


@pytest.mark.parametrize(
    "text",
    [
        "with_lengths(linear(1.0, 0.5, {half}) >> linear(0.3, 0.1), 'exact')",
        "restarts(linear(), {half}, times=3, mult=1.5, gamma=0.5)",
        "restarts(linear(), {whole}, times=3, mult=1.5, gamma=0.5)",
        "cosine_restarts({half}, mult=1.5, to=0.1, times=2, lengths='exact')",
        "cyclic({half}, {whole})",
        "with_lengths(stairs(1.0, 0.1, 3, {half}), 'exact')",
        "with_lengths(jagged(linear(1.0, 0.5, {half}), {whole}, 9), 'exact')",
        "with_lengths(window(linear(), {half}, '90%'), 'exact')",
    ],
)
def test_integer_times_of_torch_are_compared_exactly_with_boundaries_between_two_updates(text):
    written = text.format(half=f"'{FAR}.5 epochs'", whole=f"'{FAR} epochs'")
    schedule = ps.resolve(ps.parse(written), ps.Calendar(total=9 * FAR, steps_per_epoch=1))
    near = sorted({int(b) + d for b in schedule.breakpoints(9 * FAR) for d in (-2, -1, 0, 1, 2) if b + d >= 0})

    values = schedule(torch.tensor(near), 0.7)

    np.testing.assert_allclose(values.numpy(), schedule(np.array(near), 0.7), rtol=1e-12, atol=1e-15)


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


# A last bit decides between two multiples, or between two stages.
@every_shape(leave_out=("rounded", "jagged"), most=2, share=0.5)
@given(st.data())
def test_torch_agrees_in_float64(name, data):
    case = data.draw(strategies.cases(name=name, small=False))
    times, base = drawn_times(data, case), data.draw(strategies.bases())
    expected = case.resolved(times, base)
    # A few ulp of each library's sin, pow and exp, of the largest number that enters.
    tolerance = 1e-12 * laws.magnitude(case.resolved, times, base)

    values = case.resolved(torch.from_numpy(times), base)

    assert values.dtype == torch.float64
    np.testing.assert_allclose(values.numpy(), expected, rtol=1e-12, atol=tolerance)
    tensor = case.resolved(torch.from_numpy(times), torch.tensor(base, dtype=torch.float64))
    np.testing.assert_allclose(tensor.numpy(), expected, rtol=1e-12, atol=tolerance)


@given(strategies.cases(affine=True), st.data())
def test_a_tensor_base_at_a_scalar_time_gives_the_exact_values_of_the_trace(case, data):
    times = drawn_times(data, case, 3)
    base = torch.tensor([0.1, 3e-4, 1.0], dtype=torch.float64)

    assert case.resolved(times, base).tolist() == case.resolved(times, base.numpy()).tolist()
    single = case.resolved(times[0].item(), base.to(torch.float32))
    assert single.dtype == torch.float32
    assert single.tolist() == [
        torch.tensor(case.resolved(times[0].item(), b), dtype=torch.float32).item()
        for b in base.to(torch.float32).tolist()
    ]


@given(strategies.cases(), st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]), st.data())
def test_torch_keeps_the_dtype_and_the_shape_of_base(case, dtype, data):
    times = torch.from_numpy(drawn_times(data, case, 2))

    values = case.resolved(times[:, None], torch.full((3,), 0.1, dtype=dtype))

    assert (values.dtype, tuple(values.shape)) == (dtype, (2, 3))
    assert case.resolved(times, torch.tensor(2)).dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
@given(st.data())
def test_times_of_a_small_integer_dtype_do_not_overflow(dtype, data):
    case = data.draw(strategies.cases())
    times = torch.tensor([0, 1, 3, 100, 127], dtype=dtype)

    np.testing.assert_array_equal(case.resolved(times).numpy(), case.resolved(times.to(torch.int64)).numpy())


@given(strategies.cases())
def test_a_negative_tensor_time_counts_as_zero(case):
    times = torch.tensor([-1, -5, 0])

    first, second, third = case.resolved(times, 0.1).tolist()

    assert first == second == third


@every_shape(most=2, share=0.5)
@given(st.data())
def test_torch_gradients_are_finite_everywhere(name, data):
    case = data.draw(strategies.cases(name=name))
    points = np.array(case.resolved.breakpoints(case.world.total), dtype=np.float64)[:50]
    everywhere = np.concatenate([points, points + 0.5, [0.0, 1.0, case.world.total, case.world.total + 3.0]])
    times = torch.tensor(everywhere, requires_grad=True)
    base = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)

    values = case.resolved(times, base)
    if values.requires_grad:  # absolute constants depend on neither
        values.sum().backward()

    assert base.grad is None or torch.isfinite(base.grad)
    assert times.grad is None or torch.isfinite(times.grad).all()
