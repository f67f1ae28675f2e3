"""Plans in several packages: forms, changes, the clock of progress, and recorded amounts."""

import csv

import pytest

import paramsched as ps
from paramsched.checks import check, plan_check
from paramsched.core.plan import Plan, plan_of, trace
from paramsched.core.plan.plan_forms import published_plan
from paramsched.errors import ConfigError, InvalidArgument, PlanError, UnknownRecipe
from paramsched.show import picture
from support.tables import table

PLAN = Plan(lr='warmup("5%") >> cosine(to=0.1)', weight_decay="linear(to=0.5)", total=10_000)


@pytest.mark.parametrize(
    "changed",
    [
        PLAN.change(8000, lr="linear(to=0)", total=9000),
        PLAN.change(10_000, total=12_000),
        PLAN.cooldown(6000, 1000),
        PLAN.scale(6000, lr=0.5),
        Plan(lr="(warmup(5) >> cosine()) * plateau()", total=10_000).cooldown(6000, 1000),
        Plan(lr='warmup("5%") >> linear(1, 0, over="95%")', weight_decay=1.0, total=10_000).cooldown(
            6000, 1000, fields="weight_decay"
        ),
    ],
    ids=["changed", "longer", "cooled", "scaled", "guided", "a part of a longer run"],
)
def test_a_changed_plan_has_no_problems(changed):
    assert check(changed) == ()


@table(
    ("text", "error", "message"),
    [
        ("0.1", InvalidArgument, "expected a plan, got a number"),
        (ps.cosine, InvalidArgument, r'needs brackets\. Write "cosine\(\)"'),
        ("cosine", InvalidArgument, r'needs brackets\. Write "cosine\(\)"'),
        ("step", InvalidArgument, r'Write "step\(30'),
        ("runs/plan", InvalidArgument, r'ends in \.yaml .*"runs/plan\.yaml"'),
        ("plan.yam", InvalidArgument, r'For example: "plan\.yaml"'),
        ("", InvalidArgument, r'path of a plan file.* For example: "plan\.yaml"'),
        ("what else?", InvalidArgument, r"\.yaml or \.json$"),
        ("recipe:bert-bas", UnknownRecipe, "did you mean"),
        ("recipe:plan.yaml", UnknownRecipe, "unknown recipe"),
        ("cosine(start=2).yaml", FileNotFoundError, "cosine"),
        ("cosin()", InvalidArgument, 'did you mean "cosine"'),
        ("warmup * cosine", InvalidArgument, "warmup"),
        ("lr: cosin()", ConfigError, 'did you mean "cosine"'),
        ("{", ConfigError, "text"),
        (
            "-.5e3",
            InvalidArgument,
            r'got a number. Write "absolute\(-\.5e3\)" for the value -\.5e3, or "-\.5e3 \* constant\(',
        ),
        ("10k", InvalidArgument, r'got a number. For example: "constant\(1\.0\)", the base at every update'),
        ("my plan", InvalidArgument, r"\.yaml or \.json$"),
        ("cosine >> step", InvalidArgument, "cosine is a function and needs brackets"),
        (["lr"], InvalidArgument, r"plan=\['lr'\]\): expected a plan, got list. Write >> between the stages$"),
        ((), InvalidArgument, "expected a plan, got tuple. Write >> between the stages$"),
        (
            abs,
            InvalidArgument,
            r"got builtin_function_or_method. Write @ps\.shape above def f\(t\), and f\(\) in the plan$",
        ),
        *(
            (
                value,
                InvalidArgument,
                rf"got {class_name}. For example: ps\.Plan\(lr=ps\.cosine\(to=0\.1\), total=1000\)$",
            )
            for value, class_name in ((int, "type"), (None, "NoneType"))
        ),
        (3, InvalidArgument, r'got int. Write "absolute\(3\)" for the value 3, or "3 \* constant\(\)" for 3 × base$'),
    ],
)
def test_a_value_without_a_plan_is_an_error(text, error, message):
    with pytest.raises(error, match=message):
        plan_of(text, "ps.trace")


def test_a_recipe_is_found_by_its_name():
    recipe = ps.recipes["bert-base"]

    assert published_plan("recipe:bert-base") is published_plan(recipe) is recipe
    assert plan_of("recipe:bert-base", "f") == recipe.plan
    assert published_plan("bert-base") is published_plan(recipe.plan) is None


@table(
    "lr",
    [
        "warmup(100)",
        'warmup("2 epochs") >> constant()',
        'cosine(over="until 1M tokens")',
        "multistep([10, 20])",
        'take(cosine(), "50% + 10 steps")',
    ],
)
def test_lengths_must_be_in_percent(lr):
    plan = ps.Plan(lr=lr, clock="progress")

    with pytest.raises(PlanError, match=r'must be in percent\. For example: "5%"'):
        plan.resolve(total=100, steps_per_epoch=10, tokens_per_step=7)
    (actual,) = plan_check.check(plan)
    assert (actual.code, actual.path, actual.severity) == ("PS106", "$.lr", "error")


BY_TOKENS = Plan(lr="linear(1, 0)", clock="tokens", total="1000 tokens")


AMOUNTS = [0, 10, 10, 700, 1200]


def test_pictures_and_tables_have_the_recorded_amounts(tmp_path):
    shown = trace(BY_TOKENS, {"lr": 1.0}, steps_per_epoch=5, batch_size=2, sequence_length=3, amounts=AMOUNTS)
    shown.to_csv(tmp_path / "values.csv")

    assert [row[1] for row in csv.reader((tmp_path / "values.csv").open())] == [
        "tokens",
        "0",
        "10",
        "10",
        "700",
        "1200",
    ]
    units = {unit.name: unit.at([0, 3, 5]).tolist() for unit in shown.time_units()}
    assert units == {"epochs": [0.0, 0.6, 1.0], "samples": [0.0, 6.0, 10.0], "tokens": [0.0, 700.0, 1700.0]}
    assert picture(shown).panels[0].breakpoints.tolist() == [4]
