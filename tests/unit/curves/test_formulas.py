"""Each curve is compared with its formula in plain numbers, and refuses invalid parameters."""

from math import cos, e, exp, log, nan, pi, sin, sqrt, tanh

import numpy as np
import pytest

from paramsched import curves
from paramsched.curves import CONSTANTS, FAMILIES, curve_of, curve_text
from paramsched.errors import InvalidArgument
from paramsched.schedules import anneal, value_in
from support.tables import table


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


def test_every_curve_has_a_formula_here():
    own = {name for name, curve in CONSTANTS.items() if not isinstance(curve, curves.Custom)}

    assert {text.partition("(")[0] for text in FORMULAS} == own | FAMILIES.keys()


@table(("text", "formula"), FORMULAS.items())
def test_a_rise_and_a_fall_along_a_curve_follow_its_formula(text, formula):
    curve = value_in(f"curves.{text}")
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
    made = value_in(curve_text(family))
    values = {name: getattr(made, name) for name in made.__dataclass_fields__}

    for name, value in values.items():
        refused = ["2", True, nan, 10**400] + ([] if family == "tanh" else [0, -1.0])
        for wrong in refused:
            with pytest.raises(InvalidArgument, match=rf"curves\.{family}\((.*, )?{name}="):
                FAMILIES[family](**{**values, name: wrong})
        assert type(value) is float


def test_whole_parameters_are_stored_as_floats():
    assert type(curves.power(2).exponent) is float
    assert str(curves.polynomial_k_decay(1, 2)) == "curves.polynomial_k_decay(1.0, 2.0)"


@table(
    "make",
    [
        lambda: curves.exponential(1),
        lambda: curves.logarithm(1),
        lambda: curves.half_life(0.9, 0.9),
        lambda: curves.half_life(0.9, 1.0),
        lambda: curves.half_life(1.0, 0.9),
        lambda: curves.half_life(1e-301, 0.9),
        lambda: curves.tanh(3, 3),
        lambda: curves.tanh(3, -3),
        lambda: curves.tanh(30, 40),
        lambda: curves.tanh(-1e6, 1),
        lambda: curves.sigmoid(9e-7),
        lambda: curves.cosine_truncated(1.01),
        lambda: curves.cosine_wave(1.0),
        lambda: curve_of(3),
        lambda: curve_of("power"),
        lambda: curve_of("power(2)"),
        lambda: curve_of("cosin"),
        lambda: curve_of(curves.power),
        lambda: curves.register("half of it", lambda u: u),
        lambda: curves.register("cosine", lambda u: u),
        lambda: curves.register("too_low", lambda u: u / 2),
        lambda: curves.register("too_high", lambda u: u + 0.5),
    ],
)
def test_other_invalid_curves_are_refused(make):
    with pytest.raises(InvalidArgument):
        make()


def test_parameters_at_their_limits_are_accepted():
    assert curves.cosine_truncated(1)(0.5) == pytest.approx(0.5)
    assert curves.cosine_wave(0.5).monotone
    assert not curves.cosine_wave(1.5).monotone
    assert curves.sigmoid(1e-6)(0.25) == pytest.approx(0.25)
    assert curves.tanh(-1e6 + 1, 1)(1.0) == 1.0
