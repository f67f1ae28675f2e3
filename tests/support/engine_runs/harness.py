"""What the engines train, how the values of each update are recorded, and how a run is repeated by two processes.

A module of this package trains in one engine: `train(case) -> Run`. The horizon it expects is counted by hand from
batches, epochs and accumulation, so that it also checks what an adapter says of the run.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

import paramsched as ps
from paramsched.plan.resolve import counted_plan
from support.ports import free_port
from support.programs import Program

SAMPLES, BATCH, EPOCHS = 72, 4, 3
PER_BATCH = "PARAMSCHED_PER_BATCH"
"""Set to 1 it replaces the hooks by one `scheduler.step()` per batch: the tests have to see that."""

PLAN = ps.Plan(
    ps.Binding("betas[0]", ps.linear(ps.absolute(0.85), ps.absolute(0.95), over="60%")),
    ps.Binding("lr", ps.constant(0.5) * (ps.warmup("20%") >> ps.cosine(to=0.01)), groups="bias"),
    lr=ps.warmup("10%") >> ps.cosine(to=0.1),
    weight_decay=ps.linear(1.0, 0.5),
)

BY_TOKENS = ps.Plan(
    ps.Binding("betas[0]", ps.linear(ps.absolute(0.85), ps.absolute(0.95), over="200 tokens")),
    ps.Binding("lr", ps.warmup("60 tokens") >> ps.cosine(to=0.01, over="200 tokens"), groups="bias"),
    lr=ps.warmup("30 tokens") >> ps.cosine(to=0.1, over="280 tokens"),
    weight_decay=ps.linear(1.0, 0.5, over="300 tokens"),
    clock="tokens",
)
"""Its amounts are what the batches hold, which nobody knows before: `tokens_in`."""

RAMP = ps.Plan(
    ps.Binding("betas[0]", ps.linear(ps.absolute(0.85), ps.absolute(0.95), over="60%")),
    ps.Binding("lr", ps.warmup("20 samples") >> ps.cosine(to=0.01), groups="bias"),
    ps.Binding(ps.Target("batch_size", initial=1), ps.stairs(2, 8, rises=3, over="36 samples")),
    lr=ps.warmup("10%") >> ps.cosine(to=0.1),
    weight_decay=ps.linear(1.0, 0.5),
    clock="samples",
    horizon="68 samples",
)
"""Its batches grow from 2 to 8 samples, in a run of one epoch."""


@dataclass(frozen=True)
class Case:
    """A way to train. `overflow`: in each epoch one window has infinite gradients, which a GradScaler skips.

    `clock`: "updates", "tokens" (`BY_TOKENS`), or "ramp" (`RAMP`).
    """

    engine: str
    accumulation: int = 1
    overflow: bool = False
    variant: str = ""
    clock: str = "updates"


@dataclass(frozen=True)
class Run:
    """Values of the updates made, in order, and what the plan says of all of the run.

    `amounts`: what each update took, of this process, as its model saw it: tokens, or samples of a ramp.
    """

    used: list[list[float]]
    planned: list[list[float]]
    expected: int
    amounts: list[int]

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
            Seen.tokens += tokens_in(x)
            Seen.samples += len(x)
        return self.layer(x)


def plan_of(case: Case) -> ps.Plan:
    """The plan that a case trains with."""
    return {"updates": PLAN, "tokens": BY_TOKENS, "ramp": RAMP}[case.clock]


def tokens_of_batch(batch: Any) -> int:
    """What `amount_of` says of a batch, a pair or a dict."""
    return tokens_in(batch["x"] if isinstance(batch, Mapping) else batch[0])


class Growing(Sampler[list[int]]):
    """The batches of a ramp, as large as the plan says for the update that takes them.

    A loader that asked `scheduler.value("batch_size")` would be behind in engines that fetch a batch ahead.
    """

    batch_size, drop_last, sampler = None, False, None  # engines look at them

    def __init__(self) -> None:
        sizes = ps.trace(RAMP, BASES, ps.Calendar())["batch_size", ""].astype(int).tolist()
        ends = np.cumsum(sizes).tolist()
        self.batches = [list(range(end - size, end)) for end, size in zip(ends, sizes, strict=True)]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)


def loader_of(case: Case, data: Dataset[Any], **keywords: Any) -> DataLoader[Any]:
    """The batches of a case."""
    if case.clock == "ramp":
        return DataLoader(data, batch_sampler=Growing())
    return DataLoader(data, BATCH, **keywords)


def epochs_of(case: Case) -> int:
    return 1 if case.clock == "ramp" else EPOCHS


class Seen:
    """What the model has seen since the last update."""

    tokens = samples = 0


def tokens_in(x: torch.Tensor) -> int:
    """The tokens of a batch: a sample has one or two."""
    return len(x) + int((x[:, 0] > 0).sum())


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
    return rows_of(ps.trace(plan, BASES, ps.Calendar(total=total)))


def rows_of(shown: ps.Trace) -> list[list[float]]:
    """The values of each update of a trace, group by group."""
    columns = [shown[field, group] for group in ("weight", "bias") for field in ("lr", "weight_decay", "betas[0]")]
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


class Used(list[list[float]]):
    """The values of each update made; `amounts` has the tokens and the samples that each took, in this process."""

    def __init__(self) -> None:
        super().__init__()
        self.amounts: list[tuple[int, int]] = []


def recorded(optimizer: torch.optim.Optimizer) -> Used:
    """A list that gets the values of each update as the optimizer reads them. A fused step told to skip is none."""
    used = Used()
    Seen.tokens = Seen.samples = 0

    def skips(inner: Any) -> bool:
        return float(getattr(inner, "found_inf", None) or 0) != 0

    def before_step(inner: Any, args: Any, keywords: Any) -> None:
        if not skips(inner):
            used.append([v for g in inner.param_groups for v in (float(g["lr"]), g["weight_decay"], g["betas"][0])])

    def after_step(inner: Any, args: Any, keywords: Any) -> None:  # Lightning runs the model inside the step
        if not skips(inner):
            used.amounts.append((Seen.tokens, Seen.samples))
            Seen.tokens = Seen.samples = 0

    optimizer.register_step_pre_hook(before_step)
    optimizer.register_step_post_hook(after_step)
    return used


def updates(batches: int, case: Case, *, epochs: int = EPOCHS, whole: bool = True) -> int:
    """How many windows there are: an epoch ends with a short one, or its rest goes into the next epoch's first."""
    if whole:
        return epochs * -(-batches // case.accumulation)
    return epochs * batches // case.accumulation


def result(used: Used, case: Case, total: int, epochs: int = EPOCHS) -> Run:
    """The run of a case that has `total` windows of batches."""
    made = total - epochs if case.overflow else total
    if case.clock == "tokens":
        amounts = [tokens for tokens, _ in used.amounts]
        return Run(list(used), planned_by_tokens(amounts), made, amounts)
    if case.clock == "ramp":
        shown = ps.trace(RAMP, BASES, ps.Calendar())
        samples, sizes = [samples for _, samples in used.amounts], shown["batch_size", ""].tolist()
        pairs = zip(rows_of(shown), samples, sizes, strict=True)
        return Run(list(used), [row if seen == size else [] for row, seen, size in pairs], len(sizes), samples)
    return Run(list(used), planned(total), made, [])


def in_one(first: Used, second: Used) -> list[list[float]]:
    """What `BY_TOKENS` says of a run in two parts, by the tokens that its updates took."""
    return planned_by_tokens([tokens for tokens, _ in first.amounts + second.amounts])


def together(first: Run, second: Run) -> Run:
    """The run of two processes: what the plan says is by the tokens of both."""
    if not first.amounts:
        return first
    amounts = [sum(both) for both in zip(first.amounts, second.amounts, strict=True)]
    return replace(first, planned=planned_by_tokens(amounts), amounts=amounts)


def planned_by_tokens(amounts: list[int]) -> list[list[float]]:
    """What `BY_TOKENS` says of updates that took so many tokens, of all processes together."""
    before = np.cumsum([0, *amounts])[:-1]
    counted = counted_plan(BY_TOKENS.resolve(ps.Calendar()))
    columns = []
    for group, base in zip(("weight", "bias"), BASES, strict=True):
        for field in ("lr", "weight_decay", "betas[0]"):
            mine = [one for one in counted.bindings if one.name == field]
            binding = next((one for one in mine if one.groups == group), mine[0])
            value = base["betas"][0] if field == "betas[0]" else base[field]
            columns.append(binding.schedule(before, value).tolist())
    return [list(row) for row in zip(*columns, strict=True)]


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
        command = ["-m", "support.engine_runs", folder]
        started = [
            Program(command, env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, cwd=folder) for rank in range(2)
        ]
        try:
            said = ["".join(process.communicate(timeout=300)) for process in started]
        finally:
            for process in started:
                process.kill()
        assert [process.returncode for process in started] == [0, 0], "\n".join(text[-3000:] for text in said)
        ranks = [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(2)]
    return [[Run(**one) for one in both] for both in zip(*ranks, strict=True)]
