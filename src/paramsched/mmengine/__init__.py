"""MMEngine's scheduler classes; `engine` is the adapter for the real MMEngine.

    from paramsched.mmengine import MultiStepLR, Runner      # was: mmengine.optim.scheduler, mmengine.runner

The Runner, its hooks and `simulate` are in the distribution `paramsched-runner`, and `runner_distribution` leads to it.
Follows MMEngine 0.10.7, which is not required. Imports `engines`, `show` and `core`; never `compat` or `tools`.
"""

from paramsched.core.calls.lazy_imports import lazy_names

__getattr__, __all__, __dir__ = lazy_names(__name__, __file__)
