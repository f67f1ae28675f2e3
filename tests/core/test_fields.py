"""Fields: which entries of a param group are hyperparameters."""

import ast
import inspect

import numpy as np
import pytest
import torch

from paramsched.core.fields import KNOWN, Field, is_number, known_field, label, numeric
from paramsched.core.plan import plan as plan_module
from paramsched.errors import InvalidArgument
from support.tables import table


@pytest.mark.parametrize(
    ("name", "key", "index"), [("lr", "lr", None), ("betas[0]", "betas", 0), ("betas[01]", "betas", 1)]
)
def test_a_field_is_an_entry_or_one_of_its_elements(name, key, index):
    assert (Field.of(name).key, Field.of(name).index) == (key, index)


@table("name", ["", "1r", "lr ", "lr[", "lr[]", "lr[-1]", "lr[٣]", "a.b", "params", "paramsched_t", None, 3])
def test_invalid_field_names_are_rejected(name):
    with pytest.raises(InvalidArgument) as refusal:
        Field.of(name)

    assert repr(name) in str(refusal.value)
    assert refusal.value.instead == 'For example: "lr"'


@table("value", [0, 0.5, np.float32(0.5), np.int64(3), np.array(0.5), torch.tensor(0.5), torch.tensor(3)])
def test_numbers_and_zero_dimensional_tensors_are_numbers(value):
    assert is_number(value)


@table(
    "value",
    [
        True,
        False,
        np.bool_(True),
        torch.tensor(True),
        "0.5",
        b"1",
        None,
        (0.9, 0.99),
        [1],
        {},
        torch.ones(1),
        np.ones(2),
    ],
)
def test_booleans_text_and_larger_arrays_are_not_numbers(value):
    assert not is_number(value)


def test_the_numeric_fields_of_a_real_group():
    group = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))]).param_groups[0]

    assert numeric({**group, "paramsched_t": 3}) == ["lr", "betas[0]", "betas[1]", "eps", "weight_decay"]


@table(
    ("name", "meant"),
    [
        ("weight_decy", "weight_decay"),
        ("betas[0]", None),
        ("momentun", "momentum"),
        ("temperature", None),
        ("lr", None),
    ],
)
def test_misspelled_fields_are_distinguished_from_other_names(name, meant):
    assert known_field(name) == meant


def test_a_group_is_labeled_by_its_name_or_its_index():
    assert [label(group, 3) for group in ({}, {"name": "a"}, {"name": ""}, {"name": 5})] == [3, "a", 3, 3]


def test_type_checkers_know_the_numeric_fields_of_torch_and_some_of_other_libraries():
    typed = next(
        node
        for node in ast.walk(ast.parse(inspect.getsource(plan_module)))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__" and node.args.kwarg.arg == "fields"
    )

    of_other_libraries = {"beta3", "d_coef", "growth_rate", "trust_coefficient"}
    assert {one.arg for one in typed.args.kwonlyargs} - {"horizon", "clock"} == {*KNOWN} - {
        "betas",
        "etas",
        "step_sizes",
    } | of_other_libraries
