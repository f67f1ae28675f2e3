"""Arguments of other libraries: each is refused with what it is here, in a call, a plan, a file and a command."""

import re

import pytest
import torch
from click.testing import CliRunner

import paramsched as ps
from paramsched.base.foreign_names import FOREIGN, name_here
from paramsched.base.params import params_of
from paramsched.cli import main
from paramsched.core.schedules import SHAPES
from support.tables import table


def refused(function, *args, **kwargs):
    with pytest.raises(ps.errors.InvalidCall, match="unknown argument") as caught:
        function(*args, **kwargs)
    return str(caught.value)


def sgd():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


@table("name", sorted(name for name in FOREIGN if "." not in name))
def test_a_call_is_refused_with_what_the_argument_is_here(name):
    for shape in ("cosine", "linear", "step", "one_cycle", "plateau"):
        if name not in params_of(SHAPES[shape]) and f"{shape}.{name}" not in FOREIGN:
            assert name_here(shape, name, 1) in refused(SHAPES[shape], **{name: 1})
            assert name_here(shape, name, 1) in refused(ps.parse, f"{shape}({name}=1)")


@table("here", sorted({*FOREIGN.values()}))
def test_what_an_argument_is_here_names_shapes_and_their_arguments(here):
    names = {argument for shape in SHAPES.values() for argument in params_of(shape)}
    arguments = {
        *ps.RunFacts.__dataclass_fields__,
        "t",
        "low",
        "high",
        "updates",
        "stop_at",
        "smoothing",
        "groups",
        "field",
        "clock",
    }

    assert {*re.findall(r"(\w+)\(", here)} <= {*SHAPES, "absolute", "Plan"}
    assert {*re.findall(r"(\w+)=", here)} <= names | arguments | {"initial", "lr", "bases"}


@table(
    ("call", "arguments", "here"),
    [
        (lambda **more: ps.Scheduler(sgd(), "cosine()", **more), {"max_steps": 10}, "Write total=10"),
        (lambda **more: ps.Plan(lr="cosine()", **more), {"warmup_steps": 5}, "Write warmup(5) >>"),
        (lambda **more: ps.Plan(lr="cosine()", total=9).change(5, **more), {"epochs": 3}, 'Write total="3 epochs"'),
        (lambda **more: ps.RunFacts(**more), {"seq_len": 8}, "Write sequence_length=8"),
        (lambda **more: ps.trace("cosine()", **more), {"num_training_steps": 8}, "Write total=8"),
        (lambda **more: ps.trace("cosine()", **more), {"base": 0.1}, 'Write bases={"lr": 0.1}'),
        (lambda **more: ps.Scheduler(sgd(), **more), {"lr": "cosine()"}, 'ps.Plan(lr="cosine()")'),
        (lambda **more: ps.plateau("loss", **more), {"min_lr": 1e-6}, "Write min=absolute(1e-06)"),
        (lambda **more: ps.warmup(**more), {"epochs": 2}, 'or over="2 epochs" of a stage'),
        (lambda **more: ps.Binding("lr", "cosine()", **more), {"param_group": "head"}, 'Write groups="head"'),
    ],
)
def test_a_function_that_is_not_a_shape_is_answered_too(call, arguments, here):
    assert here in refused(call, **arguments)


@table(("entry", "value"), [("max_steps", 100), ("warmup_ratio", 0.1), ("milestones", [30, 80]), ("warmup", '"5%"')])
def test_an_entry_of_a_plan_file_is_answered_at_its_place(entry, value):
    with pytest.raises(ps.errors.ConfigError, match=r"is not a field\. Write") as caught:
        ps.loads(f"lr: cosine()\n{entry}: {value}\n")

    assert [problem.line for problem in caught.value.problems] == [2]


def test_a_plan_with_a_schedule_for_a_field_of_that_name_is_accepted():
    assert ps.Plan(max_lr="cosine()", momentum=0.9 * ps.constant(), gamma=1).bindings
    assert ps.loads("lr: cosine()\nmax_lr: cosine()").bindings


def test_an_option_of_a_command_is_answered():
    result = CliRunner().invoke(main, ["show", "cosine()", "--max-steps", "100"])

    assert result.exit_code == 2
    assert "total=…" in result.output


@table(
    ("text", "meant"),
    [
        ("5 ep", "5 epochs"), ("5ep", "5 epochs"), ("2b tokens", "2B tokens"), ("10 percent", "10%"), ("0.5dur", "50%"),
        ("3e4tok", "3e4 tokens"), ("1.5 million samples", "1.5M samples"), ("10 epoks", "10 epochs"),
        ("100% - 2 ep", "100% - 2 epochs"), ("100ba", "100 batches"),
    ],
)  # fmt: skip
def test_a_unit_that_is_not_known_is_answered_with_the_length(text, meant):
    with pytest.raises(ps.errors.InvalidArgument, match="unknown unit") as caught:
        ps.warmup(text)

    assert caught.value.problem.advice == f'Write "{meant}"'
    assert ps.warmup(meant)


@table(
    ("call", "named"),
    [
        (lambda: ps.Scheduler(sgd(), "cosine()", 100), "total=100"),
        (lambda: ps.check("cosine()", 100), "total=100"),
        (lambda: ps.trace("cosine()", {"lr": 0.1}, "3 epochs"), "total='3 epochs'"),
    ],
)
def test_an_argument_that_must_be_named_is_answered_with_its_name(call, named):
    with pytest.raises(ps.errors.InvalidCall, match=f"must be named: {named}"):
        call()
