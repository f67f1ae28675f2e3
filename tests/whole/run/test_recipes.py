"""Recipes and scalars in a run."""

import csv
from typing import Any

import pytest

import paramsched as ps
from paramsched.core.plan import Plan
from paramsched.errors import PlanError
from paramsched.tools.recipes import Recipe
from paramsched.tools.records.log_file import read_log
from paramsched.tools.records.log_values import AmountColumn
from support.updates import probe, used

TOKENS = Plan(lr="cosine()", total="1280 tokens")


def recipe_of(plan: Any, *bases: Any, **facts: Any) -> Recipe:
    plan = plan if isinstance(plan, Plan) else Plan(lr=plan, total=10)
    return Recipe("tiny", "Tiny", "vision", plan, ps.RunFacts(**facts), bases or ({"lr": 0.5},), "a test", (), ())


def test_total_replaces_that_of_a_recipe():
    recipe = recipe_of("warmup(2) >> linear()")
    scheduler = ps.Scheduler(probe(lr=0.5), recipe, total=8)

    assert scheduler.plan == Plan(lr="warmup(2) >> linear()")
    assert ps.Scheduler(probe(lr=0.5), recipe).plan == recipe.plan
    with pytest.raises(PlanError):
        ps.Scheduler(probe(lr=0.5), recipe.plan, total=8)


DECAYS = Plan(lr="cosine()", weight_decay="linear(1, 0.5)", total=10)


BOTH = {"lr": 0.5, "weight_decay": 0.2}


def test_the_plan_of_a_recipe_is_a_plan_like_any_other():
    assert ps.Scheduler(probe(lr=0.25), recipe_of("cosine(to=absolute(0.01))").plan).value("lr") == 0.25


def test_audit_reads_a_csv_of_scalars(tmp_path):
    optimizer = probe({"name": "body"}, {"name": "head", "lr": 1.0})
    scheduler = ps.Scheduler(optimizer, {"lr": "linear()", "betas[0]": "linear()", "total": 10})
    with (tmp_path / "log.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, ["t", *scheduler.scalars()])
        rows.writeheader()
        for _ in range(3):
            optimizer.step()
            rows.writerow({"t": scheduler.t - 1} | scheduler.scalars())

    logged = read_log(tmp_path / "log.csv", fields=("lr", "betas[0]"), amount=AmountColumn())

    assert logged.names == ("body", "head")
    actual = {(column.field, column.group): (column.t.tolist(), column.values.tolist()) for column in logged.columns}
    assert actual == {
        (field, index): ([0, 1, 2], used(optimizer, field, index)) for index in (0, 1) for field in ("lr", "betas[0]")
    }
