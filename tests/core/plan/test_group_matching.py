"""Selectors in text: names, patterns of names, entries of a group."""

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.plan import Binding, Plan, bind
from paramsched.core.plan.group_matching import Overlap, is_selected, overlap_of
from paramsched.core.plan.optimizers import Scope
from paramsched.errors import UnknownGroup
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


@given(st.lists(st.sampled_from(["a", "b", "a, b", "a*", "ab"]), min_size=1, max_size=4), st.data())
def test_a_line_is_bound_to_the_groups_that_it_selects(names, data):
    groups = [{"lr": 0.1, "name": name} for name in names]
    selector = data.draw(st.sampled_from([*names, "*", 0, None]))
    plan = Plan(Binding("lr", "constant(0.5)", groups=selector))

    selected_by = [is_selected(selector, group, index) for index, group in enumerate(groups)]
    assert [[one.name for one in bound] for bound in bind(plan, groups)] == [["lr"] * chosen for chosen in selected_by]


NAMES = ("a", "b", "ab", "ba", "abb", "c")
PATTERNS = ("a*", "*b", "?", "[ab]", "*")
OPTIMIZERS = ("muon", "adamw")
PLACES = (*OPTIMIZERS, "muon/a", "adamw/ab", "muon/*", "*/a", "m*/a*", "*/*")


@table("optimizers", [(), OPTIMIZERS])
def test_an_overlap_agrees_with_the_groups_that_both_select(optimizers):
    scopes = [Scope(name, frozenset(), frozenset()) for name in OPTIMIZERS]
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

    for one, two in product(singles, (*singles, *lists)):
        for selector, other in (one, two), (two, one):
            mine, theirs = groups[selector], groups[other]
            overlap = overlap_of(selector, other, optimizers)
            known = Overlap.INSIDE if mine <= theirs else Overlap.UNKNOWN if mine & theirs else Overlap.APART
            if not optimizers and set(selector) <= set("abc, "):  # without patterns, the overlap is known
                assert overlap is known, (selector, other)
            elif overlap is not Overlap.UNKNOWN:
                assert mine <= theirs if overlap is Overlap.INSIDE else not mine & theirs, (selector, other)
            elif not optimizers and set(other) <= set("abc, "):
                assert mine & theirs, (selector, other)
