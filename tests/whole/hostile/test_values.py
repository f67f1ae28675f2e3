"""Any value in a state, a group, a config or a call is used or refused by an error of the library, before any write."""

import contextlib
import inspect
import json
import logging
import warnings
from collections.abc import Callable
from operator import attrgetter
from typing import Any, get_origin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import ParamschedError
from paramsched.files import open_plan
from paramsched.mmengine import simulate
from paramsched.mmengine.runner import Runner
from paramsched.mmengine.schedulers.families import SCHEDULER_CLASSES
from support.records import KEY, record_in
from support.runner_configs import good
from support.spread import spread
from support.tables import table
from support.updates import Probe, group, run
from whole.hostile.inputs import (
    NONSENSE,
    NUMBERS,
    OBJECTS,
    PLAIN,
    TEXTS,
    TREES,
    NoRepr,
    mutated,
    objects,
    places,
    values,
    with_value,
)
from whole.hostile.uses import refusal


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def used_or_refused(call: Callable[[], Any]) -> Any:
    """Return the result, or the error if it is one of the library that can be printed."""
    try:
        return call()
    except ParamschedError as error:
        refusal(error)
        return error


# ---------------------------------------------------------------- states and groups

PLANS = {
    "lr": ps.Plan(lr=ps.warmup(3) >> ps.cosine(to=0.1), total=20),
    "momentum": ps.Plan(lr=ps.linear(1.0, 0.0), momentum=ps.linear(1.0, 0.9), total="2 epochs"),
    "metric": ps.Plan(lr=ps.linear(1.0, 0.0) * ps.plateau("loss", patience=0), weight_decay="constant(2.0)", total=19),
    "tokens": ps.Plan(lr=ps.linear(1.0, 0.0, over="900 tokens"), weight_decay="constant(2.0)", clock="tokens"),
    "target": ps.Plan(ps.Binding(ps.Target("heat", 2.0), ps.linear(1.0, 0.0)), lr="constant(0.5)", total=19),
}


class Blind(Probe):
    """An optimizer that steps with any values in its groups."""

    def step(self, closure: Any = None) -> None:
        pass


def attached(name: str, updates: int) -> tuple[Probe, ps.Scheduler]:
    optimizer = Blind([group(), group(lr=0.2, name="head")])
    for param_group in optimizer.param_groups:
        del param_group["momentum"]
    scheduler = ps.Scheduler(optimizer, PLANS[name], steps_per_epoch=10, tokens_per_step=64)
    for t in range(updates):
        if name == "tokens":
            scheduler.consumed(tokens=100 + t)
        run(optimizer, 1)
    if name == "tokens":
        scheduler.consumed(tokens=3)
    return optimizer, scheduler


def entries_of(param_group: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in param_group.items() if key != "params"}


def present(optimizer: Probe, scheduler: ps.Scheduler) -> str:
    return repr(([*map(entries_of, optimizer.param_groups)], scheduler.state_dict()))


def with_mutated_record(data: st.DataObject, holder: dict[str, Any]) -> dict[str, Any]:
    """Draw a copy of a state or a group whose record has damaged entries."""
    try:
        text = json.dumps(data.draw(mutated(record_in(holder))), default=repr, skipkeys=True)
    except (ValueError, RuntimeError):  # a value that contains itself, or that has no text
        text = "[" * 100
    return {**holder, KEY: text}


DAMAGE = ("state", "record in a group", "entries of a group", "entries of both groups")


@pytest.mark.parametrize("damage", DAMAGE)
@given(st.data(), st.sampled_from(sorted(PLANS)), st.integers(0, 3))
def test_a_damaged_state_is_loaded_completely_or_changes_nothing(damage, data, name, updates):
    of_optimizer, of_scheduler = (stateful.state_dict() for stateful in attached(name, 5))
    groups = of_optimizer["param_groups"]
    if damage == "state":
        of_scheduler = with_mutated_record(data, of_scheduler)
    elif damage == "record in a group":
        groups[0] = with_mutated_record(data, groups[0])
    else:
        for index in (0, 1) if "both" in damage else (data.draw(st.integers(0, 1)),):
            groups[index] = {**data.draw(mutated(entries_of(groups[index]))), "params": groups[index]["params"]}
    optimizer, scheduler = attached(name, updates)
    before = present(optimizer, scheduler)
    load = (
        (lambda: scheduler.load_state_dict(of_scheduler))
        if damage == "state"
        else lambda: optimizer.load_state_dict(of_optimizer)
    )
    if isinstance(used_or_refused(load), ParamschedError):
        assert present(optimizer, scheduler) == before
    elif "entries" not in damage:
        run(optimizer, 2)
        scheduler._values(), scheduler.state_dict(), optimizer.state_dict()
    else:
        used_or_refused(lambda: run(optimizer, 2))


SIMPLE = (
    *(None, True, -1, 2**70, 10**400, 0.5, float("nan"), 1e308, "", "lr", "[" * 9000, "round(1, -10**9)"),
    *([], [1], {}, {"lr": 0.1}),
)


@pytest.mark.parametrize("name", spread(PLANS, "metric"))
def test_a_state_with_any_value_in_any_place_is_loaded_completely_or_changes_nothing(name):
    state = attached(name, 5)[1].state_dict()
    record = record_in(state)
    records = [
        *TEXTS,
        *PLAIN,
        *(json.dumps(with_value(record, place, value)) for place in places(record) for value in SIMPLE),
    ]
    optimizer, scheduler = attached(name, 2)
    before = present(optimizer, scheduler)

    for text in records:
        if isinstance(used_or_refused(lambda: scheduler.load_state_dict({**state, KEY: text})), ParamschedError):  # noqa: B023  # called at once
            assert present(optimizer, scheduler) == before, text
        else:
            optimizer, scheduler = attached(name, 2)


@given(st.data(), st.sampled_from(sorted(PLANS)), st.sampled_from([0, 1, 33]), st.sampled_from([0, 1]))
def test_a_group_that_changes_between_two_steps_is_used_or_refused(data, name, updates, index):
    optimizer, scheduler = attached(name, updates)
    param_group = optimizer.param_groups[index]
    before = entries_of(param_group)
    for key in before:
        del param_group[key]
    param_group.update(data.draw(mutated(before)))

    readers = (scheduler._values, scheduler.state_dict, optimizer.state_dict, scheduler.get_last_lr)
    for call in (optimizer.step, optimizer.step, *readers):
        used_or_refused(call)


@given(values, st.sampled_from(["base", "t", "metric", "seek"]))
def test_any_base_time_or_metric_is_used_or_refused(value, where):
    _, scheduler = attached("metric", 1)
    calls = {
        "base": lambda: ps.Scheduler(Probe([{**group(), "lr": value}]), PLANS["lr"]),
        "t": lambda: ps.Scheduler(Probe([group()]), PLANS["lr"], t=value),
        "metric": lambda: scheduler.observe(loss=value),
        "seek": lambda: scheduler.seek(value),
    }

    used_or_refused(calls[where])


# ---------------------------------------------------------------- public functions


def _called_by_users(name: str) -> bool:
    actual = getattr(ps, name)
    abstract = inspect.isabstract(actual) or getattr(actual, "_is_protocol", False)
    is_annotation = get_origin(actual) is not None  # `Length`, which Python can call
    return (
        callable(actual)
        and not abstract
        and not is_annotation
        and not (isinstance(actual, type) and issubclass(actual, BaseException))
    )


FUNCTIONS = sorted(filter(_called_by_users, ps.__all__))


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, list[Any], dict[str, Any]]:
    """Draw a public function with arguments of any type that match its signature."""
    name = draw(st.sampled_from(FUNCTIONS))
    parameters = list(inspect.signature(attrgetter(name)(ps)).parameters.values())
    by_place = [
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    value = st.sampled_from((*NONSENSE, *OBJECTS))
    least = sum(parameter.default is parameter.empty for parameter in by_place)
    positional = draw(st.lists(value, min_size=least, max_size=len(by_place)))
    named = {
        parameter.name: draw(value)
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY and (parameter.default is parameter.empty or draw(st.booleans()))
    }
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        named |= draw(st.dictionaries(st.sampled_from(["lr", "momentum", "x"]), value, max_size=2))
    return name, positional, named


@given(st.lists(calls(), min_size=4, max_size=4))
def test_a_value_of_a_wrong_type_raises_an_error_of_the_library(tmp_path_factory, some):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.getbasetemp())
        for name, positional, named in some:
            with contextlib.suppress(OSError):
                used_or_refused(lambda: attrgetter(name)(ps)(*positional, **named))  # noqa: B023  # called at once


@table(
    "call",
    [
        lambda: ps.cosine(over=10)(np.arange(5), np.ones(3)),
        lambda: ps.shapes.geometric(np.ones(2)),
        lambda: open_plan("lr: cosine()", np.ones(2)),
        lambda: ps.dump(ps.Plan(lr=ps.cosine()), "plan.yaml", np.ones(2)),
        lambda: ps.dump(ps.Plan(lr=ps.cosine()), None, np.ones(2)),
        *(lambda odd=odd: ps.loads(odd) for odd in (b"lr: 1", 7, ["lr: 1"], PLANS["lr"])),
        *(lambda odd=odd: ps.loads("lr: 1", odd) for odd in (b"lr: 1", 7, None, ["lr: 1"], PLANS["lr"])),
        *(lambda path=path: Runner.from_cfg(path) for path in ("", "missing.py", "/dev/null", "/dev/zero", ".", "\0")),
    ],
)
def test_an_unusual_argument_is_refused(call):
    with pytest.raises(ParamschedError):
        call()


# ---------------------------------------------------------------- configs of MMEngine

CURVES = [name.removesuffix("LR") for name in SCHEDULER_CLASSES if name.endswith("LR")]
REQUIRED = {
    "CosineRestart": {"periods": [2, 3], "restart_weights": [1, 1], "eta_min": 0},
    "Exponential": {"gamma": 0.9},
    "MultiStep": {"milestones": [2, 3]},
    "OneCycle": {"eta_max": 0.1},
    "Step": {"step_size": 2},
}
FACTS = ({}, {"steps_per_epoch": 7}, {"steps_per_epoch": 7, "total": 100})


def simulated_or_refused(config: Any, facts: Any = FACTS[1]) -> None:
    with contextlib.suppress(OSError):  # a text is the path of a file
        curves = used_or_refused(lambda: simulate(config, **facts))
        assert isinstance(curves, ParamschedError) or len(curves["lr", 0]) <= 2_000_000


@pytest.mark.parametrize("curve", CURVES)
def test_any_number_in_a_scheduler_is_simulated_or_refused(curve):
    for name in [*inspect.signature(SCHEDULER_CLASSES[f"{curve}LR"]).parameters][1:]:
        for index, number in enumerate((10**400, float("inf"), float("-inf"), float("nan"), 10**25, 1e308, -1, 0, 2.5)):
            value = (
                [number] if index % 2 and name in ("periods", "milestones", "restart_weights", "eta_max") else number
            )
            convert = {"convert_to_iter_based": True} if index % 3 == 0 else {}
            scheduler = {"type": f"{curve}LR", **REQUIRED.get(curve, {}), **convert, name: value}
            simulated_or_refused(
                {"param_scheduler": [scheduler, {"type": "LinearLR", "end": 3}], "train_cfg": {"max_epochs": 5}}
            )


def test_a_config_with_any_number_in_any_place_is_simulated_or_refused():
    config = TREES["config.json"]
    for place in places(config):
        for number in NUMBERS:
            simulated_or_refused(with_value(config, place, number))


@table(("key", "number"), [(key, number) for key in ("max_epochs", "max_iters") for number in (*NUMBERS, 5_000_000)])
def test_any_number_as_the_length_of_a_run_is_simulated_or_refused(key, number):
    simulated_or_refused({"param_scheduler": {"type": "StepLR", "step_size": 2}, "train_cfg": {key: number}})


@given(mutated(TREES["config.json"]) | values, st.sampled_from(FACTS))
def test_any_config_is_simulated_or_refused(config, facts):
    simulated_or_refused(config, facts)


@given(mutated(good(), objects))
def test_any_config_builds_a_runner_or_is_refused(config):
    runner = used_or_refused(lambda: Runner.from_cfg(config))

    # What can be built can be prepared: the loader, the optimizer and the schedulers are made of checked settings.
    if isinstance(runner, Runner) and runner.given["train_dataloader"] is not None:
        used_or_refused(runner._prepare_training)
        used_or_refused(runner._prepare_schedulers)


@table("name", list(good()))
def test_an_object_without_a_repr_is_used_or_refused(name):
    with contextlib.suppress(ParamschedError):
        Runner(**{**good(), name: NoRepr()})


@given(objects)
def test_any_object_as_a_config_is_refused_or_builds_a_runner(value):
    used_or_refused(lambda: Runner.from_cfg(value))
