"""The drop-ins compared with torch: generated schedulers, nestings, external writes, save points, and exact limits."""

import math
import warnings
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from support.examples import examples
from support.tables import table
from support.torch_cases import (
    DROP_IN,
    OPTIONS,
    TORCH,
    built,
    cases,
    leaves,
    momenta_of,
    optimizer_with,
    quiet_step,
    rates_of,
)

lrs = st.lists(st.floats(0.01, 2.0), min_size=1, max_size=3)
writes = st.dictionaries(st.integers(0, 24), st.tuples(st.integers(0, 2), st.floats(0.01, 1.0)), max_size=3)
pytestmark = pytest.mark.filterwarnings("ignore")
STEPS = 25


def run(module, case, bases, written, optimizer_class=torch.optim.SGD, reload_at=()):
    """Return lr and momentum before each step; at `reload_at` all objects are rebuilt and loaded."""
    optimizer = optimizer_with(bases, optimizer_class)
    scheduler = case.build(module, optimizer)
    rows = []
    for t in range(STEPS):
        if t in reload_at:
            kept = scheduler.state_dict()
            state = optimizer.state_dict()
            optimizer = optimizer_with(bases, optimizer_class)
            if reload_at[t] == "optimizer first":
                optimizer.load_state_dict(state)
            scheduler = case.build(module, optimizer)
            if reload_at[t] == "optimizer between":
                optimizer.load_state_dict(state)
            scheduler.load_state_dict(kept)
            if reload_at[t] == "optimizer last":
                optimizer.load_state_dict(state)
        rows.append(rates_of(optimizer) + momenta_of(optimizer))
        if t in written:
            group, lr = written[t]
            optimizer.param_groups[group % len(bases)]["lr"] = lr
        quiet_step(scheduler)
    return rows


def assert_same(actual, from_torch, bases):
    assert actual == from_torch, bases


@examples(400)
@given(cases, lrs, writes, st.sampled_from([torch.optim.SGD, torch.optim.Adam]))
def test_every_step_equals_torch_after_any_external_write(case, bases, written, optimizer_class):
    from_torch = run(TORCH, case, bases, written, optimizer_class)

    assert_same(run(DROP_IN, case, bases, written, optimizer_class), from_torch, bases)


@examples(200)
@given(
    cases,
    lrs,
    writes,
    st.dictionaries(
        st.integers(1, 24),
        st.sampled_from(["optimizer first", "optimizer between", "optimizer last", "scheduler only"]),
        min_size=1,
        max_size=2,
    ),
)
def test_a_run_loaded_in_any_order_equals_an_uninterrupted_run_of_torch(case, bases, written, reload_at):
    from_torch = run(TORCH, case, bases, written)

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert_same(run(DROP_IN, case, bases, written, reload_at=reload_at), from_torch, bases)


@examples(150)
@given(cases, lrs, st.integers(1, 20))
def test_a_state_of_either_library_loads_in_the_other(case, bases, steps):
    whole = run(TORCH, case, bases, {})
    for source, target in ((TORCH, DROP_IN), (DROP_IN, TORCH)):
        first = optimizer_with(bases)
        saved = case.build(source, first)
        for _ in range(steps):
            quiet_step(saved)
        second = optimizer_with(bases)
        loaded = case.build(target, second)
        second.load_state_dict(first.state_dict())
        loaded.load_state_dict(saved.state_dict())
        second.load_state_dict(first.state_dict())
        rows = []
        for _ in range(STEPS - steps):
            rows.append(rates_of(second) + momenta_of(second))
            quiet_step(loaded)

        assert_same(rows, whole[steps:], bases)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@examples(60)
@given(leaves.filter(lambda c: c.name != "CyclicLR"), st.floats(0.01, 1.0), writes)
def test_a_tensor_lr_is_filled_in_place_with_the_values_of_torch(dtype, case, base, written):
    runs = []
    for module in (DROP_IN, TORCH):
        optimizer = optimizer_with([base])
        tensor = optimizer.param_groups[0]["lr"] = torch.tensor(base, dtype=dtype)
        scheduler = case.build(module, optimizer)
        rows = []
        for t in range(STEPS):
            assert optimizer.param_groups[0]["lr"] is tensor
            rows.append(rates_of(optimizer))
            if t in written:
                tensor.fill_(written[t][1])
            quiet_step(scheduler)
        runs.append(rows)

    largest = max(max(row) for row in runs[1])
    tolerance = 1e-12 if dtype is torch.float64 else 3e-6
    for actual, expected in zip(*runs, strict=True):
        assert actual[0] == pytest.approx(expected[0], rel=0, abs=tolerance * max(largest, base))


@pytest.mark.parametrize(
    "build",
    [
        lambda m, o: m.ConstantLR(o, 0.5, total_iters=math.inf),
        lambda m, o: m.ConstantLR(o, 1.0, total_iters=10**30),
        lambda m, o: m.MultiStepLR(o, [2, math.inf]),
        lambda m, o: m.SequentialLR(o, [m.LinearLR(o, 0.1, 1, 3), m.ConstantLR(o, 1.0, math.inf)], [3]),
    ],
    ids=["constant without end", "constant of astronomical length", "a milestone never", "warmup and hold"],
)
def test_a_schedule_without_an_end_equals_torch_and_can_be_saved(build):
    rows = []
    for module in (TORCH, DROP_IN):
        optimizer = optimizer_with([0.1])
        scheduler = build(module, optimizer)
        for _ in range(6):
            quiet_step(scheduler)
            rows.append(rates_of(optimizer))
        scheduler.load_state_dict(scheduler.state_dict())

    assert [row[0] for row in rows[6:]] == [row[0] for row in rows[:6]]


BELOW_0 = {
    "a cosine of one epoch": lambda m, o: m.CosineAnnealingLR(o, 1, 0.01),
    "triangular": lambda m, o: m.CyclicLR(o, 0.1, 1.0, 4),
    "triangular2": lambda m, o: m.CyclicLR(o, 0.1, 1.0, 4, mode="triangular2"),
} | {
    name: partial(lambda name, m, o: built(m, name, o), name)
    for name in OPTIONS
    if name not in ("CosineAnnealingWarmRestarts", "MultiplicativeLR", "SWALR")
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BELOW_0)
def test_epochs_below_0_are_those_of_torch(name):
    """An epoch is requested, or set as `last_epoch` by hand as in a SequentialLR of a user."""
    for epochs in ([-1], [-2], [-4], [None, None, -1, None, None, 5], ["by hand"], [None, None, "by hand"]):
        rows = []
        for module in (TORCH, DROP_IN):
            optimizer = optimizer_with([0.1, 0.03])
            scheduler = BELOW_0[name](module, optimizer)
            rows.append([])
            for epoch in (*epochs, None, None, None, None):
                if epoch == "by hand":
                    scheduler.last_epoch = -1
                else:
                    scheduler.step(epoch)
                    rows[-1].append([*rates_of(optimizer), *momenta_of(optimizer), *scheduler.get_last_lr()])

        assert rows[1] == rows[0]


@pytest.mark.filterwarnings("ignore:The epoch parameter in")
@given(st.lists(st.floats(0.01, 1.5), min_size=12, max_size=12), st.floats(1e-5, 10), st.sets(st.integers(1, 11)))
def test_a_product_whose_epochs_are_passed_has_the_values_of_torch_to_the_last_bit(factors, base, passed):
    rows = []
    for module in (TORCH, DROP_IN):
        optimizer = optimizer_with([base])
        scheduler = module.MultiplicativeLR(optimizer, lambda epoch: factors[epoch])
        for epoch in range(1, 12):
            quiet_step(scheduler, *([epoch] if epoch in passed else []))
            rows.append(rates_of(optimizer))

    assert rows[11:] == rows[:11]


def optimizer_of(*rates: float) -> Any:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups, lr=1.0, momentum=0.9)


def rates_of_run(module: Any, build: Any, steps: int, *rates: float, change: Any = None) -> list[list[float]]:
    """Return the lr of each group at construction and after each step; `change` is called after two steps."""
    optimizer = optimizer_of(*(rates or (1.0,)))
    scheduler = build(module, optimizer)
    actual = [[group["lr"] for group in optimizer.param_groups]]
    for step in range(steps):
        if step == 2 and change is not None:
            change(scheduler)
        optimizer.step()
        scheduler.step()
        actual.append([group["lr"] for group in optimizer.param_groups])
    return actual


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

    actual, expected = (rates_of_run(module, build, 8, *rates, change=change) for module in (DROP_IN, TORCH))

    assert actual == expected


@table(
    ("factor", "eps", "least", "after"),
    [
        (0.5, 0.5, 0.0, 1.0), (0.5, 0.4999999, 0.0, 0.5), (0.5, 0.0, 0.0, 0.5), (0.9, 0.2, 0.0, 1.0),
        (0.9, 0.05, 0.0, 0.9), (0.1, 0.5, 0.0, 0.1), (0.1, 0.95, 0.0, 1.0), (0.5, 0.0, 0.7, 0.7), (0.5, 0.4, 0.7, 1.0),
        (0.5, 0.0, 0.5, 0.5), (0.5, 0.0, 2.0, 1.0),
    ],
)  # fmt: skip
def test_an_lr_is_reduced_if_it_drops_by_more_than_eps(factor, eps, least, after):
    for module in (DROP_IN, TORCH):
        optimizer = optimizer_of(1.0, 1.0)
        scheduler = module.ReduceLROnPlateau(optimizer, factor=factor, eps=eps, min_lr=least, patience=0)
        for metric in (1.0, 2.0):
            scheduler.step(metric)
        assert [group["lr"] for group in optimizer.param_groups] == [after] * 2


@pytest.mark.parametrize("name", ["linear", "cos"])
def test_a_state_with_the_function_of_an_old_version_of_torch_has_its_strategy(name):
    def built(strategy):
        return DROP_IN.OneCycleLR(optimizer_of(1.0), 1.0, 10, anneal_strategy=strategy)

    functions = {"linear": DROP_IN.OneCycleLR._annealing_linear, "cos": DROP_IN.OneCycleLR._annealing_cos}
    saved = built(name).state_dict()
    old = {**saved, "anneal_func": functions[name]}
    del old["_anneal_func_type"]
    loaded = built("cos" if name == "linear" else "linear")

    loaded.load_state_dict(old)
    assert loaded._anneal_func_type == name
    loaded = built(name)
    loaded.load_state_dict({**saved, "anneal_func": functions["cos" if name == "linear" else "linear"]})
    assert loaded._anneal_func_type == name


def test_a_sequence_that_is_built_at_the_stage_of_an_swalr_continues_from_the_value_there():
    def built(optimizer, last_epoch):
        members = [DROP_IN.ExponentialLR(optimizer, 0.5), DROP_IN.SWALR(optimizer, 0.05, anneal_epochs=4)]
        return DROP_IN.SequentialLR(optimizer, members, [2], last_epoch=last_epoch)

    whole = optimizer_of(1.0)
    resumed = optimizer_of(1.0)
    scheduler = built(whole, -1)
    for _ in range(4):
        whole.step()
        scheduler.step()
    for group in resumed.param_groups:
        group["initial_lr"] = 1.0
    built(resumed, 3)

    assert resumed.param_groups[0]["lr"] == pytest.approx(whole.param_groups[0]["lr"])


@pytest.mark.parametrize("of_object", [True, False])
def test_a_chain_reports_what_a_step_of_the_user_wrote(of_object):
    class Bounded(DROP_IN.StepLR):
        def step(self, epoch=None):
            super().step(epoch)
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"], 0.3)

    optimizer = optimizer_of(1.0)
    last = (DROP_IN.StepLR if of_object else Bounded)(optimizer, 1, gamma=0.5)
    if of_object:
        last.step = partial(Bounded.step, Bounded(optimizer, 1, gamma=0.5))
    chain = DROP_IN.ChainedScheduler([DROP_IN.ConstantLR(optimizer, 1.0), last])

    for _ in range(3):
        chain.step()

    assert chain.get_last_lr() == [group["lr"] for group in optimizer.param_groups] == [0.3]


def test_a_scheduler_of_the_user_whose_factors_are_unknown_keeps_the_values_before_a_zero():
    class Half(DROP_IN.MultiplicativeLR):
        def get_lr(self):
            return [group["lr"] * 0.5 for group in self.optimizer.param_groups]

    optimizer = optimizer_of(1.0, 0.4)
    first = DROP_IN.ConstantLR(optimizer, 0.0, 2)
    chain = DROP_IN.ChainedScheduler([first, Half(optimizer, lambda t: 1.0)])

    for _ in range(2):
        chain.step()

    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.2]


@pytest.mark.parametrize("module", [DROP_IN, TORCH])
def test_an_lr_that_is_an_inference_tensor_is_scaled_after_a_write_in_place(module):
    with torch.inference_mode():  # its tensors do not count their writes
        optimizer = optimizer_of(1.0)
        optimizer.param_groups[0]["lr"] = torch.tensor(1.0)
        scheduler = module.ExponentialLR(optimizer, 0.5)
        scheduler.step()
        optimizer.param_groups[0]["lr"].fill_(4.0)
        scheduler.step()

        assert optimizer.param_groups[0]["lr"] == 2.0


def test_a_plateau_treats_a_metric_that_is_not_finite_as_requested():
    def stepped(**options):
        optimizer = optimizer_of(1.0)
        plateau = DROP_IN.ReduceLROnPlateau(optimizer, patience=0, factor=0.5, **options)
        for metric in (1.0, float("nan")):
            plateau.step(metric)
        return optimizer.param_groups[0]["lr"]

    assert stepped() == stepped(nonfinite="ignore") == 1.0
    assert stepped(nonfinite="count") == 0.5
    with pytest.raises(ValueError, match='expected "ignore" or "count"'):
        stepped(nonfinite="raise")


def test_a_sequence_that_resumes_at_epoch_0_continues_with_epoch_1():
    optimizer = with_initial_rates(optimizer_of(1.0))
    members = [DROP_IN.LinearLR(optimizer, 0.2, 1.0, 4), DROP_IN.ExponentialLR(optimizer, 0.9)]

    sequence = DROP_IN.SequentialLR(optimizer, members, [3], last_epoch=0)

    assert (sequence.last_epoch, optimizer.param_groups[0]["lr"]) == (1, pytest.approx(0.4))


@pytest.mark.parametrize("replaced", [False, True])
def test_an_lr_that_is_a_tensor_remains_the_same_object_when_it_is_reduced(replaced):
    optimizer = optimizer_of(1.0)
    scheduler = DROP_IN.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
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
    for module in (DROP_IN, TORCH):
        with pytest.raises(ValueError, match="You must define either total_steps OR"):
            module.OneCycleLR(optimizer_of(1.0), 0.1, **length)


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

    actual, expected = (rates_of_run(module, build, 14, 1.0, 0.4) for module in (DROP_IN, TORCH))

    assert actual[1:] == [pytest.approx(row, rel=1e-9) for row in expected[1:]]  # the first one: row 17


def test_a_step_that_other_code_has_set_on_the_optimizer_is_called():
    optimizer = optimizer_of(1.0)
    calls = []
    optimizer.step = calls.append
    scheduler = DROP_IN.StepLR(optimizer, 3)

    optimizer.step("closure")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()

    assert calls == ["closure"]


def test_a_scheduler_without_an_optimizer_can_be_saved():
    class Own(DROP_IN.LRScheduler):
        def __init__(self):
            self.last_epoch = 3

    assert Own().state_dict()["last_epoch"] == 3
