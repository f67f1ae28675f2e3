"""Branches of plans that serve one kind of input, and comparisons at their borders."""

import math
import pickle

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.plan import bind
from paramsched.core.plan.optimizers import check_names, find_group, refuse_several_plans, scopes_of
from paramsched.core.plan.plan import peers_plan
from paramsched.core.plan.resolve import uneven_unit
from paramsched.core.plan.run_amounts import usual_size
from paramsched.core.plan.value_ranges import ValueRange, first_outside, with_floor
from paramsched.errors import InvalidArgument, MissingFact, Unresolved
from support.tables import table


@table(("field", "written"), [(ps.cosine(over=5), "cosine(over=5)"), ("cosine(over=5)", "'cosine(over=5)'")])
def test_a_binding_with_its_arguments_swapped_is_answered_with_the_right_order(field, written):
    with pytest.raises(InvalidArgument) as refusal:
        ps.Binding(field, "lr")

    assert refusal.value.site == f"Binding({written}, 'lr')"
    suggested = eval(refusal.value.instead.removeprefix("For example: "), vars(ps))
    assert suggested == ps.Binding("lr", "cosine(over=5)")


@table("line", ["linear(1, 0, over=50)", "cosine(start=0.5, over=50)", "exponential(0.9)", "constant(0.5)"])
def test_the_values_of_a_schedule_are_not_computed_if_its_bounds_are_inside(line):
    schedule = ps.resolve(ps.parse(line), ps.Calendar(total=100))

    assert first_outside(schedule, ValueRange(1.0), 0.1, pytest.fail, 0, 100) is None


@table(
    ("end", "total", "first"),
    [
        (100, 100, None),  # the last value is 0
        (101, 100, None),
        (200, 198, 100),
        (200, 99, 50),
        (3 * 2**20, 3 * 2**20, 3 * 2**19 + 1),  # only every third update is evaluated first
        (3 * 2**20, 4 * 2**19, 2**20 + 1),
    ],
)
def test_the_first_update_outside_of_a_range_is_exact_in_runs_of_any_length(end, total, first):
    to = "0" if first is None else "-1"
    schedule = ps.parse(f"linear(1, {to}, over={total})")

    for start in (0, 1, 2, 3):
        found = first_outside(schedule, ValueRange(math.inf), 1.0, lambda updates: updates, start, end)
        assert found == (None if first is None else (first, schedule(first))), start


def test_a_range_is_checked_from_the_first_update_to_the_last():
    falling = ps.parse("linear(1, -1, over=10)")

    def outside(start, end):
        return first_outside(falling, ValueRange(math.inf), 1.0, lambda updates: updates, start, end)

    assert outside(0, 6) is None
    assert outside(0, 7) == (6, falling(6))
    assert outside(6, 7) == (6, falling(6))
    assert outside(7, 7) is None


def test_the_values_of_a_metric_rule_are_checked_at_the_first_update_only():
    falling = ps.Plan(lr="linear(1, -1, over=10) * plateau()").bindings[0].schedule

    def outside(start):
        return first_outside(falling, ValueRange(math.inf), 1.0, lambda updates: updates, start, 20)

    assert outside(0) is None
    assert outside(6) is not None


def test_names_of_optimizers_are_checked():
    for names, found in (
        ({}, "expected at least one optimizer"),
        ({"a/b": 1}, "must not"),
        ({"manual": 1}, "reserved"),
    ):
        with pytest.raises(InvalidArgument, match=found):
            check_names("Scheduler", names)


def test_a_list_of_plans_is_answered_with_one_plan():
    plans = [ps.Plan(lr="cosine()", horizon=10), "linear()"]

    with pytest.raises(InvalidArgument) as refused:
        refuse_several_plans("Scheduler", plans, ("muon", "adamw"))

    assert str(refused.value).endswith(
        "Write ps.Plan(ps.Binding('lr', 'cosine()', groups='muon'), "
        "ps.Binding('lr', 'linear()', groups='adamw'), horizon=10)"
    )


def test_the_group_of_a_curve_is_found_by_its_optimizer_or_its_own_name():
    keys = [("lr", "muon/0"), ("lr", "adamw/embed"), ("lr", "muon/embed"), ("lr", "muon/head"), ("temperature", "")]
    names = ("muon", "adamw")

    assert find_group(keys, names, "lr", "embed") is None  # of two optimizers
    assert find_group(keys, names, "lr", "head") == ("lr", "muon/head")
    assert find_group(keys, names, "lr", "muon/embed") == ("lr", "muon/embed")
    assert find_group(keys, names, "temperature", "head") == ("temperature", "")
    assert find_group(keys, names, "lr", 0) is None


def test_the_fields_of_each_optimizer_are_a_tuple():
    plan = ps.Plan(ps.Binding("lr", "cosine()", groups="muon"), lr="linear()", horizon=10).resolve(ps.Calendar())
    optimizers = {"muon": [{"lr": 1.0}], "adamw": [{"lr": 2.0, "name": "a"}, {"lr": 3.0, "name": "b"}]}

    for name, scope in scopes_of(plan, plan, optimizers).items():
        bound = bind(plan, optimizers[name], scope)
        assert [len(fields) for fields in bound] == [len(fields) for fields in bound] == [1] * len(optimizers[name])


def test_an_uneven_unit_has_a_corner_where_the_size_changes_and_a_bounded_number_of_them():
    few = uneven_unit("tokens", np.array([0.0, 1.0, 2.0, 4.0, 6.0]))
    sizes = np.arange(2000) % 7 + 1.0
    many = uneven_unit("tokens", np.concatenate([[0.0], np.cumsum(np.tile(sizes, 5))]))

    assert (few.updates.tolist(), few.amounts.tolist()) == ([0, 2, 4], [0.0, 2.0, 6.0])
    assert many.updates.size == 2000
    assert (many.updates[0], many.updates[-1]) == (0, 10_000)
    assert many.amounts.tolist() == np.concatenate([[0.0], np.cumsum(np.tile(sizes, 5))])[many.updates].tolist()


def test_a_plan_of_another_library_keeps_its_origin_when_it_is_copied_and_equals_a_written_one():
    line = ps.Binding("lr", "cosine()")
    plan = peers_plan(line, horizon=ps.Duration.of(10), clock=None)

    assert plan == ps.Plan(line, horizon=10)
    assert plan.is_peers
    assert not ps.Plan(line, horizon=10).is_peers
    assert pickle.loads(pickle.dumps(plan)).is_peers


def test_a_plan_has_no_replace_because_a_change_has_a_time():
    with pytest.raises(AttributeError, match="no attribute"):
        ps.Plan(lr="cosine()").replace  # noqa: B018


def test_a_line_whose_groups_have_no_names_is_selected_by_naming_them():
    plan = ps.Plan(ps.Binding("lr", "cosine()", groups=lambda group: True), lr="linear()", horizon=10)

    with pytest.raises(ps.errors.PlanError, match=r'Select groups by name in the plan, and write group="head"$'):
        ps.to_lambda(plan)
    with pytest.raises(ps.errors.UnknownGroup, match="cannot be determined"):
        ps.to_lambda(plan, group="head")


def test_a_trace_names_the_clock_of_each_field():
    facts = ps.Calendar(batch_size=10)
    by_samples = ps.trace(ps.Plan(lr="linear()", horizon="100 samples", clock="samples"), {"lr": 1.0}, facts)

    assert by_samples.clock_of("lr", 0) == "samples"
    assert ps.trace(ps.Plan(lr="linear()", horizon=10), {"lr": 1.0}).clock_of("lr", 0) == "updates"


@table(("clock", "name"), [("tokens", "batch_size"), ("samples", "batch_size")])
def test_the_target_that_usually_plans_an_amount(clock, name):
    assert usual_size(clock) == name


def test_a_horizon_is_not_a_position():
    with pytest.raises(InvalidArgument, match="a horizon is a length, not a position"):
        ps.Plan(lr="cosine()", horizon="until 10 steps")


def test_a_group_that_is_not_there_is_answered_with_the_nearest_or_with_how_to_name_groups():
    groups = [{"lr": 1.0, "name": "head", "kind": "decoder"}]

    for selector, near in (
        ("haed", '"head"'),
        ("entirely_other", ""),
        ("kind=decodr", '"kind=decoder"'),
        ("size=12", ""),
    ):
        with pytest.raises(ps.errors.UnknownGroup) as refused:
            bind(ps.Plan(ps.Binding("lr", "cosine(over=5)", groups=selector)), groups)
        assert near in str(refused.value), selector


@table(
    ("horizon", "total", "place"),
    [("100 steps", None, 'horizon "100"'), (None, 100, "Calendar(total=…)")],
)
def test_a_missing_fact_of_the_length_of_a_run_names_where_that_is_written(horizon, total, place):
    plan = ps.Plan(lr="linear()", clock="tokens", horizon=horizon)
    with pytest.raises(MissingFact) as refusal:
        plan.resolve(ps.Calendar(total=total))

    assert str(refusal.value.site) == place


@table(
    ("schedule", "advice"),
    [
        (ps.constant(-0.5), "For example: clamp(constant(-0.5), low=0)"),
        (ps.constant(-0.5) * ps.plateau("loss"), "Raise its lowest level to 0"),
        (ps.anneal(1.0, -1.0, 5, lambda u: u), "Raise its lowest level to 0"),  # it has no text
        (ps.parse(" >> ".join(["constant(-0.5, 10)"] * 6)), "Raise its lowest level to 0"),
    ],
)
def test_the_advice_for_values_below_0_is_a_line_that_can_be_pasted_or_a_sentence(schedule, advice):
    assert with_floor(schedule) == advice


@table(("clock", "horizon"), [("updates", "10_000"), ("samples", '"10_000 samples"'), ("seconds", '"10_000 seconds"')])
def test_the_advice_for_an_unknown_length_of_the_run_is_in_the_unit_of_the_clock(clock, horizon):
    with pytest.raises(Unresolved) as refusal:
        ps.Plan(lr="warmup(5) >> linear()", clock=clock).resolve(ps.Calendar(batch_size=4, seconds_per_step=1))

    assert f"for example horizon={horizon}" in str(refusal.value)
