"""Selectors in text: names, patterns of names, entries of a group."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan import Binding, Plan, bind
from paramsched.core.plan.group_matching import is_selected
from paramsched.errors import PlanError, UnknownGroup
from support.tables import table

GROUPS = (
    {"lr": 0.1, "weight_decay": 0.05, "betas": (0.9, 0.999), "name": "layer_1", "is_last_layer": False, "kind": "w"},
    {"lr": 0.1, "weight_decay": 0.0, "betas": (0.9, 0.999), "name": "layer_2", "is_last_layer": False, "kind": "b"},
    {"lr": 0.1, "weight_decay": 0.05, "betas": (0.9, 0.999), "name": "head", "is_last_layer": True, "kind": "none"},
    {"lr": 0.1, "weight_decay": 1e-3, "betas": (0.9, 0.999), "frozen": None},
)


def selected(text, groups=GROUPS):
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


def test_a_selector_distinguishes_one_and_true():
    groups = ({"lr": 0.1, "flag": True}, {"lr": 0.1, "flag": 1}, {"lr": 0.1, "flag": "true"})

    assert selected("flag=1", groups) == [1]
    assert selected("flag=true", groups) == [0, 2]


def test_a_scheduled_entry_is_matched_by_its_base():
    groups = (
        {"lr": 0.1, "weight_decay": 0.02, "paramsched": '{"bases": {"weight_decay": 0.05}}'},
        {"lr": 0.1, "weight_decay": 0.02},
    )

    assert selected("weight_decay=0.05", groups) == [0]


@table(
    ("text", "found"),
    [
        ("haed", "no group of that name or index; there are 4 groups: layer_1, layer_2, head"),
        ("layer_*, haed", "no group called 'haed'; there are 4 groups: layer_1, layer_2, head; did you mean \"head\""),
        ("block_*", "no group called 'block_\\*'"),
        ("is_last_layer=1", "no group has is_last_layer=1"),
        ("is_last=true", "no group has is_last=true"),
    ],
)
def test_text_that_matches_no_group_is_rejected(text, found):
    with pytest.raises(UnknownGroup, match=found):
        selected(text)


@table(
    ("groups", "there"),
    [
        ([{"lr": 0.1}], "there is 1 group"),
        ([{"lr": 0.1}] * 2, "there are 2 groups"),
        ([{"lr": 0.1, "name": 3}, {"lr": 0.1, "name": "tail"}], "there are 2 groups: tail"),
    ],
)
def test_a_selector_without_groups_reports_those_that_exist(groups, there):
    for selector in ("layer_9", 7):
        with pytest.raises(UnknownGroup) as refusal:
            selected(selector, groups)
        assert refusal.value.found == f"no group of that name or index; {there}"
        assert refusal.value.instead == (
            'Name the groups of the optimizer. For example: {"params": params, "name": "head"}'
        )


def test_two_selectors_for_one_group_are_an_error():
    plan = Plan(Binding("lr", "constant(0.5)", groups="layer_*"), Binding("lr", "constant(0.1)", groups="layer_1"))

    with pytest.raises(PlanError, match=r"two selectors match it: layer_\* and layer_1"):
        bind(plan, GROUPS)


def test_a_selected_group_does_not_use_the_default():
    plan = Plan(Binding("lr", "constant(0.5)", groups="layer_*, head"), lr="constant(0.1)")

    assert [str(bound[0].schedule) for bound in bind(plan, GROUPS)] == ["constant(0.5)"] * 3 + ["constant(0.1)"]


@given(st.lists(st.sampled_from(["a", "b", "a, b", "a*", "ab"]), min_size=1, max_size=4), st.data())
def test_a_line_is_bound_to_the_groups_that_it_selects(names, data):
    groups = [{"lr": 0.1, "name": name} for name in names]
    selector = data.draw(st.sampled_from([*names, "*", 0, None]))
    plan = Plan(Binding("lr", "constant(0.5)", groups=selector))

    selected_by = [is_selected(selector, group, index) for index, group in enumerate(groups)]
    assert [[one.name for one in bound] for bound in bind(plan, groups)] == [["lr"] * chosen for chosen in selected_by]


def test_files_use_the_same_selectors():
    plan = ps.loads(
        "lr: cosine()\ngroups:\n  layer_*, head: {lr: 0.5 * cosine()}\n  is_last_layer=true: {weight_decay: 0}\n"
    )

    assert {binding.groups for binding in plan.bindings} == {None, "layer_*, head", "is_last_layer=true"}
    for dialect in ("yaml", "json"):
        assert ps.loads(ps.dump(plan, format=dialect), format=dialect) == plan
