"""States written by torch: loading them never overwrites restored values, and never calls a function."""

import copy
import itertools
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from support.examples import examples
from support.tables import table
from support.torch_cases import (
    DROP_IN,
    TORCH,
    case,
    cases,
    momenta_of,
    optimizer_with,
    quiet_step,
    rates_of,
)

lrs = st.lists(st.floats(0.01, 2.0), min_size=1, max_size=3)
writes = st.dictionaries(st.integers(0, 24), st.tuples(st.integers(0, 2), st.floats(0.01, 1.0)), max_size=3)

plateau = case("ReduceLROnPlateau", patience=st.integers(0, 2), factor=st.sampled_from([0.1, 0.5]))


def stepped(scheduler, optimizer, steps, written=None, start=0):
    rows = []
    for t in range(start, start + steps):
        rows.append(rates_of(optimizer) + momenta_of(optimizer))
        if written and t in written:
            group, lr = written[t]
            optimizer.param_groups[group % len(optimizer.param_groups)]["lr"] = lr
        quiet_step(scheduler)
    return rows


@examples(120)
@given(cases, lrs, writes, st.integers(1, 20))
def test_a_run_of_torch_resumes_here_after_any_external_write(case, bases, written, steps):
    first = optimizer_with(bases)
    expected = case.build(TORCH, first)
    stepped(expected, first, steps, written)
    second = optimizer_with(bases)
    actual = case.build(DROP_IN, second)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    actual.load_state_dict(copy.deepcopy(expected.state_dict()))

    assert rates_of(second) == rates_of(first)
    largest = max(*bases, *rates_of(first))
    for values, from_torch in zip(stepped(actual, second, 5), stepped(expected, first, 5), strict=True):
        assert values == pytest.approx(from_torch, rel=0, abs=1e-12 * largest)


@examples(120)
@given(cases, lrs, writes, st.integers(1, 20), st.booleans())
def test_a_resumed_run_equals_an_uninterrupted_run_bit_for_bit(case, bases, written, steps, is_chained):
    def build(optimizer):
        scheduler = case.build(DROP_IN, optimizer)
        return DROP_IN.ChainedScheduler([DROP_IN.ConstantLR(optimizer, 0.3, 4), scheduler]) if is_chained else scheduler

    first = optimizer_with(bases)
    second = optimizer_with(bases)
    left = build(first)
    resumed = build(second)
    stepped(left, first, steps, written)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    resumed.load_state_dict(copy.deepcopy(left.state_dict()))

    assert stepped(resumed, second, 9) == stepped(left, first, 9)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_a_new_swa_anneal_starts_at_its_start_for_any_last_epoch(strategy):
    rows = []
    for m in (TORCH, DROP_IN):
        optimizer = optimizer_with([0.1])
        stepped(m.StepLR(optimizer, 2, 0.5), optimizer, 4)
        optimizer.param_groups[0]["initial_lr"] = 0.02  # as Lightning's StochasticWeightAveraging does
        swa = m.SWALR(optimizer, 0.02, 3, strategy, last_epoch=6)
        rows.append(stepped(swa, optimizer, 6))

    for actual, from_torch in zip(*rows, strict=True):
        assert actual == pytest.approx(from_torch, rel=1e-12)


@pytest.mark.parametrize("first_to_step", [0, 1])
@pytest.mark.parametrize("first_to_load", [0, 1])
def test_two_schedulers_on_one_optimizer_resume(first_to_step, first_to_load):
    def pair(m):
        optimizer = optimizer_with([0.1])
        both = m.LinearLR(optimizer, 0.1, 1.0, 10), m.MultiStepLR(optimizer, [4, 8], 0.5)
        return optimizer, both, both[::-1] if first_to_step else both

    first, expected, in_order = pair(TORCH)
    for _ in range(6):
        for scheduler in in_order:
            quiet_step(scheduler)
    second, actual, our_order = pair(DROP_IN)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for i in (first_to_load, 1 - first_to_load):
        actual[i].load_state_dict(expected[i].state_dict())

    for _ in range(6):
        assert rates_of(second) == pytest.approx(rates_of(first), rel=1e-12)
        for scheduler in (*in_order, *our_order):
            quiet_step(scheduler)


@given(cases | plateau, lrs, writes, st.integers(0, 12))
def test_a_state_of_torch_writes_its_last_values_into_a_new_optimizer(case, bases, written, steps):
    first = optimizer_with(bases)
    second = optimizer_with(bases)
    expected = case.build(TORCH, first)
    actual = case.build(DROP_IN, second)
    for t in range(steps):
        quiet_step(expected, *([1.0] if case.name == "ReduceLROnPlateau" else []))
        if t in written and t + 1 < steps:  # a step follows, so that its value is the last one
            first.param_groups[written[t][0] % len(bases)]["lr"] = written[t][1]

    actual.load_state_dict(expected.state_dict())

    assert rates_of(second) == pytest.approx(rates_of(first), rel=1e-12, abs=1e-15)


CYCLES = {
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, 1.0, total_steps=20),
    "CyclicLR": lambda m, o: m.CyclicLR(o, 0.01, 0.1, 4),
}


@pytest.mark.parametrize("optimizer_class", [torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop])
@pytest.mark.parametrize("name", CYCLES)
def test_momentum_resumes_if_the_optimizer_is_loaded_before_the_cycle_is_built(name, optimizer_class):
    first, second = (optimizer_class([torch.nn.Parameter(torch.ones(1))], lr=0.1) for _ in "ab")
    expected = CYCLES[name](TORCH, first)
    stepped(expected, first, 6)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    actual = CYCLES[name](DROP_IN, second)
    actual.load_state_dict(copy.deepcopy(expected.state_dict()))

    for values, from_torch in zip(stepped(actual, second, 5), stepped(expected, first, 5), strict=True):
        assert values == pytest.approx(from_torch, rel=1e-12)


def test_loading_a_state_of_torch_fills_a_first_beta_that_is_a_tensor():
    beta = torch.tensor(0.9, dtype=torch.float64)
    betas = (beta, torch.tensor(0.999))
    first, second = (torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=0.1) for _ in "ab")
    expected = CYCLES["CyclicLR"](TORCH, first)
    stepped(expected, first, 2)
    second.param_groups[0]["betas"] = betas
    actual = CYCLES["CyclicLR"](DROP_IN, second)
    actual.load_state_dict(expected.state_dict())

    assert second.param_groups[0]["betas"][0] is beta
    assert float(beta) == pytest.approx(first.param_groups[0]["betas"][0], rel=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("composition", ["SequentialLR", "ChainedScheduler"])
def test_a_state_of_a_composition_of_torch_writes_its_last_values_into_a_new_optimizer(composition):
    def composed(library):
        optimizer = optimizer_with([1.0, 0.5])
        members = [library.ConstantLR(optimizer, 0.5, 2), library.StepLR(optimizer, 2, 0.5)]
        rest = ([3],) if composition == "SequentialLR" else ()
        return optimizer, getattr(library, composition)(*((optimizer,) if rest else ()), members, *rest)

    first, expected = composed(TORCH)
    stepped(expected, first, 6)
    second, actual = composed(DROP_IN)

    actual.load_state_dict(expected.state_dict())

    assert rates_of(second) == rates_of(first)


def test_a_state_continued_in_torch_does_not_restore_the_older_values_of_the_groups():
    first, between, last = (optimizer_with([1.0]) for _ in range(3))
    here = DROP_IN.ExponentialLR(first, 0.9)
    there = TORCH.ExponentialLR(between, 0.9)
    again = DROP_IN.ExponentialLR(last, 0.9)
    stepped(here, first, 3)
    between.load_state_dict(first.state_dict())
    there.load_state_dict(here.state_dict())
    stepped(there, between, 4)
    last.load_state_dict(copy.deepcopy(between.state_dict()))

    again.load_state_dict(there.state_dict())

    assert rates_of(last) == pytest.approx([0.9**7], rel=1e-12)


@pytest.mark.parametrize("name", ["StepLR", "ReduceLROnPlateau"])
def test_an_lr_that_was_written_while_torch_stepped_is_kept(name):
    first, between, last = (optimizer_with([1.0]) for _ in range(3))
    here, there, again = (
        getattr(library, name)(optimizer, **({"step_size": 9} if name == "StepLR" else {}))
        for library, optimizer in ((DROP_IN, first), (TORCH, between), (DROP_IN, last))
    )
    there.load_state_dict(here.state_dict())
    quiet_step(there, *([] if name == "StepLR" else [1.0]))  # it keeps the lr
    between.param_groups[0]["lr"] = 0.3
    last.load_state_dict(copy.deepcopy(between.state_dict()))

    again.load_state_dict(there.state_dict())

    assert rates_of(last) == [0.3]


LISTS = {
    "plateaus": lambda m, o: [m.ReduceLROnPlateau(o, patience=5), m.ReduceLROnPlateau(o, factor=0.25, patience=0)],
    "steps and a plateau": lambda m, o: [m.StepLR(o, 2), m.ReduceLROnPlateau(o, factor=0.25, patience=0)],
    "a sequence and a plateau": lambda m, o: [
        m.SequentialLR(o, [m.ConstantLR(o, 0.5, 2), m.CyclicLR(o, 0.1, 0.4)], [3]),
        m.ReduceLROnPlateau(o, factor=0.25, patience=0),
    ],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("optimizer_first", [True, False])
def test_a_list_whose_plateau_torch_continued_keeps_the_values_that_torch_wrote(name, order, optimizer_first):
    """A metric changes the state of the plateaus, but not the states of the other schedulers."""
    first, between, last = (optimizer_with([0.999, 0.5]) for _ in range(3))
    here, there, again = (
        LISTS[name](library, optimizer) for library, optimizer in ((DROP_IN, first), (TORCH, between), (DROP_IN, last))
    )
    between.load_state_dict(first.state_dict())
    for scheduler, saved in zip(there, here, strict=True):
        scheduler.load_state_dict(saved.state_dict())
    for _ in range(2):
        for scheduler in there:
            if isinstance(scheduler, TORCH.ReduceLROnPlateau):
                scheduler.step(1.0)
    if optimizer_first:
        last.load_state_dict(copy.deepcopy(between.state_dict()))

    for scheduler, saved in list(zip(again, there, strict=True))[::order]:
        scheduler.load_state_dict(saved.state_dict())

    assert rates_of(between) == [0.25 * rate for rate in rates_of(first)]
    assert rates_of(last) == rates_of(between)


def test_a_new_scheduler_writes_the_values_of_its_state_after_an_old_state_of_one_that_is_gone():
    """The optimizer stays, as in a notebook."""
    first, between, last = (optimizer_with([0.1], partial(torch.optim.SGD, momentum=0.9)) for _ in range(3))
    here, there = (
        library.OneCycleLR(optimizer, 0.3, total_steps=20)
        for library, optimizer in ((DROP_IN, first), (TORCH, between))
    )
    stepped(here, first, 6)
    there.load_state_dict(here.state_dict())
    stepped(there, between, 3)

    DROP_IN.OneCycleLR(last, 0.3, total_steps=20).load_state_dict(there.state_dict())
    DROP_IN.OneCycleLR(last, 0.3, total_steps=20).load_state_dict(here.state_dict())

    assert rates_of(last) + momenta_of(last) == rates_of(first) + momenta_of(first)


def test_warm_restarts_equal_torch_bit_for_bit():
    for first, mult, low in itertools.product((3, 7, 10), (1, 2), (0, 0.001)):
        rows = []
        for module in (TORCH, DROP_IN):
            optimizer = optimizer_with([0.1, 0.03])
            scheduler = module.CosineAnnealingWarmRestarts(optimizer, first, mult, low)
            rows.append(stepped(scheduler, optimizer, 40))
            for epoch in (0.25, 3.7, 12.0, 17.9):
                quiet_step(scheduler, epoch)
                rows[-1].append(rates_of(optimizer))

        assert rows[0] == rows[1]


# --- functions


BUILDS = {
    "LambdaLR": lambda o, f: DROP_IN.LambdaLR(o, f),
    "MultiplicativeLR": lambda o, f: DROP_IN.MultiplicativeLR(o, f),
    "CyclicLR": lambda o, f: DROP_IN.CyclicLR(o, 0.1, 0.5, 3, scale_fn=f),
    "in a chain": lambda o, f: DROP_IN.ChainedScheduler(
        [DROP_IN.CosineAnnealingLR(o, 4), DROP_IN.MultiplicativeLR(o, f)]
    ),
}


@pytest.mark.parametrize("name", BUILDS)
def test_a_function_is_called_only_by_steps(name):
    counts = []
    for save in (False, True):
        calls = []

        def remembering(t, calls=calls):
            calls.append(t)
            return 1 / len(calls)

        optimizer = optimizer_with([1.0])
        scheduler = BUILDS[name](optimizer, remembering)
        for _ in range(6):
            quiet_step(scheduler)
            if save:
                scheduler.load_state_dict(scheduler.state_dict())
                copy.deepcopy(scheduler)
        counts.append(calls)

    assert counts[0] == counts[1]


class Rule:
    def __init__(self, gamma):
        self.gamma = gamma

    def __call__(self, t):
        return self.gamma**t


@pytest.mark.parametrize("name", ["LambdaLR", "MultiplicativeLR", "CyclicLR"])
@pytest.mark.parametrize(("saved_by", "loaded_by"), [(TORCH, DROP_IN), (DROP_IN, TORCH), (DROP_IN, DROP_IN)])
def test_a_state_has_the_attributes_of_a_callable_object_and_no_function(name, saved_by, loaded_by, tmp_path, recwarn):
    def build(module, function):
        if name == "CyclicLR":
            return module.CyclicLR(optimizer_with([1.0]), 0.1, 0.5, 3, scale_fn=function)
        return getattr(module, name)(optimizer_with([1.0]), function)

    for saved, now in ((Rule(0.9), Rule(0.5)), (lambda t: 0.9**t, lambda t: 0.5**t)):
        torch.save(build(saved_by, saved).state_dict(), tmp_path / "state.pt")
        recwarn.clear()
        build(loaded_by, now).load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
        assert not recwarn.list
        assert now(1) == (0.9 if isinstance(now, Rule) else 0.5)


def test_a_loaded_mode_decides_which_metric_is_worse():
    actual = []
    for library in (DROP_IN, TORCH):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        saved = library.ReduceLROnPlateau(optimizer, mode="max", patience=0).state_dict()
        del saved["mode_worse"]  # it follows from the mode
        scheduler = library.ReduceLROnPlateau(optimizer, mode="min", patience=0, factor=0.5)
        scheduler.load_state_dict(saved)
        for metric in (1.0, 2.0, 1.5, 3.0):
            scheduler.step(metric)
        actual.append((scheduler.mode, scheduler.mode_worse, scheduler.best, optimizer.param_groups[0]["lr"]))

    assert actual[0] == actual[1]


@pytest.mark.filterwarnings("ignore")
@table(
    ("name", "saved", "built"),
    [
        ("CyclicLR", (0.1, 0.5, 4), (0.1, 0.5, 7)),
        ("OneCycleLR", (0.5, 20), (0.5, 30)),
        ("CyclicLR", (0.1, 0.5, 4, None, "exp_range", 0.9), (0.1, 0.5, 4, None, "exp_range", 0.8)),
    ],
)
def test_a_state_of_torch_with_other_options_writes_the_momentum_of_its_options(name, saved, built):
    of_torch = getattr(TORCH, name)(optimizer_with([0.4], partial(torch.optim.SGD, momentum=0.9)), *saved)
    for _ in range(3):
        quiet_step(of_torch)
    actual = getattr(DROP_IN, name)(optimizer_with([0.4], partial(torch.optim.SGD, momentum=0.9)), *built)

    actual.load_state_dict(of_torch.state_dict())

    (group,) = actual.optimizer.param_groups
    (expected,) = of_torch.optimizer.param_groups
    assert (group["lr"], group["momentum"]) == pytest.approx((expected["lr"], expected["momentum"]))
