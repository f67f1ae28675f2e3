"""GradualWarmupScheduler: the tables of its two forms, lr(t) = g(t - W) over every scheduler, and late groups."""

import copy
import io
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paramsched.compat import torch as compat
from paramsched.compat.gradual_warmup import GradualWarmupScheduler
from support.generated_programs import CALLS, OPTIMIZERS, Draw, after_call, generated_scheduler, run, same
from support.torch_cases import TORCH

lr_scheduler = torch.optim.lr_scheduler


Build = Callable[[torch.optim.Optimizer], Any]


def optimizer_of(*bases: Any, momentum: float = 0.0) -> torch.optim.Optimizer:
    groups = [{"params": [torch.zeros(1)], "lr": base} for base in bases]
    return torch.optim.SGD(groups, lr=bases[0], momentum=momentum)


def lrs(scheduler: Any) -> list[float]:
    return [float(group["lr"]) for group in scheduler.optimizer.param_groups]


def stepped(scheduler: Any, steps: int = 1) -> Any:
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
    return scheduler


def curve(scheduler: Any, steps: int) -> list[list[float]]:
    """Return the values at t = 0 … steps - 1."""
    values = [lrs(scheduler)]
    for _ in range(steps - 1):
        values.append(lrs(stepped(scheduler)))
    return values


DOCUMENTED = {
    0: 0.0125,
    1: 0.016875,
    10: 0.05625,
    19: 0.095625,
    20: 0.1,
    21: 0.0999923848,
    110: 0.0500005,
    199: 8.61516603e-06,
}


LIBRARIES = [pytest.param(lr_scheduler, id="torch"), pytest.param(compat, id="paramsched")]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_documented_warmup_has_its_values(library: Any) -> None:
    optimizer = optimizer_of(0.1)
    after = library.CosineAnnealingLR(optimizer=optimizer, eta_min=0.000001, T_max=180)
    scheduler = GradualWarmupScheduler(optimizer, multiplier=8, after_scheduler=after, warmup_epoch=20)

    values = curve(scheduler, 200)

    assert {t: values[t][0] for t in DOCUMENTED} == pytest.approx(DOCUMENTED, rel=1e-8)  # the table has nine digits


def _sequential(library: Any) -> Build:
    def build(optimizer: torch.optim.Optimizer) -> Any:
        members = [library.LinearLR(optimizer, 0.5, total_iters=3), library.ExponentialLR(optimizer, 0.9)]
        return library.SequentialLR(optimizer, members, milestones=[4])

    return build


def _chained(library: Any) -> Build:
    def build(optimizer: torch.optim.Optimizer) -> Any:
        return library.ChainedScheduler(
            [library.ConstantLR(optimizer, 0.5, total_iters=4), library.StepLR(optimizer, 3, 0.5)]
        )

    return build


def _simple(library: Any, name: str, *arguments: Any, **keywords: Any) -> Build:
    return lambda optimizer: getattr(library, name)(optimizer, *arguments, **keywords)


def third(t: int) -> float:
    return 1 / (1 + t / 3)


def shrink(t: int) -> float:
    return 0.9


def afters(library: Any) -> dict[str, Build]:
    """A builder for each kind of scheduler, relative to its base."""
    return {
        "StepLR": _simple(library, "StepLR", 3, 0.5),
        "MultiStepLR": _simple(library, "MultiStepLR", [2, 5], 0.5),
        "ExponentialLR": _simple(library, "ExponentialLR", 0.9),
        "ConstantLR": _simple(library, "ConstantLR", 0.5, 4),
        "LinearLR": _simple(library, "LinearLR", 0.25, total_iters=6),
        "PolynomialLR": _simple(library, "PolynomialLR", 9, 2.0),
        "CosineAnnealingLR": _simple(library, "CosineAnnealingLR", 8, 1e-3),
        "CosineAnnealingWarmRestarts": _simple(library, "CosineAnnealingWarmRestarts", 3, 2, 1e-3),
        "LambdaLR": _simple(library, "LambdaLR", third),
        "MultiplicativeLR": _simple(library, "MultiplicativeLR", shrink),
        "SequentialLR": _sequential(library),
        "ChainedScheduler": _chained(library),
    }


AFTERS = {
    f"{name} of {who}": build
    for who, lib in (("torch", lr_scheduler), ("paramsched", compat))
    for name, build in afters(lib).items()
}


each_after = pytest.mark.parametrize("build", AFTERS.values(), ids=AFTERS.keys())


@st.composite
def warmups(draw: st.DrawFn) -> dict[str, Any]:
    published = draw(st.booleans())
    length = draw(st.integers(0, 6))
    return {
        "multiplier": draw(st.sampled_from([1, 1.5, 4, 10]) | st.floats(1, 20)),
        **({"total_epoch": length} if published else {"warmup_epoch": length}),
    }


def source_ramp(base: float, m: float, t: int, length: int, published: bool) -> float:
    """Return a value of the ramp as its source computes it, in the source's order of operations."""
    if not published:
        return base / m * ((m - 1.0) * t / length + 1.0)
    return base * (float(t) / length) if m == 1.0 else base * ((m - 1.0) * t / length + 1.0)


def expected(build: Build, bases: list[float], arguments: dict[str, Any], steps: int) -> list[list[float]]:
    """The formula: a ramp, then the after-scheduler alone from the peak."""
    m = arguments["multiplier"]
    published = "total_epoch" in arguments
    length = arguments["total_epoch"] if published else arguments["warmup_epoch"]
    top = m if published else 1
    ramp = [[source_ramp(b, m, t, length, published) for b in bases] for t in range(length + 1)] if length else []
    alone = curve(build(optimizer_of(*(b * top for b in bases))), steps + 1)
    return [*ramp, *(alone[1:] if length else alone)][:steps]


@each_after
@given(warmups(), st.lists(st.floats(0.01, 2), min_size=1, max_size=3))
def test_after_the_ramp_the_scheduler_runs_on_its_own_clock_from_the_peak(
    build: Build, arguments: dict[str, Any], bases: list[float]
) -> None:
    optimizer = optimizer_of(*bases)
    scheduler = GradualWarmupScheduler(optimizer, after_scheduler=build(optimizer), **arguments)

    assert curve(scheduler, 20) == expected(build, bases, arguments, 20)


@each_after
@given(warmups(), st.lists(st.integers(0, 16), min_size=1, max_size=8))
def test_explicit_epochs_in_any_order_give_the_values_of_stepping(
    build: Build, arguments: dict[str, Any], epochs: list[int]
) -> None:
    values = expected(build, [0.5, 0.1], arguments, 18)
    optimizer = optimizer_of(0.5, 0.1)
    scheduler = GradualWarmupScheduler(optimizer, after_scheduler=build(optimizer), **arguments)
    optimizer.step()

    for epoch in epochs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that an epoch is deprecated
            scheduler.step(epoch)
        assert [lrs(scheduler)] == [values[epoch]]
        assert (scheduler.last_epoch, scheduler.get_last_lr()) == (epoch, lrs(scheduler))
        scheduler.step()
        assert [lrs(scheduler)] == [values[epoch + 1]]


@each_after
@given(warmups(), st.integers(0, 12), st.booleans(), st.booleans())
def test_a_run_resumed_at_any_update_in_any_order_equals_an_uninterrupted_run(
    build: Build, arguments: dict[str, Any], steps: int, optimizer_first: bool, copied: bool
) -> None:
    whole = _wrapped(build, arguments, 0.5)
    begun = stepped(_wrapped(build, arguments, 0.5), steps)
    buffer = io.BytesIO()
    torch.save([begun.optimizer.state_dict(), begun.state_dict()], buffer)
    buffer.seek(0)
    optimizer_state, state = torch.load(buffer, weights_only=True)

    if copied:
        resumed = copy.deepcopy(begun)
    else:
        optimizer = optimizer_of(0.3)
        if optimizer_first:
            optimizer.load_state_dict(optimizer_state)
        resumed = GradualWarmupScheduler(optimizer, after_scheduler=build(optimizer), **arguments)
        after = resumed.after_scheduler
        resumed.load_state_dict(state)
        if not optimizer_first:
            optimizer.load_state_dict(optimizer_state)
        assert resumed.after_scheduler is after
        assert after.optimizer is optimizer

    rows = curve(stepped(whole, steps), 15)
    assert curve(resumed, 15) == rows


def _wrapped(build: Build, arguments: dict[str, Any], base: float) -> GradualWarmupScheduler:
    optimizer = optimizer_of(base)
    return GradualWarmupScheduler(optimizer, after_scheduler=build(optimizer), **arguments)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("form", ["total_epoch", "warmup_epoch"])
def test_it_can_be_a_member_of_a_torch_sequential_lr(library: Any, form: str) -> None:
    optimizer = optimizer_of(1.0)
    late = GradualWarmupScheduler(optimizer, 4, after_scheduler=library.StepLR(optimizer, 2, 0.5), **{form: 4})
    whole = library.SequentialLR(optimizer, [library.ConstantLR(optimizer, 0.5, 10), late], milestones=[3])
    alone = optimizer_of(1.0)
    expected = GradualWarmupScheduler(alone, 4, after_scheduler=library.StepLR(alone, 2, 0.5), **{form: 4})

    assert curve(whole, 13) == [[0.5]] * 3 + curve(expected, 10)


def test_setting_last_epoch_moves_it() -> None:
    optimizer = optimizer_of(1.0)
    scheduler = GradualWarmupScheduler(optimizer, 1, 4, lr_scheduler.StepLR(optimizer, 2, 0.5))
    optimizer.step()

    seen = []
    for t in (7, 2, 5):
        scheduler.last_epoch = t - 1
        scheduler.step()
        seen += lrs(scheduler)

    assert seen == [0.5, 0.5, 1.0]


@pytest.mark.parametrize("cycles", [True, False])
def test_an_earlier_epoch_restores_momentum_only_if_the_after_scheduler_cycles_it(cycles: bool) -> None:
    optimizer = optimizer_of(0.1, momentum=0.9)
    options: dict[str, Any] = {"base_lr": 0.1, "max_lr": 0.4, "step_size_up": 3, "cycle_momentum": cycles}
    scheduler = GradualWarmupScheduler(
        optimizer, 1.0, 2, after_scheduler=compat.CyclicLR(optimizer, **options), base_lr=0.1
    )
    stepped(scheduler, 4)
    optimizer.param_groups[0]["momentum"] = 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler.step(1)

    assert optimizer.param_groups[0]["momentum"] == (0.9 if cycles else 0.5)


@pytest.mark.parametrize("base", [0.4, [0.4, 0.4]])
def test_the_base_of_a_warmup_may_be_one_number_or_one_for_each_group(base: Any) -> None:
    scheduler = GradualWarmupScheduler(optimizer_of(0.1, 0.02), 2.0, 4, base_lr=base)

    assert lrs(stepped(scheduler, 2)) == pytest.approx([0.6, 0.6])
    assert lrs(stepped(scheduler, 6)) == pytest.approx([0.8, 0.8])
    assert scheduler.get_last_lr() == pytest.approx([0.8, 0.8])


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_tensor_is_filled_in_place(library: Any) -> None:
    rate = torch.tensor(0.5)
    optimizer = optimizer_of(rate)
    scheduler = GradualWarmupScheduler(optimizer, 2, 2, library.ExponentialLR(optimizer, 0.5))

    values = curve(scheduler, 5)

    assert values == [[0.5], [0.75], [1.0], [0.5], [0.25]]
    assert optimizer.param_groups[0]["lr"] is rate
    assert scheduler.get_last_lr()[0] is not rate


def test_the_base_in_a_late_group_is_not_its_tensor() -> None:
    optimizer = optimizer_of(torch.tensor(1.0))
    scheduler = stepped(GradualWarmupScheduler(optimizer, 2, 4))
    optimizer.add_param_group({"params": [torch.zeros(1)], "lr": torch.tensor(0.5)})

    stepped(scheduler)

    late = optimizer.param_groups[1]
    assert (float(late["lr"]), float(late["initial_lr"])) == (0.75, 0.5)


def test_a_list_of_bases_is_not_changed_by_a_late_group() -> None:
    optimizer = optimizer_of(1.0)
    bases = [0.5]
    scheduler = stepped(GradualWarmupScheduler(optimizer, 2, 3, base_lr=bases))

    optimizer.add_param_group({"params": [torch.zeros(1)], "lr": 0.25})

    assert lrs(stepped(scheduler, 3)) == [1.0, 0.5]
    assert bases == [0.5]


@pytest.mark.parametrize("multiplier", [1, 2])
def test_a_metric_directly_after_a_jump_over_the_ramp_starts_at_the_peak(multiplier: int) -> None:
    optimizer = optimizer_of(1.0)
    scheduler = GradualWarmupScheduler(optimizer, multiplier, 3, compat.ReduceLROnPlateau(optimizer, patience=1))

    optimizer.step()
    with pytest.warns(UserWarning, match="The epoch parameter in"):
        scheduler.step(5, metrics=1.0)

    assert lrs(scheduler) == [multiplier]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_plateau_after_no_ramp_observes_from_the_first_step_on(library: Any) -> None:
    optimizer = optimizer_of(1.0)
    scheduler = GradualWarmupScheduler(optimizer, 1, 0, library.ReduceLROnPlateau(optimizer, factor=0.5, patience=0))
    rows = [lrs(scheduler)]
    for metric in (1.0, 1.0, 0.5, 0.5):
        optimizer.step()
        scheduler.step(metrics=metric)
        rows.append(lrs(scheduler))

    assert rows == [[1.0], [1.0], [0.5], [0.5], [0.25]]


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")  # of torch, about the loss
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_scheduler_keeps_no_metric_which_a_copy_could_not_contain(library: Any) -> None:
    optimizer = optimizer_of(1.0)
    scheduler = GradualWarmupScheduler(optimizer, 1, 0, library.ReduceLROnPlateau(optimizer))
    loss = 2 * torch.ones(1, requires_grad=True).sum()

    optimizer.step()
    scheduler.step(metrics=loss)

    assert lrs(copy.deepcopy(scheduler)) == [1.0]


def test_a_state_without_an_after_scheduler_is_restored() -> None:
    scheduler = stepped(GradualWarmupScheduler(optimizer_of(0.1), 2, 5), 3)
    restored = GradualWarmupScheduler(optimizer_of(0.1), 3, 7)

    restored.load_state_dict(scheduler.state_dict())

    assert (restored.last_epoch, lrs(restored)) == (3, lrs(scheduler))
    assert curve(restored, 4) == curve(scheduler, 4)


def test_get_lr_after_the_ramp_warns_and_returns_the_values_of_the_groups() -> None:
    optimizer = optimizer_of(0.1)
    scheduler = stepped(GradualWarmupScheduler(optimizer, 1, 2, after_scheduler=compat.StepLR(optimizer, 1, 0.5)), 4)

    with pytest.warns(UserWarning, match="get_last_lr"):
        assert scheduler.get_lr() == [group["lr"] for group in optimizer.param_groups] == [0.025]


OF_TORCH = {
    "StepLR": lambda d: {"step_size": d.length()},
    "ExponentialLR": lambda d: {"gamma": d.gamma()},
    "LinearLR": lambda d: {"start_factor": d.share(), "total_iters": d.length()},
    "CosineAnnealingLR": lambda d: {"T_max": 40},
}


FIELDS = ("lr", "momentum", "betas", "swa_lr")


class Program:
    """The arguments of a scheduler and of its optimizer."""

    def __init__(self, seed: str) -> None:
        self.draw = draw = Draw(seed)
        self.groups = draw.groups = draw.randint(1, 3)
        self.kind = draw.choice(OPTIMIZERS)
        self.length = draw.randint(0, 6)
        self.ramp = {
            "multiplier": draw.choice([1, 1.0, 2, 4.5]),
            draw.choice(["total_epoch", "warmup_epoch"]): self.length,
        }
        self.rates = [draw.choice([0.1, 0.5, draw.lr()]) for _ in range(self.groups)]
        match draw.choice(["none", "torch", "generated", "generated", "generated"]):
            case "none":
                self.description = ""
                self.after = lambda optimizer: None
            case "torch":
                name = draw.choice([*OF_TORCH])
                self.description = name, OF_TORCH[name](draw)
                self.after = lambda optimizer: getattr(TORCH, name)(optimizer, **self.description[1])
            case _:
                self.description, self.after = generated_scheduler(draw)
        self.calls = [(draw.choice([*CALLS, "step to"]), draw.randint(0, 14)) for _ in range(draw.randint(3, 12))]

    def built(self, *late: float) -> Any:
        """Return the scheduler for an optimizer that also has groups with the rates `late`."""
        rates = [*self.rates, *late]
        optimizer = self.kind([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in rates])
        has_cycle = any(name in repr(self.description) for name in ("OneCycleLR", "CyclicLR"))
        return GradualWarmupScheduler(
            optimizer, after_scheduler=self.after(optimizer), base_lr=rates if has_cycle else None, **self.ramp
        )

    def stepped(self, steps: int) -> Any:
        scheduler, _ = run(self.built)
        for _ in range(steps):
            run(scheduler.step)
        return scheduler


def rows(scheduler: Any) -> list[list[Any]]:
    return [[group[key] for key in FIELDS if key in group] for group in scheduler.optimizer.param_groups]


def test_a_late_group_changes_no_other_group_and_a_resumed_run_goes_on_with_it() -> None:
    for seed in range(20 * settings().max_examples):
        program = Program(f"resumed{seed}")
        draw = program.draw
        late_step = draw.randint(0, 12)
        rate = draw.choice([program.rates[-1], draw.lr()])
        alone, whole, resumed = (program.stepped(late_step) for _ in range(3))
        for scheduler in (whole, resumed):
            scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate})
        for index, (call, epoch) in enumerate(program.calls):
            place = seed, program.ramp, program.description, late_step, program.calls[: index + 1]
            if call in ("step", "step to"):
                after_call(call, alone, epoch, program.built)
                after_call(call, whole, epoch, program.built)
            resumed = after_call(call, resumed, epoch, partial(program.built, rate))
            assert same(rows(whole)[:-1], rows(alone)), place
            assert same(rows(resumed), rows(whole)), place


def test_a_late_group_like_the_last_one_has_its_values_after_any_call() -> None:
    for seed in range(40 * settings().max_examples):
        program = Program(f"like{seed}")
        late_step = program.draw.randint(0, 2 * program.length + 3)
        scheduler = program.stepped(late_step)
        if any(name in repr(program.description) for name in ("OneCycleLR", "CyclicLR")):
            continue  # a cycle has bounds of its own, which the ramp does not have
        last = scheduler.optimizer.param_groups[-1]
        entries = {key: copy.deepcopy(last[key]) for key in FIELDS if key in last}
        if late_step < program.length:
            entries["lr"] = program.rates[-1]  # in the ramp this is the base
        elif float(last["lr"]) == 0:
            continue  # its factor is unknown
        scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], **entries})
        run(scheduler.step)
        for index, (call, epoch) in enumerate(program.calls):
            scheduler = after_call(call, scheduler, epoch, partial(program.built, program.rates[-1]))
            *_, expected, actual = rows(scheduler)
            assert same(actual, expected), (
                seed,
                program.ramp,
                program.description,
                late_step,
                program.calls[: index + 1],
            )
