"""paramsched: how learning rate, momentum, weight decay and every other hyperparameter change over a training run.

A *schedule* is a pure function of time and base, a *plan* says which field of which groups follows which schedule, and
the *Scheduler* applies exactly that. `import paramsched` imports no torch: `Scheduler` brings it when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from paramsched import curves, errors
from paramsched._diff import diff
from paramsched._trace import Trace, trace
from paramsched.errors import InvalidArgument, ParamschedError
from paramsched.feedback import greedy, new_bob, plateau
from paramsched.plan import Binding, Plan, Target, replay, resolve
from paramsched.schedules import SHAPES as _SHAPES
from paramsched.schedules import (
    Absolute,
    Anneal,
    Constant,
    Exponential,
    Schedule,
    absolute,
    ademamix_beta3,
    anneal,
    chain,
    chebyshev,
    clamp,
    constant,
    cooldown,
    cosine,
    cosine_restarts,
    cosine_wave,
    cyclic,
    cyclical_anneal,
    ema_power,
    ema_warmup,
    every,
    exponential,
    exponential_warmup,
    following,
    from_function,
    geometric,
    inverse_sigmoid,
    inverse_sqrt,
    inverse_time,
    jagged,
    like,
    linear,
    linear_cosine,
    logistic,
    maximum,
    minimum,
    multistep,
    natural_exponential,
    noam,
    noise,
    one_cycle,
    overlay,
    parse,
    piecewise,
    polynomial,
    polynomial_cycle,
    power_law,
    power_scheduler,
    previous,
    radam_warmup,
    recurrence,
    register_function,
    restarts,
    rounded,
    rsqrt,
    rules,
    shape,
    shift,
    skip,
    slanted_triangular,
    stairs,
    step,
    t5,
    table,
    table_file,
    tabulate,
    take,
    tanh,
    trapezoid,
    tri_stage,
    untuned_exponential_warmup,
    untuned_linear_warmup,
    warmup,
    warmup_restarts,
    window,
    with_lengths,
    wsd,
    wsd_s,
)
from paramsched.time import Calendar, Duration

if TYPE_CHECKING:
    from paramsched import show as show
    from paramsched.audit import plan_from_log
    from paramsched.config import dump, load, loads
    from paramsched.functions import to_lambda, to_optax
    from paramsched.range_test import find_lr
    from paramsched.recipe_book import recipes
    from paramsched.scheduler import Scheduler

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
