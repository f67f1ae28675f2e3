"""What an error says to write works when it is written."""

import pytest

import paramsched as ps
from paramsched import curves
from paramsched.errors import InvalidArgument, InvalidCall
from paramsched.schedules import rules

RUN = ps.Calendar(total=100)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: ps.cosine(T_max=100), "cosine(over=100)"),
        (lambda: ps.cosine(T_max=100, eta_min=0.1), "cosine(over=100, to=0.1)"),
        (lambda: ps.linear(start_factor=0.1, end_factor=1.0, total_iters=5), "linear(start=0.1, to=1.0, over=5)"),
        (lambda: ps.step(step_size=30), "step(every=30)"),
        (lambda: ps.wsd(num_warmup_steps=10, num_decay_steps=20), "wsd(warmup=10, decay=20)"),
        (lambda: ps.cosine_restarts(T_0=10, T_mult=2), "cosine_restarts(first=10, mult=2)"),
        (lambda: ps.exponential(decay_rate=0.9), "exponential(gamma=0.9)"),
    ],
)
def test_a_peers_word_in_a_call_is_told_in_ours(call, line):
    with pytest.raises(InvalidCall) as refusal:
        call()

    assert isinstance(refusal.value, TypeError)
    assert refusal.value.instead == f"Write {line}"
    assert ps.parse(line)


@pytest.mark.parametrize(
    "text", ["cosine(T_max=100)", "wsd(num_warmup_steps=5, decay=9)", "warmup()", "cosine(last_epoch=3)"]
)
def test_it_is_told_in_text_too_and_works_there(text):
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(text)

    assert ps.parse(refusal.value.instead.removeprefix("Write "))


@pytest.mark.parametrize(
    ("whole", "kept"),
    [
        (ps.cosine_restarts(10) >> ps.cosine(), ps.cosine()),
        (ps.cosine(to=0.1) >> ps.constant(), ps.constant()),
        (ps.step(5) >> ps.linear(), ps.linear()),
        (ps.exponential(0.9) >> ps.constant(0.1), ps.constant(0.1)),
    ],
)
def test_two_stages_without_a_length_are_told_what_gives_one_a_length(whole, kept):
    with pytest.raises(InvalidArgument) as refusal:
        ps.resolve(whole, RUN)
    stage = ps.parse(refusal.value.instead.removeprefix("Write "))

    assert stage.has_length
    assert ps.resolve(stage >> kept, RUN).is_resolved


@pytest.mark.parametrize("name", curves.FAMILIES)
def test_a_curve_that_needs_an_argument_is_told_with_one_that_it_takes(name):
    for make in (lambda: curves.curve_of(name), lambda: ps.parse(f"anneal(curve={name})")):
        with pytest.raises(InvalidArgument) as refusal:
            make()
        written = refusal.value.instead.removeprefix("Write ")
        assert ps.parse(f"anneal(curve={written}, over=5)")


def test_a_shape_names_its_own_arguments():
    with pytest.raises(InvalidArgument, match=r"^inverse_sqrt\(timescale"):
        ps.inverse_sqrt(0)


def test_a_weight_for_every_period_is_no_duty():
    assert rules.cosine_restarts([10, 20, 10]) == rules.cosine_restarts([10, 20, 10], [1.0, 1.0, 1.0])
    assert str(rules.cosine_restarts([10])) == "rules.cosine_restarts([10])"


def test_whole_floats_are_lengths():
    assert ps.warmup(5.0) == ps.warmup(5) == ps.parse("warmup(5.0)")
    assert ps.power_law(0.7, 8.0) == ps.power_law(0.7, 8)
