"""Schedules of real schedulers with drawn arguments are found in their logs, in every form."""

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
