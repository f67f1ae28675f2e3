"""The forms of a plan: what a string is, and what is no plan."""

from pathlib import Path

import paramsched as ps
from paramsched.core.plan.forms import is_line, is_path, is_plan_text, plan_of
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


def test_a_metric_rule_and_its_text_are_plans_for_lr():
    assert plan_of(ps.plateau(), "f") == plan_of("plateau()", "f") == plan_of("1.0 * plateau()", "f")
    assert plan_of("0.5*plateau()", "f") == plan_of(ps.constant(0.5) * ps.plateau(), "f") != plan_of("plateau()", "f")
