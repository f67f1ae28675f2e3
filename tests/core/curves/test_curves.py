"""Curves and elementary functions: their formulas, their bits in arrays, and curves of a user."""

import math
import re
from math import nan

import mpmath
import numpy as np
import pytest

from paramsched import curves
from paramsched.core.curves import CONSTANTS, FAMILIES, curve_text
from paramsched.core.curves.arrays import interpolated, last_of_each
from paramsched.core.schedules import anneal, parse
from paramsched.errors import InvalidArgument
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


FORMULAS = {
    "linear": "u",
    "cosine": "(1 - cos(pi * u)) / 2",
    "half_cosine": "sin(pi * u / 2)",
    "one_minus_sqrt": "sqrt(u)",
    "rex": "1 - (1 - u) / (1 - u / 2)",
    "log": "log(1 + (e - 1) * u)",
    "power(3)": "u**3",
    "polynomial(0.9)": "1 - (1 - u) ** 0.9",
    "polynomial_k_decay(1.5, 2)": "1 - (1 - u**2) ** 1.5",
    "cosine_power(2)": "1 - ((1 + cos(pi * u)) / 2) ** 2",
    "cosine_k_decay(2)": "(1 - cos(pi * u**2)) / 2",
    "cosine_truncated(0.8)": "(1 - cos(0.8 * pi * u)) / (1 - cos(0.8 * pi))",
    "cosine_wave(1.5)": "(1 - cos(3 * pi * u)) / 2",
    "inverse_proportional(0.1)": "u / (u + 0.1 * (1 - u))",
    "exponential(0.01)": "(1 - 0.01**u) / (1 - 0.01)",
    "half_life(0.9, 0.99)": ("(exp(log(0.9) * log(0.99) / ((1 - u) * log(0.99) + u * log(0.9))) - 0.9) / (0.99 - 0.9)"),
    "tanh(-2, 1)": "(tanh(-2 + 3 * u) - tanh(-2)) / (tanh(1) - tanh(-2))",
    "sigmoid(12)": "(logistic(12 * (u - 0.5)) - logistic(-6)) / (logistic(6) - logistic(-6))",
    "gaussian(5)": "(exp(-5 * (1 - u) ** 2) - exp(-5)) / (1 - exp(-5))",
    "logarithm(100)": "log(1 + 99 * u) / log(100)",
}


def evaluated(formula, module, number):
    """Return a formula of u as a function with the functions and the numbers of a module."""
    names = {name: getattr(module, name) for name in ("cos", "e", "exp", "log", "pi", "sin", "sqrt", "tanh")}
    names |= {"number": number, "logistic": lambda x: 1 / (1 + module.exp(-x))}
    return eval("lambda u: " + re.sub(r"(?<![\w.])\d+\.\d+", r"number(\g<0>)", formula), names)


TIMES = np.arange(41)


def curve_in(text):
    return parse(f"anneal(curve={text})").args["curve"]


def test_every_curve_has_a_formula_here():
    names = {name for name, curve in CONSTANTS.items() if not name.startswith("user_")}

    assert {text.partition("(")[0] for text in FORMULAS} == names | FAMILIES.keys()


@table(("text", "formula"), FORMULAS.items())
def test_a_rise_and_a_fall_along_a_curve_follow_its_formula(text, formula):
    curve = curve_in(f"curves.{text}")
    formula = evaluated(formula, math, float)
    expected = np.array([formula(t / 40) for t in TIMES])

    assert str(curve).startswith(f"curves.{text.partition('(')[0]}")
    assert curve(TIMES / 40) == pytest.approx(expected, abs=1e-12)
    assert curve(0.25) == pytest.approx(formula(0.25), abs=1e-12)
    assert anneal(0.0, 1.0, 40, curve)(TIMES) == pytest.approx(expected, abs=1e-12)
    assert anneal(1.0, 0.0, 40, curve)(TIMES) == pytest.approx(1 - expected, abs=1e-12)
    assert anneal(0.5, 3.0, 40, curve)(TIMES[1:-1]) == pytest.approx(0.5 + 2.5 * expected[1:-1], abs=1e-12)
    assert anneal(3.0, 0.5, 40, curve)(7) == pytest.approx(3.0 - 2.5 * formula(7 / 40), abs=1e-12)


RNG = np.random.default_rng(0)
SMALL = 10.0 ** -RNG.uniform(0, 8, 200)
SHARES = np.concatenate([RNG.random(300), SMALL, 1 - SMALL, [0.0, 0.25, 1 / 3, 0.5, 1.0]])


@table(("text", "formula"), FORMULAS.items())
def test_a_curve_is_within_four_units_in_the_last_place_of_1(text, formula):
    values = curve_in(f"curves.{text}")(SHARES)

    with mpmath.workprec(250):
        exact = evaluated(formula, mpmath, mpmath.mpf)
        errors = [
            abs(mpmath.mpf(value) - exact(mpmath.mpf(u))) for u, value in zip(SHARES, values.tolist(), strict=True)
        ]
    assert max(errors) <= 4 * 2**-52, SHARES[int(np.argmax(errors))]


@table("text", FORMULAS)
def test_a_number_has_the_bits_that_it_has_in_any_array(text):
    curve = curve_in(f"curves.{text}")
    bits = curve(SHARES).tobytes()
    columns = np.zeros((SHARES.size, 3))
    columns[:, 1] = SHARES
    unaligned = np.frombuffer(b"x" + SHARES.tobytes(), dtype=np.uint8)[1:].view(np.float64)

    assert np.array([curve(value) for value in SHARES.tolist()]).tobytes() == bits
    assert np.array([curve(np.array(value)) for value in SHARES.tolist()]).tobytes() == bits
    assert np.concatenate([curve(SHARES[:3]), curve(SHARES[3:100]), curve(SHARES[100:])]).tobytes() == bits
    assert curve(SHARES[::-1])[::-1].tobytes() == bits
    assert curve(columns[:, 1]).tobytes() == bits
    assert curve(columns[::-1, 1])[::-1].tobytes() == bits
    assert curve(unaligned).tobytes() == bits


@table("family", FAMILIES)
def test_every_parameter_is_a_finite_number_and_stored_as_a_float(family):
    curve = curve_in(curve_text(family))
    values = dict(curve.arguments)

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


def test_a_curve_does_not_write_into_the_array_of_a_caller():
    for size in (2048, 2049):
        progress = np.linspace(0.0, 1.0, size)

        curves.cosine(progress)

        assert progress.tolist() == np.linspace(0.0, 1.0, size).tolist()


def test_the_last_value_of_each_time_is_kept():
    times, values = last_of_each(np.array([4, 0, 1, 1, 0]), np.array([0.5, 0.1, 0.2, 0.3, 0.4]))

    assert (times.tolist(), values.tolist()) == ([0, 1, 4], [0.4, 0.3, 0.5])


@table(
    "points",
    [[0.0, 1.0, 4.0], [0.0, 1.0, 1.0, 3.0], [2.0], [-1.0, 0.0], [0.0, 0.1, 0.2, 0.7]],
)
def test_interpolation_is_that_of_numpy_up_to_rounding(points):
    points = np.array(points)
    values = np.cumsum(np.arange(points.size) + 0.3)
    x = np.array([[-5.0, 0.0, 0.05, 0.5], [1.0, 2.5, 9.0, nan]])

    actual = interpolated(x, points, values)

    np.testing.assert_allclose(actual, np.where(x == x, np.interp(x, points, values), actual), rtol=1e-15)
    assert interpolated(points, points, values)[-1] == values[-1]
