"""paramsched: how learning rate, momentum, weight decay and every other hyperparameter change over a training run.

A *schedule* is a pure function of time and base, a *plan* says which field of which groups follows which schedule, and
the *Scheduler* applies exactly that. `import paramsched` imports no torch: `Scheduler` brings it when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from paramsched.base.drawing import register_renderer

if TYPE_CHECKING:  # a function that is named as its file comes from there: mypy else takes it for the file
    from paramsched import audit as audit
    from paramsched import compat as compat
    from paramsched import config as config
    from paramsched import curves, errors
    from paramsched import engines as engines
    from paramsched import fields as fields
    from paramsched import functions as functions
    from paramsched import recipe_book as recipe_book
    from paramsched import runner as runner
    from paramsched import schedules as schedules
    from paramsched import show as show
    from paramsched import time as time
    from paramsched.audit import plan_from_log
    from paramsched.config import dump, load, loads
    from paramsched.errors import InvalidArgument, ParamschedError
    from paramsched.feedback import new_bob
    from paramsched.feedback.greedy import greedy
    from paramsched.feedback.plateau import plateau
    from paramsched.functions import to_lambda, to_optax
    from paramsched.plan import Binding, Plan, Target, replay
    from paramsched.plan.diff import diff
    from paramsched.plan.resolve import resolve
    from paramsched.plan.trace import Trace, trace
    from paramsched.range_test import find_lr
    from paramsched.recipe_book import recipes
    from paramsched.scheduler import Scheduler
    from paramsched.schedules import (
        Absolute,
        Anneal,
        Constant,
        Exponential,
        Schedule,
        absolute,
        ademamix_beta3,
        chain,
        chebyshev,
        clamp,
        constant,
        cooldown,
        cosine,
        cosine_restarts,
        cosine_wave,
        cyclical_anneal,
        ema_power,
        ema_warmup,
        every,
        exponential,
        exponential_warmup,
        following,
        from_function,
        gaussian_warmup,
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
        register_function,
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
    from paramsched.schedules.anneal import anneal
    from paramsched.schedules.cyclic import cyclic
    from paramsched.schedules.noise import noise
    from paramsched.schedules.recurrence import recurrence
    from paramsched.schedules.restarts import restarts
    from paramsched.schedules.table import table
    from paramsched.schedules.table_file import table_file
    from paramsched.time import Calendar, Duration

__version__ = "0.1.0"

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
    "gaussian_warmup",
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

# Each name is imported when it is first asked for: to make all of the library's classes takes longer than many a
# program that wants one of them. Names that stand in neither table are shapes, of `paramsched.schedules`.
_HOMES = {
    "Binding": "paramsched.plan",
    "Calendar": "paramsched.time",
    "Duration": "paramsched.time",
    "InvalidArgument": "paramsched.errors",
    "ParamschedError": "paramsched.errors",
    "Plan": "paramsched.plan",
    "Scheduler": "paramsched.scheduler",  # it imports torch
    "Target": "paramsched.plan",
    "Trace": "paramsched.plan.trace",
    "diff": "paramsched.plan.diff",
    "dump": "paramsched.config",
    "find_lr": "paramsched.range_test",  # it imports torch
    "greedy": "paramsched.feedback",
    "load": "paramsched.config",
    "loads": "paramsched.config",
    "new_bob": "paramsched.feedback",
    "plan_from_log": "paramsched.audit",
    "plateau": "paramsched.feedback",
    "recipes": "paramsched.recipe_book",
    "replay": "paramsched.plan",
    "resolve": "paramsched.plan",
    "to_lambda": "paramsched.functions",
    "to_optax": "paramsched.functions",
    "trace": "paramsched.plan.trace",
}
_MODULES = (
    *("audit", "compat", "config", "curves", "engines", "errors", "feedback", "fields", "functions", "plan"),
    *("recipe_book", "runner", "schedules", "show", "time"),
)


register_renderer(lambda: import_module("paramsched.show"))  # what values call to be drawn stands above them


if not TYPE_CHECKING:  # a type checker would take every misspelled name for one that is found here

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):  # `from paramsched import _module` asks here first
            raise AttributeError(f"module 'paramsched' has no attribute {name!r}")
        try:
            if name in _MODULES:
                return import_module(f"paramsched.{name}")
            if name in __all__:
                found = getattr(import_module(_HOMES.get(name, "paramsched.schedules")), name)
                globals()[name] = found
                return found
        except ModuleNotFoundError as absent:
            if absent.name != "torch":
                raise
            from paramsched.errors import MissingDependency

            raise MissingDependency(f"paramsched.{name}", "torch", "torch") from None
        return _registered_shape(name)


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES, "__version__"})


def _registered_shape(name: str) -> Any:
    """The builder of a shape that a user's package has registered."""
    from paramsched.base.peer_words import line_in_code, unknown_attribute
    from paramsched.curves import CONSTANTS, FAMILIES, curve_text
    from paramsched.schedules import SHAPES

    if name in SHAPES:
        return SHAPES[name]
    if name in CONSTANTS or name in FAMILIES:
        line = line_in_code(f"anneal(curve={curve_text(name)})")
        raise AttributeError(
            f"module 'paramsched' has no attribute {name!r}; here it is a curve, curves.{name}. Write {line}"
        )
    raise AttributeError(f"module 'paramsched' has no attribute {name!r}{unknown_attribute(name, __all__)}")
