"""Trace: a plan's values as arrays, from dicts or from an optimizer."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.plan import Binding, Plan, Target, resolve
from paramsched.core.plan.trace import trace
from paramsched.core.schedules import absolute
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.errors import InvalidArgument
from support import strategies

GROUPS = [{"lr": 0.1, "betas": (0.9, 0.99), "name": "body"}, {"lr": 0.3, "betas": (0.8, 0.98)}]
PLAN = Plan(
    Binding("betas[0]", linear(absolute(0.85), absolute(0.95))),
    Binding("lr", constant(0.5), groups=1),
    Binding(Target("temperature", 2.0), linear(1.0, 0.0)),
    lr=linear(1.0, 0.0),
    horizon=4,
)


@given(st.data())
def test_trace_values_equal_single_calls_bit_for_bit(data):
    world = data.draw(strategies.worlds())
    plan = data.draw(strategies.plans(world))
    try:
        shown = trace(plan, strategies.GROUPS, world.calendar)
    except InvalidArgument:
        return
    bases = {"lr": "lr", "weight_decay": "weight_decay", "momentum": "momentum", "eps": "eps"}

    for binding in plan.bindings:
        if isinstance(binding.field, str) and binding.field in bases and binding.groups == "head":
            schedule = resolve(binding.schedule, world.calendar)
            base = strategies.GROUPS[1][binding.field]
            times = data.draw(st.lists(st.integers(0, world.total - 1), min_size=1, max_size=5))
            assert [shown[binding.field, "head"][t] for t in times] == [schedule(t, base) for t in times]


@given(st.lists(st.booleans(), min_size=2, max_size=5), st.data())
def test_the_share_of_a_base_is_that_of_the_updates_of_the_run(scaled, data):
    total = data.draw(st.integers(1, len(scaled)))
    line = " >> ".join(f"constant({1 if one else 'absolute(0.5)'}, over=1)" for one in scaled)

    shown = trace(Plan(lr=line, horizon=total), {"lr": 0.25})

    of_run = scaled[:total]
    assert shown["lr"].tolist() == [0.25 if one else 0.5 for one in of_run]
    assert shown.base("lr", 0).share == ("all" if all(scaled) else "some" if any(of_run) else "none")


def test_the_flat_table_has_a_row_per_update_and_reads_back_exactly(tmp_path):
    shown = trace(Plan(lr=cosine(to=1 / 3), weight_decay=warmup(7), horizon=9), {"lr": 0.1, "weight_decay": 0.3})
    shown.to_csv(tmp_path / "values.csv")

    rows = list(csv.reader((tmp_path / "values.csv").open()))

    assert rows[0] == ["t", "lr[0]", "weight_decay[0]"]
    assert [int(row[0]) for row in rows[1:]] == list(range(9))
    assert [float(row[1]) for row in rows[1:]] == shown["lr"].tolist()
    assert (tmp_path / "values.csv").read_bytes().count(b"\r") == 0


def test_a_data_frame_has_a_column_per_field_and_group():
    pd = pytest.importorskip("pandas")
    frame = trace(PLAN, GROUPS).to_pandas()

    assert frame.index.name == "t"
    assert frame.columns.names == ["field", "group"]
    assert frame["lr", "body"].tolist() == trace(PLAN, GROUPS)["lr", "body"].tolist()
    assert isinstance(frame, pd.DataFrame)


def test_a_dict_has_lists_by_column_name():
    assert trace(PLAN, GROUPS).to_dict()["temperature"] == [2.0, 1.5, 1.0, 0.5]
    assert set(trace(PLAN, GROUPS).to_dict()) == {"lr[body]", "lr[1]", "betas[0][body]", "betas[0][1]", "temperature"}


def test_an_unknown_curve_lists_the_available_curves():
    with pytest.raises(KeyError, match="betas"):
        _ = trace(PLAN, GROUPS)["eps", 0]
