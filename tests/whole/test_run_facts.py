"""Run facts are the same keywords, with the same errors, in every public function that has them."""

import inspect
import re

import pytest

import paramsched as ps
from paramsched.engines import accelerate, pytorch_accelerated, transformers
from paramsched.errors import InvalidArgument, MissingFact, PlanError
from paramsched.mmengine.engine import _PlanScheduler
from paramsched.tools.audit import compare_with_plan, read_log
from paramsched.tools.recipes import Recipe
from support.updates import probe

FACTS = list(ps.RunFacts.__dataclass_fields__)
PLAN = ps.Plan(lr="warmup(2) >> cosine()")
OTHER = ps.Plan(lr="linear()")
BASES = {"lr": 0.5}


def audited(plan, log, **facts):
    return str(compare_with_plan(read_log(log, ["lr"]), plan, **facts))


CALLS = {
    "Scheduler": (ps.Scheduler, lambda plan, **facts: str(ps.Scheduler(probe(), plan, **facts))),
    "trace": (ps.trace, lambda plan, **facts: ps.trace(plan, BASES, **facts)["lr"].tolist()),
    "ps.Values": (ps.Values, lambda plan, **facts: ps.Values(plan, bases=BASES, **facts).state_dict()),
    "ps.check": (ps.check, ps.check),
    "resolve": (ps.resolve, ps.resolve),
    "plan.resolve": (ps.Plan.resolve, ps.Plan.resolve),
    "diff": (ps.diff, lambda plan, **facts: str(ps.diff(plan, OTHER, **facts))),
    "to_lambda": (ps.to_lambda, lambda plan, **facts: ps.to_lambda(plan, field="lr", **facts)(5)),
    "plan.plot": (ps.Plan.plot, lambda plan, **facts: plan.plot(**facts)[0].lines[0].get_ydata().tolist()),
    "PlanScheduler": (_PlanScheduler, lambda plan, **facts: str(_PlanScheduler(probe(), plan, **facts).scheduler)),
    "compare_with_plan": (compare_with_plan, audited),
}
OTHERS = {
    "planned": transformers.planned,
    "accelerate.scheduler": accelerate.scheduler,
    "pytorch_accelerated.scheduler": pytorch_accelerated.scheduler,
}


@pytest.fixture(params=CALLS)
def call(request, tmp_path):
    """Return the name of a function, and a call of it with a plan and run facts."""
    log = tmp_path / "log.csv"
    log.write_text("step,lr\n0,0.0\n1,0.25\n2,0.5\n")
    _, function = CALLS[request.param]
    return request.param, (lambda plan, **facts: function(plan, log, **facts)) if function is audited else function


@pytest.mark.parametrize(
    "function", [*(function for function, _ in CALLS.values() if function is not _PlanScheduler), *OTHERS.values()]
)
def test_each_run_fact_is_a_keyword(function):
    parameters = inspect.signature(function).parameters

    assert {name: parameters[name].kind for name in ["facts", *FACTS]} == dict.fromkeys(
        ["facts", *FACTS], inspect.Parameter.KEYWORD_ONLY
    )


@pytest.mark.parametrize("facts", [{"total": 10}, {"total": "2 epochs", "steps_per_epoch": 6, "accumulation": None}])
def test_keywords_and_an_object_have_the_same_result(call, facts):
    _, function = call

    assert function(PLAN, **facts) == function(PLAN, facts=ps.RunFacts(**facts))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"totl": 10}, TypeError, 'unknown argument "totl"; did you mean "total"?'),
        ({"totl": None}, TypeError, 'unknown argument "totl"; did you mean "total"?'),
        (
            {"facts": ps.RunFacts(), "total": 10},
            InvalidArgument,
            "(facts=…, total=…): run facts are passed twice",
        ),
        ({"facts": 10}, InvalidArgument, "(facts=10): not RunFacts"),
        ({"total": 0}, InvalidArgument, "a run must have at least 1 update"),
    ],
)
def test_wrong_facts_have_the_same_error(call, arguments, error, message):
    name, function = call

    with pytest.raises(error, match=re.escape(message)) as refused:
        function(PLAN, **arguments)
    assert "total" in arguments or name.removeprefix("ps.") in str(refused.value)


def test_a_missing_fact_is_named_with_a_call_that_works(call):
    name, function = call

    with pytest.raises(MissingFact) as refused:
        function(PLAN, total="2 epochs")
    advice = refused.value.problem.advice
    assert advice.endswith("total='2 epochs', steps_per_epoch=100)")
    if name not in ("to_lambda", "PlanScheduler", "compare_with_plan"):  # they need other arguments
        names = {"ps": ps, "optimizer": probe(), "plan": ps.Plan(lr="absolute(cosine())"), "a": PLAN, "b": OTHER}
        eval(advice.removeprefix("For example: "), names)


def test_the_total_replaces_the_length_of_a_recipe(call):
    name, function = call
    if name.startswith("plan."):  # a method of a plan
        return
    plan = ps.Plan(lr="cosine()", total=20)
    recipe = Recipe("tiny", "Tiny", "vision", plan, ps.RunFacts(), ({"lr": 0.5},), "a test", (), ())

    assert function(recipe, total=12) == function(ps.Plan(lr="cosine()"), total=12)


def test_a_second_length_is_refused_unless_it_is_the_plans(call):
    name, function = call
    plan = ps.Plan(lr="cosine()", total="2 epochs")

    assert function(plan, total=12, steps_per_epoch=6) == function(plan, total="2 epochs", steps_per_epoch=6)
    if name == "ps.check":
        (actual,) = function(plan, total=11, steps_per_epoch=6)
        message = actual.found
    else:
        with pytest.raises(PlanError) as refused:
            function(plan, total=11, steps_per_epoch=6)
        message = str(refused.value)
        assert message.startswith('total "2 epochs": ')
    assert "the plan has 12 updates, but total=11" in message
