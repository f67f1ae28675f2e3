"""Classes of ours whose base is the engine's: made when they are first asked for, because that imports the engine."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any


def make_class(name: str, module: str, *bases: type[Any], doc: str | None = None) -> type[Any]:
    """A class of this name in a module, with these bases; its docstring is that of the first unless given."""
    text = bases[0].__doc__ if doc is None else doc
    return type(name, bases, {"__doc__": text, "__module__": module, "__qualname__": name})


def classes_on_demand(module: str, makers: Mapping[str, Callable[[], type[Any]]]) -> Callable[[str], type[Any]]:
    """The `__getattr__` of a module that makes each of these classes once.

    `__getattr__ = classes_on_demand(__name__, {"PlanCallback": make_plan_callback})`
    """

    @cache
    def find_class(name: str) -> type[Any]:
        if name not in makers:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return makers[name]()

    return find_class
