"""`check_dialect` reports dialects that break a law, with one wrong dialect per law."""

from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import ConfigError
from support.laws import BrokenLaw, check_dialect

_CALLS = count(1)
CONFIGS = [{"rate": 0.5}, {"rate": 1.0, "steps": [3, 5]}]


def to_plan(data, *, calendar=None, base=None):
    if not isinstance(data, dict) or not data.keys() <= {"rate", "steps"}:
        raise ConfigError("config", ["$: no config of ours"])
    rate, steps = data.get("rate", 1.0), data.get("steps", [])
    if not isinstance(rate, float) or not abs(rate) < 1e9 or not isinstance(steps, list):
        raise ConfigError("config", ["$.rate: no number"])
    return ps.Plan(lr=rate * ps.multistep(steps) if steps else ps.constant(rate))


def recognizes(data):
    return isinstance(data, dict) and "rate" in data


def dialect(**other):
    return SimpleNamespace(**{"to_plan": to_plan, "recognizes": recognizes, "__name__": "module", **other})


def rejects_all(data, **facts):
    raise ConfigError("config", ["$: never"])


def modifies_config(data, **facts):
    data["more"] = 1
    return ps.Plan(lr="constant(0.5)")


def differs_each_time(data, **facts):
    return ps.Plan(lr=ps.constant(float(next(_CALLS))))


_UNSAVED = ps.Plan(lr=ps.from_function(lambda t: t))


def raises_key_error(data, **facts):
    return ps.Plan(lr=ps.constant(data["rate"]))


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        (dialect(to_plan=rejects_all), "to_plan returns a plan for a valid config"),
        (dialect(to_plan=lambda data, **facts: 0.5), "to_plan returns a plan for a valid config"),
        (dialect(to_plan=modifies_config), "to_plan does not modify the config"),
        (dialect(to_plan=differs_each_time), "the same plan each time"),
        (dialect(to_plan=lambda data, **facts: _UNSAVED), "a plan can be saved"),
        (dialect(to_plan=raises_key_error), "raises only errors of paramsched"),
        (dialect(recognizes=lambda data: False), "recognizes returns True for its own configs"),
        (dialect(recognizes=lambda data: True), "recognizes returns False for other data"),
        (dialect(recognizes=lambda data: "rate" in data), "recognizes never raises an error"),
        (dialect(recognizes=lambda data: np.zeros(2)), "recognizes never raises an error"),
    ],
    ids=lambda value: "" if isinstance(value, str) else None,
)
def test_a_dialect_that_breaks_a_law_is_reported(wrong, law):
    check_dialect(dialect(), CONFIGS)

    with pytest.raises(BrokenLaw, match=law):
        check_dialect(wrong, CONFIGS[:1])


def fails_at(key, *path):
    """Return a dialect that raises a KeyError for a config with this key, or without an entry at a path."""

    def read(data, **facts):
        if isinstance(data, dict) and key in data:
            raise KeyError(key)
        if isinstance(data, dict) and path and isinstance(data.get(path[0]), list) and None in data[path[0]]:
            raise KeyError(path)
        return to_plan(data)

    return dialect(to_plan=read)


@pytest.mark.parametrize(
    ("wrong", "config", "where"),
    [
        (fails_at("an unknown key"), {"rate": 0.5}, "at the top level, {'rate': 0.5, 'an unknown key': 1}"),
        (fails_at("none", "steps"), CONFIGS[1], "at .steps, {'rate': 1.0, 'steps': [None]}"),
        (
            fails_at("an unknown key"),
            {"rate": 0.5, "steps": [*range(99)]},
            "at the top level, {'rate': 0.5, 'steps': [0, 1",
        ),
    ],
)
def test_the_invalid_config_is_shown_with_the_place_of_its_error(wrong, config, where):
    with pytest.raises(BrokenLaw) as broken:
        check_dialect(wrong, [config])

    assert broken.value.where.startswith(where)
    assert len(broken.value.where.partition(", ")[2]) <= 200
    assert broken.value.where.endswith("..." if len(str(config)) > 200 else "}")


@pytest.mark.parametrize(("size", "cut"), [(200, False), (201, True)])
def test_a_config_is_shown_in_200_characters(size, cut):
    config = {"rate": "x" * (size - len(str({"rate": ""})))}

    with pytest.raises(BrokenLaw) as broken:
        check_dialect(dialect(), [config])
    assert broken.value.where == f"to_plan({str(config)[:197] + '...' if cut else config})"


def test_each_item_of_a_list_is_spoiled():
    seen = []

    def read(data, **facts):
        seen.append(data)
        return to_plan(data)

    check_dialect(dialect(to_plan=read), CONFIGS[1:])

    assert {"rate": 1.0, "steps": [3, "junk"]} in seen
    assert {"rate": 1.0, "steps": [None, 5]} in seen
    assert {"rate": 1.0} in seen
    assert {"rate": 1.0, "steps": {"junk": 1}} in seen
