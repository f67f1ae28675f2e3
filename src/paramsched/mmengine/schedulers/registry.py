"""PARAM_SCHEDULERS: scheduler classes by name."""

import sys
from typing import Any, Final

from paramsched.mmengine.registry import Registry
from paramsched.mmengine.schedulers.families import SCHEDULER_CLASSES


def _class_of_packages(name: str) -> type[Any] | None:
    """Return a class that a package has registered in MMEngine's own registries."""
    scope, _, bare = name.rpartition(".")
    registry = sys.modules.get("mmengine.registry")
    nodes = [] if registry is None else [registry.PARAM_SCHEDULERS]
    while nodes:
        node = nodes.pop()
        if bare in node.module_dict and scope in ("", node.scope):
            return node.module_dict[bare]  # type: ignore[no-any-return]  # registered by a package
        nodes += node.children.values()
    return None


PARAM_SCHEDULERS: Final = Registry("parameter scheduler", fallback=_class_of_packages)
"""The registry of scheduler classes: MMEngine's 29 and those of users."""

for _cls in SCHEDULER_CLASSES.values():
    PARAM_SCHEDULERS.register_module(module=_cls)
