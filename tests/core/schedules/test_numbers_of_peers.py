"""The line for the arguments of another library has their numbers, in the form of this library."""

import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from support.tables import table

pytestmark = pytest.mark.peer("torch")  # its words are in the readers of other libraries


@table(
    ("line", "write"),
    [
        ("one_cycle(pct_start=0.3, div_factor=25)", 'one_cycle(up="30%", start=0.04)'),
        ("one_cycle(pct_start=0.274)", 'one_cycle(up="27.4%")'),
        ("one_cycle(div_factor=10, final_div_factor=1000)", "one_cycle(start=0.1, to=0.0001)"),
        ('one_cycle("30%", final_div_factor=1e4)', 'one_cycle("30%", to=4e-06)'),
        ("piecewise_constant_schedule(0.1, {500: 0.1})", "constant(absolute(0.1), 500) >> constant(absolute(0.01))"),
        (
            "optax.piecewise_constant_schedule(0.1, boundaries_and_scales={1_000: 0.5, 500: 1e-1,})",
            "constant(absolute(0.1), 500) >> constant(absolute(0.01), 500) >> constant(absolute(0.005))",
        ),
        ("piecewise_constant_schedule(0.1)", "constant(absolute(0.1))"),
        ("piecewise({0: 1.0, 500: 0.1})", "piecewise([(0, 1.0), (500, 0.1)])"),
    ],
)
def test_a_line_has_the_numbers_of_the_arguments(line, write):
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(line)

    assert (refusal.value.write, refusal.value.is_example) == (write, False)
    ps.parse(write)


@pytest.mark.parametrize(
    "line", ["one_cycle(div_factor=0)", "one_cycle(start=0.1, div_factor=25)", "cosine({1: 2})", "cosine(pct_start=2)"]
)
def test_a_number_without_a_meaning_here_has_no_line(line: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(line)

    assert refusal.value.is_example or not refusal.value.write
