"""NumPy's elementary functions, for a number and for an array.

NumPy has implementations of `exp`, `log` and `power` for several extensions of CPUs, which differ by up to 4 units in
the last place. It uses another one for arrays with a negative stride, and for the operator `**` of numbers. So these
functions call NumPy's own for a number too, and on contiguous arrays: then an element has the same bits wherever it is
in an array. Code of curves and schedules calls them, and does not use `**`.

Every function takes a float or an array of float64.
"""

import math
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias, overload

import numpy as np

Floats: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.float64]]
"""A NumPy array of float64. (Importing numpy.typing would take a quarter of the time of `import paramsched`.)"""

_QUARTER_TURN: Final = math.pi / 2
_SMALL, _LARGE = 1e-30, 1e30  # powers of numbers between them, up to the tenth, are normal numbers


class _Function(Protocol):
    __name__: str

    @overload
    def __call__(self, x: float) -> float: ...
    @overload
    def __call__(self, x: Floats) -> Floats: ...


def _function(of_numpy: Callable[[Any], Any], low: float, high: float) -> _Function:
    """Return a function of a number or an array; between `low` and `high`, a number raises no floating-point error."""

    def function(x: Any) -> Any:
        if isinstance(x, float) and low <= x <= high:  # setting the error state takes several times as long
            return float(of_numpy(x))
        with np.errstate(all="ignore"):
            return float(of_numpy(x)) if isinstance(x, float) else of_numpy(np.asarray(x, order="C"))

    function.__name__ = of_numpy.__name__
    return function


exp: Final = _function(np.exp, -700.0, 700.0)
"""Return e ** x."""
expm1: Final = _function(np.expm1, -700.0, 700.0)
"""Return e ** x - 1, with all digits near 0."""
log: Final = _function(np.log, 1e-300, 1e300)
"""Return the natural logarithm."""
log1p: Final = _function(np.log1p, -0.999, 1e300)
"""Return ln(1 + x), with all digits near 0."""
tanh: Final = _function(np.tanh, -math.inf, math.inf)
"""Return the hyperbolic tangent."""


@overload
def quarter_sine(u: float) -> float: ...
@overload
def quarter_sine(u: Floats) -> Floats: ...
def quarter_sine(u: Any) -> Any:
    """Return sin(pi / 2 * u).

    >>> quarter_sine(1.0), round(quarter_sine(1 / 3), 15)
    (1.0, 0.5)
    """
    sine = np.sin(u * _QUARTER_TURN)
    return float(sine) if isinstance(u, float) else sine


@overload
def half_wave(u: float) -> float: ...
@overload
def half_wave(u: Floats) -> Floats: ...
def half_wave(u: Any) -> Any:
    """Return sin(pi / 2 * u) ** 2, which is (1 - cos(pi * u)) / 2.

    >>> round(half_wave(0.5), 15), half_wave(1.0)
    (0.5, 1.0)
    """
    sine: Any = np.sin(u * _QUARTER_TURN)
    if isinstance(u, float):
        sine = float(sine)  # a product of Python's floats takes a fifth of the time
    return sine * sine


@overload
def power(x: float, exponent: float) -> float: ...
@overload
def power(x: Floats, exponent: float) -> Floats: ...
def power(x: Any, exponent: float) -> Any:
    """Return numbers raised to a finite exponent; NaN where a number below 0 has an exponent that is not an integer.

    >>> power(2.0, -1.0), power(0.0, 0.5)
    (0.5, 0.0)
    """
    if isinstance(x, float) and _SMALL <= x <= _LARGE and -10 <= exponent <= 10:
        return float(np.power(x, exponent))
    with np.errstate(all="ignore"):
        return float(np.power(x, exponent)) if isinstance(x, float) else np.power(np.asarray(x, order="C"), exponent)


@overload
def power_of_number(number: float, exponent: float) -> float: ...
@overload
def power_of_number(number: float, exponent: Floats) -> Floats: ...
def power_of_number(number: float, exponent: Any) -> Any:
    """Return a number raised to exponents, which are integers if the number is not positive.

    >>> power_of_number(0.5, 2.0), power_of_number(-1.0, 3.0)
    (0.25, -1.0)
    """
    # At least two exponents, because NumPy squares a number in another way if there is only one, which is 2.
    if isinstance(exponent, float):
        with np.errstate(all="ignore"):
            return float(np.power(number, np.array((exponent, exponent)))[0])
    exponent = np.asarray(exponent, dtype=np.float64, order="C")
    with np.errstate(all="ignore"):
        if exponent.size == 1:
            return np.power(number, exponent.repeat(2))[:1].reshape(exponent.shape)
        return np.power(number, exponent)
