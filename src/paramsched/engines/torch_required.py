"""torch, or an error that names the package to install."""

from paramsched.errors import MissingDependency

try:
    import torch as torch
except ModuleNotFoundError:
    raise MissingDependency("paramsched.engines", "torch") from None
