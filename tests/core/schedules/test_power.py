"""Powers and quotients: their values, their text, and invalid ones."""

import math

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.files import dump, loads
from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import cosine, linear
from paramsched.core.schedules.leaves import constant
from support.tables import table


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


def test_powers_that_overflow_are_inf_without_a_warning():
    assert (constant(1e200) ** 2)(0) == math.inf
    assert (linear(1.0, 0.0, over=4) ** -1)(4) == math.inf
    assert (linear(1.0, 0.0, over=4) ** -1)(4, base=0.0) == 0.0
