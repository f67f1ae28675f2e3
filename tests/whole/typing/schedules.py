"""The types of schedules. Never run: `make lint` type-checks it, and unused ignores are errors."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import paramsched as ps
from paramsched import curves


def a_number_in_is_a_number_out() -> None:
    for schedule in (ps.linear(over=5), ps.warmup(5) >> ps.cosine(over=5), ps.step(5) * 0.5):
        assert_type(schedule(3), float)
        assert_type(schedule(3.5, 0.1), float)
    assert_type(curves.cosine(0.5), float)


def an_array_in_is_an_array_out(times: NDArray[np.float64], schedule: ps.extend.Schedule) -> None:
    assert_type(schedule(times), NDArray[np.float64])
    assert_type(schedule(times, base=0.1), NDArray[np.float64])
    assert_type(curves.power(2)(times), NDArray[np.float64])


def operators_make_schedules(a: ps.extend.Schedule, b: ps.extend.Schedule) -> None:
    assert_type(a >> b, ps.extend.Schedule)
    assert_type(a >> "cosine()", ps.extend.Schedule)
    assert_type("warmup(5)" >> a, ps.extend.Schedule)
    assert_type(a * b, ps.extend.Schedule)
    assert_type(0.5 * a, ps.extend.Schedule)
    assert_type(a + 1, ps.extend.Schedule)
    assert_type(1 - a, ps.extend.Schedule)
    assert_type(-a, ps.extend.Schedule)
    assert_type(0.5 * a + ps.absolute(1e-5), ps.extend.Schedule)
    assert_type(ps.absolute(1e-5) + 0.5 * a, ps.extend.Schedule)
    assert_type(a - ps.absolute(1e-5), ps.extend.Schedule)
    assert_type(ps.absolute(1e-5) - a, ps.extend.Schedule)
    assert_type(a * ps.absolute(1e-5), ps.extend.Schedule)
    assert_type(a >> ps.absolute(1e-5), ps.extend.Schedule)
    assert_type(ps.overlay(ps.warmup(5), a), ps.extend.Schedule)
    assert_type(ps.take(a, "until 80%") >> ps.skip(b, 5, of="20 epochs") * ps.like("lr"), ps.extend.Schedule)
    assert_type((ps.shapes.as_factor(a, 256) / 256) ** 0.5, ps.extend.Schedule)
    assert_type(a.breakpoints(10), tuple[int, ...])
    assert_type(a.length, ps.Duration | None)
    assert_type(str(a), str)
    assert_type(a**2, ps.extend.Schedule)
    assert_type(a / 2, ps.extend.Schedule)


def builders_take_what_people_write() -> None:
    assert_type(ps.warmup("5%"), ps.extend.Schedule)
    ps.warmup(5, 0.1, curve="rex")
    ps.warmup(5, ps.absolute(0.1), curve=lambda u: u)
    ps.anneal(1.0, ps.absolute(0.1), "10 epochs", curves.power(2), "(t+1)/n")
    ps.linear(to=0.5 + ps.absolute(2e-05))
    ps.constant()
    ps.multistep((5, "10%"))
    ps.restarts(ps.cosine(), "20%", times=3)


def resolving_keeps_the_kind(plan: ps.Plan, schedule: ps.extend.Schedule, facts: ps.RunFacts) -> None:
    assert_type(ps.resolve(plan, facts=facts), ps.Plan)
    assert_type(ps.resolve(schedule, facts=facts), ps.extend.Schedule)
    assert_type(plan.resolve(facts=facts), ps.Plan)


def refuses_what_cannot_be() -> None:
    ps.warmup(0.05)  # type: ignore[arg-type]
    ps.linear(index="t/m")  # type: ignore[arg-type]
    ps.linear(too=0.1)  # type: ignore[call-arg]
    ps.cosine(to="0.1")  # type: ignore[arg-type]
    ps.Plan(lr=None)  # type: ignore[arg-type]
    ps.plateau(mode="less")  # type: ignore[arg-type]
    ps.RunFacts(100)  # type: ignore[call-arg]
