"""What an interpreter prints of a value, and what it answers to the names of other libraries."""

import re
from itertools import chain
from pathlib import Path

import pytest
import torch

import paramsched as ps
from paramsched.base.foreign_names import NAMES_OF_LIBRARIES, answer_to_name
from paramsched.checks import check


def test_a_problem_is_one_line():
    (actual,) = ps.check(ps.Plan(lr="linear(0.5, 0)", total=100))[:1]

    assert repr(actual) == f"<Problem {actual}>"
    assert "\n" not in repr(actual)


def test_long_lists_of_numbers_are_shortened():
    numbers = [t / 8 for t in range(200)]
    table = ps.table(numbers)
    plan = ps.Plan(lr=ps.table(numbers), total=200)

    assert repr(table) == "table([0.0, 0.125, 0.25, ..., 24.625, 24.75, 24.875])"
    assert repr(plan) == "<Plan total: 200; lr: table([0.0, 0.125, 0.25, ..., 24.625, 24.75, 24.875])>"
    assert str(plan).count(",") == 199


def test_recorded_curves_are_shortened():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    halving = torch.optim.lr_scheduler.StepLR(optimizer, 100, 0.5)

    actual = repr(ps.show.simulate(halving, 400))

    assert actual == "<RecordedCurves of 400 updates; ('lr', 0): [1.    1.    1.    ... 0.125 0.125 0.125]>"


PAGES = [*(Path(__file__).parents[2] / "docs").glob("[ce]*/*.md")]


TITLES = {title for page in PAGES for title in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("name", sorted({*chain(*NAMES_OF_LIBRARIES.values())}))
def test_every_import_and_every_section_of_an_answer_exists(name):
    answer = answer_to_name(name)

    titles = re.findall(r'"(Coming from [^"]+)"', answer)
    assert titles
    assert set(titles) <= TITLES
    for line in re.findall(rf"from [\w.]+ import {name}", answer):
        exec(line, {})


def test_a_stage_with_a_length_keeps_its_value_after_a_final_stage_of_no_updates():
    stage = ps.cosine(over=100) + ps.shapes.power_law(1.0, 10)
    schedule = stage >> ps.linear(to=2.0, over=0)

    assert schedule([100, 101, 5000]).tolist() == [stage(100)] * 3
    assert [problem.code for problem in check(ps.Plan(lr=schedule, total=200))].count("PS212") == 1
