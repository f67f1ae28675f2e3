"""The hook through which plans, schedules and traces find their renderer, which `paramsched` registers.

A notebook shows a plan without a further import, and no lower layer imports `paramsched.show`.
"""

from collections.abc import Callable
from typing import Any

_loaders: list[Callable[[], Any]] = []


def register_renderer(load: Callable[[], Any]) -> None:
    """Register the function that imports `paramsched.show`; it replaces an earlier one."""
    _loaders[:] = [load]


def renderer() -> Any:
    """Return the module that draws, with `mime_bundle`, `plan_axes` and `View`."""
    return _loaders[-1]()
