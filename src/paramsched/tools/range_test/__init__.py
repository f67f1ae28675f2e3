"""The learning rate range test, which measures the loss at increasing learning rates."""

from paramsched.tools.range_test.rate_sweep import find_lr as find_lr
from paramsched.tools.range_test.result import RangeTest as RangeTest

__all__ = ["RangeTest", "find_lr"]


def __dir__() -> list[str]:
    return __all__
