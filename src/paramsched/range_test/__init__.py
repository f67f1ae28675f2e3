"""The range test of the learning rate: a few updates with rates from tiny to huge, and what the loss did meanwhile."""

from paramsched.range_test.rate_sweep import find_lr as find_lr
from paramsched.range_test.result import RangeTest as RangeTest
