"""`scheduler.scalars()`: the values that the update used, with names that every logger accepts."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.fields import flat_groups
from paramsched.errors import InvalidArgument
from support.tables import table
from support.updates import probe, run, used

# Characters that TensorBoard does not change and MLflow accepts.
FOR_EVERY_LOGGER = re.compile(r"[\w.-]+(/[\w.-]+)?")


@pytest.mark.parametrize(
    "schedule", ["cosine()", "multistep([7], 0.1)", "linear(1, absolute(0.3))", "restarts(cosine(), 4)"]
)
@table("updates", [1, 6, 7, 8, 30])
def test_last_scalars_belong_to_the_last_update_and_next_scalars_to_the_next(schedule, updates):
    optimizer = probe({"name": "body"}, {"name": "head", "lr": 1.0})
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=schedule, horizon=20), steps_per_epoch=5)
    run(optimizer, updates)

    last, coming = scheduler.scalars(), scheduler.scalars("coming")

    assert list(last.values()) == [used(optimizer, index=index)[-1] for index in (0, 1)]
    assert list(coming.values()) == [group["lr"] for group in optimizer.param_groups]


def test_before_the_first_update_last_and_next_scalars_are_equal():
    scheduler = ps.Scheduler(probe(), {"lr": "linear(0.5, 0)", "horizon": 10})

    assert scheduler.scalars() == scheduler.scalars("coming") == {"lr": 0.05}


def test_an_observed_metric_does_not_change_the_last_scalars():
    scheduler = ps.Scheduler(optimizer := probe(), {"lr": 'constant() * plateau("loss", patience=0, factor=0.5)'})
    run(optimizer, 1)
    for _ in range(2):
        scheduler.observe(loss=1.0)

    assert (scheduler.scalars(), scheduler.scalars("coming")) == ({"lr": 0.1}, {"lr": 0.05})


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ([{}], ["lr", "betas_0"]),
        ([{"name": "body"}], ["lr", "betas_0"]),
        ([{}, {}], ["lr/0", "betas_0/0", "lr/1", "betas_0/1"]),
        ([{"name": "e/1"}, {"name": "голова 1"}], ["lr/e_1", "betas_0/e_1", "lr/голова_1", "betas_0/голова_1"]),
        ([{"name": "a b"}, {"name": "a/b"}], ["lr/0", "betas_0/0", "lr/1", "betas_0/1"]),
        ([{"name": "1"}, {"name": ".."}], ["lr/0", "betas_0/0", "lr/1", "betas_0/1"]),
    ],
)  # fmt: skip
def test_scalar_names_contain_the_group_if_there_are_several(groups, names):
    scheduler = ps.Scheduler(probe(*groups), {"lr": "linear()", "betas[0]": "linear()", "horizon": 10})

    assert list(scheduler.scalars()) == names


@given(st.lists(st.text(max_size=3), min_size=1, max_size=5))
def test_every_logger_accepts_the_names_and_they_are_unique(names):
    found = [f"lr{ending}" for ending in flat_groups([{"name": name} for name in names])]

    assert len(set(found)) == len(names)
    assert all(FOR_EVERY_LOGGER.fullmatch(name) for name in found)


def test_targets_and_the_consumed_amount_are_scalars():
    optimizer = probe()
    target = {"initial": 2.0, "schedule": "linear(1, 0)"}
    plan = {"clock": "tokens", "horizon": "400 tokens", "lr": "linear(1, 0)", "targets": {"lr": target, "drop": target}}
    scheduler = ps.Scheduler(optimizer, plan, tokens_per_step=100)
    run(optimizer, 2)

    assert scheduler.scalars() == {"lr": 0.1 * 0.75, "targets/lr": 1.5, "drop": 1.5, "consumed_tokens": 100.0}
    assert scheduler.scalars("coming")["consumed_tokens"] == 200.0


@pytest.mark.parametrize(
    "schedule", ["warmup(5) >> cosine(to=0.1)", "linear(1, absolute(0.3))", "constant(absolute(2))"]
)
def test_a_factor_is_the_value_of_the_next_update_divided_by_its_base(schedule):
    optimizer = probe({"name": "body"}, {"name": "head", "lr": 0.5})
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=schedule, horizon=20))
    run(optimizer, 7)

    factors = [scheduler.factor("lr", one) for one in (None, 0, "body", 1, "head")]

    body, head = (group["lr"] for group in optimizer.param_groups)
    assert factors == [body / 0.1] * 3 + [head / 0.5] * 2


def test_a_factor_exists_only_for_a_scheduled_field_with_a_base():
    plan = ps.Plan(ps.Binding(ps.Target("temperature", 2.0), "linear()"), lr="linear()", horizon=4)
    scheduler = ps.Scheduler({"a": probe(), "b": probe({"name": "head", "lr": 0.0})}, plan)

    assert scheduler.factor("lr") == 1.0
    for field, group in (("temperature", None), ("momentum", None), ("lr", "tail")):
        with pytest.raises(
            InvalidArgument, match=r"scheduler.factor\(.*the plan does not schedule it \(only lr of group 'a/0'"
        ):
            scheduler.factor(field, group)
    with pytest.raises(InvalidArgument, match="the base of this field is 0"):
        scheduler.factor("lr", "head")


@pytest.mark.parametrize(
    ("plan", "facts", "total"),
    [
        (ps.Plan(lr="cosine()", horizon=20), {}, 20),
        (ps.Plan(lr="cosine()", horizon="3 epochs"), {"steps_per_epoch": 100}, 300),
        (ps.Plan(lr="cosine()"), {"total": 70}, 70),
        (ps.Plan(lr="cosine()", horizon="1000 samples", clock="samples"), {"batch_size": 64}, 16),
        (ps.Plan(lr="exponential(0.9)"), {}, None),
        (ps.Plan(lr="cosine()", clock="progress"), {}, None),
    ],
)
def test_total_is_the_length_of_the_run_in_updates(plan, facts, total):
    assert ps.Scheduler(probe(), plan, **facts).total == total


def test_total_is_unknown_until_the_facts_are_passed():
    scheduler = ps.Scheduler(probe(), ps.Plan(lr="cosine()", horizon="2 epochs"), calendar="later")
    with pytest.raises(ps.errors.ParamschedError, match="no run facts yet"):
        _ = scheduler.total
    scheduler.set_facts(steps_per_epoch=5)

    assert scheduler.total == 10


def test_an_unknown_update_name_is_rejected_with_the_known_names():
    with pytest.raises(InvalidArgument, match=r'expected one of coming, last\. Use scheduler\.scalars\("coming"\)'):
        ps.Scheduler(probe(), {"lr": "linear()", "horizon": 10}).scalars("next")


# ---------------------------------------------------------------------- a plan as it is written


PLAN = ps.Plan(lr=ps.warmup("5%") >> ps.cosine(to=0.01), horizon="20 epochs")


@pytest.mark.parametrize("name", ["plan.yaml", "plan.json"])
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_scheduler_accepts_the_path_of_a_plan(tmp_path, name, kind):
    ps.dump(PLAN, tmp_path / name)

    assert ps.Scheduler(probe(), kind(tmp_path / name), steps_per_epoch=5).plan == PLAN


@pytest.mark.parametrize(
    "given", [ps.dump(PLAN), {"horizon": "20 epochs", "lr": ['warmup("5%")', {"cosine": {"to": 0.01}}]}]
)
def test_a_scheduler_accepts_the_content_of_a_plan_file(given):
    assert ps.Scheduler(probe(), given, steps_per_epoch=5).plan == PLAN


def test_errors_in_a_plan_file_have_locations_and_the_optimizer_is_unchanged(tmp_path):
    (tmp_path / "plan.yaml").write_text("lr: cosin()\nhorizont: 3\n")
    optimizer = probe()
    before = dict(optimizer.param_groups[0])

    with pytest.raises(ps.errors.ConfigError) as refusal:
        ps.Scheduler(optimizer, tmp_path / "plan.yaml")

    assert "plan.yaml:1:5: $.lr" in str(refusal.value)
    assert "plan.yaml:2:1: $.horizont" in str(refusal.value)
    assert optimizer.param_groups[0] == before


@table(
    ("given", "instead"),
    [
        (None, "For example: ps.Plan("), (3, 'Write "absolute(3)" for the value 3, or "constant(3)"'),
        (10**5000, 'For example: "constant(1.0)"'), (float("nan"), 'For example: "constant(1.0)"'),
        (torch.optim.SGD, "For example: ps.Plan("),
        ([ps.warmup(2), ps.cosine()], "Write >> between"), (lambda t: t, "For example: ps.from_function("),
    ],
)  # fmt: skip
def test_a_value_that_is_not_a_plan_raises(given, instead):
    with pytest.raises(InvalidArgument, match=rf"expected a plan, got \w+\. {re.escape(instead)}"):
        ps.Scheduler(probe(), given)
