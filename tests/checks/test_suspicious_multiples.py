"""Lines whose numbers are multiples of base, but were probably meant in another sense, and lines that are right."""

import re
import warnings

import pytest
import torch

import paramsched as ps
from paramsched.tools import recipes as recipe_book
from support.tables import table

GROUPS = [
    {
        "name": "head",
        "lr": 1e-3,
        "betas": (0.9, 0.999),
        "momentum": 0.9,
        "dampening": 0.5,
        "eps": 1e-8,
        "weight_decay": 0.01,
        "alpha": 0.99,
    },
]
ONE_WARNING = ("PS301", "PS302", "PS315", "PS318")


def found_in(line):
    plan = ps.loads(f"{line}\ntotal: 100")
    return [problem for problem in ps.check(plan, groups=GROUPS) if problem.code in ONE_WARNING]


SUSPICIOUS = {
    "usual_value": [
        ("weight_decay: constant(0.1)", "weight_decay is 0.001 (0.1 × base 0.01)"),
        ("betas[0]: constant(0.95)", "betas[0] is 0.855 (0.95 × base 0.9)"),
        ("betas[1]: constant(0.98)", "betas[1] is 0.97902 (0.98 × base 0.999)"),
        ("momentum: constant(0.85)", "momentum is 0.765 (0.85 × base 0.9)"),
        ("eps: constant(1e-6)", "eps is 1e-14 (1e-06 × base 1e-08)"),
    ],
    "below_base": [
        ("betas[0]: cosine(start=0.95, to=0.85)", "betas[0] goes from 0.855 to 0.765 (0.95 to 0.85 × base 0.9)"),
        ("betas[1]: constant(0.95, over=50) >> constant(0.99)", "betas[1] goes from 0.94905 to 0.98901"),
        ("betas[1]: warmup(10, 0.9, 0.95)", "betas[1] goes from 0.8991 to 0.94905"),
        ("betas[1]: piecewise([(0, 0.95), (50, 0.99)])", "betas[1] goes from 0.94905 to 0.98901"),
        ("momentum: linear(0.85, 0.95)", "momentum goes from 0.765 to 0.855 (0.85 to 0.95 × base 0.9)"),
        ("momentum: cosine(start=0.95, to=0.85)", "momentum goes from 0.855 to 0.765 (0.95 to 0.85 × base 0.9)"),
        ("momentum: clamp(linear(0.85, 0.95), high=0.9)", "momentum goes from 0.765 to 0.81 (0.85 to 0.9 × base 0.9)"),
        ("dampening: linear(0.1, 0.2)", "dampening goes from 0.05 to 0.1 (0.1 to 0.2 × base 0.5)"),
        ("eps: cosine(start=1e-6, to=1e-8)", "eps goes from 1e-14 to 1e-16 (1e-06 to 1e-08 × base 1e-08)"),
        ("alpha: linear(0.9, 0.95)", "alpha goes from 0.891 to 0.9405 (0.9 to 0.95 × base 0.99)"),
        (
            "weight_decay: cosine(start=0.04, to=0.4)",
            "weight_decay goes from 0.0004 to 0.004 (0.04 to 0.4 × base 0.01)",
        ),
        ("weight_decay: linear(start=0.1)", "weight_decay goes from 0.001 to 0 (0.1 to 0 × base 0.01)"),
        ("weight_decay: table([0.1, 0.05])", "weight_decay goes from 0.001 to 0.0005 (0.1 to 0.05 × base 0.01)"),
        ("weight_decay: 0.1 * cosine()", "weight_decay goes from 0.001 to 0 (0.1 to 0 × base 0.01)"),
        ("weight_decay: constant(0.1) * plateau()", "weight_decay is 0.001 (0.1 × base 0.01)"),
    ],
    "begins_near_zero": [
        ("lr: constant(3e-4)", "lr is 3e-07 (0.0003 × base 0.001)"),
        ("lr: constant(0.001)", "lr is 1e-06 (0.001 × base 0.001)"),
        ("lr: linear(start=3e-4)", "lr goes from 3e-07 to 0"),
        ("lr: cosine(start=3e-4, to=0)", "lr goes from 3e-07 to 0"),
        ("lr: polynomial(2, 3e-4)", "lr goes from 3e-07 to 0"),
        ("lr: cosine(start=3e-4) * plateau()", "lr goes from 3e-07 to 0"),
        ("lr: warmup(10) >> linear(3e-4, 0)", "lr goes from 0 to 3e-07"),
        ("lr: warmup(10, 0, 3e-4) >> cosine(start=3e-4)", "lr goes from 0 to 3e-07"),
        ("lr: 3e-4 * (warmup(5) >> cosine())", "lr goes from 0 to 3e-07"),
        ("lr: warmup(5) >> 3e-4 * cosine()", "lr goes from 0 to 3e-07"),
        ("lr: table([3e-4, 1e-4, 3e-5], every=30)", "lr goes from 3e-07 to 3e-08"),
        ("lr: piecewise([(0, 3e-4), (50, 1e-4)])", "lr goes from 3e-07 to 1e-07"),
        ("lr: restarts(cosine(start=3e-4), 10)", "lr goes from 3e-07 to 7.342e-09"),
        ("lr: chain(constant(1e-3), step(30))", "lr goes from 1e-06 to "),
        ("lr: cyclic(10, 10, 1e-4, 1e-3)", "lr goes from 1e-07 to 1e-06"),
        ("lr: cosine(to=1e-5)", "the lr ends at 1e-08 (1e-05 × base 0.001)"),
        ("lr: one_cycle(peak=3e-4)", "the lr has the level 3e-07 (0.0003 × base 0.001)"),
    ],
    "begins_near_zero_of_a_group": [
        ("groups: {head: {lr: constant(1e-4)}}", "lr is 1e-07 (0.0001 × base 0.001)"),
        ("groups: {head: {lr: 'linear(5e-5, 5e-6)'}}", "lr goes from 5e-08 to 5e-09"),
    ],
    "falls_from_its_start": [
        (
            "lr: cosine(start=0.1)",
            "lr falls from 0.0001 to 0 (0.1 to 0 × base 0.001), because start is 0.1",
        ),
        ("lr: cosine(start=0.1, over=50)", "lr falls from 0.0001 to 0"),
        ("lr: warmup(10) >> linear(start=0.5)", "lr falls from 0.0005 to 0"),
        ("lr: warmup(10) >> polynomial(2, 0.1)", "lr falls from 0.0001 to 0"),
    ],
    "adds_stages": [
        (
            "lr: warmup(10) + cosine()",
            "lr rises to 0.00198 (1.98 × base 0.001), because a sum adds all of its schedules",
        ),
        ("lr: cosine() + warmup(10)", "lr rises to 0.00198 (1.98 × base 0.001)"),
        ("momentum: warmup(10) + linear()", "momentum rises to 1.71 (1.9 × base 0.9)"),
    ],
}


@table(("row", "line", "values"), [(row, *line) for row, lines in SUSPICIOUS.items() for line in lines])
def test_a_suspicious_line_has_one_warning_with_its_values(row, line, values):
    (problem,) = found_in(line)

    assert problem.code == "PS301"
    assert values in problem.found


@table(
    "line",
    [
        "betas[0]: absolute(linear(0.85, 0.95))",
        "betas[0]: linear(absolute(0.85), absolute(0.95))",
        "betas[0]: absolute(0.95)",
        "betas[0]: linear(0.9, 1)",
        "betas[1]: 0.95 * constant()",
        "betas[0]: constant(0.5)",
        "betas[1]: cosine(start=1, to=0.99)",
        "weight_decay: 0",
        "weight_decay: 1",
        "weight_decay: 0.1 * constant()",
        "weight_decay: constant(0)",
        "weight_decay: linear(1, 0.1)",
        "weight_decay: linear(0.1, 1)",
        "weight_decay: linear()",
        "weight_decay: cosine(start=1, to=10)",
        "weight_decay: absolute(0.1)",
        "weight_decay: absolute(cosine(start=0.04, to=0.4))",
        "weight_decay: like('lr')\nlr: cosine()",
        "weight_decay: 0.1 * like('lr')\nlr: cosine()",
        "weight_decay: table([1, 0.1])",
        "momentum: linear(1, 0.9)",
        "momentum: warmup(10)",
        "momentum: clamp(linear(), low=0.5)",
        "momentum: maximum(0.5, linear())",
        "eps: 1e-6 * constant()",
        "lr: 0",
        "lr: 1",
        "lr: cosine()",
        "lr: cosine(to=0.1)",
        "lr: cosine(to=0.001)",
        "lr: linear(to=0.01)",
        "lr: linear(1, 0)",
        "lr: constant(0.1)",
        "lr: constant(0.01)",
        "lr: 0.1 * linear()",
        "lr: 0.01 * cosine()",
        "lr: warmup(10)",
        "lr: warmup(10) >> cosine(to=0.1)",
        "lr: warmup(10, 0.001) >> cosine()",
        "lr: warmup(10, start=1e-6) >> constant()",
        "lr: warmup(10, index='(t+1)/n') >> cosine()",
        "lr: warmup(10) >> constant(over=20) >> linear(1, 0)",
        "lr: constant(over=50) >> linear(1, 0)",
        "lr: warmup(10) >> constant(0.5, 10) >> linear(start=0.5)",
        "lr: warmup(10) >> linear(1, 0.5, over=40) >> linear(start=0.5)",
        "lr: cosine(over=50) >> cosine(start=0.5)",
        "lr: wsd(10, 20)",
        "lr: one_cycle(30)",
        "lr: one_cycle()",
        "lr: cyclic(10, 10, 0.1, 1)",
        "lr: cosine_restarts(20)",
        "lr: restarts(warmup(2) >> cosine(), 20)",
        "lr: step(30)",
        "lr: multistep([30, 60])",
        "lr: exponential(0.99)",
        "lr: inverse_sqrt(10)",
        "lr: warmup(10) >> inverse_sqrt(10)",
        "lr: warmup(10) * multistep([30, 60])",
        "lr: table([1.0, 0.1, 0.001], every=30)",
        "lr: table([3e-4, 1e-4], every=50, absolute=True)",
        "lr: absolute(3e-4)",
        "lr: 0.5 * absolute(3e-4)",
        "lr: warmup(10) >> absolute(3e-4)",
        "lr: absolute(warmup(10, to=3e-4) >> cosine(start=3e-4))",
        "lr: cosine(to=absolute(1e-5))",
        "lr: noam(512, 40)",
        "lr: 0.5 * cosine() + 0.5",
        "lr: constant() - 0.5 * warmup(10)",
        "lr: chain(warmup(10), step(30))",
        "lr: chain(constant(0.1), step(30))",
        "lr: linear() + linear(0, 1)",
        "lr: maximum(warmup(10), cosine())",
        "lr: cosine() * like('weight_decay')\nweight_decay: 1",
        "groups: {head: {lr: constant(0.001)}}",
        "groups: {head: {lr: cosine(start=0.1)}}",
    ],
)
def test_a_right_line_is_silent(line):
    assert found_in(line) == []


@table("field", ["betas[0]", "weight_decay", "momentum", "eps"])
def test_both_lines_for_a_number_alone_are_silent(field):
    with pytest.raises(ps.errors.ParamschedError) as refused:
        ps.loads(f"{field}: 0.1")
    lines = re.findall(r"absolute\(0\.1\)|0\.1 \* constant\(\)", str(refused.value))

    assert len(lines) == 2
    assert [found_in(f"{field}: {line}") for line in lines] == [[], []]


def test_every_published_recipe_is_silent():
    for recipe in recipe_book.recipes.values():
        problems = ps.check(recipe.plan, facts=recipe.facts)
        assert not [problem for problem in problems if problem.code == "PS301" and problem.severity == "warning"], (
            recipe.name
        )


@table("line", [line for lines in SUSPICIOUS.values() for line, _ in lines if "dampening" not in line])
def test_the_scheduler_warns_once_of_a_suspicious_line(line):
    parameters = [torch.nn.Parameter(torch.ones(1))]
    field = line.partition(":")[0]
    optimizer_class = torch.optim.AdamW
    entries = {"lr": 1e-3}
    if field in ("momentum", "alpha"):
        optimizer_class = torch.optim.RMSprop
        entries = {"lr": 1e-3, "momentum": 0.9}
    optimizer = optimizer_class([{"params": parameters, "name": "head"}], **entries)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            ps.Scheduler(optimizer, ps.loads(f"{line}\ntotal: 100"))
        except ps.errors.PlanError:  # of a sum that reaches 1, before any warning
            assert caught == []
            return

    (warned,) = [str(warning.message) for warning in caught]
    assert "[PS301]" in warned
    assert "× base 0" in warned or "× base 1e-08" in warned


def test_the_warning_of_the_scheduler_names_the_field_once_and_the_group_of_its_line():
    def warned(text):
        groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "name": name} for name in ("body", "head")]
        with pytest.warns(UserWarning, match="PS301") as caught:
            ps.Scheduler(torch.optim.AdamW(groups, lr=1e-3), ps.loads(f"total: 100\n{text}"))
        return str(caught[0].message)

    assert warned("lr: warmup(10) + cosine()").startswith("lr rises to 0.00198")
    assert warned("groups: {head: {lr: constant(1e-4)}}").startswith("group head: lr is 1e-07")
