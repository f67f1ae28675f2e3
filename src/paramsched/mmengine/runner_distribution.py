"""The way to the distribution `paramsched-runner`: MMEngine's Runner, and what reads its configs.

The only file of this package that names it. Each name of its list is here; without it, each raises the same error.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from paramsched.errors import MissingDependency

if TYPE_CHECKING:
    from paramsched_runner import *  # noqa: F403  # its list

_PACKAGE = "paramsched_runner"


def __getattr__(name: str) -> object:
    if name.startswith("_"):  # `from … import` asks for `__path__`
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        distribution = import_module(_PACKAGE)
    except ModuleNotFoundError as absent:
        if absent.name != _PACKAGE:
            raise
        what = "a Runner or a config of MMEngine"
        raise MissingDependency(what, "paramsched-runner", "./packages/runner") from None
    return getattr(distribution, name)
