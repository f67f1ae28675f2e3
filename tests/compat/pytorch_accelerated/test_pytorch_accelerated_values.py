"""Values compared with pytorch-accelerated where it follows its documentation, and its two printed schedulers."""

# ruff: noqa: C401, RET503, RET504, UP034 - as printed

import io
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from paramsched.compat import pytorch_accelerated as drop_in
from paramsched.compat.pytorch_accelerated import SchedulerBase, StatefulSchedulerBase
from support.examples import examples

library = pytest.importorskip("pytorch_accelerated.schedulers")
trainer = pytest.importorskip("pytorch_accelerated.trainer")
pytest.importorskip("pytorch_accelerated.schedulers.wsd_scheduler")

BASES = st.lists(st.floats(1e-4, 10.0), min_size=1, max_size=3)


def optimizer_of(*bases: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": base} for base in bases], lr=1.0)


def curve(scheduler: Any, times: Any) -> list[list[float]]:
    return [list(scheduler.get_updated_values(n)) for n in times]


def used_by(scheduler: Any, updates: int) -> list[list[float]]:
    """Return the values of all groups before each update, from the constructor on."""
    rows = []
    for _ in range(updates):
        rows.append([group["lr"] for group in scheduler.optimizer.param_groups])
        scheduler.step()
    return rows


@pytest.mark.parametrize("module", ["scheduler_base", "cosine_scheduler", "wsd_scheduler"])
def test_each_class_and_function_is_in_the_module_of_the_same_name(module: str) -> None:
    original = import_module(f"{library.__name__}.{module}")
    drop_in_module = import_module(f"{drop_in.__name__}.{module}")
    names = [name for name, value in vars(original).items() if getattr(value, "__module__", "") == original.__name__]

    assert [getattr(drop_in_module, name).__module__ for name in names] == [drop_in_module.__name__] * len(names) != []


@st.composite
def cosines(draw: st.DrawFn) -> dict[str, Any]:
    total = draw(st.integers(2, 12))
    return {
        "total_num_epochs": total,
        "num_update_steps_per_epoch": draw(st.integers(1, 12)),
        "k_decay": draw(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0])),
        "lr_min": draw(st.floats(0, 1e-4)),
        "min_lr_ratio": draw(st.none() | st.floats(0, 1)),
        "num_cooldown_epochs": draw(st.integers(0, total - 1)),
    }


@given(cosines(), BASES)
@examples(60)
def test_a_cosine_without_warmup_equals_the_library(arguments: dict[str, Any], bases: list[float]) -> None:
    scheduler = drop_in.CosineLrScheduler(optimizer_of(*bases), **arguments)
    original = library.CosineLrScheduler(optimizer_of(*bases), **arguments)
    updates = scheduler.total_iterations + 5

    assert used_by(scheduler, updates) == used_by(original, updates)


@given(cosines(), st.integers(1, 6), st.floats(0, 1e-4), BASES)
@examples(60)
def test_a_warmup_equals_the_library_until_the_library_leaves_the_cosine(
    arguments: dict[str, Any], warmup: int, start: float, bases: list[float]
) -> None:
    arguments |= {"num_warmup_epochs": warmup, "warmup_starting_lr": start, "num_cooldown_epochs": 0}
    assume(2 * warmup < arguments["total_num_epochs"])
    scheduler = drop_in.CosineLrScheduler(optimizer_of(*bases), **arguments)
    original = library.CosineLrScheduler(optimizer_of(*bases), **arguments)
    left = scheduler.total_iterations - scheduler.warmup_iterations
    times = [*range(left), *range(scheduler.total_iterations, scheduler.total_iterations + 3)]

    assert curve(scheduler, times) == curve(original, times)


@st.composite
def stables(draw: st.DrawFn) -> dict[str, Any]:
    checkpoints = draw(st.sampled_from([1, 3]))
    return {
        "total_steps": 4 * draw(st.integers(8, 60)),
        "num_warmup_steps": draw(st.integers(0, 12)),
        "decay_phase_ratio": draw(st.floats(0.13, 1 if checkpoints == 1 else 0.33)),
        "lr_min": draw(st.floats(1e-6, 1)),
        "warmup_starting_lr": draw(st.floats(0, 1e-4)),
        "use_inverse_sqrt_decay": draw(st.booleans()),
        "num_checkpoints": checkpoints,
        "is_continuation_from_checkpoint": draw(st.booleans()),
    }


@given(stables(), BASES)
@examples(80)
def test_wsd_equals_the_library_for_one_and_for_three_checkpoints(
    arguments: dict[str, Any], bases: list[float]
) -> None:
    scheduler = drop_in.WSDLrScheduler(optimizer_of(*bases), **arguments)
    original = library.WSDLrScheduler(optimizer_of(*bases), **arguments)
    times = range(scheduler.total_steps + 5)

    assert scheduler.get_checkpoint_steps() == original.get_checkpoint_steps()
    assert scheduler.get_decay_info() == original.get_decay_info()
    assert [scheduler.get_phase_info(n) for n in times] == [original.get_phase_info(n) for n in times]
    assert curve(scheduler, times) == curve(original, times)


@given(cosines(), BASES, st.integers(0, 40), st.booleans())
@examples(40)
def test_either_library_s_cosine_state_continues_in_the_other(
    arguments: dict[str, Any], bases: list[float], steps: int, to_drop_in: bool
) -> None:
    saver, loader = (library, drop_in) if to_drop_in else (drop_in, library)
    saved = saver.CosineLrScheduler(optimizer_of(*bases), **arguments)
    resumed = loader.CosineLrScheduler(optimizer_of(*bases), total_num_epochs=1, num_update_steps_per_epoch=1)
    for _ in range(steps):
        saved.step()

    resumed.load_state_dict(saved.state_dict())
    saved.step()
    resumed.step()

    lrs = [[group["lr"] for group in scheduler.optimizer.param_groups] for scheduler in (saved, resumed)]
    assert lrs[0] == lrs[1]


@given(st.lists(st.integers(1, 9), min_size=5, max_size=5), st.integers(0, 9))
def test_placeholders_are_replaced_as_by_the_library(numbers: list[int], factor: int) -> None:
    config = SimpleNamespace(
        num_epochs=numbers[0],
        num_update_steps_per_epoch=numbers[1],
        num_local_update_steps_per_epoch=numbers[2],
    )
    loaders = {"_train_dataloader": range(numbers[3]), "_eval_dataloader": range(numbers[4])}
    run = SimpleNamespace(run_config=config, **loaders)

    # Placeholders of either library in the replacement of either.
    for values in (drop_in.TrainerPlaceholderValues, trainer.TrainerPlaceholderValues):
        site = {}
        for placeholder in values:
            site |= {placeholder.name: placeholder, f"{placeholder.name}*": placeholder * factor}
            site |= {f"{placeholder.name}+": placeholder + factor}
        replaced = drop_in.replace_trainer_placeholder_values(run, partial(dict, other="text", **site))()
        original = trainer.replace_trainer_placeholder_values(run, partial(dict, other="text", **site))()

        assert replaced == original
    assert drop_in.TrainerPlaceholderValues.placeholder_set() == trainer.TrainerPlaceholderValues.placeholder_set()


COSINES: list[tuple[dict[str, Any], dict[int, float]]] = [
    (
        {},
        {0: 0.1, 1: 0.0999753283, 25: 0.0853554855, 50: 0.0500005, 75: 0.0146455145, 99: 2.5671735e-05, 100: 1e-06},
    ),
    (
        {"num_warmup_epochs": 2},
        {
            0: 1e-06,
            1: 0.00500095,
            10: 0.0500005,
            19: 0.09500005,
            20: 0.1,
            21: 0.0999614522,
            60: 0.0500005,
            99: 3.95478025e-05,
            100: 1e-06,
        },
    ),
    (
        {"num_warmup_epochs": 2, "num_cooldown_epochs": 1},
        {0: 1e-06, 10: 0.0500005, 20: 0.1, 55: 0.0500005, 89: 5.13461695e-05, 90: 1e-06, 95: 1e-06, 500: 1e-06},
    ),
    (
        {"num_warmup_epochs": 2, "warmup_starting_lr_ratio": 0.5},
        {0: 0.05, 5: 0.0625, 10: 0.075, 15: 0.0875, 19: 0.0975, 20: 0.1, 60: 0.0500005},
    ),
]


@pytest.mark.parametrize(("arguments", "expected"), COSINES)
def test_a_cosine_over_100_updates_has_the_documented_values(
    arguments: dict[str, Any], expected: dict[int, float]
) -> None:
    scheduler = drop_in.CosineLrScheduler(optimizer_of(0.1), 10, 10, **arguments)

    actual = {n: scheduler.get_updated_values(n)[0] for n in expected}

    assert actual == pytest.approx(expected, rel=1e-8)  # the table has nine digits


# ruff: noqa: C401, RET503, RET504, UP034 - as printed


# fmt: off
class MilestoneLrScheduler(StatefulSchedulerBase):
    def __init__(
        self, optimizer, gamma=0.5, epoch_milestones=(2, 4, 5), num_steps_per_epoch=100
    ):
        super().__init__(optimizer, param_group_field="lr")
        self.milestones = set(
            (num_steps_per_epoch * milestone for milestone in epoch_milestones)
        )
        self.gamma = gamma

    def get_updated_values(self, num_updates: int):
        if num_updates in self.milestones:
            lr_values = [
                group[self.param_group_field] for group in self.optimizer.param_groups
            ]
            updated_lrs = [lr * self.gamma for lr in lr_values]
            return updated_lrs


class StepWdScheduler(StatefulSchedulerBase):
    def __init__(self, optimizer, n=1000, gamma=1.1):
        super().__init__(optimizer, param_group_field="weight_decay")
        self.n = n
        self.gamma = gamma

    def get_updated_values(self, num_updates: int):
        if num_updates % self.n == 0 and num_updates > 0:
            wd_values = [
                group[self.param_group_field] for group in self.optimizer.param_groups
            ]
            updated_wd_values = [wd * self.gamma for wd in wd_values]
            return updated_wd_values
# fmt: on


def documented_optimizer(lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1)], lr=lr, weight_decay=0.01)


def used(scheduler: StatefulSchedulerBase, updates: int) -> list[float]:
    """Return the value each update uses, read before each step as in a loop."""
    values = []
    for _ in range(updates):
        values.append(scheduler.optimizer.param_groups[0][scheduler.param_group_field])
        scheduler.step()
    return values


@pytest.mark.parametrize("first", [0, 1])
def test_the_milestone_scheduler_changes_at_its_milestones(first: int) -> None:
    scheduler = MilestoneLrScheduler(documented_optimizer())
    scheduler.first_update = first
    late = 1 - first
    lengths = [200 + late, 200, 100, 100]

    expected = [value for value, n in zip((0.1, 0.05, 0.025, 0.0125), lengths, strict=True) for _ in range(n)]

    assert used(scheduler, sum(lengths)) == expected


@pytest.mark.parametrize("first", [0, 1])
def test_the_weight_decay_scheduler_grows_every_1000_updates(first: int) -> None:
    scheduler = StepWdScheduler(documented_optimizer())
    scheduler.first_update = first
    late = 1 - first

    values = used(scheduler, 3000)

    assert values[: 1000 + late] == [0.01] * (1000 + late)
    assert values[1000 + late : 2000 + late] == pytest.approx([0.011] * 1000)
    assert values[2000 + late :] == pytest.approx([0.0121] * (1000 - late))


class Inverse:
    """f(n) = 1 / (n + 1)."""

    def get_updated_values(self, num_updates: int) -> float:
        return 1 / (num_updates + 1)


@pytest.mark.parametrize("base_class", [StatefulSchedulerBase, SchedulerBase])
def test_the_printed_loops_train(base_class: type) -> None:
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_func = torch.nn.functional.mse_loss
    train_dataloader = [(torch.ones(2, 1), torch.zeros(2, 1))] * 3
    num_epochs = 2
    num_update_steps_per_epoch = len(train_dataloader)
    scheduler = type("Decaying", (Inverse, base_class), {"first_update": 1})(optimizer)
    lrs = []

    # fmt: off
    if base_class is StatefulSchedulerBase:
        for current_epoch, epoch in enumerate(range(num_epochs)):  # noqa: B007  # printed without range
            for batch in train_dataloader:
                xb, yb = batch
                predictions = model(xb)
                loss = loss_func(predictions, yb)

                loss.backward()
                optimizer.step()

                scheduler.step()
                lrs.append(optimizer.param_groups[0]["lr"])
    else:
        for current_epoch, epoch in enumerate(range(num_epochs)):  # noqa: B007  # printed without range
            num_updates = current_epoch * num_update_steps_per_epoch
            for batch in train_dataloader:
                xb, yb = batch
                predictions = model(xb)
                loss = loss_func(predictions, yb)

                loss.backward()
                optimizer.step()

                num_updates +=1
                scheduler.step_update(num_updates)
                lrs.append(optimizer.param_groups[0]["lr"])
    # fmt: on

    assert lrs == [1 / (n + 1) for n in range(1, 7)]


@pytest.mark.parametrize("optimizer_first", [True, False])
@pytest.mark.parametrize("saved_after", [0, 150, 201, 450])
def test_a_milestone_run_resumes_in_any_order(saved_after: int, optimizer_first: bool) -> None:
    whole = MilestoneLrScheduler(documented_optimizer())
    stopped = MilestoneLrScheduler(documented_optimizer())
    expected = used(whole, 600)[saved_after:]
    used(stopped, saved_after)
    buffer = io.BytesIO()
    torch.save([stopped.optimizer.state_dict(), stopped.state_dict()], buffer)
    buffer.seek(0)
    optimizer_state, state = torch.load(buffer, weights_only=True)

    optimizer = documented_optimizer(lr=0.7)
    if optimizer_first:
        optimizer.load_state_dict(optimizer_state)
    resumed = MilestoneLrScheduler(optimizer)
    resumed.load_state_dict(state)
    if not optimizer_first:
        optimizer.load_state_dict(optimizer_state)

    assert used(resumed, 600 - saved_after) == expected
