"""Drop-ins for torch's schedulers: change only the import line.

The drop-ins cover every name of `torch.optim.lr_scheduler`, and `SWALR`. `docs/compat/divergences.md` lists the
differences from torch 2.13.
"""

from typing import Any

from paramsched.compat.torch.base import EPOCH_DEPRECATION_WARNING, LRScheduler
from paramsched.compat.torch.base import _LRScheduler as _LRScheduler
from paramsched.compat.torch.chained import ChainedScheduler, SequentialLR
from paramsched.compat.torch.cosine import SWALR, CosineAnnealingLR, CosineAnnealingWarmRestarts
from paramsched.compat.torch.cyclic import CyclicLR
from paramsched.compat.torch.decay import ConstantLR, ExponentialLR, LinearLR, MultiStepLR, PolynomialLR, StepLR
from paramsched.compat.torch.functions import LambdaLR, MultiplicativeLR
from paramsched.compat.torch.installation import install
from paramsched.compat.torch.one_cycle import OneCycleLR
from paramsched.compat.torch.plateau import ReduceLROnPlateau
from paramsched.core.dropins.group_fields import use_tensors

__all__ = [
    "EPOCH_DEPRECATION_WARNING",
    "SWALR",
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "install",
    "use_tensors",
]


def __getattr__(name: str) -> Any:
    """Return an attribute of `torch.optim.lr_scheduler` that is not defined here."""
    from torch.optim import lr_scheduler

    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(lr_scheduler, name)
