"""paramsched: schedules for the learning rate, momentum, weight decay and every other hyperparameter of a training run.

A *schedule* is a pure function of time and base. A *plan* assigns schedules to the fields of parameter groups. The
*Scheduler* applies a plan to an optimizer. `import paramsched` does not import torch; `paramsched.Scheduler` does.

`__init__.pyi` lists the public names.
"""

from importlib import import_module

from paramsched.base import VERSION
from paramsched.base.entries import register_entries

__version__ = VERSION

# Each name is imported from its module on first use, because importing every class takes longer than many short
# programs run. Shapes are not listed here: they are in the registry of `paramsched.schedules`.
_HOMES = {
    "paramsched.plan.diff": ("diff",),
    "paramsched.plan.trace": ("Trace", "trace"),
    "paramsched.audit": ("plan_from_log", "recognize"),
    "paramsched.config": ("dump", "load", "loads"),
    "paramsched.errors": ("InvalidArgument", "ParamschedError"),
    "paramsched.export.source": ("to_python",),
    "paramsched.functions": ("to_lambda", "to_optax"),
    "paramsched.plan": ("Binding", "Plan", "Target", "replay", "resolve"),
    "paramsched.range_test": ("find_lr",),  # it imports torch
    "paramsched.recipe_book": ("recipes",),
    "paramsched.runs": ("Scheduler",),  # it imports torch
    "paramsched.runs.batches": ("BatchSampler",),
    "paramsched.schedules": (
        *("Absolute", "Anneal", "Constant", "Exponential", "Schedule"),
        *("absolute", "following", "parse", "previous", "register_function", "rules", "shape", "tabulate"),
    ),
    "paramsched.time": ("Calendar", "Duration"),
}
_MODULES = (
    *("audit", "compat", "config", "curves", "engines", "errors", "feedback", "fields", "functions", "loss_law"),
    *("plan", "recipe_book", "runner", "scaling", "schedules", "show", "time"),
)

register_entries(
    "packages",
    {
        "drawing": "paramsched.show",
        "dialects": "paramsched.peers",
        "files of plans": "paramsched.config.plan_files",
        "recipes": "paramsched.recipe_book",
        "calls": "paramsched.schedules.text.calls",
    },
)
register_entries("shapes", dict.fromkeys(("greedy", "hold", "new_bob", "plateau", "spike"), "paramsched.feedback"))


def __getattr__(name: str) -> object:
    if name == "__all__":
        return _public_names()
    if name.startswith("_"):  # `from paramsched import _module` calls this function first
        raise AttributeError(f"module 'paramsched' has no attribute {name!r}")
    try:
        if name in _MODULES:
            return import_module(f"paramsched.{name}")
        home = next((module for module, names in _HOMES.items() if name in names), None)
        if home is None:
            return _registered_shape(name)
        found = globals()[name] = getattr(import_module(home), name)
    except ModuleNotFoundError as absent:
        if absent.name != "torch":
            raise
        from paramsched.errors import MissingDependency

        raise MissingDependency(f"paramsched.{name}", "torch", "torch") from None
    return found


def __dir__() -> list[str]:
    return sorted({*_public_names(), *_MODULES, "__version__"})


def _public_names() -> list[str]:
    from paramsched.schedules import SHAPES

    shapes = (name for name, builder in SHAPES.items() if builder.__module__.startswith("paramsched."))
    return sorted({"curves", "errors", *shapes}.union(*_HOMES.values()))


def _registered_shape(name: str) -> object:
    """Return the builder of a shape from this library or from a user's package."""
    from paramsched.advice.peer_words import line_in_code, unknown_attribute
    from paramsched.curves import CONSTANTS, FAMILIES, curve_text
    from paramsched.schedules import SHAPES

    if name in SHAPES:
        if SHAPES[name].__module__.startswith("paramsched."):
            globals()[name] = SHAPES[name]
        return SHAPES[name]
    if name in CONSTANTS or name in FAMILIES:
        line = line_in_code(f"anneal(curve={curve_text(name)})")
        raise AttributeError(
            f"module 'paramsched' has no attribute {name!r}; use the curve curves.{name}. Write {line}"
        )
    raise AttributeError(f"module 'paramsched' has no attribute {name!r}{unknown_attribute(name, _public_names())}")
