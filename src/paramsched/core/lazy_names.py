"""Packages whose public names are imported on first use, so that a reader in them needs no torch.

The names are those that `__init__.pyi` imports, which type checkers read too. So each name is written once.
"""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from paramsched.errors import MissingDependency


def lazy_names(package: str, file: str) -> tuple[Callable[[str], object], list[str], Callable[[], list[str]]]:
    """Return `__getattr__`, `__all__` and `__dir__` of a package with a file `__init__.pyi`.

    Without `__dir__`, completion with the Tab key and the documentation would miss every name that is not yet imported,
    and show those that only the package itself needs.

    Args:
        package: the `__name__` of the package.
        file: its `__file__`.
    """
    tree = ast.parse(Path(file).with_name("__init__.pyi").read_text(encoding="utf-8"))
    homes = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("paramsched.")
        for alias in node.names
    }

    def found(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
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
    return found, public, lambda: public
