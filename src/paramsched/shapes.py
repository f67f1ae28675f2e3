"""Every shape by its name in text, also the rare ones that `paramsched` itself does not list."""

from paramsched.core.schedules.anneals import cosine_wave as cosine_wave
from paramsched.core.schedules.anneals import geometric as geometric
from paramsched.core.schedules.anneals import tanh as tanh
from paramsched.core.schedules.combinators import as_factor as as_factor
from paramsched.core.schedules.combinators import chain as chain
from paramsched.core.schedules.cycles import cosine_restarts as cosine_restarts
from paramsched.core.schedules.cycles import cyclic as cyclic
from paramsched.core.schedules.decays import inverse_time as inverse_time
from paramsched.core.schedules.decays import power_law as power_law
from paramsched.core.schedules.published import noam as noam
from paramsched.core.schedules.registry import SHAPES as _SHAPES
from paramsched.core.schedules.windows import shift as shift
from paramsched.core.schedules.windows import window as window
from paramsched.core.schedules.windows import with_lengths as with_lengths


def __getattr__(name: str) -> object:
    if name in _SHAPES:
        return _SHAPES[name]
    raise AttributeError(f"module 'paramsched.shapes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_SHAPES)
