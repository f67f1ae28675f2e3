"""The elementary functions have the same bits on every CPU: those that are recorded here."""

import hashlib

import numpy as np
import pytest

from paramsched.core.curves import elementary

# Products and powers of 2 are rounded in the same way everywhere.
COUNTS = np.arange(1, 2001)
SHARES = COUNTS * 0.6180339887498949 % 1.0
SMALL = np.ldexp(SHARES, -(COUNTS % 45))
NUMBERS = (SHARES - 0.5) * 1400.0
POSITIVE = np.ldexp(1.0 + SHARES, COUNTS % 2000 - 1000)
NEAR_1 = np.concatenate([1.0 + SMALL / 2, 1.0 - SMALL / 2])
EXPONENTS = (-7.0, -2.2, -0.7, -0.5, 1e-9, 0.1, 1 / 3, 0.5, 0.9, 1.0, 1.5, 2.0, 2.2, 3.0, 4.0, 5.0, 10.5, 64.0, 65.0)
BASES = (1e-3, 0.1, 0.5, 0.97, 0.99999, 1.0, 1.00001, 3.0, 1000.0)
VALUES = {
    "quarter_sine": lambda: elementary.quarter_sine(np.concatenate([SHARES, -SMALL, 50 * SHARES, 1e6 * SHARES])),
    "half_wave": lambda: elementary.half_wave(np.concatenate([SHARES, SMALL, 50 * SHARES, 1e6 * SHARES])),
    "exp": lambda: elementary.exp(np.concatenate([NUMBERS, SMALL, -SMALL])),
    "expm1": lambda: elementary.expm1(np.concatenate([NUMBERS, SMALL, -SMALL])),
    "log": lambda: elementary.log(np.concatenate([POSITIVE, NEAR_1])),
    "log1p": lambda: elementary.log1p(np.concatenate([POSITIVE, SMALL, -SMALL, -SHARES])),
    "tanh": lambda: elementary.tanh(np.concatenate([NUMBERS, SMALL, -SMALL, SHARES * 20])),
    "power": lambda: np.concatenate(
        [elementary.power(np.concatenate([SHARES, NEAR_1, POSITIVE, [0.0]]), one) for one in EXPONENTS]
    ),
    "power_of_number": lambda: np.concatenate(
        [elementary.power_of_number(one, np.concatenate([SHARES, -NUMBERS, COUNTS])) for one in BASES]
    ),
}
DIGESTS = {
    "quarter_sine": "7656a9015baa3423",
    "half_wave": "3986cdf1816c47b5",
    "exp": "29a67ff89f78e417",
    "expm1": "7e4d654c9d41b30b",
    "log": "ed336684a363b561",
    "log1p": "8b7ec5b6c8280ba6",
    "tanh": "e150d426e4830663",
    "power": "3bfaf5f03ecac9b9",
    "power_of_number": "c235faf5752beee5",
}


@pytest.mark.parametrize("name", VALUES)
def test_a_function_has_the_recorded_bits(name):
    with np.errstate(all="ignore"):
        values = VALUES[name]()
    values[np.isnan(values)] = np.nan  # any bits

    assert hashlib.sha256(values.tobytes()).hexdigest()[:16] == DIGESTS[name]
