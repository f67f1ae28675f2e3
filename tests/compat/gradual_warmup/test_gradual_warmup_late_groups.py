"""Groups that are added during a run of any GradualWarmupScheduler: their values, and those of a resumed run."""

import copy
from functools import partial
from typing import Any

import torch
from hypothesis import settings

from paramsched.compat.gradual_warmup import GradualWarmupScheduler
from support.drawn_programs import CALLS, OPTIMIZERS, Draw, after_call, drawn_scheduler, run, same
from support.torch_cases import PEER

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
        match draw.choice(["none", "torch", "drawn", "drawn", "drawn"]):
            case "none":
                self.description, self.after = "", lambda optimizer: None
            case "torch":
                name = draw.choice([*OF_TORCH])
                self.description = name, OF_TORCH[name](draw)
                self.after = lambda optimizer: getattr(PEER, name)(optimizer, **self.description[1])
            case _:
                self.description, self.after = drawn_scheduler(draw)
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
        at, rate = draw.randint(0, 12), draw.choice([program.rates[-1], draw.lr()])
        alone, whole, resumed = (program.stepped(at) for _ in range(3))
        for scheduler in (whole, resumed):
            scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate})
        for index, (call, epoch) in enumerate(program.calls):
            place = seed, program.ramp, program.description, at, program.calls[: index + 1]
            if call in ("step", "step to"):
                after_call(call, alone, epoch, program.built)
                after_call(call, whole, epoch, program.built)
            resumed = after_call(call, resumed, epoch, partial(program.built, rate))
            assert same(rows(whole)[:-1], rows(alone)), place
            assert same(rows(resumed), rows(whole)), place


def test_a_late_group_like_the_last_one_has_its_values_after_any_call() -> None:
    for seed in range(40 * settings().max_examples):
        program = Program(f"like{seed}")
        at = program.draw.randint(0, 2 * program.length + 3)
        scheduler = program.stepped(at)
        last = scheduler.optimizer.param_groups[-1]
        entries = {key: copy.deepcopy(last[key]) for key in FIELDS if key in last}
        if at < program.length:
            entries["lr"] = program.rates[-1]  # in the ramp this is the base
        elif float(last["lr"]) == 0:
            continue  # its factor is unknown
        scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], **entries})
        run(scheduler.step)
        for index, (call, epoch) in enumerate(program.calls):
            scheduler = after_call(call, scheduler, epoch, partial(program.built, program.rates[-1]))
            *_, expected, found = rows(scheduler)
            assert same(found, expected), (seed, program.ramp, program.description, at, program.calls[: index + 1])
