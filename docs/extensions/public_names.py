"""The public names of a module, and the directives that document them. Needs no Sphinx."""

import types
from collections.abc import Iterable
from importlib import import_module

INNER = {
    "paramsched.BatchSampler": "ends order position",
    "paramsched.Calendar": "amount_of_update count_text exact for_run updates_vary varies",
    "paramsched.Duration": "number of_updates written",
    "paramsched.Plan": "as_written",
    "paramsched.extend.Schedule": "depth has_absolute has_neighbor_levels",
    "paramsched.extend.Trace": "clock_of horizon_amount time_units with_assumed_bases",
    "paramsched.extend.PlanText": "data has_comments placed",
    "paramsched.show": "loss_by_rate",
}
"""Names that only the library uses: they have no place in the reference, so they may change."""


def module_at(path: str) -> types.ModuleType:
    """Return the module at a public path, which may be an attribute: `paramsched.curves`."""
    try:
        return import_module(path)
    except ModuleNotFoundError:
        parent, _, name = path.rpartition(".")
        found = getattr(import_module(parent), name)
        assert isinstance(found, types.ModuleType)
        return found


def public_names(module: str) -> list[str]:
    """Return the public names of a module: those of `__all__`, or else those that are defined in this library."""
    found = module_at(module)
    listed = getattr(found, "__all__", None)
    names = vars(found) if listed is None else listed
    return sorted(
        name
        for name in names
        if not name.startswith("_")
        and name not in INNER.get(module, "").split()
        and is_public(found, name, listed is not None)
    )


def is_public(module: types.ModuleType, name: str, listed: bool) -> bool:
    """Return whether a name of a module is for users."""
    value = getattr(module, name)
    if isinstance(value, types.ModuleType):
        return False
    home = getattr(value, "__module__", None)
    is_package = hasattr(module, "__path__")
    if not callable(value) or not isinstance(home, str):
        return listed or (is_package and name.isupper() and name != "TYPE_CHECKING")
    return listed or (
        home.startswith(module.__name__) if is_package else home == module.__name__
    )


DOCUMENTED_TWICE = {
    f"paramsched.extend.{name}"
    for name in (
        *("CallSite", "Coefficients", "Curve", "Duration", "Plan", "Rule"),
        *("Schedule", "ShareRule"),
    )
}
"""Names on the page of `extend` whose other page is the one that links lead to."""


def documented(module: str, names: Iterable[str]) -> str:
    """Return the directives for names of a module."""
    entries = "\n".join(directive(module, name) for name in names)
    return f"```{{eval-rst}}\n{entries}\n```\n"


def directive(module: str, name: str) -> str:
    """Return the directive that documents one public name."""
    value = getattr(module_at(module), name, None)
    if isinstance(value, type):
        inner = ", ".join(INNER.get(f"{module}.{name}", "").split())
        without = f"   :exclude-members: {inner}\n" if inner else ""
        if f"{module}.{name}" in DOCUMENTED_TWICE:
            without += "   :no-index:\n"
        return f".. autoclass:: {module}.{name}\n   :members:\n{without}"
    if isinstance(
        value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
    ):
        return f".. autofunction:: {module}.{name}\n"
    return f".. py:data:: {module}.{name}\n"
