"""The range test of the learning rate: what the loss does at rates from tiny to huge."""

from paramsched.range_test.rate_sweep import find_lr as find_lr
from paramsched.range_test.result import RangeTest as RangeTest
