"""Writing a field: floats are replaced, and tensors are filled in place."""

from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch

from paramsched.core.dropins.group_fields import (
    all_floats,
    by_value,
    field_value,
    group_values,
    initial_value,
    kept_positions,
    same_groups,
    scale_by_functions,
    scale_floats,
    separate_tensors,
    set_both_momenta,
    set_entries,
    set_fields,
    set_row,
    set_value,
    unchanged_on_error,
    use_tensors,
)
from paramsched.errors import InvalidArgument
from support.tables import table


def group_of(**fields):
    return {"params": [torch.zeros(1)]} | fields


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


# ------------------------------------------------------------------ groups that are removed, reordered or replaced


def groups_of(count):
    return [group_of(lr=0.1 * i, params=[torch.nn.Parameter(torch.ones(1))]) for i in range(count)]


class Holder:
    """An object with groups, as an optimizer."""

    def __init__(self, groups):
        self.param_groups = groups


@table(
    ("order", "expected"),
    [
        ([0, 1, 2], None),
        ([0, 1, 2, "new"], None),
        ([0, 1], [0, 1]),
        ([1, 2], [1, 2]),
        ([2, 0], [2, 0]),
        ([1, "new"], [1]),
        ([1, 0, 2, "new", "new"], [1, 0, 2]),
        (["new", 0], "a new param group precedes"),
        ([0, "new", 1], "a new param group precedes"),
        (["new"], "none of its 3 param groups"),
        ([], "none of its 3 param groups"),
    ],
)
@pytest.mark.parametrize("replaced", [False, True])
def test_known_groups_are_recognized_by_their_dict_or_a_parameter(order, expected, replaced):
    known = groups_of(3)
    present = [groups_of(1)[0] if one == "new" else dict(known[one]) if replaced else known[one] for one in order]
    optimizer = Holder(present)

    def found():
        return kept_positions("StepLR", (optimizer, known), optimizer)

    if isinstance(expected, str):
        with pytest.raises(InvalidArgument, match=expected):
            found()
    else:
        assert found() == expected
    assert kept_positions("StepLR", (Holder(known), known), optimizer) is None
    assert kept_positions("StepLR", (optimizer, known), optimizer, known[1:]) == [1, 2]


@pytest.mark.parametrize("count", [1, 2, 16, 17, 40])
def test_the_same_groups_are_the_same_dicts_in_the_same_order(count):
    groups = groups_of(count)

    assert same_groups(groups, list(groups))
    assert not same_groups(groups, groups[1:])
    assert not same_groups(groups[1:], groups)
    assert not same_groups(groups, [{**group, "lr": 9.0} for group in groups])
    if count > 1:
        assert not same_groups(groups, groups[::-1])


# ------------------------------------------------------------------ errors, copies, conversions


def test_an_error_restores_groups_tensors_and_the_step():
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.Adam([{"params": [weight]}], lr=torch.tensor(0.5), betas=(0.9, 0.99))
    lr, (group,) = optimizer.param_groups[0]["lr"], optimizer.param_groups
    group["betas"] = (torch.tensor(0.9), 0.99)
    optimizer._opt_called = True
    before = dict(group)

    def change_everything():
        lr.fill_(7.0)
        group["betas"][0].fill_(0.1)
        group.update(initial_lr=3.0, weight_decay=0.7)
        optimizer.step, optimizer._step_count, optimizer._opt_called = print, 3, False
        return group.pop("eps") / 0

    with pytest.raises(ZeroDivisionError), unchanged_on_error(optimizer):
        change_everything()

    assert optimizer.param_groups == [group]
    assert group == before
    assert (group["lr"] is lr, lr.item(), group["betas"][0].item()) == (True, 0.5, pytest.approx(0.9))
    assert vars(optimizer).keys() & {"step", "_step_count"} == set()
    assert optimizer._opt_called is True
    with unchanged_on_error(optimizer):
        group["weight_decay"] = 0.3
    assert group["weight_decay"] == 0.3


def test_a_copy_shares_nothing_with_the_original():
    kept = object()
    original = {
        "tensor": torch.ones(2),
        "array": np.ones(2),
        "counter": Counter([1, 1]),
        "nested": [{"a": (1, [2])}, {3}],
        "object": kept,
    }

    copied = by_value(original)

    original["tensor"][0] = original["array"][0] = 5
    original["counter"][1] = 9
    original["nested"][0]["a"][1].append(4)
    assert copied["tensor"].tolist() == copied["array"].tolist() == [1, 1]
    assert copied["counter"] == Counter([1, 1])
    assert type(copied["counter"]) is Counter
    assert copied["nested"] == [{"a": (1, [2])}, {3}]
    assert copied["object"] is kept


def test_shared_tensors_are_separated_and_the_first_is_kept():
    shared = torch.tensor(0.5)
    optimizer = Holder([group_of(lr=shared), group_of(lr=shared), group_of(lr=0.1), group_of()])

    separate_tensors(optimizer)

    first, second, third, _ = optimizer.param_groups
    assert first["lr"] is shared
    assert second["lr"] is not shared
    assert (second["lr"].item(), third["lr"]) == (0.5, 0.1)


@table(
    ("lr", "betas", "field", "expected"),
    [
        (0.1, (0.9, 0.99), "lr", True),
        (torch.tensor(0.1), (0.9, 0.99), "lr", False),
        (0.1, (0.9, 0.99), "betas[0]", True),
        (0.1, (0.9, 0.99, 0.999), "betas[0]", False),
        (0.1, (torch.tensor(0.9), 0.99), "betas[0]", False),
        (torch.tensor(0.1), (0.9, 0.99), "betas[0]", True),
    ],
)
def test_all_fields_are_floats_or_not(lr, betas, field, expected):
    plain = group_of(lr=0.1, betas=(0.9, 0.99))

    assert all_floats([plain, group_of(lr=lr, betas=betas)], field) is expected
    assert field_value(plain, field) == (0.1 if field == "lr" else 0.9)


def test_functions_scale_all_groups_or_none():
    groups = [group_of(lr=0.5), group_of(lr=0.25), group_of(lr=1.0)]

    def refuse(t):
        raise ZeroDivisionError

    assert scale_floats(groups, 2.0) == [1.0, 0.5, 2.0]
    assert scale_by_functions(groups, [lambda t: t, lambda t: 2 * t, lambda t: 1], 2, [1.0, 0.5, 2.0]) == [2, 2, 2]
    for place in range(3):
        functions = [lambda t: 3.0] * 3
        functions[place] = refuse
        with pytest.raises(ZeroDivisionError):
            scale_by_functions(groups, functions, 1, [2.0, 2.0, 2.0])
        assert [group["lr"] for group in groups] == [2.0, 2.0, 2.0]


def test_tensors_replace_the_numbers_of_fields():
    optimizer = torch.optim.Adam([{"params": [torch.nn.Parameter(torch.ones(1))]}, {"params": []}], lr=0.5)

    use_tensors(optimizer)
    use_tensors(optimizer, "betas", "weight_decay")

    for group in optimizer.param_groups:
        assert group["lr"].item() == 0.5
        assert [beta.item() for beta in group["betas"]] == pytest.approx([0.9, 0.999])
        assert group["weight_decay"].ndim == 0
    elsewhere = torch.optim.SGD([torch.empty(1, device="meta", requires_grad=True)], lr=0.5)
    use_tensors(elsewhere)
    assert elsewhere.param_groups[0]["lr"].device.type == "meta"


def test_the_first_beta_and_its_copy_are_written():
    group = group_of(betas=(0.9, 0.99), momentum=0.9)

    set_both_momenta(group, 0.5)

    assert (group["betas"], group["momentum"]) == ((0.5, 0.99), 0.5)


def test_several_fields_of_the_first_groups_are_written():
    optimizer = torch.optim.AdamW([{"params": [torch.zeros(1)]} for _ in range(3)], lr=0.1)

    set_fields(optimizer, [{"lr": 0.2, "betas[0]": 0.5}, {"eps": 0.3}])

    assert [(group["lr"], group["betas"][0], group["eps"]) for group in optimizer.param_groups] == [
        (0.2, 0.5, 1e-8),
        (0.1, 0.9, 0.3),
        (0.1, 0.9, 1e-8),
    ]


def test_entries_that_schedulers_read_are_written_or_kept():
    groups = [group_of(lr=0.1, max_lr=1), group_of(lr=torch.tensor(0.2))]

    set_entries(groups, max_lr=[2, 3], replace=False)
    assert [group["max_lr"] for group in groups] == [1, 3]
    set_entries(groups, max_lr=[4, 5])
    assert [group["max_lr"] for group in groups] == [4, 5]
    first, second = (initial_value(group) for group in groups)
    assert (first, second.item(), groups[0]["initial_lr"]) == (0.1, pytest.approx(0.2), 0.1)
    assert second is groups[1]["initial_lr"] is not groups[1]["lr"]
    groups[0]["lr"] = 0.5
    assert initial_value(groups[0]) == 0.1


def test_only_shared_tensors_are_separated():
    rate, shared = 0.1, torch.tensor(0.5)
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)]} for _ in range(3)], lr=rate)
    for group, one in zip(optimizer.param_groups, (rate, shared, shared), strict=True):
        group["lr"], group["momentum"] = one, rate

    separate_tensors(optimizer)
    separate_tensors(optimizer, "momentum")

    rates = [group["lr"] for group in optimizer.param_groups]
    assert (rates[0], rates[1] is shared, rates[2] is shared, rates[2].item()) == (rate, True, False, 0.5)
    assert [group["momentum"] for group in optimizer.param_groups] == [rate] * 3


def test_a_copy_of_a_dict_of_another_class_shares_no_container():
    counts, ordered = Counter({1: 2}), OrderedDict(a=[1], b=2)

    copied = by_value(ordered)
    copied["a"].append(2)

    assert (type(copied), ordered, by_value(counts)) == (OrderedDict, OrderedDict(a=[1], b=2), counts)
    assert by_value(counts) is not counts
