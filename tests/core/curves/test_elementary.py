"""The elementary functions are close to the true values, and a number has the bits of any array."""

import ast
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest

import paramsched
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
MOST = 4  # units in the last place

FUNCTIONS = {
    "quarter_sine": (elementary.quarter_sine, lambda u: mpmath.sinpi(u / 2), [SHARES, -SHARES]),
    "half_wave": (elementary.half_wave, lambda u: mpmath.sinpi(u / 2) ** 2, [SHARES]),
    "exp": (elementary.exp, mpmath.exp, [NUMBERS, SMALL]),
    "expm1": (elementary.expm1, mpmath.expm1, [NUMBERS, SMALL]),
    "log": (elementary.log, mpmath.log, [POSITIVE]),
    "log1p": (elementary.log1p, mpmath.log1p, [POSITIVE, SMALL[SMALL > -1]]),
    "tanh": (elementary.tanh, mpmath.tanh, [NUMBERS, SMALL]),
    **{
        f"power of {base}": (
            lambda x, base=base: elementary.power_of_number(base, x),
            lambda x, base=base: mpmath.mpf(base) ** x,
            [np.arange(300.0), SHARES],
        )
        for base in BASES
    },
    **{
        f"{exponent}th power": (
            lambda x, exponent=exponent: elementary.power(x, exponent),
            lambda x, exponent=exponent: x ** mpmath.mpf(exponent),
            [SHARES[SHARES > 0], 10.0 ** RNG.uniform(-5, 5, 100), 1 - SHARES[SHARES < 1] / 100],
        )
        for exponent in EXPONENTS
    },
}


def errors(found: list[float], true: list[mpmath.mpf]) -> list[float]:
    """Return the errors in units in the last place of the true values."""
    units = [mpmath.ldexp(1, max(int(mpmath.frexp(one)[1]) - 53, -1074)) for one in true]
    return [float(abs(value - one) / unit) for value, one, unit in zip(found, true, units, strict=True)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_within_four_units_in_the_last_place(name):
    function, true_value, arguments = FUNCTIONS[name]
    x = np.concatenate(arguments)

    with mpmath.workprec(250):
        found = errors(function(x).tolist(), [true_value(mpmath.mpf(one)) for one in x.tolist()])

    assert max(found) <= MOST, x[int(np.argmax(found))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_number_has_the_bits_that_it_has_in_any_array(name):
    function, _, arguments = FUNCTIONS[name]
    x = np.concatenate(arguments)
    values = function(x)
    bits, columns, even = values.tobytes(), np.zeros((x.size, 3)), x.size // 2 * 2
    columns[:, 1] = x
    unaligned = np.frombuffer(b"x" + x.tobytes(), dtype=np.uint8)[1:].view(np.float64)

    assert np.array([function(one) for one in x.tolist()]).tobytes() == bits
    assert np.array([function(np.array(one)) for one in x.tolist()]).tobytes() == bits
    assert np.concatenate([function(x[:3]), function(x[3:100]), function(x[100:])]).tobytes() == bits
    assert function(x[::-1])[::-1].tobytes() == bits
    assert function(columns[:, 1]).tobytes() == bits
    assert function(columns[::-1, 1])[::-1].tobytes() == bits
    assert function(unaligned).tobytes() == bits
    assert function(x[:even].reshape(2, -1)).tobytes() == values[:even].tobytes()
    assert function(x[:even].reshape(-1, 2).T).T.tobytes() == values[:even].tobytes()
    many = np.tile(x, -(-20_000 // x.size))
    assert function(many).tobytes() == np.tile(values, many.size // x.size).tobytes()


def test_no_code_of_curves_and_schedules_uses_the_operator_of_powers():
    """NumPy and Python compute `x ** y` of a number otherwise than of an array."""
    core, found = Path(paramsched.__file__).parent / "core", []
    for file in [*(core / "curves").glob("*.py"), *(core / "schedules").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Pow):
                is_constant = all(isinstance(one, (ast.Constant, ast.UnaryOp)) for one in (node.left, node.right))
                found += [] if is_constant else [f"{file.name}:{node.lineno}: {ast.unparse(node)}"]

    assert found == []


def test_limits_are_those_of_numpy():
    x = np.array([0.0, math.inf, math.nan, -2.0, -0.5, 1.0])
    with np.errstate(all="ignore"):
        for exponent in (-6.0, -3.0, -0.7, 0.0, 0.5, 0.7, 2.0, 3.0):
            expected = np.power(x, exponent)
            np.testing.assert_array_equal(elementary.power(x, exponent), expected)
            np.testing.assert_array_equal([elementary.power(one, exponent) for one in x.tolist()], expected)
    assert elementary.power_of_number(2.0, 1024.0) == math.inf
    assert [elementary.power_of_number(number, 3.0) for number in (0.0, -0.5)] == [0.0, -0.125]


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh"])
def test_a_number_far_away_has_the_limit_of_numpy_and_raises_no_warning(name, recwarn):
    function = getattr(elementary, name)
    far = [0.0, -0.0, math.inf, -math.inf, math.nan, -3.0 if "log" in name else -1e9, 1e9, -1.0, 5e-324]
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(far)

    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal([function(one) for one in far], expected)
        np.testing.assert_array_equal(function(np.array(far)), expected)
    assert not recwarn


def test_powers_of_every_magnitude_raise_no_floating_point_error():
    x = 10.0 ** np.arange(-300, 301)
    for exponent in (sign * (whole + part) for sign in (-1, 1) for whole in range(13) for part in (0.0, 0.5)):
        with np.errstate(all="ignore"):
            expected = np.power(x, exponent)

        with np.errstate(all="raise"):
            found = [elementary.power(one, exponent) for one in x.tolist()]
        np.testing.assert_array_equal(found, expected)


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
