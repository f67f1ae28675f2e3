"""The hook through which plans, schedules and traces find the module that draws them, `paramsched.show`.

`import paramsched` registers the module. A notebook then shows a plan without a further import, and the
modules of plans and schedules do not import `paramsched.show`.
"""

from collections.abc import Callable
from typing import Any

_loaders: list[Callable[[], Any]] = []


def register_renderer(load: Callable[[], Any]) -> None:
    """Register the function that imports `paramsched.show`, in place of the function registered before."""
    _loaders[:] = [load]


def renderer() -> Any:
    """Return the module that draws. It defines `mime_bundle`, `plan_axes` and `View`."""
    return _loaders[-1]()
