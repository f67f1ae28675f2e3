"""Values that an optimizer cannot use are errors, with the first update at which they occur."""

import pytest

import paramsched as ps
from paramsched.tools.check.plan_check import check
from support.registered_shapes import shapes_as_before

GROUP = {"lr": 1e-3, "weight_decay": 0.01, "eps": 1e-8, "betas": (0.9, 0.999), "momentum": 0.9, "dampening": 0.5}
OUTSIDE = [  # field, line, horizon, the first update
    ("betas[0]", "absolute(linear(0.9, 1.1))", 100, 50),
    ("betas[0]", "linear(1.0, 1.2)", 100, 56),
    ("betas[1]", "absolute(warmup(10, 0.9))", 100, 10),
    ("momentum", "absolute(linear(0.9, 1.1))", 100, 50),
    ("dampening", "linear(1.0, 3.0)", 100, 50),
    ("lr", "linear(1.0, -1.0)", 100, 51),
    ("lr", "cosine() - 0.5", 100, 51),
    ("lr", "linear(1.0, -1.0)", 100_000, 50_001),
    ("lr", "warmup(10) >> constant(-0.1, 5) >> constant()", 1_000_000, 10),
    ("weight_decay", "absolute(linear(0.1, -0.1))", 100, 51),
    ("eps", "absolute(table([1e-8, -1e-8], every=20))", 100, 20),
]
INSIDE = [
    ("betas[0]", "absolute(linear(0.85, 0.95))"),
    ("betas[0]", "absolute(linear(0.9, 1.0))"),  # 1 only at the horizon
    ("lr", "linear(1, 0)"),
    ("lr", "clamp(linear(1, -1), low=0)"),
    ("lr", "linear(1, -1, over=200)"),  # negative only after the horizon
    ("lr", "0.5 + 0.5 * cosine(start=1, to=-1)"),
    ("weight_decay", "absolute(cosine(start=0.4, to=0))"),
]


def reported(field, line, horizon):
    plan = ps.Plan(ps.Binding(field, line), horizon=horizon)
    return [one for one in check(plan, groups=[GROUP]) if one.code in ("PS311", "PS312")]


@pytest.mark.parametrize(("field", "line", "horizon", "update"), OUTSIDE)
def test_the_first_update_outside_is_reported_as_an_error(field, line, horizon, update):
    (found,) = reported(field, line, horizon)

    schedule = ps.resolve(ps.parse(line), ps.Calendar(total=horizon))
    base = GROUP["betas"][int(field[6])] if field.startswith("betas") else GROUP[field]
    below = 1.0 if field.startswith(("betas", "momentum", "dampening")) else float("inf")
    first = next(t for t in range(horizon) if not -1e-9 * base <= schedule(t, base=base) < below)
    assert (found.severity, first) == ("error", update)
    assert f"at update {update}." in str(found)


@pytest.mark.parametrize(("field", "line"), INSIDE)
def test_values_inside_and_values_after_the_horizon_are_silent(field, line):
    assert reported(field, line, 100) == []


def test_the_advice_for_a_negative_line_is_accepted():
    (found,) = reported("lr", "linear(1.0, -1.0)", 100)

    assert reported("lr", str(found.instead).removeprefix("For example: "), 100) == []


def test_the_base_of_each_group_counts():
    plan = ps.loads("betas[0]: linear(1, 1.2)\nhorizon: 100")

    def outside(*betas):
        found = ps.check(plan, groups=[{"betas": (beta, 0.999)} for beta in betas])
        return [str(one) for one in found if one.code == "PS312"]

    assert outside(0.5) == outside(0.5, 0.6) == []
    assert [["at update 56" in one for one in outside(*betas)] for betas in [(0.5, 0.9), (0.9, 0.5)]] == [[True]] * 2


@pytest.mark.parametrize("place", [20, 199_980])
def test_the_first_and_the_last_updates_of_a_long_run_are_looked_at_one_by_one(place):
    total = 200_000
    with shapes_as_before():

        @ps.shape
        def dip(t):
            return -1.0 if t == place else 1.0 - t / total

        (found,) = check(ps.Plan(lr=dip(), horizon=total))

    assert f"-1 × base at update {place}" in found.message
