"""The forms of a plan: what a string is, and what is no plan."""

from pathlib import Path

import pytest

import paramsched as ps
from paramsched.core.plan.forms import is_line, is_path, is_plan_text, plan_of, published_plan
from paramsched.errors import ConfigError, InvalidArgument, UnknownRecipe
from support.tables import table


@table(
    ("given", "kind"),
    [
        *((name, is_path) for name in ("plan.yaml", "a b.YML ", "cosine(2).toml", "lr.json", "x.py", Path("x"))),
        *(
            (text, is_plan_text)
            for text in ("lr: cosine()", "{", '"lr": 1', "a/b*: 1", "lr:", "cosine()\n", "x.yaml\n")
        ),
        ("recipe: {lr: 1}", is_plan_text),
        *((text, is_line) for text in ("cosine()", "", "plan.yml2", "warmup(2) >> cosine()", "a:b")),
        *((name, None) for name in ("recipe:bert-base", "recipe:plan.yaml", 3, None, {"lr": 1})),
    ],
)
def test_a_value_has_at_most_one_form(given, kind):
    assert [one for one in (is_path, is_plan_text, is_line) if one(given)] == ([] if kind is None else [kind])


@table(
    ("text", "error", "message"),
    [
        ("0.1", InvalidArgument, "expected a plan, got a number"),
        (ps.cosine, InvalidArgument, r'needs brackets\. Write "cosine\(\)"'),
        ("cosine", InvalidArgument, r'needs brackets\. Write "cosine\(\)"'),
        ("step", InvalidArgument, r'Write "step\(30'),
        ("runs/plan", InvalidArgument, r'ends in \.yaml, .*"runs/plan\.yaml"'),
        ("", InvalidArgument, r'path of a plan file.* For example: "plan\.yaml"'),
        ("what else?", InvalidArgument, r"\.toml or \.json$"),
        ("recipe:bert-bas", UnknownRecipe, "did you mean"),
        ("recipe:plan.yaml", UnknownRecipe, "unknown recipe"),
        ("cosine(2).yaml", FileNotFoundError, "cosine"),
        ("cosin()", InvalidArgument, 'did you mean "cosine"'),
        ("warmup * cosine", InvalidArgument, "warmup"),
        ("lr: cosin()", ConfigError, 'did you mean "cosine"'),
        ("{", ConfigError, "text"),
        ("-.5e3", InvalidArgument, r'got a number. For example: "constant\(1\.0\)", the base at every update'),
        ("my plan", InvalidArgument, r"\.toml or \.json$"),
        ("cosine >> step", InvalidArgument, "cosine is a function and needs brackets"),
        (["lr"], InvalidArgument, r"plan=\['lr'\]\): expected a plan, got list. Write >> between the stages$"),
        ((), InvalidArgument, "expected a plan, got tuple. Write >> between the stages$"),
        (
            abs,
            InvalidArgument,
            r"expected a plan, got builtin_function_or_method. For example: ps\.from_function\(f\)$",
        ),
        *(
            (one, InvalidArgument, rf"got {kind}. For example: ps\.Plan\(lr=ps\.cosine\(to=0\.1\), horizon=1000\)$")
            for one, kind in ((int, "type"), (3, "int"), (None, "NoneType"))
        ),
    ],
)
def test_a_value_without_a_plan_is_an_error(text, error, message):
    with pytest.raises(error, match=message):
        plan_of(text, "ps.trace")


def test_a_metric_rule_and_its_text_are_plans_for_lr():
    assert plan_of(ps.plateau(), "f") == plan_of("plateau()", "f") == plan_of("1.0 * plateau()", "f")
    assert plan_of("0.5*plateau()", "f") == plan_of(ps.constant(0.5) * ps.plateau(), "f") != plan_of("plateau()", "f")


def test_a_recipe_is_found_by_its_name():
    recipe = ps.recipes["bert-base"]

    assert published_plan("recipe:bert-base") is published_plan(recipe) is recipe
    assert plan_of("recipe:bert-base", "f") == recipe.plan
    assert published_plan("bert-base") is published_plan(recipe.plan) is None
