"""Lines whose numbers are multiples of base, but look like values: what `check` reports, and that its line is right."""

import re

import paramsched as ps
from paramsched import recipe_book
from support.tables import table

GROUPS = [
    {"lr": 1e-3, "betas": (0.9, 0.999), "momentum": 0.9, "dampening": 0.5, "eps": 1e-8, "weight_decay": 0.01},
]


def found_in(line):
    plan = ps.loads(f"{line}\nhorizon: 100")
    return [one for one in ps.config.check(plan, groups=GROUPS) if one.code in ("PS301", "PS302")]


@table(
    ("line", "values"),
    [
        ("betas[0]: linear(0.85, 0.95)", "betas[0] goes from 0.765 to 0.855 (0.85 to 0.95 × base 0.9)"),
        ("betas[1]: constant(0.95)", "betas[1] is 0.94905 (0.95 × base 0.999)"),
        ("momentum: linear(0.85, 0.95)", "momentum goes from 0.765 to 0.855 (0.85 to 0.95 × base 0.9)"),
        ("momentum: cosine(0.95, 0.85)", "momentum goes from 0.765 to 0.855 (0.85 to 0.95 × base 0.9)"),
        ("dampening: linear(0.1, 0.2)", "dampening goes from 0.05 to 0.1 (0.1 to 0.2 × base 0.5)"),
        ("eps: constant(1e-6)", "eps is 1e-14 (1e-06 × base 1e-08)"),
        ("weight_decay: constant(0.1)", "weight_decay is 0.001 (0.1 × base 0.01)"),
        ("weight_decay: cosine(0.04, 0.4)", "weight_decay goes from 0.0004 to 0.004 (0.04 to 0.4 × base 0.01)"),
        ("weight_decay: linear(0.1)", "weight_decay goes from 0 to 0.001 (0 to 0.1 × base 0.01)"),
        ("weight_decay: table([0.1, 0.05])", "weight_decay goes from 0.0005 to 0.001 (0.05 to 0.1 × base 0.01)"),
        ("lr: linear(3e-4, 3e-5)", "the lr never exceeds 0.0003 × base"),
        ("lr: linear(0.1)", "the lr falls from 0.1 × base to 0"),
        ("lr: cosine(0.1)", "the lr falls from 0.1 × base to 0"),
        ("lr: warmup(10) >> cosine(0.1)", "the lr falls from 0.1 × base to 0"),
        ("lr: warmup(10) >> linear(0.5)", "the lr falls from 0.5 × base to 0"),
    ],
)
def test_a_suspicious_line_is_reported_once_with_its_values_and_a_line_that_is_silent(line, values):
    (one,) = found_in(line)

    assert values in one.found
    (written,) = re.findall(r"write (.+)$", one.instead)
    assert not found_in(f"{line.partition(':')[0]}: {written}")


@table(
    "line",
    [
        "betas[0]: absolute(linear(0.85, 0.95))",
        "betas[0]: linear(absolute(0.85), absolute(0.95))",
        "weight_decay: 0",
        "weight_decay: linear(1, 0.1)",
        "weight_decay: cosine(1, 10)",
        "weight_decay: absolute(0.1)",
        "weight_decay: like('lr')\nlr: cosine()",
        "momentum: linear(1, 0.9)",
        "momentum: warmup(10)",
        "lr: warmup(10) >> cosine(to=0.1)",
        "lr: warmup(10, 0.001) >> cosine()",
        "lr: constant(over=50) >> linear(1, 0)",
        "lr: warmup(10) >> constant(0.5, 10) >> linear(0.5)",
        "lr: absolute(cosine(3e-4, 3e-5))",
        "lr: cosine() * like('weight_decay')\nweight_decay: 1",
    ],
)
def test_a_right_line_is_silent(line):
    assert found_in(line) == []


def test_every_published_recipe_is_silent():
    for recipe in recipe_book.recipes.values():
        found = ps.config.check(recipe.plan, recipe.calendar)
        assert not [one for one in found if one.code in ("PS301", "PS302")], recipe.name
