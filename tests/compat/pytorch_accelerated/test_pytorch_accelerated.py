"""The base classes of pytorch-accelerated: values, steps, states, late groups, and subclasses of a user."""

import copy
import pickle
import warnings
from collections import defaultdict
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import settings
from pytorch_accelerated.schedulers import scheduler_base as original

import paramsched.compat.pytorch_accelerated as drop_in
from paramsched.compat.pytorch_accelerated import (
    CosineLrScheduler,
    SchedulerBase,
    StatefulSchedulerBase,
    TrainerPlaceholderValues,
    WSDLrScheduler,
    estimate_checkpoint_steps,
)
from paramsched.errors import InvalidArgument, UnknownField
from support.generated_programs import OPTIMIZERS, Draw, after_call, run, same
from support.tables import table


def sgd(*groups):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], **group} for group in groups or ({"lr": 0.4},)]
    return torch.optim.SGD(groups, lr=0.1)


def values(optimizer, field="lr"):
    return [float(group[field]) for group in optimizer.param_groups]


class Fixed(SchedulerBase):
    """A scheduler that returns what is set."""

    answer = None

    def get_updated_values(self, num_updates):
        return self.answer(num_updates) if callable(self.answer) else self.answer


class Counting(StatefulSchedulerBase):
    def get_updated_values(self, num_updates):
        return [base + num_updates for base in self.base_lr_values]


def test_the_constructor_writes_the_initial_values():
    optimizer = sgd({"lr": 0.4}, {"lr": 0.1, "initial_lr": 0.3})

    scheduler = Fixed(optimizer)

    assert values(optimizer) == values(optimizer, "initial_lr") == scheduler.base_lr_values == [0.4, 0.3]
    weight_decays = Fixed(sgd({"weight_decay": 0.2}), param_group_field="weight_decay")
    assert weight_decays.optimizer.param_groups[0]["initial_weight_decay"] == 0.2
    assert weight_decays._initial_param_group_field == "initial_weight_decay"  # the library's attribute


def test_a_missing_field_is_refused_before_any_write():
    optimizer = sgd({"lr": 0.4, "momentm": 0.1}, {})

    with pytest.raises(UnknownField, match=r"momentm missing from param_groups\[1\]"):
        Fixed(optimizer, "momentm")
    assert "initial_momentm" not in optimizer.param_groups[0]


def test_a_tensor_is_filled_and_saved_as_a_number():
    optimizer = sgd({"lr": torch.tensor(0.5)})
    kept = optimizer.param_groups[0]["lr"]
    scheduler = Counting(optimizer)

    scheduler.step()
    scheduler.step()

    assert optimizer.param_groups[0]["lr"] is kept
    assert kept.item() == 1.5
    (saved,) = scheduler.state_dict()["param_group_values"]
    assert (saved, type(saved)) == (1.5, float)
    assert scheduler.base_lr_values == [0.5]


def test_a_state_restores_bases_counts_and_values():
    first = Counting(sgd({"lr": 0.4}, {"lr": 0.2}))
    first.first_update = 1
    first.step()
    state = first.state_dict()
    kept = copy.deepcopy(state)
    second = Counting(sgd({"lr": 3.0}, {"lr": 4.0}))

    second.load_state_dict(state)

    assert state == kept
    assert values(second.optimizer) == values(first.optimizer) == pytest.approx([1.4, 1.2])
    first.step(), second.step()
    assert values(second.optimizer) == values(first.optimizer) == pytest.approx([2.4, 2.2])
    assert second.first_update == 1
    assert "optimizer" not in state
    assert state["base_lr_values"] is not first.base_lr_values


def test_a_state_of_other_groups_keeps_the_bases_and_values():
    state = Counting(sgd({"lr": 0.4}, {"lr": 0.2})).state_dict()
    scheduler = Counting(sgd({"lr": 3.0}))

    scheduler.load_state_dict(state | {"_num_updates": 4})
    scheduler.step()

    assert values(scheduler.optimizer) == [8.0]


def test_a_state_from_before_a_late_group_restores_the_values_of_all_groups():
    scheduler = CosineLrScheduler(sgd(), 5, 4)
    state = CosineLrScheduler(sgd(), 5, 4).state_dict() | {"num_updates": 10}
    scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1})

    scheduler.load_state_dict(state)

    assert values(scheduler.optimizer) == pytest.approx([0.2, 0.05], abs=1e-6)


def test_a_continuation_starts_anew_with_the_checkpoints_of_its_own_length():
    saved = WSDLrScheduler(sgd(), total_steps=50, num_checkpoints=2)
    continued = WSDLrScheduler(sgd(), total_steps=200, is_continuation_from_checkpoint=True)
    for scheduler in (saved, continued):
        for _ in range(3):
            scheduler.step()
    saved.previous_checkpoint_step = 2

    continued.load_state_dict(saved.state_dict())

    assert (continued.get_current_step(), continued.previous_checkpoint_step) == (-1, None)
    assert continued.get_checkpoint_steps() == estimate_checkpoint_steps(200, 2)
    assert [decay["period_end"] for decay in continued.get_decay_info()] == continued.get_checkpoint_steps()


@table(
    ("total", "count", "expected"),
    [(100, 1, [100]), (100, 2, [50, 100]), (100, 3, [25, 50, 100]), (7, 3, [1, 3, 7]), (4, 3, [1, 2, 4])],
)
def test_each_checkpoint_is_at_about_twice_the_previous_one(total, count, expected):
    assert estimate_checkpoint_steps(total, count) == expected
    with pytest.raises(InvalidArgument, match=f"Write num_checkpoints={total.bit_length()} at most"):
        estimate_checkpoint_steps(total, total.bit_length() + 1)


def test_the_periods_of_a_run_are_found_by_update():
    scheduler = WSDLrScheduler(sgd(), total_steps=40, num_checkpoints=2, decay_phase_ratio=0.25)
    scheduler.first_update = 1

    first, second = scheduler.get_decay_info()
    assert first == {"period_start": 0, "period_end": 20, "decay_steps": 5, "pre_decay_step": 15}
    assert second == {"period_start": 20, "period_end": 40, "decay_steps": 5, "pre_decay_step": 35}
    assert [scheduler.get_phase_info(n) == first for n in (1, 20, 21, 40, 99)] == [True, True, False, False, False]
    assert [scheduler._get_checkpoint_info(n) for n in (0, 19, 20, 39, 45)] == [
        (20, 0),
        (20, 19),
        (20, 0),
        (20, 19),
        (20, 25),
    ]
    assert (scheduler.get_checkpoint_steps(), scheduler.get_current_step()) == ([20, 40], -1)
    seen = []
    for _ in range(36):
        scheduler.step()
        seen.append((scheduler.get_current_step(), scheduler.previous_checkpoint_step))
    assert seen[0] == (0, None)
    assert [kept for _, kept in seen[:16]] == [None] * 13 + [14] * 3
    assert seen[-1] == (35, 34)
    assert scheduler.get_current_phase_info() == second
    first["period_start"] = 7
    assert scheduler.get_decay_info()[0]["period_start"] == 0


# ---------------------------------------------------------------- arguments and messages


def test_a_warmup_of_none_is_a_hundredth_of_the_run_and_may_start_at_the_highest_base():
    scheduler = WSDLrScheduler(sgd(), total_steps=250, num_warmup_steps=None, warmup_starting_lr=0.4)

    assert scheduler.num_warmup_steps == 2


@table("placeholder", [TrainerPlaceholderValues.NUM_EPOCHS, TrainerPlaceholderValues.NUM_EPOCHS * 2])
def test_a_placeholder_is_refused_with_its_argument_before_any_write(placeholder):
    optimizer = sgd()

    with pytest.raises(InvalidArgument, match=r"CosineLrScheduler\(total_num_epochs=…\)"):
        CosineLrScheduler(optimizer, placeholder, 10)
    assert "initial_lr" not in optimizer.param_groups[0]


def test_a_decay_of_a_third_of_its_period_is_accepted():
    scheduler = WSDLrScheduler(sgd(), total_steps=60, num_checkpoints=2, decay_phase_ratio=1 / 3)

    assert [period["decay_steps"] for period in scheduler.get_decay_info()] == [10, 10]


@table(
    "act",
    [int, float, lambda value: value < 1, lambda value: value <= 1, lambda value: value > 1, lambda value: [0][value]],
)
def test_a_placeholder_that_is_used_as_a_number_names_itself(act):
    for placeholder in (TrainerPlaceholderValues.NUM_EPOCHS, TrainerPlaceholderValues.NUM_EPOCHS * 2):
        with pytest.raises(InvalidArgument, match="NUM_EPOCHS is a placeholder for"):
            act(placeholder)


class Ratio(StatefulSchedulerBase):
    """A user's scheduler of one field."""

    def get_updated_values(self, num_updates: int) -> list[float]:
        return [base * 0.9**num_updates for base in self.base_lr_values]


CLASSES: dict[Any, dict[str, Any]] = {
    CosineLrScheduler: {
        "total_num_epochs": lambda d: d.randint(8, 20),
        "num_update_steps_per_epoch": lambda d: 1,
        "k_decay": lambda d: d.choice([1.0, 1.5]),
        "lr_min": Draw.low,
        "min_lr_ratio": lambda d: d.choice([None, d.low()]),
        "num_warmup_epochs": Draw.count,
        "warmup_starting_lr": Draw.low,
        "warmup_starting_lr_ratio": lambda d: d.choice([None, d.share()]),
        "num_cooldown_epochs": Draw.count,
    },
    WSDLrScheduler: {
        "total_steps": lambda d: d.randint(8, 20),
        "num_warmup_steps": Draw.count,
        "decay_phase_ratio": lambda d: d.choice([0, 0.1, 0.3]),
        "lr_min": Draw.low,
        "warmup_starting_lr": lambda d: d.choice([0, 0.01]),
        "use_inverse_sqrt_decay": Draw.flag,
        "num_checkpoints": lambda d: d.randint(1, 3),
    },
    Ratio: {"param_group_field": lambda d: d.choice(["lr", "weight_decay"])},
}


def group(lr: float) -> dict[str, Any]:
    return {"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr, "weight_decay": lr / 8}


def built(scheduler_class: Any, options: dict[str, Any], of_optimizer: Any, first: int, rates: list[float]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = scheduler_class(of_optimizer(map(group, rates)), **options)
    scheduler.first_update = first
    return scheduler


def rows(scheduler: Any) -> list[list[float]]:
    return [[group["lr"], group["weight_decay"]] for group in scheduler.optimizer.param_groups]


def test_a_late_group_changes_no_other_group_and_has_the_values_of_an_early_one_also_in_a_resumed_run() -> None:
    for seed in range(10 * settings().max_examples):
        draw = Draw(f"accelerated{seed}")
        scheduler_class = draw.choice([*CLASSES])
        options = {key: value(draw) for key, value in CLASSES[scheduler_class].items()}
        rates = [draw.lr() for _ in range(draw.randint(1, 3))]
        late = draw.lr()
        new = partial(built, scheduler_class, options, draw.choice(OPTIMIZERS), draw.randint(0, 1))
        early = new([*rates, late])
        scheduler = new(rates)
        late_step = draw.randint(0, 9)
        for _ in range(late_step):
            early.step()
            scheduler.step()
        assert rows(scheduler) == rows(early)[:-1], (seed, scheduler_class, options, late_step)
        scheduler.optimizer.add_param_group(group(late))
        calls: list[str] = []
        for _ in range(draw.randint(3, 12)):
            calls.append(draw.choice(["step"] * 4 + ["copy", "deepcopy", "pickle", "load"]))
            scheduler = after_call(calls[-1], scheduler, 0, partial(new, [*rates, late]))
            if calls[-1] == "step":
                run(early.step)
            comparable = None if "step" in calls else -1  # the late group joins at the next step
            assert same(rows(scheduler)[:comparable], rows(early)[:comparable]), (
                seed,
                scheduler_class,
                options,
                late_step,
                calls,
            )


def kinds(m):
    class NeverBuilt(m.SchedulerBase):
        """A class that never calls the constructor."""

        def __init__(self, optimizer):
            self.optimizer = optimizer
            self.param_group_field = "lr"

        def get_updated_values(self, num_updates):
            return 0.1 * 0.5**num_updates

    class OwnBases(NeverBuilt):
        """A class that never calls the constructor and stores the bases itself."""

        def __init__(self, optimizer):
            super().__init__(optimizer)
            self.base_lr_values = [group["lr"] for group in optimizer.param_groups]

    class StepsItself(m.StatefulSchedulerBase):
        """A class that counts and writes on its own and contains its own containers."""

        def __init__(self, optimizer):
            self.optimizer = optimizer
            self.updates = 0
            self.seen = defaultdict(list)

        def get_updated_values(self, num_updates):
            return None

        def step(self):
            self.updates += 1
            self.seen["lr"].append(0.1 / self.updates)
            for group in self.optimizer.param_groups:
                group["lr"] = 0.1 / self.updates

        def state_dict(self):
            return super(m.StatefulSchedulerBase, self).state_dict()

        def load_state_dict(self, state):
            super(m.StatefulSchedulerBase, self).load_state_dict(state)

    for scheduler_class in (actual := (NeverBuilt, OwnBases, StepsItself)):
        scheduler_class.__qualname__ = f"{'ON_DROP_IN' if m is drop_in else 'ON_LIBRARY'}.{scheduler_class.__name__}"
    return type("Kinds", (), {scheduler_class.__name__: scheduler_class for scheduler_class in actual})


ON_LIBRARY = kinds(original)
ON_DROP_IN = kinds(drop_in)


def run_of_pytorch_accelerated_subclasses(scheduler_class, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = scheduler_class(optimizer)
    for n in range(1, steps + 1):
        scheduler.step() if scheduler_class.__name__ == "StepsItself" else scheduler.step_update(n)
    return scheduler


@pytest.mark.parametrize("name", ["NeverBuilt", "OwnBases", "StepsItself"])
def test_a_subclass_steps_saves_copies_and_loads_as_on_the_classes_of_the_library(name):
    of_library = run_of_pytorch_accelerated_subclasses(getattr(ON_LIBRARY, name), 3)
    scheduler = run_of_pytorch_accelerated_subclasses(getattr(ON_DROP_IN, name), 3)

    assert scheduler.optimizer.param_groups[0]["lr"] == of_library.optimizer.param_groups[0]["lr"]
    assert of_library.state_dict().items() <= scheduler.state_dict().items()
    fresh = run_of_pytorch_accelerated_subclasses(getattr(ON_DROP_IN, name), 0)
    fresh.load_state_dict(of_library.state_dict())
    fresh.load_state_dict(copy.deepcopy(scheduler).state_dict())
    assert pickle.loads(pickle.dumps(fresh)).state_dict().keys() == scheduler.state_dict().keys()
