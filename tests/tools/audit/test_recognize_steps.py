"""Step decays are found in logs with few digits, and `recognize` gives an answer for any log of stairs."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps

WRITE = {
    "full": float,
    "float32": lambda value: float(np.float32(value)),
    "2 digits": lambda value: float(f"{value:.2g}"),
    "4 digits": lambda value: float(f"{value:.4g}"),
    "6 decimals": lambda value: round(value, 6),
    "8 decimals": lambda value: round(value, 8),
}


def logged(plan, base, horizon, form, thin=1):
    values = ps.trace(ps.Plan(lr=plan, horizon=horizon), {"lr": base})["lr"].tolist()
    return [(t, WRITE[form](value)) for t, value in enumerate(values) if t % thin == 0]


@pytest.mark.parametrize("form", [form for form in WRITE if form != "2 digits"])
@pytest.mark.parametrize(("before", "base"), [("", 0.1), ("warmup(40) >> ", -0.02)])
def test_steps_that_fall_below_the_digits_of_the_log_are_found(form, before, base):
    for ratio, (length, horizon) in itertools.product([0.5, 0.7, 0.9, 0.333], [(100, 3000), (7, 100), (1000, 10000)]):
        plan = f"{before}step({length}, {ratio})"

        found = ps.recognize(logged(plan, base, horizon, form))["lr"]

        assert found.plan is not None, plan
        assert str(found.plan.bindings[0].schedule) == plan
        assert (found.base, found.explained) == (base, horizon), plan


@pytest.mark.parametrize("base", [0.1 * 256 / 384, 5e-4 * 2**0.5, 0.0123456])
def test_steps_from_a_base_with_more_digits_than_the_log_are_found(base):
    for ratio, length in itertools.product([0.5, 0.9, 0.85], [10, 30]):
        found = ps.recognize(logged(f"step({length}, {ratio})", base, 11 * length, "8 decimals"))["lr"]

        assert str(found.plan.bindings[0].schedule) == f"step({length}, {ratio})"
        assert found.base == pytest.approx(base, abs=5e-9)
        assert found.explained == 11 * length


@pytest.mark.parametrize(
    ("plan", "base", "horizon", "form", "thin"),
    [
        ("warmup(17) >> every(step(2, 0.5), 30)", 0.05, 180, "6 decimals", 1),  # some stages are 0 within the digits
        ("every(step(2, 0.5), 30)", 0.0003, 300, "2 digits", 5),  # curves without a value where they might meet
        ("every(exponential(0.9), 100)", 0.0003, 3300, "2 digits", 1),
    ],
)
def test_a_log_that_explains_little_has_an_answer(plan, base, horizon, form, thin):
    found = ps.recognize(logged(plan, base, horizon, form, thin))["lr"]

    assert found.plan is None
    assert found.values == len(range(0, horizon, thin))


@pytest.mark.parametrize("place", [66, 70, 99])
def test_a_log_of_restarts_with_a_wrong_value_has_an_answer(place):
    rows = logged("constant(0.1, 30) >> restarts(cosine(to=0.01), 30)", 0.1, 110, "full")
    rows = [(t, round(value, 5) * (3 if t == place else 1)) for t, value in rows]

    found = ps.recognize(rows)["lr"]  # the lowest level of the second cycle is 0 in these digits

    assert found.values == 110


@given(
    before=st.sampled_from(["", "take(cosine_restarts(18), 17) >> "]),
    wave=st.builds("cyclic({}, {}, {})".format, st.integers(1, 8), st.integers(1, 8), st.sampled_from([0.0, 0.2])),
    waits=st.lists(st.integers(13, 59), max_size=4, unique=True),
)
def test_a_schedule_that_skips_updates_never_goes_back(before, wave, waits):
    schedule = ps.Plan(lr=before + wave).resolve(ps.Calendar(total=90)).bindings[0].schedule

    found = ps.recognize([(t, schedule(t - sum(t >= at for at in waits), base=0.02)) for t in range(90)])

    went_back = np.flatnonzero(np.diff(found["lr"].clock) < 0) + 1
    restarts = [one.first for one in found.notes if one.code == "restarted"]  # the first one of those that are equal
    assert went_back[:1].tolist() == restarts[:1], found


CURVES = ["cosine(to=0.1)", "polynomial(2)", "step(2, 0.5)", "multistep([3, 4, 6], 0.3)", "exponential(0.9)"]


@pytest.mark.parametrize("seed", range(20))
def test_an_answer_for_drawn_stairs_has_the_logged_values(seed):
    draw = random.Random(seed)
    length = draw.choice([5, 10, 30])
    plan = f"{draw.choice(['', 'warmup(17) >> '])}every({draw.choice(CURVES)}, {length})"
    thin, form = draw.choice([1, 5]), draw.choice([one for one in WRITE if one != "2 digits"])
    rows = logged(plan, draw.choice([0.1, 0.003, 3e-4]), length * draw.choice([7, 10, 33]), form, thin)

    found = ps.recognize(rows)["lr"]

    if found.plan is not None and found.explained == found.values:
        used = np.array(rows)[:, 1]
        planned = found.plan.resolve(ps.Calendar()).bindings[0].schedule(found.clock, base=found.base)
        places = np.floor(np.log10(np.maximum(np.abs(planned), 1e-300)))
        allowed = {"4 digits": 0.51 * 10.0 ** (places - 3), "6 decimals": 5.1e-7, "8 decimals": 5.1e-9}
        # A log whose numbers have few digits may have been rounded to as many.
        digits = max(len(f"{value!r}".split("e")[0].replace(".", "").strip("0")) for value in used.tolist())
        written = 0.51 * 10.0 ** (places + 1 - max(digits, 4)) if digits < 15 else 1e-7 * np.abs(used)
        assert (np.abs(planned - used) <= np.maximum(allowed.get(form, 0.0), written + 1e-12 * used.max())).all(), plan
