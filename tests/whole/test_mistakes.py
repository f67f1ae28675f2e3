"""What the library says to write, in the place of a mistake, gives the values of the line that was wanted.

`mistakes.yaml` has the mistakes, with marks around what is wrong, the fragments of the advice, and the wanted lines.
"""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

import paramsched as ps
from paramsched import mmengine
from paramsched.base.problem import Problem
from paramsched.compat import gradual_warmup, pytorch_accelerated
from paramsched.compat import torch as drop_ins
from paramsched.core.schedules import Schedule
from paramsched.errors import ConfigError, ParamschedError
from support import answers
from support.tables import table

ROWS = answers.read(Path(__file__).with_name("mistakes.yaml"))
MARKED = re.compile("«(.*?)»")


def mended(text: str, fragments: list[str]) -> str:
    """Return a text with fragments in the place of its marks."""
    following = iter(fragments)
    return MARKED.sub(lambda match: next(following), text)


def says(problem: Problem, row: dict[str, Any]) -> bool:
    """Return whether a problem has the code of a row, and its fragments in its advice."""
    return problem.code == row["code"] and all(fragment in problem.advice for fragment in row["write"])


def problems_of_plan(line: str, base: float | None, run: dict[str, Any]) -> list[Problem]:
    """Return the problems of the text of a plan, or of the plan in a run."""
    try:
        plan = ps.loads(line)
        plan.resolve(**{"steps_per_epoch": 100, **run})
    except ConfigError as refused:
        return list(refused.problems)
    except ParamschedError as refused:
        return [refused.problem]
    fields = [binding.name for binding in plan.bindings if isinstance(binding.field, str)]
    return list(ps.check(plan, bases=None if base is None else dict.fromkeys(fields, base), **run))


def values_of_plan(line: str, base: float | None, run: dict[str, Any]) -> list[Any]:
    """Return the metric rules and the values of each line of a plan in a run."""
    plan = ps.loads(line).resolve(**{"steps_per_epoch": 100, **run})
    times = np.arange(0, plan.total.updates, 7)
    bases = [line.field.initial if isinstance(line.field, ps.Target) else base or 0.1 for line in plan.bindings]
    pairs = zip(plan.bindings, bases, strict=True)
    return [(binding.schedule.metric_rules, binding.schedule(times, each)) for binding, each in pairs]


@table("row", [row for row in ROWS if "line" in row])
def test_a_fragment_in_the_place_of_a_mistake_has_the_values_of_the_wanted_line(row):
    line = mended(row["line"], row["write"])
    base = row.get("base")
    run = row["run"]

    before = problems_of_plan(MARKED.sub(r"\1", row["line"]), base, run)
    after = problems_of_plan(line, base, run)

    assert any(says(problem, row) for problem in before), before
    assert row["code"] not in [problem.code for problem in after]
    actual = values_of_plan(line, base, run)
    wanted = values_of_plan(row["wanted"], base, run)
    assert [rules for rules, _ in actual] == [rules for rules, _ in wanted]
    for (_, values), (_, wanted_values) in zip(actual, wanted, strict=True):
        np.testing.assert_allclose(values, wanted_values, rtol=1e-7, atol=1e-15)


NAMES = {name: getattr(drop_ins, name) for name in drop_ins.__all__}
NAMES |= {
    "absolute": ps.absolute,
    "np": np,
    "gradual": gradual_warmup,
    "accelerated": pytorch_accelerated,
    "mmengine": mmengine,
    "torch": torch,
    "ps": ps,
}


def called(call: str) -> Any:
    """Return what a call returns; of a scheduler, the lr of a few updates."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ps.PlanWarning)
        value = eval(call, {**NAMES, "optimizer": optimizer})
    if isinstance(value, Schedule):
        return ps.resolve(value, total=100)(np.arange(100)).tolist()
    if isinstance(value, float):
        return value
    if isinstance(value, ps.RunFacts):
        return str(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    rates = list[float]()
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if not isinstance(value, ps.Scheduler):
            value.step()
    return rates


def problem_of_call(call: str) -> Problem:
    """Return the problem of a call that is refused, or that is warned of."""
    try:
        called(call)
    except (ParamschedError, ps.PlanWarning) as refused:
        return refused.problem
    raise AssertionError(f"{call} is accepted")


@table("row", [row for row in ROWS if "call" in row])
def test_a_fragment_in_the_place_of_a_wrong_argument_has_the_values_of_the_wanted_call(row):
    problem = problem_of_call(MARKED.sub(r"\1", row["call"]))

    assert says(problem, row), problem
    actual = called(mended(row["call"], row["write"]))
    wanted = called(row["wanted"])
    assert actual == wanted or np.allclose(actual, wanted, rtol=1e-12, atol=0)
