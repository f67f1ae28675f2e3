"""Mutated states and groups are rejected before any write, or loaded completely."""

import copy
import json
import warnings
from contextlib import suppress
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import ParamschedError
from support.records import KEY, record_in
from support.updates import Probe, group, run

PLANS = {
    "lr": ps.Plan(lr=ps.warmup(3) >> ps.cosine(to=0.1), total=20),
    "momentum": ps.Plan(lr=ps.linear(1.0, 0.0), momentum=ps.linear(1.0, 0.9), total="2 epochs"),
    "metric": ps.Plan(lr=ps.linear(1.0, 0.0) * ps.plateau("loss", patience=0), weight_decay="constant(2.0)", total=19),
    "tokens": ps.Plan(lr=ps.linear(1.0, 0.0, over="900 tokens"), weight_decay="constant(2.0)", clock={"lr": "tokens"}),
    "target": ps.Plan(ps.Binding(ps.Target("heat", 2.0), ps.linear(1.0, 0.0)), lr="constant(0.5)", total=19),
}

loop: list[Any] = []
loop.append(loop)
NONSENSE = [
    *(None, True, -1, 0, 1, 2**31, 2**62, 2**70, 10**400, -(10**400), 1j),
    *(0.5, -0.0, float("nan"), float("inf"), 1e308, 5e-324),
    *(
        "",
        "lr",
        "nan",
        "\ud800",
        "a" * 20_000,
        "[" * 3000,
        "[" * 100_000,
        "[1, 2]",
        '{"lr": 1}',
        "{}",
        "cosine()",
        "round(1, -10**9)",
        b"x",
    ),
    *("[" * 100_000, "[1, 2]", '{"lr": 1}', "{}"),
    *((), [], {}, [None], loop, {1: 2}, {"step": 1}, object()),
    *(torch.tensor(0.5), torch.tensor([1.0, 2.0]), torch.tensor(1j), torch.zeros(()).bool()),
    *(torch.zeros(0), torch.zeros((), device="meta")),
]
values = st.recursive(
    st.sampled_from(NONSENSE) | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
keys = st.sampled_from(
    [
        "lr",
        "betas",
        "initial_lr",
        "paramsched_t",
        "paramsched",
        "paramsched_other",
        "name",
        5,
        None,
        "x",
    ]
)


class Blind(Probe):
    """An optimizer that steps with any values in its groups."""

    def step(self, closure: Any = None) -> None:
        pass


def attached(name: str, updates: int) -> tuple[Probe, ps.Scheduler]:
    groups = [group(), group(lr=0.2, name="head")]
    optimizer = Blind(groups)
    for one in optimizer.param_groups:
        del one["momentum"]
    scheduler = ps.Scheduler(optimizer, PLANS[name], steps_per_epoch=10, tokens_per_step=64)
    for t in range(updates):
        if name == "tokens":
            scheduler.consumed(tokens=100 + t)
        run(optimizer, 1)
    if name == "tokens":
        scheduler.consumed(tokens=3)
    return optimizer, scheduler


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Yield the paths of all values in a state."""
    actual = [path] if path else []
    if len(path) > 5:  # of what contains itself
        return actual
    if isinstance(tree, dict):
        actual += [deeper for key, one in tree.items() for deeper in places(one, (*path, key))]
    elif isinstance(tree, list):
        actual += [deeper for index, one in enumerate(tree) for deeper in places(one, (*path, index))]
    return actual


def mutated_record(data: st.DataObject, holder: dict[str, Any]) -> dict[str, Any]:
    """Draw a copy of a state or a group whose record has one to three entries replaced, removed or added."""
    try:
        text = json.dumps(mutated(data, record_in(holder)), default=repr, skipkeys=True)
    except ValueError:  # a value that contains itself
        text = "[" * 100
    return {**holder, KEY: text}


def mutated(data: st.DataObject, tree: Any) -> Any:
    """Draw a copy with one to three entries replaced, removed or added."""
    tree = copy.deepcopy(tree)
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(places(tree) or [("x",)]))
        holder = tree
        for key in way:
            holder = holder[key]
        match data.draw(st.sampled_from(["exchange", "take out", "add"])):
            case "exchange":
                holder[last] = data.draw(values)
            case "take out":
                del holder[last]
            case _ if isinstance(holder, dict):
                holder[data.draw(keys)] = data.draw(values)
            case _:
                holder.append(data.draw(values))
    return tree


def shown(optimizer: Probe) -> str:
    return repr([{key: value for key, value in one.items() if key != "params"} for one in optimizer.param_groups])


@given(st.data(), st.sampled_from(sorted(PLANS)), st.integers(0, 3))
def test_a_mutated_state_is_loaded_completely_or_changes_nothing(data, name, updates):
    state = mutated_record(data, attached(name, 5)[1].state_dict())
    optimizer, scheduler = attached(name, updates)
    before = shown(optimizer), scheduler.state_dict()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            scheduler.load_state_dict(state)
        except ParamschedError:
            assert (shown(optimizer), scheduler.state_dict()) == before
        run(optimizer, 2)
        scheduler._values(), scheduler.state_dict(), optimizer.state_dict()


@given(st.data(), st.sampled_from(sorted(PLANS)))
def test_a_mutated_record_of_an_optimizer_is_loaded_completely_or_rejected(data, name):
    saved = attached(name, 5)[0].state_dict()
    saved["param_groups"][0] = mutated_record(data, saved["param_groups"][0])
    optimizer, scheduler = attached(name, 1)
    before = shown(optimizer), scheduler.state_dict()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            optimizer.load_state_dict(saved)
        except ParamschedError:
            assert (shown(optimizer), scheduler.state_dict()) == before
        run(optimizer, 2)


@given(st.data(), st.sampled_from(sorted(PLANS)))
def test_a_mutated_group_of_an_optimizer_state_is_loaded_completely_or_rejected(data, name):
    saved = attached(name, 5)[0].state_dict()
    for index in data.draw(st.sampled_from([[0], [1], [0, 1]])):
        one = {key: value for key, value in saved["param_groups"][index].items() if key != "params"}
        saved["param_groups"][index] = {**mutated(data, one), "params": saved["param_groups"][index]["params"]}
    optimizer, _ = attached(name, 1)
    before = shown(optimizer)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            optimizer.load_state_dict(saved)
        except ParamschedError:
            assert shown(optimizer) == before
        else:
            run(optimizer, 2)


@pytest.mark.filterwarnings("ignore:the plan is over")  # after 33 updates
@given(st.data(), st.sampled_from(sorted(PLANS)), st.sampled_from([0, 1, 33]), st.sampled_from([0, 1]))
def test_a_group_mutated_between_two_steps_is_used_or_rejected_before_the_step(data, name, updates, index):
    optimizer, scheduler = attached(name, updates)
    one = optimizer.param_groups[index]
    mine = {key: value for key, value in one.items() if key != "params"}
    new = mutated(data, mine)
    for key in mine:
        del one[key]
    one.update(new)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        site = (scheduler._values, scheduler.state_dict, optimizer.state_dict, scheduler.get_last_lr)
        for call in (optimizer.step, optimizer.step, *site):
            with suppress(ParamschedError):
                call()


@given(values, st.sampled_from(["base", "t", "metric", "seek"]))
def test_no_argument_raises_an_error_of_another_library(value, where):
    optimizer, scheduler = attached("metric", 1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(ParamschedError):
            match where:
                case "base":
                    optimizer.param_groups[1]["lr"] = value
                    ps.Scheduler(Probe([{**group(), "lr": value}]), PLANS["lr"])
                case "t":
                    ps.Scheduler(Probe([group()]), PLANS["lr"], t=value)
                case "metric":
                    scheduler.observe(loss=value)
                case _:
                    scheduler.seek(value)
