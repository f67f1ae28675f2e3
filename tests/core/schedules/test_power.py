"""Powers and quotients: their values, their text, and invalid ones."""

import math

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.files import dump, loads
from paramsched.core.schedules import absolute, parse
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.periods import step
from paramsched.core.schedules.text import value_in
from paramsched.errors import ParseError
from support.tables import table


def test_a_power_applies_to_the_factor_and_not_to_base():
    schedule = linear(1.0, 0.0, over=10) ** 2

    assert [schedule(t, base=3.0) for t in (0, 5, 10)] == [3.0, 0.75, 0.0]
    assert schedule.length == linear(1.0, 0.0, over=10).length


def test_the_power_of_a_clamp_uses_the_clamped_factor():
    schedule = ps.clamp(linear(1.0, 0.0, over=10), low=0.5) ** 2

    assert schedule.affine
    assert [schedule(t, base=-3.0) for t in (0, 10)] == [-3.0, -0.75]


def test_a_quotient_is_a_product_with_the_reciprocal():
    assert cosine() / 4 == cosine() * 0.25
    assert (step(3) / 3)(0, base=0.3) == step(3)(0, base=0.3) * (1 / 3)
    assert (warmup(4, absolute(1.0)) / 2)(0, base=8.0) == 0.5


@table(
    ("line", "written"),
    [
        ("cosine() ** 2", "cosine() ** 2.0"),
        ("cosine()**-1", "cosine() ** -1.0"),
        ("-cosine() ** 2", "-cosine() ** 2.0"),
        ("(-cosine()) ** 2", "(-cosine()) ** 2.0"),
        ("(cosine() ** 2) ** 3", "(cosine() ** 2.0) ** 3.0"),
        ("cosine() ** 2 ** 3", "cosine() ** 8.0"),
        ("cosine() ** 2 * step(3)", "cosine() ** 2.0 * step(3)"),
        ("step(3) * cosine() ** 0.5", "step(3) * cosine() ** 0.5"),
        ("(step(3) * cosine()) ** 0.5", "(step(3) * cosine()) ** 0.5"),
        ("(warmup(3) >> cosine()) ** 2 >> constant(0.1, 3)", "(warmup(3) >> cosine()) ** 2.0 >> constant(0.1, 3)"),
        ("cosine() / 2", "cosine() * constant(0.5)"),
        ("cosine() / 2 ** 2", "cosine() * constant(0.25)"),
        ("cosine() / 2 / 2", "cosine() * constant(0.5) * constant(0.5)"),
        ("cosine(to=1/4)", "cosine(to=0.25)"),
        ("warmup(2**10)", "warmup(1024)"),
        ("cosine() / 2 * plateau()", "cosine() * constant(0.5) * plateau()"),
    ],
)
def test_powers_and_quotients_in_text_follow_python(line, written):
    schedule = parse(line)

    assert str(schedule) == written
    assert parse(written) == schedule


@table("line", ["2**3**2", "-2**2", "2**-1", "1/3", "-1/4*2", "(-8)**3", "2**-2**2", "3 - 2**2"])
def test_arithmetic_of_numbers_equals_python_floats(line):
    found = value_in(line)

    assert found == eval(line)  # contains only the numbers above
    assert type(found) in (int, float)


def test_in_python_only_numbers_are_accepted_as_divisor_and_exponent():
    for other in ("a", None, cosine()):
        with pytest.raises(TypeError):
            _ = cosine() ** other
        with pytest.raises(TypeError):
            _ = cosine() / other
    with pytest.raises(TypeError):
        _ = 2 / cosine()
    assert cosine() ** np.float64(2) == cosine() ** 2
    assert cosine() / np.int64(2) == cosine() / 2


@pytest.mark.parametrize(
    ("mapping", "line"),
    [
        ('{power: ["cosine()", 2]}', "cosine() ** 2"),
        ("{power: [{linear: {to: 0.5}}, 0.5]}", "linear(to=0.5) ** 0.5"),
        ('{quotient: ["cosine()", 4]}', "cosine() / 4"),
    ],
)
def test_a_mapping_writes_powers_and_quotients_by_name(mapping, line):
    assert loads(f"lr: {mapping}") == loads(f"lr: {line}")


@table(
    ("mapping", "path"),
    [
        ("{power: cosine()}", "$.lr"),
        ('{power: ["cosine()"]}', "$.lr"),
        ('{power: ["cosine()", "cosine()"]}', "$.lr[1]"),
        ('{power: ["cosin()", 2]}', "$.lr[0]"),
        ('{quotient: ["cosine()", 0]}', "$.lr"),
        ('{powr: ["cosine()", 2]}', "power"),
    ],
)
def test_a_power_mapping_without_two_values_is_reported_with_its_path(mapping, path):
    with pytest.raises(ps.ParamschedError) as refusal:
        loads(f"lr: {mapping}")

    assert "$.lr" in str(refusal.value)


def test_a_power_too_long_for_a_line_is_written_as_a_mapping():
    long = parse(" >> ".join(f"constant({n / 1000}, {n})" for n in range(1, 100))) ** 2
    plan = ps.Plan(lr=long)

    written = dump(plan)

    assert "power:" in written
    assert loads(written) == plan


def test_a_power_of_a_number_equals_that_of_an_array_bit_for_bit():
    factors = [0.1, 0.3, 1 / 3, 0.7, 1e-7]
    for factor in factors:
        for exponent in (2.0, 0.5, 3.0, -1.0, 0.7):
            alone = constant(factor) ** exponent
            staged = (constant(factor, 3) >> linear(factor, factor, over=3)) ** exponent

            assert alone(1) == staged(np.arange(5)).tolist()[1]


def test_powers_that_overflow_are_inf_without_a_warning():
    assert (constant(1e200) ** 2)(0) == math.inf
    assert (linear(1.0, 0.0, over=4) ** -1)(4) == math.inf
    assert (linear(1.0, 0.0, over=4) ** -1)(4, base=0.0) == 0.0


def test_each_of_two_invalid_powers_is_an_error():
    with pytest.raises(ParseError):
        parse("cosine() *** 2")
