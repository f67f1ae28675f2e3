"""Every function that takes a plan takes it in every form, with the same result."""

import inspect
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

import paramsched as ps
from paramsched.core.plan import Plan, PlanLike
from paramsched.errors import InvalidArgument
from paramsched.tools.audit import compare_with_plan, read_log
from paramsched.tools.recipes import Recipe
from support.pages import public_paths

LINE = "warmup(2) >> linear(1.0, 0.25, 6)"
PLAN = Plan(lr=LINE)
RUN = ps.RunFacts(total=8)
BASE = {"lr": 0.5}
PATHS = public_paths()


def recipe_of(plan: Plan, **facts: Any) -> Recipe:
    return Recipe("tiny", "Tiny", "vision", plan, ps.RunFacts(**facts), (BASE,), "a test", (), ())


def forms_of(plan: Plan, folder: Path) -> dict[str, PlanLike]:
    """Return the plan in the forms in which every plan can be written."""
    for suffix in ("yaml", "json"):
        ps.dump(plan, folder / f"plan.{suffix}")
    mapping = json.loads((folder / "plan.json").read_text())
    return {
        "recipe": recipe_of(plan),
        "path": folder / "plan.json",
        "text of a path": str(folder / "plan.yaml"),
        "path of JSON": str(folder / "plan.json"),
        "YAML": ps.dump(plan) or "",
        "JSON": json.dumps(mapping),
        "mapping": mapping,
    }


def optimizer_of(lr: float = 0.5, **options: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr, **options)


def applied(scheduler: Any, optimizer: torch.optim.Optimizer) -> list[float]:
    actual = []
    for _ in range(8):
        actual.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
    return actual


def values_of_scheduler(plan: PlanLike) -> list[float]:
    optimizer = optimizer_of()
    return applied(ps.Scheduler(optimizer, plan, total=8), optimizer)


def figure_of(plan: PlanLike) -> str:
    return ps.show.figure(plan)._repr_svg_()


CASES: dict[str, tuple[Plan, Callable[[Any], Any]]] = {
    "ps.Scheduler": (PLAN, values_of_scheduler),
    "ps.trace": (PLAN, lambda plan: ps.trace(plan, BASE, facts=RUN)["lr"].tolist()),
    "ps.Values": (Plan(lr="absolute(0.5) * step(2)"), lambda plan: dict(ps.Values(plan, bases={"lr": 1.0}, total=8))),
    "ps.diff": (
        PLAN,
        lambda plan: [str(ps.diff(*pair, facts=RUN)) for pair in ((plan, Plan(lr=1.0)), (Plan(lr=1.0), plan))],
    ),
    "ps.dump": (PLAN, ps.dump),
    "ps.resolve": (PLAN, lambda plan: ps.resolve(plan, facts=RUN)),
    "ps.to_lambda": (PLAN, lambda plan: [ps.to_lambda(plan, facts=RUN)(t) for t in range(8)]),
    "ps.check": (Plan(lr="linear(0.0, 3.0, 2)"), lambda plan: ps.check(plan, facts=RUN)),
    "ps.show.figure": (PLAN, figure_of),
    "ps.show.plan_axes": (PLAN, lambda plan: ps.show.plan_axes(plan, [BASE], RUN)[0].lines[0].get_ydata().tolist()),
}
"""A plan and a function of it, for each public function that takes a plan."""

BY_SCHEDULER = {"accelerate", "lightning", "pytorch_accelerated", "transformers"}
"""The engines that pass the plan to a Scheduler."""

RESULTS = {"Recognized", "Trace", "Loaded", "GroupOfFile", "PlanText", "Optimum", "Recipe"}
"""Classes of values that have a plan."""

BUILT = {"bind", "from_plan", "mime_bundle"}
"""Functions below those that users call; their callers have the plan itself."""


def takes_plan(function: Any) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    texts = [str(parameter.annotation) for parameter in parameters]
    return any("plan.Plan" in text or "PlanLike" in text for text in texts) or any(
        Plan in get_args(parameter.annotation) for parameter in parameters
    )


def public_functions_that_take_a_plan() -> set[str]:
    actual = set()
    for path in PATHS:
        package, _, name = path.rpartition(".")
        by_scheduler = package.startswith("paramsched.engines.") and package.split(".")[2] in BY_SCHEDULER
        if package and not by_scheduler and package != "paramsched.mmengine.engine":
            try:
                value = getattr(import_module(package), name, None)
            except ModuleNotFoundError:  # a class
                continue
            if callable(value) and takes_plan(value):
                actual.add(name)
    return actual - RESULTS - BUILT


def test_every_public_function_that_takes_a_plan_has_a_case():
    assert public_functions_that_take_a_plan() - {"compare_with_plan"} <= {name.split(".")[-1] for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_every_form_of_a_plan_has_the_result_of_the_plan(name, tmp_path):
    plan, result = CASES[name]
    expected = result(plan)

    for form, equal_plan in forms_of(plan, tmp_path).items():
        assert result(equal_plan) == expected, form


@pytest.mark.parametrize("name", CASES)
def test_a_schedule_or_its_text_is_the_plan_of_lr(name):
    plan, result = CASES[name]
    if plan.total is not None or name in ("ps.resolve", "ps.show.figure"):
        pytest.skip("the plan has more than a schedule, or the function takes a schedule as such")
    (line,) = plan.bindings
    expected = result(plan)

    assert result(line.schedule) == result(str(line.schedule)) == expected


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("ps.to_")])
@pytest.mark.parametrize("value", [3, 0.1, None, ["lr"], object])
def test_a_value_that_is_not_a_plan_has_one_error(name, value):
    with pytest.raises(InvalidArgument, match="expected a plan, got "):
        CASES[name][1](value)


def test_a_log_is_compared_with_a_plan_in_every_form(tmp_path):
    rows = [f"{t},{value!r}" for t, value in enumerate(ps.trace(PLAN, BASE, facts=RUN)["lr"].tolist())]
    (tmp_path / "log.csv").write_text("\n".join(["step,lr", *rows]) + "\n")
    logged = read_log(tmp_path / "log.csv", ["lr"])

    for equal_plan in forms_of(PLAN, tmp_path).values():
        assert str(compare_with_plan(logged, equal_plan, facts=RUN)) == str(compare_with_plan(logged, PLAN, facts=RUN))
