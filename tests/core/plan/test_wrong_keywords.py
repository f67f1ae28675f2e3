"""A keyword or a positional argument that a plan does not take is answered with the plan that was meant."""

import itertools

import pytest

import paramsched as ps
from paramsched import Binding, Plan, Target, cosine  # noqa: F401  # names of the lines below
from paramsched.core.feedback.base import Guided
from paramsched.errors import InvalidArgument, InvalidCall
from support.tables import table


def problem_of(line: str) -> str:
    with pytest.raises(InvalidCall) as refused:
        eval(line)  # a line of our own
    return str(refused.value)


@table(
    ("line", "meant"),
    [
        ("Plan(cosine(), 100)", "Plan(lr=cosine(), horizon=100)"),
        ("Plan(cosine(), horizon=80)", "Plan(lr=cosine(), horizon=80)"),
        ("Plan(cosine(), True)", "Plan(lr=cosine())"),
        ("Plan('weight_decay', 'cosine()')", "Plan(weight_decay='cosine()')"),
        (
            "Plan({'lr': 'cosine()', 'head': {'lr': 'linear()'}})",
            "Plan(Binding('lr', 'linear()', groups='head'), lr='cosine()')",
        ),
        ("Plan({'lr@head': 'cosine()'})", "Plan(Binding('lr', 'cosine()', groups='head'))"),
        (
            "Plan([Binding('lr', 'cosine()', groups='head'), 3])",
            "Plan(Binding('lr', cosine(), groups='head'), horizon=3)",
        ),
        ("Plan(lr='linear()', warmup_steps=100)", "Plan(lr='warmup(100) >> linear()')"),
        ("Plan(warmup_steps=100)", "Plan(lr='warmup(100) >> cosine()')"),
        ("Plan(lr='cosine()', epochs=90)", "Plan(lr='cosine()', horizon='90 epochs')"),
        ("Plan(lr='cosine()', epochs='90 epochs')", "Plan(lr='cosine()', horizon='90 epochs')"),
        ("Plan(lr='cosine()', epochs=0.5)", "Plan(lr='cosine()', horizon='0.5 epochs')"),
        ("Plan(lr='cosine()', total_steps=90)", "Plan(lr='cosine()', horizon=90)"),
        ("Plan(lr='cosine()', horizn=90)", "Plan(lr='cosine()', horizon=90)"),
        ("Plan(horizn=90)", "Plan(lr='cosine()', horizon=90)"),
        ("Plan(LR='linear()')", "Plan(lr='linear()')"),
        (
            "Plan(lr='cosine()', groups={'head': 'linear()', 'body': {'weight_decay': 'cosine()'}})",
            "Plan(Binding('lr', 'linear()', groups='head'), Binding('weight_decay', 'cosine()', groups='body'), "
            "lr='cosine()')",
        ),
        (
            "Plan(lr='cosine()', targets={'x': {'initial': 2.0, 'schedule': 'linear()'}})",
            "Plan(Binding(Target('x', 2.0), 'linear()'), lr='cosine()')",
        ),
    ],
)
def test_the_plan_that_was_meant_keeps_every_name_and_number(line, meant):
    assert problem_of(line).endswith(f" Write {meant}")
    eval(meant, globals() | {"Target": ps.Target})


@table(
    ("line", "example"),
    [
        ("Plan(lr='cosine()', max_steps=-1)", "Plan(lr='cosine()', horizon=1000)"),
        ("Plan(lr='cosine()', max_steps=0)", "Plan(lr='cosine()', horizon=1000)"),
        ("Plan(lr='cosine()', max_steps=True)", "Plan(lr='cosine()', horizon=1000)"),
        ("Plan(lr='cosine()', horizn=90, horizon=80)", "Plan(lr='cosine()', horizon=80)"),
        ("Plan(lr='cosine()', groups=3)", "Plan(lr='cosine()')"),
        ("Plan(lr='cosine()', targets=3)", "Plan(lr='cosine()')"),
        ("Plan(lr='cosine()', steps_per_epoch=100)", "Plan(lr='cosine()')"),
        ("Plan(lr='cosine()', batch_size=100, clock='tokens')", "Plan(lr='cosine()', clock='tokens')"),
        ("Plan(lr='cosine(', epochs=3)", "Plan(lr='cosine()', horizon='3 epochs')"),
        ("Plan(lr='linear()', targets={'x': 2.0})", "Plan(Binding(Target('x', 2.0), 'cosine()'), lr='linear()')"),
        (
            "Plan(lr='cosine()', targets={'x': {'initial': 2.0}})",
            "Plan(Binding(Target('x', 2.0), 'cosine()'), lr='cosine()')",
        ),
        (
            "Plan(lr='linear()', targets={'x': 'linear()'})",
            "Plan(Binding(Target('x', 1.0), 'linear()'), lr='linear()')",
        ),
    ],
)
def test_what_adds_or_drops_a_number_or_replaces_a_wrong_line_is_an_example(line, example):
    assert problem_of(line).endswith(f" For example: {example}")


@table(
    ("keyword", "reason"),
    [
        ("warmup_steps=3", "a warmup is a stage of the schedule"),
        ("steps_per_epoch=3", "it is a run fact; pass it to ps.Scheduler"),
        ("epochs=3", 'the length of the run is "horizon"'),
        ("horizn=3", 'did you mean "horizon"?'),
        ("groups=3", "in code, write a Binding for each group"),
        ("targets=3", "in code, a target is a Binding"),
        ("optimizer=3", "a plan has no optimizer; ps.Scheduler(optimizer, plan) connects them"),
        ("LR=3", 'did you mean "lr"?'),
    ],
)
def test_each_keyword_has_the_reason_why_it_is_not_a_field(keyword, reason):
    assert f'Plan(…): unknown field "{keyword.partition("=")[0]}"; {reason}' in problem_of(f"Plan({keyword})")


def test_a_schedule_is_the_line_of_any_field():
    plan = Plan(lr="cosine()", steps_per_epoch="cosine()", momentm="cosine()", warmup_steps="cosine()")

    assert [line.name for line in plan.bindings] == ["lr", "momentm", "steps_per_epoch", "warmup_steps"]


@table(
    ("arguments", "problem"),
    [
        (("cosine()", "lr"), "Binding('cosine()', 'lr'): {}. For example: Binding('lr', 'cosine()')"),
        ((cosine(), "lr"), "Binding(cosine(), 'lr'): {}. Write Binding('lr', cosine())"),
    ],
)
def test_a_schedule_before_its_field_is_answered_with_the_corrected_line(arguments, problem):
    with pytest.raises(InvalidArgument) as refused:
        Binding(*arguments)

    assert str(refused.value) == problem.format("the field comes first, then its schedule")


def test_a_metric_rule_inside_another_one_is_refused():
    rule = ps.plateau("loss")

    with pytest.raises(InvalidArgument, match="contains a metric rule"):
        Binding("lr", Guided(cosine() * rule, (rule,)))


KEYS = (
    "lr", "Lr", "weight decay", "betas[0]", "betas [0]", "lr@head", "a b", "", 5, None, "horizon", "clock", "groups",
    "epochs", "warmup_steps", "targets", "1st",
)  # fmt: skip
LINES = (
    "cosine()", "cosin()", 0.5, None, [1, 2], "100", "10 epochs", True, "tokens", -1, {"lr": 0.5}, {"a b": "linear()"},
    {"x": {"initial": "a", "schedule": 5}},
)  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_the_advice_for_any_mapping_works_when_pasted(key):
    for line, other in itertools.product(LINES, KEYS):
        with pytest.raises(InvalidArgument) as refusal:
            Plan({key: line, other: "linear()"})

        assert isinstance(eval(refusal.value.write), Plan)  # with the names that this file imports


@pytest.mark.parametrize("key", [one for one in KEYS if isinstance(one, str) and one.isidentifier()])
def test_the_advice_for_any_keyword_works_when_pasted(key):
    for line in LINES:
        try:
            made = Plan("cosine()", **{key: line})
        except InvalidArgument as refusal:
            made = eval(refusal.write)
        assert isinstance(made, Plan)


@table(
    ("line", "example"),
    [
        ("Plan('cosine()', 'linear()')", "Plan(lr='linear()')"),
        ("Plan({'lr': 'cosine()'}, lr='linear()')", "Plan(lr='linear()')"),
        ("Plan({'lr': 'cosine()'}, {'lr': 'linear()'})", "Plan(lr='linear()')"),
        ("Plan({'lr': 'cosine()', 'Lr': 'linear()'})", "Plan(lr='cosine()')"),
        ("Plan({'lr': 'cosine()', 'weight decay': 'linear()', 'Weight_Decay': 'step(5)'})",
         "Plan(lr='cosine()', weight_decay='step(5)')"),
    ],
)  # fmt: skip
def test_of_two_lines_for_one_field_the_advice_is_an_example(line, example):
    assert problem_of(line).endswith(f" For example: {example}")


@table("line", ["Plan(warmup_steps=10, lr='linear()')", "Plan({'warmup_steps': 10, 'lr': 'linear()'})"])
def test_a_warmup_in_front_of_the_line_is_kept(line):
    assert problem_of(line).endswith("Write Plan(lr='warmup(10) >> linear()')")
