"""Building a Runner from any config works or raises a ParamschedError, in bounded time."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from paramsched.errors import ParamschedError
from paramsched.mmengine.runner import Runner
from support.runner_configs import good, places
from support.tables import table


class NoRepr:
    def __repr__(self):
        raise RuntimeError("it has no repr")


class NoLength:
    def __len__(self):
        raise RuntimeError("it has no length")

    def __iter__(self):
        return iter(())


class NoEntries(dict):
    def get(self, *_):
        raise RuntimeError("it has no entries")


ROUND: list[Any] = []
ROUND.append(ROUND)
NAMED_ROUND: dict[str, Any] = {}
NAMED_ROUND["type"] = NAMED_ROUND

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.sampled_from([10**400, -(10**400), 2**63, 0.5, math.nan, math.inf, -math.inf, 1e308, 5e-324, 1j]),
    st.text(st.characters(), max_size=6),
    st.sampled_from(["\ud800", "\0", "SGD", "StepLR", "lr: [", "lr: cosine()", "x" * 5000, "no/such.yaml"]),
    st.binary(max_size=4),
)
OBJECTS = {
    "object": object(), "no length": NoLength(), "no entries": NoEntries(), "round": ROUND, "named round": NAMED_ROUND,
    "int": int, "len": len, "math": math, "print": print, "layer": nn.Linear(2, 2), "layer class": nn.Linear,
    "no arguments": lambda: 3, "any arguments": lambda *_, **__: 3, "vector": torch.zeros(3),
    "nan": torch.tensor(math.nan),
    "range": range(3), "set": {1, 2}, "empty": (), "pair": (1, 2), "Runner": Runner,
}  # fmt: skip
objects = st.sampled_from(sorted(OBJECTS)).map(OBJECTS.get)
odd = st.recursive(
    plain | objects,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.one_of(st.sampled_from(["type", "end", "lr", "optimizer"]), st.integers(0, 1)), inner, max_size=3
        )
    ),
    max_leaves=5,
)


PLACES = list(places(good()))


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def built(config: Any, build: Any) -> Runner | None:
    """Return the Runner, or None if the config is rejected."""
    with contextlib.suppress(ParamschedError):
        return build(config)
    return None


@given(st.data())
def test_a_config_with_unusual_entries_builds_a_runner_or_is_rejected(data):
    config = good()
    ways = data.draw(st.sets(st.sampled_from(PLACES), min_size=1, max_size=3))
    for *way, last in sorted(ways, key=lambda way: (-len(way), str(way))):  # nested entries first
        place: Any = config
        for step in way:
            place = place[step]
        place[last] = data.draw(odd)

    runner = built(config, lambda settings: Runner(**settings))

    # What can be built can be prepared: the loader, the optimizer and the schedulers are made of checked settings.
    if runner is not None and runner.given["train_dataloader"] is not None:
        with contextlib.suppress(ParamschedError):
            runner._prepare_training()
            runner._prepare_schedulers()


@table("name", list(good()))
def test_an_object_without_a_repr_is_rejected_or_accepted(name):
    built({**good(), name: NoRepr()}, lambda settings: Runner(**settings))


@given(odd)
def test_any_object_as_a_config_builds_a_runner_or_is_rejected(value):

    built(value, Runner.from_cfg)


NAMES = ["config.yaml", "config.json", "config.txt"]  # a .py file would be run


@given(st.sampled_from(NAMES), st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode)))
def test_any_file_as_a_config_builds_a_runner_or_is_rejected(tmp_path_factory, name, data):
    file = tmp_path_factory.mktemp("configs") / name
    file.write_bytes(data)

    built(file, Runner.from_cfg)


@given(st.dictionaries(st.sampled_from(["model", "train_cfg", "custom_imports", "optim_wrapper"]), odd, max_size=3))
def test_a_file_with_unusual_entries_builds_a_runner_or_is_rejected(tmp_path_factory, entries):
    file = tmp_path_factory.mktemp("configs") / "config.json"
    try:
        file.write_text(json.dumps(entries), encoding="utf-8")
    except (TypeError, ValueError, RecursionError):
        return

    built(file, Runner.from_cfg)


@pytest.mark.parametrize("path", ["", "missing.py", "/dev/null", "/dev/zero", ".", "\0"])
def test_a_path_that_is_not_a_file_is_rejected(path):
    with pytest.raises(ParamschedError):
        Runner.from_cfg(path)
