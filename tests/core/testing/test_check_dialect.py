"""`check_dialect` reports dialects that break a law, with one wrong dialect per law."""

from itertools import count
from types import SimpleNamespace

import pytest

import paramsched as ps
from paramsched.errors import ConfigError
from paramsched.testing import BrokenLaw, check_dialect

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
    ],
    ids=lambda value: "" if isinstance(value, str) else None,
)
def test_a_dialect_that_breaks_a_law_is_reported(wrong, law):
    check_dialect(dialect(), CONFIGS)

    with pytest.raises(BrokenLaw, match=law):
        check_dialect(wrong, CONFIGS[:1])
