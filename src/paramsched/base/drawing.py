"""The renderer of plans, schedules and traces: `paramsched` registers it, and the values know only this hook.

So a notebook shows a plan without an import of the user, and nothing below `paramsched.show` imports it.
"""

from collections.abc import Callable
from typing import Any

_loaders: list[Callable[[], Any]] = []


def register_renderer(load: Callable[[], Any]) -> None:
    """Register the function that imports `paramsched.show`, in place of an earlier one."""
    _loaders[:] = [load]


def renderer() -> Any:
    """Return the module that draws, with `mime_bundle`, `plan_axes` and `View`."""
    return _loaders[-1]()
