"""Adapters for training engines: one module per engine, imported by name. Imports only `core`.

`ps.Scheduler(optimizer, plan)` works with every engine that calls `optimizer.step()`. A module here adds the parts that
need the engine: the length of the run and of an epoch in updates, its metrics, its logger and its checkpoint.
"""

from paramsched.core.calls.lazy_imports import lazy_names

__getattr__, __all__, __dir__ = lazy_names(__name__, __file__)
