"""Plan and Binding: normal form, selectors, identity."""

import copy
import pickle
import re

import pytest

import paramsched as ps
from paramsched.core.feedback import plateau
from paramsched.core.plan import Binding, Plan, Target, bind
from paramsched.core.plan.diff import diff
from paramsched.core.plan.resolve import plan_number, resolve
from paramsched.core.plan.trace import trace
from paramsched.core.schedules.anneal import anneal, cosine, linear, warmup
from paramsched.core.schedules.leaves import constant
from paramsched.core.time import Calendar
from paramsched.core.time.calendar import Facts
from paramsched.errors import InvalidArgument, InvalidCall, PlanError
from support.tables import table

LONG = constant(0.5, 10) >> constant(0.25, 10) >> constant(0.125, 10) >> constant(0.5, 10) >> constant(0.75, 10)
ADAM = [{"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8}]


# ---------------------------------------------------------------- normal form


def test_a_plan_without_a_text_has_the_number_0():
    plan = Plan(Binding("lr", "constant(0.5)", groups=lambda group: True))

    assert plan_number(plan, plan) == 0


@table("name", sorted(Facts.__annotations__))
def test_a_run_fact_is_not_a_field(name):
    with pytest.raises(InvalidCall):
        Plan(lr="linear()", **{name: 100})


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
        Plan(lr=linear(over=5) * anneal(curve=lambda u: u)),
    ],
)
def test_a_plan_with_a_predicate_or_an_anonymous_curve_equals_only_itself(plan):
    assert plan == plan  # tests equality with itself
    assert plan != Plan(*plan.bindings)
    assert hash(plan) == hash(plan)
    with pytest.raises(PlanError, match=r"chosen by a function|curves\.register"):
        _ = plan.fingerprint


# ---------------------------------------------------------------- fields


def test_momentum_and_the_first_beta_of_one_group_conflict():
    with pytest.raises(PlanError, match=r"both are betas\[0\]"):
        bind(Plan(Binding("betas[0]", "constant(0.5)"), momentum="constant(0.5)"), ADAM)


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


def test_reading_a_field_of_a_plan_advises_how_to_read_its_values():
    plan = Plan(lr=cosine(), horizon=10)
    with pytest.raises(TypeError) as refusal:
        plan["lr"]

    advised = eval(str(refusal.value).partition("For example: ")[2], {"ps": ps, "plan": plan, "optimizer": ADAM})
    assert advised.tolist() == trace(plan, ADAM)["lr"].tolist()


@table("pair", [(0.9, cosine()), ["warmup(5)", 0.5], (linear(over=3), "cosine()"), (0.9, 0.99)])
def test_the_bindings_suggested_for_a_pair_plan_its_elements(pair):
    with pytest.raises(InvalidArgument) as refusal:
        Plan(betas=pair)

    suggested = eval(re.sub("^(Write|For example:) ", "", refusal.value.instead), {"Binding": Binding})
    found = trace(Plan(*suggested, horizon=10), ADAM)
    for index, (one, base) in enumerate(zip(pair, ADAM[0]["betas"], strict=True)):
        alone = trace(Plan(lr=constant(one / base) if isinstance(one, float) else one, horizon=10), {"lr": base})
        assert found[f"betas[{index}]"] == pytest.approx(alone["lr"])


def test_a_plan_is_resolved_if_its_horizon_is() -> None:
    assert not Plan(lr=constant(), horizon="5 epochs").is_resolved
    assert Plan(lr=constant(), horizon=5).is_resolved
