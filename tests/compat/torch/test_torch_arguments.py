"""Functions of users in states and pickles of torch's drop-ins, and the comparison of lists of values."""

import math
import pickle
from types import SimpleNamespace

import pytest
import torch

from paramsched.compat.torch._argument_checks import (
    attributes_of,
    nearly_equal,
    require_named_functions,
    restore_attributes,
)
from support.tables import table


def half(t):
    return 0.5**t


class Power:
    def __init__(self, gamma):
        self.gamma = gamma

    def __call__(self, t):
        return self.gamma**t

    def method(self, t):
        return self.gamma**t


def test_the_attributes_of_a_callable_object_are_copied():
    power = Power([0.5])
    saved = attributes_of(power)
    power.gamma.append(0.1)

    restore_attributes(restored := Power([0.2]), saved)

    assert restored.gamma == [0.5]


def test_only_functions_that_pickle_finds_by_name_are_allowed():
    require_named_functions(SimpleNamespace(one=half, many=[half, math.cos, Power(1)], number=3))
    for holder in (SimpleNamespace(one=lambda t: t), SimpleNamespace(many=[half, lambda t: t])):
        with pytest.raises(pickle.PicklingError, match="which pickle cannot find by its name"):
            require_named_functions(holder)


@table(
    ("one", "other", "equal"),
    [
        ([0.3, 2], [0.1 + 0.2, 2.0], True),
        ([1.0, 1.0], [1.0, 1.0 + 1e-8], False),
        ([1.0], [1.0 - 1e-8], False),
        ([0.0], [1e-30], False),
        ([0.0], [0.0], True),
        ([math.inf], [math.inf], True),
        ([1.0], [1.0, 1.0], False),
        ([torch.tensor(0.1)], [0.1], True),  # float32
        ([0.1], [torch.tensor(0.1)], True),
        ([torch.tensor(0.1)], [0.1 * (1 + 1e-5)], False),
        ([torch.tensor(0.1, dtype=torch.float64)], [0.1 * (1 + 1e-8)], False),
    ],
)
def test_lists_are_nearly_equal_up_to_rounding(one, other, equal):
    assert nearly_equal(one, other) is equal
