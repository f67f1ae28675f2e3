"""A schedule as a schedule of optax: traced counts, both widths of floats, boundaries far out, a real loop."""

import pickle

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from support.tables import table

jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
jnp = jax.numpy

pytestmark = pytest.mark.heavy

LINES = (
    "warmup('2%') >> cosine(to=0.1)",
    "warmup(100) >> constant() >> cooldown('20%', curve=curves.one_minus_sqrt)",
    "exponential(0.9999)",
    "step(700, 0.5) * warmup(50)",
    "multistep([3000, 6000])",
    "warmup(200) >> inverse_sqrt(200) >> linear(previous, 0, over='10%')",
    "restarts(cosine(), 700, mult=1.5, times=4)",
    "every(linear(), 250)",
    "table([1.0, 0.3, 0.2], every=700, curve=curves.cosine)",
    "linear(absolute(1e-3), absolute(1e-5))",
    "recurrence(rules.linear(0.1, end=500), rules.step(900, 0.7, end=9000))",
    "cyclic(300, mode='exp_range', gamma=0.9997)",
)
RUN = ps.Calendar(total=10_000, steps_per_epoch=100)
COUNTS = np.arange(0, 10_050, 7)


@table("line", LINES)
def test_jit_gives_the_value_of_the_schedule_at_every_count(line):
    rate = ps.to_optax(line, RUN, base=3e-4)
    planned = ps.resolve(ps.parse(line), RUN)(COUNTS, 3e-4)

    single = jax.jit(rate)(jnp.asarray(COUNTS))
    with jax.enable_x64(True):
        double = jax.jit(rate)(jnp.asarray(COUNTS))

    assert (single.dtype, double.dtype) == (jnp.float32, jnp.float64)
    scale = np.abs(planned).max()
    np.testing.assert_allclose(double, planned, rtol=1e-12, atol=1e-15 * scale)
    # Some roundings of 2 ** -24, each of a number that is at most the largest value.
    np.testing.assert_allclose(single, planned, rtol=2e-6, atol=8 * 2.0**-24 * scale)


def test_the_function_is_compiled_once_for_all_counts():
    rate, traced = ps.to_optax(LINES[0], RUN), []

    @jax.jit
    def value(count):
        traced.append(1)
        return rate(count)

    for count in range(5):
        value(jnp.asarray(count, dtype=jnp.int32))

    assert len(traced) == 1


@pytest.mark.parametrize("edge", [2**24 + 1, 2**30 + 3, 2**31 - 3])
def test_a_boundary_beyond_the_integers_of_float32_is_at_its_exact_update(edge):
    rate = jax.jit(ps.to_optax(f"constant(1.0, {edge}) >> constant(0.5)"))

    assert [float(rate(jnp.int32(edge + shift))) for shift in (-2, -1, 0, 1)] == [1.0, 1.0, 0.5, 0.5]


def test_a_ramp_that_starts_at_a_large_count_is_exact():
    begin = 2**24 + 1
    rate = jax.jit(ps.to_optax(f"constant(0.0, {begin}) >> warmup(8)"))

    assert [float(rate(jnp.int32(begin + k))) for k in range(9)] == [k / 8 for k in range(9)]


def test_adamw_in_jit_uses_the_scheduled_values():
    rate = ps.to_optax("warmup(5) >> cosine()", ps.Calendar(total=12), base=0.05)
    target = jnp.array([1.0, -2.0])

    def train(learning_rate_of):
        def step(state, count):
            weights, moments = state
            optimizer = optax.adamw(learning_rate=learning_rate_of(count))
            updates, moments = optimizer.update(2 * (weights - target), moments, weights)
            return optax.apply_updates(weights, updates), moments

        return step

    scheduled = train(lambda _: rate)
    weights = jnp.zeros(2)
    state = (weights, optax.adamw(learning_rate=rate).init(weights))
    compiled = jax.jit(scheduled)
    for count in range(12):
        state = compiled(state, count)
    expected = (weights, optax.adamw(learning_rate=0.1).init(weights))
    for count in range(12):
        expected = train(lambda at: rate(at))(expected, count)

    np.testing.assert_allclose(state[0], expected[0], rtol=1e-5)
    assert not np.allclose(state[0], weights)


def test_a_scan_and_vmap_over_counts_work_and_derivatives_are_finite():
    rate = ps.to_optax(LINES[1], RUN)
    counts = jnp.arange(50)

    _, scanned = jax.lax.scan(lambda carry, count: (carry, rate(count)), 0, counts)

    np.testing.assert_allclose(scanned, jax.jit(jax.vmap(rate))(counts), rtol=1e-6)
    assert np.isfinite(jax.jit(jax.grad(rate))(jnp.float32(7)))


def test_inject_hyperparams_accepts_the_function():
    rate = ps.to_optax("linear(over=10)", base=0.5)
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=rate)
    state, weights, seen = optimizer.init(jnp.zeros(1)), jnp.zeros(1), []
    for _ in range(12):
        _, state = optimizer.update(jnp.ones(1), state, weights)
        seen.append(float(state.hyperparams["learning_rate"]))

    np.testing.assert_allclose(seen, [rate(t) for t in range(12)], rtol=1e-6)


def test_a_python_number_as_count_returns_a_float():
    rate = ps.to_optax("linear(over=10)", base=0.5)

    assert rate(5) == 0.25
    assert pickle.loads(pickle.dumps(rate)) == rate
    assert repr(rate) == "<to_optax(linear(over=10), base=0.5)>"


def test_optax_uses_the_schedules_of_a_plan():
    momentum = ps.Binding(ps.Target("momentum", 0.5), "linear(1.0, 0.5)")
    plan = ps.Plan(momentum, lr="warmup(2) >> cosine()", horizon=8)
    rate = ps.to_optax(plan, field="lr", base=0.25)
    kept = ps.to_optax(plan, field="momentum")
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=rate, momentum=kept)
    state, weights, seen = optimizer.init(jnp.zeros(1)), jnp.zeros(1), []
    for _ in range(10):
        _, state = optimizer.update(jnp.ones(1), state, weights)
        seen.append([float(state.hyperparams[name]) for name in ("learning_rate", "momentum")])

    planned = plan.resolve(ps.Calendar())
    by_name = {one.name: one.schedule for one in planned.bindings}
    expected = [[by_name["lr"](t, 0.25), by_name["momentum"](t, 0.5)] for t in range(10)]
    np.testing.assert_allclose(seen, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: ps.to_optax("cosine()"), r"For example: ps\.to_optax\(ps\.cosine\(\), ps\.Calendar"),
        (lambda: ps.to_optax("cosine(over=5) * plateau('loss')"), "reacts to a metric"),
        (lambda: ps.to_optax("constant()", base="x"), "expected a number"),
        (lambda: ps.to_optax(ps.Plan(lr="constant()", clock="tokens")), "the clock of lr counts tokens"),
        (
            lambda: ps.to_optax(ps.Plan(lr="constant()", weight_decay="constant(0.5)")),
            r'the plan schedules lr, .*field="lr"',
        ),
    ],
)
def test_a_schedule_that_is_not_a_function_of_the_count_is_rejected_with_a_line(make, found):
    with pytest.raises(InvalidArgument, match=found):
        make()


def test_a_rate_in_place_of_the_run_facts_is_answered_with_base():
    with pytest.raises(InvalidArgument, match=r"the rate is the base\. For example: .*base=0\.001$"):
        ps.to_optax("cosine()", 1e-3)
