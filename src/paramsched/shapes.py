"""Every shape by its name in text, also the rare ones that `paramsched` itself does not list."""

from collections.abc import Callable as _Callable
from typing import Any as _Any

from paramsched.base.foreign_names import no_attribute as _no_attribute
from paramsched.core.calls.builders import SHAPES as _SHAPES
from paramsched.core.schedules import as_factor as as_factor
from paramsched.core.schedules import chain as chain
from paramsched.core.schedules import cosine_restarts as cosine_restarts
from paramsched.core.schedules import cosine_wave as cosine_wave
from paramsched.core.schedules import cyclic as cyclic
from paramsched.core.schedules import geometric as geometric
from paramsched.core.schedules import inverse_time as inverse_time
from paramsched.core.schedules import noam as noam
from paramsched.core.schedules import power_law as power_law
from paramsched.core.schedules import shift as shift
from paramsched.core.schedules import tanh as tanh
from paramsched.core.schedules import window as window
from paramsched.core.schedules import with_lengths as with_lengths


def __getattr__(name: str) -> _Callable[..., _Any]:
    if name in _SHAPES:
        return _SHAPES[name]
    raise _no_attribute(__name__, name, _SHAPES)


def __dir__() -> list[str]:
    return sorted(_SHAPES)
