"""The rows of docs/reference/divergences.md, section torch: the behavior of the drop-in, which differs in torch.

A row is a function of the module; it passes with the drop-in, and fails with torch's if the two differ.
"""

import contextlib
import copy
import functools
import gc
import io
import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from support.tables import table
from support.torch_cases import DROP_IN, TORCH, momenta_of, optimizer_with, quiet_step, rates_of

ROWS = {}


def row(number):
    def keep(function):
        ROWS[number] = function
        return function

    return keep


def sgd(lr=1.0, **options):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, **options)


def record(optimizer, scheduler, steps):
    rows = []
    for _ in range(steps):
        rows.append(rates_of(optimizer)[0])
        quiet_step(scheduler)
    return rows


def near(values, rel=1e-9):
    return pytest.approx(values, rel=rel, abs=1e-12)


@row(1)
def a_scheduler_may_be_built_after_the_optimizer_is_loaded(m):
    first = sgd()
    s1 = m.LinearLR(first, 0.25, 1, 8)
    whole = record(first, s1, 5)
    state = copy.deepcopy(first.state_dict())
    kept = copy.deepcopy(s1.state_dict())
    whole += record(first, s1, 7)
    second = sgd()
    second.load_state_dict(state)
    s2 = m.LinearLR(second, 0.25, 1, 8)
    s2.load_state_dict(kept)
    assert record(second, s2, 7) == near(whole[5:])


@row(2)
def a_state_may_be_loaded_with_a_new_optimizer(m):
    first = sgd(momentum=0.9)
    s1 = m.ExponentialLR(first, 0.9)
    record(first, s1, 5)
    second = sgd(momentum=0.9)
    s2 = m.ExponentialLR(second, 0.9)
    s2.load_state_dict(s1.state_dict())
    assert rates_of(second) == s2.get_last_lr() == near([0.9**5])


@row(2.1)
def momentum_is_loaded_with_the_lr(m):
    first = sgd(momentum=0.9)
    s1 = m.OneCycleLR(first, 1.0, total_steps=10)
    record(first, s1, 5)
    second = sgd(momentum=0.9)
    s2 = m.OneCycleLR(second, 1.0, total_steps=10)
    s2.load_state_dict(s1.state_dict())
    assert momenta_of(second) == momenta_of(first)


@row(3)
def warm_restarts_find_the_cycle_of_a_position(m):
    optimizer = sgd()
    optimizer.param_groups[0]["initial_lr"] = 1.0
    s = m.CosineAnnealingWarmRestarts(optimizer, 10, 2, last_epoch=49)
    assert (s.T_cur, s.T_i, *rates_of(optimizer)) == (20, 40, near(0.5))


@row(4)
def warm_restarts_find_the_cycle_exactly(m):
    actual = []
    for first in range(1, 12):
        for mult in range(2, 8):
            optimizer = sgd()
            s = m.CosineAnnealingWarmRestarts(optimizer, first, mult)
            begin = 0
            size = first
            while begin < 1500:
                quiet_step(s, begin)
                actual += rates_of(optimizer)
                begin = begin + size
                size = size * mult
    assert set(actual) == {1.0}


def plus(c):
    return lambda t: c + t


@row(5)
def a_sequence_first_in_a_sequence(m):
    o = sgd()
    inner = m.SequentialLR(o, [m.LambdaLR(o, plus(1)), m.LambdaLR(o, plus(100))], [3])
    outer = m.SequentialLR(o, [inner, m.LambdaLR(o, plus(1000))], [6])
    assert record(o, outer, 7) == [1, 2, 3, 100, 101, 102, 1000]


@row(5.1)
def a_composition_second_in_a_sequence(m):
    o = sgd()
    inner = m.SequentialLR(o, [m.LambdaLR(o, plus(1)), m.LambdaLR(o, plus(100))], [2])
    chain = m.ChainedScheduler([m.ExponentialLR(o, 0.5), m.ConstantLR(o, 0.5, 2)])
    outer = m.SequentialLR(o, [m.LambdaLR(o, plus(1000)), inner, chain], [2, 5])
    assert record(o, outer, 9) == [1000, 1001, 1, 2, 100, 0.5, 0.25, 0.25, 0.125]


@row(5.2)
def a_chain_first_in_a_sequence(m):
    o = sgd()
    outer = m.SequentialLR(o, [m.ChainedScheduler([m.ExponentialLR(o, 0.5)]), m.LambdaLR(o, plus(7))], [3])
    assert record(o, outer, 4) == [1.0, 0.5, 0.25, 7.0]


@row(6)
def members_keep_their_own_bases(m):
    o = sgd()
    members = [m.ExponentialLR(o, 0.5), m.OneCycleLR(o, 10.0, total_steps=5, cycle_momentum=False)]
    assert record(o, m.SequentialLR(o, members, [3]), 4) == near([1.0, 0.5, 0.25, 0.4])


@row(7)
def entering_a_member_starts_it_from_its_base(m):
    o = sgd()
    members = [m.LambdaLR(o, lambda t: 100.0), m.MultiplicativeLR(o, lambda t: 0.5)]
    assert record(o, m.SequentialLR(o, members, [2]), 4) == [100.0, 100.0, 1.0, 0.5]


@row(8)
def a_sequence_resumes_at_its_position(m):
    whole = sgd()
    rows = record(whole, m.SequentialLR(whole, [m.LinearLR(whole, 0.1, 1, 3), m.ExponentialLR(whole, 0.5)], [3]), 10)
    o = sgd()
    o.param_groups[0]["initial_lr"] = 1.0
    members = [m.LinearLR(o, 0.1, 1, 3), m.ExponentialLR(o, 0.5)]
    assert record(o, m.SequentialLR(o, members, [3], last_epoch=4), 5) == near(rows[5:])


@row(9)
def compositions_accept_an_epoch_and_support_get_lr(m):
    o = sgd()
    s = m.SequentialLR(o, [m.LinearLR(o, 0.1, 1, 3), m.ExponentialLR(o, 0.5)], [3])
    c = m.ChainedScheduler([m.ExponentialLR(p := sgd(), 0.5), m.ConstantLR(p, 0.1, 100)])
    quiet_step(s, 5)
    quiet_step(c, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert rates_of(o) + rates_of(p) == near([0.25, 0.0125])
        assert len(s.get_lr()) == len(c.get_lr()) == 1


@row(10)
def one_cycle_keeps_its_last_value(m):
    o = sgd(momentum=0.9)
    s = m.OneCycleLR(o, 1.0, total_steps=10, anneal_strategy="linear")
    rows = record(o, s, 10)
    assert rows[9:] + rates_of(o) == near([4e-6, 4e-6])
    with pytest.raises(ValueError, match="Tried to step"):
        quiet_step(s)


@row(11)
def one_cycle_skips_an_empty_phase(m):
    rows = {}
    for share in (0.1, 1.0):
        o = sgd(momentum=0.9)
        rows[share] = record(o, m.OneCycleLR(o, 1.0, total_steps=10, pct_start=share), 10)
    assert rows[0.1][0] == 1.0
    assert rows[1.0][9] == 1.0
    assert np.isfinite(rows[0.1] + rows[1.0]).all()


@row(12)
def cyclic_starts_at_its_own_base(m):
    o = sgd()
    o.param_groups[0]["initial_lr"] = 1.0
    assert record(o, m.CyclicLR(o, 0.1, 0.5, 4), 3) == near([0.1, 0.2, 0.3])


@row(13)
def loading_does_not_change_the_loaded_state(m):
    o = sgd(momentum=0.9)
    s = m.CyclicLR(o, 0.1, 0.5)
    state = s.state_dict()
    before = copy.deepcopy(state)
    s.load_state_dict(state)
    s.load_state_dict(state)
    assert state == before


@row(14)
def a_function_of_any_kind_has_no_entry_in_a_state(m):
    states = [m.LambdaLR(sgd(), f).state_dict() for f in (math.exp, functools.partial(pow, 0.9), lambda t: 0.5)]
    assert [state["lr_lambdas"] for state in states] == [[None]] * 3


@row(15)
def the_state_of_another_class_is_rejected(m):
    with pytest.raises(ValueError, match="StepLR"):
        m.ExponentialLR(sgd(), 0.9).load_state_dict(m.StepLR(sgd(), 3).state_dict())


def test_the_error_of_another_state_names_the_class_of_the_scheduler():
    class Search(DROP_IN.ExponentialLR):
        pass

    with pytest.raises(ValueError, match=r"^Search\.load_state_dict\(…\): this is the state of StepLR"):
        Search(sgd(), 0.9).load_state_dict(DROP_IN.StepLR(sgd(), 3).state_dict())


@row(16)
def a_state_is_a_copy(m):
    s = m.StepLR(sgd(), 3)
    state = s.state_dict()
    state["base_lrs"][0] = 7.0
    assert s.base_lrs == [1.0]


@row(17)
def a_late_group_continues_from_its_own_lr(m):
    """The classes that raise in torch; the others are compared in test_torch_late_groups.py."""
    for name, options in {
        "CosineAnnealingWarmRestarts": (14,),
        "LambdaLR": (lambda t: 1 / (1 + t),),
        "MultiplicativeLR": (lambda t: 0.5,),
    }.items():
        o = sgd()
        s = getattr(m, name)(o, *options)
        record(o, s, 6)
        before = rates_of(o)[0]
        o.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.2})
        quiet_step(s)
        after, late = rates_of(o)
        assert late == near(0.2 * after / before), name
        assert s.base_lrs == [1.0, near(0.2 / before)]
        assert o.param_groups[1]["initial_lr"] == s.base_lrs[1]


@row(17.1)
def lists_with_one_entry_per_group_repeat_their_last_entry(m):
    o = optimizer_with([1.0, 1.0])
    s = m.LambdaLR(o, [lambda t: 0.5, lambda t: 0.25**t])
    o.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.2})
    quiet_step(s)
    assert rates_of(o) == [0.5, 0.25, 0.05]


@row(17.2)
def schedulers_with_their_own_levels_include_a_late_group(m):
    for build in (lambda o: m.CyclicLR(o, 0.1, 0.5, 4), lambda o: m.OneCycleLR(o, 1.0, total_steps=10)):
        o = sgd(momentum=0.9)
        s = build(o)
        record(o, s, 3)
        o.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 7.0})
        quiet_step(s)
        assert rates_of(o)[0] == rates_of(o)[1]
        assert momenta_of(o)[0] == momenta_of(o)[1]
        assert s.base_lrs[0] == s.base_lrs[1]


@row(18)
def groups_that_share_a_tensor_get_their_own(m):
    tensor = torch.tensor(1.0)
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(2)]
    o = torch.optim.SGD(groups, lr=tensor)
    m.LambdaLR(o, [lambda t: 1.0, lambda t: 5.0])
    assert o.param_groups[0]["lr"] is tensor
    assert rates_of(o) == [1.0, 5.0]


@row(19)
def a_tensor_in_betas_is_filled_in_place(m):
    o = optimizer_with([1.0, 0.5], torch.optim.Adam)
    floats = optimizer_with([1.0, 0.5], torch.optim.Adam)
    for group in o.param_groups:
        group["lr"] = torch.tensor(group["lr"])
        group["betas"] = tuple(torch.tensor(beta) for beta in group["betas"])
    held = [(g["lr"], g["betas"][0]) for g in o.param_groups]
    s = m.OneCycleLR(o, [1.0, 0.5], total_steps=10)
    assert record(o, s, 9) == near(record(floats, m.OneCycleLR(floats, [1.0, 0.5], total_steps=10), 9), rel=1e-6)
    assert momenta_of(o) == near(momenta_of(floats), rel=1e-6)
    assert all(g["lr"] is lr and g["betas"][0] is beta for g, (lr, beta) in zip(o.param_groups, held, strict=True))


@row(20)
def a_step_skipped_by_a_scaler_does_not_warn_about_the_order(m):
    weight = torch.nn.Parameter(torch.ones(1))
    o = torch.optim.SGD([weight], lr=1.0)
    s = m.ExponentialLR(o, 0.5)
    scaler = torch.amp.GradScaler("cpu")
    weight.grad = torch.full((1,), float("inf"))
    scaler.scale(torch.ones(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaler.step(o)
        scaler.update()
        s.step()


@row(21)
def a_constant_of_length_0_is_base(m):
    o = sgd()
    assert record(o, m.ConstantLR(o, 0.5, total_iters=0), 3) == [1.0, 1.0, 1.0]


@row(21.1)
def a_constant_of_zero_returns_to_base(m):
    o = sgd()
    assert record(o, m.ConstantLR(o, 0.0, 2), 4) == [0.0, 0.0, 1.0, 1.0]


@row(22)
def lengths_of_zero_are_rejected_or_end_immediately(m):
    o = sgd()
    assert record(o, m.LinearLR(o, 0.2, 0.8, total_iters=0), 3) == near([0.8, 0.8, 0.8])
    for build in (
        lambda: m.PolynomialLR(sgd(), total_iters=0),
        lambda: m.StepLR(sgd(), 0),
        lambda: m.CosineAnnealingLR(sgd(), 0),
        lambda: m.CyclicLR(sgd(), 0.1, 0.5, step_size_up=0),
    ):
        with pytest.raises(ValueError, match=r"0"):
            build()


@row(23)
def a_repeated_epoch_changes_nothing(m):
    o = sgd()
    s = m.MultiplicativeLR(o, lambda t: 0.5)
    for _ in range(10):
        quiet_step(s, 2)
    assert rates_of(o) == near([0.25])


@row(24)
def a_metric_that_is_not_finite_does_not_count(m):
    o = sgd()
    s = m.ReduceLROnPlateau(o, patience=0)
    with pytest.warns(UserWarning, match="not finite"):
        s.step(float("nan"))
    assert (s.num_bad_epochs, *rates_of(o)) == (0, 1.0)


@row(25)
def the_margin_of_a_negative_best_points_to_improvement(m):
    o = sgd()
    s = m.ReduceLROnPlateau(o, patience=3)
    for k in range(10):
        quiet_step(s, -1 + 0.00005 * k)
    assert rates_of(o)[0] < 1.0


@row(27)
def a_copy_does_not_warn(m):
    s = m.LambdaLR(sgd(), lambda t: 0.5**t)
    twin = copy.deepcopy(s)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        twin.optimizer.step()
        twin.step()
    assert (rates_of(s.optimizer), rates_of(twin.optimizer)) == ([1.0], [0.5])


@row(28)
def the_value_at_an_epoch_is_known_without_stepping(m):
    o = sgd()
    assert m.CosineAnnealingLR(o, 10).value(5) == near([0.5])
    assert rates_of(o) == [1.0]


@row(29)
def a_verbose_scheduler_prints(m):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        m.StepLR(sgd(), 3, verbose=True)
    assert said.getvalue() == "Adjusting learning rate of group 0 to 1.0000e+00.\n"


@row(26)
def the_first_metric_is_the_best_with_a_threshold_of_1(m):
    o = sgd(0.1)
    s = m.ReduceLROnPlateau(o, patience=0, threshold=1.0)
    s.step(1.0)
    assert rates_of(o) == [0.1]


@table("number", sorted(ROWS))
def test_the_drop_in_behaves_as_in_the_table(number):
    ROWS[number](DROP_IN)


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(
            n,
            marks=pytest.mark.xfail(strict=True, reason=f"divergences.md, torch {int(n)}"),
            id=f"{n}-{ROWS[n].__name__}",
        )
        for n in sorted(ROWS)
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_torch_behaves_as_in_the_table(number):
    ROWS[number](TORCH)
    gc.collect()


def test_every_row_of_the_page_names_its_tests():
    page = Path(__file__).parents[3].joinpath("docs/reference/divergences.md").read_text(encoding="utf-8")
    section = page.partition("## torch\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if re.match(r"\| \d", line)]

    assert {int(row[0].strip("| ")): re.findall(r"`(\w+)`", row[-1]) for row in rows} == {
        number: [ROWS[n].__name__ for n in sorted(ROWS) if int(n) == number] for number in sorted({*map(int, ROWS)})
    }
