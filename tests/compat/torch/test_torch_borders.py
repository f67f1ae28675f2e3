"""Programs at the border of a rule have the values of torch: exact limits, nested compositions, changed options."""

import warnings
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from paramsched.errors import InvalidArgument
from support.tables import table
from support.torch_cases import ORIGINAL, OURS

pytestmark = pytest.mark.filterwarnings("ignore")


def optimizer_of(*rates: float) -> Any:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups, lr=1.0, momentum=0.9)


def rates_of(module: Any, build: Any, steps: int, *rates: float, change: Any = None) -> list[list[float]]:
    """Return the lr of each group at construction and after each step; `change` is called after two steps."""
    optimizer = optimizer_of(*(rates or (1.0,)))
    scheduler = build(module, optimizer)
    found = [[group["lr"] for group in optimizer.param_groups]]
    for step in range(steps):
        if step == 2 and change is not None:
            change(scheduler)
        optimizer.step()
        scheduler.step()
        found.append([group["lr"] for group in optimizer.param_groups])
    return found


def with_initial_rates(optimizer: Any) -> Any:
    """Give each group the initial lr 1.0, as a resumed optimizer has one."""
    for group in optimizer.param_groups:
        group["initial_lr"] = 1.0
    return optimizer


PROGRAMS = {
    "a function of several groups": (lambda m, o: m.LambdaLR(o, lambda t: 0.5**t), [1.0, 0.4], None),
    "the same function in a list": (lambda m, o: m.LambdaLR(o, [abs, abs]), [1.0, 0.4], None),
    "two functions": (lambda m, o: m.LambdaLR(o, [lambda t: 0.5**t, lambda t: t]), [1.0, 0.4], None),
    "a factor of several groups": (lambda m, o: m.MultiplicativeLR(o, lambda t: 0.5), [1.0, 0.4], None),
    "two factors": (lambda m, o: m.MultiplicativeLR(o, [lambda t: 0.5, lambda t: 0.9]), [1.0, 0.4], None),
    "factors from the fifth epoch on, with an lr that was changed": (
        lambda m, o: m.MultiplicativeLR(with_initial_rates(o), lambda t: 0.5, last_epoch=4),
        [0.7, 0.4],
        None,
    ),
    "a milestone that is added": (
        lambda m, o: m.MultiStepLR(o, [9], gamma=0.5),
        [1.0],
        lambda scheduler: scheduler.milestones.update([4, 4]),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_has_the_values_of_torch(name):
    build, rates, change = PROGRAMS[name]

    ours, theirs = (rates_of(module, build, 8, *rates, change=change) for module in (OURS, ORIGINAL))

    assert ours == [pytest.approx(row, rel=1e-12) for row in theirs]


@table(
    ("factor", "eps", "least", "after"),
    [
        (0.5, 0.5, 0.0, 1.0), (0.5, 0.4999999, 0.0, 0.5), (0.5, 0.0, 0.0, 0.5), (0.9, 0.2, 0.0, 1.0),
        (0.9, 0.05, 0.0, 0.9), (0.1, 0.5, 0.0, 0.1), (0.1, 0.95, 0.0, 1.0), (0.5, 0.0, 0.7, 0.7), (0.5, 0.4, 0.7, 1.0),
        (0.5, 0.0, 0.5, 0.5), (0.5, 0.0, 2.0, 1.0),
    ],
)  # fmt: skip
def test_an_lr_is_reduced_if_it_drops_by_more_than_eps(factor, eps, least, after):
    for module in (OURS, ORIGINAL):
        optimizer = optimizer_of(1.0, 1.0)
        scheduler = module.ReduceLROnPlateau(optimizer, factor=factor, eps=eps, min_lr=least, patience=0)
        for metric in (1.0, 2.0):
            scheduler.step(metric)
        assert [group["lr"] for group in optimizer.param_groups] == [after] * 2


@pytest.mark.parametrize("kind", ["linear", "cos"])
def test_a_state_with_the_function_of_an_old_version_of_torch_has_its_strategy(kind):
    def built(strategy):
        return OURS.OneCycleLR(optimizer_of(1.0), 1.0, 10, anneal_strategy=strategy)

    functions = {"linear": OURS.OneCycleLR._annealing_linear, "cos": OURS.OneCycleLR._annealing_cos}
    saved = built(kind).state_dict()
    old = {**saved, "anneal_func": functions[kind]}
    del old["_anneal_func_type"]
    other = built("cos" if kind == "linear" else "linear")

    other.load_state_dict(old)
    assert other._anneal_func_type == kind
    other = built(kind)
    other.load_state_dict({**saved, "anneal_func": functions["cos" if kind == "linear" else "linear"]})
    assert other._anneal_func_type == kind


def test_a_composition_that_a_sequence_starts_counts_its_steps_from_there():
    optimizer = optimizer_of(1.0)
    inner = OURS.SequentialLR(optimizer, [OURS.ConstantLR(optimizer, 0.5, 2), OURS.ExponentialLR(optimizer, 0.9)], [2])
    outer = OURS.SequentialLR(optimizer, [OURS.StepLR(optimizer, 2), inner], [3])
    for _ in range(2):
        counts = []
        for _ in range(6):
            optimizer.step()
            outer.step()
            counts.append((inner._step_count, inner.last_epoch))

        assert counts[2:] == [(1, 0), (2, 1), (3, 2), (4, 3)]
        outer.step(0)


def test_a_sequence_that_is_built_at_the_stage_of_an_swalr_continues_from_the_value_there():
    def built(optimizer, last_epoch):
        members = [OURS.ExponentialLR(optimizer, 0.5), OURS.SWALR(optimizer, 0.05, anneal_epochs=4)]
        return OURS.SequentialLR(optimizer, members, [2], last_epoch=last_epoch)

    whole, resumed = optimizer_of(1.0), optimizer_of(1.0)
    scheduler = built(whole, -1)
    for _ in range(4):
        whole.step()
        scheduler.step()
    for group in resumed.param_groups:
        group["initial_lr"] = 1.0
    built(resumed, 3)

    assert resumed.param_groups[0]["lr"] == pytest.approx(whole.param_groups[0]["lr"])


def test_a_scheduler_of_the_user_in_a_chain_does_not_scale_the_values_before_a_zero():
    class Kept(OURS.LRScheduler):
        def get_lr(self):
            return [group["lr"] for group in self.optimizer.param_groups]

    def values(*classes):
        optimizer = optimizer_of(1.0)
        members = [OURS.ConstantLR(optimizer, 0.0, 3), *(one(optimizer) for one in classes)]
        chain = OURS.ChainedScheduler(members)
        found = []
        for _ in range(5):
            optimizer.step()
            chain.step()
            found.append(optimizer.param_groups[0]["lr"])
        return found

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert values(Kept) == values() == [0.0, 0.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("of_object", [True, False])
def test_a_chain_reports_what_a_step_of_the_user_wrote(of_object):
    class Bounded(OURS.StepLR):
        def step(self, epoch=None):
            super().step(epoch)
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"], 0.3)

    optimizer = optimizer_of(1.0)
    last = (OURS.StepLR if of_object else Bounded)(optimizer, 1, gamma=0.5)
    if of_object:
        last.step = partial(Bounded.step, Bounded(optimizer, 1, gamma=0.5))
    chain = OURS.ChainedScheduler([OURS.ConstantLR(optimizer, 1.0), last])

    for _ in range(3):
        chain.step()

    assert chain.get_last_lr() == [group["lr"] for group in optimizer.param_groups] == [0.3]


def test_a_scheduler_of_the_user_whose_factors_are_unknown_keeps_the_values_before_a_zero():
    class Half(OURS.MultiplicativeLR):
        def get_lr(self):
            return [group["lr"] * 0.5 for group in self.optimizer.param_groups]

    optimizer = optimizer_of(1.0, 0.4)
    first = OURS.ConstantLR(optimizer, 0.0, 2)
    chain = OURS.ChainedScheduler([first, Half(optimizer, lambda t: 1.0)])

    for _ in range(2):
        chain.step()

    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.2]


@pytest.mark.parametrize("epoch", [2, 2.0, np.int64(2), np.float32(2)])
def test_the_epoch_to_resume_from_may_be_any_finite_number(epoch):
    optimizer = optimizer_of(0.5)
    optimizer.param_groups[0]["initial_lr"] = 0.5
    scheduler = OURS.StepLR(optimizer, 3, gamma=0.5, last_epoch=epoch)

    scheduler.step()
    assert (scheduler.last_epoch, optimizer.param_groups[0]["lr"]) == (4, 0.25)


@pytest.mark.parametrize("module", [OURS, ORIGINAL])
def test_a_cycle_of_the_lr_alone_needs_no_momentum(module):
    optimizer = torch.optim.Adagrad([torch.nn.Parameter(torch.zeros(1))])
    scheduler = module.CyclicLR(optimizer, 0.1, 0.3, step_size_up=2, cycle_momentum=False)

    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.2)
    with pytest.raises(ValueError, match="optimizer must support momentum"):
        module.CyclicLR(optimizer, 0.1, 0.3)


def test_a_member_whose_stage_has_not_begun_has_not_started():
    optimizer = optimizer_of(1.0)
    optimizer.param_groups[0]["initial_lr"] = 1.0
    members = [OURS.StepLR(optimizer, 2), OURS.ExponentialLR(optimizer, 0.5)]

    OURS.SequentialLR(optimizer, members, [5], last_epoch=1)

    assert [member.last_epoch for member in members] == [2, -1]


@pytest.mark.parametrize("module", [OURS, ORIGINAL])
def test_an_lr_that_is_an_inference_tensor_is_scaled_after_a_write_in_place(module):
    with torch.inference_mode():  # its tensors do not count their writes
        optimizer = optimizer_of(1.0)
        optimizer.param_groups[0]["lr"] = torch.tensor(1.0)
        scheduler = module.ExponentialLR(optimizer, 0.5)
        scheduler.step()
        optimizer.param_groups[0]["lr"].fill_(4.0)
        scheduler.step()

        assert optimizer.param_groups[0]["lr"] == 2.0


@pytest.mark.parametrize(("kind", "count"), [(OURS.CosineAnnealingLR, 7), (OURS.CosineAnnealingWarmRestarts, 7)])
def test_a_cosine_that_is_set_to_its_start_has_the_bits_of_its_base(kind, count):
    bases = [0.1 + 0.01 * index for index in range(9)]
    optimizer = optimizer_of(*bases)
    scheduler = kind(optimizer, count, eta_min=0.03)

    for _ in range(3):
        scheduler.step()
    scheduler.step(0)

    assert [group["lr"] for group in optimizer.param_groups] == bases


def test_a_plateau_treats_a_metric_that_is_not_finite_as_requested():
    def stepped(**options):
        optimizer = optimizer_of(1.0)
        plateau = OURS.ReduceLROnPlateau(optimizer, patience=0, factor=0.5, **options)
        for metric in (1.0, float("nan")):
            plateau.step(metric)
        return optimizer.param_groups[0]["lr"]

    assert stepped() == stepped(nonfinite="ignore") == 1.0
    assert stepped(nonfinite="count") == 0.5
    with pytest.raises(ValueError, match='expected "ignore" or "count"'):
        stepped(nonfinite="raise")


@table("name", ["StepLR", "LambdaLR", "CyclicLR", "ReduceLROnPlateau", "ChainedScheduler"])
def test_a_write_into_the_last_lr_does_not_change_the_group(name):
    optimizer = optimizer_of(1.0)
    optimizer.param_groups[0]["lr"] = torch.tensor(1.0)
    scheduler = {
        "StepLR": lambda: OURS.StepLR(optimizer, 2),
        "LambdaLR": lambda: OURS.LambdaLR(optimizer, lambda t: 1.0),
        "CyclicLR": lambda: OURS.CyclicLR(optimizer, 1.0, 1.0),
        "ReduceLROnPlateau": lambda: OURS.ReduceLROnPlateau(optimizer),
        "ChainedScheduler": lambda: OURS.ChainedScheduler([OURS.StepLR(optimizer, 2)]),
    }[name]()
    scheduler.step(*([1.0] if name == "ReduceLROnPlateau" else []))

    scheduler.get_last_lr()[0].fill_(9.0)

    assert optimizer.param_groups[0]["lr"] == 1.0


@pytest.mark.filterwarnings("ignore")
@table(
    ("name", "options"),
    [
        ("StepLR", {"step_size": 2, "gamma": 0.7}),
        ("MultiStepLR", {"milestones": [2, 5], "gamma": 0.3}),
        ("LinearLR", {"start_factor": 0.3, "total_iters": 7}),
        ("ExponentialLR", {"gamma": 0.9}),
        ("PolynomialLR", {"total_iters": 9, "power": 1.7}),
        ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
        ("SWALR", {"swa_lr": 0.05, "anneal_epochs": 7}),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 20}),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 3}),
    ],
)
def test_a_tensor_of_float64_has_exactly_the_values_of_a_number_also_if_they_are_written_again(name, options):
    rows = []
    for is_tensor, is_written_again in product((True, False), repeat=2):
        lr = torch.tensor(0.3, dtype=torch.float64) if is_tensor else 0.3
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
        scheduler = getattr(OURS, name)(optimizer, **options)
        rows.append(row := [])
        for _ in range(15):
            optimizer.step()
            if is_written_again:
                optimizer.param_groups[0]["lr"] *= 1.0
            scheduler.step()
            row.append(float(optimizer.param_groups[0]["lr"]))

    assert rows[0] == rows[1] == rows[2] == rows[3]


def test_a_sequence_that_resumes_at_epoch_0_continues_with_epoch_1():
    optimizer = with_initial_rates(optimizer_of(1.0))
    members = [OURS.LinearLR(optimizer, 0.2, 1.0, 4), OURS.ExponentialLR(optimizer, 0.9)]

    sequence = OURS.SequentialLR(optimizer, members, [3], last_epoch=0)

    assert (sequence.last_epoch, optimizer.param_groups[0]["lr"]) == (1, pytest.approx(0.4))


@pytest.mark.parametrize("replaced", [False, True])
def test_an_lr_that_is_a_tensor_remains_the_same_object_when_it_is_reduced(replaced):
    optimizer = optimizer_of(1.0)
    scheduler = OURS.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    if replaced:
        for metric in (1.0, 2.0):
            scheduler.step(metric)
    rate = torch.tensor(1.0)
    optimizer.param_groups = [{**optimizer.param_groups[0], "lr": rate}]

    for metric in (1.0, 2.0) if not replaced else (3.0,):
        scheduler.step(metric)

    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.5


@pytest.mark.parametrize("length", [{"epochs": 3}, {"steps_per_epoch": 3}, {}])
def test_one_cycle_needs_its_length_as_in_torch(length):
    for module in (OURS, ORIGINAL):
        with pytest.raises(ValueError, match="You must define either total_steps OR"):
            module.OneCycleLR(optimizer_of(1.0), 0.1, **length)


@pytest.mark.parametrize(("build", "least"), [
    (lambda o: OURS.CosineAnnealingLR(o, 0), "greater than 0"),
    (lambda o: OURS.LinearLR(o, total_iters=-1), "at least 0"),
])  # fmt: skip
def test_the_error_of_a_length_names_the_least_one(build, least):
    with pytest.raises(InvalidArgument, match=f"the length must be {least}"):
        build(optimizer_of(1.0))


@table(
    "options",
    [
        {"step_size_up": 2, "step_size_down": 0},
        {"step_size_up": 2.5, "step_size_down": 0},
        {"step_size_up": 2.25, "step_size_down": 1.5},
        {"step_size_up": 2, "step_size_down": 2.5},
        {"step_size_up": 1 / 3},
        {"step_size_up": 3, "mode": "exp_range", "gamma": 0.0},
        {"step_size_up": 3, "mode": "exp_range", "gamma": -0.5},
        {"step_size_up": 2.5, "mode": "triangular2"},
    ],
)
def test_a_cycle_of_any_length_has_the_values_of_torch(options):
    def build(module, optimizer):
        return module.CyclicLR(optimizer, 0.1, 0.5, **options)

    ours, theirs = (rates_of(module, build, 14, 1.0, 0.4) for module in (OURS, ORIGINAL))

    assert ours[1:] == [pytest.approx(row, rel=1e-9) for row in theirs[1:]]  # the first one: row 17


def test_steps_after_an_epoch_that_is_a_float_have_the_values_of_torch():
    found = []
    for module in (OURS, ORIGINAL):
        optimizer = optimizer_of(1.0)
        scheduler = module.ExponentialLR(optimizer, 0.5)
        scheduler.step(2.0)
        found.append(rates := [])
        for _ in range(4):
            scheduler.step()
            rates.append(optimizer.param_groups[0]["lr"])

    assert found[0] == found[1] == [0.5**3, 0.5**4, 0.5**5, 0.5**6]


def test_a_step_that_other_code_has_set_on_the_optimizer_is_called():
    optimizer = optimizer_of(1.0)
    calls = []
    optimizer.step = calls.append
    scheduler = OURS.StepLR(optimizer, 3)

    optimizer.step("closure")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()

    assert calls == ["closure"]


def test_a_scheduler_without_an_optimizer_can_be_saved():
    class Own(OURS.LRScheduler):
        def __init__(self):
            self.last_epoch = 3

    assert Own().state_dict()["last_epoch"] == 3
