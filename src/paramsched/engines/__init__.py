"""Adapters for training engines: one module per engine, imported by name.

`ps.Scheduler(optimizer, plan)` works with every engine that calls `optimizer.step()`. A module here adds the parts that
need the engine: its horizon and epoch length in updates, its metrics, its logger and its checkpoint.
"""

from paramsched.errors import MissingDependency

try:
    import torch as _torch  # noqa: F401  # every module needs it
except ModuleNotFoundError:
    raise MissingDependency("paramsched.engines", "torch", "torch") from None
