"""The message of an error has at most 2,000 characters, whatever was passed, with its place and what to write."""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.compat import torch as drop_ins
from paramsched.core.schedules import SHAPES
from paramsched.errors import ConfigError, InvalidArgument, ParamschedError
from paramsched.tools import audit
from support.registered_shapes import shapes_as_before
from support.tables import table

MOST = 2_000
HUGE: dict[str, Any] = {
    "a list": [0.1] * 3_000,
    "a nested list": [[1.0] * 100] * 30,
    "a string": "x" * 10_000,
    "escapes": "\x1b" * 10_000,
    "a dict": {f"k{number}": number for number in range(1_000)},
    "a long key": {"z" * 10_000: 1},
    "an array": np.ones(3_000),
    "an integer": 10**5_000,
}
TEXTS = {
    "words": "a b" * 3_000,
    "a line with a length": "warmup(" + "9" * 5_000 + ")",
    "brackets": "(" * 50_000,
    "lines": "ab\n" * 3_000,
}
"""Texts that differ only for what reads text."""


def sgd(*groups: dict[str, Any]) -> torch.optim.Optimizer:
    chosen = [{"params": [torch.nn.Parameter(torch.zeros(1))], **group} for group in groups or ({},)]
    return torch.optim.SGD(chosen, lr=0.1, momentum=0.9)


def scheduler(plan: Any = "cosine()") -> ps.Scheduler:
    return ps.Scheduler(sgd(), plan, total=9)


def keyword(value: Any) -> dict[str, Any]:
    """Return a keyword with a huge name, or one with a huge value."""
    return {value: 1} if isinstance(value, str) else {"lr": value}


PLAN = ps.Plan(lr="cosine()", total=9)
CALLS: dict[str, Callable[[Any], object]] = {
    "Plan": ps.Plan,
    "Plan(lr=)": lambda value: ps.Plan(lr=value),
    "Plan(total=)": lambda value: ps.Plan(lr="cosine()", total=value),
    "Plan(clock=)": lambda value: ps.Plan(lr="cosine()", clock=value),
    "Plan(**)": lambda value: ps.Plan(**keyword(value)),
    "Plan.of_text": ps.Plan.of_text,
    "plan.change": lambda value: PLAN.change(value, lr="cosine()"),
    "plan.change(lr=)": lambda value: PLAN.change(3, lr=value),
    "plan.scale": lambda value: PLAN.scale(3, **keyword(value)),
    "plan.cooldown": lambda value: PLAN.cooldown(value, value),
    "Binding(field)": lambda value: ps.Binding(value, "cosine()"),
    "Binding(groups)": lambda value: scheduler(ps.Plan(ps.Binding("lr", "cosine()", value))),
    "Target": lambda value: ps.Target(value, 1.0),
    "Target(initial)": lambda value: ps.Target("x", value),
    "Duration.of": ps.Duration.of,
    "Scheduler(optimizer)": lambda value: ps.Scheduler(value, "cosine()", total=9),
    "Scheduler(plan)": scheduler,
    "Scheduler(**)": lambda value: ps.Scheduler(sgd(), "cosine()", **keyword(value)),
    "Scheduler(facts=)": lambda value: ps.Scheduler(sgd(), "cosine()", facts=value),
    "load_state_dict": lambda value: scheduler().load_state_dict(value),
    "seek": lambda value: scheduler().seek(value),
    "consumed": lambda value: scheduler().consumed(**keyword(value)),
    "report": lambda value: scheduler().report(progress=value),
    "value": lambda value: scheduler().value("lr", value),
    "observe": lambda value: scheduler().observe(**keyword(value)),
    "Values": lambda value: ps.Values({"a": "cosine()"}, bases=value, total=9),
    "load": lambda value: ps.load(value),
    "loads": ps.loads,
    "loads(shapes=)": lambda value: ps.loads("lr: cosine()", shapes=value),
    "dump": lambda value: ps.dump(value),
    "parse": ps.parse,
    "check": ps.check,
    "check(bases=)": lambda value: ps.check("cosine()", bases=value),
    "check(groups=)": lambda value: ps.check("cosine()", groups=value),
    "check(ignore=)": lambda value: ps.check("cosine()", ignore=value),
    "diff": lambda value: ps.diff(value, "cosine()"),
    "resolve": lambda value: ps.resolve(value, total=9),
    "trace": lambda value: ps.trace("cosine()", value, total=9),
    "to_lambda(field=)": lambda value: ps.to_lambda("cosine()", total=9, field=value),
    "shape": ps.shape,
    "absolute": ps.absolute,
    "call": lambda value: ps.cosine(over=3)(value, value),
    ">>": lambda value: ps.cosine() >> value,
    "recipes": lambda value: ps.recipes[value],
    "find_lr": lambda value: ps.find_lr(value, lambda: 1.0),
    "figure": lambda value: ps.show.figure(value),
    "read_log": lambda value: audit.read_log(value),
    "ps.": lambda value: getattr(ps, value),
    "engines.": lambda value: getattr(ps.engines, value),
}
CALLS |= {
    f"{name}({key}=)": partial(lambda build, key, value: build(**{key: value}), build, key)
    for name, build in SHAPES.items()
    for key, parameter in inspect.signature(build).parameters.items()
    if parameter.kind is not parameter.VAR_POSITIONAL
}
CALLS |= {f"RunFacts({fact}=)": partial(lambda fact, value: ps.RunFacts(**{fact: value}), fact)
          for fact in ps.RunFacts.__dataclass_fields__}  # fmt: skip
CALLS |= {
    f"Scheduler({name}=)": partial(lambda name, value: ps.Scheduler(sgd(), "cosine()", total=9, **{name: value}), name)
    for name in ("drive", "on_change", "on_base", "t", "strict")
}
CALLS |= {
    f"{name}({key}=)": partial(
        lambda scheduler_class, key, value: scheduler_class(sgd(), **{key: value}), getattr(drop_ins, name), key
    )
    for name in drop_ins.__all__
    if inspect.isclass(getattr(drop_ins, name))
    for key in list(inspect.signature(getattr(drop_ins, name)).parameters)[1:]
}


def message_of(call: Callable[[], object]) -> str:
    """Return the message of a call that is refused; an empty string if it is accepted, or if Python refuses it."""
    try:
        call()
    except (ParamschedError, ps.PlanWarning, AttributeError, ValueError) as refused:
        return str(refused)
    except Exception:  # noqa: BLE001  # of Python or torch
        return ""
    return ""


@table("name", CALLS)
def test_a_huge_value_is_refused_in_a_short_message(name):
    values = HUGE if "=" in name else HUGE | TEXTS
    with shapes_as_before():
        sizes = {label: len(message_of(partial(CALLS[name], value))) for label, value in values.items()}

    assert {label: size for label, size in sizes.items() if size > MOST} == {}


LONG = "g" * 300
MANY_GROUPS = [{"name": f"{LONG}{number}"} for number in range(500)]
STAGES = " >> ".join(["constant(over=1)"] * 500)
WRONG = {f"lr{number}": "cosin()" for number in range(500)}


def many_optimizers() -> dict[str, torch.optim.Optimizer]:
    return {f"{'o' * 50}{number}": sgd() for number in range(200)}


@table(
    ("make", "place"),
    [
        (lambda: ps.loads(WRONG), "$.lr0"),
        (lambda: ps.loads("\n".join(f"{name}: {line}" for name, line in WRONG.items())), "1:1: $.lr0"),
        (
            lambda: ps.loads({"lr": "cosine()", "groups": {f"{LONG}{n}": {"lr": "cosin()"} for n in range(300)}}),
            "$.groups",
        ),
        (lambda: ps.loads("lr: " + STAGES + " >> cosin()"), "1:10005: $.lr"),
        (lambda: ps.Plan(lr=STAGES + " >> cosin()"), '"cosin"'),
        (lambda: ps.Plan(lr=STAGES).resolve(steps_per_epoch=0), "steps_per_epoch"),
        (lambda: ps.Scheduler(sgd(*MANY_GROUPS), ps.Plan(ps.Binding("lr", "cosine()", "nope")), total=9), "nope"),
        (lambda: ps.Scheduler(sgd(*MANY_GROUPS), ps.Plan(rho="cosine()"), total=9), "rho"),
        (lambda: ps.Scheduler(sgd(*MANY_GROUPS), "cosine()", total=9).value("nope"), "nope"),
        (lambda: ps.Scheduler(many_optimizers(), "cosine()", total=9).value("nope"), "nope"),
        (lambda: scheduler().load_state_dict({f"{LONG}{number}": 1 for number in range(500)}), "state_dict()"),
    ],
)
def test_the_message_of_many_entries_is_short_and_has_its_place(make, place):
    with pytest.raises((ParamschedError, KeyError)) as refused:
        make()

    assert len(str(refused.value)) <= MOST
    assert place in str(refused.value)


@pytest.mark.filterwarnings("error::paramsched.PlanWarning")
def test_the_warning_of_a_long_line_is_short():
    with pytest.raises(ps.PlanWarning) as warned:
        ps.Scheduler(sgd(), ps.Plan(lr=STAGES), total=10)

    assert len(str(warned.value)) <= MOST
    assert warned.value.problem.advice or warned.value.problem.code


def test_many_problems_are_the_first_ten_and_the_number_of_the_rest():
    with pytest.raises(ConfigError) as refused:
        ps.loads(WRONG)

    *listed, rest = str(refused.value).splitlines()
    assert 1 < len(listed) <= 10
    assert rest == f"… and at least {200 - len(listed)} more"  # what follows 200 problems is not read
    assert str(ConfigError("plan.yaml", map(str, range(30)))).splitlines()[9:] == ["plan.yaml: 9", "… and 20 more"]


def test_an_expected_value_and_its_fragment_are_kept():
    with pytest.raises(InvalidArgument) as refused:
        ps.plateau("loss", mode=[0.1] * 30_000)

    assert str(refused.value).startswith("plateau(mode=[0.1, ")
    assert str(refused.value).endswith('For example: mode="min"')


def test_a_plan_with_a_line_that_no_file_could_contain_is_refused(tmp_path: Path):
    line = ps.constant(0.5, over=1)
    for _ in range(12):
        line = line >> line

    with pytest.raises(InvalidArgument) as refused:
        ps.Plan(lr=line)

    assert "15,000" in str(refused.value)
    ps.dump(ps.Plan(lr=STAGES), tmp_path / "plan.yaml")
    assert ps.load(tmp_path / "plan.yaml").text is not None
