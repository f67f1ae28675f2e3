"""A wrong call of an adapter is refused when it is made, with the name of the call, not when training begins.

Each public function and class of an adapter has a valid call here; a new one without a call fails.
"""

import inspect
import re
from dataclasses import fields
from importlib import import_module
from types import FunctionType
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.engines.argument_order import check_kinds
from paramsched.engines.engine_facts import PlanOptions
from paramsched.errors import InvalidArgument, ParamschedError
from support.updates import probe

MODULES = (
    "engines.accelerate", "engines.axolotl", "engines.lightning",
    "engines.pytorch_accelerated", "engines.transformers", "mmengine.engine",
)  # fmt: skip
PLAN = "linear()"


def accelerator() -> Any:
    return pytest.importorskip("accelerate").Accelerator(cpu=True)


def loader() -> Any:
    return torch.utils.data.DataLoader([0.0, 1.0])  # type: ignore[arg-type]  # a list has items and a length


def trainer() -> Any:
    return pytest.importorskip("transformers").Trainer


def scheduler() -> Any:
    return ps.Scheduler(probe(), ps.Plan(lr=PLAN, horizon=9))


def plan() -> Any:
    return PLAN


CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "engines.accelerate.scheduler": ((accelerator, probe, plan, loader), {"epochs": 2}),
    "engines.accelerate.facts": ((accelerator, loader), {}),
    "engines.accelerate.batch_counter": ((accelerator, scheduler), {}),
    "engines.accelerate.log": ((accelerator, scheduler), {}),
    "engines.lightning.PlanCallback": ((plan,), {}),
    "engines.pytorch_accelerated.scheduler": ((plan,), {}),
    "engines.pytorch_accelerated.AmountCallback": ((), {}),
    "engines.transformers.planned": ((trainer, plan), {}),
    "mmengine.engine.AmountHook": ((), {}),
    "mmengine.engine.PlanScheduler": ((probe, plan), {"total": 9}),
    "mmengine.engine.register": ((), {}),
}
"""The positional arguments, as functions that make them, and the keywords of a valid call."""

OTHERS = {
    "engines.axolotl": {"PlanPlugin", "PlanArgs"},  # axolotl calls them
    "engines.pytorch_accelerated": {"StopCallback"},  # without arguments, like the two hooks
    "mmengine.engine": {"StopHook", "ValuesHook"},
}


def names_of(module: str) -> set[str]:
    """Return the names of the functions of a module, and of the classes that it makes on demand."""
    home = import_module(f"paramsched.{module}")
    own = {
        name
        for name, one in vars(home).items()
        if not name.startswith("_") and isinstance(one, (type, FunctionType)) and one.__module__ == home.__name__
    }
    return own | set(re.findall(r"^    ([A-Z]\w+) = _\w+$", inspect.getsource(home), re.MULTILINE))


@pytest.mark.parametrize("module", MODULES)
def test_each_public_function_of_an_adapter_has_a_call_here(module: str) -> None:
    listed = {name.rpartition(".")[2] for name in CALLS if name.rpartition(".")[0] == module}

    assert names_of(module) - OTHERS.get(module, set()) - listed - _HELPERS == set()


_HELPERS = {"batch_amounts", "replicas", "end_callback_class", "allow_checkpoints"}
"""Functions that other modules of the library call."""


def called(name: str) -> Any:
    module, _, function = name.rpartition(".")
    try:
        return getattr(import_module(f"paramsched.{module}"), function)
    except ImportError as error:  # of the engine, or of this library, which names the engine
        pytest.skip(str(error))


def wrong_calls(name: str) -> list[tuple[str, list[Any], dict[str, Any]]]:
    """Return the wrong calls: what is wrong, and their arguments."""
    makers, keywords = CALLS[name]
    given = [make() for make in makers]
    wrong: list[tuple[str, list[Any], dict[str, Any]]] = []
    if name != "mmengine.engine.PlanScheduler":  # whose other keywords are facts
        wrong.append(("unknown keyword", given, {**keywords, "total_stepps": 10}))
    if given:
        wrong.append(("too few", given[:-1], keywords))
    wrong += [
        ("swapped", [*given[:i], given[i + 1], given[i], *given[i + 2 :]], keywords) for i in range(len(given) - 1)
    ]
    if plan in makers:
        wrong.append(("misspelt", ["linearr()" if one is PLAN else one for one in given], keywords))
        wrong.append(("not a plan", [3 if one is PLAN else one for one in given], keywords))
        wrong.append(("with errors", [{"lrr": "linear("} if one is PLAN else one for one in given], keywords))
    return wrong


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_call_is_refused_when_it_is_made(name: str, subtests: Any) -> None:
    function, (makers, keywords) = called(name), CALLS[name]
    function(*(make() for make in makers), **keywords)

    for what, positional, named in wrong_calls(name):
        with subtests.test(what=what), pytest.raises((ParamschedError, TypeError)) as refusal:
            function(*positional, **named)
        if isinstance(refusal.value, InvalidArgument):
            with subtests.test(what=f"site of {what}"):
                assert refusal.value.site


WITH_OPTIONS = (
    "accelerate.scheduler",
    "lightning.PlanCallback",
    "pytorch_accelerated.scheduler",
    "transformers.planned",
)


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_a_misspelled_option_is_refused_with_the_nearest_name(name: str) -> None:
    function, (makers, keywords) = called(f"engines.{name}"), CALLS[f"engines.{name}"]

    with pytest.raises(TypeError, match=rf'{name.split(".")[1]}\(\) got .*; did you mean "stop_before"'):
        function(*(make() for make in makers), **keywords, stop_befor="slurm")


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_the_signature_shows_each_option_with_its_default(name: str) -> None:
    shown = inspect.signature(called(f"engines.{name}")).parameters
    by_itself = {"amount_of", "stop"} if name.endswith("scheduler") else set()  # the loop is the user's

    expected = {one.name: one.default for one in fields(PlanOptions) if one.name not in by_itself}
    assert {option: shown[option].default for option in expected} == expected
    assert not by_itself & set(shown)


def test_an_argument_that_is_no_plan_is_answered_as_by_a_scheduler():
    with pytest.raises(InvalidArgument, match=r'got int. Write "absolute\(5\)" for the value 5'):
        check_kinds("engine.attach", plan=5)
