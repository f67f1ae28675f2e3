"""paramsched: how learning rate, momentum, weight decay and every other hyperparameter change over a training run.

A *schedule* is a pure function of time and base, a *plan* says which field of which groups follows which schedule, and
the *Scheduler* applies exactly that. `import paramsched` imports no torch: `Scheduler` brings it when it is asked for.

`__init__.pyi` lists the public names.
"""

from importlib import import_module

__version__ = "0.1.0"

# Each name is imported when it is first used, because importing all classes takes longer than many a program that uses
# one of them. Shapes are not listed: the registry of `paramsched.schedules` has them.
_HOMES = {
    "Absolute": "schedules",
    "Anneal": "schedules",
    "Binding": "plan",
    "Calendar": "time",
    "Constant": "schedules",
    "Duration": "time",
    "Exponential": "schedules",
    "InvalidArgument": "errors",
    "ParamschedError": "errors",
    "Plan": "plan",
    "Schedule": "schedules",
    "Scheduler": "scheduler",  # it imports torch
    "Target": "plan",
    "Trace": "_trace",
    "absolute": "schedules",
    "diff": "_diff",
    "dump": "config",
    "find_lr": "range_test",  # it imports torch
    "following": "schedules",
    "load": "config",
    "loads": "config",
    "parse": "schedules",
    "plan_from_log": "audit",
    "previous": "schedules",
    "recipes": "recipe_book",
    "register_function": "schedules",
    "replay": "plan",
    "resolve": "plan",
    "rules": "schedules",
    "shape": "schedules",
    "tabulate": "schedules",
    "to_lambda": "functions",
    "to_optax": "functions",
    "trace": "_trace",
}
_MODULES = (
    *("audit", "compat", "config", "curves", "engines", "errors", "feedback", "fields", "functions", "plan"),
    *("recipe_book", "runner", "schedules", "show", "time"),
)


def __getattr__(name: str) -> object:
    if name == "__all__":
        return _public_names()
    if name.startswith("_"):  # `from paramsched import _module` asks here first
        raise AttributeError(f"module 'paramsched' has no attribute {name!r}")
    try:
        if name in _MODULES:
            return import_module(f"paramsched.{name}")
        if name not in _HOMES:
            return _registered_shape(name)
        found = globals()[name] = getattr(import_module(f"paramsched.{_HOMES[name]}"), name)
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
    return sorted({*_HOMES, "curves", "errors", *shapes})


def _registered_shape(name: str) -> object:
    """Return the builder of a shape, of the library or registered by a user's package."""
    from paramsched._vocabulary import line_in_code, unknown_attribute
    from paramsched.curves import CONSTANTS, FAMILIES, curve_text
    from paramsched.schedules import SHAPES

    if name in SHAPES:
        if SHAPES[name].__module__.startswith("paramsched."):
            globals()[name] = SHAPES[name]
        return SHAPES[name]
    if name in CONSTANTS or name in FAMILIES:
        line = line_in_code(f"anneal(curve={curve_text(name)})")
        raise AttributeError(
            f"module 'paramsched' has no attribute {name!r}; here it is a curve, curves.{name}. Write {line}"
        )
    raise AttributeError(f"module 'paramsched' has no attribute {name!r}{unknown_attribute(name, _public_names())}")
