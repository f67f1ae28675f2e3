from typing import Any

from paramsched.compat.group_values import use_tensors as use_tensors
from paramsched.compat.torch.base import EPOCH_DEPRECATION_WARNING as EPOCH_DEPRECATION_WARNING
from paramsched.compat.torch.base import LRScheduler as LRScheduler
from paramsched.compat.torch.base import _LRScheduler as _LRScheduler
from paramsched.compat.torch.compositions import ChainedScheduler as ChainedScheduler
from paramsched.compat.torch.compositions import SequentialLR as SequentialLR
from paramsched.compat.torch.cycles import CosineAnnealingLR as CosineAnnealingLR
from paramsched.compat.torch.cycles import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from paramsched.compat.torch.cycles import CyclicLR as CyclicLR
from paramsched.compat.torch.cycles import OneCycleLR as OneCycleLR
from paramsched.compat.torch.decay import ConstantLR as ConstantLR
from paramsched.compat.torch.decay import ExponentialLR as ExponentialLR
from paramsched.compat.torch.decay import LambdaLR as LambdaLR
from paramsched.compat.torch.decay import LinearLR as LinearLR
from paramsched.compat.torch.decay import MultiplicativeLR as MultiplicativeLR
from paramsched.compat.torch.decay import MultiStepLR as MultiStepLR
from paramsched.compat.torch.decay import PolynomialLR as PolynomialLR
from paramsched.compat.torch.decay import StepLR as StepLR
from paramsched.compat.torch.plateau import SWALR as SWALR
from paramsched.compat.torch.plateau import ReduceLROnPlateau as ReduceLROnPlateau

def __getattr__(name: str) -> Any: ...
