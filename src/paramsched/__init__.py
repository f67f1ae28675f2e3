"""paramsched: how learning rate, momentum, weight decay and every other hyperparameter change over a training run.

A *schedule* is a pure function of time and base, a *plan* says which field of which groups follows which schedule, and
the *Scheduler* applies exactly that. `import paramsched` imports no torch: `Scheduler` brings it when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from paramsched import curves as curves
from paramsched import errors as errors
from paramsched._diff import diff as diff
from paramsched._trace import Trace as Trace
from paramsched._trace import trace as trace
from paramsched.errors import InvalidArgument as InvalidArgument
from paramsched.errors import ParamschedError as ParamschedError
from paramsched.feedback import greedy as greedy
from paramsched.feedback import new_bob as new_bob
from paramsched.feedback import plateau as plateau
from paramsched.plan import Binding as Binding
from paramsched.plan import Plan as Plan
from paramsched.plan import Target as Target
from paramsched.plan import replay as replay
from paramsched.plan import resolve as resolve
from paramsched.schedules import SHAPES as _SHAPES
from paramsched.schedules import Absolute as Absolute
from paramsched.schedules import Anneal as Anneal
from paramsched.schedules import Constant as Constant
from paramsched.schedules import Exponential as Exponential
from paramsched.schedules import Schedule as Schedule
from paramsched.schedules import absolute as absolute
from paramsched.schedules import ademamix_beta3 as ademamix_beta3
from paramsched.schedules import anneal as anneal
from paramsched.schedules import chain as chain
from paramsched.schedules import chebyshev as chebyshev
from paramsched.schedules import clamp as clamp
from paramsched.schedules import constant as constant
from paramsched.schedules import cooldown as cooldown
from paramsched.schedules import cosine as cosine
from paramsched.schedules import cosine_restarts as cosine_restarts
from paramsched.schedules import cosine_wave as cosine_wave
from paramsched.schedules import cyclic as cyclic
from paramsched.schedules import cyclical_anneal as cyclical_anneal
from paramsched.schedules import ema_power as ema_power
from paramsched.schedules import ema_warmup as ema_warmup
from paramsched.schedules import every as every
from paramsched.schedules import exponential as exponential
from paramsched.schedules import exponential_warmup as exponential_warmup
from paramsched.schedules import following as following
from paramsched.schedules import from_function as from_function
from paramsched.schedules import geometric as geometric
from paramsched.schedules import inverse_sigmoid as inverse_sigmoid
from paramsched.schedules import inverse_sqrt as inverse_sqrt
from paramsched.schedules import inverse_time as inverse_time
from paramsched.schedules import jagged as jagged
from paramsched.schedules import like as like
from paramsched.schedules import linear as linear
from paramsched.schedules import linear_cosine as linear_cosine
from paramsched.schedules import logistic as logistic
from paramsched.schedules import maximum as maximum
from paramsched.schedules import minimum as minimum
from paramsched.schedules import multistep as multistep
from paramsched.schedules import natural_exponential as natural_exponential
from paramsched.schedules import noam as noam
from paramsched.schedules import noise as noise
from paramsched.schedules import one_cycle as one_cycle
from paramsched.schedules import overlay as overlay
from paramsched.schedules import parse as parse
from paramsched.schedules import piecewise as piecewise
from paramsched.schedules import polynomial as polynomial
from paramsched.schedules import polynomial_cycle as polynomial_cycle
from paramsched.schedules import power_law as power_law
from paramsched.schedules import power_scheduler as power_scheduler
from paramsched.schedules import previous as previous
from paramsched.schedules import radam_warmup as radam_warmup
from paramsched.schedules import recurrence as recurrence
from paramsched.schedules import register_function as register_function
from paramsched.schedules import restarts as restarts
from paramsched.schedules import rounded as rounded
from paramsched.schedules import rsqrt as rsqrt
from paramsched.schedules import rules as rules
from paramsched.schedules import shape as shape
from paramsched.schedules import shift as shift
from paramsched.schedules import skip as skip
from paramsched.schedules import slanted_triangular as slanted_triangular
from paramsched.schedules import stairs as stairs
from paramsched.schedules import step as step
from paramsched.schedules import t5 as t5
from paramsched.schedules import table as table
from paramsched.schedules import table_file as table_file
from paramsched.schedules import tabulate as tabulate
from paramsched.schedules import take as take
from paramsched.schedules import tanh as tanh
from paramsched.schedules import trapezoid as trapezoid
from paramsched.schedules import tri_stage as tri_stage
from paramsched.schedules import untuned_exponential_warmup as untuned_exponential_warmup
from paramsched.schedules import untuned_linear_warmup as untuned_linear_warmup
from paramsched.schedules import warmup as warmup
from paramsched.schedules import warmup_restarts as warmup_restarts
from paramsched.schedules import window as window
from paramsched.schedules import with_lengths as with_lengths
from paramsched.schedules import wsd as wsd
from paramsched.schedules import wsd_s as wsd_s
from paramsched.time import Calendar as Calendar
from paramsched.time import Duration as Duration

if TYPE_CHECKING:
    from paramsched import show as show
    from paramsched.audit import plan_from_log as plan_from_log
    from paramsched.config import dump as dump
    from paramsched.config import load as load
    from paramsched.config import loads as loads
    from paramsched.functions import to_lambda as to_lambda
    from paramsched.functions import to_optax as to_optax
    from paramsched.range_test import find_lr as find_lr
    from paramsched.recipe_book import recipes as recipes
    from paramsched.scheduler import Scheduler as Scheduler

__version__ = "0.1.0"

_LAZY = {
    "Scheduler": "paramsched.scheduler",  # it imports torch
    "dump": "paramsched.config",
    "find_lr": "paramsched.range_test",  # it imports torch
    "load": "paramsched.config",
    "loads": "paramsched.config",
    "plan_from_log": "paramsched.audit",
    "recipes": "paramsched.recipe_book",
    "to_lambda": "paramsched.functions",
    "to_optax": "paramsched.functions",
}
_PACKAGES = ("compat", "config", "engines", "runner", "show")  # attributes as well, imported when asked for

__all__ = [
    "Absolute",
    "Anneal",
    "Binding",
    "Calendar",
    "Constant",
    "Duration",
    "Exponential",
    "InvalidArgument",
    "ParamschedError",
    "Plan",
    "Schedule",
    "Scheduler",
    "Target",
    "Trace",
    "absolute",
    "ademamix_beta3",
    "anneal",
    "chain",
    "chebyshev",
    "clamp",
    "constant",
    "cooldown",
    "cosine",
    "cosine_restarts",
    "cosine_wave",
    "curves",
    "cyclic",
    "cyclical_anneal",
    "diff",
    "dump",
    "ema_power",
    "ema_warmup",
    "errors",
    "every",
    "exponential",
    "exponential_warmup",
    "find_lr",
    "following",
    "from_function",
    "geometric",
    "greedy",
    "inverse_sigmoid",
    "inverse_sqrt",
    "inverse_time",
    "jagged",
    "like",
    "linear",
    "linear_cosine",
    "load",
    "loads",
    "logistic",
    "maximum",
    "minimum",
    "multistep",
    "natural_exponential",
    "new_bob",
    "noam",
    "noise",
    "one_cycle",
    "overlay",
    "parse",
    "piecewise",
    "plan_from_log",
    "plateau",
    "polynomial",
    "polynomial_cycle",
    "power_law",
    "power_scheduler",
    "previous",
    "radam_warmup",
    "recipes",
    "recurrence",
    "register_function",
    "replay",
    "resolve",
    "restarts",
    "rounded",
    "rsqrt",
    "rules",
    "shape",
    "shift",
    "skip",
    "slanted_triangular",
    "stairs",
    "step",
    "t5",
    "table",
    "table_file",
    "tabulate",
    "take",
    "tanh",
    "to_lambda",
    "to_optax",
    "trace",
    "trapezoid",
    "tri_stage",
    "untuned_exponential_warmup",
    "untuned_linear_warmup",
    "warmup",
    "warmup_restarts",
    "window",
    "with_lengths",
    "wsd",
    "wsd_s",
]


def __getattr__(name: str) -> Any:
    if name in _SHAPES:  # one that a user's package registered
        return _SHAPES[name]
    if name not in _LAZY and name not in _PACKAGES:
        from paramsched._vocabulary import unknown_attribute

        raise AttributeError(f"module 'paramsched' has no attribute {name!r}{unknown_attribute(name, __all__)}")
    from importlib import import_module

    try:
        if name in _PACKAGES:
            return import_module(f"paramsched.{name}")
        found = getattr(import_module(_LAZY[name]), name)
    except ModuleNotFoundError as absent:
        if absent.name != "torch":
            raise
        raise errors.MissingDependency(f"paramsched.{name}", "torch", "torch") from None
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, *_PACKAGES, "__version__"])
