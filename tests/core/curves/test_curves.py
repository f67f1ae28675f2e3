"""Curves and elementary functions: their formulas, their bits in arrays, and curves of a user."""

import math
from dataclasses import dataclass
from math import cos, e, exp, log, nan, pi, sin, sqrt, tanh
from typing import final

import mpmath
import numpy as np
import pytest

from paramsched import curves
from paramsched.core.curves import CONSTANTS, FAMILIES, curve_text, elementary
from paramsched.core.curves.arrays import NUMBERS as NUMBERS_OF_ARRAYS
from paramsched.core.curves.arrays import NUMPY, interpolated, last_of_each
from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import anneal
from paramsched.errors import InvalidArgument
from support.spread import spread
from support.tables import table


@pytest.fixture
def registers():
    before = set(CONSTANTS)
    yield
    for name in set(CONSTANTS) - before:
        del CONSTANTS[name]


@pytest.mark.usefixtures("registers")
def test_a_user_function_is_a_curve_without_text_until_it_is_registered():
    plain = anneal(1.0, 0.0, 10, lambda u: u**2)

    assert plain(5) == 0.75
    assert not plain.serializable
    named = curves.register("user_cubic", lambda u: u**3)
    assert anneal(1.0, 0.0, 10, "user_cubic")(5) == 0.875
    assert parse(str(anneal(curve=named))) == anneal(curve=named)
    assert anneal(curve=named).serializable
    with pytest.raises(InvalidArgument, match="already in use"):
        curves.register("user_cubic", lambda u: u)


def logistic(x):
    return 1 / (1 + exp(-x))


FORMULAS = {
    "linear": lambda u: u,
    "cosine": lambda u: (1 - cos(pi * u)) / 2,
    "half_cosine": lambda u: sin(pi * u / 2),
    "one_minus_sqrt": sqrt,
    "rex": lambda u: 1 - (1 - u) / (1 - u / 2),
    "log": lambda u: log(1 + (e - 1) * u),
    "power(3)": lambda u: u**3,
    "polynomial(0.9)": lambda u: 1 - (1 - u) ** 0.9,
    "polynomial_k_decay(1.5, 2)": lambda u: 1 - (1 - u**2) ** 1.5,
    "cosine_power(2)": lambda u: 1 - ((1 + cos(pi * u)) / 2) ** 2,
    "cosine_k_decay(2)": lambda u: (1 - cos(pi * u**2)) / 2,
    "cosine_truncated(0.8)": lambda u: (1 - cos(0.8 * pi * u)) / (1 - cos(0.8 * pi)),
    "cosine_wave(1.5)": lambda u: (1 - cos(3 * pi * u)) / 2,
    "inverse_proportional(0.1)": lambda u: u / (u + 0.1 * (1 - u)),
    "exponential(0.01)": lambda u: (1 - 0.01**u) / 0.99,
    "half_life(0.9, 0.99)": lambda u: (
        (exp(log(0.9) * log(0.99) / ((1 - u) * log(0.99) + u * log(0.9))) - 0.9) / (0.99 - 0.9)
    ),
    "tanh(-2, 1)": lambda u: (tanh(-2 + 3 * u) - tanh(-2)) / (tanh(1) - tanh(-2)),
    "sigmoid(12)": lambda u: (logistic(12 * (u - 0.5)) - logistic(-6)) / (logistic(6) - logistic(-6)),
    "gaussian(5)": lambda u: (exp(-5 * (1 - u) ** 2) - exp(-5)) / (1 - exp(-5)),
    "logarithm(100)": lambda u: log(1 + 99 * u) / log(100),
}


TIMES = np.arange(41)


def curve_in(text):
    return parse(f"anneal(curve={text})").curve


def test_every_curve_has_a_formula_here():
    own = {name for name, curve in CONSTANTS.items() if not isinstance(curve, curves.Custom)}

    assert {text.partition("(")[0] for text in FORMULAS} == own | FAMILIES.keys()


@table(("text", "formula"), FORMULAS.items())
def test_a_rise_and_a_fall_along_a_curve_follow_its_formula(text, formula):
    curve = curve_in(f"curves.{text}")
    expected = np.array([formula(t / 40) for t in TIMES])

    assert str(curve).startswith(f"curves.{text.partition('(')[0]}")
    assert curve(TIMES / 40) == pytest.approx(expected, abs=1e-12)
    assert curve(0.25) == pytest.approx(formula(0.25), abs=1e-12)
    assert anneal(0.0, 1.0, 40, curve)(TIMES) == pytest.approx(expected, abs=1e-12)
    assert anneal(1.0, 0.0, 40, curve)(TIMES) == pytest.approx(1 - expected, abs=1e-12)
    assert anneal(0.5, 3.0, 40, curve)(TIMES[1:-1]) == pytest.approx(0.5 + 2.5 * expected[1:-1], abs=1e-12)
    assert anneal(3.0, 0.5, 40, curve)(7) == pytest.approx(3.0 - 2.5 * formula(7 / 40), abs=1e-12)


@table("family", FAMILIES)
def test_every_parameter_is_a_finite_number_and_stored_as_a_float(family):
    made = curve_in(curve_text(family))
    values = {name: getattr(made, name) for name in made.__dataclass_fields__}

    for name, value in values.items():
        refused = ["2", True, nan, 10**400] + ([] if family == "tanh" else [0, -1.0])
        for wrong in refused:
            with pytest.raises(InvalidArgument, match=rf"curves\.{family}\((.*, )?{name}="):
                FAMILIES[family](**{**values, name: wrong})
        assert type(value) is float


@table(
    ("lower", "upper", "problem"),
    [
        (0.0, 1.0000000000003333e-06, None),
        (0.0, 1.000000000000333e-06, "tanh is almost constant between lower and upper"),
        (-5e5, 5e5, None),
        (-5e5, 5e5 + 1, "lower and upper must differ by at most 1e6"),
        (20.0, 30.0, "tanh is almost constant between lower and upper"),
        (20.0, 2e6, "tanh is almost constant between lower and upper"),
        (1.0, 1.0, "lower must be less than upper"),
    ],
)
def test_the_limits_of_tanh_are_exact(lower, upper, problem):
    if problem is None:
        assert curves.tanh(lower, upper)(1.0) == 1.0
    else:
        with pytest.raises(InvalidArgument, match=problem):
            curves.tanh(lower, upper)


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


def test_a_curve_does_not_write_into_the_array_of_a_caller():
    for size in (2048, 2049):
        progress = np.linspace(0.0, 1.0, size)

        curves.cosine(progress)

        assert progress.tolist() == np.linspace(0.0, 1.0, size).tolist()


def test_the_last_value_of_each_time_is_kept():
    times, values = last_of_each(np.array([4, 0, 1, 1, 0]), np.array([0.5, 0.1, 0.2, 0.3, 0.4]))

    assert (times.tolist(), values.tolist()) == ([0, 1, 4], [0.4, 0.3, 0.5])


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bent(curves.Curve):
    knee: float

    def _rise(self, u, rest, ops):
        return u


def test_a_curve_of_an_unregistered_class_is_shown_by_its_fields():
    assert (str(Bent(0.5)), repr(Bent(0.5))) == ("<Bent(knee=0.5)>", "<Bent(knee=0.5)>")
    assert str(anneal(curve=Bent(0.5))) == "anneal(curve=<Bent(knee=0.5)>)"
    assert not Bent(0.5).serializable


@table(
    "points",
    [[0.0, 1.0, 4.0], [0.0, 1.0, 1.0, 3.0], [2.0], [-1.0, 0.0], [0.0, 0.1, 0.2, 0.7]],
)
def test_interpolation_is_that_of_numpy_up_to_rounding(points):
    points = np.array(points)
    values = np.cumsum(np.arange(points.size) + 0.3)
    x = np.array([[-5.0, 0.0, 0.05, 0.5], [1.0, 2.5, 9.0, nan]])

    found = interpolated(x, points, values)

    np.testing.assert_allclose(found, np.where(x == x, np.interp(x, points, values), found), rtol=1e-15)
    assert interpolated(points, points, values)[-1] == values[-1]


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh", "quarter_sine", "half_wave", "power"])
def test_the_functions_of_numbers_and_numpy_arrays_give_the_same_bits(name):
    x = np.linspace(0.1, 3, 10_000)
    more = (0.9,) if name == "power" else ()
    expected = getattr(elementary, name)(x, *more)

    assert getattr(NUMPY, name)(x, *more).tobytes() == expected.tobytes()
    assert [getattr(NUMBERS_OF_ARRAYS, name)(one, *more) for one in x[:99].tolist()] == expected[:99].tolist()
