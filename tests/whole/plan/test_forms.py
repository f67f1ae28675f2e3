"""The forms of a plan: what a string is, and what is no plan.

These tests need further doors.
"""

import pytest

import paramsched as ps
from paramsched.core.plan.forms import plan_of, published_plan
from paramsched.errors import ConfigError, InvalidArgument, UnknownRecipe
from support.tables import table


@table(
    ("text", "error", "message"),
    [
        ("0.1", InvalidArgument, "expected a plan, got a number"),
        (ps.cosine, InvalidArgument, r'needs brackets\. Write "cosine\(\)"'),
        ("cosine", InvalidArgument, r'needs brackets\. Write "cosine\(\)"'),
        ("step", InvalidArgument, r'Write "step\(30'),
        ("runs/plan", InvalidArgument, r'ends in \.yaml, .*"runs/plan\.yaml"'),
        ("plan.yam", InvalidArgument, r'For example: "plan\.yaml"'),
        ("", InvalidArgument, r'path of a plan file.* For example: "plan\.yaml"'),
        ("what else?", InvalidArgument, r"\.toml or \.json$"),
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
        ("my plan", InvalidArgument, r"\.toml or \.json$"),
        ("cosine >> step", InvalidArgument, "cosine is a function and needs brackets"),
        (["lr"], InvalidArgument, r"plan=\['lr'\]\): expected a plan, got list. Write >> between the stages$"),
        ((), InvalidArgument, "expected a plan, got tuple. Write >> between the stages$"),
        (
            abs,
            InvalidArgument,
            r"got builtin_function_or_method. Write @ps\.shape above def f\(t\), and f\(\) in the plan$",
        ),
        *(
            (one, InvalidArgument, rf"got {kind}. For example: ps\.Plan\(lr=ps\.cosine\(to=0\.1\), horizon=1000\)$")
            for one, kind in ((int, "type"), (None, "NoneType"))
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
