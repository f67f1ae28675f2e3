"""The range test: rates, losses, and the suggested rate."""

import contextlib
import copy
import itertools
import math
import random
import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.errors import InvalidArgument, MissingDependency, ParamschedError
from paramsched.tools import range_test
from paramsched.tools.range_test import RangeTest
from support.tables import table


class Training:
    """A small model on a fixed problem, with buffers, dropout and any optimizer."""

    def __init__(self, make=torch.optim.AdamW, rows=32, **options):
        torch.manual_seed(0)
        self.rows = rows
        self.model = torch.nn.Sequential(
            torch.nn.Linear(8, 16),
            torch.nn.BatchNorm1d(16),
            torch.nn.Dropout(0.1),
            torch.nn.ReLU(),
            torch.nn.Linear(16, 3),
        )
        self.x = torch.randn(64, 8)
        self.y = (self.x[:, 0] > 0).long() + (self.x[:, 1] > 0).long()
        groups = [
            {"params": self.model[0].parameters(), "lr": 0.1 * options.get("lr", 1e-2)},
            {"params": [*self.model[1].parameters(), *self.model[4].parameters()]},
        ]
        self.optimizer = make(groups, **options)
        self.used = []

    def step(self):
        self.used.append([float(group["lr"]) for group in self.optimizer.param_groups])
        picked = torch.randperm(64)[: self.rows]
        self.optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(self.model(self.x[picked]), self.y[picked])
        loss.backward()
        self.optimizer.step()
        return loss

    def everything(self):
        """Return a copy of all state that training changes."""
        groups = [{k: v for k, v in group.items() if k != "params"} for group in self.optimizer.param_groups]
        grads = [None if parameter.grad is None else parameter.grad.clone() for parameter in self.model.parameters()]
        return copy.deepcopy([self.model.state_dict(), dict(self.optimizer.state), groups, grads, self.model.training])


def same(value, expected):
    if isinstance(value, torch.Tensor):
        return isinstance(expected, torch.Tensor) and torch.equal(value, expected)
    if isinstance(value, dict):
        return len(value) == len(expected) and all(map(same, value.values(), expected.values()))
    if isinstance(value, (list, tuple)):
        return len(value) == len(expected) and all(map(same, value, expected))
    return bool(value == expected)


OPTIMIZERS = [
    (torch.optim.SGD, {"lr": 1e-2, "momentum": 0.9}),
    (torch.optim.AdamW, {"lr": 1e-2}),
    (torch.optim.AdamW, {"lr": torch.tensor(1e-2), "foreach": False, "capturable": False}),
]


@pytest.mark.parametrize(("make", "options"), OPTIMIZERS)
@pytest.mark.parametrize("trained", [0, 3])
def test_the_state_is_the_same_before_and_after(make, options, trained):
    training = Training(make, **options)
    for _ in range(trained):
        training.step()
    before = training.everything()
    held = [group["lr"] for group in training.optimizer.param_groups]

    ps.find_lr(training.optimizer, training.step, updates=20, restore=training.model)

    assert same(training.everything(), before)
    assert all(group["lr"] is lr for group, lr in zip(training.optimizer.param_groups, held, strict=True))


def test_tensors_in_lists_and_the_storage_of_parameters_are_the_same_objects_after():
    training = Training()
    group, _ = training.optimizer.param_groups
    kept = torch.ones(2)
    group["kept"] = [kept, (kept, 3)]
    places = [parameter.data_ptr() for parameter in training.model.parameters()]

    ps.find_lr(training.optimizer, training.step, updates=5, restore=training.model)

    assert [parameter.data_ptr() for parameter in training.model.parameters()] == places
    first, (second, three) = group["kept"]
    assert (first is kept, second is kept, three) == (True, True, 3)


def test_training_continues_as_if_the_range_test_had_not_run():
    training = Training()
    untested = Training()
    ps.find_lr(training.optimizer, training.step, updates=20, restore=[training.model], restore_random=True)
    torch.manual_seed(1)
    here = [training.step().item() for _ in range(5)]
    torch.manual_seed(1)

    assert here == [untested.step().item() for _ in range(5)]


def test_random_generators_are_restored_if_requested():
    training = Training()
    seed_all()

    def step():
        draw_of_each()
        return training.step()

    ps.find_lr(training.optimizer, step, updates=5, restore_random=True)
    actual = draw_of_each()
    seed_all()

    assert actual == draw_of_each()


def seed_all():
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002  # the generator that the process shares
    torch.manual_seed(3)


def draw_of_each():
    return random.random(), np.random.rand(), torch.rand(()).item()  # noqa: NPY002  # likewise


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_an_exception_restores_the_state(interruption):
    training = Training()
    before = training.everything()

    def step():
        loss = training.step()
        if len(training.used) == 7:
            training.model.eval()
            raise interruption
        return loss

    with pytest.raises(interruption):
        ps.find_lr(training.optimizer, step, restore=training.model)

    assert same(training.everything(), before)


def test_objects_with_a_state_dict_are_restored():
    training = Training()
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=1)

    def step():
        training.optimizer.zero_grad()
        loss = training.model(training.x).square().mean()
        scaler.scale(loss).backward()
        scaler.step(training.optimizer)
        scaler.update()
        return loss

    scaler.scale(torch.ones(()))
    ps.find_lr(training.optimizer, step, updates=5, restore=(training.model, scaler))

    assert scaler.get_scale() == 64.0


def test_the_rates_follow_a_plan_and_groups_keep_their_ratio():
    training = Training(torch.optim.SGD, lr=1e-2)

    result = ps.find_lr(training.optimizer, training.step, low=1e-6, high=1e-2, updates=41, stop_at=1e9)

    planned = ps.trace(ps.Plan(lr=ps.shapes.geometric(1e-6 / 1e-2, 1.0, over=40), total=41), {"lr": 1e-2})["lr", 0]
    assert result.ending == "highest rate"
    assert result.rates.tolist() == [row[1] for row in training.used] == planned.tolist()
    assert (result.rates[0], result.rates[-1]) == pytest.approx((1e-6, 1e-2), rel=1e-15)
    assert [row[0] for row in training.used] == pytest.approx([0.1 * row[1] for row in training.used], rel=1e-12)


def test_the_average_is_the_weighted_mean_of_the_losses_so_far():
    training = Training()
    losses = []

    def step():
        losses.append(training.step().item())
        return losses[-1]

    result = ps.find_lr(training.optimizer, step, updates=10, smoothing=0.8, high=1e-3)

    weights = [0.8 ** np.arange(n)[::-1] for n in range(1, 11)]
    means = [np.average(losses[: len(weight)], weights=weight) for weight in weights]
    assert result.losses.tolist() == losses
    assert result.smoothed == pytest.approx(means, rel=1e-12)


@pytest.mark.parametrize(("make", "low", "high"), [(torch.optim.SGD, 0.05, 2.0), (torch.optim.AdamW, 0.02, 0.5)])
def test_the_suggested_rate_trains_far_better_than_100_times_lower_or_higher(make, low, high):
    training = Training(make, rows=64, lr=1e-2)  # all rows, because random numbers differ between versions of torch
    suggestion = ps.find_lr(training.optimizer, training.step, restore=training.model).suggestion

    def loss_after(rate):
        again = Training(make, rows=64, lr=rate)
        for _ in range(25):
            again.step()
        return torch.nn.functional.cross_entropy(again.model(again.x), again.y).item()

    assert low < suggestion < high
    reached = loss_after(suggestion)
    assert reached < 0.8 * min(loss_after(suggestion / 100), loss_after(suggestion * 100))


class Parabola:
    """One weight with a scripted loss, to test each reason for the end."""

    def __init__(self, losses):
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.optimizer = torch.optim.SGD([self.weight], lr=0.1)
        self.losses = iter(losses)

    def step(self):
        self.weight.grad = torch.ones(1)
        self.optimizer.step()
        return next(self.losses)


@pytest.mark.parametrize(
    ("losses", "ending", "taken"),
    [
        ([2.0, 1.0, 4.1], "diverged", 3),
        ([-2.0, -1.0, 4.1], "diverged", 3),
        ([2.0, 1.0, float("nan")], "not finite", 2),
        ([2.0, 1.0, torch.tensor(float("inf"))], "not finite", 2),
        ([2.0, 1.0, 3.9, 0.5], "highest rate", 4),
    ],
)
def test_the_reason_for_the_end_is_reported(losses, ending, taken):
    scripted = Parabola(losses)

    result = ps.find_lr(scripted.optimizer, scripted.step, updates=4, smoothing=0)

    assert (result.ending, len(result.losses), len(result.rates)) == (ending, taken, taken)


def suggestions(rates, losses):
    """Return valley, steepest and a tenth of the minimum by their definitions."""
    last = losses.index(min(losses))
    top = max(losses[:last])
    first = max(i for i in range(last) if losses[i] >= top - (top - losses[last]) / 10)
    half = (top + losses[last]) / 2
    valley = rates[max(i for i in range(first, last + 1) if losses[i] >= half)]
    x = [math.log10(rate) for rate in rates[first : last + 1]]
    y = losses[first : last + 1]
    # The slope at a point between two others of equal distance is that of the line through them.
    around = [(max(i - 1, 0), min(i + 1, len(x) - 1)) for i in range(len(x))]
    slopes = [(y[b] - y[a]) / (x[b] - x[a]) for a, b in around]
    return valley, rates[first + slopes.index(min(slopes))], rates[last] / 10


@table(
    "losses",
    [
        [2.0, 2.0, 1.5, 1.0, 0.5, 0.6, 1.8],
        [2.0, 1.9, 2.1, 1.2, 0.3, 0.2, 0.9],
        [3.0, 2.0, 1.0, 0.9, 0.8, 0.7, 0.75],
        [1.0, 1.1, 0.9, 0.95, 0.2, 0.4, 0.4],
        [2.0, 2.0, 1.5, 1.0, 1.2, 1.5, 1.8],  # one loss is exactly half of the way
        [-1.0, -1.5, -1.4, -3.0, -3.5, -3.6, -3.0],
    ],
)
def test_the_suggested_rates_are_those_of_their_definitions(losses):
    scripted = Parabola(losses)

    result = ps.find_lr(scripted.optimizer, scripted.step, low=1e-3, high=1.0, updates=7, smoothing=0, stop_at=99)

    expected = suggestions(result.rates.tolist(), losses)
    assert (result.valley, result.steepest, result.minimum_tenth) == pytest.approx(expected, rel=1e-12)
    assert result.suggestion == result.valley
    for name, rate in zip(("valley", "steepest", "minimum / 10"), expected, strict=True):
        assert f"{name} {rate:.2g}" in result.text()
    assert str(result) == repr(result) == result.text()


def test_the_result_is_plotted_in_a_terminal_and_by_matplotlib():
    scripted = Parabola([2.0, 2.0, 1.5, 1.0, 0.5, 0.6, 1.8])
    result = ps.find_lr(scripted.optimizer, scripted.step, low=1e-3, high=1.0, updates=7, smoothing=0)

    lines = result.text(width=60, ascii=True).splitlines()
    axes = result.plot()

    assert result.text(ascii=True).isascii()
    assert max(map(len, lines[:-1])) <= 60
    assert any("^ valley 0.01" in line for line in lines)
    assert axes.get_xscale() == "log"
    assert axes.lines[1].get_ydata().tolist() == result.smoothed.tolist()


def test_the_loss_may_rise_to_a_multiple_of_its_lowest_value_above_the_first():
    for stop_at, count in ((4, 4), (8, 5)):
        scripted = Parabola([2.0, 1.0, 3.0, 5.0, 9.0, 1.0])
        result = ps.find_lr(scripted.optimizer, scripted.step, updates=6, smoothing=0, stop_at=stop_at)
        assert (result.ending, len(result.losses)) == ("diverged", count)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "expected a number from step(), got None"),
        ("0.5", "expected a number from step(), got '0.5'"),
        (float("nan"), "the first loss is not finite"),
    ],
)
def test_a_step_that_does_not_return_a_loss_is_rejected(returned, said):
    scripted = Parabola([returned])

    with pytest.raises(InvalidArgument) as refusal:
        ps.find_lr(scripted.optimizer, scripted.step)

    assert said in str(refusal.value)
    assert scripted.weight.item() == 1.0


def test_a_step_that_changes_no_parameter_is_rejected():
    scripted = Parabola([])

    with pytest.raises(InvalidArgument, match="no parameter has changed"):
        ps.find_lr(scripted.optimizer, lambda: 1.0)


def test_an_optimizer_with_an_attached_plan_is_rejected():
    scripted = Parabola([1.0, 0.9, 0.8, 0.7])
    scheduler = ps.Scheduler(scripted.optimizer, ps.Plan(lr=ps.linear(), total=10))

    with pytest.raises(ParamschedError, match=r"Call find_lr before ps\.Scheduler"):
        ps.find_lr(scripted.optimizer, scripted.step)

    scheduler.detach()
    assert len(ps.find_lr(scripted.optimizer, scripted.step, updates=4).losses) == 4


def test_an_optimizer_without_an_lr_is_rejected():
    scripted = Parabola([1.0])
    scripted.optimizer.param_groups[0]["lr"] = 0.0

    with pytest.raises(InvalidArgument, match="lr must be greater than 0"):
        ps.find_lr(scripted.optimizer, scripted.step)


def add_group(training):
    training.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(2))], "lr": 5.0})


def remove_buffer(training):
    for module in training.model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.clone() + 1)


SABOTAGE = {
    "adds a group": add_group,
    "empties the groups": lambda training: training.optimizer.param_groups.clear(),
    "replaces the groups": lambda training: setattr(training.optimizer, "param_groups", []),
    "empties a group": lambda training: training.optimizer.param_groups[0]["params"].clear(),
    "removes entries of a group": lambda training: training.optimizer.param_groups[0].pop("momentum", None),
    "freezes the model": lambda training: training.model.requires_grad_(False),
    "switches gradients off": lambda training: torch.set_grad_enabled(False),
    "replaces buffers": remove_buffer,
    "replaces data": lambda training: setattr(next(training.model.parameters()), "data", torch.zeros(1)),
}


@table("name", SABOTAGE)
@pytest.mark.parametrize("ends", [True, False], ids=["raises", "goes on"])
def test_every_change_of_a_step_to_the_optimizer_is_undone(name, ends):
    training = Training()
    training.step()
    before = training.everything(), [parameter.requires_grad for parameter in training.model.parameters()]

    def step():
        loss = training.step()
        if len(training.used) == 7:
            SABOTAGE[name](training)
            if ends:
                raise RuntimeError("stop")
        return loss

    with contextlib.suppress(RuntimeError):
        ps.find_lr(training.optimizer, step, updates=12, restore=training.model)

    assert torch.is_grad_enabled()
    assert same((training.everything(), [p.requires_grad for p in training.model.parameters()]), before)


class Interrupting:
    """Sends Ctrl-C twice before it has restored its state."""

    def __init__(self):
        self.value = "before"

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
        self.value = state["value"]


@pytest.mark.parametrize("first", [True, False])
def test_an_interrupt_is_delayed_until_the_state_is_restored(first):
    training = Training()
    before = training.everything()
    interrupting = Interrupting()
    parts = [interrupting, training.model] if first else [training.model, interrupting]

    def step():
        interrupting.value = "after"
        return training.step()

    with pytest.raises(KeyboardInterrupt):
        ps.find_lr(training.optimizer, step, updates=5, restore=parts)

    assert interrupting.value == "before"
    assert same(training.everything(), before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("first", [True, False])
def test_an_interrupt_after_a_step_that_raises_is_delayed_too(first):
    training = Training()
    before = training.everything()
    parts = [Interrupting(), training.model] if first else [training.model, Interrupting()]

    def step():
        training.step()
        raise RuntimeError("out of memory")

    with pytest.raises(KeyboardInterrupt):
        ps.find_lr(training.optimizer, step, updates=5, restore=parts)

    assert same(training.everything(), before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_during_a_step_is_delivered_at_once_and_only_once():
    training = Training()
    cleaned = []

    def step():
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)  # kept, so that the step can clean up
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        ps.find_lr(training.optimizer, step, updates=5)

    assert cleaned == [True]


def test_a_handler_that_does_not_raise_gets_each_signal_of_a_step():
    training = Training()
    seen = []
    during = []
    before = signal.signal(signal.SIGINT, lambda *arguments: seen.append(arguments[0]))

    def step():
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
            during.append(len(seen))
        return training.step()

    try:
        ps.find_lr(training.optimizer, step, updates=2)
    finally:
        signal.signal(signal.SIGINT, before)

    assert during == [1, 2, 3, 4]
    assert seen == [signal.SIGINT] * 4


def test_a_loss_that_never_decreases_is_plotted_without_suggestions(monkeypatch):
    import matplotlib.pyplot as plt

    scripted = Parabola([1.0, 1.0, 1.0])
    result = ps.find_lr(scripted.optimizer, scripted.step, updates=3)
    figure, axes = plt.subplots()
    result.plot(axes)

    assert len(axes.lines) == 2
    assert axes.get_ylim() == pytest.approx((0.92, 1.08))
    assert axes.get_legend() is not None
    plt.close(figure)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingDependency, match="matplotlib"):
        result.plot()


def test_the_range_test_runs_in_a_thread_without_signals():
    training = Training()

    with ThreadPoolExecutor(1) as pool:
        actual = pool.submit(ps.find_lr, training.optimizer, training.step, updates=5).result()

    assert len(actual.losses) == 5


@pytest.mark.parametrize("forgotten", ["optimizer.step", "zero_grad"])
@pytest.mark.parametrize("restored", [True, False])
def test_a_step_that_does_not_call_the_optimizers_step_is_rejected(forgotten, restored):
    model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.randn(16, 2)).mean().backward()

    def step():
        if forgotten == "optimizer.step":
            optimizer.zero_grad()
        loss = (model(torch.randn(16, 2)) ** 2).mean()
        loss.backward()
        return loss

    with pytest.raises(InvalidArgument, match="no parameter has changed"):
        ps.find_lr(optimizer, step, updates=5, restore=model if restored else ())


@pytest.mark.parametrize("value", [torch.nn.Linear(1, 1), None, "SGD", 3, {"lr": 0.1}, [{"lr": 0.1}]])
def test_an_object_that_is_not_an_optimizer_is_rejected(value):
    with pytest.raises(InvalidArgument, match="expected an optimizer"):
        ps.find_lr(value, lambda: 1.0)


@table(
    "options",
    [{"smoothing": value} for value in ("x", None, True, 1, -1, float("nan"), 10**400)]
    + [{"stop_at": value} for value in ("x", None, True, 1, float("nan"), 1j)]
    + [{"updates": value} for value in ("x", None, 1, 2.5, 10**400, 10**12)]
    + [{"low": value} for value in ("x", None, 0, float("nan"), 10**400, 11)],
)
def test_invalid_arguments_raise_only_our_exceptions(options):
    scripted = Parabola([1.0, 0.9])

    with pytest.raises(InvalidArgument):
        ps.find_lr(scripted.optimizer, scripted.step, **options)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_is_shown_after_two_seconds_in_a_terminal_alone(monkeypatch, is_terminal):
    shown = StringIO()
    training = Training()
    monkeypatch.setattr(shown, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(range_test, "monotonic", itertools.count().__next__)

    ps.find_lr(training.optimizer, training.step, updates=5)

    assert re.findall(r"update (\d) of 5", shown.getvalue()) == (["3", "4", "5"] if is_terminal else [])
    assert shown.getvalue().endswith("\r\033[K") is is_terminal


RATES = np.geomspace(1e-6, 1.0, 7)


@pytest.mark.parametrize(
    ("losses", "is_doubtful"),
    [
        ((2.0, 1.2, 1.2, 1.2, 0.7, 0.3, 0.9), True),  # a jump at the first rate
        ((2.0, 2.0, 1.9, 1.7, 1.0, 0.3, 0.9), False),
    ],
)
def test_a_jump_of_the_loss_far_from_the_valley_is_reported(losses, is_doubtful):
    smoothed = np.array(losses)
    text = RangeTest(RATES, smoothed, smoothed, "highest rate").text()

    assert ("steepest and valley differ by a factor of more than 10" in text) == is_doubtful


@pytest.mark.parametrize("name", ["lr_find", "lr_finder", "LRFinder", "LearningRateFinder"])
def test_a_name_of_a_rate_finder_is_answered_with_find_lr(name):
    with pytest.raises(AttributeError, match=r"find_lr"):
        getattr(ps, name)


@table("seed", range(6))
def test_a_task_without_a_signal_has_no_suggestion_outside_of_the_range(seed):
    torch.manual_seed(seed)
    model = torch.nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(torch.randn(32, 8)), torch.randint(0, 3, (32,)))
        loss.backward()
        optimizer.step()
        return loss

    result = ps.find_lr(optimizer, step)

    assert {result.suggestion, result.steepest, result.minimum_tenth} == {None}
    assert "no rate is suggested" in str(result)


def test_no_suggestion_is_below_the_lowest_rate():
    losses = np.array([2.0, 1.0, 3.0, 9.0])

    actual = RangeTest(np.geomspace(1e-4, 1e-1, 4), losses, losses, "diverged")

    assert actual.minimum_tenth == 1e-4
    assert RangeTest(np.geomspace(1e-4, 1e-3, 4), losses, losses, "diverged").minimum_tenth is None
