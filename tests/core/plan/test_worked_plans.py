"""Plans with times of every kind, worked out by hand: `worked_plans.yaml` has each plan and the formula of its values.

The formulas are written by hand, and no command writes them again.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import paramsched as ps
from support.tables import table

BASES = {"lr": 1.0, "weight_decay": 0.1, "momentum": 0.9}
GROUPS = [
    {"name": "body", "lr": 1.0, "weight_decay": 0.1},
    {"name": "head", "lr": 2.0, "weight_decay": 0.2},
    {"name": "layer_1", "lr": 3.0, "weight_decay": 0.3},
    {"name": "layer_2", "lr": 4.0, "weight_decay": 0.4, "is_last_layer": True},
]
RATES: list[tuple[str, str, dict[str, Any]]] = [
    ("samples", "samples", {"batch_size": 24}),
    ("images", "images", {"batch_size": 8, "accumulation": 3}),
    ("examples", "examples", {"batch_size": 24}),
    ("tokens", "tokens", {"batch_size": 2, "accumulation": 3, "sequence_length": 4}),
    ("tokens", "tokens", {"tokens_per_step": 24}),
    ("frames", "frames", {"frames_per_step": 24}),
    ("batches", "batches", {"accumulation": 24}),
]


def line_between(a: float, n: float, start: float, end: float) -> float:
    return start + (end - start) * min(max(a / n, 0), 1)


def cosine_between(a: float, n: float, start: float, end: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(max(a / n, 0), 1))) / 2


def start_of_period(t: int, period: Fraction) -> int:
    """Return the last boundary at or before `t`; boundaries are exact multiples, rounded up."""
    return max(math.ceil(period * k) for k in range(t + 1) if math.ceil(period * k) <= t)


def ramp_size(t: int, a: int) -> int:
    """Return the size of a batch that grows from 2 to 20 over 600 samples."""
    return round(2 + 18 * min(Fraction(a, 600), Fraction(1)))


def amounts_before(size: Callable[[int, int], int], updates: int) -> list[int]:
    amounts = [0]
    for t in range(updates):
        amounts.append(amounts[-1] + size(t, amounts[-1]))
    return amounts


RAMP = amounts_before(ramp_size, 400)


def on_each_clock() -> list[dict[str, Any]]:
    """Return plans by amounts, by updates and in per cent, on every clock that consumes 24 in each update."""
    cases: list[dict[str, Any]] = []
    for clock, unit, facts in RATES:
        rounded = 74
        for total, lr, value, updates in [
            (f"1000 {unit}", f'warmup("100 {unit}") >> cosine()',
             "a / 100 if a < 100 else cosine_between(a - 100, 900, 1, 0)", 42),
            ("40 steps", 'warmup("10 steps") >> linear()', "t / 10 if t < 10 else 1 - (t - 10) / 30", 40),
            (f"1000 {unit}", 'warmup("7.35%") >> linear()',
             f"a / {rounded} if a < {rounded} else 1 - (a - {rounded}) / (1000 - {rounded})", 42),
        ]:  # fmt: skip
            plan = f"clock: {clock}\ntotal: {total}\nlr: {lr}\n"
            cases.append({"plan": plan, "facts": facts, "values": {"lr": value}, "amounts": "24", "total": updates})
    return cases


CASES = [*yaml.safe_load(Path(__file__).with_name("worked_plans.yaml").read_text()).values(), *on_each_clock()]


@table("case", CASES)
def test_values_equal_those_worked_out_by_hand(case):
    groups = GROUPS if case.get("groups") == "four" else case.get("groups", BASES)

    trace = ps.trace(ps.loads(case["plan"]), groups, facts=ps.RunFacts(**case.get("facts", {})))

    assert len(trace) == case.get("total", len(trace))
    amounts = list(trace.amounts) if case["plan"].startswith("clock:") else list(range(len(trace)))
    if "amounts" in case:
        size = eval(f"lambda t, a: {case['amounts']}", globals())
        assert amounts == amounts_before(size, len(trace))[:-1]
    for key, formula in case["values"].items():
        value = eval(f"lambda t, a: {formula}", globals())
        expected = [float(value(t, int(amount))) for t, amount in enumerate(amounts)]
        actual = trace[tuple(key.split("/")) if "/" in key else key]
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)
