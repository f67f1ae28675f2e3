"""Mappings that are no plan: a wrong structure, a wrong name or a wrong length."""

import json

import pytest

from paramsched.core import files as config
from paramsched.errors import ConfigError
from support.tables import table


@table(
    "wrong",
    [
        [],
        {},
        {"lr": True},
        {"lr": None},
        {"lr": []},
        {"lr": ["warmup(5)", "cosine()"]},
        {"lr": {"cosine": {"to": 0.1}}},
        {"lr": {"sequence": ["warmup(5)", "cosine()"]}},
        {"lr": 0.1, "horizon": 1.5},
        {"lr": 0.1, "horizon": -1},
        {"lr": 0.1, "two words": 1},
        {"groups": {}},
        {"groups": {"head": 0.1}},
        {"targets": {"a": {"initial": 1}}},
        {"targets": {"a b": {"initial": 1, "schedule": 1}}},
        {"targets": {"a": {"initial": 1, "schedule": 1, "more": 1}}},
    ],
)
def test_a_structural_error_is_refused(wrong):
    with pytest.raises(ConfigError):
        config.native.to_plan(wrong)


@table("length", ["5 epohcs", "5", "ten epochs", "until", "5% of it", "5 epochs 3 steps", "-", ""])
def test_an_invalid_length_is_refused(length):
    plan = {"lr": {"cosine": {"over": length}}}

    with pytest.raises(ConfigError):
        config.loads(json.dumps(plan))


@table(
    "text",
    [
        "model: resnet\ntraining: {epochs: 9, peak: 0.1}\nschedule: cosine\n",
        "optimizer: {learning_rate_scheduler: {learning_rate: 3.0e-4, lr_decay_style: cosine}}\ntokens: {steps: 9}\n",
        "b1: 1\n5: true\n'two words': [1, 2]\n",
    ],
)
def test_a_file_without_an_entry_of_a_plan_is_one_problem(text):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text)

    (problem,) = refusal.value.diagnostics
    assert (problem.code, problem.path, problem.line) == ("PS108", "", None)


@table("text", ["model: a\nweight_decy: cosin\n", "model: a\ngroups: {head: 5}\n", "model: a\ntwo: linar()\n"])
def test_a_file_with_an_entry_of_a_plan_has_the_problems_of_each_entry(text):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text)

    assert {one.path.split(".")[1] for one in refusal.value.diagnostics} == {
        line.partition(":")[0] for line in text.splitlines()
    }
