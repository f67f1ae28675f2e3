"""Curves: user functions, names, equality."""

import math

import numpy as np
import pytest

import paramsched as ps
from paramsched import curves
from paramsched.core.curves import CONSTANTS, FAMILIES, curve_of
from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import anneal
from paramsched.errors import InvalidArgument
from support.tables import table


def test_the_name_of_every_curve_reads_back():
    for name, curve in CONSTANTS.items():
        assert curve_of(name) is curve_of(f"curves.{name}") is curve
        assert str(curve) == f"curves.{name}"
    assert str(curves.power(2)) == "curves.power(2.0)"
    assert curves.power(2) == curves.power(2.0)
    assert set(FAMILIES) | set(CONSTANTS) <= set(vars(curves))


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


def test_a_user_function_may_dip_and_its_ends_are_exact():
    bounce = anneal(1.0, 0.2, 10, lambda u: u + 9 * u * (1 - u) * (1 - 2 * u))

    assert bounce(0) == 1.0
    assert bounce(10) == bounce(50) == 0.2
    assert bounce(2) < 0.2
    assert bounce(8) > 1.0
    joined = ps.table([1.0, 0.2], 10, bounce.curve)
    assert joined(np.arange(12)).tolist() == pytest.approx(bounce(np.arange(12)).tolist())


@table(("name", "end"), [("cosin", '"cosine"?'), ("_cosin", "attribute '_cosin'")])
def test_an_unknown_public_name_has_a_suggestion(name, end):
    with pytest.raises(AttributeError) as refusal:
        getattr(curves, name)

    assert str(refusal.value).endswith(end)


@table("u", [0, 1, 0.25, np.float32(0.25)])
def test_a_curve_maps_a_number_to_a_number(u):
    assert type(curves.cosine(float(u))) is float


def test_a_curve_maps_an_array_to_an_array():
    assert curves.cosine(np.array([0.0, 0.5, 1.0])).tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_a_flat_start_keeps_its_precision():
    n = 10**8

    assert anneal(0.0, 1.0, n, curves.cosine)(1) == pytest.approx((math.pi / 2 / n) ** 2, rel=1e-12)
    assert anneal(1.0, 0.0, n, curves.cosine)(n - 1) == pytest.approx((math.pi / 2 / n) ** 2, rel=1e-12)


@pytest.mark.parametrize("function", [lambda u: u + 1, lambda u: u * float("nan"), lambda u: 0 * u])
def test_a_function_with_wrong_end_values_is_rejected(function):
    with pytest.raises(InvalidArgument) as refusal:
        curve_of(function)

    assert "Scale the function" in refusal.value.instead
