"""What each training engine needs: mostly nothing. One module per engine, imported by name.

`ps.Scheduler(optimizer, plan)` follows updates wherever they come from. A module here adds what only the engine knows:
the horizon and the epoch in updates, metrics, its logger, its checkpoint.
"""

from paramsched.errors import MissingDependency

try:
    import torch as _torch  # noqa: F401  # each of the modules needs it
except ModuleNotFoundError:
    raise MissingDependency("paramsched.engines", "torch", "torch") from None
