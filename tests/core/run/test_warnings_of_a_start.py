"""One warning at the start: a second warmup in the optimizer, and a decay that an absolute value gives a group."""

import warnings

import pytest
import torch

import paramsched as ps


def parameter():
    return torch.nn.Parameter(torch.ones(1))


def warned(optimizer, plan):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Scheduler(optimizer, plan)
    return [str(one.message) for one in caught if one.filename == __file__]


def with_warmup(steps, rate=0.1):
    groups = [{"params": [parameter()], "warmup_steps": steps} for _ in range(2)]
    return torch.optim.SGD(groups, lr=rate)


@pytest.mark.parametrize(
    ("line", "begin"),
    [
        ("warmup(10) >> constant()", "0"),
        ("warmup(1) >> constant()", "0"),
        ("warmup(10, start=0.25) >> cosine()", "0.25"),
        ("absolute(warmup(10, start=0.05, to=0.2))", "0.5"),
        ('warmup("50%") >> cosine()', "0"),
    ],
)
def test_a_plan_that_warms_up_and_an_optimizer_that_does_are_one_warning(line, begin):
    (text,) = warned(with_warmup(10), ps.Plan(lr=line, horizon=1000))

    assert text.startswith(f"group 0 has warmup_steps=10, and the plan begins at {begin} × base")


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        ("warmup(10) >> constant()", 0),
        ("constant()", 10),
        ("cosine()", 10),
        ("constant(0.5)", 10),
        ("cosine(to=0.5)", 10),
    ],
)
def test_one_warmup_or_none_is_silent(line, steps):
    assert warned(with_warmup(steps), ps.Plan(lr=line, horizon=100)) == []


def test_a_second_warmup_of_one_of_several_optimizers_is_a_warning():
    optimizers = {"plain": torch.optim.SGD([parameter()], lr=0.1), "free": with_warmup(10)}

    (text,) = warned(optimizers, ps.Plan(lr="warmup(10) >> constant()", horizon=100))

    assert "has warmup_steps=10" in text


def decayed_in_part():
    bare = {"params": [parameter()], "weight_decay": 0.0, "name": "no_decay"}
    return torch.optim.AdamW([{"params": [parameter()], "name": "decay"}, bare], lr=0.1)


@pytest.mark.parametrize("line", ["absolute(linear(0, 0.4))", "linear(1, absolute(0.4))"])
def test_an_absolute_decay_of_a_group_without_decay_is_one_warning_and_its_line_silences_it(line):
    (text,) = warned(decayed_in_part(), ps.Plan(weight_decay=line, horizon=100))

    assert text.startswith("weight_decay of group 'no_decay' is 0 in the optimizer")
    assert "the plan gives it 0.004. " in text
    added = eval(text.rsplit("this group: ", 1)[1], {"ps": ps})  # the line that the message shows
    optimizer = decayed_in_part()
    assert warned(optimizer, ps.Plan(added, weight_decay=line, horizon=100)) == []
    assert optimizer.param_groups[1]["weight_decay"] == 0


@pytest.mark.parametrize(
    "plan",
    [
        ps.Plan(weight_decay="linear(0.4, 1)", horizon=100),
        ps.Plan(ps.Binding("weight_decay", "absolute(0.1)", groups="no_decay"), horizon=100),
        ps.Plan(lr="absolute(0.1)", horizon=100),
    ],
)
def test_multiples_a_line_of_the_group_itself_and_other_fields_are_silent(plan):
    assert not [text for text in warned(decayed_in_part(), plan) if "weight_decay of group" in text]
