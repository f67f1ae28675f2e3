"""Evaluation of tensors: cases that the property tests do not generate."""

import numpy as np
import pytest
import torch

from paramsched import curves
from paramsched.core.curves import CONSTANTS, FAMILIES, elementary
from paramsched.core.curves.arrays import NUMBERS, NUMPY
from paramsched.core.schedules import anneal, cosine_restarts, linear, parse, step, table, warmup
from paramsched.errors import InvalidArgument, InvalidTime

SCHEDULE = warmup(5) >> linear(over=100)


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh", "quarter_sine", "half_wave", "power"])
def test_the_functions_of_numbers_and_numpy_arrays_are_those_with_the_same_bits_everywhere(name):
    x = np.linspace(0.1, 3, 10_000)
    more = (0.9,) if name == "power" else ()
    expected = getattr(elementary, name)(x, *more)

    assert getattr(NUMPY, name)(x, *more).tobytes() == expected.tobytes()
    assert [getattr(NUMBERS, name)(one, *more) for one in x[:99].tolist()] == expected[:99].tolist()
    by_numpy = {"quarter_sine": np.sin(x * (np.pi / 2)), "half_wave": np.sin(x * (np.pi / 2)) ** 2, "power": x**0.9}
    assert (expected != (by_numpy[name] if name in by_numpy else getattr(np, name)(x))).any()


def test_half_precision_times_are_not_rounded_further():
    times = torch.tensor([2048.0], dtype=torch.float16)

    assert linear(over=4096, index="(t+1)/n")(times).item() == 1 - 2049 / 4096


@pytest.mark.parametrize("time", [torch.tensor(True), torch.tensor(1j)])
def test_boolean_and_complex_tensors_are_rejected_as_times(time):
    with pytest.raises(InvalidTime):
        SCHEDULE(time)


def test_a_numpy_base_follows_a_tensor_time():
    values = SCHEDULE(torch.tensor([0, 5]), np.array([[0.5], [1.0]], dtype=np.float32))

    assert values.dtype == torch.float32
    assert values.tolist() == [[0.0, 0.5], [0.0, 1.0]]


def test_a_tensor_base_follows_a_numpy_time():
    values = SCHEDULE(np.array([0, 5]), torch.tensor([[0.5], [1.0]]))

    assert values.dtype == torch.float32
    assert values.tolist() == [[0.0, 0.5], [0.0, 1.0]]


def test_float_tensor_times_have_the_same_period_as_numbers():
    times = np.array([0.0, 0.1, 0.3, 0.6, 0.9, 1.2, 2.9999999999999996, 3.0, 6.0 - 1e-15, 299.99999999999994])

    for schedule in (step(3, 0.5), cosine_restarts(3), cosine_restarts(3, 1.5)):
        np.testing.assert_allclose(schedule(torch.tensor(times)).numpy(), schedule(times), rtol=1e-12)


def test_gradients_follow_the_curve_and_are_zero_where_it_is_constant():
    times = torch.tensor([0.0, 25.0, 100.0, 150.0], dtype=torch.float64, requires_grad=True)

    anneal(1.0, 0.0, 100, curves.one_minus_sqrt)(times).sum().backward()

    assert times.grad.tolist() == pytest.approx([0.0, -0.01, 0.0, 0.0])


@pytest.mark.parametrize("rises", [True, False])
def test_gradients_of_every_curve_are_finite_at_and_beyond_its_ends(rises):
    arguments = {"cosine_wave": (1.5,), "polynomial_k_decay": (0.5, 0.5), "half_life": (), "tanh": ()}
    for curve in (*CONSTANTS.values(), *(curve(*arguments.get(name, (0.5,))) for name, curve in FAMILIES.items())):
        levels = (0.25, 1.0) if rises else (1.0, 0.25)
        for schedule in (anneal(*levels, 10, curve), table([*levels, 0.5], 10, curve)):
            times = torch.tensor([0.0, 3.0, 10.0, 20.0, 35.0], dtype=torch.float64, requires_grad=True)
            schedule(times).sum().backward()
            assert times.grad.isfinite().all(), curve
            assert times.grad[[0, 2, 3, 4]].tolist() == [0.0] * 4, curve


def test_empty_arrays_give_empty_arrays():
    assert SCHEDULE(np.array([])).shape == (0,)
    assert SCHEDULE([]).shape == (0,)
    assert SCHEDULE(np.zeros((0, 3), dtype=int)).shape == (0, 3)
    assert tuple(SCHEDULE(torch.zeros(0)).shape) == (0,)


@pytest.mark.parametrize("schedule", [SCHEDULE, parse("clamp(linear(1.0, 0.5, 9), absolute(0.1))")])
@pytest.mark.parametrize("array", [np.array, torch.tensor])
def test_times_and_bases_of_different_lengths_are_rejected(schedule, array):
    with pytest.raises(InvalidArgument, match=r"got times of shape \(3,\) and bases of shape \(2,\)"):
        schedule(array([1, 2, 3]), array([0.5, 1.0]))


def test_values_have_the_shape_of_the_times():
    assert type(SCHEDULE(3)) is float
    assert type(SCHEDULE(np.int64(3))) is float
    assert SCHEDULE(np.array(3)).shape == ()
    assert SCHEDULE([[1, 2], [3, 4]]).shape == (2, 2)
    assert tuple(SCHEDULE(torch.tensor(3)).shape) == ()
