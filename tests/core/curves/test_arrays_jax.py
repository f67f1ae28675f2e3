"""Evaluation of arrays of JAX: cases that the property tests do not generate."""

import numpy as np
import pytest
import torch

from paramsched.core.schedules import linear, step, warmup
from paramsched.errors import InvalidArgument, InvalidTime

jax = pytest.importorskip("jax")
jnp = jax.numpy

SCHEDULE = warmup(5) >> linear(over=100)


@pytest.mark.heavy
def test_integer_times_of_jax_stay_integers_until_the_start_is_subtracted():
    far = warmup(2**24 + 1) >> linear(over=4)

    assert far(jnp.array([2**24 + 1, 2**24 + 2, 2**24 + 3])).tolist() == [1.0, 0.75, 0.5]


@pytest.mark.heavy
def test_a_python_time_beyond_the_integer_range_of_jax_stays_exact():
    assert float(linear(over=2**41)(2**40, jnp.float32(1.0))) == 0.5


@pytest.mark.heavy
def test_boolean_arrays_are_rejected_as_times():
    with pytest.raises(InvalidTime):
        SCHEDULE(jnp.array(True))


@pytest.mark.heavy
def test_arrays_of_two_libraries_are_rejected():
    with pytest.raises(InvalidArgument, match="one library"):
        SCHEDULE(torch.tensor(1), jnp.array(0.1))


@pytest.mark.heavy
def test_a_compiled_jax_division_puts_a_float_time_in_the_right_period():
    times = np.arange(0.0, 3000.0)

    with jax.enable_x64(True):
        found = step(103, 0.5)(jnp.asarray(times))
    # On a GPU, JAX rounds powers differently: a few units in the last place. A wrong period is a factor of 2.
    exact = jax.default_backend() == "cpu"
    np.testing.assert_allclose(found, step(103, 0.5)(times), rtol=0.0 if exact else 1e-13, atol=0.0)


@pytest.mark.heavy
def test_jax_vectorizes_compiles_and_differentiates_a_schedule():
    assert jax.jit(SCHEDULE)(jnp.array(55)) == SCHEDULE(55)
    assert jax.vmap(SCHEDULE)(jnp.arange(3)).tolist() == pytest.approx([0.0, 0.2, 0.4])
    assert jax.grad(SCHEDULE)(2.5) == pytest.approx(0.2)
