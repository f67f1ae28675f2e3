"""Plans: identity, groups that a line selects, bases, clocks, and plans without an optimizer."""

import copy
import math
import pickle
from itertools import combinations, product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan import PLANNED_SIZES, Binding, Plan, bind, scopes_of
from paramsched.core.plan.binding import OverlapOfGroups, is_selected, overlap_of
from paramsched.core.plan.lines import ValueRange, first_outside
from paramsched.core.plan.optimizers import OptimizerScope, one_plan_advice
from paramsched.core.schedules import cosine, warmup
from paramsched.core.time import CLOCKS
from paramsched.errors import UnknownGroup
from support.registered_shapes import shapes_as_before
from support.tables import table

# ---------------------------------------------------------------- normal form


def test_a_plan_is_frozen_copies_and_pickles():
    plan = Plan(lr=warmup("5%") >> cosine(), total="2 epochs")

    for same in (copy.deepcopy(plan), pickle.loads(pickle.dumps(plan))):
        assert same == plan
        assert same.text == plan.text
    with pytest.raises(AttributeError, match="frozen"):
        plan.total = None
    with pytest.raises(AttributeError, match="frozen"):
        del plan.bindings


def test_an_index_as_text_selects_the_group_as_in_a_file():
    plan = Plan(Binding("lr", "constant(0.5)", groups="[1]"), lr="linear()", total=10)

    assert plan == Plan(Binding("lr", "constant(0.5)", groups=1), lr="linear()", total=10) == ps.loads(ps.dump(plan))
    trace = ps.trace(plan, [{"lr": 1.0, "name": "1"}, {"lr": 1.0, "name": "[1]"}, {"lr": 1.0}])
    assert [trace["lr", group][5] for group in (0, 1, 2)] == [0.5, 0.5, 0.5]
    assert [trace["lr", group][0] for group in (0, 1, 2)] == [1.0, 0.5, 1.0]


def test_the_example_for_an_entry_of_a_plan_file_is_a_plan_with_that_entry():
    for entry in ("groups", "later", "targets"):
        with pytest.raises(ps.errors.InvalidArgument) as caught:
            Plan(lr="cosine()", **{entry: {}})
        plan = eval(caught.value.problem.advice.removeprefix("For example: "), {"ps": ps})

        assert f"\n{entry}:" in ps.dump(plan)


def test_a_scheduler_writes_zero_to_groups_with_a_base_of_zero():
    groups = [{"params": [torch.zeros(1)], "lr": lr} for lr in (0.0, 1e-300)]
    scheduler = ps.Scheduler(torch.optim.SGD(groups), ps.Plan(lr=ps.exponential(1e200)))

    for _ in range(2):
        scheduler.optimizer.step()

    assert scheduler.optimizer.param_groups[0]["lr"] == 0.0
    assert scheduler.optimizer.param_groups[1]["lr"] == np.inf  # after the last update


def test_the_values_of_a_metric_rule_are_checked_at_the_first_update_only():
    falling = ps.Plan(lr="linear(1, -1, over=10) * plateau()").bindings[0].schedule

    def outside(start):
        return first_outside(falling, ValueRange(math.inf), 1.0, lambda updates: updates, start, 20)

    assert outside(0) is None
    assert outside(6) is not None


def test_the_fields_of_each_optimizer_are_a_tuple():
    plan = ps.Plan(ps.Binding("lr", "cosine()", groups="muon"), lr="linear()", total=10).resolve()
    optimizers = {"muon": [{"lr": 1.0}], "adamw": [{"lr": 2.0, "name": "a"}, {"lr": 3.0, "name": "b"}]}

    for name, scope in scopes_of(plan, plan, optimizers).items():
        bound = bind(plan, optimizers[name], scope)
        assert [len(fields) for fields in bound] == [len(fields) for fields in bound] == [1] * len(optimizers[name])


@table(("word", "clock"), [("images", "samples"), ("examples", "samples"), *zip(CLOCKS, CLOCKS, strict=True)])
def test_a_clock_has_one_canonical_name(word, clock):
    assert ps.Plan(lr="cosine()", clock=word).clock == clock


@table("name", sorted(PLANNED_SIZES))
def test_a_field_of_the_optimizer_with_the_name_of_a_size_plans_none(name):
    group = {"lr": 0.1, name: 4.0}
    facts = ps.RunFacts(batch_size=4, sequence_length=8)
    alone = ps.trace(ps.Plan(lr="linear()", clock="tokens", total="3000 tokens"), group, facts=facts)

    shown = ps.trace(
        ps.Plan(
            ps.Binding(name, 'stairs(1, 4, 2, over="40 tokens")'), lr="linear()", clock="tokens", total="3000 tokens"
        ),
        group,
        facts=facts,
    )

    assert shown.amounts.tolist() == alone.amounts.tolist()
    assert shown["lr"].tolist() == alone["lr"].tolist()


def test_a_bare_number_means_updates_on_every_clock():
    bare, explicit = (
        ps.Plan(lr=f"warmup({over}) >> cosine()", total="1M tokens", clock="tokens")
        for over in ("2000", '"2000 steps"')
    )
    assert bare == explicit
    assert not bare.is_resolved
    resolved = bare.resolve(tokens_per_step=4)
    assert str(resolved.bindings[0].schedule) == 'warmup("8000 tokens") >> cosine(over="992000 tokens")'


@table("total", ["1000 tokens", "1001 tokens", "1023 tokens", "1024 tokens", "1025 tokens"])
def test_the_total_ends_with_the_first_update_that_starts_at_or_after_it(total):
    plan = ps.Plan(lr="linear(1, 0)", clock="tokens", total=total)
    trace = ps.trace(plan, {"lr": 1.0}, tokens_per_step=128)
    end = int(total.split()[0])
    assert trace.amounts[-1] < end <= trace.amounts[-1] + 128


def test_a_csv_has_the_amounts_after_the_updates(tmp_path):
    plan = ps.Plan(lr="linear(1, 0)", clock="samples", total="20 samples")
    ps.trace(plan, {"lr": 1.0}, batch_size=8).to_csv(tmp_path / "plan.csv")
    assert (tmp_path / "plan.csv").read_text() == "t,samples,lr[0]\n0,0,1.0\n1,8,0.6\n2,16,0.2\n"


GROUPS = {"muon": [{"lr": 0.1}], "adamw": [{"lr": 0.2, "name": "a"}, {"lr": 0.3, "name": "b"}]}


TEMPERATURE = ps.Binding(ps.Target("temperature", 2.0), "linear(1, 0)")


PLANS = {
    "the same total": ({"muon": ps.Plan(lr="cosine()", total=9), "adamw": ps.Plan(lr="linear()", total=9)}),
    "one total": ({"muon": ps.Plan(lr="cosine()"), "adamw": ps.Plan(lr="linear()", total=9)}),
    "groups": {
        "muon": ps.Plan(lr="cosine()", total=9),
        "adamw": ps.Plan(
            ps.Binding("lr", "linear()", groups="a"), ps.Binding("lr", "constant(0.5)", groups="b"), total=9
        ),
    },
    "groups by index and together": {
        "muon": ps.Plan(ps.Binding("lr", "cosine()", groups=0), total=9),
        "adamw": ps.Plan(ps.Binding("lr", "linear()", groups="a, b"), total=9),
    },
    "a target of both": {
        "muon": ps.Plan(TEMPERATURE, lr="cosine()", total=9),
        "adamw": ps.Plan(TEMPERATURE, lr="linear()", total=9),
    },
    "an amount": {
        "muon": ps.Plan(lr="cosine()", clock="samples", total="90 samples"),
        "adamw": ps.Plan(lr="linear()", clock="samples", total="90 samples"),
    },
}


@pytest.mark.parametrize("name", PLANS)
def test_the_one_plan_has_the_values_of_the_plans_that_it_replaces(name):
    plans = PLANS[name]
    facts = ps.RunFacts(batch_size=10)

    advice = one_plan_advice(plans)
    trace = ps.trace(eval(advice[advice.index("ps.Plan") :], {"ps": ps}), GROUPS, facts=facts)

    expected = {}
    for optimizer, plan in plans.items():
        total = None if plan.total is not None else 9
        shown = ps.trace(plan, GROUPS[optimizer], batch_size=10, total=total)
        for field, group in shown.keys():
            key = (field, group) if group == "" else (field, f"{optimizer}/{group}")
            expected[key] = shown[field, group].tolist()
    assert {key: trace[key].tolist() for key in trace.keys()} == expected
    assert trace.clock == ps.trace(plans["adamw"], GROUPS["adamw"], facts=facts).clock


GROUPS_OF_GROUP_MATCHING = (
    {"lr": 0.1, "weight_decay": 0.05, "betas": (0.9, 0.999), "name": "layer_1", "is_last_layer": False, "kind": "w"},
    {"lr": 0.1, "weight_decay": 0.0, "betas": (0.9, 0.999), "name": "layer_2", "is_last_layer": False, "kind": "b"},
    {"lr": 0.1, "weight_decay": 0.05, "betas": (0.9, 0.999), "name": "head", "is_last_layer": True, "kind": "none"},
    {"lr": 0.1, "weight_decay": 1e-3, "betas": (0.9, 0.999), "frozen": None},
)


def selected(text, groups=GROUPS_OF_GROUP_MATCHING):
    """Return the indices of the groups that match a selector."""
    bounds = bind(Plan(Binding("lr", "constant(0.5)", groups=text)), groups)
    return [index for index, bound in enumerate(bounds) if bound]


@table(
    ("text", "indices"),
    [
        ("head", [2]),
        ("layer_*", [0, 1]),
        ("layer_*, head", [0, 1, 2]),
        ("head,layer_1", [0, 2]),
        ("layer_[12]", [0, 1]),
        ("*", [0, 1, 2]),
        ("is_last_layer=true", [2]),
        ("is_last_layer = False", [0, 1]),
        ("weight_decay=0", [1]),
        ("weight_decay=0.001", [3]),
        ("weight_decay=1e-3", [3]),
        ("kind=b", [1]),
        ("kind=none", [2]),
        ("frozen=null", [3]),
    ],
)
def test_text_selects_groups_by_name_entry_or_pattern(text, indices):
    assert selected(text) == indices


@table("name", ["a, b", "is_last_layer=true", "layer_[1]", "x=1, y"])
def test_a_group_with_exactly_the_given_name_is_always_selected(name):
    assert selected(name, ({"lr": 0.1, "name": name}, {"lr": 0.1, "name": "other"})) == [0]


@table(
    ("text", "message"),
    [
        ("haed", "no group of that name or index; there are 4 groups: layer_1, layer_2, head"),
        ("layer_*, haed", "no group called 'haed'; there are 4 groups: layer_1, layer_2, head; did you mean \"head\""),
        ("block_*", "no group called 'block_\\*'"),
        ("is_last_layer=1", "no group has is_last_layer=1"),
        ("is_last=true", "no group has is_last=true"),
    ],
)
def test_text_that_matches_no_group_is_rejected(text, message):
    with pytest.raises(UnknownGroup, match=message):
        selected(text)


@given(st.lists(st.sampled_from(["a", "b", "a, b", "a*", "ab"]), min_size=1, max_size=4), st.data())
def test_a_line_is_bound_to_the_groups_that_it_selects(names, data):
    groups = [{"lr": 0.1, "name": name} for name in names]
    selector = data.draw(st.sampled_from([*names, "*", 0, None]))
    plan = Plan(Binding("lr", "constant(0.5)", groups=selector))

    selected_by = [is_selected(selector, group, index) for index, group in enumerate(groups)]
    assert [[line.name for line in bound] for bound in bind(plan, groups)] == [
        ["lr"] * chosen for chosen in selected_by
    ]


NAMES = ("a", "b", "ab", "ba", "abb", "c")


PATTERNS = ("a*", "*b", "?", "[ab]", "*")


OPTIMIZERS = ("muon", "adamw")


PLACES = (*OPTIMIZERS, "muon/a", "adamw/ab", "muon/*", "*/a", "m*/a*", "*/*")


@table("optimizers", [(), OPTIMIZERS])
def test_an_overlap_agrees_with_the_groups_that_both_select(optimizers):
    scopes = [OptimizerScope(name, frozenset(), frozenset()) for name in OPTIMIZERS]
    singles = [*NAMES, *PATTERNS, *(PLACES if optimizers else ())]
    lists = [", ".join(two) for two in combinations(singles, 2)]
    groups = {
        text: {
            (scope.optimizer, name)
            for scope, name in product(scopes, NAMES)
            if (
                scope.selects(text, {"name": name}, f"{scope.optimizer}/{name}")
                if optimizers
                else is_selected(text, {"name": name}, 0)
            )
        }
        for text in (*singles, *lists)
    }

    for first, second in product(singles, (*singles, *lists)):
        for inner, outer in (first, second), (second, first):
            of_inner = groups[inner]
            of_outer = groups[outer]
            overlap = overlap_of(inner, outer, optimizers)
            expected = (
                OverlapOfGroups.INSIDE
                if of_inner <= of_outer
                else OverlapOfGroups.UNKNOWN
                if of_inner & of_outer
                else OverlapOfGroups.APART
            )
            if not optimizers and set(inner) <= set("abc, "):  # without patterns, the overlap is known
                assert overlap is expected, (inner, outer)
            elif overlap is not OverlapOfGroups.UNKNOWN:
                assert of_inner <= of_outer if overlap is OverlapOfGroups.INSIDE else not of_inner & of_outer, (
                    inner,
                    outer,
                )
            elif not optimizers and set(outer) <= set("abc, "):
                assert of_inner & of_outer, (inner, outer)


GROUP = {"lr": 0.1}


RAMP = ps.Binding(ps.Target("batch_size", 1.0), "stairs(2, 9, rises=5, over=20)")


ACCUMULATION = ps.Binding(ps.Target("accumulation", 1.0), "stairs(1, 4, rises=3, over=12)")


RUNS = {
    "by updates": (
        ps.Plan(lr=1.0, total=30),
        {"steps_per_epoch": 10, "batch_size": 4, "sequence_length": 8},
        {"epochs": 0.1, "samples": 4, "tokens": 32},
    ),
    "accumulation": (ps.Plan(lr=1.0, total=30), {"accumulation": 3, "batch_size": 4}, {"samples": 12, "batches": 3}),
    "a growing batch": (ps.Plan(RAMP, lr=1.0, total=30), {"sequence_length": 8}, {"samples": None, "tokens": None}),
    "growing accumulation": (
        ps.Plan(ACCUMULATION, lr=1.0, total=30), {"batches_per_epoch": 7}, {"epochs": None, "batches": None},
    ),
    "an amount": (ps.Plan(lr=1.0, clock="samples", total="101 samples"), {"batch_size": 4}, {"samples": None}),
    "one update": (ps.Plan(lr=1.0, total=1), {"batch_size": 4}, {"samples": 4}),
}  # fmt: skip


def consumed(plan, facts, name):
    """Return the amount of a unit before each update, and after the last one."""
    shown = ps.trace(plan, GROUP, facts=ps.RunFacts(**facts))
    sizes = {target: np.rint(shown[target]) if target in shown else np.ones(shown.total)
             for target in ("batch_size", "accumulation")}  # fmt: skip
    factors = {"samples": 1, "tokens": 8, "batches": 1, "epochs": 1 / 7}
    each = sizes["batch_size"] * sizes["accumulation"] * factors[name]
    return np.concatenate([[0.0], np.cumsum(each)])


@table("name", RUNS)
def test_each_unit_converts_updates_like_a_count(name):
    plan, facts, rates = RUNS[name]
    trace = ps.trace(plan, GROUP, facts=ps.RunFacts(**facts))
    units = {unit.name: unit for unit in trace.time_units()}
    updates = np.arange(trace.total + 1)

    assert units.keys() == rates.keys()
    for unit, rate in rates.items():
        actual = units[unit]
        if name == "an amount":  # the last of the 26 updates is longer than the run
            expected = np.minimum(updates * 4.0, 101.0)
        else:
            expected = consumed(plan, facts, unit) if rate is None else updates * float(rate)
        np.testing.assert_allclose(actual.at(updates), expected, rtol=1e-12)
        np.testing.assert_allclose(actual.update_of(expected), updates, rtol=1e-12)
        assert actual.at(0.5 * (updates[-1] + updates[-2])) == pytest.approx(0.5 * (expected[-1] + expected[-2]))
        assert actual.is_even == (name in ("by updates", "accumulation", "one update"))


@table("name", RUNS)
def test_a_longer_run_continues_with_the_last_rate(name):
    plan, facts, _ = RUNS[name]
    trace = ps.trace(plan, GROUP, facts=ps.RunFacts(**facts))

    for unit in trace.time_units():
        end = unit.at(trace.total).item()
        before = unit.at(trace.total - 1).item()
        longer = unit.until(trace.total + 10)
        assert longer.at(trace.total + 10) == pytest.approx(end + 10 * (end - before))
        assert longer.at(trace.total - 1) == pytest.approx(before)
        assert longer.name == unit.name
        assert unit.until(trace.total).at(trace.total) == end


@given(st.integers(1, 90), st.sampled_from([1, 4, 7]), st.booleans())
def test_the_unit_of_the_clock_ends_at_the_total(total, size, grows):
    batch = ps.Binding(ps.Target("batch_size", 1.0), 'stairs(2, 9, rises=5, over="40 samples")')
    plan = ps.Plan(*[batch] * grows, lr=1.0, clock="samples", total=f"{total} samples")
    trace = ps.trace(plan, GROUP, batch_size=size)
    (unit,) = trace.time_units()

    updates = np.arange(trace.total + 1)
    expected = np.append(trace.amounts, total)

    assert trace.amounts[-1] < total <= trace.amounts[-1] + (9 if grows else size)
    np.testing.assert_allclose(unit.at(updates), expected, rtol=1e-12)
    np.testing.assert_allclose(unit.update_of(expected), updates, rtol=1e-12)


def test_the_error_of_a_field_name_shows_the_line_of_one_group():
    for name in ("lr[head]", "head.lr", "lr@head", "head/lr"):
        with pytest.raises(ps.errors.InvalidArgument) as refused:
            ps.Binding(name, "cosine()")
        advised = refused.value.problem.advice.partition(": ")[2]
        assert ps.loads(advised) == ps.Plan(ps.Binding("lr", "cosine()", groups="head"))


def test_a_function_that_leaves_the_range_of_its_field_after_the_start_raises_at_that_update():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    levels = [1.0] * 20
    with shapes_as_before():

        @ps.shape
        def measured(t):
            return levels[t]

        scheduler = ps.Scheduler(optimizer, ps.Plan(lr=measured(), total=20))
        levels[7] = -1.0
        with pytest.raises(ps.errors.PlanError, match=r"-0\.1 at update 7"):
            scheduler.seek(7)
