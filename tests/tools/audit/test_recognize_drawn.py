"""Schedules of real schedulers with drawn arguments are found in their logs, in every form."""

import random
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import paramsched as ps
from support.drawn_schedules import FORMS, LIBRARIES, drawn_run, rows_of

THINNEST = "every 50th"
"""A form in which short stages have too few rows."""


def assert_found(library: str, seed: int, form: str, folder: Path) -> bool:
    """Return whether the plan has all logged values; check that it never claims more than it has."""
    _, values = drawn_run(library, seed)
    rows = list(rows_of(values, form, seed))
    log = folder / "log.jsonl"
    log.write_text("\n".join(f'{{"step": {t}, "lr": {value!r}}}' for t, value in rows))

    one = ps.recognize(log)["lr"]

    if one.plan is None:
        return False
    schedule = one.plan.resolve(ps.Calendar()).bindings[0].schedule
    used = np.array([value for _, value in rows])
    planned = schedule(np.array([t for t, _ in rows]), base=one.base)
    close = np.abs(planned - used) <= 1e-9 * used.max()
    if form == "six digits":  # numbers such as 0.0125 are logged with fewer digits
        digits = max(len(f"{value!r}".split("e")[0].replace(".", "").strip("0")) for value in used.tolist())
        places = np.floor(np.log10(np.maximum(np.abs(planned), 1e-300)))
        decimals = max(-Decimal(repr(value)).as_tuple().exponent for value in used.tolist())  # 5e-08 in 0.0000000500
        close |= np.abs(planned - used) <= np.maximum(10.0 ** (places + 1 - max(digits, 4)), 10.0**-decimals)
    assert one.explained < one.values or close.all(), one
    return bool(close.all())


@pytest.mark.parametrize("form", ["full", "six digits", "every 10th"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_schedule_of_a_drawn_run_is_found(library: str, form: str, tmp_path: Path) -> None:
    assert all(assert_found(library, seed, form, tmp_path) for seed in range(2))


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_almost_every_schedule_of_a_drawn_run_is_found(library: str, form: str, tmp_path: Path) -> None:
    found = sum(assert_found(library, seed, form, tmp_path) for seed in range(40))

    assert found >= (32 if form == THINNEST else 39)


def test_stairs_inside_of_stairs_are_no_schedule(tmp_path: Path) -> None:
    assert not assert_found("torch", 2031, "irregular", tmp_path)


SHAPES = {
    "decay": "warmup({a}) >> exponential({ratio})",
    "decays": "take(exponential({ratio}), {a}) >> constant(0.1, {a}) >> exponential({ratio})",
    "cycles from the top": "skip(cyclic({a}, {a}, {level}), {a})",
    "steps": "warmup({a}) >> skip(step({b}, {ratio}), {a})",
    "restarts": "warmup({a}, {level}) >> cosine_restarts({b}, 2)",
}
FORMATS = {"r": 1e-9, ".6g": 1e-5, ".3g": 1e-2}
"""How values are logged, and the difference of a planned value relative to the largest logged one."""


@pytest.mark.parametrize("shape", SHAPES)
def test_any_rows_of_a_log_have_an_answer_whose_plan_has_their_values(shape: str) -> None:
    for seed in range(30, 34):
        drawn = random.Random(seed)
        length, a = drawn.choice([50, 100, 300]), drawn.randint(2, 50)
        numbers = {"a": a, "b": max(2, a // drawn.randint(1, 5)), "level": drawn.choice([0.0, 0.1, 0.5])}
        text = SHAPES[shape].format(**numbers, ratio=drawn.choice([0.3, 0.5, 0.9, 0.99]))
        schedule = ps.Plan(lr=text).resolve(ps.Calendar(total=length)).bindings[0].schedule
        thinned = range(drawn.randint(0, 3), length, drawn.choice([1, 2, 5, 7]))
        t = np.array(thinned if drawn.random() < 0.7 else sorted(drawn.sample(range(length), 40)))
        form = drawn.choice(list(FORMATS))
        used = np.array([float(f"{v:{form.strip('r')}}") for v in schedule(t, base=drawn.choice([1.0, 0.02])).tolist()])

        one = ps.recognize(zip(t.tolist(), used.tolist(), strict=True))["lr"]

        assert str(one)
        if one.plan is not None and one.part is None:
            planned = one.plan.resolve(ps.Calendar()).bindings[0].schedule(one.clock, base=one.base)
            assert (np.abs(planned - used) <= FORMATS[form] * used.max()).sum() >= one.explained, (text, one)
