"""Arguments and operators of other libraries: the error says what to write, in Python and in text."""

import re

import pytest

import paramsched as ps
from paramsched.errors import InvalidCall, ParseError
from support.tables import table


def refusals(line):
    """Return the error of a call in Python and that of the same call in text."""
    with pytest.raises(InvalidCall) as in_python:
        eval(f"ps.{line}", {"ps": ps})
    with pytest.raises(InvalidCall) as in_text:
        ps.parse(line)
    return in_python.value, in_text.value


@table(
    ("line", "written"),
    [
        ("cosine(eta_min=1e-5)", "cosine(to=absolute(1e-05))"),
        ("linear(min_lr=1e-5)", "linear(to=absolute(1e-05))"),
        ("cosine(T_max=100)", "cosine(over=100)"),
        ("linear(total_iters=100)", "linear(over=100)"),
        ("polynomial(total_steps=100)", "polynomial(over=100)"),
        ("cosine(num_training_steps=100)", "cosine(over=100)"),
        ("cosine(t_initial=100)", "cosine(over=100)"),
        ("cosine(decay_steps=100)", "cosine(over=100)"),
        ("cosine(warmup_steps=500)", "warmup(500) >> cosine()"),
        ("linear(num_warmup_steps=500)", "warmup(500) >> linear()"),
        ("cosine(warmup_t=5)", "warmup(5) >> cosine()"),
        ("linear(start_factor=0.1)", "linear(start=0.1)"),
        ("linear(end_factor=0.1)", "linear(to=0.1)"),
    ],
)
def test_an_argument_of_another_library_is_answered_with_ours(line, written):
    for refusal in refusals(line):
        advice = re.fullmatch(r".*\. Write (.+)", str(refusal))[1]
        call = line.partition("(")[0]
        assert (advice if ">>" in advice else f"{call}({advice})") == written
        assert ps.parse(written)


@table("line", ["one_cycle(max_lr=0.1)", "cosine(base_lr=0.1)", "cosine(lr=0.1)", "step(30, last_epoch=3)"])
def test_an_argument_that_has_no_place_is_left_out(line):
    assert ["Leave it out" in str(one) for one in refusals(line)] == [True, True]


@table(
    ("line", "near"), [("cosine(tto=0.1)", "to"), ("warmup(5, eta_min=0.1)", "to"), ("step(30, eta_min=1e-5)", "every")]
)
def test_another_argument_is_answered_with_those_that_exist(line, near):
    assert [near in str(one) for one in refusals(line)] == [True, True]


@table(
    ("line", "readings"),
    [
        ("cosine(0.1)", ["cosine(to=0.1)", "cosine(start=0.1)"]),
        ("cosine(0.1, over=50)", ["cosine(to=0.1, over=50)", "cosine(start=0.1, over=50)"]),
        ("cosine(1, 0.1)", ["cosine(start=1, to=0.1)"]),
        ("cosine(1, 0.1, 50)", ["cosine(start=1, to=0.1, over=50)"]),
        ("cosine(100)", ["cosine(over=100)"]),
        ("cosine('5 epochs')", ["cosine(over='5 epochs')"]),
        ("cosine(0.1, '5%')", ["cosine(to=0.1, over='5%')", "cosine(start=0.1, over='5%')"]),
    ],
)
def test_values_without_names_are_refused_with_each_reading(line, readings):
    for one in refusals(line):
        advised = str(one).partition("Write ")[2].split(", or ")
        assert advised == readings
        assert all(ps.parse(each) for each in advised)


@table("line", ["cosine(0.1, to=0.2, start=0.5)", "cosine(1, 2, 3, 4, 5, 6)", "linear(1, 2, 3, 4, 5, 6)", "warmup()"])
def test_a_wrong_number_of_arguments_has_an_example(line):
    assert ["For example: " in str(one) for one in refusals(line)] == [True, True]


@table("sign", ["->", "=>", "|>", ","])
def test_a_sign_that_joins_stages_elsewhere_is_answered_with_a_line_that_is_read(sign):
    with pytest.raises(ParseError) as refusal:
        ps.parse(f'warmup("5%") {sign} cosine(to=0.1)')

    assert ps.parse(str(refusal.value).partition("For example: ")[2]) == ps.warmup("5%") >> ps.cosine(to=0.1)


def test_the_signature_of_a_shape_is_short():
    import inspect

    assert len(str(inspect.signature(ps.one_cycle))) < 200
    assert str(inspect.signature(ps.cosine)).startswith("(*, start: Level = 1.0, to: Level = 0.0, over: Length | None")
