"""MMEngine's system: scheduler classes, Runner, hooks and configs; `engine` is the adapter for the real MMEngine.

    from paramsched.mmengine import MultiStepLR, Runner      # was: mmengine.optim.scheduler, mmengine.runner

Follows MMEngine 0.10.7, which is not required. Imports `engines`, `show` and `core`; never `compat` or `tools`.
"""

from paramsched.core.entries import lazy_names

__getattr__, __all__, __dir__ = lazy_names(__name__, __file__)
