"""The elementary functions are close to the true values, and a number has the bits of an array."""

import math

import mpmath
import numpy as np
import pytest

from paramsched.core.curves import elementary
from support.spread import spread

RNG = np.random.default_rng(0)
SHARES = np.concatenate([RNG.random(300), 10.0 ** -RNG.uniform(0, 8, 200), [0.0, 0.25, 1 / 3, 0.5, 1.0]])
NUMBERS = np.concatenate([RNG.normal(0, 1, 200), RNG.normal(0, 20, 200), RNG.uniform(-700, 709, 100), [0.0, 1.0]])
SMALL = np.concatenate([-(10.0 ** -RNG.uniform(0, 12, 200)), 10.0 ** -RNG.uniform(0, 12, 200)])
NEAR_1 = 1.0 + SMALL[SMALL > -1]
POSITIVE = np.concatenate([RNG.random(200), 10.0 ** RNG.uniform(-300, 300, 200), NEAR_1, [1.0, 5e-324]])
BASES = (0.1, 0.5, 0.97, 0.99999, 1.0, 3.0)
EXPONENTS = (-2.0, -0.7, -0.5, 0.1, 1 / 3, 0.5, 0.9, 1.0, 1.5, 2.0, 2.2, 3.0, 4.0, 7.0, 10.5)

FUNCTIONS = {
    "quarter_sine": (elementary.quarter_sine, lambda u: mpmath.sinpi(u / 2), [SHARES, -SHARES, 50 * SHARES], 1),
    "half_wave": (elementary.half_wave, lambda u: mpmath.sinpi(u / 2) ** 2, [SHARES, 50 * SHARES], 1),
    "exp": (elementary.exp, mpmath.exp, [NUMBERS, SMALL], 1),
    "expm1": (elementary.expm1, mpmath.expm1, [NUMBERS, SMALL], 1),
    "log": (elementary.log, mpmath.log, [POSITIVE], 1),
    "log1p": (elementary.log1p, mpmath.log1p, [POSITIVE, SMALL[SMALL > -1]], 1),
    "tanh": (elementary.tanh, mpmath.tanh, [NUMBERS, SMALL], 1),
    **{
        f"power of {base}": (
            lambda x, base=base: elementary.power_of_number(base, x),
            lambda x, base=base: mpmath.mpf(base) ** x,
            [np.arange(300.0), SHARES],
            1,
        )
        for base in BASES
    },
    **{
        f"{exponent}th power": (
            lambda x, exponent=exponent: elementary.power(x, exponent),
            lambda x, exponent=exponent: x ** mpmath.mpf(exponent),
            [SHARES[SHARES > 0], 10.0 ** RNG.uniform(-5, 5, 100), 1 - SHARES[SHARES < 1] / 100],
            2 if exponent % 0.5 == 0 else 1,
        )
        for exponent in EXPONENTS
    },
}


def errors(found: list[float], true: list[mpmath.mpf]) -> list[float]:
    """Return the errors in units in the last place of the true values."""
    units = [mpmath.ldexp(1, max(int(mpmath.frexp(one)[1]) - 53, -1074)) for one in true]
    return [float(abs(value - one) / unit) for value, one, unit in zip(found, true, units, strict=True)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_within_a_unit_in_the_last_place_and_a_power_within_two(name):
    function, true_value, arguments, most = FUNCTIONS[name]
    x = np.concatenate(arguments)

    with mpmath.workprec(250):
        found = errors(function(x).tolist(), [true_value(mpmath.mpf(one)) for one in x.tolist()])

    assert max(found) <= most, x[int(np.argmax(found))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_number_has_the_bits_that_it_has_in_an_array_of_any_size(name):
    function, _, arguments, _ = FUNCTIONS[name]
    x = np.concatenate(arguments)
    values = function(x)

    assert values.tobytes() == np.array([function(one) for one in x.tolist()]).tobytes()
    assert values.tobytes() == np.concatenate([function(x[:3]), function(x[3:100]), function(x[100:])]).tobytes()
    many = np.tile(x, -(-20_000 // x.size))
    assert function(many).tobytes() == np.tile(values, many.size // x.size).tobytes()
    assert function(x.reshape(1, -1)).shape == (1, x.size)


def test_powers_of_a_number_to_counts_are_those_to_floats():
    for counts in (np.arange(50_000) // 900, np.array([3, 1, 2]), np.array([0, 10**6] * 30), np.arange(0)):
        powers = elementary.power_of_number_to_counts(0.97, counts)
        assert powers.tobytes() == elementary.power_of_number(0.97, counts.astype(np.float64)).tobytes()


def test_logarithms_of_numbers_on_both_sides_of_1_are_those_of_each_side():
    x = np.concatenate([np.linspace(0.5, 2, 999), [1e-320, math.inf, 0.0]])

    assert elementary.log(x).tolist() == [elementary.log(one) for one in x.tolist()]


def test_values_that_floats_represent_are_exact():
    assert [elementary.quarter_sine(u) for u in (0.0, 1 / 3, 1.0, 2.0, 3.0, 4.0)] == [0.0, 0.5, 1.0, 0.0, -1.0, 0.0]
    assert [elementary.half_wave(u) for u in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)] == [0.0, 0.5, 1.0, 0.5, 0.0, 1.0]
    assert elementary.power_of_number(0.5, np.arange(1075.0)).tolist() == [math.ldexp(1.0, -k) for k in range(1075)]
    assert [elementary.power(3.0, k) for k in (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 20.0)] == [1 / 3, 1, 3, 9, 27, 81, 3**20]
    assert elementary.power(0.25, 1.5) == 0.125
    assert elementary.power_of_number(0.1, np.arange(4.0)).tolist() == [1.0, 0.1, 0.1 * 0.1, 0.1 * 0.1 * 0.1]
    assert (elementary.exp(0.0), elementary.expm1(0.0), elementary.log(1.0), elementary.tanh(0.0)) == (1, 0, 0, 0)


def test_limits_are_those_of_numpy():
    x = np.array([0.0, math.inf, math.nan, -2.0, -0.5, 1.0])
    with np.errstate(all="ignore"):
        for exponent in (-6.0, -5.0, -3.0, -2.0, -0.7, -0.5, 0.0, 0.5, 0.7, 2.0, 3.0, 5.0, 6.0, 7.0):
            expected = x**exponent if exponent not in (-0.5, 0.5) else np.sqrt(x) if exponent > 0 else 1 / np.sqrt(x)
            np.testing.assert_array_equal(elementary.power(x, exponent), expected)
            np.testing.assert_array_equal([elementary.power(one, exponent) for one in x.tolist()], expected)
    assert elementary.exp(np.array([-800.0, 800.0])).tolist() == [0.0, math.inf]
    assert elementary.expm1(np.array([-1e9, 709.782, 800.0])).tolist() == [-1.0, math.expm1(709.782), math.inf]
    assert elementary.tanh(np.array([-1e9, 1e9])).tolist() == [-1.0, 1.0]
    assert elementary.power_of_number(0.5, np.array([1e5, 1e18])).tolist() == [0.0, 0.0]
    assert elementary.power_of_number(2.0, 1024.0) == math.inf
    assert [elementary.power_of_number(number, 3.0) for number in (0.0, -0.5)] == [0.0, -0.125]
    assert [elementary.power_of_number(number, 0.0) for number in (0.0, -0.5)] == [1.0, 1.0]
    assert [elementary.erf(one) for one in (-math.inf, -6.5, 6.5, math.inf)] == [-1.0, -1.0, 1.0, 1.0]
    with np.errstate(invalid="ignore"):
        assert np.isnan(elementary.exp(np.full(20, math.nan))).all()
    assert math.isnan(elementary.exp(math.nan))


@pytest.mark.parametrize(
    "ends", [(-20.9, -20.001), (-22.0, -20.001), (36.001, 36.9), (36.001, 39.0), (-22.0, -20.001, 36.001, 39.0)]
)
def test_expm1_is_exp_minus_one_where_no_digits_cancel(ends):
    x = np.concatenate([np.linspace(*pair, 500) for pair in zip(ends[::2], ends[1::2], strict=True)])

    assert elementary.expm1(x).tolist() == (elementary.exp(x) - 1.0).tolist()


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh"])
def test_a_number_has_the_limits_of_numpy(name):
    function = getattr(elementary, name)
    far = [0.0, -0.0, math.inf, -math.inf, math.nan, -3.0 if "log" in name else -1e9, 5e-324]

    with np.errstate(all="ignore"):
        expected = getattr(np, name)(far)
        np.testing.assert_array_equal([float(function(one)) for one in far], expected)
        np.testing.assert_array_equal(function(np.array(far)), expected)


@pytest.mark.parametrize("steps", spread({97: 97, 10_000: 10_000, 100_003: 100_003}, 97, 10_000))
def test_functions_of_even_steps_never_fall(steps):
    u = np.arange(steps + 1) / steps

    for rising in (
        elementary.half_wave(u),
        elementary.quarter_sine(u),
        elementary.expm1(3.0 * u),
        elementary.tanh(10.0 * u - 7.0),
        elementary.log1p(99.0 * u),
        elementary.power(u, 0.9),
        elementary.power_of_number(1000.0, u),
    ):
        assert (np.diff(rising) >= 0).all()


def test_the_error_function_is_rounded_correctly():
    with mpmath.workprec(200):
        assert [elementary.erf(x) for x in (0.0, 1e-9, 0.3, 1.0, -2.1, 5.5)] == [
            float(mpmath.erf(mpmath.mpf(x))) for x in (0.0, 1e-9, 0.3, 1.0, -2.1, 5.5)
        ]
