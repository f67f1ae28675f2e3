"""torch's schedulers on the kernel: `from paramsched.compat.torch import CosineAnnealingLR`, nothing else changes.

Every name of `torch.optim.lr_scheduler` and `SWALR`. How they differ from torch 2.13: `docs/compat/divergences.md`.
"""

from paramsched.compat.torch._base import EPOCH_DEPRECATION_WARNING as EPOCH_DEPRECATION_WARNING
from paramsched.compat.torch._base import LRScheduler as LRScheduler
from paramsched.compat.torch._base import _LRScheduler as _LRScheduler
from paramsched.compat.torch.decay import ConstantLR as ConstantLR
from paramsched.compat.torch.decay import ExponentialLR as ExponentialLR
from paramsched.compat.torch.decay import LinearLR as LinearLR
from paramsched.compat.torch.decay import MultiStepLR as MultiStepLR
from paramsched.compat.torch.decay import PolynomialLR as PolynomialLR
from paramsched.compat.torch.decay import StepLR as StepLR
