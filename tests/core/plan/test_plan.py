"""Plan and Binding: normal form, selectors, identity."""

import copy
import pickle
from unittest import mock

import pytest

from paramsched.core.feedback import plateau
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.plan.diff import diff
from paramsched.core.plan.resolve import bind, number_of_text, plan_number, resolve
from paramsched.core.plan.trace import trace
from paramsched.core.schedules.anneal import cosine, linear, warmup
from paramsched.core.schedules.leaves import constant, from_function
from paramsched.core.schedules.periods import step
from paramsched.core.schedules.retimed import chain
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument, PlanError, UnknownField, UnknownGroup
from support.tables import table

SGD = [
    {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "name": "body"},
    {"lr": 0.2, "momentum": 0.8, "weight_decay": 0.1, "name": "head"},
]
LONG = constant(0.5, 10) >> constant(0.25, 10) >> constant(0.125, 10) >> constant(0.5, 10) >> constant(0.75, 10)
ADAM = [{"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8}]


def bound(plan, groups):
    return [{one.name: (str(one.field), str(one.schedule)) for one in each} for each in bind(plan, groups)]


# ---------------------------------------------------------------- normal form


def test_equivalent_spellings_give_equal_plans():
    plan = Plan(lr=warmup("5%") >> cosine(1.0, 0.01), weight_decay="constant(0.5)", horizon="20 epochs")

    for other in (
        Plan(weight_decay=constant(0.5), lr='warmup("5 %") >> cosine(to=1e-2)', horizon=" 20  epochs"),
        Plan(Binding("weight_decay", "constant(0.5)"), Binding("lr", plan.bindings[0].schedule), horizon="20 epoch"),
    ):
        assert other == plan
        assert hash(other) == hash(plan)
        assert str(other) == str(plan)
        assert other.fingerprint == plan.fingerprint
        assert {plan: 1}[other] == 1


@pytest.mark.parametrize(
    "other",
    [
        Plan(lr=cosine(to=0.02), horizon=100),
        Plan(lr=cosine(to=0.01), horizon=101),
        Plan(lr=cosine(to=0.01)),
        Plan(weight_decay=cosine(to=0.01), horizon=100),
        Plan(Binding("lr", cosine(to=0.01), groups="head"), horizon=100),
        Plan(Binding("lr", cosine(to=0.01), groups=0), horizon=100),
        Plan(Binding("lr", cosine(to=0.01), groups="0"), horizon=100),
        Plan(Binding(Target("lr", 1.0), cosine(to=0.01)), horizon=100),
        Plan(Binding(Target("lr", 2.0), cosine(to=0.01)), horizon=100),
        Plan(lr=cosine(to=0.01), weight_decay="constant(0.5)", horizon=100),
        Plan(lr=cosine(to=0.01) * plateau(), horizon=100),
    ],
    ids=str,
)
def test_any_difference_makes_plans_unequal(other):
    plan = Plan(lr=cosine(to=0.01), horizon=100)

    assert other != plan
    assert other.fingerprint != plan.fingerprint


def test_a_plan_is_not_equal_to_a_value_of_another_type():
    assert (Plan(lr=cosine()) == "cosine()") is False
    assert Plan(lr=cosine()) == mock.ANY


@table(
    ("lr", "horizon", "is_own"),
    [
        ("cosine()", 100, True),
        ("cosine()", None, False),
        ("linear(over=5)", None, True),
        ("warmup('1 epoch') >> constant()", 100, False),
        ("warmup('5%') >> constant()", 100, True),
    ],
)
def test_the_number_of_a_plan_depends_on_the_run_facts_that_its_lengths_need(lr, horizon, is_own):
    plan, text = Plan(lr=lr, horizon=horizon), Plan(lr=lr, horizon=horizon).text
    runs = [Calendar(total=horizon or total, steps_per_epoch=total // 20) for total in (100, 200)]
    numbers = [plan_number(plan, plan.resolve(run)) for run in runs]

    assert [number == number_of_text(text) for number in numbers] == [is_own, is_own]
    assert (numbers[0] == numbers[1]) is is_own


def test_a_plan_without_a_text_has_the_number_0():
    plan = Plan(Binding("lr", "constant(0.5)", groups=lambda group: True))

    assert plan_number(plan, plan) == 0


def test_bindings_of_one_field_and_selector_chain_in_the_order_written():
    first, second = step(5), warmup(3)

    assert Plan(Binding("lr", first), Binding("lr", second)) == Plan(lr=chain(first, second))
    assert Plan(Binding("lr", first), Binding("lr", second)) != Plan(Binding("lr", second), Binding("lr", first))
    assert len(Plan(Binding("lr", first), Binding("lr", second, groups="head")).bindings) == 2


def test_metric_rules_of_chained_bindings_apply_to_the_chain():
    plan = Plan(Binding("lr", step(5) * plateau("a")), Binding("lr", warmup(3) * plateau("b")))

    assert [rule.metric for rule in plan.metric_rules] == ["a", "b"]


def test_the_order_of_different_selectors_has_no_effect():
    bindings = [
        Binding("lr", "constant(0.1)"),
        Binding("lr", "constant(0.2)", groups="head"),
        Binding("eps", "constant(0.3)", groups=1),
        Binding("eps", "constant(0.4)"),
    ]

    assert Plan(*bindings) == Plan(*reversed(bindings))


def test_a_plan_is_frozen_copies_and_pickles():
    plan = Plan(lr=warmup("5%") >> cosine(), horizon="2 epochs")

    for same in (copy.deepcopy(plan), pickle.loads(pickle.dumps(plan))):
        assert same == plan
        assert same.fingerprint == plan.fingerprint
    with pytest.raises(AttributeError, match="frozen"):
        plan.horizon = None
    with pytest.raises(AttributeError, match="frozen"):
        del plan.bindings


@pytest.mark.parametrize(
    "plan",
    [
        Plan(Binding("lr", cosine(), groups=lambda group: True)),
        Plan(lr=from_function(lambda t: 0.5)),
        Plan(lr=linear(over=5) * from_function(lambda t: 0.5)),
    ],
)
def test_a_plan_with_a_predicate_or_an_anonymous_function_equals_only_itself(plan):
    assert plan == plan  # tests equality with itself
    assert plan != Plan(*plan.bindings)
    assert hash(plan) == hash(plan)
    with pytest.raises(PlanError, match=r"chosen by a function|register_function"):
        _ = plan.fingerprint


def test_a_resolved_plan_prints_and_compares_like_any_other():
    plan = Plan(lr=warmup("5%") >> cosine(to=0.1), horizon="2 epochs")
    resolved = plan.resolve(Calendar(steps_per_epoch=50))

    assert str(resolved) == "horizon: 100\nlr: warmup(5) >> cosine(to=0.1, over=95)"
    assert resolved == Plan(lr="warmup(5) >> cosine(to=0.1, over=95)", horizon=100)
    assert resolved.resolve(Calendar()) == resolved


# ---------------------------------------------------------------- selectors


def test_a_binding_with_groups_replaces_the_default_there():
    plan = Plan(Binding("lr", cosine()), Binding("lr", step(5), groups="head"))

    assert bound(plan, SGD) == [{"lr": ("lr", "cosine()")}, {"lr": ("lr", "step(5)")}]


@pytest.mark.parametrize("groups", [1, "head", lambda group: group["lr"] == 0.2])
def test_groups_are_selected_by_name_by_index_or_by_a_predicate(groups):
    assert bound(Plan(Binding("lr", "constant(0.5)", groups=groups)), SGD) == [{}, {"lr": ("lr", "constant(0.5)")}]


def test_two_selectors_that_match_one_group_are_both_named():
    with pytest.raises(PlanError) as refusal:
        bind(Plan(Binding("lr", "constant(0.5)", groups="head"), Binding("lr", "constant(0.1)", groups=1)), SGD)

    assert "head" in str(refusal.value)
    assert "1" in refusal.value.found
    assert refusal.value.instead


@pytest.mark.parametrize("groups", ["tail", 2])
def test_a_selector_without_matches_lists_the_available_groups(groups):
    with pytest.raises(UnknownGroup) as refusal:
        bind(Plan(Binding("lr", "constant(0.5)", groups=groups)), SGD)

    assert repr(groups) in str(refusal.value)
    assert "body, head" in str(refusal.value)
    assert isinstance(refusal.value, KeyError)


def test_a_predicate_may_match_no_group_yet():
    assert bound(Plan(Binding("lr", "constant(0.5)", groups=lambda group: False)), SGD) == [{}, {}]


# ---------------------------------------------------------------- fields


def test_momentum_is_the_first_beta_if_a_group_has_betas():
    plan = Plan(momentum=linear(over=5))

    assert bound(plan, SGD[:1]) == [{"momentum": ("momentum", "linear(over=5)")}]
    assert bound(plan, ADAM) == [{"momentum": ("betas[0]", "linear(over=5)")}]


def test_momentum_and_the_first_beta_of_one_group_conflict():
    with pytest.raises(PlanError, match=r"both are betas\[0\]"):
        bind(Plan(Binding("betas[0]", "constant(0.5)"), momentum="constant(0.5)"), ADAM)


@table(
    ("field", "groups", "error", "message"),
    [
        ("weight_decy", SGD, UnknownField, 'did you mean "weight_decay"'),
        ("beta", ADAM, UnknownField, "did you mean"),
        ("betas[1]", [{"lr": 0.1, "betas[1]": 0.99}], PlanError, "Write {'betas': (1.0, 0.99)}"),
        ("betas[2]", ADAM, PlanError, '"betas[0]" or "betas[1]"'),
        ("betas", ADAM, PlanError, '"betas[0]"'),
        ("lr[0]", ADAM, PlanError, '"lr"'),
        ("name", SGD, PlanError, "expected a number"),
        ("foreach", [{"lr": 0.1, "foreach": None}], PlanError, "expected a number"),
        ("lr", [{"lr": "3e-4"}], PlanError, """expected a number, got '3e-4'"""),
        ("lr", [{"lr": "x"}], PlanError, """expected a number, got 'x'. For example: group["lr"] = 0.1"""),
        ("betas[1]", [{"betas": (0.9, "0.95")}], PlanError, """got '0.95'"""),
        ("nesterov", [{"lr": 0.1, "nesterov": True}], PlanError, "expected a number"),
    ],
)
def test_a_field_missing_from_a_group_is_rejected_with_the_nearest(field, groups, error, message):
    with pytest.raises(error) as refusal:
        bind(Plan(Binding(field, "constant(0.5)")), groups)

    assert message in str(refusal.value)


# ---------------------------------------------------------------- errors


@table(
    ("build", "message"),
    [
        (lambda: Plan(), "at least one field"),
        (lambda: Plan(horizon=10), "at least one field"),
        (lambda: Plan(lr=True), "neither a schedule nor a number"),
        (lambda: Plan(lr=float("nan")), "must be finite"),
        (lambda: Plan(lr=None), "neither a schedule nor a number"),
        (lambda: Plan(lr=[warmup(5), "cosine()"]), "values are a table"),
        (
            lambda: Plan(lr=[0.1]),
            "in code, stages are joined by >>, and values are a table",
        ),
        (lambda: Plan(lr={"cosine": {"to": 0.1}}), "allowed only in files"),
        (lambda: Plan(lr={"cosine": {}, "step": {}}), "a dict is allowed only in files"),
        (lambda: Plan(lr={"cosine": 0.1}), "a dict is allowed only in files"),
        (
            lambda: Plan(betas=(0.9, cosine())),
            "",
        ),
        (lambda: Plan(betas=[]), "values are a table"),
        (lambda: Plan(betas={"cosine": {}}), "a dict is allowed only in files"),
        (
            lambda: diff(Plan(lr=1.0), Plan(lr=1.0), 20),
            "diff(…, 20): not a Calendar",
        ),
        (
            lambda: trace(Plan(lr=1.0), {"lr": 1.0}, -1),
            "trace(…, -1): not a Calendar",
        ),
        (lambda: resolve(cosine(), 0), "resolve(…, 0): not a Calendar"),
        (
            lambda: resolve(Plan(lr=1.0), True),
            "plan.resolve(True): not a Calendar",
        ),
        (lambda: resolve(cosine(), 20), "resolve(…, 20): not a Calendar"),
        (lambda: Plan(lr="cosin()"), 'did you mean "cosine"'),
        (lambda: Plan(cosine()), "not a Binding"),
        (lambda: Plan(LONG), "not a Binding"),
        (lambda: Plan("cosine()"), "not a Binding"),
        (lambda: Plan({"lr": 0.1, "eps": 1.0}), "not a Binding"),
        (lambda: Plan({"lr@head": cosine()}), ""),
        (lambda: Plan({"head": {"lr": "cosine()"}}), ""),
        (lambda: Plan(lr=cosine(), horizon="5%"), "horizon itself"),
        (lambda: Plan(lr=cosine(), horizon=0), "must be greater than 0"),
        (lambda: Plan(lr=cosine(), horizon=1.5), ""),
        (lambda: Plan(lr=cosine(), horizon=True), ""),
        (lambda: Plan(lr=cosine(), horizon="x"), ""),
        (lambda: Plan(lr=cosine(), horizon=-1), ""),
        (lambda: Plan(lr=cosine(), horizon=-4), ""),
        (
            lambda: Plan(lr=cosine(), horizon="until 5 epochs"),
            "a horizon is a length, not a position",
        ),
        (lambda: Plan(params=1.0), "not a hyperparameter"),
        (lambda: Plan(paramsched_t=1.0), "not a hyperparameter"),
        (lambda: Binding("lr decay", 1.0), "expected the name of a field"),
        (lambda: Binding("betas[-1]", 1.0), "expected the name of a field"),
        (lambda: Binding("betas[0][1]", 1.0), "expected the name of a field"),
        (lambda: Binding("", 1.0), "expected the name of a field"),
        (lambda: Binding(3, 1.0), "expected the name of a field"),
        (lambda: Binding("lr", 1.0, groups=True), "expected str, int or a function"),
        (
            lambda: Binding("lr", 1.0, groups=["head", "b"]),
            "several names as one text",
        ),
        (lambda: Binding("lr", 1.0, groups=[1]), "several names as one text"),
        (lambda: Binding("lr", 1.0, groups=-1), "neither a name nor an index"),
        (lambda: Binding("lr", 1.0, groups=10**5000), "groups=an integer of 5001 digits): neither a name nor an index"),
        (lambda: Binding("lr", 1.0, groups=""), "neither a name nor an index"),
        (lambda: Binding("lr", 1.0, groups=1.0), "expected str, int or a function"),
        (
            lambda: Binding(Target("x", 1.0), "constant(0.1)", groups=0),
            "Binding('x', groups=0): a target does not belong to a group",
        ),
        (
            lambda: Binding(Target("x", 1.0), "constant(0.1)", groups=[]),
            "Binding('x', groups=[]): expected str, int or a function",
        ),
        (lambda: Binding(Target("x", 1.0), None), "x=None: None is neither a schedule nor a number"),
        (lambda: Target("no name", 1.0), "not an identifier"),
        (lambda: Target("x", float("inf")), "must be finite"),
        (lambda: Target("x", "1"), "expected a number"),
        (lambda: Target("x", 1.0, write=3), "not callable"),
        (
            lambda: Plan(Binding(Target("x", 1.0), "constant(0.1)"), Binding(Target("x", 1.0), "constant(0.2)")),
            "two bindings",
        ),
        (lambda: Plan(lr=warmup(5) * plateau() >> cosine()), "contains a metric rule"),
        (lambda: Plan(lr=cosine()).plot(calendar=Calendar(total=5), total=5), "run facts are passed twice"),
    ],
)
def test_an_invalid_plan_is_refused(build, message):
    with pytest.raises(InvalidArgument) as refusal:
        build()

    assert message in str(refusal.value)
    assert refusal.value.site


def test_a_plan_is_resolved_if_its_horizon_is() -> None:
    assert not Plan(lr=constant(), horizon="5 epochs").is_resolved
    assert Plan(lr=constant(), horizon=5).is_resolved
