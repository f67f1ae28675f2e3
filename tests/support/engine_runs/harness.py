"""What the engines train, how the values of each update are recorded, and how a run is repeated by two processes.

A module of this package trains in one engine: `train(case) -> Run`. The horizon it expects is counted by hand from
batches, epochs and accumulation, so that it also checks what an adapter says of the run.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.utils.data import Dataset

import paramsched as ps
from support.ports import free_port

SAMPLES, BATCH, EPOCHS = 72, 4, 3
PER_BATCH = "PARAMSCHED_PER_BATCH"
"""Set to 1 it replaces the hooks by one `scheduler.step()` per batch: the tests have to see that."""

PLAN = ps.Plan(
    ps.Binding("betas[0]", ps.linear(ps.absolute(0.85), ps.absolute(0.95), over="60%")),
    ps.Binding("lr", ps.constant(0.5) * (ps.warmup("20%") >> ps.cosine(to=0.01)), groups="bias"),
    lr=ps.warmup("10%") >> ps.cosine(to=0.1),
    weight_decay=ps.linear(1.0, 0.5),
)


@dataclass(frozen=True)
class Case:
    """A way to train. `overflow`: in each epoch one window has infinite gradients, which a GradScaler skips."""

    engine: str
    accumulation: int = 1
    overflow: bool = False
    variant: str = ""


@dataclass(frozen=True)
class Run:
    """Values of the updates made, in order, and what the plan says of all of the run."""

    used: list[list[float]]
    planned: list[list[float]]
    expected: int

    @property
    def made(self) -> int:
        return len(self.used)

    @property
    def exact(self) -> int:
        return sum(used == planned for used, planned in zip(self.used, self.planned, strict=False))


class Tiny(torch.nn.Module):
    """A linear layer that says when a batch begins."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and torch.is_grad_enabled():
            _Stepping.batch()
        return self.layer(x)


class Numbers(Dataset[Any]):
    """Points and their sums; with `overflow` the target `at` is infinite."""

    def __init__(self, overflow: bool = False, samples: int = SAMPLES, at: int = 7) -> None:
        self.x = torch.randn(samples, 2, generator=torch.Generator().manual_seed(1))
        self.y = self.x.sum(1, keepdim=True)
        if overflow:
            self.y[at] = float("inf")

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.x[index], self.y[index]


def optimizer_of(model: torch.nn.Module, **keywords: Any) -> torch.optim.Optimizer:
    """AdamW with two groups, one with a name and a lr of its own."""
    weights = [p for n, p in model.named_parameters() if n.endswith("weight")]
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    groups = [{"params": weights, "name": "weight"}, {"params": biases, "name": "bias", "lr": 0.02}]
    return torch.optim.AdamW(groups, lr=0.1, weight_decay=0.01, **keywords)


BASES = [
    {"name": "weight", "lr": 0.1, "weight_decay": 0.01, "betas": (0.9, 0.999)},
    {"name": "bias", "lr": 0.02, "weight_decay": 0.01, "betas": (0.9, 0.999)},
]


def planned(total: int, plan: ps.Plan = PLAN) -> list[list[float]]:
    """What the plan says of each update of a run, group by group."""
    shown = ps.trace(plan, BASES, ps.Calendar(total=total))
    columns = [shown[field, group] for group in ("weight", "bias") for field in ("lr", "weight_decay", "betas[0]")]
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def recorded(optimizer: torch.optim.Optimizer) -> list[list[float]]:
    """A list that gets the values of each update as the optimizer reads them. A fused step told to skip is none."""
    used: list[list[float]] = []

    def before_step(inner: Any, args: Any, keywords: Any) -> None:
        if float(getattr(inner, "found_inf", None) or 0) == 0:
            used.append([v for g in inner.param_groups for v in (float(g["lr"]), g["weight_decay"], g["betas"][0])])

    optimizer.register_step_pre_hook(before_step)
    return used


def updates(batches: int, case: Case, *, epochs: int = EPOCHS, whole: bool = True) -> int:
    """How many windows there are: an epoch ends with a short one, or its rest goes into the next epoch's first."""
    if whole:
        return epochs * -(-batches // case.accumulation)
    return epochs * batches // case.accumulation


def result(used: list[list[float]], case: Case, total: int, epochs: int = EPOCHS) -> Run:
    """The run of a case that has `total` windows of batches."""
    return Run(used, planned(total), total - epochs if case.overflow else total)


def batches_of_a_process() -> int:
    """The batches in an epoch, of one process."""
    return SAMPLES // BATCH // world_size()


_LAUNCHED = {name: os.environ[name] for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK") if name in os.environ}


def world_size() -> int:
    return int(_LAUNCHED.get("WORLD_SIZE", "1"))


def scaler() -> torch.amp.GradScaler:
    """One for the CPU that has no reason to skip but an infinite gradient."""
    return torch.amp.GradScaler("cpu", init_scale=16.0)


# ---------------------------------------------------------------- the wrong way, to see that it is seen


class _Stepping:
    """Schedulers stepped once per batch, while that is switched on."""

    on = False
    begun = False
    schedulers: ClassVar[list[ps.Scheduler]] = []

    @classmethod
    def batch(cls) -> None:
        """A batch begins, so the one before is over."""
        if cls.on and cls.begun:
            for scheduler in cls.schedulers:
                _step(scheduler)
        cls.begun = True


_step = ps.Scheduler.step


@contextmanager
def stepped_per_batch() -> Iterator[None]:
    """Give every Scheduler `drive="manual"` and call its `step()` after each batch; calls of the engine do nothing."""
    init = ps.Scheduler.__init__

    def manual(self: ps.Scheduler, *args: Any, **keywords: Any) -> None:
        init(self, *args, **(keywords | {"drive": "manual"}))
        _Stepping.schedulers.append(self)

    _Stepping.on, _Stepping.begun, _Stepping.schedulers = True, False, []
    ps.Scheduler.__init__ = manual  # type: ignore[method-assign]
    ps.Scheduler.step = lambda self, *args, **keywords: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        _Stepping.on = False
        ps.Scheduler.__init__, ps.Scheduler.step = init, _step  # type: ignore[method-assign]


# ---------------------------------------------------------------- running


def run(case: Case) -> Run:
    """Train once, in this process."""
    os.environ.update(_LAUNCHED)  # Lightning takes these away when it is done
    train = import_module(f"support.engine_runs.{case.engine}").train
    if os.environ.get(PER_BATCH) == "1":
        with stepped_per_batch():
            return train(case)
    return train(case)


def run_in_two(cases: list[Case]) -> list[list[Run]]:
    """Train each case in two processes (gloo); for each case the runs of both."""
    root = Path(__file__).parents[3]
    with tempfile.TemporaryDirectory() as folder:
        order = Path(folder, "cases.json")
        order.write_text(json.dumps([asdict(case) for case in cases]))
        shared = os.environ | {
            "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()),
            "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true",
            "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root / 'tests'}",
        }  # fmt: skip
        command = [sys.executable, "-m", "support.engine_runs", folder]
        started = [
            subprocess.Popen(
                command,
                env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for rank in range(2)
        ]
        try:
            said = [process.communicate(timeout=300)[0] for process in started]
        finally:
            for process in started:
                process.kill()
        assert [process.returncode for process in started] == [0, 0], "\n".join(text[-3000:] for text in said)
        ranks = [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(2)]
    return [[Run(**one) for one in both] for both in zip(*ranks, strict=True)]
