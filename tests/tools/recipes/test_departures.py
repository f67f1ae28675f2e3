"""Where a plan departs from a published recipe: the outlines of two runs, and the table of `paramsched compare`."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.errors import InvalidArgument
from paramsched.tools.recipes.departures import departures
from support.spread import every
from support.tables import table

pytestmark = pytest.mark.door("show")


def outline(line):
    run = ps.trace(ps.Plan(lr=line, horizon=1000), {"lr": 1e-3})
    return {one.what: one for one in departures(run, run)}


SCHEDULE_LR = [name for name in ps.recipes if any(one.name == "lr" for one in ps.recipes[name].plan.bindings)]


@pytest.mark.heavy
@pytest.mark.parametrize("first", every(8, range(8)))
def test_no_recipe_departs_from_itself(first):
    for name in SCHEDULE_LR[first::8]:
        run = ps.recipes[name].trace()

        assert [one.what for one in departures(run, run) if one.departs] == [], name


@table(
    ("line", "shape"),
    [
        ("constant()", "constant"),
        ("warmup(10) >> constant()", "warmup >> constant"),
        ("cosine()", "cosine"),
        ("cosine(to=0.1)", "cosine"),
        ("warmup(10) >> linear(to=0.01)", "warmup >> line"),
        ('constant() >> cooldown("20%", curve=curves.one_minus_sqrt)', "constant >> 1 - sqrt"),
        ("geometric(1, 0.01)", "exponential"),
        ("cosine_restarts(100)", "falls and rises"),
        ('constant(over="30%") >> constant(0.1)', "constant >> another decay"),
    ],
)
def test_the_shape_is_named_by_the_values(line, shape):
    assert outline(line)["shape"].plan == shape


def test_the_shares_are_those_of_the_run():
    found = outline('warmup("2%") >> constant() >> linear(to=0.1, over="20%")')

    assert {what: one.plan for what, one in found.items()} == {
        "shape": "warmup >> constant >> line",
        "warmup": "2 % of the run",
        "decay": "20 % of the run",
        "floor": "0.1",
        "peak": "0.001",
        "batch": "unknown; write --batch-size 256",
    }


@table(
    ("facts", "targets", "text"),
    [
        (ps.Calendar(batch_size=256), {}, "256 samples"),
        (ps.Calendar(batch_size=256, accumulation=2, sequence_length=1024), {}, "524,288 tokens"),
        (ps.Calendar(tokens_per_step=4096), {}, "4,096 tokens"),
        (None, {"batch_size": 'constant(8, over="25%") >> constant(16)'}, "8 to 16 samples, until 25 % of the run"),
    ],
)
def test_the_batch_is_a_fact_or_a_target(facts, targets, text):
    lines = [ps.Binding(ps.Target(name, 1), line) for name, line in targets.items()]
    run = ps.trace(ps.Plan(*lines, lr="constant()", horizon=1000), {"lr": 1e-3}, facts)

    assert departures(run, run)[-1].plan.startswith(text)


def test_batches_in_other_units_cannot_be_compared():
    samples, tokens = (
        ps.trace("cosine()", {"lr": 1e-3}, ps.Calendar(total=100, **fact))
        for fact in ({"batch_size": 256}, {"tokens_per_step": 4096})
    )

    found = departures(samples, tokens)[-1]

    assert (found.plan, found.recipe, found.departs) == ("256 samples", "4,096 tokens", None)


def test_a_run_without_lr_has_no_outline():
    run = ps.trace(ps.Plan(weight_decay="cosine()", horizon=10), {"weight_decay": 0.1})

    with pytest.raises(InvalidArgument, match="no schedule for lr"):
        departures(run, run)


@table("line", ["constant(0)", "constant(-1)", "exponential(1e300)"])
def test_a_run_whose_peak_is_not_a_positive_number_has_no_outline(line):
    with pytest.raises(InvalidArgument, match="the largest lr is"):
        outline(line)


def compare(*arguments):
    return CliRunner().invoke(main, ["compare", *arguments])


def test_options_belong_to_the_plan_and_not_to_the_recipe(tmp_path):
    plan = tmp_path / "job.yaml"
    ps.dump(ps.Plan(lr='warmup("2%") >> cosine(to=0.1)', horizon=100_000), plan)

    for order in ((str(plan), "recipe:kimi-k2"), ("recipe:kimi-k2", str(plan))):
        data = json.loads(compare(*order, "--base", "lr=3e-4", "--batch-size", "256", "--json").stdout)
        rows = {row["what"]: row for row in data["rows"]}
        assert "2507.20534" in data["source"]
        assert (rows["peak"]["plan"], rows["peak"]["recipe"]) == ("0.0003", "0.0002")
        assert (rows["batch"]["plan"], rows["batch"]["recipe"]) == ("256 samples", "16,384 samples")
        assert [what for what, row in rows.items() if not row["departs"]] == ["floor"]


def test_without_a_base_the_peak_is_unknown():
    row = next(
        line for line in compare("cosine()", "recipe:kimi-k2", "--horizon", "10").stdout.splitlines() if "peak" in line
    )

    assert row.split() == ["peak", "unknown;", "write", "--base", "lr=3e-4", "0.0002", "?"]


def test_an_unknown_recipe_gets_the_nearest_name():
    assert 'did you mean "kimi-k2"' in compare("cosine()", "recipe:kimi-k", "--horizon", "10").output


def test_the_floor_of_a_decay_to_zero_is_zero_at_every_length():
    runs = [ps.trace("cosine()", {"lr": 1.0}, ps.Calendar(total=total)) for total in (10, 100_000)]

    assert [one.what for one in departures(*runs) if one.departs] == []
    assert np.all([run["lr"][-1] > 0 for run in runs])
