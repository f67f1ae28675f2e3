"""Law 1 for arrays of JAX: one formula for times of any type and shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import strategies
from support.examples import at_most
from support.laws import schedule_laws as laws
from support.strategies import every_shape

jax = pytest.importorskip("jax")
jnp = jax.numpy


@pytest.mark.heavy
@every_shape(leave_out=("rounded",), most=1, share=0.5, step=30)  # a last bit decides between two multiples
@given(st.data())
def test_jax_agrees(name, data):
    case = data.draw(strategies.cases(name=name))
    times, base = np.array(data.draw(strategies.times(case, 8))), data.draw(strategies.bases())
    expected = case.resolved(times, base)
    scale = laws.magnitude(case.resolved, times, base)

    single = case.resolved(jnp.asarray(times), base)
    with jax.enable_x64(True):
        double = case.resolved(jnp.asarray(times), base)

    assert single.dtype == jnp.float32
    assert double.dtype == jnp.float64
    np.testing.assert_allclose(double, expected, rtol=1e-12, atol=1e-12 * scale)
    # float32: u has 24 bits, and a steep curve multiplies its rounding error.
    assert not np.isnan(single).any()
    if scale < 1e30:
        np.testing.assert_allclose(single, expected, rtol=2e-4, atol=2e-4 * scale + 1e-30)


@pytest.mark.heavy
@at_most(3)
@given(strategies.cases(depth=2))
def test_jax_traces_a_schedule_without_reading_the_time(case):
    compiled = jax.jit(case.resolved)(jnp.arange(4))

    # float32 again, and XLA may fuse what runs one by one here: the last bits differ.
    np.testing.assert_allclose(compiled, case.resolved(jnp.arange(4)), rtol=1e-4, atol=1e-30)


@pytest.mark.heavy
@at_most(3)
@given(strategies.cases(depth=2), st.data())
def test_jax_gradients_are_finite(case, data):
    [time] = data.draw(strategies.times(case))

    slopes = jax.grad(lambda t, base: case.resolved(t, base), argnums=(0, 1))(float(time), 0.1)

    assert all(np.isfinite(slope) for slope in slopes)
