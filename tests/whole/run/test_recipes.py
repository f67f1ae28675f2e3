"""Recipes and scalars in a run."""

import csv
from typing import Any

import pytest

import paramsched as ps
from paramsched.core.plan import Plan
from paramsched.errors import MissingFact, PlanError
from paramsched.tools.recipes import Recipe
from paramsched.tools.records.log_file import read_log
from paramsched.tools.records.log_values import AmountColumn
from support.tables import table
from support.updates import probe, used

TOKENS = Plan(lr="cosine()", total="1280 tokens")


def recipe_of(plan: Any, *bases: Any, **facts: Any) -> Recipe:
    plan = plan if isinstance(plan, Plan) else Plan(lr=plan, total=10)
    return Recipe("tiny", "Tiny", "vision", plan, ps.RunFacts(**facts), bases or ({"lr": 0.5},), "a test", (), ())


@table(
    ("plan", "facts", "said"),
    [
        (Plan(lr="cosine()", total="64 samples"), {"batch_size": 8}, "Use batch_size=8, as in the recipe"),
        (Plan(lr="cosine()", total="2 epochs"), {"batch_size": 8}, r"steps_per_epoch=100"),
        (TOKENS, {"batch_size": 8, "sequence_length": 16}, "Use tokens_per_step=128, as in the recipe"),
        (
            TOKENS,
            {"batch_size": 8, "sequence_length": 16, "tokens_per_step": 100},
            "Use tokens_per_step=100, as in the recipe",
        ),
        (TOKENS, {"batch_size": 8}, r"tokens_per_step=4096"),
        (TOKENS, {"sequence_length": 16}, r"tokens_per_step=4096"),
    ],
)
def test_the_facts_of_a_recipe_are_advice(plan, facts, said):
    optimizer = probe(lr=0.5)
    with pytest.raises(MissingFact, match=said):
        ps.Scheduler(optimizer, recipe_of(plan, **facts))


def test_total_replaces_that_of_a_recipe():
    recipe = recipe_of("warmup(2) >> linear()")
    scheduler = ps.Scheduler(probe(lr=0.5), recipe, total=8)

    assert scheduler.plan == Plan(lr="warmup(2) >> linear()")
    assert ps.Scheduler(probe(lr=0.5), recipe).plan == recipe.plan
    with pytest.raises(PlanError):
        ps.Scheduler(probe(lr=0.5), recipe.plan, total=8)


DECAYS = Plan(lr="cosine()", weight_decay="linear(1, 0.5)", total=10)


BOTH = {"lr": 0.5, "weight_decay": 0.2}


@table(
    ("recipe", "optimizer", "said"),
    [
        (recipe_of("cosine()"), probe(lr=0.5), []),
        (recipe_of("cosine()"), probe(lr=0.25), ["lr is 0.5 in the source and 0.25 in the optimizer"]),
        (
            recipe_of("cosine()"),
            probe({"lr": 0.25}, {"lr": 0.5}, {"lr": 0.125}),
            ["lr is 0.5 in the source and 0.25 and 0.125 in the optimizer"],
        ),
        (recipe_of("cosine()", {"lr": 0.5}, {"lr": 0.25}), probe({"lr": 0.25}, {"lr": 0.5}), []),
        (
            recipe_of(DECAYS, BOTH),
            probe(lr=0.25, weight_decay=0.1),
            ["lr is 0.5 in the source and 0.25", "; weight_decay is 0.2 in the source and 0.1"],
        ),
        (recipe_of(DECAYS, BOTH), probe(lr=0.5, weight_decay=0.1), [": weight_decay is 0.2 in the source and 0.1"]),
        (
            recipe_of("cosine()"),
            {"a": probe(lr=0.5), "b": probe(lr=0.25)},
            ["lr is 0.5 in the source and 0.25 in the optimizer"],
        ),
        (recipe_of("linear(absolute(0.5), absolute(0.1))"), probe(lr=0.25), []),  # the base has no effect
    ],
)
def test_bases_that_differ_from_the_recipe_are_one_warning(recipe, optimizer, said, caplog):
    caplog.clear()
    ps.Scheduler(optimizer, recipe)

    assert len(caplog.messages) == bool(said)
    for text in ["recipe:tiny: ", *said, ", which applies"] if said else []:
        assert text in caplog.messages[0]


@pytest.mark.parametrize(
    "text",
    [
        "cosine(to=absolute(0.01))",
        "constant(1.0, 1) >> constant(absolute(0.1))",  # the base has an effect in the first update only
        "constant(absolute(0.1), 5_000_000) >> constant(1.0)",  # only late
    ],
)
@pytest.mark.filterwarnings("ignore:the learning rate is 0.1 from update 1 on")
def test_an_absolute_level_of_a_recipe_belongs_to_its_base(text):
    plan = Plan(lr=text, total=9_000_000)
    optimizer = probe(lr=0.25)
    before = dict(optimizer.param_groups[0])
    with pytest.raises(PlanError, match=r"recipe:tiny: lr.*base 0\.5, got 0\.25"):
        ps.Scheduler(optimizer, recipe_of(plan))
    assert optimizer.param_groups[0] == before
    assert ps.Scheduler(probe(lr=0.5), recipe_of(plan)).plan == plan


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
