"""PARAM_SCHEDULERS: scheduler classes by name."""

from functools import partial
from typing import Final

from paramsched.mmengine.registry import Registry, registered_in_mmengine
from paramsched.mmengine.schedulers.families import SCHEDULER_CLASSES

PARAM_SCHEDULERS: Final = Registry("parameter scheduler", fallback=partial(registered_in_mmengine, "PARAM_SCHEDULERS"))
"""The registry of scheduler classes: MMEngine's 29 and those of users."""

for _cls in SCHEDULER_CLASSES.values():
    PARAM_SCHEDULERS.register_module(module=_cls)
