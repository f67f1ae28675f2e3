"""Modules that a module below them needs at run time: drawing, metric rules, readers of files, recipes.

`import paramsched` registers their names, and each is imported on first use. So imports point down only. A package that
is not installed has no entries.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_ENTRIES: dict[str, Mapping[str, str]] = {}


def register_entries(purpose: str, modules: Mapping[str, str]) -> None:
    """Register the names of modules for a purpose, in place of those registered before."""
    _ENTRIES[purpose] = modules


def entry_names(purpose: str) -> tuple[str, ...]:
    """Return the names of the entries for a purpose, such as the metric rules for "shapes"."""
    return tuple(name for name, module in _ENTRIES.get(purpose, {}).items() if is_installed(module))


def load_entry(purpose: str, name: str) -> ModuleType:
    """Import the module of an entry."""
    return import_module(_ENTRIES[purpose][name])


def is_installed(module: str) -> bool:
    """Return whether the package of a module exists: the folder below `paramsched`."""
    return find_spec(".".join(module.split(".")[:2])) is not None


def notebook_display(value: object, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG001
    """Return the pictures of a value that a notebook shows: the method `_repr_mimebundle_` of the values that draw."""
    bundle: dict[str, str] = load_entry("packages", "drawing").mime_bundle(value)
    return bundle
