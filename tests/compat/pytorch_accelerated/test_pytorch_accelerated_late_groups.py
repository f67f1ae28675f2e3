"""Groups that are added during a run of any stateful scheduler: their values, and those of a resumed run."""

import warnings
from functools import partial
from typing import Any

import torch
from hypothesis import settings

from paramsched.compat.pytorch_accelerated import CosineLrScheduler, StatefulSchedulerBase, WSDLrScheduler
from support.drawn_programs import OPTIMIZERS, Draw, after_call, run, same


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


def built(kind: Any, options: dict[str, Any], of_optimizer: Any, first: int, rates: list[float]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = kind(of_optimizer(map(group, rates)), **options)
    scheduler.first_update = first
    return scheduler


def rows(scheduler: Any) -> list[list[float]]:
    return [[group["lr"], group["weight_decay"]] for group in scheduler.optimizer.param_groups]


def test_a_late_group_changes_no_other_group_and_has_the_values_of_an_early_one_also_in_a_resumed_run() -> None:
    for seed in range(10 * settings().max_examples):
        draw = Draw(f"accelerated{seed}")
        kind = draw.choice([*CLASSES])
        options = {key: value(draw) for key, value in CLASSES[kind].items()}
        rates, late = [draw.lr() for _ in range(draw.randint(1, 3))], draw.lr()
        new = partial(built, kind, options, draw.choice(OPTIMIZERS), draw.randint(0, 1))
        early, scheduler = new([*rates, late]), new(rates)
        at = draw.randint(0, 9)
        for _ in range(at):
            early.step()
            scheduler.step()
        assert rows(scheduler) == rows(early)[:-1], (seed, kind, options, at)
        scheduler.optimizer.add_param_group(group(late))
        calls: list[str] = []
        for _ in range(draw.randint(3, 12)):
            calls.append(draw.choice(["step"] * 4 + ["copy", "deepcopy", "pickle", "load"]))
            scheduler = after_call(calls[-1], scheduler, 0, partial(new, [*rates, late]))
            if calls[-1] == "step":
                run(early.step)
            known = None if "step" in calls else -1  # the late group joins at the next step
            assert same(rows(scheduler)[:known], rows(early)[:known]), (seed, kind, options, at, calls)
