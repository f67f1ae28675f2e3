"""Curves: functions that go from 0 to 1, along which a schedule goes from one level to another.

A curve is a frozen value. `curve(u)` is defined for `u` in [0, 1], with `curve(0) = 0` and `curve(1) = 1`. The same
curve can be used for a warmup, which follows `curve(u)`, and for a decay, which follows `1 - curve(u)`. Curves are
written with the prefix `curves.`, in code and in text: `curves.cosine`, `curves.power(2)`.

Every module of this package is imported, so a new file with a `@curve` function adds a curve.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from paramsched.base.near_names import did_you_mean
from paramsched.curves.base import Curve as Curve
from paramsched.curves.cosines import Cosine as Cosine
from paramsched.curves.cosines import CosineKDecay as CosineKDecay
from paramsched.curves.cosines import CosinePower as CosinePower
from paramsched.curves.cosines import CosineTruncated as CosineTruncated
from paramsched.curves.cosines import CosineWave as CosineWave
from paramsched.curves.cosines import HalfCosine as HalfCosine
from paramsched.curves.cosines import cosine as cosine
from paramsched.curves.cosines import cosine_k_decay as cosine_k_decay
from paramsched.curves.cosines import cosine_power as cosine_power
from paramsched.curves.cosines import cosine_truncated as cosine_truncated
from paramsched.curves.cosines import cosine_wave as cosine_wave
from paramsched.curves.cosines import half_cosine as half_cosine
from paramsched.curves.exponentials import Exponential as Exponential
from paramsched.curves.exponentials import Gaussian as Gaussian
from paramsched.curves.exponentials import HalfLife as HalfLife
from paramsched.curves.exponentials import Log as Log
from paramsched.curves.exponentials import Logarithm as Logarithm
from paramsched.curves.exponentials import Sigmoid as Sigmoid
from paramsched.curves.exponentials import Tanh as Tanh
from paramsched.curves.exponentials import exponential as exponential
from paramsched.curves.exponentials import gaussian as gaussian
from paramsched.curves.exponentials import half_life as half_life
from paramsched.curves.exponentials import log as log
from paramsched.curves.exponentials import logarithm as logarithm
from paramsched.curves.exponentials import sigmoid as sigmoid
from paramsched.curves.exponentials import tanh as tanh
from paramsched.curves.powers import InverseProportional as InverseProportional
from paramsched.curves.powers import Linear as Linear
from paramsched.curves.powers import OneMinusSqrt as OneMinusSqrt
from paramsched.curves.powers import Polynomial as Polynomial
from paramsched.curves.powers import PolynomialKDecay as PolynomialKDecay
from paramsched.curves.powers import Power as Power
from paramsched.curves.powers import Rex as Rex
from paramsched.curves.powers import inverse_proportional as inverse_proportional
from paramsched.curves.powers import linear as linear
from paramsched.curves.powers import one_minus_sqrt as one_minus_sqrt
from paramsched.curves.powers import polynomial as polynomial
from paramsched.curves.powers import polynomial_k_decay as polynomial_k_decay
from paramsched.curves.powers import power as power
from paramsched.curves.powers import rex as rex
from paramsched.curves.registry import CONSTANTS as CONSTANTS
from paramsched.curves.registry import FAMILIES as FAMILIES
from paramsched.curves.registry import CurveLike as CurveLike
from paramsched.curves.registry import Custom as Custom
from paramsched.curves.registry import curve as curve
from paramsched.curves.registry import curve_of as curve_of
from paramsched.curves.registry import curve_text as curve_text
from paramsched.curves.registry import register as register
from paramsched.curves.registry import unknown_curve as unknown_curve

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
for _name, _curve in {**FAMILIES, **CONSTANTS}.items():
    if not callable(globals().get(_name)):  # a curve from a new file, whose name may refer to the module instead
        globals()[_name] = _curve

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        found = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(
            found if name.startswith("_") else f"{found}; {did_you_mean(name, [*CONSTANTS, *FAMILIES])}"
        )
