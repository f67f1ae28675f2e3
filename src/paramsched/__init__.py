"""paramsched: schedules for the learning rate, momentum, weight decay and every other hyperparameter of a training run.

A *schedule* is a pure function of time and base. A *plan* assigns schedules to the fields of parameter groups. The
*Scheduler* applies a plan to an optimizer. `import paramsched` does not import torch; `paramsched.Scheduler` does.

`__init__.pyi` lists the public names.
"""

from importlib import import_module

from paramsched.core.base import VERSION
from paramsched.core.base.entries import is_installed, register_entries

__version__ = VERSION

# Each name is imported from its module on first use, because importing every class takes longer than many short
# programs run. Shapes are not listed here: they are in the registry of `paramsched.core.schedules`.
_HOMES = {
    "paramsched.core.plan.diff": ("diff",),
    "paramsched.core.plan.trace": ("Trace", "trace"),
    "paramsched.core.files": ("convert", "dump", "load", "loads", "open_plan"),
    "paramsched.tools.check.plan_check": ("check",),
    "paramsched.errors": ("InvalidArgument", "ParamschedError"),
    "paramsched.core.plan.functions": ("to_lambda",),
    "paramsched.core.plan": ("Binding", "Plan", "Target", "replay", "resolve"),
    "paramsched.tools.range_test": ("find_lr",),  # it imports torch
    "paramsched.tools.recipes": ("recipes",),
    "paramsched.core.runs": ("Scheduler",),  # it imports torch
    "paramsched.core.runs.batches": ("BatchSampler",),
    "paramsched.core.schedules": (
        *("Absolute", "Schedule", "absolute", "following", "parse", "previous"),
        *("register_function", "rules", "shape", "tabulate"),
    ),
    "paramsched.core.time": ("Calendar", "Duration"),
}
_DOORS = ("compat", "engines", "errors", "extend", "mmengine", "show", "tools")
_MODULES = {
    "curves": "paramsched.core.curves",
    **{name: f"paramsched.{name}" for name in _DOORS},
}
register_entries(
    "packages",
    {
        "drawing": "paramsched.show",
        "notebook": "paramsched.show._notebook",
        "files of plans": "paramsched.core.files.plan_files",
        "recipes": "paramsched.tools.recipes",
    },
)
register_entries("readers", {"compat": "paramsched.compat", "mmengine": "paramsched.mmengine"})
register_entries(
    "rules",
    {
        "core": "paramsched.core.base",
        "tools": "paramsched.tools.check",
        "compat": "paramsched.compat",
        "mmengine": "paramsched.mmengine",
    },
)
register_entries("shapes", dict.fromkeys(("greedy", "hold", "plateau"), "paramsched.core.feedback"))


def __getattr__(name: str) -> object:
    if name == "__all__":
        return _public_names()
    if name.startswith("_"):  # `from paramsched import _module` calls this function first
        raise AttributeError(f"module 'paramsched' has no attribute {name!r}")
    try:
        if name in _MODULES:
            return import_module(_MODULES[name])
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
    from paramsched.core.schedules import SHAPES

    of_library = (name for name, builder in SHAPES.items() if builder.__module__.startswith("paramsched."))
    homes = (names for module, names in _HOMES.items() if is_installed(module))
    return sorted({"curves", "errors", *of_library}.union(*homes))


def _registered_shape(name: str) -> object:
    """Return the builder of a shape from this library or from a user's package."""
    from paramsched.core.base.near_names import closest
    from paramsched.core.curves import CONSTANTS, FAMILIES, curve_text
    from paramsched.core.schedules import SHAPES
    from paramsched.core.schedules.text import answer_to_name

    if name in SHAPES:
        if SHAPES[name].__module__.startswith("paramsched."):
            globals()[name] = SHAPES[name]
        return SHAPES[name]
    if name in CONSTANTS or name in FAMILIES:
        line = f"ps.anneal(curve=ps.{curve_text(name)})"
        raise AttributeError(f"module 'paramsched' has no attribute {name!r}; it is a curve. For example: {line}")
    if (answer := answer_to_name(name)) is not None:
        raise AttributeError(f"module 'paramsched' has no attribute {name!r}; {answer}")
    near = closest(name, _public_names())
    hint = f'; did you mean "{near}"?' if near else ""
    raise AttributeError(f"module 'paramsched' has no attribute {name!r}{hint}")
