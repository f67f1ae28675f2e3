"""Which lines of a plan mean which groups of several optimizers."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan.optimizers import _having
from paramsched.errors import PlanError, UnknownField, UnknownGroup
from support.tables import table

BASES = {
    "muon": [{"lr": 0.02, "momentum": 0.95, "weight_decay": 0.1}],
    "adamw": [
        {"name": "embed", "lr": 3e-4, "betas": (0.9, 0.95), "weight_decay": 0.1},
        {"name": "rest", "lr": 3e-4, "betas": (0.9, 0.95), "weight_decay": 0.0},
        {"lr": 1e-4, "betas": (0.9, 0.95), "weight_decay": 0.0},
    ],
}
GROUPS = ["muon/0", "adamw/embed", "adamw/rest", "adamw/2"]


def scheduled(*bindings, bases=BASES, **fields):
    """The groups in which a plan schedules each field."""
    shown = ps.trace(ps.Plan(*bindings, total=4, **fields), bases)
    actual = {}
    for field, group in shown.keys():  # a Trace is not a mapping
        actual.setdefault(field, []).append(group)
    return actual


@table(
    ("selector", "groups"),
    [
        ("muon", ["muon/0"]),
        ("adamw", GROUPS[1:]),
        ("muon/*", ["muon/0"]),
        ("*/*", GROUPS),
        ("a*/*", GROUPS[1:]),
        ("adamw/embed", ["adamw/embed"]),
        ("muon/0, adamw/2", ["muon/0", "adamw/2"]),
        ("embed", ["adamw/embed"]),
        ("r*", ["adamw/rest"]),
        ("muon, e*", ["muon/0", "adamw/embed"]),
        ("weight_decay=0.1", ["muon/0", "adamw/embed"]),
        (lambda group: "betas" in group, GROUPS[1:]),
    ],
)
def test_a_selector_means_groups_of_any_optimizer(selector, groups):
    assert scheduled(ps.Binding("lr", "constant(0.5)", groups=selector)) == {"lr": groups}


def test_a_line_for_all_means_the_optimizers_that_have_the_field():
    assert scheduled(lr="linear()", weight_decay=1.0) == {"lr": GROUPS, "weight_decay": GROUPS}
    assert scheduled(ps.Binding("betas[1]", 1.0)) == {"betas[1]": GROUPS[1:]}


ENTRIES = {"momentum": 0.95, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.1}


@given(
    st.lists(st.sets(st.sampled_from([*ENTRIES])), min_size=1, max_size=4),
    st.sets(st.sampled_from(["momentum", "betas[0]", "betas[1]", "eps", "weight_decay"]), min_size=1),
    st.booleans(),
)
def test_a_line_for_all_means_the_same_groups_of_one_optimizer_as_of_several(groups, names, follows):
    bases = [{"lr": 0.1, **{key: ENTRIES[key] for key in ENTRIES if key in keys}} for keys in groups]
    plan = dict.fromkeys(names, "linear()")
    some = []
    if follows:  # a line for all groups becomes one for some of them
        plan = dict.fromkeys(names, 'like("lr")')
        some = [ps.Binding("lr", "cosine()", groups="last")]
        bases[-1]["name"] = "last"

    def groups_or_error(bases):
        try:
            return scheduled(*some, bases=bases, lr="linear()", **plan)
        except PlanError as refusal:
            return type(refusal)

    several = groups_or_error({f"o{index}": [group] for index, group in enumerate(bases)})
    if isinstance(several, dict):
        several = {
            name: [label.partition("/")[2] if label.endswith("last") else int(label[1]) for label in labels]
            for name, labels in several.items()
        }
    assert groups_or_error(bases) == several


def test_momentum_for_all_means_the_entry_and_only_if_no_optimizer_has_it_the_first_beta():
    assert scheduled(momentum=1.0) == {"momentum": ["muon/0"]}
    assert scheduled(momentum=1.0, bases={"adam": BASES["adamw"], "other": BASES["adamw"][2:]}) == {
        "momentum": ["adam/embed", "adam/rest", "adam/2", "other/0"]
    }
    assert scheduled(ps.Binding("momentum", 1.0, groups="adamw/2")) == {"momentum": ["adamw/2"]}


@table(
    ("binding", "error", "message"),
    [
        (ps.Binding("lr", 1.0, groups=0), PlanError, "an index does not name"),
        (ps.Binding("lr", 1.0, groups="[0]"), PlanError, "an index does not name"),
        (ps.Binding("lr", 1.0, groups="mun"), UnknownGroup, "muon: 0; adamw: embed, rest, 2"),
        (ps.Binding("lr", 1.0, groups="muon/embed"), UnknownGroup, 'called "muon/embed"'),
        (ps.Binding("lr", 1.0, groups="adamw/1"), UnknownGroup, 'called "adamw/1"'),
        (ps.Binding("lr", 1.0, groups="adamw/embd"), UnknownGroup, 'called "adamw/embd"'),
        (ps.Binding("betas[0]", 1.0, groups="muon"), UnknownField, "in group 'muon/0'"),
        (ps.Binding("momentun", 1.0), UnknownField, "no optimizer has this field"),
    ],
)
def test_a_line_that_means_nothing_is_refused(binding, error, message):
    with pytest.raises(error) as caught:
        ps.trace(ps.Plan(binding, total=4), BASES)

    assert message in str(caught.value)


@given(
    st.text("abdemnouw_*/=1", min_size=1, max_size=7)
    | st.sampled_from(["mun", "adamw/embd", "[0]", "weight_decay=0.2"]),
    st.sampled_from([BASES, BASES["adamw"], {"a": BASES["adamw"][2:]}, BASES["adamw"][2:]]),
)
def test_a_selector_of_no_group_has_a_suggestion_that_selects_one_or_none(selector, bases):
    text = ""
    try:
        scheduled(ps.Binding("lr", 1.0, groups=selector), bases=bases)
    except UnknownGroup as refusal:
        text = f"{refusal.problem.found}; {refusal.problem.advice}"

    suggested = re.findall(r'did you mean "(.*?)"', text, re.IGNORECASE)
    assert len(suggested) <= 1
    for name in suggested:
        assert scheduled(ps.Binding("lr", 1.0, groups=name), bases=bases)
    assert ": ;" not in text  # a list of names is not empty


def test_a_name_of_an_optimizer_and_of_a_group_of_another_is_refused():
    bases = {"head": [{"lr": 1.0}], "body": [{"lr": 1.0, "name": "head"}, {"lr": 1.0}]}

    with pytest.raises(PlanError, match='"head" is an optimizer, and also a group of body') as caught:
        scheduled(ps.Binding("lr", 1.0, groups="head"), bases=bases)
    assert caught.value.problem.advice == 'Use "head/*" for the optimizer, or "body/head" for the group'
    assert scheduled(ps.Binding("lr", 1.0, groups="body/head"), bases=bases) == {"lr": ["body/head"]}


def test_two_selectors_for_one_group_are_refused():
    with pytest.raises(PlanError, match="group 'adamw/embed': two selectors match it: adamw and embed"):
        scheduled(ps.Binding("lr", 1.0, groups="adamw"), ps.Binding("lr", 1.0, groups="embed"))


@table("count", [5, 6])
def test_the_error_for_an_unknown_optimizer_lists_the_groups_of_five(count):
    bases = {f"o{index}": [{"lr": 0.1}] * count for index in range(count)}

    with pytest.raises(UnknownGroup) as refusal:
        scheduled(ps.Binding("lr", 1.0, groups="x9"), bases=bases)
    labels = "0, 1, 2, 3, 4" + (" and 1 more" if count == 6 else "")
    groups = "; ".join(f"o{index}: {labels}" for index in range(5))
    more = "; and 1 more optimizers" if count == 6 else ""
    assert refusal.value.problem.found == f'no optimizer or group is called "x9"; the groups are {groups}{more}'


def test_names_of_parameters_are_names_of_optimizers():
    bases = {f"layers.{index}.weight": {"lr": 0.1} for index in range(3)}

    assert scheduled(ps.Binding("lr", 1.0, groups="layers.1.weight"), bases=bases) == {"lr": ["layers.1.weight/0"]}
    assert len(scheduled(ps.Binding("lr", 1.0, groups="layers.*/*"), bases=bases)["lr"]) == 3


def test_a_trace_is_looked_up_by_optimizer_group_or_unique_name():
    shown = ps.trace(ps.Plan(lr="linear()", weight_decay=1.0, total=4), BASES)

    assert [shown["lr", group][0] for group in ("muon", "adamw", "adamw/2", "rest")] == [0.02, 3e-4, 1e-4, 3e-4]
    assert shown["lr"][0] == 0.02
    with pytest.raises(KeyError, match="unknown curve"):
        shown["lr", 0]


@table(
    ("name", "optimizers"),
    [("lr", ["muon", "adamw"]), ("momentum", ["muon"]), ("betas[0]", ["adamw"]), ("eps", [])],
)
def test_the_optimizers_that_have_a_field_are_found(name, optimizers):
    assert _having(name, BASES, needed=False) == optimizers
    if optimizers:
        assert _having(name, BASES, needed=True) == optimizers
    else:
        with pytest.raises(UnknownField, match="no optimizer has this field; expected one of betas"):
            _having(name, BASES, needed=True)
    assert _having("momentum", {"adamw": BASES["adamw"]}, needed=True) == ["adamw"]
