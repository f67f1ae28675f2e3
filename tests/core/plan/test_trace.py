"""Trace: a plan's values as arrays, from dicts or from an optimizer."""

import csv

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.feedback import plateau
from paramsched.core.plan import Binding, Plan, Target, resolve
from paramsched.core.plan.trace import trace
from paramsched.core.schedules import absolute
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument, PlanError, UnknownField, Unresolved
from support import strategies
from support.tables import table

GROUPS = [{"lr": 0.1, "betas": (0.9, 0.99), "name": "body"}, {"lr": 0.3, "betas": (0.8, 0.98)}]
PLAN = Plan(
    Binding("betas[0]", linear(absolute(0.85), absolute(0.95))),
    Binding("lr", constant(0.5), groups=1),
    Binding(Target("temperature", 2.0), linear(1.0, 0.0)),
    lr=linear(1.0, 0.0),
    horizon=4,
)


def test_a_curve_is_found_by_field_and_group_name_or_index():
    shown = trace(PLAN, GROUPS)

    assert shown.keys() == (("betas[0]", "body"), ("betas[0]", 1), ("lr", "body"), ("lr", 1), ("temperature", "")) or (
        set(shown.keys()) == {("betas[0]", "body"), ("betas[0]", 1), ("lr", "body"), ("lr", 1), ("temperature", "")}
    )
    assert [*shown] == [*shown.keys()] == [*dict(shown)]
    assert shown["lr", "body"].tolist() == [0.1 * (4 - t) / 4 for t in range(4)]
    assert shown["lr", 0] is shown["lr", "body"]
    assert shown["lr", 1].tolist() == [0.15] * 4
    assert shown["temperature"].tolist() == [2.0, 1.5, 1.0, 0.5]
    assert ("lr", 1) in shown
    assert ("lr", 7) not in shown
    assert len(shown) == shown.total == 4


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


def test_a_dict_is_one_group_and_an_optimizer_provides_its_groups():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.2, momentum=0.9)
    plan = Plan(lr=linear(1.0, 0.0), momentum="constant(0.5)", horizon=2)

    assert trace(plan, optimizer).to_dict() == trace(plan, {"lr": 0.2, "momentum": 0.9}).to_dict()
    assert optimizer.param_groups[0]["lr"] == 0.2


@table("entry", [(0.9, 0.99), [0.9, 0.99]])
def test_a_dict_of_a_pair_alone_is_one_group(entry):
    assert trace(Plan(Binding("betas[0]", 1.0), horizon=2), {"betas": entry})["betas[0]", 0].tolist() == [0.9, 0.9]


def test_an_optimizer_that_carries_a_plan_is_traced_from_its_recorded_bases():
    group = {"lr": 0.001, "betas": (0.1, 0.2), "paramsched": '{"bases": {"lr": 0.4, "betas_0": 0.5}}'}
    plan = Plan(Binding("betas[0]", 1.0), lr=linear(1.0, 0.0), horizon=2)

    assert trace(plan, group)["lr", 0].tolist() == [0.4, 0.2]
    assert trace(plan, group)["betas[0]", 0].tolist() == [0.5, 0.5]


def test_momentum_keeps_its_name_in_a_group_with_betas():
    shown = trace(Plan(momentum="constant(0.5)", horizon=2), {"lr": 0.1, "betas": (0.9, 0.99)})

    assert shown["momentum", 0].tolist() == [0.45, 0.45]


def test_a_tensor_can_be_a_base():
    shown = trace(Plan(lr=linear(1.0, 0.0), horizon=2), {"lr": torch.tensor(0.5)})

    assert shown["lr", 0].tolist() == [0.5, 0.25]


def test_metric_rules_are_neutral_in_a_trace():
    assert trace(Plan(lr=linear(1.0, 0.0) * plateau(), horizon=2), {"lr": 1.0})["lr"].tolist() == [1.0, 0.5]


def test_groups_with_the_same_name_are_distinguished_by_their_index():
    shown = trace(Plan(lr="constant(0.5)", horizon=1), [{"lr": 0.1, "name": "a"}, {"lr": 0.2, "name": "a"}])

    assert shown.keys() == (("lr", 0), ("lr", 1))


@pytest.mark.parametrize("clock", ["updates", "tokens"])
@table(
    ("line", "share"),
    [
        ("linear(1, 0)", "all"),
        ("linear(absolute(0.1), absolute(0))", "none"),
        ("constant(absolute(0.5))", "none"),
        ("linear(1, absolute(0))", "some"),
        ('linear(1, 0, over="99%") >> constant(absolute(0.1))', "some"),
        ("constant(absolute(0.1), over=1) >> linear()", "some"),
    ],
)
def test_a_base_has_the_share_of_the_values_that_scale_with_it(line, share, clock):
    shown = trace(Plan(lr=line, horizon=200, clock=clock), {"lr": 0.25}, Calendar(tokens_per_step=1))

    assert (shown.base("lr", 0).value, shown.base("lr", 0).share) == (0.25, share)
    assert shown.with_assumed_bases([("lr", 0)]).base("lr", 0).value is None


@given(st.lists(st.booleans(), min_size=2, max_size=5), st.data())
def test_the_share_of_a_base_is_that_of_the_updates_of_the_run(scaled, data):
    total = data.draw(st.integers(1, len(scaled)))
    line = " >> ".join(f"constant({1 if one else 'absolute(0.5)'}, over=1)" for one in scaled)

    shown = trace(Plan(lr=line, horizon=total), {"lr": 0.25})

    of_run = scaled[:total]
    assert shown["lr"].tolist() == [0.25 if one else 0.5 for one in of_run]
    assert shown.base("lr", 0).share == ("all" if all(scaled) else "some" if any(of_run) else "none")


def test_the_arrays_of_a_trace_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        trace(PLAN, GROUPS)["lr", 1][0] = 3.0


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


def test_breakpoints_and_lines_come_from_the_resolved_schedules():
    shown = trace(Plan(lr=warmup("25%") >> cosine(), horizon=8), {"lr": 1.0})

    assert shown.breakpoints("lr", 0) == (0, 2, 8)
    assert shown.line("lr", 0) == "warmup(2) >> cosine(over=6)"


def test_a_long_trace_is_computed_in_blocks_without_a_visible_difference():
    shown = trace(Plan(lr=cosine(), horizon=40_000), {"lr": 0.1})

    assert shown["lr"][[0, 16383, 16384, 39_999]].tolist() == [
        cosine(over=40_000)(t, 0.1) for t in (0, 16383, 16384, 39_999)
    ]
    assert np.isfinite(shown["lr"]).all()


@table(
    ("call", "error", "message"),
    [
        (lambda: trace(Plan(lr=warmup(5)), {"lr": 1.0}), Unresolved, "horizon"),
        (lambda: trace(3, {"lr": 1.0}), InvalidArgument, "expected a plan, got int"),
        (lambda: trace(PLAN, 3), InvalidArgument, "expected an optimizer or bases"),
        (lambda: trace(PLAN, [3]), InvalidArgument, "dicts"),
        (lambda: trace(PLAN, {"lr": 1.0}), PlanError, "no group"),
        (lambda: trace(PLAN, GROUPS, Calendar(total=5)), PlanError, "total is 5"),
        (lambda: trace(Plan(lr="constant(0.5)", horizon=10**12), {"lr": 1.0}), InvalidArgument, "too many to store"),
    ],
)
def test_plans_that_cannot_be_traced_are_rejected(call, error, message):
    with pytest.raises(error) as refusal:
        call()

    assert message in str(refusal.value)


def test_an_unknown_curve_lists_the_available_curves():
    with pytest.raises(KeyError, match="betas"):
        _ = trace(PLAN, GROUPS)["eps", 0]


@pytest.mark.parametrize("optimizer", [{"lr": 0.1}, {"muon": {"lr": 0.1}, "adamw": {"lr": 0.2}}])
@pytest.mark.parametrize("key", [3, None, ("lr",), ("lr", 0, 0), ["lr"]])
def test_a_key_of_another_type_is_an_unknown_curve(optimizer, key):
    curves = trace(Plan(lr="linear()", horizon=4), optimizer)

    assert key not in curves
    with pytest.raises(
        UnknownField, match=r"unknown curve; expected one of .*\. For example: trace\['lr', "
    ) as refusal:
        curves[key]
    assert "lr" in curves
    assert curves[refusal.value.instead.split("'")[1]].size == 4


def test_the_repr_is_short_and_escapes_control_characters():
    groups = [{"lr": 0.1, "name": f"he\x1b[31mad\nlr {index}"} for index in range(19)]

    lines = repr(trace(Plan(lr=linear(), horizon=4), groups)).split("\n")

    assert lines[0].startswith(r"<Trace of 4 updates: lr[he\x1b[31mad\nlr 0], lr[he\x1b[31mad\nlr 1], ")
    assert max(map(len, lines)) <= 100
