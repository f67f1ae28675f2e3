"""Targets that were probably meant in another sense (PS407, PS408), told by the check and by a start."""

import warnings

import torch

import paramsched as ps
from support.tables import table


def codes(name, initial, line, **options):
    """Return the codes of a plan with a target, by the check and by a start; they are the same."""
    plan = ps.Plan(ps.Binding(ps.Target(name, initial, **options), line), horizon=100)
    checked = [one.code for one in ps.check(plan)]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Scheduler(optimizer, plan)
    assert [str(one.message).rpartition("[")[2].rstrip("]") for one in caught] == checked
    return checked


@table(
    ("name", "initial", "line", "code"),
    [
        ("lr", 0.1, "linear(0, 1)", "PS407"),
        ("weight_decay", 0.1, "cosine()", "PS407"),
        ("betas", 0.9, "constant(1.0, 10) >> constant()", "PS407"),
        ("kl", 0.1, "linear(0, 0.1)", "PS408"),
        ("entropy", 0.01, "linear(0.01, 0)", "PS408"),
        ("temperature", 5.0, "cosine(start=5, to=1)", "PS408"),
        ("ema_decay", 0.99, "linear(1, 1.1)", "PS408"),
        ("dropout", 0.2, "linear(-0.5, 1)", "PS408"),
        ("label_smoothing", 0.5, "linear(1, 3)", "PS408"),
    ],
)
def test_a_target_that_was_meant_otherwise_is_told(name, initial, line, code):
    assert codes(name, initial, line) == [code]


@table(
    ("name", "initial", "line"),
    [
        ("kl", 0.1, "linear(0, 1)"),
        ("kl", 1.0, "linear(0, 1)"),
        ("kl", 0.1, "cosine(start=1, to=0.1)"),
        ("kl", 0.1, "linear(absolute(0), absolute(0.1))"),
        ("momentum", 0.996, "constant(1.0, 10) >> constant()"),
        ("ema_decay", 0.99, "linear(1, 1.01)"),
        ("temperature", 5.0, "linear(1, 0.2)"),
        ("beta_kl", 4.0, "linear(0, 1, 50) >> constant()"),
        ("noise", 0.5, "linear(1, 2)"),
    ],
)
def test_a_right_target_is_silent(name, initial, line):
    assert codes(name, initial, line) == []


def test_a_target_that_is_written_may_have_the_name_of_a_field():
    assert codes("lr", 0.1, "cosine()", write=lambda _: None) == []
