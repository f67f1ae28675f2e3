"""Modules that are imported on first use: packages that may be absent, and public names that need torch."""

import ast
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from paramsched.base.foreign_names import no_attribute
from paramsched.errors import MissingDependency

# `import paramsched` registers their names, and each is imported on first use. So imports point down only.

_ENTRIES: dict[str, str] = {}


def register_entries(modules: Mapping[str, str]) -> None:
    """Register modules by name."""
    _ENTRIES.update(modules)


def load_entry(name: str) -> ModuleType:
    """Import the module of an entry."""
    return import_module(_ENTRIES[name])


def is_installed(module: str) -> bool:
    """Return whether the package of a module exists: the folder below `paramsched`."""
    return find_spec(".".join(module.split(".")[:2])) is not None


def is_entry_installed(name: str) -> bool:
    """Return whether the package of an entry exists."""
    return is_installed(_ENTRIES[name])


def is_installed_entry(name: str) -> bool:
    """Return whether the module of an entry exists."""
    try:
        return find_spec(_ENTRIES[name]) is not None
    except ModuleNotFoundError:  # a package above it
        return False


def warnings_of(*plan: Any, **counted: Any) -> Iterable[Any]:
    """Return the probable mistakes in a plan, with the arguments of `probable_mistakes`; none without the checks."""
    if not is_entry_installed("checks"):
        return ()
    problems: Iterable[Any] = load_entry("checks").probable_mistakes(*plan, **counted)
    return problems


def notebook_display(value: object, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG001
    """Return the pictures of a value that a notebook shows: the method `_repr_mimebundle_` of the values that draw."""
    bundle: dict[str, str] = load_entry("drawing").mime_bundle(value)
    return bundle


# The names are those that `__init__.pyi` imports, which type checkers read too. So each name is written once.


def lazy_names(package: str, file: str) -> tuple[Callable[[str], object], list[str], Callable[[], list[str]]]:
    """Return `__getattr__`, `__all__` and `__dir__` of a package with a file `__init__.pyi`.

    Without `__dir__`, completion with the Tab key and the documentation would miss every name that is not yet imported,
    and show those that only the package itself needs.

    Args:
        package: the name of the package from which users import them.
        file: the `__file__` of the package.
    """
    from pathlib import Path  # a twentieth of the import of the library, and no schedule needs it

    tree = ast.parse(Path(file).with_name("__init__.pyi").read_text(encoding="utf-8"))
    homes = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("paramsched")
        for alias in node.names
    }

    def attribute_of_package(name: str) -> object:
        if name not in homes:
            raise no_attribute(package, name, homes)
        module, attribute = homes[name]
        if module == package:  # `from paramsched.compat import torch as torch`, a module of the package
            return import_module(f"{package}.{name}")
        try:
            return getattr(import_module(module), attribute)
        except ModuleNotFoundError as absent:
            if absent.name is None or absent.name.startswith("paramsched"):
                raise
            raise MissingDependency(f"{package}.{name}", absent.name) from None

    public = sorted(name for name in homes if not name.startswith("_"))
    return attribute_of_package, public, lambda: public
