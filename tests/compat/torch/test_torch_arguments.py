"""Wrong and unusual arguments: the errors and warnings of torch, and nothing is written."""

import ast
import inspect
import math
import traceback
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler, swa_utils
from torch.optim.swa_utils import SWALR

import paramsched.compat.torch as drop_in
from paramsched.errors import InvalidArgument, ParamschedError
from support.tables import table
from support.torch_cases import DROP_IN, OPTIONS, TORCH, built

MODULES = {lr_scheduler.__file__: lr_scheduler, swa_utils.__file__: swa_utils}


def sgd(groups=1, **options):
    parts = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(groups)]
    return torch.optim.SGD(parts, lr=0.1, **({"momentum": 0.9} | options))


def without_momentum():
    return torch.optim.Adagrad([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def two_optimizers(m, composition):
    first = sgd()
    second = sgd()
    members = [m.StepLR(first, 3), m.StepLR(second, 3)]
    return (
        m.SequentialLR(first, members, [2])
        if composition == "sequence"
        else m.ChainedScheduler(members, optimizer=first)
    )


def beyond(m):
    scheduler = m.OneCycleLR(sgd(), 1.0, total_steps=3)
    for _ in range(4):
        scheduler.optimizer.step()
        scheduler.step()


def another_anneal(m):
    scheduler = m.OneCycleLR(sgd(), 1.0, total_steps=3)
    scheduler._anneal_func_type = "square"
    scheduler.optimizer.step()
    scheduler.step()


def late_plateau(m):
    o = sgd(2)
    scheduler = m.ReduceLROnPlateau(o, min_lr=[0.0, 0.0], patience=0)
    o.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    for metric in (1.0, 2.0):
        scheduler.step(metric)


ERRORS = {
    "no optimizer": lambda m: m.StepLR([], 3),
    "no optimizer, plateau": lambda m: m.ReduceLROnPlateau([]),
    "no optimizer, cyclic": lambda m: m.CyclicLR([], 0.1, 0.5),
    "no optimizer, one cycle": lambda m: m.OneCycleLR([], 0.1, 10),
    "no initial_lr": lambda m: m.StepLR(sgd(), 3, last_epoch=2),
    "no get_lr": lambda m: m.LRScheduler(sgd()),
    "list of another length": lambda m: m.CyclicLR(sgd(2), [0.1], 0.5),
    "lambdas of another length": lambda m: m.LambdaLR(sgd(2), [abs]),
    "factors of another length": lambda m: m.MultiplicativeLR(sgd(2), [abs]),
    "no function": lambda m: m.MultiplicativeLR(sgd(), 0.5),
    "constant factor": lambda m: m.ConstantLR(sgd(), factor=2.0),
    "start factor": lambda m: m.LinearLR(sgd(), start_factor=0.0),
    "start factor above 1": lambda m: m.LinearLR(sgd(), start_factor=1.5),
    "end factor": lambda m: m.LinearLR(sgd(), end_factor=2.0),
    "empty sequence": lambda m: m.SequentialLR(sgd(), [], []),
    "sequence of objects": lambda m: m.SequentialLR(sgd(), [object()], []),
    "sequence with a plateau": lambda m: m.SequentialLR(o := sgd(), [m.ReduceLROnPlateau(o)], []),
    "sequence of two optimizers": lambda m: two_optimizers(m, "sequence"),
    "milestones": lambda m: m.SequentialLR(o := sgd(), [m.StepLR(o, 3)], [4]),
    "empty chain": lambda m: m.ChainedScheduler([]),
    "chain of objects": lambda m: m.ChainedScheduler([object()], optimizer=sgd()),
    "chain with a plateau": lambda m: m.ChainedScheduler([m.ReduceLROnPlateau(sgd())]),
    "chain of two optimizers": lambda m: two_optimizers(m, "chain"),
    "plateau factor": lambda m: m.ReduceLROnPlateau(sgd(), factor=1.0),
    "min_lr of another length": lambda m: m.ReduceLROnPlateau(sgd(2), min_lr=[0.0]),
    "late group of a plateau": late_plateau,
    "plateau mode": lambda m: m.ReduceLROnPlateau(sgd(), mode="least"),
    "plateau threshold_mode": lambda m: m.ReduceLROnPlateau(sgd(), threshold_mode="some"),
    "cyclic mode": lambda m: m.CyclicLR(sgd(), 0.1, 0.5, mode="square"),
    "cyclic without momentum": lambda m: m.CyclicLR(without_momentum(), 0.1, 0.5),
    "T_0": lambda m: m.CosineAnnealingWarmRestarts(sgd(), 0),
    "T_mult": lambda m: m.CosineAnnealingWarmRestarts(sgd(), 10, 0),
    "eta_min": lambda m: m.CosineAnnealingWarmRestarts(sgd(), 10, eta_min="0"),
    "negative epoch": lambda m: m.CosineAnnealingWarmRestarts(sgd(), 10).step(-1),
    "total_steps": lambda m: m.OneCycleLR(sgd(), 0.1, total_steps=0),
    "epochs": lambda m: m.OneCycleLR(sgd(), 0.1, epochs=0, steps_per_epoch=5),
    "steps_per_epoch": lambda m: m.OneCycleLR(sgd(), 0.1, epochs=5, steps_per_epoch=1.5),
    "no length": lambda m: m.OneCycleLR(sgd(), 0.1),
    "pct_start": lambda m: m.OneCycleLR(sgd(), 0.1, total_steps=9, pct_start=2.0),
    "anneal_strategy": lambda m: m.OneCycleLR(sgd(), 0.1, total_steps=9, anneal_strategy="square"),
    "one cycle without momentum": lambda m: m.OneCycleLR(without_momentum(), 0.1, total_steps=9),
    "another anneal": another_anneal,
    "beyond the end": beyond,
    "swa strategy": lambda m: m.SWALR(sgd(), 0.1, anneal_strategy="square"),
    "swa epochs": lambda m: m.SWALR(sgd(), 0.1, anneal_epochs=-1),
    "swa_lr of another length": lambda m: m.SWALR(sgd(2), [0.1]),
}


def stepped_first(m):
    m.StepLR(sgd(), 3).step()


def overridden(m):
    o = sgd()
    scheduler = m.StepLR(o, 3)
    o.step = lambda: None
    scheduler.step()


def by_epoch(m):
    scheduler = m.StepLR(sgd(), 3)
    scheduler.optimizer.step()
    scheduler.step(4)


def plateau_by_epoch(m):
    m.ReduceLROnPlateau(sgd()).step(1.0, 4)


WARNINGS = {
    "stepped first": stepped_first,
    "overridden": overridden,
    "by epoch": by_epoch,
    "plateau by epoch": plateau_by_epoch,
    "asked from outside": lambda m: m.StepLR(sgd(), 3).get_lr(),
    "swalr asked from outside": lambda m: m.SWALR(sgd(), 0.1).get_lr(),
}


def error_of(provoke, module):
    with pytest.raises(Exception) as caught:  # noqa: PT011  # because the test compares the message
        provoke(module)
    return caught.value


def message_of(error):
    return error.args[0] if error.args else ""


def without_addresses(text):
    return text.split(" object at ")[0]


@table("name", ERRORS)
@pytest.mark.filterwarnings("ignore")
def test_the_drop_in_raises_the_same_error_with_the_same_start(name):
    expected = error_of(ERRORS[name], TORCH)
    actual = error_of(ERRORS[name], DROP_IN)

    assert isinstance(actual, type(expected))
    first_line = without_addresses(message_of(expected)).splitlines()[0:1] or [""]
    assert message_of(actual).startswith(first_line[0].removesuffix("."))
    assert str(actual).strip("'\"").startswith(first_line[0])


@table("name", WARNINGS)
def test_the_drop_in_issues_a_warning_with_the_same_start(name):
    heard = []
    for module in (TORCH, DROP_IN):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            WARNINGS[name](module)
        heard.append(caught)

    for expected, actual in zip(*heard, strict=True):
        assert issubclass(actual.category, expected.category)  # PlanWarning is a UserWarning
        assert str(actual.message).startswith(str(expected.message).split(" See more")[0])


@pytest.mark.filterwarnings("ignore")
def test_the_table_has_every_error_that_torch_raises():
    raised = {
        (name, node.lineno)
        for name, module in MODULES.items()
        for definition in ast.parse(inspect.getsource(module)).body
        if isinstance(definition, ast.ClassDef | ast.FunctionDef)
        and (module is lr_scheduler or definition.name == "SWALR")
        for node in ast.walk(definition)
        if isinstance(node, ast.Raise)
    }
    seen = set()
    for provoke in ERRORS.values():
        where = traceback.extract_tb(error_of(provoke, TORCH).__traceback__)[-1]
        seen.add((where.filename, where.lineno))

    assert raised - seen == set()


@pytest.mark.parametrize("groups", [[{}], [{}, {}]])
def test_the_advised_line_for_a_state_without_initial_lr_resumes_with_the_base_of_the_code(groups):
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], **group} for group in groups], lr=0.1)
    saved = optimizer.state_dict()
    for group in saved["param_groups"]:
        group["lr"] = 0.05
    optimizer.load_state_dict(saved)
    with pytest.raises(KeyError) as refused:
        DROP_IN.CosineAnnealingLR(optimizer, 20, last_epoch=9)

    exec(refused.value.args[0].partition("each group: ")[2], {"optimizer": optimizer})

    assert DROP_IN.CosineAnnealingLR(optimizer, 20, last_epoch=9).base_lrs == [0.1 for _ in groups]


SITUATIONS = {
    "the scheduler first": ("scheduler",),
    "the optimizer first": ("optimizer", "scheduler", "scheduler"),
    "twice": ("scheduler", "scheduler"),
    "a step was replaced": ("replace", "scheduler"),
    "a scaler skipped the step": ("infinite", "scheduler"),
    "a finite gradient": ("finite", "scheduler"),
    "a sparse gradient": ("sparse", "scheduler"),
    "a scaler skipped the step of a sparse gradient": ("sparse infinite", "scheduler"),
    "an epoch": ("optimizer", "epoch", "scheduler"),
    "an epoch first": ("epoch",),
}


def happened(module, name, situation):
    """Return the warnings of a situation, without addresses of pages, and the rates after each event."""
    parameter = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([parameter], lr=0.4, momentum=0.9)
    rates = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scheduler = built(module, name, optimizer)
        for event in situation:
            if event == "optimizer":
                optimizer.step()
            elif event == "scheduler":
                scheduler.step()
            elif event == "epoch":
                scheduler.step(3)
            elif event == "replace":
                optimizer.step = lambda: None
            else:
                gradient = torch.tensor([1.0, math.inf if "infinite" in event else 2.0])
                parameter.grad = gradient.to_sparse() if "sparse" in event else gradient
            rates.append(optimizer.param_groups[0]["lr"])
    return [str(warning.message)[:40] for warning in caught], rates


@pytest.mark.parametrize("name", OPTIONS)
def test_a_step_warns_as_in_torch(name, subtests):
    for situation, events in SITUATIONS.items():
        (said, rates), (expected, planned) = (happened(m, name, events) for m in (DROP_IN, TORCH))
        with subtests.test(situation=situation):
            assert said == ([] if "infinite" in events[0] else expected)  # torch does not look at the gradients
            assert rates == pytest.approx(planned, rel=1e-12) or "epoch" in events


USUAL: dict[str, dict[str, Any]] = {
    "StepLR": {"step_size": 3, "gamma": 0.5},
    "MultiStepLR": {"milestones": [2, 4], "gamma": 0.5},
    "ConstantLR": {"factor": 0.5, "total_iters": 3},
    "LinearLR": {"start_factor": 0.5, "end_factor": 1.0, "total_iters": 3},
    "ExponentialLR": {"gamma": 0.9},
    "PolynomialLR": {"total_iters": 4, "power": 1.0},
    "CosineAnnealingLR": {"T_max": 4, "eta_min": 0.0},
    "CosineAnnealingWarmRestarts": {"T_0": 3, "T_mult": 1, "eta_min": 0.0},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3, "base_momentum": 0.8, "max_momentum": 0.9},
    "OneCycleLR": {"max_lr": 0.5, "total_steps": 10, "pct_start": 0.3, "div_factor": 25.0, "base_momentum": 0.85},
    "SWALR": {"swa_lr": 0.05, "anneal_epochs": 4},
    "LambdaLR": {"lr_lambda": math.exp},
    "MultiplicativeLR": {"lr_lambda": math.exp},
    "ReduceLROnPlateau": {"factor": 0.1, "patience": 1, "threshold": 1e-4, "cooldown": 0, "min_lr": 0, "eps": 1e-8},
}


NO_NUMBERS = {
    "text": "a",
    "complex": 1j,
    "none": None,
    "object": object(),
    "list-of-text": ["a", "b"],
    "list-of-none": [None, 1],
    "function": lambda x: x * "a",
}


# torch accepts these: no milestones, and a single function.
TAKEN = {("MultiStepLR", "milestones", "none")}


ODD = [
    (name, option, value)
    for name, options in USUAL.items()
    for option in options
    for description, value in NO_NUMBERS.items()
    if (name, option, description) not in TAKEN and (option != "lr_lambda" or description != "function")
]


def two_groups(tensors: bool = False) -> Any:
    rates = [torch.tensor(0.1), torch.tensor(0.2)] if tensors else [0.1, 0.2]
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": lr} for lr in rates], lr=0.1, momentum=0.9)


def found_in(optimizer: Any) -> Any:
    held = [{key: str(value) for key, value in group.items()} for group in optimizer.param_groups]
    return held, [id(group["lr"]) for group in optimizer.param_groups], sorted(vars(optimizer)), optimizer.step


def rates_of_a_run(module: Any, name: str, options: dict[str, Any]) -> list[list[float]]:
    optimizer = two_groups()
    scheduler = (SWALR if module is lr_scheduler and name == "SWALR" else getattr(module, name))(optimizer, **options)
    rows = []
    for _ in range(5):
        rows.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return rows


@table(("name", "option", "value"), ODD)
def test_a_value_that_is_not_a_number_is_rejected_before_any_write(name, option, value):
    optimizer = two_groups()
    before = found_in(optimizer)

    with pytest.raises(ParamschedError):
        getattr(drop_in, name)(optimizer, **{**USUAL[name], option: value})

    assert found_in(optimizer) == before


@table(
    ("name", "option"),
    [
        ("OneCycleLR", {"total_steps": 10**400, "max_lr": 0.5}),
        ("OneCycleLR", {"epochs": 10**400, "steps_per_epoch": 2, "max_lr": 0.5}),
        ("CosineAnnealingWarmRestarts", {"T_0": 10**400}),
        ("CosineAnnealingWarmRestarts", {"T_mult": 10**400, "T_0": 3}),
        ("CosineAnnealingWarmRestarts", {"eta_min": 10**400, "T_0": 3}),
    ],
)
def test_a_number_of_a_cycle_that_no_float_holds_is_rejected(name, option):
    with pytest.raises(InvalidArgument, match=rf"{name}\(.*too large for a float") as refusal:
        getattr(drop_in, name)(two_groups(), **option)

    assert refusal.value.problem.argument == next(iter(option))


@pytest.mark.parametrize("epoch", ["a", None, 1j, [], math.nan, math.inf], ids=str)
@table("name", [name for name in USUAL if name != "ReduceLROnPlateau"])
def test_an_invalid_last_epoch_is_rejected_before_any_write(name, epoch):
    optimizer = two_groups()
    for group in optimizer.param_groups:
        group.update(initial_lr=0.3, max_lr=0.5, min_lr=0.001, max_momentum=0.95, base_momentum=0.85)
    before = found_in(optimizer)

    with pytest.raises(ParamschedError):
        getattr(drop_in, name)(optimizer, **USUAL[name], last_epoch=epoch)

    assert found_in(optimizer) == before


@pytest.mark.parametrize("milestones", [3, None, ["a"], [None], [1j]], ids=str)
def test_invalid_milestones_are_rejected_and_change_nothing(milestones):
    optimizer = two_groups()
    members = [drop_in.ExponentialLR(optimizer, 0.5), drop_in.StepLR(optimizer, 2)]
    before = found_in(optimizer)

    with pytest.raises(ParamschedError):
        drop_in.SequentialLR(optimizer, members, milestones)

    assert found_in(optimizer) == before
    assert [member.last_epoch for member in members] == [0, 0]


@table("length", [math.inf, 1e-320, 1e-308, 1e-300, 10**400, 1e19])
@pytest.mark.parametrize(
    ("name", "option"), [("StepLR", "step_size"), ("LinearLR", "total_iters"), ("PolynomialLR", "total_iters")]
)
def test_an_infinite_length_behaves_as_in_torch(name, option, length):
    options = {**USUAL[name], option: length}
    if (name, length) == ("LinearLR", 10**400):
        pytest.skip("torch overflows there")

    assert rates_of_a_run(drop_in, name, options) == rates_of_a_run(lr_scheduler, name, options)


@table(
    ("name", "options"),
    [
        ("StepLR", {"step_size": np.int64(2), "gamma": torch.tensor(0.5, dtype=torch.float64)}),
        ("StepLR", {"step_size": True, "gamma": np.float64(0.5)}),
        ("MultiStepLR", {"milestones": np.array([1, 2]), "gamma": True}),
        ("MultiStepLR", {"milestones": None}),
        ("ConstantLR", {"factor": True, "total_iters": np.int32(2)}),
        ("LinearLR", {"start_factor": np.float64(0.5), "total_iters": np.float64(3.0)}),
        ("ExponentialLR", {"gamma": torch.tensor(0.5, dtype=torch.float64)}),
        ("PolynomialLR", {"total_iters": np.int64(4), "power": True}),
        ("CosineAnnealingLR", {"T_max": np.int64(4), "eta_min": np.float64(0.05)}),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": np.float64(0.5), "step_size_up": "3", "gamma": None}),
        ("OneCycleLR", {"max_lr": [0.5, np.float64(0.4)], "total_steps": 10}),
        ("SWALR", {"swa_lr": np.float64(0.05), "anneal_epochs": True}),
    ],
)
def test_numbers_of_every_type_are_accepted_as_in_torch(name, options):
    actual = rates_of_a_run(drop_in, name, options)
    expected = rates_of_a_run(lr_scheduler, name, options)

    assert np.allclose(actual, expected, rtol=1e-12, atol=1e-16)
