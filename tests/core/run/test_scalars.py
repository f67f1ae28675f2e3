"""`scheduler.scalars()`: the values that the update used, with names that every logger accepts."""

import re

import pytest
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


@given(st.lists(st.text(max_size=3), min_size=1, max_size=5))
def test_every_logger_accepts_the_names_and_they_are_unique(names):
    found = [f"lr{ending}" for ending in flat_groups([{"name": name} for name in names])]

    assert len(set(found)) == len(names)
    assert all(FOR_EVERY_LOGGER.fullmatch(name) for name in found)


def test_an_unknown_update_name_is_rejected_with_the_known_names():
    with pytest.raises(InvalidArgument, match=r'expected one of coming, last\. Use scheduler\.scalars\("coming"\)'):
        ps.Scheduler(probe(), {"lr": "linear()", "horizon": 10}).scalars("next")


# ---------------------------------------------------------------------- a plan as it is written


def test_errors_in_a_plan_file_have_locations_and_the_optimizer_is_unchanged(tmp_path):
    (tmp_path / "plan.yaml").write_text("lr: cosin()\nhorizont: 3\n")
    optimizer = probe()
    before = dict(optimizer.param_groups[0])

    with pytest.raises(ps.errors.ConfigError) as refusal:
        ps.Scheduler(optimizer, tmp_path / "plan.yaml")

    assert "plan.yaml:1:5: $.lr" in str(refusal.value)
    assert "plan.yaml:2:1: $.horizont" in str(refusal.value)
    assert optimizer.param_groups[0] == before
