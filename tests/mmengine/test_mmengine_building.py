"""Building MMEngine's schedulers: the registry of their classes, and the errors of configs and conversions."""

import math
import sys

import mmengine.optim as originals
import pytest
import torch

from paramsched.errors import ConfigError
from paramsched.mmengine import schedulers
from paramsched.mmengine.registry import Registry, parameters_of, registered_in_mmengine
from paramsched.mmengine.schedulers import (
    PARAM_SCHEDULERS,
    ConstantLR,
    LinearMomentum,
    OneCycleLR,
    OptimWrapper,
    ReduceOnPlateauLR,
    StepLR,
    build_param_scheduler,
)
from paramsched.mmengine.schedulers.base import field_of_group
from support.tables import table


def sgd():
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)


STEP = {"type": "StepLR", "step_size": 2}


class Stepless:
    """A class of a user that is no scheduler."""

    def __init__(self, optimizer):
        self.state_dict = self.load_state_dict = dict


@table(
    ("config", "place", "message"),
    [
        ({**STEP, "convert_to_iter_based": True}, ".convert_to_iter_based", "it needs the number of batches per epoch"),
        ({**STEP, "convert_to_iter_based": True, "by_epoch": False}, ".convert_to_iter_based", "requires arguments in"),
        ({**STEP, "step_size": 0}, ".step_size", "must be greater than 0, got 0"),
        ([STEP, {**STEP, "gama": 0.1}], "[1].gama", 'did you mean "gamma"'),
        ([STEP, {"step_size": 2}], "[1].type", "type is missing"),
        ([STEP, 3], "[1]", "expected a scheduler, got a number: 3"),
        ([STEP, {"type": Stepless}], "[1]", "Stepless has no step()"),
        ([STEP, StepLR(sgd(), 2)], "", "built schedulers and dicts are mixed"),
        ({**STEP, "type": "StepLr"}, ".type", 'did you mean "StepLR"'),
        ({**STEP, "type": 3}, ".type", "type is 3"),
        ({**STEP, "last_step": 1}, "", "StepLR: param 'initial_lr' is not specified in param_groups[0] when resuming"),
    ],
)
def test_an_error_of_a_config_names_the_scheduler(config, place, message):
    with pytest.raises(ConfigError) as refusal:
        build_param_scheduler(config, sgd())

    (problem,) = refusal.value.problems
    assert problem.path == f"$.param_scheduler{place}"
    assert message in problem.found


@table(
    ("options", "message"),
    [
        ({"by_epoch": False, "epoch_length": 5}, "only arguments in epochs can be converted"),
        ({"epoch_length": 0}, "must be a positive integer"),
        ({"epoch_length": None}, "must be a positive integer"),
    ],
)
def test_a_conversion_needs_epochs_and_their_length(options, message):
    with pytest.raises(AssertionError, match=message):
        StepLR.build_iter_from_epoch(sgd(), step_size=2, **options)


def test_an_epoch_may_have_one_batch():
    scheduler = StepLR.build_iter_from_epoch(sgd(), step_size=2, begin=1, end=9, epoch_length=1)

    assert (scheduler.step_size, scheduler.begin, scheduler.end, scheduler.by_epoch) == (2, 1, 9, False)


@pytest.mark.filterwarnings("error")
def test_half_epochs_of_an_even_length_are_iterations():
    scheduler = StepLR.build_iter_from_epoch(sgd(), step_size=2.5, begin=0.5, epoch_length=2)

    assert (scheduler.step_size, scheduler.begin) == (5, 1)


@pytest.mark.parametrize(
    ("rule", "threshold_rule", "metrics", "reduced"),
    [
        ("less", "rel", [10.0, 9.1, 8.9, 8.1, 8.0], [1, 3]),
        ("less", "abs", [10.0, 9.91, 9.89, 9.8, 9.7], [1, 3]),
        ("greater", "rel", [10.0, 10.9, 11.1, 12.2, 12.3], [1, 3]),
        ("greater", "abs", [10.0, 10.09, 10.11, 10.2, 10.3], [1, 3]),
    ],
)
def test_a_plateau_compares_by_its_rule(rule, threshold_rule, metrics, reduced):
    optimizer = sgd()
    threshold = 0.1
    plateau = ReduceOnPlateauLR(
        optimizer, factor=0.5, patience=0, rule=rule, threshold=threshold, threshold_rule=threshold_rule
    )
    assert plateau.best == plateau.rule_worse == (math.inf if rule == "less" else -math.inf)
    actual = []
    before = 0.1
    for index, metric in enumerate(metrics):
        plateau.step({"loss": metric})
        rate = optimizer.param_groups[0]["lr"]
        actual += [index] * (rate < before)
        before = rate

    assert actual == reduced


def test_a_factor_of_zero_ends_with_the_value_before_its_window():
    optimizer = sgd()
    scheduler = ConstantLR(optimizer, factor=0.0, begin=2, end=5)
    optimizer.param_groups[0]["lr"] = 0.05
    used = []
    for _ in range(5):
        optimizer.step()
        scheduler.step()
        used.append(optimizer.param_groups[0]["lr"])

    assert used == [0.05, 0.0, 0.0, 0.05, 0.05]


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize("peak", [0.2, [0.2], (0.2,)])
def test_a_group_that_is_added_later_has_the_cycle_of_the_last_group(peak, is_wrapped):
    optimizer = sgd()
    scheduler = OneCycleLR(OptimWrapper(optimizer) if is_wrapped else optimizer, eta_max=peak, total_steps=9)
    used = []
    for step in range(8):
        if step == 3:
            optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 7.0})
        optimizer.step()
        scheduler.step()
        used.append([group["lr"] for group in optimizer.param_groups])

    assert all(len({*rates}) == 1 for rates in used)
    assert len({*map(tuple, used)}) == 8
    first, late = optimizer.param_groups
    assert [late[key] for key in ("max_lr", "min_lr", "initial_lr")] == [0.2, first["min_lr"], first["initial_lr"]]
    assert scheduler.base_values == [group["initial_lr"] for group in optimizer.param_groups]


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_group_that_is_added_later_has_the_limit_of_the_last_group(is_wrapped):
    optimizer = sgd()
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.5})
    wrapper = OptimWrapper(optimizer) if is_wrapped else optimizer
    scheduler = ReduceOnPlateauLR(wrapper, min_value=[0.03, 0.02], patience=0)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1})

    for loss in (1.0, 2.0, 3.0):
        scheduler.step({"loss": loss})

    assert [group["lr"] for group in optimizer.param_groups] == [0.03, 0.02, 0.02]


@pytest.mark.parametrize("library", [schedulers, originals])
def test_a_cycle_that_is_built_to_resume_keeps_the_bounds_in_the_groups(library):
    optimizer = sgd()
    bounds = {"initial_lr": 0.01, "max_lr": 0.5, "min_lr": 1e-4}
    optimizer.param_groups[0] |= bounds

    library.OneCycleLR(optimizer, eta_max=0.2, total_steps=10, last_step=3)

    assert bounds.items() <= optimizer.param_groups[0].items()


def test_outside_of_its_window_a_momentum_scheduler_copies_the_betas_of_adam():
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])
    scheduler = LinearMomentum(optimizer, begin=5, end=9)
    optimizer.param_groups[0]["betas"] = (0.6, 0.999)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "betas": (0.7, 0.999)})

    optimizer.step()
    scheduler.step()

    assert [group["momentum"] for group in optimizer.param_groups] == [0.6, 0.7]


def test_the_betas_of_adam_may_be_tensors_which_are_filled_in_place():
    def rates(number_type):
        betas = number_type(0.9), number_type(0.999)
        optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], betas=betas, foreach=False)
        scheduler = LinearMomentum(optimizer, start_factor=0.3, end=50)
        for _ in range(40):
            optimizer.step()
            scheduler.step()
        assert number_type is float or optimizer.param_groups[0]["betas"][0] is betas[0]
        return [float(beta) for beta in optimizer.param_groups[0]["betas"]]

    assert rates(torch.tensor) == pytest.approx(rates(float), rel=1e-6)


# ---------------------------------------------------------------------- the registry


def test_a_class_is_registered_and_found_by_its_names():
    registry = Registry("model", "MODELS")

    @registry.register_module()
    class One:
        def __init__(self, width=1, depth=2):
            self.size = width, depth

    two = registry.register_module(name=["Two", "Zwei"], module=type("Other", (), {}))
    registry.register_module(name="Three", module=dict)

    assert registry.get("One") is registry.get("mmengine.One") is registry.find("One") is One
    assert registry.get("Two") is registry.get("Zwei") is two
    assert registry.get("Other") is registry.get("unknown.One") is None
    assert ("Three" in registry, "Four" in registry, len(registry)) == (True, False, 4)
    assert registry.build({"type": "One", "width": 3}, {"width": 5, "depth": 7}).size == (3, 7)
    assert registry.find(int) is int
    assert "StepLR" in PARAM_SCHEDULERS


def test_a_name_that_is_taken_needs_force():
    registry = Registry("model", "MODELS")
    registry.register_module(name="One", module=int)

    with pytest.raises(KeyError, match=r"One is already registered in model. Write register_module\(force=True\)"):
        registry.register_module(name="One", module=float)
    assert registry.get("One") is int
    registry.register_module(name="One", module=float, force=True)
    assert registry.get("One") is float


def test_an_unknown_name_is_an_error_with_the_nearest_one():
    registry = Registry("model", "MODELS", fallback={"Elsewhere": int}.get)

    assert registry.find("Elsewhere") is int
    with pytest.raises(KeyError, match=r"'One' is not in the model registry; the registry is empty\. Put @MODELS.reg"):
        registry.find("One")
    registry.register_module(name="Once", module=int)
    with pytest.raises(KeyError, match=r'did you mean "Once"\? Put @MODELS.reg'):
        registry.find("Onse")


def test_without_mmengine_no_class_is_registered_in_it(monkeypatch):
    assert registered_in_mmengine("PARAM_SCHEDULERS", "StepLR") is originals.StepLR

    monkeypatch.delitem(sys.modules, "mmengine.registry")

    assert registered_in_mmengine("PARAM_SCHEDULERS", "StepLR") is None


def test_a_class_without_a_signature_takes_any_name():
    assert parameters_of(dict) == ({}, True)


@table(
    ("group", "name", "expected"),
    [
        ({"betas": (0.9, 0.99)}, "momentum", "betas[0]"),
        ({"betas": (0.9, 0.99)}, "lr", "lr"),
        ({"momentum": 0.9}, "momentum", "momentum"),
    ],
)
def test_the_momentum_of_adam_is_its_first_beta(group, name, expected):
    assert str(field_of_group(group, name)) == expected
