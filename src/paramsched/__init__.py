"""paramsched: schedules for the learning rate, momentum, weight decay and every other hyperparameter of a training run.

A *schedule* is a pure function of time and base. A *plan* assigns schedules to the fields of parameter groups. The
*Scheduler* applies a plan to an optimizer. `import paramsched` does not import torch; `paramsched.Scheduler` does.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from paramsched import errors as errors
from paramsched import shapes as shapes
from paramsched.base import VERSION as _VERSION
from paramsched.base.pickles import find_modules_in_pickles as _find_modules_in_pickles
from paramsched.base.pickles import unpickle as unpickle
from paramsched.base.problem import PlanWarning as PlanWarning
from paramsched.core import curves as curves
from paramsched.core.calls.lazy_imports import is_installed as _is_installed
from paramsched.core.calls.lazy_imports import register_entries as _register_entries
from paramsched.core.metrics.metric_rules import hold as hold
from paramsched.core.metrics.metric_rules import plateau as plateau
from paramsched.core.schedules import Length as Length
from paramsched.core.schedules import absolute as absolute
from paramsched.core.schedules import anneal as anneal
from paramsched.core.schedules import clamp as clamp
from paramsched.core.schedules import constant as constant
from paramsched.core.schedules import cooldown as cooldown
from paramsched.core.schedules import cosine as cosine
from paramsched.core.schedules import every as every
from paramsched.core.schedules import exponential as exponential
from paramsched.core.schedules import inverse_sqrt as inverse_sqrt
from paramsched.core.schedules import like as like
from paramsched.core.schedules import linear as linear
from paramsched.core.schedules import maximum as maximum
from paramsched.core.schedules import minimum as minimum
from paramsched.core.schedules import multistep as multistep
from paramsched.core.schedules import one_cycle as one_cycle
from paramsched.core.schedules import overlay as overlay
from paramsched.core.schedules import parse as parse
from paramsched.core.schedules import piecewise as piecewise
from paramsched.core.schedules import polynomial as polynomial
from paramsched.core.schedules import restarts as restarts
from paramsched.core.schedules import rounded as rounded
from paramsched.core.schedules import shape as shape
from paramsched.core.schedules import skip as skip
from paramsched.core.schedules import stairs as stairs
from paramsched.core.schedules import step as step
from paramsched.core.schedules import table as table
from paramsched.core.schedules import take as take
from paramsched.core.schedules import warmup as warmup
from paramsched.core.schedules import wsd as wsd
from paramsched.core.time import Duration as Duration
from paramsched.core.time import RunFacts as RunFacts

if TYPE_CHECKING:
    from paramsched import compat as compat
    from paramsched import engines as engines
    from paramsched import extend as extend
    from paramsched import mmengine as mmengine
    from paramsched import show as show
    from paramsched import tools as tools
    from paramsched.checks import check as check
    from paramsched.core.plan import Binding as Binding
    from paramsched.core.plan import Plan as Plan
    from paramsched.core.plan import Target as Target
    from paramsched.core.plan import diff as diff
    from paramsched.core.plan import resolve as resolve
    from paramsched.core.plan import to_lambda as to_lambda
    from paramsched.core.plan import trace as trace
    from paramsched.core.plan.values import Values as Values
    from paramsched.core.run import Scheduler as Scheduler
    from paramsched.files import dump as dump
    from paramsched.files import load as load
    from paramsched.files import loads as loads
    from paramsched.tools.range_test import find_lr as find_lr
    from paramsched.tools.recipes import recipes as recipes

__version__ = _VERSION

# Imported on first use: what a schedule does not need, and the packages, which may not be installed.
_LAZY = {
    "Binding": "paramsched.core.plan",
    "Plan": "paramsched.core.plan",
    "Scheduler": "paramsched.core.run",
    "Target": "paramsched.core.plan",
    "Values": "paramsched.core.plan.values",
    "check": "paramsched.checks.plan_check",
    "diff": "paramsched.core.plan",
    "dump": "paramsched.files.plan_files",
    "find_lr": "paramsched.tools.range_test",
    "load": "paramsched.files.plan_files",
    "loads": "paramsched.files.plan_files",
    "recipes": "paramsched.tools.recipes",
    "resolve": "paramsched.core.plan",
    "to_lambda": "paramsched.core.plan",
    "trace": "paramsched.core.plan",
}
_PACKAGES = ("compat", "engines", "extend", "mmengine", "show", "tools")
_find_modules_in_pickles()
_register_entries(
    {
        "drawing": "paramsched.show",
        "notebook": "paramsched.show._notebook",
        "checks": "paramsched.checks.driver",
        "files of plans": "paramsched.files.plan_files",
        "diagnosis": "paramsched.core.diagnosis",
        "pickles of schedules": "paramsched.core.schedules.pickled",
        "recipes": "paramsched.tools.recipes",
    }
)

_UNLISTED = {"TYPE_CHECKING", "base", "core", "unpickle"}  # pickles name `unpickle`, and users do not
_EAGER = sorted(name for name in {*globals()} - _UNLISTED if not name.startswith("_"))


if not TYPE_CHECKING:  # hidden, so that type checkers reject names that do not exist

    def __getattr__(name: str) -> object:
        if name == "__all__":
            return sorted([*_EAGER, *(lazy_name for lazy_name, home in _LAZY.items() if _is_installed(home))])
        if name.startswith("_"):  # `from paramsched import _module` calls this function first
            raise AttributeError(f"module 'paramsched' has no attribute {name!r}")
        if name in _PACKAGES:
            return _import_module(f"paramsched.{name}")
        if name not in _LAZY:
            return _registered_shape(name)
        try:
            public = getattr(_import_module(_LAZY[name]), name)
        except ModuleNotFoundError as absent:
            if absent.name == "torch":
                raise errors.MissingDependency(f"paramsched.{name}", "torch") from None
            if not _is_installed(_LAZY[name]):
                raise errors.MissingPackage(f"paramsched.{name}", absent.name or "") from None
            raise
        globals()[name] = public
        return public

    def __dir__() -> list[str]:
        return sorted({*_EAGER, *_LAZY, *_PACKAGES})


def _registered_shape(name: str) -> object:
    """Return the builder of a shape of a user; for another name, raise an error that says what to write."""
    from paramsched.base.foreign_names import no_attribute
    from paramsched.core.calls.builders import SHAPES
    from paramsched.core.curves import CONSTANTS, FAMILIES, curve_text

    if name in dir(shapes):
        raise AttributeError(f"module 'paramsched' has no attribute {name!r}. Write ps.shapes.{name}")
    if name in SHAPES:
        return SHAPES[name]
    if name in CONSTANTS or name in FAMILIES:
        line = f"ps.anneal(curve=ps.{curve_text(name)})"
        raise AttributeError(f"module 'paramsched' has no attribute {name!r}; it is a curve. For example: {line}")
    raise no_attribute(__name__, name, [*_EAGER, *_LAZY, *_PACKAGES])
