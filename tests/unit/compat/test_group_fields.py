"""Writing a field: floats are replaced, and tensors are filled in place."""

import numpy as np
import pytest
import torch

from paramsched.compat.group_fields import group_values, python_number, set_row, set_value


def group_of(**fields):
    return {"params": [torch.zeros(1)], **fields}


def test_a_float_is_replaced():
    group = group_of(lr=0.1)

    set_value(group, 0.2)

    assert group["lr"] == 0.2


@pytest.mark.parametrize("value", [0.25, np.float64(0.25), torch.tensor(0.25), torch.tensor([0.25])], ids=repr)
def test_a_tensor_is_filled_in_place(value):
    entry = torch.tensor(0.5)
    group = group_of(lr=entry)

    set_value(group, value)

    assert group["lr"] is entry
    assert entry.item() == 0.25


def test_a_tensor_that_requires_grad_is_filled_outside_its_graph():
    group = group_of(lr=torch.tensor(0.5, requires_grad=True))

    set_value(group, 0.25)

    assert group["lr"].item() == 0.25
    assert group["lr"].is_leaf


def test_a_tensor_written_to_a_float_field_becomes_a_number():
    group = group_of(lr=0.1)

    set_value(group, torch.tensor(0.25))

    assert type(group["lr"]) is float


def test_a_missing_field_is_not_created():
    with pytest.raises(KeyError):
        set_value(group_of(lr=0.1), 0.2, "momentum")


def test_the_first_beta_is_replaced_and_other_betas_are_kept():
    group = group_of(betas=(0.9, 0.99, 0.999))

    set_value(group, 0.8, "betas[0]")

    assert group["betas"] == (0.8, 0.99, 0.999)


def test_a_first_beta_that_is_a_tensor_is_filled_in_place():
    first = torch.tensor(0.5)
    group = group_of(betas=(first, 0.999))

    set_value(group, 0.25, "betas[0]")

    assert group["betas"][0] is first
    assert first.item() == 0.25


def test_a_row_must_have_one_value_per_group():
    optimizer = torch.optim.SGD([group_of(lr=0.1), group_of(lr=torch.tensor(0.5))], lr=0.1)

    set_row(optimizer, [0.2, 0.25])

    assert group_values(optimizer) == [0.2, torch.tensor(0.25)]
    with pytest.raises(ValueError, match="1 values of lr for 2 param groups"):
        set_row(optimizer, [0.2])


def test_copied_group_values_do_not_change_with_the_groups():
    optimizer = torch.optim.SGD([group_of(lr=torch.tensor(0.5))], lr=0.1)

    before = group_values(optimizer)
    set_row(optimizer, [0.25])

    assert before == [0.5]


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.array(0.5)], ids=repr)
def test_a_numpy_number_becomes_a_python_number(value):
    assert type(python_number(value)) is float
