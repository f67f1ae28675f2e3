"""The exact values of each shape, its edges, and invalid arguments."""

import numpy as np
import pytest

from paramsched import curves
from paramsched.core.plan import resolve
from paramsched.core.schedules import absolute
from paramsched.core.schedules.anneal import anneal, cosine, linear, warmup
from paramsched.core.schedules.decays import exponential, inverse_sqrt, inverse_time, power_law
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.periods import cosine_restarts, cyclic, multistep, one_cycle, step
from paramsched.core.schedules.pointwise import clamp, maximum, minimum
from paramsched.core.schedules.recipes import noam, piecewise, wsd
from paramsched.core.schedules.restarts import restarts
from paramsched.core.schedules.retimed import every, window
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument, InvalidTime
from support.tables import table

# Decays s(u) over 10 updates.


# The values of a ramp of 4 updates.
@table(
    ("index", "values"),
    [
        ("t/n", [0, 0.25, 0.5, 0.75, 1, 1]),
        ("(t+1)/n", [0.25, 0.5, 0.75, 1, 1, 1]),
        ("(t+1)/(n+1)", [0.2, 0.4, 0.6, 0.8, 1, 1]),
        ("t/(n-1)", [0, 1 / 3, 2 / 3, 1, 1, 1]),
    ],
)
def test_an_index_defines_the_fraction_of_each_update(index, values):
    assert warmup(4, index=index)(np.arange(6)).tolist() == values


# W = 10, T = 50, at t = 0, W-1, W, T-1, T, T+1, T+10.
@table(
    ("peer", "schedule", "values"),
    [
        ("HF linear", warmup(10) >> linear(), [0, 0.9, 1, 0.025, 0, 0, 0]),
        ("optax, keras, composer", warmup(10) >> cosine(), [0, 0.9, 1, 0.0015, 0, 0, 0]),
        ("Megatron", wsd(10, 40), [0, 0.9, 1, 0.025, 0, 0, 0]),
        (
            "OLMo-core",
            warmup(10, index="(t+1)/n") >> linear(index="(t+1)/n"),
            [0.1, 1, 0.975, 0, 0, 0, 0],
        ),
        ("torchtitan", warmup(10, index="(t+1)/n") >> linear(), [0.1, 1, 1, 0.025, 0, 0, 0]),
        ("torch LinearLR, PolynomialLR", linear(over=50), [1, 0.82, 0.8, 0.02, 0, 0, 0]),
        (
            "mmengine LinearLR + PolyLR",
            warmup(10, index="t/(n-1)") >> linear(index="t/(n-1)"),
            [0, 1, 1, 0, 0, 0, 0],
        ),
        (
            "HF cosine_warmup_with_min_lr",
            warmup(10, index="(t+1)/n") >> cosine(index="(t+1)/n"),
            [0.1, 1, 0.9985, 0, 0, 0, 0],
        ),
        ("timm cosine, overlay", minimum(warmup(10), 1.0) * 1.0, [0, 0.9, 1, 1, 1, 1, 1]),
    ],
)
def test_values_at_boundaries_equal_those_of_peers(peer, schedule, values):
    times = np.array([0, 9, 10, 49, 50, 51, 60])

    found = resolve(schedule, Calendar(total=50))(times)

    assert found.tolist() == pytest.approx(values, abs=5e-5), peer


def test_one_cycle_equals_torch_with_phases_one_update_longer():
    schedule = resolve(one_cycle(10), Calendar(total=50))

    assert schedule(0) == 0.04
    assert schedule(10) == 1.0
    assert schedule(50) == 4e-06
    assert schedule(30) == pytest.approx((1 + 4e-06) / 2)


def test_noam_equals_the_published_formula():
    schedule = noam(512, 4000, factor=2.0)

    for t in (0, 1, 17, 3998, 3999, 4000, 100_000):
        k = t + 1
        assert schedule(t) == pytest.approx(2 * 512**-0.5 * min(k**-0.5, k * 4000**-1.5), rel=1e-12)
        assert schedule(t, base=0.1) == schedule(t)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: constant(float("nan")), "must be finite"),
        (lambda: constant("0.1"), "expected a number, got str"),
        (lambda: constant(True), "expected a number, got bool"),
        (lambda: constant(10**400), "must be finite"),
        (lambda: absolute(float("inf")), "must be finite"),
        (lambda: anneal(over=0.5), '"50%"'),
        (lambda: anneal(index="t/m"), 'did you mean "t/n"'),
        (lambda: anneal(curve="cosin"), 'did you mean "cosine"'),
        (lambda: anneal(curve="power"), "curves.power"),
        (lambda: anneal(curve=3), "curves.cosine"),
        (lambda: anneal(curve=lambda u: u + 0.1), "curve(0) must be 0, got"),
        (lambda: anneal(curve=lambda u: u / 2), "curve(1) must be 1, got"),
        (lambda: exponential(0.0), "must be greater than 0"),
        (lambda: exponential(-0.5), "must be greater than 0"),
        (lambda: exponential("0.9"), "expected a number"),
        (lambda: exponential(0.5, per=0), "must be greater than 0"),
        (lambda: step(0), "must be greater than 0"),
        (lambda: step(5, gamma=0), "must be greater than 0"),
        (lambda: multistep("30"), "expected a list of times"),
        (lambda: multistep(30), "expected a list of times"),
        (lambda: multistep([30, 0.5]), '"50%"'),
        (lambda: inverse_time(0.0), "must be greater than 0"),
        (lambda: inverse_sqrt(0), "must be greater than 0"),
        (lambda: power_law(0.0, 5), "must not be 0"),
        (lambda: cyclic(0), "must be greater than 0"),
        (lambda: cyclic(5, mode="triangle"), 'did you mean "triangular"'),
        (lambda: cyclic(5, gamma=0.9), "exp_range"),
        (lambda: cosine_restarts(10, mult=0.5), "cycles must not shrink"),
        (lambda: cosine_restarts(10, mult=1.0000001), "expected 1, or at least 1.001"),
        (lambda: cosine_restarts(0), "must be greater than 0"),
        (lambda: noam(0, 100), "expected an integer of at least 1"),
        (lambda: noam(512, 0), "must be greater than 0"),
        (lambda: noam(512, "5%"), "Use the warmup in steps"),
        (lambda: piecewise([]), "expected pairs of time and level"),
        (lambda: piecewise([(1, 2, 3)]), "expected pairs of time and level"),
        (lambda: piecewise("ab"), "expected pairs of time and level"),
        (lambda: piecewise([(10, 1.0), (5, 0.5)]), "expected increasing times, got 5 after 10"),
        (lambda: multistep({30: 0.1, "60%": 0.01}), "For example: piecewise([(0, 1.0), (30, 0.1), ('60%', 0.01)])"),
        (lambda: multistep(b"ab"), "expected a list of times"),
        (lambda: Duration("5 epochs"), "Write ps.Duration.of('5 epochs')"),
        (lambda: Duration(None), "expected pairs of unit and amount"),
        (lambda: clamp(cosine(), low=0.5, high=0.1), "low is above high"),
        (lambda: clamp(cosine(), low=absolute(0.5), high=absolute(0.1)), "low is above high"),
        (lambda: minimum(), "expected at least one operand"),
        (lambda: maximum(), "expected at least one operand"),
        (lambda: minimum("a"), "neither a schedule nor a number"),
        (lambda: every(cosine(), 0), "must be greater than 0"),
        (lambda: every(cosine(), 5, phase=-1), "expected an integer"),
        (lambda: every(cosine(), 5, phase=float("nan")), "expected an integer"),
        (lambda: restarts(cosine(), 5, times=0), "expected an integer"),
        (lambda: window(cosine(), 5, 3), "window(cosine(), 3, 5)"),
        (lambda: constant(absolute(1.0)) * constant(absolute(2.0)), "2 factors have absolute levels"),
        (lambda: curves.power(0), "must be greater than 0"),
        (lambda: curves.power("2"), "expected a number, got str"),
        (lambda: curves.exponential(1), "ratio must not be 1"),
        (lambda: curves.cosine_truncated(1.5), "at most 1"),
        (lambda: curves.cosine_wave(1), "curves.cosine_wave(1.5)"),
        (lambda: curves.cosine_wave(1e300), "curves.cosine_wave(1.5)"),
        (lambda: curves.tanh(3, 3), "must be less than"),
        (lambda: curves.tanh(50, 60), "almost constant"),
        (lambda: curves.tanh(-1e300, 1e300), "at most 1e6"),
        (lambda: curves.sigmoid(5e-324), "at least 1e-06"),
        (lambda: curves.register("cosine", lambda u: u), "already in use"),
    ],
)  # fmt: skip
def test_an_invalid_argument_is_rejected_with_a_fix(build, said):
    with pytest.raises(InvalidArgument) as refusal:
        build()

    error = refusal.value
    assert error.site
    assert error.found


@table(
    "time",
    [-1, -0.5, float("nan"), float("inf"), True, 10**400, 10**19, [1, -1], [0.5, float("nan")],
     np.array([-1]), np.uint64(2**63), np.array(["a"]), np.array([True]), [[1], [float("inf")]]],
)  # fmt: skip
def test_an_invalid_time_is_rejected(time):
    with pytest.raises(InvalidTime) as refusal:
        linear(over=10)(time)

    assert "Use the number of completed updates" in str(refusal.value)


@table("level", [1e300, -1e300, 1e-300, 5e-324])
def test_extreme_levels_stay_exact_at_their_ends(level):
    ramp = cosine(start=level, to=0.0, over=10)

    assert ramp(0) == level
    assert ramp(10) == 0.0
    assert np.isfinite(ramp(np.arange(12))).all()


def test_very_large_numbers_of_updates_stay_exact():
    far = linear(1.0, 0.0, 2**53)

    assert far(2**53 - 1) == 2.0**-53
    assert far(2**53) == 0.0


@table("value", ["3", b"3", None, 1j, object()])
def test_a_time_or_a_base_that_is_neither_number_nor_array_is_rejected(value):
    for call in (lambda: linear(over=10)(value), lambda: linear(over=10)(3, base=value)):
        with pytest.raises(InvalidArgument):
            call()
