"""What users' editors should know. Never run: `make lint` type-checks it, and unused ignores are errors."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import paramsched as ps


def a_number_in_is_a_number_out() -> None:
    schedule = ps.cosine(to=0.1, over=100)
    assert_type(schedule(3), float)
    assert_type(schedule(3, base=1e-3), float)


def operators_make_schedules() -> None:
    warm = ps.warmup("5%") >> ps.cosine(to=0.1)
    assert isinstance(warm * 0.5, ps.Schedule)
    assert isinstance(ps.parse("warmup(100)"), ps.Schedule)


def a_plan_is_loaded_and_traced() -> None:
    plan = ps.load("plan.yaml")
    assert_type(plan, ps.Plan)
    trace = ps.trace(plan, {"lr": 0.1}, ps.Calendar(steps_per_epoch=10))
    assert_type(trace, ps.Trace)
    assert_type(trace.total, int)
    assert_type(trace["lr", 0], NDArray[np.float64])
    assert_type(plan.fingerprint, str)


def refuses_text_for_a_number() -> None:
    ps.exponential("0.9")  # type: ignore[arg-type]
    ps.warmup(over=None)  # type: ignore[arg-type]
    ps.Calendar(totl=3)  # type: ignore[call-arg]
