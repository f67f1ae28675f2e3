"""Each curve is compared with its formula in plain numbers, and refuses invalid parameters."""

from math import cos, e, exp, log, nan, pi, sin, sqrt, tanh

import numpy as np
import pytest

from paramsched import curves
from paramsched.core.curves import CONSTANTS, FAMILIES, curve_of, curve_text
from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import anneal
from paramsched.errors import InvalidArgument
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


def test_whole_parameters_are_stored_as_floats():
    assert type(curves.power(2).exponent) is float
    assert str(curves.polynomial_k_decay(1, 2)) == "curves.polynomial_k_decay(1.0, 2.0)"


BETAS = "expected two different betas between 0 and 1, the second at most 1e+300 times the first"
ENDS = "Scale the function so that it goes from 0 at u=0 to 1"


@table(
    ("make", "problem", "instead"),
    [
        (lambda: curves.exponential(1), "curves.exponential(1.0): ratio must not be 1", "curves.exponential(0.1)"),
        (lambda: curves.logarithm(1), "curves.logarithm(1.0): ratio must not be 1", "curves.linear"),
        (lambda: curves.half_life(0.9, 0.9), f"curves.half_life(0.9, 0.9): {BETAS}", "curves.half_life(0.9, 0.9999)"),
        (lambda: curves.half_life(0.9, 1.0), f"curves.half_life(0.9, 1.0): {BETAS}", "curves.half_life(0.9, 0.9999)"),
        (lambda: curves.half_life(1.0, 0.9), f"curves.half_life(1.0, 0.9): {BETAS}", "curves.half_life(0.9, 0.9999)"),
        (lambda: curves.half_life(8e-301, 0.9), f"half_life(8e-301, 0.9): {BETAS}", "curves.half_life(0.9, 0.9999)"),
        (lambda: curves.tanh(3, 3), "curves.tanh(3.0, 3.0): lower must be less than upper", "curves.tanh(-7.0, 3.0)"),
        (lambda: curves.tanh(3, -3), "lower must be less than upper", "curves.tanh(-7.0, 3.0)"),
        (lambda: curves.tanh(30, 40), "curves.tanh(30.0, 40.0): tanh is almost constant", "curves.tanh(-7.0, 3.0)"),
        (lambda: curves.tanh(-1e6, 1), "lower and upper must differ by at most 1e6", "curves.tanh(-7.0, 3.0)"),
        (lambda: curves.sigmoid(9e-7), "curves.sigmoid(9e-07): steepness must be at least 1e-06", "curves.linear"),
        (lambda: curves.cosine_truncated(1.01), "share=1.01): must be above 0 and at most 1", ""),
        (
            lambda: curves.cosine_wave(1.0),
            "curves.cosine_wave(1.0): cycles must be 0.5, 1.5",
            "curves.cosine_wave(1.5)",
        ),
        (lambda: curve_of(3), "curve 3: expected a curve, got int", "curves.cosine"),
        (lambda: curve_of("power"), 'curve "power": the curve needs arguments', "curves.power(2)"),
        (lambda: curve_of(curves.power), "curve curves.power: the curve needs arguments", "curves.power(2)"),
        (lambda: curve_of("power(2)"), "a curve with arguments cannot be passed as text", "curves.power(2)"),
        (
            lambda: curve_of("power(2"),
            'curve "power(2": unknown curve; expected one of cosine, cosine_k_d',
            "curves.cosine",
        ),
        (lambda: curve_of("abs(2)"), 'curve "abs(2)": unknown curve; expected one of', "curves.cosine"),
        (lambda: curve_of("cosin"), 'curve "cosin": unknown curve; did you mean "cosine"?', "curves.cosine"),
        (
            lambda: curve_of("curves.powr"),
            'curve "curves.powr": unknown curve; did you mean "power"?',
            "curves.power(2)",
        ),
        (
            lambda: curves.register("half of it", abs),
            "register('half of it'): the name must be an ident",
            "Choose anoth",
        ),
        (lambda: curves.register("cosine", abs), "register('cosine'): the name is already in use", "Choose another"),
        (lambda: curves.register("power", abs), "register('power'): the name is already in use", "Choose another"),
        (lambda: curves.register("low", lambda u: u / 2), "curve curves.low: curve(1) must be 1, got 0.5", ENDS),
        (lambda: curves.register("high", lambda u: u + 0.5), "curves.high: curve(0) must be 0, got 0.5", ENDS),
    ],
)
def test_an_invalid_curve_is_refused_with_a_valid_one(make, problem, instead):
    with pytest.raises(InvalidArgument) as refusal:
        make()

    assert problem in refusal.value.problem.summary
    assert instead in refusal.value.instead
    assert not {"low", "high"} & CONSTANTS.keys()


def test_a_builder_of_curves_has_a_name_of_its_own():
    def rex(k: float) -> curves.Custom: ...

    with pytest.raises(InvalidArgument, match=r"curve 'rex': the name is already in use. Choose another name"):
        curves.curve(rex)


def test_parameters_at_their_limits_are_accepted():
    assert curves.cosine_truncated(1)(0.5) == pytest.approx(0.5)
    assert curves.cosine_wave(0.5).monotone
    assert not curves.cosine_wave(1.5).monotone
    assert curves.sigmoid(1e-6)(0.25) == pytest.approx(0.25)
    assert curves.tanh(-1e6 + 1, 1)(1.0) == 1.0
    assert np.isfinite(curves.half_life(9.1e-301, 0.9)(np.linspace(0, 1, 9))).all()
    assert curve_of(lambda u: u * (1 - 1e-9) + 5e-10)(0.5) == 0.5
    assert not curve_of(np.sqrt).monotone
    assert all(curve_in(f"curves.{text}").monotone for text in FORMULAS if text != "cosine_wave(1.5)")


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
