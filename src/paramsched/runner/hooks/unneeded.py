"""Hooks that MMEngine's configs name and this Runner has no work for: the work is done elsewhere."""

from paramsched.runner.hooks.hook import Hook
from paramsched.runner.registry import HOOKS


@HOOKS.register_module()
class RuntimeInfoHook(Hook):
    """Does nothing: the LoggerHook knows where the run is."""

    priority = "VERY_HIGH"


@HOOKS.register_module()
class IterTimerHook(Hook):
    """Does nothing: the progress bar tells the time."""


@HOOKS.register_module()
class DistSamplerSeedHook(Hook):
    """Does nothing: Accelerate seeds the order of each epoch."""
