"""The line that an error advises for a call of DeepSpeed: the schedule of a config with the same arguments."""

import json

import pytest

import paramsched as ps
from paramsched.core import files
from paramsched.errors import ParseError
from support.peer_lines import line_of
from support.tables import table


@pytest.mark.filterwarnings("ignore::paramsched.core.base.user_warnings.DiagnosticWarning")
@table(
    ("call", "name", "params"),
    [
        ("WarmupLR(warmup_num_steps=100)", "WarmupLR", {"warmup_num_steps": 100}),
        (
            "WarmupLR(0.0, 0.001, 50, 'linear')",
            "WarmupLR",
            {"warmup_max_lr": 0.001, "warmup_num_steps": 50, "warmup_type": "linear"},
        ),
        (
            "WarmupDecayLR(1000, 1e-5, 0.01, 50)",
            "WarmupDecayLR",
            {"total_num_steps": 1000, "warmup_min_lr": 1e-5, "warmup_max_lr": 0.01, "warmup_num_steps": 50},
        ),
        (
            "WarmupCosineLR(1000, 0.1, 50, 0.01, 'linear')",
            "WarmupCosineLR",
            {
                "total_num_steps": 1000,
                "warmup_min_ratio": 0.1,
                "warmup_num_steps": 50,
                "cos_min_ratio": 0.01,
                "warmup_type": "linear",
            },
        ),
    ],
)
def test_a_call_has_the_line_of_its_config(call, name, params):
    plan = files.loads(json.dumps({"scheduler": {"type": name, "params": params}}), format="deepspeed")

    assert line_of(f"deepspeed.{call}") == str(plan.bindings[0].schedule)


@pytest.mark.parametrize(
    "call",
    ["WarmupLR(warmup_num_steps=1)", "WarmupDecayLR(50, warmup_num_steps=100)", "WarmupLR(warmup_num_steps=-3)"],
)
def test_a_call_that_deepspeed_changes_or_refuses_has_no_line(call: str) -> None:
    assert line_of(f"deepspeed.{call}") is None


@table(
    ("line", "write", "is_example"),
    [
        (
            "WarmupLR(optimizer, warmup_num_steps=100)",
            "constant(0.0, 1) >> warmup(99, curve=curves.logarithm(100.0)) >> constant()",
            False,
        ),
        (
            "WarmupLR(optimizer, warmup_steps=100)",
            'warmup(100, curve=curves.logarithm(100), index="t/(n-1)") >> constant()',
            True,
        ),
        ("WarmupCosineLR(optimizer, warmup_iters=100)", "overlay(warmup(100, 0.001, to=following), cosine())", True),
        (
            "WarmupLR(optimizer, warmup_ratio=0.1)",
            'warmup(500, curve=curves.logarithm(500), index="t/(n-1)") >> constant()',
            True,
        ),
    ],
)
def test_a_line_keeps_the_length_of_the_warmup(line, write, is_example):
    with pytest.raises(ParseError) as refusal:
        ps.parse(line)

    assert (refusal.value.write, refusal.value.is_example) == (write, is_example)
