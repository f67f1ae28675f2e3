"""`config.schema`: the schema for editors agrees with the reader."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given

from paramsched.core import files as config
from paramsched.core.schedules import SHAPES, Schedule, constant
from paramsched.core.time import Duration
from paramsched.core.time.duration import UNIT_NAMES
from paramsched.errors import ConfigError
from support.json_schema import accepts
from support.laws.drawing import durations
from support.strategies import World, schedules
from support.tables import table

SCHEMA = config.schema()
GOOD = {
    "horizon": "20 epochs",
    "note": {"who": "ann", "when": "2026-11-21 14:00", "why": "x" * 200},
    "lr": "warmup('5%') >> cosine(to=0.01)",
    "weight_decay": [
        {"warmup": {"over": "5%", "start": 0, "curve": "log"}},
        {"cosine": {"to": {"absolute": 1e-5}}},
    ],
    "betas[0]": {"linear": [0.85, 0.95, "300 steps"]},
    "eps": {"product": [{"step": {"every": "2 epochs", "gamma": 0.5}}, {"plateau": {"factor": 0.5, "patience": 3}}]},
    "groups": {
        "head": {"lr": {"multistep": {"milestones": ["5 epochs", 300]}}},
        "[0]": {"momentum": "constant(0.9)"},
    },
    "targets": {"temperature": {"initial": 1.0, "schedule": {"restarts": {"schedule": "cosine()", "every": 100}}}},
}


def test_the_schema_is_json():
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.heavy  # starts two processes
def test_the_schema_is_the_same_in_every_process():
    command = [sys.executable, "-m", "paramsched", "convert", "--to", "schema"]

    written = [subprocess.check_output(command, env={**os.environ, "PYTHONHASHSEED": seed}) for seed in ("1", "2")]

    assert written[0] == written[1]


def test_the_schema_describes_every_registered_shape():
    forms = config.schema()["$defs"]["schedule"]["anyOf"][-1]["properties"]

    assert set(forms) == {*SHAPES, "absolute", "power", "product", "quotient", "sequence", "sum"}
    assert forms["warmup"]["description"].startswith("Rise from `start` to `to` along a curve")


def test_the_schema_contains_user_shapes():
    def pyramid(height: float, *steps: int, names: dict[str, int] | None = None) -> Schedule:
        return constant(height)

    with_it = config.schema(shapes=[pyramid])

    assert accepts(with_it, {"lr": {"pyramid": [1, 2, 3]}})
    assert accepts(with_it, {"lr": {"pyramid": {"height": 1, "steps": [2], "names": {"a": 1}}}})
    assert not accepts(with_it, {"lr": {"pyramid": ["high"]}})
    assert not accepts(SCHEMA, {"lr": {"pyramid": [1, 2, 3]}})


def test_the_schema_accepts_a_valid_plan():
    assert accepts(SCHEMA, GOOD)


@table(
    ("shape", "argument"),
    [
        ({"window": {"schedule": 0.5, "begin": 2}}, "end"),
        ({"cyclic": {"up": 5}}, "down"),
        ({"clamp": {"schedule": "cosine()", "low": 0.1}}, "high"),
        ({"cosine": {"to": 0.1}}, "over"),
        ({"recurrence": {"rules": [{"rules.linear": {"start": 0.1, "over": 5}}]}}, "until"),
    ],
)
def test_a_null_is_an_omitted_optional_argument_in_the_schema_and_the_reader(shape, argument):
    ((name, given),) = shape.items()
    with_null = {"lr": {name: {**given, argument: None}}}

    assert accepts(SCHEMA, with_null)
    assert config.native.to_plan(with_null) == config.native.to_plan({"lr": shape})


@table(
    "wrong",
    [
        [],
        {},
        {"lr": True},
        {"lr": None},
        {"lr": []},
        {"lr": {"cosin": {}}},
        {"lr": {"cosine": {}, "linear": {}}},
        {"lr": {"cosine": {"too": 1}}},
        {"lr": {"cosine": [1, 2, 3, "t/n", 5]}},
        {"lr": {"cosine": [1, 0.1, 100, None, None, None, None]}},
        {"lr": {"exponential": [0.5, 1, 1, 1, 1, 1, 1]}},
        {"lr": {"warmup": {}}},
        {"lr": {"warmup": 0.5}},
        {"lr": {"cyclic": {"up": 5, "mode": "triangle"}}},
        {"lr": {"anneal": {"curve": "cosin"}}},
        {"lr": {"anneal": {"curve": {"powr": 2}}}},
        {"lr": {"constant": {"value": {"absolut": 1}}}},
        {"lr": {"multistep": {"milestones": 5}}},
        {"lr": {"recurrence": [{"rules.liner": {}}]}},
        {"lr": 0.1, "horizon": 1.5},
        {"lr": 0.1, "horizon": -1},
        {"lr": 0.1, "two words": 1},
        {"groups": {}},
        {"groups": {"head": 0.1}},
        {"targets": {"a": {"initial": 1}}},
        {"targets": {"a b": {"initial": 1, "schedule": 1}}},
        {"targets": {"a": {"initial": 1, "schedule": 1, "more": 1}}},
        {"lr": 0.1, "note": "loss is flat"},
        {"lr": 0.1, "note": {}},
        {"lr": 0.1, "note": {"who": 3}},
        {"lr": 0.1, "note": {"what": "lr"}},
        {"lr": 0.1, "note": {"why": "x" * 201}},
        {"lr": 0.1, "groups": {"head": {"note": {"who": "ann"}}}},
    ],
)
def test_the_schema_rejects_structural_errors_like_the_reader(wrong):
    assert not accepts(SCHEMA, wrong)
    with pytest.raises(ConfigError):
        config.native.to_plan(wrong)


# ---------------------------------------------------------------- texts


@table(
    "line",
    [
        "warmup('5%') >> cosin(to=0.1)",
        "linear(1, 0) * plateu()",
        "anneal(curve=curves.powr(2))",
        "recurrence(rules.liner(0.1))",
        "ps.cosine()",
    ],
)
def test_the_schema_rejects_an_unknown_name_in_a_line_like_the_reader(line):
    assert not accepts(SCHEMA, {"lr": line})
    with pytest.raises(ConfigError):
        config.loads(json.dumps({"lr": line}))


@table("length", ["5 epohcs", "5", "ten epochs", "until", "5% of it", "5 epochs 3 steps", "-", ""])
def test_the_schema_rejects_an_invalid_length_like_the_reader(length):
    plan = {"lr": {"cosine": {"over": length}}}

    assert not accepts(SCHEMA, plan)
    with pytest.raises(ConfigError):
        config.loads(json.dumps(plan))


@given(schedules())
def test_the_schema_accepts_the_line_of_every_schedule(schedule):
    assert accepts(SCHEMA, {"lr": str(schedule)}) or not schedule.serializable


@given(durations(World(total=1000, epoch=20, batch=32, accumulation=1)))
def test_the_schema_accepts_the_text_of_every_length(length):
    text = str(Duration.of(length))

    assert accepts(SCHEMA, {"lr": {"cosine": {"over": f"{text} steps" if text.isdecimal() else text}}})


def test_the_schema_accepts_every_unit():
    for unit in UNIT_NAMES:
        assert accepts(SCHEMA, {"lr": 1, "horizon": f"2 {unit}" if unit != "%" else "2%"})


def test_the_schema_has_a_name_and_a_plan_may_name_its_schema():
    named = {"$schema": "plan.schema.json", "lr": "cosine()"}

    assert SCHEMA["$id"] == "urn:paramsched:plan"
    assert accepts(SCHEMA, named)
    assert config.loads(json.dumps(named)) == config.loads('{"lr": "cosine()"}')
    with pytest.raises(ConfigError, match="expected the name of a schema"):
        config.loads('{"$schema": 3, "lr": "cosine()"}')
