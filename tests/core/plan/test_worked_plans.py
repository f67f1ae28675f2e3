"""Plans from `worked_plans.py` with times of every kind: values, text, and errors."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

import paramsched as ps
from support.tables import table

BASES = {"lr": 1.0, "weight_decay": 0.1, "momentum": 0.9}


GROUPS = [
    {"name": "body", "lr": 1.0, "weight_decay": 0.1},
    {"name": "head", "lr": 2.0, "weight_decay": 0.2},
    {"name": "layer_1", "lr": 3.0, "weight_decay": 0.3},
    {"name": "layer_2", "lr": 4.0, "weight_decay": 0.4, "is_last_layer": True},
]


@dataclass(frozen=True)
class Case:
    """A plan file, the facts of the run, and each value as a function of the update and the amount before it.

    `amounts` returns the consumption of an update from the update and the amount before it; `total` counts the updates.
    """

    lines: list[str]
    facts: dict[str, Any]
    values: dict[Any, Callable[[int, Any], float]]
    groups: Any = field(default_factory=lambda: BASES)
    amounts: Callable[[int, Any], int] | None = None
    total: int | None = None


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


def ramped(lr: str, value: Callable[[int, Any], float]) -> Case:
    """Return a plan by samples whose batch grows as in `ramp_size`."""
    size = "  batch_size: {initial: 1, schedule: 'linear(2, 20, over=\"600 samples\")'}"
    lines = ["clock: samples", "horizon: 3000 samples", f"lr: '{lr}'", "targets:", size]
    return Case(lines, {}, {"lr": value}, amounts=ramp_size)


CASES: dict[str, Case] = {
    # periods
    "step 2.4 epochs": Case(
        ["horizon: 40 epochs", 'lr: step("2.4 epochs", 0.97)'],
        {"steps_per_epoch": 13},
        {"lr": lambda t, a: 0.97 ** (t * 5 // (12 * 13))},
        total=520,
    ),
    "step 1000/3": Case(
        ["horizon: 5000 steps", 'lr: step("1000/3 steps", 0.5)'], {}, {"lr": lambda t, a: 0.5 ** (3 * t // 1000)}
    ),
    "step 2M/3 samples": Case(
        ["clock: samples", "horizon: 4M samples", 'lr: step("2M/3 samples", 0.5)'],
        {"batch_size": 1000},
        {"lr": lambda t, a: 0.5 ** (3 * a // 2000000)},
        total=4000,
    ),
    "every 7/2": Case(
        ["horizon: 100 steps", 'lr: every(linear(1.0, 0.0), "7/2 steps")'],
        {},
        {"lr": lambda t, a: 1 - start_of_period(t, Fraction(7, 2)) / 100},
    ),
    "every half epoch": Case(
        ["horizon: 4 epochs", 'lr: every(linear(1.0, 0.0), "0.5 epochs")'],
        {"steps_per_epoch": 25},
        {"lr": lambda t, a: 1 - start_of_period(t, Fraction(25, 2)) / 100},
    ),
    "restarts 237.5 late cycles": Case(
        ["horizon: 100k steps", 'lr: restarts(cosine(), "237.5 steps")'],
        {},
        {"lr": lambda t, a: (1 + math.cos(math.pi * float(Fraction(2 * t % 475, 475)))) / 2},
    ),
    "restarts shorter than an update": Case(
        ["horizon: 10 steps", 'lr: restarts(cosine(), "0.5 steps")'], {}, {"lr": lambda t, a: 1.0}
    ),
    "exponential per 3.7": Case(
        ["horizon: 500 steps", 'lr: exponential(0.9, per="3.7 steps")'], {}, {"lr": lambda t, a: 0.9 ** (t / 3.7)}
    ),
    "inverse_sqrt epochs": Case(
        ["horizon: 500 steps", 'lr: inverse_sqrt("1.5 epochs")'],
        {"steps_per_epoch": 7},
        {"lr": lambda t, a: (1 + t / 10.5) ** (-0.5)},
    ),
    "inverse_time": Case(
        ["horizon: 500 steps", 'lr: inverse_time(0.5, per="2.5 steps")'],
        {},
        {"lr": lambda t, a: 1 / (1 + 0.5 * t / 2.5)},
    ),
    "power_law": Case(
        ["horizon: 500 steps", 'lr: power_law(0.7, "2.5 steps")'], {}, {"lr": lambda t, a: (1 + t / 2.5) ** (-0.7)}
    ),
    "period with a sum": Case(
        ["horizon: 200 steps", 'lr: step("1 epochs + 0.5 steps", 0.5)'],
        {"steps_per_epoch": 10},
        {"lr": lambda t, a: 0.5 ** (2 * t // 21)},
    ),
    "warmup 5% peaks": Case(
        ["horizon: 130 steps", 'lr: warmup("5%") >> cosine()'],
        {},
        {"lr": lambda t, a: t / 7 if t < 7 else cosine_between(t - 7, 123, 1, 0)},
    ),
    # powers, quotients
    "power": Case(["horizon: 100 steps", "lr: linear(1.0, 0.0) ** 2"], {}, {"lr": lambda t, a: (1 - t / 100) ** 2}),
    "power half": Case(
        ["horizon: 100 steps", "lr: linear(1.0, 0.0) ** 0.5"], {}, {"lr": lambda t, a: (1 - t / 100) ** 0.5}
    ),
    "power base outside": Case(
        ["horizon: 100 steps", "lr: linear(1.0, 0.0) ** 3"],
        {},
        {"lr": lambda t, a: 2.0 * (1 - t / 100) ** 3},
        groups={"lr": 2.0},
    ),
    "quotient": Case(["horizon: 100 steps", "lr: linear(1.0, 0.0) / 4"], {}, {"lr": lambda t, a: (1 - t / 100) / 4}),
    "numbers": Case(
        ["horizon: 100 steps", "lr: linear(1e-4/4e-4, 2**-3)"],
        {},
        {"lr": lambda t, a: line_between(t, 100, 0.25, 0.125)},
    ),
    "power of sequence": Case(
        ["horizon: 100 steps", 'lr: (warmup("10 steps") >> linear()) ** 2 * 3'],
        {},
        {"lr": lambda t, a: 3 * (t / 10 if t < 10 else 1 - (t - 10) / 90) ** 2},
    ),
    # stairs, rounded
    "stairs": Case(
        ["horizon: 100 steps", 'lr: stairs(1, 4, 3, over="10 steps")'],
        {},
        {"lr": lambda t, a: 1 + sum(t >= math.ceil(Fraction(10 * k, 3)) for k in (1, 2, 3))},
    ),
    "stairs fills": Case(
        ["horizon: 100 steps", "lr: stairs(1.0, 0.5, 5)"],
        {},
        {"lr": lambda t, a: 1 - 0.1 * sum(t >= 20 * k for k in range(1, 6))},
    ),
    "rounded near": Case(
        ["horizon: 100 steps", "lr: rounded(linear(1, 9), 2)"],
        {},
        {"lr": lambda t, a: round(Fraction(1) * (100 + 8 * t) / 200) * 2},
    ),
    "rounded down": Case(
        ["horizon: 100 steps", 'lr: rounded(linear(1, 9), 2, "down")'],
        {},
        {"lr": lambda t, a: math.floor(Fraction(100 + 8 * t, 200)) * 2},
    ),
    "rounded up": Case(
        ["horizon: 100 steps", 'lr: rounded(linear(1, 9), 2, way="up")'],
        {},
        {"lr": lambda t, a: math.ceil(Fraction(100 + 8 * t, 200)) * 2},
    ),
    "rounded after base": Case(
        ["horizon: 100 steps", 'lr: rounded(linear(1, 9), 2, "down")'],
        {},
        {"lr": lambda t, a: math.floor(3 * Fraction(100 + 8 * t, 200)) * 2},
        groups={"lr": 3.0},
    ),
    "rounded stairs": Case(
        ["horizon: 100 steps", 'lr: rounded(stairs(1, 8, 7, over="70 steps"), 4, "up")'],
        {},
        {"lr": lambda t, a: math.ceil((1 + min(t // 10, 7)) / 4) * 4},
    ),
    # neighbors
    "previous": Case(
        ["horizon: 100 steps", 'lr: inverse_sqrt("10 steps") >> linear(previous, 0, over="20 steps")'],
        {},
        {"lr": lambda t, a: (1 + t / 10) ** (-0.5) if t < 80 else line_between(t - 80, 20, 3 ** (-1), 0)},
    ),
    "design example": Case(
        [
            "horizon: 10k steps",
            'lr: warmup("500 steps") >> inverse_sqrt("500 steps") >> linear(previous, 0, over="10%")',
        ],
        {},
        {
            "lr": lambda t, a: (
                t / 500 if t < 500 else (500 / t) ** 0.5 if t < 9000 else (500 / 9000) ** 0.5 * (1 - (t - 9000) / 1000)
            )
        },
    ),
    "following": Case(
        ["horizon: 100 steps", 'lr: linear(0.0, following, over="10 steps") >> cosine(start=0.7, to=0.1)'],
        {},
        {"lr": lambda t, a: 0.07 * t if t < 10 else cosine_between(t - 10, 90, 0.7, 0.1)},
    ),
    "both": Case(
        [
            "horizon: 100 steps",
            'lr: constant(0.3, over="10 steps") >> linear(previous, following, over="10 steps")'
            " >> cosine(start=0.7, to=0.1)",
        ],
        {},
        {
            "lr": lambda t, a: (
                0.3
                if t < 10
                else line_between(t - 10, 10, 0.3, 0.7)
                if t < 20
                else cosine_between(t - 20, 80, 0.7, 0.1)
            )
        },
    ),
    "previous over an empty stage": Case(
        [
            "horizon: 100 steps",
            'lr: constant(0.3, over="10 steps") >> constant(0.9, over="0 steps") >> linear(previous, 0.0)',
        ],
        {},
        {"lr": lambda t, a: 0.3 if t < 10 else line_between(t - 10, 90, 0.3, 0)},
    ),
    "previous in a product": Case(
        ["horizon: 100 steps", 'lr: constant(0.3, over="10 steps") >> linear(previous, 0.0) * 2'],
        {},
        {"lr": lambda t, a: 0.3 if t < 10 else line_between(t - 10, 90, 0.6, 0)},
    ),
    "previous at the edge of an inner sequence": Case(
        [
            "horizon: 100 steps",
            'lr: constant(0.4, over="10 steps") >> (linear(previous, 0.2, over="10 steps") '
            ">> constant(previous)) * 0.5",
        ],
        {},
        {"lr": lambda t, a: 0.4 if t < 10 else 0.5 * line_between(t - 10, 10, 0.4, 0.2)},
    ),
    "previous in restarts in a product": Case(
        [
            "horizon: 100 steps",
            'lr: constant(0.4, over="10 steps") >> 0.5 * restarts(linear(previous, 0.1), "20 steps")',
        ],
        {},
        {"lr": lambda t, a: 0.4 if t < 10 else 0.5 * line_between((t - 10) % 20, 20, 0.4, 0.1)},
    ),
    "previous inside restarts of a sequence": Case(
        [
            "horizon: 100 steps",
            'lr: 2 * restarts(warmup("5 steps") >> constant(0.6, over="5 steps") >> linear(previous, 0.1), "20 steps")',
        ],
        {},
        {
            "lr": lambda t, a: (
                2 * (t % 20 / 5 if t % 20 < 5 else 0.6 if t % 20 < 10 else line_between(t % 20 - 10, 10, 0.6, 0.1))
            )
        },
    ),
    "previous absolute": Case(
        ["horizon: 100 steps", 'lr: constant(absolute(0.2), over="10 steps") >> linear(previous, absolute(0.1))'],
        {},
        {"lr": lambda t, a: line_between(t - 10, 90, 0.2, 0.1)},
        groups={"lr": 7.0},
    ),
    "previous affine": Case(
        ["horizon: 100 steps", 'lr: take(linear(1.0, absolute(0.2), over="20 steps"), 10) >> linear(previous, 0.0)'],
        {},
        {
            "lr": lambda t, a: (
                (lambda x: x if t < 10 else 0)(line_between(t, 20, 3.0, 0.2))
                if t < 10
                else line_between(t - 10, 90, 1.6, 0)
            )
        },
        groups={"lr": 3.0},
    ),
    "level a base + c": Case(
        ["horizon: 100 steps", "lr: linear(0.5 + absolute(2e-05), 0.0)"],
        {},
        {"lr": lambda t, a: line_between(t, 100, 1.5 + 2e-05, 0)},
        groups={"lr": 3.0},
    ),
    "level a base - c": Case(
        ["horizon: 100 steps", "lr: linear(0.5 - absolute(0.25), 0.0)"],
        {},
        {"lr": lambda t, a: line_between(t, 100, 1.25, 0)},
        groups={"lr": 3.0},
    ),
    "previous of clamp": Case(
        [
            "horizon: 100 steps",
            'lr: take(clamp(linear(1.0, 0.0, over="20 steps"), 0.3, 0.8), 18) >> linear(previous, 0.0)',
        ],
        {},
        {"lr": lambda t, a: 2 * min(0.8, max(0.3, 1 - t / 20)) if t < 18 else line_between(t - 18, 82, 0.6, 0)},
        groups={"lr": 2.0},
    ),
    "following zero": Case(
        ["horizon: 100 steps", 'lr: linear(1.0, following, over="10 steps") >> warmup("20 steps") >> constant()'],
        {},
        {"lr": lambda t, a: 1 - t / 10 if t < 10 else min(1, (t - 10) / 20)},
    ),
    "previous constant chain": Case(
        [
            "horizon: 100 steps",
            'lr: warmup("10 steps", to=0.7) >> constant(previous, over="20 steps") '
            '>> linear(previous, 0.1, over="20 steps") >> constant(previous)',
        ],
        {},
        {"lr": lambda t, a: 0.07 * t if t < 10 else 0.7 if t < 30 else line_between(t - 30, 20, 0.7, 0.1)},
    ),
    "cosine from previous on tokens": Case(
        [
            "clock: tokens",
            "horizon: 1M tokens",
            'lr: exponential(0.5, per="100k tokens") >> cosine(start=previous, to=0.01, over="200k tokens")',
        ],
        {"tokens_per_step": 3000},
        {"lr": lambda t, a: 0.5 ** (a / 100000.0) if a < 800000 else cosine_between(a - 800000, 200000, 0.5**8, 0.01)},
        total=334,
    ),
    # parts
    "until": Case(
        ["horizon: 100 steps", 'lr: warmup("10 steps") >> linear(1.0, 0.5, over="until 40 steps") >> constant(0.1)'],
        {},
        {"lr": lambda t, a: t / 10 if t < 10 else line_between(t - 10, 30, 1, 0.5) if t < 40 else 0.1},
    ),
    "until percent": Case(
        ["horizon: 200 steps", 'lr: warmup("10 steps") >> constant(over="until 90%") >> linear(1.0, 0.0)'],
        {},
        {"lr": lambda t, a: t / 10 if t < 10 else 1 if t < 180 else 1 - (t - 180) / 20},
    ),
    "until in an inner sequence": Case(
        [
            "horizon: 200 steps",
            'lr: constant(0.2, over="20 steps") >> (warmup("10 steps") '
            '>> constant(over="until 50 steps") >> linear(1.0, 0.0))*1',
        ],
        {},
        {"lr": lambda t, a: 0.2 if t < 20 else (t - 20) / 10 if t < 30 else 1 if t < 70 else 1 - (t - 70) / 130},
    ),
    "take holds": Case(
        ["horizon: 100 steps", 'lr: take(cosine(), "30 steps")'],
        {},
        {"lr": lambda t, a: cosine_between(min(t, 30), 100, 1, 0)},
    ),
    "take then": Case(
        ["horizon: 100 steps", 'lr: take(cosine(), "30 steps") >> linear(0.1, 0.0)'],
        {},
        {"lr": lambda t, a: cosine_between(t, 100, 1, 0) if t < 30 else line_between(t - 30, 70, 0.1, 0)},
    ),
    "take of": Case(
        ["horizon: 100 steps", 'lr: take(warmup("5%") >> cosine(to=0.1), 80, 200) >> linear(previous, over=20)'],
        {},
        {
            "lr": lambda t, a: (
                t / 10
                if t < 10
                else cosine_between(t - 10, 190, 1, 0.1)
                if t < 80
                else cosine_between(70, 190, 1, 0.1) * (1 - (t - 80) / 20)
            )
        },
    ),
    "skip": Case(
        ["horizon: 100 steps", 'lr: skip(linear(1.0, 0.0, over="50 steps"), 20)'],
        {},
        {"lr": lambda t, a: max(0, 1 - (t + 20) / 50)},
    ),
    "skip fills": Case(
        ["horizon: 100 steps", 'lr: warmup("20 steps") >> skip(cosine(), "20 steps")'],
        {},
        {"lr": lambda t, a: t / 20 if t < 20 else cosine_between(t, 100, 1, 0)},
    ),
    "skip of": Case(
        ["horizon: 100 steps", 'lr: skip(cosine(), 20, of="400 steps")'],
        {},
        {"lr": lambda t, a: cosine_between(t + 20, 400, 1, 0)},
    ),
    "skip step": Case(
        ["horizon: 100 steps", 'lr: skip(step("7.5 steps", 0.5), 5)'],
        {},
        {"lr": lambda t, a: 0.5 ** (2 * (t + 5) // 15)},
    ),
    "skip restarts": Case(
        ["horizon: 100 steps", 'lr: skip(restarts(linear(1.0, 0.0), "12.5 steps"), 10)'],
        {},
        {"lr": lambda t, a: 1 - float(Fraction(2 * (t + 10) % 25, 25))},
    ),
    "take skip until": Case(
        [
            "horizon: 200 steps",
            'lr: take(skip(warmup("10 steps") >> constant(over="until 50 steps") '
            '>> linear(1.0, 0.0, over="50 steps"), 5), "60 steps") >> constant(previous)',
        ],
        {},
        {"lr": lambda t, a: (lambda k: k / 10 if k < 10 else 1 if k < 50 else 1 - (k - 50) / 50)(min(t, 60) + 5)},
    ),
    "overlay": Case(
        ["horizon: 100 steps", 'lr: overlay(warmup("10 steps"), cosine())'],
        {},
        {"lr": lambda t, a: t / 10 if t < 10 else cosine_between(t, 100, 1, 0)},
    ),
    "overlay following": Case(
        ["horizon: 100 steps", 'lr: overlay(warmup("10 steps", 0.001, to=following), cosine())'],
        {},
        {
            "lr": lambda t, a: (
                line_between(t, 10, 0.001, cosine_between(10, 100, 1, 0)) if t < 10 else cosine_between(t, 100, 1, 0)
            )
        },
    ),
    "overlay two stages": Case(
        ["horizon: 100 steps", 'lr: overlay(constant(0.0, over="5 steps") >> warmup("5 steps"), linear())'],
        {},
        {"lr": lambda t, a: 0 if t < 5 else (t - 5) / 5 if t < 10 else 1 - t / 100},
    ),
    "overlay percent": Case(
        ["horizon: 130 steps", 'lr: overlay(warmup("5%"), cosine())'],
        {},
        {"lr": lambda t, a: t / 7 if t < 7 else cosine_between(t, 130, 1, 0)},
    ),
    "overlay on tokens with a ramp": Case(
        [
            "clock: tokens",
            "horizon: 100k tokens",
            "lr: 'overlay(warmup(\"10k tokens\", 0.1, to=following), cosine())'",
            "targets: {batch_size: {initial: 1, schedule: 'linear(1, 9, over=\"50k tokens\")'}}",
        ],
        {"sequence_length": 16},
        {
            "lr": lambda t, a: (
                line_between(a, 10000.0, 0.1, cosine_between(10000.0, 100000.0, 1, 0))
                if a < 10000.0
                else cosine_between(a, 100000.0, 1, 0)
            )
        },
        amounts=lambda t, a: round(Fraction(1) + Fraction(8) * min(Fraction(a, 50000), 1)) * 16,
    ),
    # like
    "like": Case(
        ["horizon: 100 steps", "lr: cosine()", 'weight_decay: like("lr") ** 2'],
        {},
        {
            "weight_decay": lambda t, a: 0.1 * cosine_between(t, 100, 1, 0) ** 2,
            "lr": lambda t, a: cosine_between(t, 100, 1, 0),
        },
    ),
    "like of previous": Case(
        [
            "horizon: 100 steps",
            'lr: inverse_sqrt("10 steps") >> linear(previous, 0.0, over="20 steps")',
            'weight_decay: like("lr") / 2',
        ],
        {},
        {
            "weight_decay": lambda t, a: (
                0.05 * ((1 + t / 10) ** (-0.5) if t < 80 else line_between(t - 80, 20, 1 / 3, 0))
            )
        },
    ),
    "like in take skip": Case(
        [
            "horizon: 100 steps",
            'lr: warmup("10 steps") >> linear()',
            'weight_decay: take(skip(like("lr"), 5), "20 steps") >> constant(previous)',
        ],
        {},
        {"weight_decay": lambda t, a: 0.1 * (lambda k: k / 10 if k < 10 else 1 - (k - 10) / 95)(min(t, 20) + 5)},
    ),
    "like own field in a group": Case(
        ["horizon: 100 steps", "lr: linear()", 'groups: {head: {lr: like("lr") * 0.1}}'],
        {},
        {("lr", "head"): lambda t, a: 0.2 * (1 - t / 100), ("lr", "body"): lambda t, a: 1 - t / 100},
        groups=GROUPS,
    ),
    "default follows a field with lines for groups": Case(
        ["horizon: 100 steps", "lr: linear()", 'weight_decay: like("lr")', "groups: {head: {lr: constant(0.5)}}"],
        {},
        {("weight_decay", "head"): lambda t, a: 0.1, ("weight_decay", "body"): lambda t, a: 0.1 * (1 - t / 100)},
        groups=GROUPS,
    ),
    "pattern": Case(
        ["horizon: 100 steps", "lr: linear()", 'groups: {"layer_*": {lr: constant(0.5)}}'],
        {},
        {
            ("lr", "layer_1"): lambda t, a: 1.5,
            ("lr", "layer_2"): lambda t, a: 2.0,
            ("lr", "head"): lambda t, a: 2 * (1 - t / 100),
        },
        groups=GROUPS,
    ),
    "patterns and commas": Case(
        ["horizon: 100 steps", "lr: linear()", 'groups: {"layer_*, head": {lr: constant(0.5)}}'],
        {},
        {
            ("lr", "layer_1"): lambda t, a: 1.5,
            ("lr", "head"): lambda t, a: 1.0,
            ("lr", "body"): lambda t, a: 1 - t / 100,
        },
        groups=GROUPS,
    ),
    "entry": Case(
        ["horizon: 100 steps", "lr: linear()", "groups: {is_last_layer=true: {lr: constant(0.5)}}"],
        {},
        {("lr", "layer_2"): lambda t, a: 2.0, ("lr", "layer_1"): lambda t, a: 3 * (1 - t / 100)},
        groups=GROUPS,
    ),
    "entry number": Case(
        ["horizon: 100 steps", "lr: linear()", "groups: {depth=3: {lr: constant(0.5)}}"],
        {},
        {("lr", "x"): lambda t, a: 0.5, ("lr", "y"): lambda t, a: 1 - t / 100},
        groups=[{"name": "x", "lr": 1.0, "depth": 3}, {"name": "y", "lr": 1.0, "depth": 4}],
    ),
    "entry text": Case(
        ["horizon: 100 steps", "lr: linear()", "groups: {kind=bias: {lr: constant(0.5)}}"],
        {},
        {("lr", "x"): lambda t, a: 0.5, ("lr", "y"): lambda t, a: 1 - t / 100},
        groups=[{"name": "x", "lr": 1.0, "kind": "bias"}, {"name": "y", "lr": 1.0, "kind": "norm"}],
    ),
    # clocks
    "field clock": Case(
        ["clock: {lr: tokens}", "horizon: 1000 tokens", "lr: linear()", "weight_decay: linear()"],
        {"tokens_per_step": 30},
        {"lr": lambda t, a: 1 - a / 1000, "weight_decay": lambda t, a: 0.1 * (1 - t / 34)},
        amounts=lambda t, a: 30,
        total=34,
    ),
    "calendar total in tokens": Case(
        ["clock: tokens", "lr: linear()"],
        {"tokens_per_step": 30, "total": "1000 tokens"},
        {"lr": lambda t, a: 1 - a / 1000},
        amounts=lambda t, a: 30,
        total=34,
    ),
    "epochs on tokens": Case(
        ["clock: tokens", "horizon: 2 epochs", 'lr: every(linear(), "epoch")'],
        {"tokens_per_step": 30, "steps_per_epoch": 10},
        {"lr": lambda t, a: 1 - a // 300 * 300 / 600},
        amounts=lambda t, a: 30,
        total=20,
    ),
    "accumulation target": Case(
        [
            "clock: samples",
            "horizon: 3000 samples",
            "lr: linear()",
            "targets:",
            "  accumulation: {initial: 1, schedule: 'stairs(1, 5, 4, over=\"800 samples\")'}",
        ],
        {"batch_size": 12},
        {"lr": lambda t, a: 1 - a / 3000, "accumulation": lambda t, a: 1 + min(a // 200, 4)},
        amounts=lambda t, a: 12 * (1 + min(a // 200, 4)),
    ),
    "sequence_length target": Case(
        [
            "clock: tokens",
            "horizon: 30k tokens",
            "lr: linear()",
            "targets:",
            "  sequence_length: {initial: 8, schedule: 'rounded(linear(1, 4, over=\"10k tokens\"), 8)'}",
        ],
        {"batch_size": 12},
        {"lr": lambda t, a: 1 - a / 30000},
        amounts=lambda t, a: 12 * round(8 * (1 + 3 * min(Fraction(a, 10000), 1)) / 8) * 8,
    ),
    "all three": Case(
        [
            "clock: tokens",
            "horizon: 100k tokens",
            "lr: linear()",
            "targets:",
            "  batch_size: {initial: 4, schedule: 'linear(1, 4, over=\"10k tokens\")'}",
            "  accumulation: {initial: 1, schedule: 'constant(1, over=\"20k tokens\") >> constant(2)'}",
            "  sequence_length: {initial: 8, schedule: 'constant(1, over=\"30k tokens\") >> constant(2)'}",
        ],
        {},
        {"lr": lambda t, a: 1 - a / 100000.0},
        amounts=lambda t, a: (
            round(4 * (1 + 3 * min(Fraction(a, 10000), 1))) * (1 if a < 20000 else 2) * (8 if a < 30000 else 16)
        ),
    ),
    "tokens_per_step beats batch": Case(
        [
            "clock: tokens",
            "horizon: 100k tokens",
            "lr: linear()",
            "targets:",
            "  tokens_per_step: {initial: 1, schedule: 'linear(100, 400, over=\"10k tokens\")'}",
        ],
        {"batch_size": 3, "sequence_length": 5},
        {"lr": lambda t, a: 1 - a / 100000.0},
        amounts=lambda t, a: round(100 + 300 * min(Fraction(a, 10000), 1)),
    ),
    "frames_per_step target": Case(
        [
            "clock: frames",
            "horizon: 100k frames",
            "lr: linear()",
            "targets:",
            "  frames_per_step: {initial: 1, schedule: 'linear(100, 400, over=\"10k frames\")'}",
        ],
        {},
        {"lr": lambda t, a: 1 - a / 100000.0},
        amounts=lambda t, a: round(100 + 300 * min(Fraction(a, 10000), 1)),
    ),
    "size by updates": Case(
        [
            "clock: {lr: samples}",
            "horizon: 10k samples",
            "lr: linear()",
            "targets:",
            "  batch_size: {initial: 1, schedule: 'linear(4, 40, over=\"90 steps\")'}",
        ],
        {},
        {"lr": lambda t, a: 1 - a / 10000.0},
        amounts=lambda t, a: round(Fraction(4) + Fraction(36) * min(Fraction(t, 90), 1)),
    ),
    "size halves to even": Case(
        [
            "clock: samples",
            "horizon: 100 samples",
            "lr: linear()",
            "targets:",
            "  batch_size: {initial: 1, schedule: 'constant(2.5, over=\"10 samples\") >> constant(3.5)'}",
        ],
        {},
        {"lr": lambda t, a: 1 - a / 100},
        amounts=lambda t, a: 2 if a < 10 else 4,
    ),  # sizes that are planned
    "ramp: warmup in updates": ramped(
        'warmup("25 steps") >> linear()',
        lambda t, a: a / RAMP[25] if t < 25 else 1 - (a - RAMP[25]) / (3000 - RAMP[25]),
    ),
    "ramp: 40 updates after 25": ramped(
        'warmup("25 steps") >> linear(1.0, 0.5, over="40 steps") >> constant(previous)',
        lambda t, a: a / RAMP[25] if t < 25 else line_between(a - RAMP[25], RAMP[65] - RAMP[25], 1, 0.5),
    ),
    "ramp: take in samples": ramped(
        'take(warmup("100 samples") >> cosine(), "1000 samples") >> linear(previous, 0.0)',
        lambda t, a: (
            a / 100
            if a < 100
            else cosine_between(a - 100, 2900, 1, 0)
            if a < 1000
            else line_between(a - 1000, 2000, cosine_between(900, 2900, 1, 0), 0)
        ),
    ),
    "ramp: rounded stairs of lr": ramped(
        'rounded(stairs(1, 8, 7, over="700 samples"), 4, "up")', lambda t, a: math.ceil((1 + min(a // 100, 7)) / 4) * 4
    ),
    "ramp: step of a fraction": ramped('step("1000/3 samples", 0.5)', lambda t, a: 0.5 ** (3 * a // 1000)),
    "ramp: every so many samples": ramped(
        'every(linear(), "128.5 samples")', lambda t, a: 1 - start_of_period(a, Fraction(257, 2)) / 3000
    ),
}


RATES: list[tuple[str, str, dict[str, Any]]] = [
    ("samples", "samples", {"batch_size": 24}),
    ("images", "images", {"batch_size": 8, "accumulation": 3}),
    ("examples", "examples", {"batch_size": 24}),
    ("tokens", "tokens", {"batch_size": 2, "accumulation": 3, "sequence_length": 4}),
    ("tokens", "tokens", {"tokens_per_step": 24}),
    ("frames", "frames", {"frames_per_step": 24}),
    ("batches", "batches", {"accumulation": 24}),
    ("seconds", "s", {"seconds_per_step": 24}),
]


for clock, word, facts in RATES:
    CASES[f"clock {clock} {facts}"] = Case(
        [f"clock: {clock}", f"horizon: 1000 {word}", f'lr: warmup("100 {word}") >> cosine()'],
        facts,
        {"lr": lambda t, a: a / 100 if a < 100 else cosine_between(a - 100, 900, 1, 0)},
        amounts=lambda t, a: 24,
        total=42,
    )
    CASES[f"clock {clock} {facts} in updates"] = Case(
        [f"clock: {clock}", "horizon: 40 steps", 'lr: warmup("10 steps") >> linear()'],
        facts,
        {"lr": lambda t, a: t / 10 if t < 10 else 1 - (t - 10) / 30},
        amounts=lambda t, a: 24,
        total=40,
    )
    CASES[f"clock {clock} {facts} per cent"] = Case(
        [f"clock: {clock}", f"horizon: 1000 {word}", 'lr: warmup("7.35%") >> linear()'],
        facts,
        {"lr": lambda t, a, n=73.5 if clock == "seconds" else 74: a / n if a < n else 1 - (a - n) / (1000 - n)},
        amounts=lambda t, a: 24,
        total=42,
    )


@table("case", CASES.values())
def test_values_equal_those_worked_out_by_hand(case: Case) -> None:
    plan = ps.loads("\n".join(case.lines))
    calendar = ps.Calendar(**case.facts)
    trace = ps.trace(plan, case.groups, calendar)
    if case.total is not None:
        assert len(trace) == case.total
    on_clock = case.lines[0].startswith("clock:")
    amounts = list(trace.amounts) if on_clock else list(range(len(trace)))
    if case.amounts is not None:
        assert amounts == amounts_before(case.amounts, len(trace))[:-1]
    exact = [int(amount) for amount in amounts]
    for key, value in case.values.items():
        expected = [float(value(t, amount)) for t, amount in enumerate(exact)]
        np.testing.assert_allclose(trace[key], expected, rtol=1e-12, atol=1e-13)
