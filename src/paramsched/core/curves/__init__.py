"""Curves: functions that go from 0 to 1, along which a schedule goes from one level to another.

A curve is a frozen value. `curve(u)` is defined for `u` in [0, 1], with `curve(0) = 0` and `curve(1) = 1`. The same
curve can be used for a warmup, which follows `curve(u)`, and for a decay, which follows `1 - curve(u)`. Curves are
written with the prefix `curves.`, in code and in text: `curves.cosine`, `curves.power(2)`.

Every module of this package is imported, so a new file that registers a curve adds it.
"""

from importlib import import_module
from pkgutil import iter_modules

from paramsched.core.curves.arrays import ROUNDING as ROUNDING
from paramsched.core.curves.arrays import ROUNDING_OF_LARGEST as ROUNDING_OF_LARGEST
from paramsched.core.curves.arrays import Array as Array
from paramsched.core.curves.arrays import Floats as Floats
from paramsched.core.curves.arrays import equal_up_to_rounding as equal_up_to_rounding
from paramsched.core.curves.arrays import interpolated as interpolated
from paramsched.core.curves.arrays import last_of_each as last_of_each
from paramsched.core.curves.curve import CONSTANTS as CONSTANTS
from paramsched.core.curves.curve import FAMILIES as FAMILIES
from paramsched.core.curves.curve import Curve as Curve
from paramsched.core.curves.curve import CurveLike as CurveLike
from paramsched.core.curves.curve import curve as curve
from paramsched.core.curves.curve import curve_family as curve_family
from paramsched.core.curves.curve import curve_of as curve_of
from paramsched.core.curves.curve import curve_text as curve_text
from paramsched.core.curves.curve import register as register
from paramsched.core.curves.families import cosine as cosine
from paramsched.core.curves.families import cosine_k_decay as cosine_k_decay
from paramsched.core.curves.families import cosine_power as cosine_power
from paramsched.core.curves.families import cosine_truncated as cosine_truncated
from paramsched.core.curves.families import cosine_wave as cosine_wave
from paramsched.core.curves.families import exponential as exponential
from paramsched.core.curves.families import gaussian as gaussian
from paramsched.core.curves.families import half_cosine as half_cosine
from paramsched.core.curves.families import half_life as half_life
from paramsched.core.curves.families import inverse_proportional as inverse_proportional
from paramsched.core.curves.families import linear as linear
from paramsched.core.curves.families import log as log
from paramsched.core.curves.families import logarithm as logarithm
from paramsched.core.curves.families import one_minus_sqrt as one_minus_sqrt
from paramsched.core.curves.families import polynomial as polynomial
from paramsched.core.curves.families import polynomial_k_decay as polynomial_k_decay
from paramsched.core.curves.families import power as power
from paramsched.core.curves.families import rex as rex
from paramsched.core.curves.families import sigmoid as sigmoid
from paramsched.core.curves.families import tanh as tanh

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
globals().update(FAMILIES | CONSTANTS)


def __dir__() -> list[str]:
    """Return the curves, those that users have registered among them."""
    return sorted([*CONSTANTS, *FAMILIES])
